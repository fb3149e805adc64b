//! The use cases, for any front end: run an operation, a cron, a source operation or the tests, bring an environment
//! up or take it down, open a shell, and work on mounts.
//!
//! Each use case takes a plain request and the environment's lock, brings up the containers that it needs, acts,
//! releases the lock and records itself once, as an activity. It sends events, prints nothing and returns a result.
//! Several use cases can run in one process at the same time, each with a [`Shutdown`] of its own that stops it
//! alone.

mod abandoned;
pub mod access;
pub mod advice;
mod clean;
pub mod cron;
pub mod database;
pub mod dev;
mod down;
mod mounts;
pub mod operation;
mod prepared;
mod shell;
pub mod source_operation;
pub mod status;
mod suggested;
pub mod suite;
mod synced;
pub mod tunnel;
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

/// How long a listener that is stuck may delay the end of an activity that is being stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// What every use case needs: the repository, the engine, the listener to events, and the way to stop it.
#[derive(Debug)]
pub struct Actions<E> {
    pub workspace: Arc<Workspace>,
    pub engine: Arc<E>,
    /// Where to send events.
    pub events: Events,
    /// The recording of the activity. It gets the events as a part of the listener: see
    /// [`crate::activity::Recorded`].
    pub recording: Recording,
    /// Stops this activity, and no other.
    pub shutdown: Shutdown,
    /// Whether to report only what went wrong.
    pub is_quiet: bool,
}

impl<E: Engine> Actions<E> {
    pub fn sandbox(&self) -> Sandbox<'_, E> {
        self.workspace
            .sandbox(self.engine.as_ref(), &self.events, &self.shutdown)
    }

    /// Records what happens from now on as an activity. The user can cancel the activity for as long as the result
    /// lives.
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

    /// [`until_left`] of this activity, on the heap: the futures of use cases are large.
    fn carry_out<'a, T: Send + 'a>(
        &'a self,
        act: impl Future<Output = lifecycle::Result<T>> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>> {
        Box::pin(until_left(&self.shutdown, act))
    }

    /// Ends the record of the activity with its result, once the listener has handled all of its events.
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

    /// Warns of mounts that an earlier command could not put back, before this activity uses them.
    async fn warn_not_undone(&self) {
        if self.is_quiet {
            return;
        }
        // The mounts of the other containers are put back as soon as those containers are up.
        for left in self.workspace.not_undone() {
            if !left.is_pending {
                self.events.warn(left.message(), Some(left.hint())).await;
            }
        }
    }
}

/// Runs `act` until it is done or the user leaves without waiting, and turns its error into a failure.
async fn until_left<T>(
    shutdown: &Shutdown,
    act: impl Future<Output = lifecycle::Result<T>>,
) -> Result<T, Failure> {
    let result = shutdown.unless_left(act).await;
    result
        .unwrap_or(Err(lifecycle::Error::Interrupted))
        .map_err(|err| Failure::of(err, shutdown))
}

/// The exit code for a script that ran: its own code, 124 if it exceeded the time limit, or 128 plus the signal's
/// number if a signal cancelled it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;

    /// Everything that use cases are called with.
    struct Arguments<'a> {
        operation: &'a operation::Operation,
        cron: &'a cron::PlannedCron,
        source_operation: &'a source_operation::PlannedSourceOperation,
        up: &'a up::Up,
        dev: &'a dev::Request,
        reopen: dev::Reopen<'a>,
        tunnels: &'a tunnel::Request,
        tests: &'a suite::PlannedTests,
        cases: &'a [suite::Case<'a>],
        request: &'a suite::Request,
        audience: &'a dyn suite::Audience,
        app: &'a crate::config::app::App,
        mounts: Mounts<'a>,
        paths: &'a [String],
        directory: &'a std::path::Path,
        targets: &'a [CleanTarget],
    }

    fn send(_: &impl Send) {}

    fn every_future_is_send<E: Engine>(actions: &Actions<E>, with: &Arguments<'_>) {
        let Arguments { mounts, paths, .. } = *with;
        send(&actions.run(with.operation));
        send(&actions.run_cron(with.cron));
        send(&actions.run_source_operation(with.source_operation));
        send(&actions.up(with.up, || {}));
        send(&actions.dev(with.dev, with.reopen));
        send(&actions.tunnel(with.tunnels, |_| {}));
        send(&actions.down(lifecycle::Down::KeepVolumes, false));
        send(&actions.test(with.tests, with.cases, with.request, with.audience, &[]));
        send(&actions.ensure_up(with.app, None));
        send(&actions.mount_sizes(mounts, paths));
        send(&actions.upload_to_mount(mounts, "", with.directory));
        send(&actions.download_from_mount(mounts, "", with.directory));
        send(&actions.empty_mounts(mounts, paths));
        send(&actions.take_snapshot(mounts, ""));
        send(&actions.restore_snapshot(mounts, ""));
        send(&actions.differences(mounts, ""));
        let (engine, events) = (actions.engine.as_ref(), &actions.events);
        send(&clean(
            engine,
            events,
            &actions.shutdown,
            with.targets,
            false,
        ));
    }

    /// The compiler is what checks this: a use case whose future cannot go from thread to thread is refused.
    #[test]
    fn every_use_case_can_go_from_thread_to_thread() {
        let _ = every_future_is_send::<FakeEngine>;
    }
}
