//! Run an operation.

use std::sync::Arc;
use std::time::Duration;

use super::prepared::Prepared;
use super::suggested::{self, Written};
use super::{Actions, exit_code};
use crate::activity::Draft;
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event::NewMount;
use crate::failure::Failure;
use crate::lifecycle::{Before, OperationRun, Pull, Report, Tried, Trying};
use crate::mount_snapshot::{self, BEFORE_RUN};
use crate::mount_suggestion::Known;
use crate::plan::ContainerPlan;
use crate::roles::Actor;
use crate::shutdown::Urgency;
use crate::user_variables::UserVariables;
use crate::workspace::{Found, Running, Target, Workspace, find};

/// An operation that is to be run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The app or worker that defines the operation; it may be left open if only one fits.
    pub target: Target,
    /// The operation's name.
    pub operation: String,
    /// The role and the user who run the operation.
    pub actor: Actor,
    /// The time limit; `None` for the operation's own.
    pub timeout: Option<Duration>,
    /// Variables for this run only.
    pub variables: UserVariables,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Whether to build again although there is a build.
    pub rebuild: bool,
    /// What to do with the mounts.
    pub mounts: Mounts,
    /// Whether to run in the app as it is edited, which `dev` keeps up.
    pub synced: bool,
}

impl Request {
    /// A run as usual: with the operation's own time limit, no variables, and mounts that keep what it writes.
    pub fn new(target: Target, operation: &str, actor: Actor) -> Self {
        Request {
            target,
            operation: operation.to_owned(),
            actor,
            timeout: None,
            variables: UserVariables::new(),
            pull: Pull::Missing,
            rebuild: false,
            mounts: Mounts::Keep,
            synced: false,
        }
    }
}

/// What to do with the mounts when an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    /// Keep what the operation writes.
    Keep,
    /// Keep what the operation writes, list what it is, and keep a snapshot from before, with which it can be undone.
    Snapshot,
    /// Put the mounts back to what they were before the run.
    Undo,
    /// Run the operation in a copy in which it can write everywhere, to find the mounts that it needs.
    Suggest {
        /// Whether to add those mounts to the configuration.
        write: bool,
    },
}

/// An operation that may run, planned. The engine has not been called yet.
#[derive(Debug)]
pub struct Operation {
    workspace: Arc<Workspace>,
    request: Request,
    prepared: Prepared,
}

/// The result of a run.
#[derive(Debug)]
pub struct Ran {
    /// How the operation ended.
    pub report: Report,
    /// Why the configuration was left unchanged, if mounts were to be added to it.
    pub kept: Option<String>,
    /// The exit code of the command.
    pub exit_code: u8,
}

impl Operation {
    pub fn prepare(workspace: &Arc<Workspace>, mut request: Request) -> Result<Self, Failure> {
        let found = find(workspace, &request.target, &request.operation)?;
        found.permit(&request.actor)?;
        let tree = workspace.scan()?;
        let (app, worker, anew) = (found.app, found.worker, request.rebuild);
        let mut prepared = Prepared::built(workspace, app, worker, &tree, anew)?;
        if request.synced {
            prepared = prepared.synced();
        }
        // From now on the operation is known exactly.
        request.target = found.target();
        request.timeout = request.timeout.or(found.operation.timeout);
        Ok(Operation {
            workspace: Arc::clone(workspace),
            request,
            prepared,
        })
    }

    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// The time limit of the run.
    pub fn timeout(&self) -> Option<Duration> {
        self.request.timeout
    }

    /// Where the operation is defined.
    pub fn found(&self) -> Result<Found<'_>, Failure> {
        Ok(find(
            &self.workspace,
            &self.request.target,
            &self.request.operation,
        )?)
    }
}

impl<E: Engine> Actions<E> {
    pub async fn run(&self, operation: &Operation) -> Result<Ran, Failure> {
        let Operation {
            workspace, request, ..
        } = operation;
        let found = operation.found()?;
        let _heeding = self.record(Draft::Operation {
            app: found.app.name.clone(),
            worker: found.worker.map(str::to_owned),
            operation: found.operation.name.clone(),
            role: request.actor.role.name().to_owned(),
            user: request.actor.name.clone(),
            synced: request.synced,
        });
        let result = self.carry_out(self.run_locked(operation, &found)).await;
        let result = match result {
            Ok((report, Some(tried))) if request.mounts == (Mounts::Suggest { write: true }) => {
                self.write_mounts(workspace, &found, report, &tried).await
            }
            Ok((report, _)) => Ok((report, None)),
            Err(failure) => Err(failure),
        };
        let result = result.map(|(report, kept)| Ran {
            exit_code: exit_code(&report, &self.shutdown),
            report,
            kept,
        });
        self.finish(result, |ran| ran.exit_code).await
    }

