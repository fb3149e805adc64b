//! Records a command as an activity: whoever listens to its events hears them too.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::context::{Context, Listening, plain_style};
use super::failure::Failure;
use super::workspace::Workspace;
use crate::activity::{Draft, Ending, Place, Recorder, Store, Trouble};
use crate::event::Event;
use crate::reporter::Reporter;
use crate::shutdown::Shutdown;

/// What records a command, once it is known what that is.
#[derive(Debug, Clone, Default)]
pub(super) struct Recording(Arc<OnceLock<Mutex<Recorder>>>);

impl Recording {
    /// Lets it take note of something. What is returned is to be said: that it cannot, once.
    pub(super) fn with(
        &self,
        note: impl FnOnce(&mut Recorder) -> Option<Trouble>,
    ) -> Option<Event> {
        // It is not left half done by anything that may panic.
        let mut recorder = self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut recorder).map(|trouble| warning(&trouble))
    }
}

fn warning(trouble: &Trouble) -> Event {
    let (message, hint) = if trouble.is_of_log {
        (
            format!("the log of this activity ends here: {trouble}"),
            "it goes on all the same, and so does the rest of its record",
        )
    } else {
        (
            format!("this activity cannot be recorded: {trouble}"),
            "it goes on all the same; `XDG_STATE_HOME` can name another directory",
        )
    };
    Event::Warning {
        message,
        hint: Some(hint.to_owned()),
    }
}

/// A reporter whose events are recorded, whether or not its reader keeps up.
#[derive(Debug)]
pub(super) struct Recorded<R> {
    inner: R,
    recording: Recording,
}

impl<R: Reporter> Recorded<R> {
    /// With what records them.
    pub(super) fn new(inner: R, recording: Recording) -> Self {
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
    /// Ends the activity with what the command ends with.
    pub(super) fn end(&self, context: &Context, result: Result<u8, &Failure>, shutdown: &Shutdown) {
        let exit_code = match result {
            Ok(code) => code,
            Err(failure) => failure.code,
        };
        let message = result.err();
        let message = message.map(|failure| failure.text(context, plain_style()));
        let ending = Ending {
            exit_code,
            is_cancelled: exit_code != 0 && shutdown.exit_code().is_some(),
            message: message.filter(|text| !text.is_empty()),
        };
        if let Some(Event::Warning { message, .. }) = self.with(|it| it.end(&ending)) {
            let title = context.style.warning("warning");
            context.talk(&format!("{title}: {message}\n"));
        }
    }
}

impl Listening {
    /// Records what happens from now on as an activity.
    pub(super) fn record(&self, workspace: &Workspace, draft: Draft) {
        let place = Place {
            project: workspace.project.id.clone(),
            environment: workspace.environment.name.clone(),
            environment_type: workspace.environment.kind.clone(),
        };
        let store = Store::of(&workspace.project.state_dir);
        let mut recorder = Recorder::new(store, place, workspace.secrets_in_containers());
        recorder.expect(draft);
        // It is empty: a command does one thing.
        let _ = self.recording.0.set(Mutex::new(recorder));
    }

    /// Lets the listener say the rest, and ends the activity with what the command ends with.
    pub(super) fn end(self, context: &Context, result: Result<u8, Failure>) -> Result<u8, Failure> {
        let (recording, shutdown) = (self.recording.clone(), self.shutdown.clone());
        self.finish();
        recording.end(context, result.as_ref().copied(), &shutdown);
        result
    }
}
