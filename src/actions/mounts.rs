//! Work on the mounts of a container: sizes, copies, snapshots.

use std::path::Path;
use std::time::Duration;

use super::Actions;
use crate::config::app::{App, Mount, Worker};
use crate::engine::Engine;
use crate::event::Difference;
use crate::failure::Failure;
use crate::lifecycle::{self, MountUsage};
use crate::mount_snapshot::{self, BEFORE_RUN, Index, Store};
use crate::suggestion::nearest;
use crate::text::container_name;

/// A container and its mounts.
#[derive(Debug, Clone, Copy)]
pub struct Mounts<'a> {
    app: &'a App,
    worker: Option<&'a str>,
    /// The mounts, as they are configured.
    pub all: &'a [Mount],
}

impl<'a> Mounts<'a> {
    /// The mounts of an app, or of one of its workers.
    pub fn of(app: &'a App, worker: Option<&'a Worker>) -> Self {
        Mounts {
            app,
            worker: worker.map(|worker| worker.name.as_str()),
            all: worker.map_or(&app.mounts, |worker| &worker.mounts),
        }
    }

    pub fn container(&self) -> String {
        container_name(&self.app.name, self.worker)
    }

    /// The paths of the mounts, relative to the app's root.
    pub fn paths(&self) -> Vec<String> {
        self.all.iter().map(|mount| mount.path.clone()).collect()
    }

