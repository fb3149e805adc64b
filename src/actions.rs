//! The use cases, for any front end: run an operation, a cron, a source operation or the tests, bring an environment
//! up or take it down, open a shell, and what is done with mounts.
//!
//! Each takes a plain request, takes the environment's lock, brings up what it reaches, acts, lets go of the lock and
//! records itself as an activity, once. It tells events, prints nothing, and returns what came of it. Several can run
//! in one process at the same time, each with a [`Shutdown`] of its own that stops it alone.

pub mod advice;
mod clean;
pub mod cron;
pub mod database;
mod down;
mod mounts;
pub mod operation;
mod prepared;
mod shell;
pub mod source_operation;
mod suggested;
pub mod suite;
pub mod up;

pub use self::clean::{CleanTarget, clean};
pub use self::mounts::{Mounts, check_name, same_mounts};
pub use self::prepared::Prepared;

use std::pin::Pin;
use std::sync::Arc;

use crate::activity::{Draft, Ending, Place, Recorder, Recording, Store};
use crate::engine::Engine;
use crate::event::Events;
use crate::failure::Failure;
use crate::lifecycle::{self, Report, Sandbox};
use crate::reporter::style::Style;
use crate::shutdown::{Shutdown, Urgency};
use crate::stop_request::{self, Heeding};
use crate::workspace::Workspace;

/// How long a listener that is stuck may hold up the end of an activity that is being stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// What an activity is done with: on which repository and engine, who hears of it, and what stops it.
#[derive(Debug)]
pub struct Actions<E> {
    /// The repository.
    pub workspace: Arc<Workspace>,
    /// The engine.
    pub engine: Arc<E>,
    /// Where events go.
    pub events: Events,
    /// What records them. It hears them as a part of the listener: see [`crate::activity::Recorded`].
    pub recording: Recording,
    /// What stops this activity, and no other.
    pub shutdown: Shutdown,
    /// Whether to say only what went wrong.
    pub is_quiet: bool,
}

impl<E: Engine> Actions<E> {
    /// The environment on the engine.
    pub fn sandbox(&self) -> Sandbox<'_, E> {
        self.workspace
            .sandbox(self.engine.as_ref(), &self.events, &self.shutdown)
    }

    /// Records what happens from now on as an activity, which can be cancelled for as long as the result lives.
    #[must_use]
    fn record(&self, draft: Draft) -> Heeding {
        let workspace = &self.workspace;
        let place = Place {
            project: workspace.project.id.clone(),
            environment: workspace.environment.name.clone(),
            environment_type: workspace.environment.kind.clone(),
        };
        let store = Store::of(&workspace.project.state_dir);
        let mut recorder = Recorder::new(store, place, workspace.secrets_in_containers());
        recorder.expect(draft);
        self.recording.begin(recorder);
        let (recording, shutdown) = (self.recording.clone(), self.shutdown.clone());
        stop_request::heed(move || recording.request_file(), move || shutdown.request())
    }

    /// Does something until it is done or the user leaves, and makes a failure of what goes wrong with it.
    fn carry_out<'a, T: Send + 'a>(
        &'a self,
        act: impl Future<Output = lifecycle::Result<T>> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let result = self.shutdown.unless_left(act).await;
            result
                .unwrap_or(Err(lifecycle::Error::Interrupted))
                .map_err(|err| Failure::of(err, &self.shutdown))
        })
    }

    /// Ends the record of the activity with what it ends with, once all of it was heard.
    async fn finish<T>(
        &self,
        result: Result<T, Failure>,
        code: impl FnOnce(&T) -> u8,
    ) -> Result<T, Failure> {
        let impatient = async {
            self.shutdown.reached(Urgency::Cancel).await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            biased;
            () = self.events.settled() => {}
            () = impatient => {}
        }
        let exit_code = match &result {
            Ok(done) => code(done),
            Err(failure) => failure.code,
        };
        let secrets = self.workspace.secrets();
        let message = result.as_ref().err();
        let message = message.map(|failure| failure.text(Style::default(), Some(&secrets)));
        let ending = Ending {
            exit_code,
            is_cancelled: exit_code != 0 && self.shutdown.exit_code().is_some(),
            message: message.filter(|text| !text.is_empty()),
        };
        if let Some(warning) = self.recording.end(&ending) {
            self.events.send(warning).await;
        }
        result
    }

    /// Warns of mounts that are not as they were, before something goes on with them.
    async fn warn_not_undone(&self) {
        if self.is_quiet {
            return;
        }
        // The others are put back as soon as their containers are up.
        for left in self.workspace.not_undone() {
            if !left.is_pending {
                self.events.warn(left.message(), Some(left.hint())).await;
            }
        }
    }
}

/// The exit code of something that ran: its own, 124 where its time was over, and 128 and the signal where it was
/// cancelled by one.
pub fn exit_code(report: &Report, shutdown: &Shutdown) -> u8 {
    use crate::event::Outcome;
    match report.outcome {
        Outcome::Timeout => 124,
        Outcome::Cancelled => shutdown.exit_code().unwrap_or(130),
        Outcome::Success => 0,
        // Codes outside a byte do not exist on Linux; a failure must never look like a success.
        Outcome::Failure => u8::try_from(report.exit_code).unwrap_or(255),
    }
}
