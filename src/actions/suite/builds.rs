//! Builds of apps for several engines: one engine builds an app, and the others copy the build from it.

use super::lane::Lane;
use crate::engine::Engine;
use crate::lifecycle::{Error, Planned, Sandbox};
use crate::suite::Status;

impl<E: Engine> Lane<'_, E> {
    /// Makes sure that this engine has these builds. Images are made on each engine, from its own registry and for its
    /// own processor.
    pub(super) async fn ensure_builds(
        &self,
        sandbox: &Sandbox<'_, E>,
        all: &[&Planned<'_>],
    ) -> Result<(), Status> {
        let of = |err: Error| self.status(err);
        for planned in all {
            if sandbox.has_build(planned).await.map_err(of)? {
                continue;
            }
            let turn = self.shared.build_of(&planned.plan.app);
            let mut failed = turn.lock().await;
            if let Some(status) = &*failed {
                return Err(status.clone());
            }
            if self.copied(sandbox, planned).await? {
                continue;
            }
            let labels = self.workspace.project.labels();
            let volumes = sandbox.engine.volumes(&labels).await;
            let volumes = volumes.map_err(|err| of(err.into()))?;
            let err = match sandbox.ensure_build(planned, &volumes).await {
                Ok(surplus) => {
                    sandbox.prune_builds(planned, surplus).await;
                    continue;
                }
                Err(err) => err,
            };
            let status = self.status(err);
            // A build that an engine took with it proves nothing about the app.
            if matches!(status, Status::Failed(_)) && self.answers().await.is_ok() {
                *failed = Some(status.clone());
            }
            return Err(status);
        }
        Ok(())
    }

    /// Copies a build from the first engine that has it.
    async fn copied(
        &self,
        sandbox: &Sandbox<'_, E>,
        planned: &Planned<'_>,
    ) -> Result<bool, Status> {
        for (number, other) in self.shared.homes.iter().enumerate() {
            let fits = number != self.number
                && other.platform == self.home.platform
                && !self.shared.is_lost(number);
            if !fits {
                continue;
            }
            let from = other.sandbox(sandbox.events);
            if !from.has_build(planned).await.unwrap_or(false) {
                continue;
            }
            match sandbox.carry_build(&from, planned).await {
                Ok(()) => return Ok(true),
                Err(Error::Interrupted) => return Err(self.status(Error::Interrupted)),
                Err(err) => {
                    let message = format!(
                        "the build of `{}` cannot be copied from `{}` to `{}`: {err}",
                        planned.plan.app, other.name, self.home.name
                    );
                    sandbox.events.warn(message, None).await;
                }
            }
        }
        Ok(false)
    }
}