    async fn run_locked(
        &self,
        operation: &Operation,
        found: &Found<'_>,
    ) -> crate::lifecycle::Result<(Report, Option<Tried>)> {
        let Operation {
            workspace,
            request,
            prepared,
        } = operation;
        let sandbox = self.sandbox();
        if request.synced {
            self.wait_until_synced(prepared).await?;
        }
        let what = format!("run {}", found.operation.name);
        let lock = sandbox.lock(&what).await?;
        if request.mounts != Mounts::Undo {
            self.warn_not_undone().await;
        }
        let running = Running::Operation(found.operation);
        let before = sandbox.containers().await?;
        let leaves_copies = matches!(request.mounts, Mounts::Suggest { .. });
        let is_up = request.synced || prepared.container().is_current(&before);
        let deploys = !is_up || leaves_copies;
        let containers = if request.synced {
            before.clone()
        } else {
            self.reach(&sandbox, prepared, before.clone(), request.pull, running)
                .await?
        };
        let container = prepared.container();
        let variables = workspace.run_variables(
            found.app,
            found.worker,
            &prepared.tree,
            &request.variables,
            container,
        );
        let run = OperationRun {
            operation: found.operation,
            role: request.actor.role.name(),
            user: request.actor.name.as_deref(),
            container,
            variables: &variables,
            timeout: request.timeout,
            ends_the_rest: false,
            listens_at: prepared.listens_at(),
        };
        let (report, tried) = self
            .run_on_mounts(operation, found, &run, &containers)
            .await?;
        sandbox.tidy(&before, deploys).await;
        // After "leave now" the lock stays marked: the next command then ends what still runs.
        if self.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok((report, tried))
    }

    /// Runs the operation, and does with its mounts what the request says.
    async fn run_on_mounts(
        &self,
        operation: &Operation,
        found: &Found<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
    ) -> crate::lifecycle::Result<(Report, Option<Tried>)> {
        let Operation {
            workspace,
            request,
            prepared,
        } = operation;
        let sandbox = self.sandbox();
        let planned = prepared.planned(request.pull);
        let title = run.container.title(&prepared.plan.app);
        let snapshot = |name| Before {
            store: workspace.snapshots(&title),
            name,
            flags: workspace.mount_flags(&prepared.plan.app, found.worker),
        };
        let report = match request.mounts {
            Mounts::Keep => sandbox.run_operation(&planned, run, containers).await?,
            Mounts::Undo => {
                let undo = snapshot(BEFORE_RUN);
                sandbox
                    .run_and_undo(&planned, run, containers, &undo)
                    .await?
            }
            Mounts::Snapshot => match self.recording.begun().await {
                Ok(activity) => {
                    let name = mount_snapshot::of_run(&activity);
                    let kept = snapshot(&name);
                    sandbox
                        .run_and_compare(&planned, run, containers, &kept)
                        .await?
                }
                // The snapshot has the name of the record. Why the operation is not recorded has been told.
                Err(_) => sandbox.run_operation(&planned, run, containers).await?,
            },
            Mounts::Suggest { write } => {
                let trial = self
                    .try_writable(operation, found, run, containers, write)
                    .await?;
                return Ok((trial.report.clone(), Some(trial)));
            }
        };
        Ok((report, None))
    }

    async fn try_writable(
        &self,
        operation: &Operation,
        found: &Found<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
        must_pass: bool,
    ) -> crate::lifecycle::Result<Tried> {
        let Operation {
            workspace,
            request,
            prepared,
        } = operation;
        let is_tracked = |path: &str| suggested::is_tracked(&prepared.tree, found.app, path);
        let known = Known::of(&workspace.config, found.app, found.worker, &is_tracked);
        let with_mounts = |mounts: &[NewMount]| with_mounts(workspace, prepared, found, mounts);
        let trying = Trying {
            known: &known,
            must_pass,
            with_mounts: &with_mounts,
        };
        let planned = prepared.planned(request.pull);
        self.sandbox()
            .try_writable(&planned, run, containers, &trying)
            .await
    }

    async fn write_mounts(
        &self,
        workspace: &Workspace,
        found: &Found<'_>,
        report: Report,
        tried: &Tried,
    ) -> Result<(Report, Option<String>), Failure> {
        match suggested::write(workspace, found, tried)? {
            Written::Nothing => Ok((report, None)),
            Written::Added(event) => {
                self.events.send(*event).await;
                Ok((report, None))
            }
            Written::Kept { why, report: own } => Ok((own.unwrap_or(report), Some(why))),
        }
    }
}

/// The plan of the container with more mounts.
fn with_mounts(
    workspace: &Workspace,
    prepared: &Prepared,
    found: &Found<'_>,
    mounts: &[NewMount],
) -> Option<ContainerPlan> {
    let app = suggested::with_mounts(found, mounts);
    let none = UserVariables::new();
    let (mut plan, _) = workspace.plan(&app, &prepared.tree, &none).ok()?;
    let at = prepared.number();
    (at < plan.containers.len()).then(|| plan.containers.swap_remove(at))
}
