//! Records a command as an activity: whoever listens to its events hears them too.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Ending, Recorder, Trouble};
use crate::event::Event;
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
    Event::Warning {
        message,
        hint: Some(hint.to_owned()),
    }
}

/// A reporter whose events are recorded, whether or not its reader keeps up.
#[derive(Debug)]
pub struct Recorded<R> {
    inner: R,
    recording: Recording,
}

impl<R: Reporter> Recorded<R> {
    /// With what records them.
    pub fn new(inner: R, recording: Recording) -> Self {
        Recorded { inner, recording }
    }
}

impl<R: Reporter> Reporter for Recorded<R> {
    fn report(&mut self, event: Event) -> io::Result<()> {
        if let Some(warning) = self.recording.with(|recorder| recorder.record(&event)) {
            self.inner.report(warning)?;
        }
        self.inner.report(event)
    }

    fn unheard(&mut self, event: &Event) {
        // Nobody is left to warn.
        let _ = self.recording.with(|recorder| recorder.record(event));
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

    /// Ends the activity. What is returned is to be said: that it cannot be recorded.
    pub fn end(&self, ending: &Ending) -> Option<Event> {
        self.with(|recorder| recorder.end(ending))
    }
}
