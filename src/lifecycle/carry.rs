//! Copies a finished build from one engine to another. The files go from engine to engine as one tar stream; nothing of
//! them is kept on this machine.

use tokio::time::Instant;

use super::prune::Surplus;
use super::{Error, Planned, Result, Sandbox, build as builds};
use crate::engine::spec::{ContainerSpec, VolumeMount, VolumeSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event;
use crate::plan::BuildPlan;
use crate::shutdown::Urgency;

/// Where a build is in its container.
const APP: &str = "/app";

impl<E: Engine> Sandbox<'_, E> {
    /// Whether the engine has the build of an app.
    pub(crate) async fn has_build(&self, planned: &Planned<'_>) -> Result<bool> {
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        Ok(builds::is_built(&planned.plan.build, &volumes))
    }

    /// Copies the build of an app from another engine, which must have it.
    pub(crate) async fn carry_build(
        &self,
        from: &Sandbox<'_, E>,
        planned: &Planned<'_>,
    ) -> Result<()> {
        let (app, build) = (&planned.plan.app, &planned.plan.build);
        let began = Instant::now();
        let lock = self.lock_build(app).await?;
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        if builds::is_built(build, &volumes) {
            return Ok(());
        }
        let mark = from.mark_of_build(&build.id).await?;
        let mark = mark.ok_or_else(|| EngineError::NotFound(format!("no build {}", build.id)))?;
        self.ensure_image(planned.image, planned.pull).await?;
        self.clear_build(app, build).await?;
        self.checkpoint()?;
        self.engine.create_volume(&build.volume).await?;
        let carried = self.carry_files(from, build).await;
        let removed = self.remove_named(&build.container.name).await;
        if let Err(err) = carried {
            let _ = self.engine.remove_volume(&build.volume.name).await;
            return Err(err);
        }
        removed?;
        let mark = VolumeSpec {
            labels: super::finished::carried(mark.labels),
            ..build.mark.clone()
        };
        self.engine.create_volume(&mark).await?;
        self.emit(event::Build::Carried {
            app: app.clone(),
            build: build.id.clone(),
            duration: began.elapsed(),
        })
        .await;
        let surplus = Surplus::new(volumes, lock);
        self.prune_builds(planned, Some(surplus)).await;
        Ok(())
    }

    async fn carry_files(&self, from: &Sandbox<'_, E>, build: &BuildPlan) -> Result<()> {
        // The name of a building container, so that only one of them is made for a build.
        let target = self.create_anew(&holder(build, "", false)).await?;
        let reader = holder(build, "-reading", true);
        let source = from.create_anew(&reader).await?;
        // Neither container runs: engines read and write the volumes of containers that were only created.
        let stream = from.engine.download(&source, APP);
        let uploaded = tokio::select! {
            uploaded = self.engine.upload(&target, "/", stream) => uploaded.map_err(Error::from),
            () = self.shutdown.reached(Urgency::Cancel) => Err(Error::Interrupted),
        };
        let removed = from.remove_named(&reader.name).await;
        uploaded?;
        Ok(removed?)
    }
}

/// A container through which a build is read or written, and which has nothing but the build. It has the labels of a
/// building container, so that the next build of the app removes it if a killed process leaves it.
fn holder(build: &BuildPlan, suffix: &str, read_only: bool) -> ContainerSpec {
    let volumes = build.container.volumes.iter();
    let volumes = volumes
        .filter(|mount| mount.target == APP)
        .map(|mount| VolumeMount {
            read_only,
            ..mount.clone()
        });
    ContainerSpec {
        name: format!("{}{suffix}", build.container.name),
        volumes: volumes.collect(),
        network: None,
        ..build.container.clone()
    }
}
