//! Deletes the files of volumes that nothing uses any more, beside whatever else happens.
//!
//! An engine deletes the files of a volume while it holds the lock of all volumes: for as long as that takes, no
//! container with a volume starts and no list of volumes is answered. Files are therefore deleted by a container of
//! its own, the sweeper, which goes on after the command has ended. The next command that finds it ended removes it
//! with its volumes, which are empty by then.

use std::time::Duration;

use super::{Mark, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::{Container, ContainerSpec, Volume, VolumeMount};
use crate::labels::{Kind, LABEL_VOLUMES, Labels};

/// The capabilities to delete files of every owner.
const CAPABILITIES: [&str; 2] = ["DAC_OVERRIDE", "FOWNER"];

/// Deletes everything in the directories that are its arguments.
const SWEEP: &str = "for directory; do find \"$directory\" -xdev -mindepth 1 -delete; done";

/// What separates the names of volumes in a label. No name of a volume has it.
const SEPARATOR: &str = ",";

/// How many processes a sweeper may have.
const PIDS: i64 = 64;

impl<E: Engine> Sandbox<'_, E> {
    /// Starts to delete volumes that nothing uses. What cannot be started is left for a later command. `image` is
    /// an image with a shell, if the caller knows one.
    pub(super) async fn discard(&self, image: Option<&str>, volumes: Vec<String>) {
        let because = "nothing uses them";
        tracing::debug!(?volumes, because, "volumes are discarded");
        if volumes.is_empty() {
            return;
        }
        let image = match image {
            Some(image) => Some(image.to_owned()),
            None => self.any_image().await,
        };
        let Some(image) = image else {
            // There is nothing that could delete the files beside.
            for volume in volumes {
                let _ = self.engine.remove_volume(&volume).await;
            }
            return;
        };
        let spec = self.sweeper(image, &volumes);
        let Ok(id) = self.engine.create_container(&spec).await else {
            return;
        };
        if self.engine.start_container(&id).await.is_err() {
            let _ = self.engine.remove_container(&id).await;
        }
    }

    /// A derived image: all of them have a shell and `find`.
    async fn any_image(&self) -> Option<String> {
        let labels = Labels::from([Kind::Image.label()]);
        let images = self.engine.images(&labels).await.ok()?;
        images
            .into_iter()
            .find_map(|image| image.tags.into_iter().next())
    }

    fn sweeper(&self, image: String, volumes: &[String]) -> ContainerSpec {
        let environment = &self.environment.name;
        let mut labels = self
            .project
            .new_labels(Some(environment), None, Kind::Sweeper);
        labels.insert(LABEL_VOLUMES.to_owned(), volumes.join(SEPARATOR));
        let targets: Vec<String> = (0..volumes.len()).map(|at| format!("/mnt/{at}")).collect();
        let mut command = ["sh", "-c", SWEEP, "sh"].map(str::to_owned).to_vec();
        command.extend(targets.iter().cloned());
        let mounts = volumes.iter().zip(targets);
        ContainerSpec {
            // Several may be at work, and their names say nothing to anybody.
            name: self
                .project
                .name(&[environment, "sweeper", &Mark::of_run().to_string()]),
            image,
            command,
            user: "0:0".to_owned(),
            working_dir: "/".to_owned(),
            labels,
            volumes: mounts
                .map(|(volume, target)| VolumeMount {
                    volume: volume.clone(),
                    target,
                    read_only: false,
                })
                .collect(),
            read_only: true,
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            pids_limit: Some(PIDS),
            stop_grace: Duration::from_secs(1),
            ..ContainerSpec::default()
        }
    }

    /// Removes the sweepers among these containers that have ended, with their volumes.
    pub async fn remove_swept(&self, containers: &[Container]) {
        for sweeper in containers.iter().filter(|found| is_sweeper(found)) {
            if sweeper.running || self.engine.remove_container(&sweeper.id).await.is_err() {
                continue;
            }
            for volume in volumes_of(sweeper) {
                // A volume in use was taken into use again in between.
                let _ = self.engine.remove_volume(volume).await;
            }
        }
    }

    /// Removes what sweepers of this environment are done with, if there is reason to think that one was at work:
    /// `before` are the containers from the start of the command.
    pub async fn tidy(&self, before: &[Container], has_deployed: bool) {
        let is_likely = has_deployed || before.iter().any(is_sweeper);
        if !is_likely || self.checkpoint().is_err() {
            return;
        }
        if let Ok(containers) = self.containers().await {
            self.remove_swept(&containers).await;
        }
    }

    /// The volumes that no sweeper has. Sweepers that have ended are removed.
    pub(super) async fn not_swept<'v>(&self, volumes: Vec<&'v Volume>) -> Vec<&'v Volume> {
        if volumes.is_empty() {
            return volumes;
        }
        let Ok(sweepers) = self.sweepers().await else {
            return Vec::new();
        };
        self.remove_swept(&sweepers).await;
        let volumes = volumes.into_iter();
        volumes
            .filter(|volume| !is_known(volume, &sweepers))
            .collect()
    }

    /// Ends the sweepers of the project that still have a volume.
    pub(super) async fn take_from_sweepers(&self, volume: &str) -> Result<()> {
        for sweeper in self.sweepers().await? {
            if volumes_of(&sweeper).any(|name| name == volume) {
                self.engine.remove_container(&sweeper.id).await?;
            }
        }
        Ok(())
    }

    /// The sweepers of all environments of the project.
    pub(super) async fn sweepers(&self) -> Result<Vec<Container>> {
        let mut labels = self.project.labels();
        labels.extend([Kind::Sweeper.label()]);
        Ok(self.engine.containers(&labels).await?)
    }
}

/// Whether one of the sweepers has this volume.
fn is_known(volume: &Volume, sweepers: &[Container]) -> bool {
    let mut sweepers = sweepers.iter();
    sweepers.any(|sweeper| volumes_of(sweeper).any(|name| name == volume.name))
}

pub(super) fn is_sweeper(container: &Container) -> bool {
    Kind::of(&container.labels) == Some(Kind::Sweeper)
}

fn volumes_of(sweeper: &Container) -> impl Iterator<Item = &str> {
    let names = sweeper.labels.get(LABEL_VOLUMES);
    names
        .into_iter()
        .flat_map(|names| names.split(SEPARATOR))
        .filter(|name| !name.is_empty())
}
