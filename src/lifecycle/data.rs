//! The volumes behind a container's mounts, and the directories in them.

use super::{Planned, Result, Sandbox, archive};
use crate::engine::spec::{ContainerSpec, Volume, VolumeMount};
use crate::engine::{Engine, Error as EngineError};
use crate::labels::Kind;
use crate::plan::{ContainerPlan, User};

impl<E: Engine> Sandbox<'_, E> {
    /// Creates the volumes of a container's mounts, with directories that the app's user owns.
    pub(super) async fn ensure_volumes(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        volumes: &[Volume],
    ) -> Result<()> {
        let mut there: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        if !plan.volatile.is_empty() {
            // A helper container left by a crash may hold the volume of a `tmp` mount, which could then not be
            // emptied.
            self.engine.remove_container(&helper_name(plan)).await?;
        }
        // A `tmp` mount starts empty in every new container.
        for volatile in &plan.volatile {
            let directories = plan.directories.iter().filter(|directory| {
                directory
                    .directory_of
                    .as_ref()
                    .is_some_and(|of| of.volume == *volatile)
            });
            for name in directories
                .map(|directory| &directory.name)
                .chain([volatile])
            {
                self.engine.remove_volume(name).await?;
                there.retain(|known| known != name);
            }
        }
        if let Some(socket) = &plan.socket
            && !there.contains(&socket.name.as_str())
        {
            self.engine.create_volume(socket).await?;
        }
        let missing: Vec<_> = plan
            .directories
            .iter()
            .filter(|directory| !there.contains(&directory.name.as_str()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for volume in plan
            .storage
            .iter()
            .filter(|volume| !there.contains(&volume.name.as_str()))
        {
            self.engine.create_volume(volume).await?;
        }
        self.make_directories(planned, plan, planned.plan.build.user)
            .await?;
        for directory in missing {
            self.engine.create_volume(directory).await?;
        }
        Ok(())
    }

    /// Makes directories in volumes, by uploading them to a container that is never started.
    async fn make_directories(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        user: User,
    ) -> Result<()> {
        let mut paths = Vec::new();
        let mut mounts = Vec::new();
        for (at, volume) in plan.storage.iter().enumerate() {
            mounts.push(VolumeMount {
                volume: volume.name.clone(),
                target: format!("/mnt/{at}"),
                read_only: false,
            });
            paths.push(at.to_string());
            for directory in plan
                .directories
                .iter()
                .filter_map(|directory| directory.directory_of.as_ref())
            {
                if directory.volume == volume.name && !directory.path.is_empty() {
                    paths.push(format!("{at}/{}", directory.path));
                }
            }
        }
        let helper = ContainerSpec {
            name: helper_name(plan),
            image: planned.plan.image.clone(),
            command: vec!["true".to_owned()],
            user: user.spec(),
            working_dir: "/".to_owned(),
            labels: self.project.new_labels(
                Some(&self.environment.name),
                Some(&planned.plan.app),
                Kind::Helper,
            ),
            volumes: mounts,
            ..ContainerSpec::default()
        };
        let id = match self.create_anew(&helper).await {
            Err(EngineError::ImageNotFound { .. }) => {
                self.ensure_image(planned.image, planned.pull).await?;
                self.create_anew(&helper).await?
            }
            other => other?,
        };
        let archive = archive::directories(paths.iter().map(String::as_str), user.uid, user.gid);
        let result = match archive {
            Ok(bytes) => self.engine.upload(&id, "/mnt", archive::whole(bytes)).await,
            Err(err) => Err(err.into()),
        };
        let removed = self.engine.remove_container(&id).await;
        result?;
        Ok(removed?)
    }
}

/// The name of the container through which directories are made in volumes.
fn helper_name(plan: &ContainerPlan) -> String {
    format!("{}-directories", plan.container.name)
}
