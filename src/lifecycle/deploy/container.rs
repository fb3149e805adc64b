//! Starts an app's container again, or makes a new one.

use super::{STARTING, is_of};
use crate::engine::spec::Container;
use crate::engine::spec::Volume;
use crate::engine::{Engine, Error as EngineError};
use crate::labels::LABEL_DEPLOY;
use crate::lifecycle::build::is_built;
use crate::lifecycle::{Error, Planned, Result, Sandbox, decisions};
use crate::plan::ContainerPlan;

impl<E: Engine> Sandbox<'_, E> {
    /// Starts a stopped container again if it was made from this plan. Returns its id, or `None` if there is no such
    /// container.
    pub(super) async fn restart(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        title: &str,
        containers: &[Container],
    ) -> Result<Option<String>> {
        let stopped = containers.iter().find(|found| {
            found.name == plan.container.name
                && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
                && !planned.rebuild
        });
        let Some(stopped) = stopped else {
            return Ok(None);
        };
        match self.start_checked(&stopped.id, title).await {
            Ok(()) => {
                let because = "it is as the plan says, and was stopped";
                tracing::debug!(container = title, because, "a container is started again");
                Ok(Some(stopped.id.clone()))
            }
            // A new container would fail in the same way.
            Err(
                err @ Error::Engine(
                    EngineError::Lost(_)
                    | EngineError::DiskFull { .. }
                    | EngineError::Unavailable { .. },
                ),
            ) => Err(err),
            // A container that does not start, because it is paused or broken, was removed and is replaced.
            Err(_) => Ok(None),
        }
    }

    /// Makes a container that replaces the existing ones, and starts it.
    pub(super) async fn make_anew(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        title: &str,
        containers: &[Container],
        volumes: &[Volume],
    ) -> Result<String> {
        let because = decisions::of_container(plan, containers, planned.rebuild);
        tracing::debug!(container = title, because, "a container is made anew");
        for old in containers
            .iter()
            .filter(|found| is_of(plan, &planned.plan.app, found))
        {
            self.engine.stop_container(&old.id).await?;
            self.engine.remove_container(&old.id).await?;
        }
        self.ensure_volumes(planned, plan, volumes).await?;
        self.ensure_network(&planned.plan.network).await?;
        self.checkpoint()?;
        // A build that was there earlier may have been given up or replaced for another environment.
        let is_reused =
            !planned.rebuild && (planned.is_built || is_built(&planned.plan.build, volumes));
        self.start_on_build(planned, plan, is_reused, volumes).await
    }

    pub(in crate::lifecycle) async fn create(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
    ) -> Result<String> {
        let mut spec = plan.container.clone();
        if !plan.hooks.is_empty() {
            spec.known_as.clone_from(&spec.name);
            spec.name.push_str(STARTING);
        }
        self.check_bases(planned.image, planned.pull).await?;
        match self.create_anew(&spec).await {
            Err(EngineError::ImageNotFound { .. }) => {
                self.ensure_image(planned.image, planned.pull).await?;
                Ok(self.create_anew(&spec).await?)
            }
            other => Ok(other?),
        }
    }

    pub(in crate::lifecycle) async fn start_checked(&self, id: &str, title: &str) -> Result<()> {
        if let Err(err) = self.engine.start_container(id).await {
            // A container that never ran is useless, so remove it.
            let _ = self.engine.remove_container(id).await;
            return Err(err.into());
        }
        match self.engine.container_state(id).await? {
            Some(state) if state.out_of_memory && !state.running => {
                let _ = self.engine.remove_container(id).await;
                Err(Error::OutOfMemory {
                    container: title.to_owned(),
                    during: None,
                })
            }
            Some(state) if !state.running => {
                let log = self.log_tail(id).await;
                let _ = self.engine.remove_container(id).await;
                Err(Error::ContainerEnded {
                    container: title.to_owned(),
                    exit_code: state.exit_code,
                    log,
                })
            }
            _ => Ok(()),
        }
    }
}
