//! Removes the objects of one environment, or all objects of a project.

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};

use super::trial::shows_others;
use super::{Result, Sandbox};
use crate::config::Config;
use crate::config::app::App;
use crate::engine::spec::Container;
use crate::engine::{Engine, Error as EngineError};
use crate::event;
use crate::labels::Kind;
use crate::labels::Labels;
use crate::labels::{LABEL_APP, LABEL_SERVICE, LABEL_WORKER};
use crate::mount_snapshot::{BEFORE_RUN, Store};
use crate::{relationships, routes, tunnels};

/// What `down` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// Containers and networks. The data of mounts stay.
    KeepVolumes,
    /// Also the data of mounts.
    WithVolumes,
    /// All objects of the project, with builds and caches, in all its environments.
    Everything,
}

/// The result of a `down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    pub removed: usize,
}

/// How many volumes are removed at once.
const AT_ONCE: usize = 4;

/// The kinds of volumes that contain the data of mounts.
const DATA: [Kind; 7] = [
    Kind::Storage,
    Kind::Service,
    Kind::ServiceData,
    Kind::Instance,
    Kind::Tmp,
    Kind::Run,
    Kind::Directory,
];

impl<E: Engine> Sandbox<'_, E> {
    /// Removes containers, then networks, then volumes. Also removes objects that a crash left.
    pub async fn down(&self, down: Down) -> Result<Kept> {
        let labels = match down {
            Down::KeepVolumes | Down::WithVolumes => {
                self.project.environment_labels(&self.environment.name)
            }
            Down::Everything => self.project.labels(),
        };
        let only = (down != Down::Everything).then_some(self.environment.name.as_str());
        let mut removed = tunnels::Store::of(&self.project.state_dir)
            .close(only)
            .await;
        let containers = self.engine.containers(&labels).await?;
        // A front shares the network of an app's container, which some engines remove only after the front.
        let (fronts, others): (Vec<_>, Vec<_>) = containers.iter().partition(|container| {
            matches!(
                Kind::of(&container.labels),
                Some(Kind::Front | Kind::SyncedFront)
            )
        });
        let (without_fronts, stopped) =
            tokio::join!(self.take_down(&fronts), self.stop_all(&others));
        removed += without_fronts?;
        stopped?;
        removed += self.remove_containers(&others).await?;
        for network in self.engine.networks(&labels).await? {
            self.engine.remove_network(&network.id).await?;
            self.emit(event::Notice::Removed {
                kind: "network".into(),
                name: network.name,
            })
            .await;
            removed += 1;
        }
        removed += self.remove_build_network().await?;
        if down != Down::KeepVolumes {
            // The mounts are deleted, so the content that an interrupted run would have restored is deleted, too.
            // Snapshots with a name stay.
            let (state, environment) = (&self.project.state_dir, &self.environment.name);
            Store::remove_everywhere(state, environment, BEFORE_RUN);
        }
        removed += self.remove_volumes(&labels, down).await?;
        Ok(Kept { removed })
    }

    async fn take_down(&self, containers: &[&Container]) -> Result<usize> {
        self.stop_all(containers).await?;
        self.remove_containers(containers).await
    }

    async fn stop_all(&self, containers: &[&Container]) -> Result<()> {
        let running = containers.iter().filter(|container| container.running);
        let stops = running.map(|container| self.engine.stop_container(&container.id));
        for stopped in futures_util::future::join_all(stops).await {
            stopped?;
        }
        Ok(())
    }

    async fn remove_containers(&self, containers: &[&Container]) -> Result<usize> {
        let removals = containers.iter().map(|container| async {
            self.engine.remove_container(&container.id).await?;
            self.emit(event::Notice::Removed {
                kind: "container".into(),
                name: container.name.clone(),
            })
            .await;
            Ok::<_, super::Error>(())
        });
        for removed in futures_util::future::join_all(removals).await {
            removed?;
        }
        Ok(containers.len())
    }

    /// Removes the network of builds, unless it has a container of another environment. An engine has addresses for
    /// about thirty networks only.
    async fn remove_build_network(&self) -> Result<usize> {
        let mut labels = self.project.labels();
        labels.extend([Kind::BuildNetwork.label()]);
        let mut removed = 0;
        for network in self.engine.networks(&labels).await? {
            match self.engine.remove_network(&network.id).await {
                Ok(()) => removed += 1,
                Err(err @ (EngineError::Lost(_) | EngineError::Unavailable { .. })) => {
                    return Err(err.into());
                }
                // The network is in use.
                Err(_) => continue,
            }
            self.emit(event::Notice::Removed {
                kind: "network".into(),
                name: network.name,
            })
            .await;
        }
        Ok(removed)
    }

    async fn remove_volumes(&self, labels: &Labels, down: Down) -> Result<usize> {
        let mut volumes = self.engine.volumes(labels).await?;
        volumes.retain(|volume| {
            let kind = Kind::of(&volume.labels);
            match down {
                // Only a crash leaves volumes of a trial. Those of `dev` go with its containers.
                Down::KeepVolumes => matches!(kind, Some(Kind::Trial | Kind::Synced)),
                Down::WithVolumes => kind.is_some_and(|kind| {
                    matches!(kind, Kind::Trial | Kind::Synced) || DATA.contains(&kind)
                }),
                Down::Everything => true,
            }
        });
        // Remove a volume that shows files of other volumes before those, and the mark of a build before the build: a
        // removal of the build may leave a part of it.
        let (first, rest): (Vec<_>, Vec<_>) = volumes.into_iter().partition(|volume| {
            let kind = Kind::of(&volume.labels);
            matches!(kind, Some(Kind::Directory | Kind::Built)) || shows_others(&volume.name)
        });
        let removed = first.len() + rest.len();
        for volumes in [first, rest] {
            let mut removals: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
            for volume in volumes {
                removals.push(self.remove_told(volume.name).boxed());
            }
            let removals = stream::iter(removals).buffer_unordered(AT_ONCE);
            let results: Vec<_> = removals.collect().await;
            results.into_iter().collect::<Result<()>>()?;
        }
        Ok(removed)
    }

    async fn remove_told(&self, name: String) -> Result<()> {
        self.engine.remove_volume(&name).await?;
        let kind = "volume".into();
        self.emit(event::Notice::Removed { kind, name }).await;
        Ok(())
    }

    /// Removes the containers of this environment whose app, worker or service is no longer in the configuration.
    pub(crate) async fn remove_strangers(&self, config: &Config) -> Result<()> {
        let mut containers = self.containers().await?;
        containers.sort_by_key(|container| Kind::of(&container.labels) != Some(Kind::Front));
        for container in containers {
            let label = |name: &str| container.labels.get(name).map(String::as_str);
            let (app, service) = (label(LABEL_APP), label(LABEL_SERVICE));
            let is_unneeded = match Kind::of(&container.labels) {
                Some(kind) if kind.is_of_dev() => false,
                Some(Kind::Front) => !app.is_some_and(|app| takes_requests(app, config)),
                Some(Kind::Router) => !config.apps.keys().any(|app| takes_requests(app, config)),
                _ => false,
            };
            let known = match (app.map(|app| config.apps.get(app)), label(LABEL_WORKER)) {
                (None, _) => service.is_none_or(|service| config.services.contains_key(service)),
                (Some(None), _) => false,
                (Some(Some(_)), None) => true,
                (Some(Some(app)), Some(name)) => {
                    app.workers.iter().any(|worker| worker.name == name)
                }
            };
            if !known || is_unneeded {
                self.engine.remove_container(&container.id).await?;
                self.emit(event::Notice::Removed {
                    kind: "container".into(),
                    name: container.name.clone(),
                })
                .await;
            }
        }
        Ok(())
    }

    /// Removes derived images that no container uses. Images in use stay without a message.
    pub(crate) async fn remove_images(&self) -> Result<usize> {
        let labels = Labels::from([Kind::Image.label()]);
        let mut removed = 0;
        for image in self.engine.images(&labels).await? {
            let name = image.tags.first().cloned().unwrap_or(image.id);
            match self.engine.remove_image(&name).await {
                Ok(()) => {
                    self.emit(event::Notice::Removed {
                        kind: "image".into(),
                        name,
                    })
                    .await;
                    removed += 1;
                }
                Err(EngineError::Conflict(_)) => {}
                Err(err) => return Err(err.into()),
            }
        }
        Ok(removed)
    }
}

/// Whether another app or this machine sends requests to an app.
fn takes_requests(app: &str, config: &Config) -> bool {
    let is_routed = |found: &App| routes::is_routed(found, config);
    relationships::is_reached(app, config) || config.apps.get(app).is_some_and(is_routed)
}
