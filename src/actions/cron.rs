//! Run a cron.

use std::sync::Arc;
use std::time::Duration;

use super::prepared::Prepared;
use super::{Actions, exit_code};
use crate::activity::Draft;
use crate::crons::{self, Cron};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::lifecycle::{self, CronRun, Pull, Report};
use crate::roles::Actor;
use crate::shutdown::Urgency;
use crate::user_variables::UserVariables;
use crate::workspace::permission::permit;
use crate::workspace::{Running, Workspace};

/// A cron that is to be run now.
#[derive(Debug, Clone)]
pub struct Request {
    /// The cron's app; `None` is allowed if only one app has a cron of that name.
    pub app: Option<String>,
    /// The cron's name.
    pub cron: String,
    /// The role and the user who run the cron.
    pub actor: Actor,
    /// The time limit; `None` for the cron's own.
    pub timeout: Option<Duration>,
    /// Variables for this run only.
    pub variables: UserVariables,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Whether to build again although there is a build.
    pub rebuild: bool,
}

/// A cron that may run, planned. The engine has not been called yet.
#[derive(Debug)]
pub struct PlannedCron {
    workspace: Arc<Workspace>,
    request: Request,
    app: String,
    cron: Cron,
    prepared: Prepared,
}

impl PlannedCron {
    /// Finds the cron, refuses it to a role that is too low, and plans it.
    pub fn prepare(workspace: &Arc<Workspace>, request: Request) -> Result<Self, Failure> {
        let (app, cron) = workspace.cron(request.app.as_deref(), &request.cron)?;
        let deed = format!("run the cron `{}` on `{}`", cron.name, app.name);
        permit(&request.actor, crons::ROLE, &deed)?;
        let tree = workspace.scan()?;
        Ok(PlannedCron {
            prepared: Prepared::built(workspace, app, None, &tree, request.rebuild)?,
            app: app.name.clone(),
            workspace: Arc::clone(workspace),
            request,
            cron,
        })
    }

    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl<E: Engine> Actions<E> {
    /// Runs a cron, and returns the exit code for how it ended.
    pub async fn run_cron(&self, cron: &PlannedCron) -> Result<u8, Failure> {
        let actor = &cron.request.actor;
        let _heeding = self.record(Draft::Cron {
            app: cron.app.clone(),
            cron: cron.cron.name.clone(),
            role: Some(actor.role.name().to_owned()),
            user: actor.name.clone(),
        });
        let result = self.carry_out(self.run_cron_locked(cron)).await;
        let result = result.map(|report| exit_code(&report, &self.shutdown));
        self.finish(result, |code| *code).await
    }

    async fn run_cron_locked(&self, planned: &PlannedCron) -> lifecycle::Result<Report> {
        let PlannedCron {
            workspace,
            request,
            app,
            cron,
            prepared,
        } = planned;
        let sandbox = self.sandbox();
        let lock = sandbox.lock(&format!("cron run {}", cron.name)).await?;
        let before = sandbox.containers().await?;
        let deploys = !prepared.container().is_current(&before);
        let containers = self
            .reach(
                &sandbox,
                prepared,
                before.clone(),
                request.pull,
                Running::Other,
            )
            .await?;
        let planned = prepared.planned(request.pull);
        let container = prepared.container();
        let deployed = sandbox
            .ensure_ready(&planned, container, &containers, prepared.listens_at())
            .await?;
        let variables = workspace.config.apps.get(app).map(|app| {
            let variables = &request.variables;
            workspace.run_variables(app, None, &prepared.tree, variables, container)
        });
        let run = CronRun {
            app,
            cron,
            container: &deployed.id,
            mounts: &container.mounts,
            source: Some(planned.source()),
            role: Some(request.actor.role.name()),
            user: request.actor.name.as_deref(),
            variables: &variables.unwrap_or_default(),
            timeout: request.timeout.unwrap_or(cron.timeout),
        };
        let report = sandbox.run_cron(&run).await?;
        sandbox.tidy(&before, deploys).await;
        // After "leave now" the lock stays marked: the next command then ends what still runs.
        if self.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(report)
    }
}
