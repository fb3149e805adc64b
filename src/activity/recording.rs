//! Records a command as an activity, from the events that its listener hears too.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Ending, Recorder, Trouble};
use crate::event::{Envelope, Event, Numbering};
use crate::reporter::Reporter;

/// What records a command, once it is known what that is.
#[derive(Debug, Clone, Default)]
pub struct Recording(Arc<OnceLock<Mutex<Recorder>>>);

impl Recording {
    /// Lets it take note of something. What is returned is to be said: that it cannot, once.
    pub fn with(&self, note: impl FnOnce(&mut Recorder) -> Option<Trouble>) -> Option<Event> {
        // It is not left half done by anything that may panic.
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

/// A reporter whose events are recorded, whether or not its reader keeps up. The events tell it of which activity they
/// are.
#[derive(Debug)]
pub struct Recorded<R> {
    inner: R,
    recording: Recording,
    numbering: Numbering,
}

impl<R: Reporter> Recorded<R> {
    /// With what records them.
    pub fn new(inner: R, recording: Recording) -> Self {
        Recorded {
            inner,
            recording,
            numbering: Numbering::default(),
        }
    }

    /// Records an event. Returns what is to be said: that it cannot be recorded, where that is so, and the event.
    fn record(&mut self, mut envelope: Envelope) -> impl Iterator<Item = Envelope> + use<R> {
        let before = self.recording.activity();
        let warning = self
            .recording
            .with(|recorder| recorder.record(&envelope.event));
        // With its last event an activity ends, and that is still one of its own.
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
    /// Records what happens from now on. It does one thing: a second recorder is not taken.
    pub fn begin(&self, recorder: Recorder) {
        let _ = self.0.set(Mutex::new(recorder));
    }

    /// Through which file the activity is asked to stop that is in progress, if one is.
    pub fn request_file(&self) -> Option<PathBuf> {
        let recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.request_file()
    }

    /// The id of the activity that is recorded just now.
    pub fn activity(&self) -> Option<String> {
        let recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.activity().map(str::to_owned)
    }

    /// Ends the activity. What is returned is to be said: that it cannot be recorded.
    pub fn end(&self, ending: &Ending) -> Option<Event> {
        self.with(|recorder| recorder.end(ending))
    }
}
