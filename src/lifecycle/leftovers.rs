//! Removes what a killed `upsun-local` leaves: unfinished objects, and requests that the engine still works on.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{Error, Result, Sandbox};
use crate::engine::spec::ContainerSpec;
use crate::engine::{Engine, Error as EngineError};
use crate::labels::Kind;
use crate::labels::{LABEL_APP, LABEL_BUILD, LABEL_ENVIRONMENT};
use crate::lock::{self, Lock};
use crate::plan::BuildPlan;

/// How long the engine may take to finish the request of a process that has ended.
const LIMIT: Duration = Duration::from_secs(20);

/// How long to wait before the next try.
const PAUSE: Duration = Duration::from_millis(100);

impl<E: Engine> Sandbox<'_, E> {
    /// Removes what a crash left of a build, or the build that `--rebuild` replaces.
    pub(super) async fn clear_build(&self, app: &str, build: &BuildPlan) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.try_clear_build(app, build).await {
                // The engine is still making or removing a container that holds the volume.
                Err(Error::Engine(EngineError::Conflict(_))) if began.elapsed() < LIMIT => {
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// Locks the other environments whose containers use a build that is to be replaced, so that no operation loses
    /// its container. A busy environment is an error.
    pub(super) async fn lock_users(&self, app: &str, build: &BuildPlan) -> Result<Vec<Lock>> {
        let mut labels = self.project.labels();
        labels.insert(LABEL_BUILD.to_owned(), build.id.clone());
        let users: BTreeSet<String> = self
            .engine
            .containers(&labels)
            .await?
            .iter()
            .filter_map(|container| container.labels.get(LABEL_ENVIRONMENT).cloned())
            .filter(|environment| *environment != self.environment.name)
            .collect();
        users
            .iter()
            .map(|environment| {
                let path = self.lock_path_of(environment);
                let what = format!(
                    "build of {app} in the environment {}",
                    self.environment.name
                );
                match Lock::try_take(&path, &what) {
                    Err(lock::Error::Busy { holder }) => Err(Error::BuildInUse {
                        app: app.to_owned(),
                        environment: environment.clone(),
                        holder,
                    }),
                    other => Ok(other?),
                }
            })
            .collect()
    }

    async fn try_clear_build(&self, app: &str, build: &BuildPlan) -> Result<()> {
        // While this process has the lock of the app, no other process builds the app. Every building container is
        // therefore the remainder of a crash, maybe of another commit's build.
        self.remove_all(LABEL_APP, app, Some(Kind::Building))
            .await?;
        // Remove the containers that use the build before its mark, or else a crash would leave them without a build.
        // Remove the mark before the volume, since a build counts as finished only with its mark.
        self.remove_all(LABEL_BUILD, &build.id, None).await?;
        self.take_from_sweepers(&build.volume.name).await?;
        self.engine.remove_volume(&build.mark.name).await?;
        Ok(self.engine.remove_volume(&build.volume.name).await?)
    }

    /// Removes the project's containers with this label, of one kind or of all kinds.
    async fn remove_all(&self, label: &str, value: &str, kind: Option<Kind>) -> Result<()> {
        let mut labels = self.project.labels();
        labels.insert(label.to_owned(), value.to_owned());
        labels.extend(kind.map(Kind::label));
        for container in self.engine.containers(&labels).await? {
            self.engine.remove_container(&container.id).await?;
        }
        Ok(())
    }

    /// Creates a container, and replaces a container of the project with the same name. Only the holder of the lock
    /// makes containers of such names, so an existing one was left by a crash. Containers of other programs are not
    /// replaced.
    pub(super) async fn create_anew(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let began = Instant::now();
        loop {
            match self.engine.create_container(spec).await {
                Err(EngineError::Conflict(_)) if began.elapsed() < LIMIT => {
                    self.remove_named(&spec.name).await?;
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// Removes the project's container with this name, if it exists.
    pub(super) async fn remove_named(&self, name: &str) -> Result<(), EngineError> {
        let all = self.engine.containers(&self.project.labels()).await?;
        if all.iter().any(|found| found.name == name) {
            self.engine.remove_container(name).await?;
        }
        Ok(())
    }
}