    /// The path of one mount; slashes at the ends of `wanted` do not matter.
    pub fn find(&self, wanted: &str) -> Result<String, Failure> {
        let path = wanted.trim_matches('/');
        if self.all.iter().any(|mount| mount.path == path) {
            return Ok(path.to_owned());
        }
        let names: Vec<&str> = self.all.iter().map(|mount| mount.path.as_str()).collect();
        let failure = Failure::usage(format!("there is no mount `{wanted}`"));
        Err(match nearest(path, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `/{near}`?")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        })
    }
}

impl<E: Engine> Actions<E> {
    /// The sizes of the contents of some mounts.
    pub async fn mount_sizes(
        &self,
        mounts: Mounts<'_>,
        paths: &[String],
    ) -> Result<Vec<MountUsage>, Failure> {
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let sandbox = self.sandbox();
        let act = sandbox.mount_sizes(&id, paths);
        let act = sandbox.interruptible(&id, Duration::ZERO, act);
        self.carry_out(act).await
    }

    /// Copies a directory's content onto a mount.
    pub async fn upload_to_mount(
        &self,
        mounts: Mounts<'_>,
        path: &str,
        from: &Path,
    ) -> Result<(), Failure> {
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let sandbox = self.sandbox();
        let act = sandbox.upload_to_mount(&id, path, from, self.workspace.user());
        let act = sandbox.interruptible(&id, Duration::ZERO, act);
        self.carry_out(act).await
    }

    /// Copies the content of a mount into a directory.
    pub async fn download_from_mount(
        &self,
        mounts: Mounts<'_>,
        path: &str,
        to: &Path,
    ) -> Result<(), Failure> {
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let sandbox = self.sandbox();
        let act = sandbox.download_from_mount(&id, path, to);
        let act = sandbox.interruptible(&id, Duration::ZERO, act);
        self.carry_out(act).await
    }

    /// Deletes everything on some mounts.
    pub async fn empty_mounts(&self, mounts: Mounts<'_>, paths: &[String]) -> Result<(), Failure> {
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let sandbox = self.sandbox();
        let all = mounts.paths();
        let act = async {
            let lock = sandbox.lock("mount reset").await?;
            for path in paths {
                sandbox.empty_mount(&id, path, &all).await?;
            }
            lock.release();
            Ok(())
        };
        let act = sandbox.interruptible(&id, Duration::ZERO, act);
        self.carry_out(act).await
    }

    /// What is on the mounts of a container, which has to be up.
    pub async fn files_on_mounts(
        &self,
        mounts: Mounts<'_>,
        container: &str,
    ) -> Result<Index, Failure> {
        let sandbox = self.sandbox();
        let paths = mounts.paths();
        let nothing = Index::default();
        let act = sandbox.index_of_mounts(container, &paths, &nothing);
        self.carry_out(act).await
    }

    /// Takes a snapshot of all mounts under a name, and returns its index.
    pub async fn take_snapshot(&self, mounts: Mounts<'_>, name: &str) -> Result<Index, Failure> {
        let store = self.workspace.snapshots(&mounts.container());
        check_name(name)?;
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let act = async {
            let sandbox = self.sandbox();
            let lock = sandbox.lock("mount snapshot").await?;
            let (title, paths) = (mounts.container(), mounts.paths());
            let taken = sandbox
                .take_snapshot(&id, &title, &paths, &store, name)
                .await?;
            lock.release();
            Ok(taken.index)
        };
        self.carry_out(act).await
    }

    /// Puts the content of all mounts back to that of a snapshot.
    pub async fn restore_snapshot(&self, mounts: Mounts<'_>, name: &str) -> Result<(), Failure> {
        let title = mounts.container();
        let store = self.workspace.snapshots(&title);
        let opened = store.open_whole(name);
        let (taken, archive) = opened.map_err(|err| Failure::of_snapshot(&err))?;
        same_mounts(&taken.mounts, &mounts.paths(), name)?;
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let act = async {
            let sandbox = self.sandbox();
            let lock = sandbox.lock("mount restore").await?;
            let restored = sandbox
                .restore_snapshot(&id, &title, taken, archive)
                .await?;
            let flags = self.workspace.mount_flags(&mounts.app.name, mounts.worker);
            sandbox.warn_unlike(&title, &restored, &flags, name).await;
            // The process that held the lock before this one may have restored the snapshot already.
            let is_of_run = name == BEFORE_RUN || mount_snapshot::is_of_run(name);
            if is_of_run && store.has(name) && !restored.is_incomplete {
                // Nothing is left of the run that could be undone, and another run may take its snapshot.
                store.remove(name)?;
            }
            lock.release();
            Ok::<_, lifecycle::Error>(())
        };
        self.carry_out(act).await
    }

    /// The differences between a snapshot and the mounts as they are now.
    pub async fn differences(
        &self,
        mounts: Mounts<'_>,
        name: &str,
    ) -> Result<Vec<Difference>, Failure> {
        let store = self.workspace.snapshots(&mounts.container());
        let opened = store.open(name);
        let (taken, _) = opened.map_err(|err| Failure::of_snapshot(&err))?;
        let id = self.ensure_up(mounts.app, mounts.worker).await?;
        let act = async {
            let sandbox = self.sandbox();
            let lock = sandbox.lock("mount diff").await?;
            let paths = mounts.paths();
            let now = sandbox.index_of_mounts(&id, &paths, &taken.index).await?;
            lock.release();
            Ok(mount_snapshot::compare(&taken.index, &now))
        };
        self.carry_out(act).await
    }
}

/// Checks that a snapshot can be taken under a name.
pub fn check_name(name: &str) -> Result<(), Failure> {
    Store::check(name).map_err(|err| Failure::of_snapshot(&err))?;
    // After an interrupted run, this snapshot may be the only copy of the earlier content.
    if name == BEFORE_RUN {
        return Err(Failure::usage(format!(
            "`{BEFORE_RUN}` is the snapshot that `run --undo` and `test` take"
        ))
        .hint("choose another name"));
    }
    if mount_snapshot::is_of_run(name) {
        return Err(Failure::usage(format!(
            "`{name}` is a name for the snapshot that a run keeps, which later runs delete"
        ))
        .hint("choose another name"));
    }
    Ok(())
}

/// Checks that a snapshot was taken of the same mounts, as it can only be restored onto those.
pub fn same_mounts(taken: &[String], now: &[String], name: &str) -> Result<(), Failure> {
    let (mut taken, mut now) = (taken.to_vec(), now.to_vec());
    taken.sort();
    now.sort();
    if taken == now {
        return Ok(());
    }
    let all = |paths: &[String]| match paths {
        [] => "none".to_owned(),
        paths => paths
            .iter()
            .map(|path| format!("/{path}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Err(Failure::usage(format!(
        "the snapshot `{name}` was taken of other mounts: {}; there are now: {}",
        all(&taken),
        all(&now)
    ))
    .hint("`upsun-local mount upload` fills single mounts"))
}
