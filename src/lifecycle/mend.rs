//! Finishes a `test`, or `run --undo`, that was killed: restores the content of the mounts from before it. The next
//! command that uses the environment does so, before any other process can write to the mounts.

use super::{Error, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event;
use crate::labels::Kind;
use crate::labels::{LABEL_APP, LABEL_WORKER};
use crate::mount_snapshot::{BEFORE_RUN, Store, compare};

impl<E: Engine> Sandbox<'_, E> {
    /// Restores the mounts of all running containers that wait for it. The caller must hold the lock of the
    /// environment. The mounts of a container that does not run are restored when the container is started.
    pub(super) async fn mend_running(&self) -> Result<()> {
        let (state, environment) = (&self.project.state_dir, &self.environment.name);
        if !Store::is_any_pending(state, environment, BEFORE_RUN) {
            return Ok(());
        }
        for container in self.containers().await? {
            if let Some(title) = title(&container).filter(|_| container.running) {
                self.mend(&container.id, &title, None).await?;
            }
        }
        Ok(())
    }

    /// Removes snapshots that a killed process did not finish.
    pub(super) fn clear_unfinished(&self) {
        Store::clear_unfinished(&self.project.state_dir, &self.environment.name);
    }

    /// Restores the content of a running container's mounts if an earlier command was to do so. `mounts` are the
    /// mounts of the container, if the caller is not sure that the snapshot has the same ones.
    pub(super) async fn mend(
        &self,
        container: &str,
        title: &str,
        mounts: Option<&[String]>,
    ) -> Result<()> {
        let store = self.snapshots_of(title);
        if !store.is_pending(BEFORE_RUN) {
            return Ok(());
        }
        let message = format!(
            "a test, or `run --undo`, was cut off: what was on the mounts of `{title}` before it is put back"
        );
        self.events.warn(message, None).await;
        match self.put_back_whole(container, title, mounts, &store).await {
            Ok(()) => Ok(()),
            Err(err) if self.checkpoint().is_err() => Err(err),
            // A snapshot that cannot be restored must not block other commands.
            Err(err) => {
                store.give_up(BEFORE_RUN);
                let message = format!("the mounts of `{title}` could not be put back: {err}");
                let hint = format!(
                    "`upsun-local mount restore{} {BEFORE_RUN}` tries again; what is there now stays until then",
                    flags(title)
                );
                self.events.warn(message, Some(hint)).await;
                Ok(())
            }
        }
    }

    async fn put_back_whole(
        &self,
        container: &str,
        title: &str,
        mounts: Option<&[String]>,
        store: &Store,
    ) -> Result<()> {
        let (taken, archive) = store.open_whole(BEFORE_RUN)?;
        let sorted = |mounts: &[String]| {
            let mut mounts = mounts.to_vec();
            mounts.sort();
            mounts
        };
        if mounts.is_some_and(|mounts| sorted(mounts) != sorted(&taken.mounts)) {
            return Err(Error::OtherMounts {
                container: title.to_owned(),
            });
        }
        let now = self
            .index_of_mounts(container, &taken.mounts, &taken.index)
            .await?;
        let changes = compare(&taken.index, &now);
        let restored = self
            .restore_snapshot(container, title, taken, archive)
            .await?;
        self.warn_unlike(title, &restored, &flags(title), BEFORE_RUN)
            .await;
        if restored.is_incomplete {
            store.give_up(BEFORE_RUN);
            return Ok(());
        }
        store.remove(BEFORE_RUN)?;
        self.emit(event::Mounts::Restored {
            container: title.to_owned(),
            changes,
            lost: restored.lost.len(),
        })
        .await;
        Ok(())
    }

    /// Whether the mounts of a container are still to be restored, and no process is doing it.
    pub(crate) fn is_to_be_mended(&self, title: &str) -> bool {
        self.snapshots_of(title).is_pending(BEFORE_RUN) && !self.is_busy()
    }

    fn snapshots_of(&self, title: &str) -> Store {
        Store::of(&self.project.state_dir, &self.environment.name, title)
    }
}

/// The options by which `upsun-local mount` finds the container.
fn flags(title: &str) -> String {
    match title.split_once("--") {
        Some((app, worker)) => format!(" --app {app} --worker {worker}"),
        None => format!(" --app {title}"),
    }
}

/// The name of an app's or worker's container in messages. Other containers have no snapshots.
fn title(container: &Container) -> Option<String> {
    let label = |name: &str| container.labels.get(name);
    if !matches!(Kind::of(&container.labels)?, Kind::Web | Kind::Worker) {
        return None;
    }
    let app = label(LABEL_APP)?;
    Some(label(LABEL_WORKER).map_or_else(|| app.clone(), |worker| format!("{app}--{worker}")))
}
