//! Bring a container up for a shell, a command or work on its mounts.

use super::Actions;
use super::prepared::Prepared;
use crate::activity::Draft;
use crate::config::app::App;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::lifecycle::{self, Pull};
use crate::workspace::Running;

impl<E: Engine> Actions<E> {
    /// Brings an app or a worker up unless it is up already, and returns its container's id. Users open a shell
    /// beside a running operation to see what that operation does, so this waits for the environment's lock only if
    /// something has to be made.
    pub async fn ensure_up(&self, app: &App, worker: Option<&str>) -> Result<String, Failure> {
        let tree = self.workspace.scan()?;
        let prepared = Prepared::of(&self.workspace, app, worker, &tree)?;
        let result = self.carry_out(self.ensure_prepared(&prepared)).await;
        self.finish(result, |_| 0).await
    }

    async fn ensure_prepared(&self, prepared: &Prepared) -> lifecycle::Result<String> {
        let sandbox = self.sandbox();
        let container = prepared.container();
        let plan = &prepared.plan;
        let containers = sandbox.containers().await?;
        if let Some(id) = plan.current_id(container, &containers)
            && !sandbox.is_to_be_mended(&container.title(&plan.app))
        {
            return Ok(id);
        }
        let lock = sandbox.lock("up").await?;
        let containers = sandbox.containers().await?;
        let is_current = container.is_current(&containers);
        let _heeding = (!is_current).then(|| {
            let apps = vec![plan.app.clone()];
            self.record(Draft::Push { apps })
        });
        let containers = self
            .reach(
                &sandbox,
                prepared,
                containers,
                Pull::Missing,
                Running::Other,
            )
            .await?;
        let deployed = sandbox
            .ensure_container(&prepared.planned(Pull::Missing), container, &containers)
            .await?;
        lock.release();
        Ok(deployed.id)
    }
}
