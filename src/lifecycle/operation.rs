//! Runs an operation in the container of its app and reports the result.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Command, End, KILLED};
use super::output::Tail;
use super::{Deployed, Ended, Mark, Planned, Result, Sandbox, Source};
use crate::config::app::Operation;
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event::{self, Advice, Event, Outcome, Text};
use crate::output::Output;
use crate::plan::ContainerPlan;

/// Upsun documents ten seconds for crons. **Assumption**: operations have the same grace period.
/// Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#crons>
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// An operation and how to run it.
#[derive(Debug, Clone)]
pub struct OperationRun<'a> {
    pub operation: &'a Operation,
    /// The role under which the operation runs.
    pub role: &'a str,
    pub user: Option<&'a str>,
    /// The container in which the operation runs.
    pub container: &'a ContainerPlan,
    /// Variables for this run only.
    pub variables: &'a BTreeMap<String, String>,
    /// The time limit: the limit of the caller, or else of the operation.
    pub timeout: Option<Duration>,
    /// Whether processes that the operation leaves in the background are ended after it.
    pub ends_the_rest: bool,
    /// The address at which the app should listen, if it has a process for that.
    pub listens_at: Option<&'a str>,
}

/// The result of a script that a user or the schedule started.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) exit_code: i64,
    pub(super) duration: Duration,
    pub(super) advice: Advice,
    /// The end of the output, if the script failed.
    pub(super) output: String,
}

impl Done {
    fn report(&self, hooks_failed: bool) -> Report {
        Report {
            outcome: self.outcome,
            exit_code: self.exit_code,
            hooks_failed,
        }
    }
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How the operation ended.
    pub outcome: Outcome,
    /// The exit code; 0 if the operation was cancelled before it had one.
    pub exit_code: i64,
    /// Whether a hook of the deploy before the operation failed.
    pub hooks_failed: bool,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Brings the container up if necessary, and runs the operation in it.
    pub(crate) async fn run_operation(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
    ) -> Result<Report> {
        let deployed = self
            .ensure_ready(planned, run.container, containers, run.listens_at)
            .await?;
        let hooks_failed = !deployed.failed_hooks.is_empty();
        let done = self.run_operation_in(&deployed.id, planned, run).await?;
        let is_bad = done.outcome == Outcome::Failure && !deployed.fresh && !planned.is_synced;
        // If the build has lost files, the operation may have failed without its code: build again, and run it once
        // more.
        if is_bad
            && self
                .is_damaged(planned, &deployed.id, run.container)
                .await?
        {
            self.warn_emptied(&planned.plan.app).await;
            let again = Planned {
                rebuild: true,
                ..planned.clone()
            };
            let containers = self.containers().await?;
            let deployed = self
                .ensure_ready(&again, run.container, &containers, run.listens_at)
                .await?;
            let hooks_failed = !deployed.failed_hooks.is_empty();
            let done = self.run_operation_in(&deployed.id, &again, run).await?;
            return Ok(done.report(hooks_failed));
        }
        if let (Outcome::Failure, Some(silence)) = (done.outcome, &deployed.silence) {
            let hint = "an operation that sends requests to the app needs it to listen; `upsun-local logs` shows what it says";
            self.events
                .warn(silence.clone(), Some(hint.to_owned()))
                .await;
        }
        Ok(done.report(hooks_failed))
    }

    /// Runs an operation in a container that is up.
    pub(super) async fn run_operation_in(
        &self,
        container: &str,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
    ) -> Result<Done> {
        let app = &planned.plan.app;
        let title = run.container.title(app);
        let operation = run.operation;
        self.emit(event::Run::Started {
            app: app.clone(),
            worker: run.container.worker.clone(),
            operation: operation.name.clone(),
            role: run.role.to_owned(),
            user: run.user.map(str::to_owned),
            command: operation.start.clone(),
        })
        .await;
        let command = Command {
            container,
            title: &title,
            what: &operation.name,
            script: &operation.start,
            mark: Mark::of_run(),
            variables: run.variables,
            stop: operation.stop.as_deref(),
            timeout: run.timeout,
            grace: GRACE,
        };
        let event = |output| {
            Event::Run(event::Run::Output {
                output: Text(output),
            })
        };
        let mut done = self
            .carry_out(
                &command,
                &run.container.mounts,
                Some(planned.source()),
                event,
            )
            .await?;
        if run.ends_the_rest && matches!(done.outcome, Outcome::Success | Outcome::Failure) {
            self.end(&command, Duration::ZERO).await?;
        }
        self.emit(event::Run::Finished {
            app: app.clone(),
            worker: run.container.worker.clone(),
            operation: operation.name.clone(),
            role: run.role.to_owned(),
            exit_code: done.exit_code,
            result: done.outcome,
            duration: done.duration,
            synced: planned.is_synced,
            read_only: done.advice.read_only.take(),
            not_started: done.advice.not_started.take(),
            known: done.advice.known.take(),
        })
        .await;
        Ok(done)
    }

    /// Brings a container up if necessary. A new container gets a little time until its process is up.
    pub(crate) async fn ensure_ready(
        &self,
        planned: &Planned<'_>,
        container: &ContainerPlan,
        containers: &[Container],
        listens_at: Option<&str>,
    ) -> Result<Deployed> {
        if planned.is_synced {
            return self.deployed_as_edited(planned, containers);
        }
        let mut deployed = self
            .ensure_container(planned, container, containers)
            .await?;
        if deployed.fresh && listens_at.is_some() {
            let title = container.title(&planned.plan.app);
            deployed.silence = self.wait_until_up(&deployed.id, &title, listens_at).await?;
        }
        self.checkpoint()?;
        Ok(deployed)
    }

    /// Runs a script until it ends in any way. `mounts` are the mounts of its container, `source` are the files of
    /// its app that Git would deploy.
    pub(super) async fn carry_out(
        &self,
        command: &Command<'_>,
        mounts: &[String],
        source: Option<Source<'_>>,
        event: impl Fn(Output) -> Event,
    ) -> Result<Done> {
        let began = Instant::now();
        let mut tail = Tail::default();
        let end = self
            .execute(command, event, |piece| tail.push(piece.bytes()))
            .await?;
        let (outcome, exit_code) = match end {
            End::Exited(0) => (Outcome::Success, 0),
            End::Exited(code) => (Outcome::Failure, code),
            End::TimedOut => (Outcome::Timeout, 124),
            End::Cancelled | End::Left => (Outcome::Cancelled, 130),
        };
        let duration = began.elapsed();
        let is_failure = outcome == Outcome::Failure;
        if is_failure && exit_code != KILLED && tail.speaks_of_a_kill() {
            self.explain_kill(command.container, command.title).await;
        }
        let text = tail.text();
        let advice = if matches!(outcome, Outcome::Success | Outcome::Failure) {
            let ended = Ended {
                container: command.container,
                mounts,
                source,
                script: command.script,
                exit_code,
                output: &text,
            };
            self.advise(&ended).await
        } else {
            Advice::default()
        };
        Ok(Done {
            outcome,
            exit_code,
            duration,
            advice,
            output: if is_failure { text } else { String::new() },
        })
    }
}
