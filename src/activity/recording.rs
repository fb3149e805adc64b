//! Records a command as an activity, from the same events that the command's listener gets.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Ending, Recorder, Trouble};
use crate::event::{Envelope, Event, Numbering};
use crate::reporter::Reporter;
use tokio::sync::watch;

/// The recorder of a command, once the command knows which activity it is.
#[derive(Debug, Clone, Default)]
pub struct Recording(Arc<OnceLock<Mutex<Recorder>>>, watch::Sender<bool>);

impl Recording {
    /// Calls `note` with the recorder, if there is one. Returns the warning to print if the activity cannot be
    /// recorded; there is at most one.
    pub fn with(&self, note: impl FnOnce(&mut Recorder) -> Option<Trouble>) -> Option<Event> {
        // No code that changes the recorder can panic halfway, so a poisoned lock does no harm.
        let mut recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut recorder).map(|trouble| warning(&trouble))
    }
}

fn warning(trouble: &Trouble) -> Event {
    let (message, hint) = if trouble.is_of_log {
        (
            format!("the log of this activity ends here: {trouble}"),
            "the activity continues, and so does the rest of its record",
        )
    } else {
        (
            format!("this activity cannot be recorded: {trouble}"),
            "the activity continues; `XDG_STATE_HOME` can name another directory",
        )
    };
    Event::warning(message, Some(hint.to_owned()))
}

/// A reporter whose events are recorded first, even if the inner reporter is slow. It puts the activity's id into
/// each envelope.
#[derive(Debug)]
pub struct Recorded<R> {
    inner: R,
    recording: Recording,
    numbering: Numbering,
}

impl<R: Reporter> Recorded<R> {
    /// A reporter with the recording that its events go to.
    pub fn new(inner: R, recording: Recording) -> Self {
        Recorded {
            inner,
            recording,
            numbering: Numbering::default(),
        }
    }

    /// Records an event. Returns the warning to print, if the activity cannot be recorded, and the event.
    fn record(&mut self, mut envelope: Envelope) -> impl Iterator<Item = Envelope> + use<R> {
        let before = self.recording.activity();
        let warning = self
            .recording
            .with(|recorder| recorder.record(&envelope.event));
        // The last event ends the activity, but still belongs to it.
        envelope.activity = self.recording.activity().or(before);
        let warning = warning.map(|warning| envelope.around(warning));
        let number = |envelope| self.numbering.next(envelope);
        let (warning, envelope) = (warning.map(number), self.numbering.next(envelope));
        warning.into_iter().chain([envelope])
    }
}

impl<R: Reporter> Reporter for Recorded<R> {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        for envelope in self.record(envelope) {
            self.inner.report(envelope)?;
        }
        Ok(())
    }

    fn unheard(&mut self, envelope: Envelope) {
        for envelope in self.record(envelope) {
            self.inner.unheard(envelope);
        }
    }

    fn finish(&mut self) {
        self.inner.finish();
    }
}

impl Recording {
    /// Records the events from now on as the next activity, also if there was one before.
    pub fn begin(&self, recorder: Recorder) {
        if let Err(recorder) = self.0.set(Mutex::new(recorder)) {
            let next = recorder
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            self.with(|known| {
                known.follow(next);
                None
            });
        }
        self.1.send_replace(true);
    }

    /// Waits until the use case knows which activity it is, and makes the record without waiting for the first event.
    /// Returns the id, or the warning that the activity cannot be recorded.
    pub async fn begun(&self) -> Result<String, Option<Event>> {
        let mut begun = self.1.subscribe();
        // The sender lives in `self`.
        let _ = begun.wait_for(|begun| *begun).await;
        let warning = self.with(Recorder::begin_next);
        self.activity().ok_or(warning)
    }

    /// The file through which another process asks the current activity to stop, if there is an activity.
    pub(crate) fn request_file(&self) -> Option<PathBuf> {
        let recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.request_file()
    }

    /// The id of the activity that is recorded now.
    pub fn activity(&self) -> Option<String> {
        let recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.activity().map(str::to_owned)
    }

    /// Ends the activity. Returns the warning to print if the activity cannot be recorded.
    pub fn end(&self, ending: &Ending) -> Option<Event> {
        self.with(|recorder| recorder.end(ending))
    }
}
