//! What a killed upsun-local leaves: objects half made, and requests that the engine is still busy with.

use std::time::{Duration, Instant};

use super::{Error, Result, Sandbox};
use crate::engine::spec::ContainerSpec;
use crate::engine::{Engine, Error as EngineError};
use crate::plan::BuildPlan;
use crate::project::LABEL_BUILD;

/// How long the engine may take to end what somebody asked it for who is no more.
const LIMIT: Duration = Duration::from_secs(20);

/// How long to wait before the next try.
const PAUSE: Duration = Duration::from_millis(100);

impl<E: Engine> Sandbox<'_, E> {
    /// Removes what a crash left of a build, or what `--rebuild` replaces.
    pub(super) async fn clear_build(&self, build: &BuildPlan) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.try_clear_build(build).await {
                // The engine is still making or removing a container that holds the volume.
                Err(Error::Engine(EngineError::Conflict(_))) if began.elapsed() < LIMIT => {
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    async fn try_clear_build(&self, build: &BuildPlan) -> Result<()> {
        self.engine.remove_container(&build.container.name).await?;
        // The mark goes before the volume: without it nothing counts as built.
        self.engine.remove_volume(&build.mark.name).await?;
        let mut labels = self.project.labels();
        labels.insert(LABEL_BUILD.to_owned(), build.id.clone());
        for container in self.engine.containers(&labels).await? {
            self.engine.remove_container(&container.id).await?;
        }
        Ok(self.engine.remove_volume(&build.volume.name).await?)
    }

    /// Creates a container in the place of any other of its name: whoever holds the lock is the only one who
    /// makes containers of such names, so another one was left by a crash.
    pub(super) async fn create_anew(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let began = Instant::now();
        loop {
            match self.engine.create_container(spec).await {
                Err(EngineError::Conflict(_)) if began.elapsed() < LIMIT => {
                    self.engine.remove_container(&spec.name).await?;
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }
}
