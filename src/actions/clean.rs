//! Remove everything that `upsun-local` made for projects.

use std::collections::BTreeSet;
use std::path::Path;

use super::down::busy;
use super::until_left;
use crate::engine::Engine;
use crate::event::Events;
use crate::failure::{BUSY, Failure};
use crate::lifecycle::{Down, Error, Sandbox};
use crate::lock::{self, Lock};
use crate::plan::Environment;
use crate::project::Project;
use crate::scratch;
use crate::shutdown::Shutdown;

/// A project of which everything is removed.
#[derive(Debug, Clone)]
pub struct CleanTarget {
    pub project: Project,
    /// Any environment of the project.
    pub environment: Environment,
}

/// Removes everything of the projects that have no activity in progress, and the derived images too if the caller
/// asks for it. Returns the number of removed objects.
pub async fn clean<E: Engine>(
    engine: &E,
    events: &Events,
    shutdown: &Shutdown,
    targets: &[CleanTarget],
    images: bool,
) -> Result<usize, Failure> {
    // Images that a repository names are checked when a container starts, and none starts here.
    let none = BTreeSet::new();
    let mut removed = 0;
    let mut refused = None;
    for target in targets {
        let sandbox = sandbox_of(engine, target, events, shutdown, &none);
        match until_left(shutdown, one(&sandbox)).await {
            Ok(count) => removed += count,
            Err(failure) => {
                let failure = busy(failure);
                let may_go_on = failure.code == BUSY;
                refused.get_or_insert(failure);
                // A project that is busy does not keep the others from being removed.
                if !may_go_on {
                    break;
                }
            }
        }
    }
    if let Some(failure) = refused {
        return Err(failure);
    }
    if let Some(target) = targets.first().filter(|_| images) {
        let sandbox = sandbox_of(engine, target, events, shutdown, &none);
        removed += until_left(shutdown, sandbox.remove_images()).await?;
    }
    Ok(removed)
}

fn sandbox_of<'a, E>(
    engine: &'a E,
    target: &'a CleanTarget,
    events: &'a Events,
    shutdown: &'a Shutdown,
    foreign: &'a BTreeSet<String>,
) -> Sandbox<'a, E> {
    Sandbox {
        engine,
        project: &target.project,
        environment: &target.environment,
        events,
        shutdown,
        foreign,
    }
}

/// Removes everything of a project, with its state directory.
async fn one<E: Engine>(sandbox: &Sandbox<'_, E>) -> Result<usize, Error> {
    let state = &sandbox.project.state_dir;
    // The clones of processes that were killed go with everything else.
    let guard = Lock::try_take(&scratch::guard(state), "clean")?;
    scratch::clear(state);
    let locks = sandbox.try_lock_all("clean")?;
    let removed = sandbox.down(Down::Everything).await?.removed;
    forget(state);
    for lock in locks.into_iter().chain([guard]) {
        lock.remove();
    }
    // This fails if another process waits in the directory for one of the locks.
    let _ = std::fs::remove_dir(state);
    Ok(removed)
}

/// Removes the files of a project's state directory, except the locks that other processes hold or wait for.
fn forget(state: &Path) {
    for entry in std::fs::read_dir(state).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_lock = path.extension().is_some_and(|end| end == "lock");
        // A file that cannot be removed does no more harm than a cache.
        let _ = if is_directory && lock::is_waited_in(&path) {
            Ok(())
        } else if is_directory {
            std::fs::remove_dir_all(&path)
        } else if is_lock {
            // The locks that this process holds are removed once everything else is done.
            Lock::try_take(&path, "clean")
                .map(Lock::remove)
                .map_or(Ok(()), Ok)
        } else {
            std::fs::remove_file(&path)
        };
    }
}
