//! Where scratch clones lie: below the project's state directory, each with a lock that the kernel releases when
//! its process ends, however it ends.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::lock::{self, Lock};

/// The directory of all of them.
const CLONES: &str = "source-operations";

/// A directory for one clone; gone when it is dropped.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
    /// What keeps others from taking it for abandoned.
    _lock: Lock,
}

impl Place {
    /// Makes it, for the run of that id. To be called with the lock of [`guard`].
    pub fn make(state: &Path, id: &str, what: &str) -> Result<Place, lock::Error> {
        let directory = state.join(CLONES).join(id);
        let lock = Lock::try_take(&lock_of(&directory), what)?;
        let place = Place {
            directory,
            _lock: lock,
        };
        // The clone holds private code, so only this user may read it.
        let made = DirBuilder::new().mode(0o700).create(&place.directory);
        made.map_err(|source| lock::Error::File {
            path: place.directory.clone(),
            source,
        })?;
        Ok(place)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is left to the next one.
        if forget(&self.directory).is_ok() {
            let _ = std::fs::remove_file(lock_of(&self.directory));
        }
    }
}

/// The lock for making and removing clones, so that a clone is not taken for abandoned while it is made.
pub fn guard(state: &Path) -> PathBuf {
    state.join(format!("{CLONES}.lock"))
}

/// Removes the clones whose processes have ended, and returns the run ids of the others. The caller holds the lock
/// of [`guard`].
pub fn clear(state: &Path) -> BTreeSet<String> {
    let mut alive = BTreeSet::new();
    for lock in locks(state) {
        let directory = lock.with_extension("");
        if let Ok(_held) = Lock::try_take(&lock, "clearing away") {
            if forget(&directory).is_ok() {
                let _ = std::fs::remove_file(&lock);
            }
        } else {
            let id = directory.file_name().unwrap_or_default();
            alive.insert(id.to_string_lossy().into_owned());
        }
    }
    alive
}

/// The lock files of all places.
pub fn locks(state: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(state.join(CLONES));
    let paths = found.into_iter().flatten().flatten();
    paths
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "lock"))
        .collect()
}

fn lock_of(directory: &Path) -> PathBuf {
    directory.with_extension("lock")
}

fn forget(directory: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_goes_with_its_holder_or_once_its_holder_is_no_more() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        let alive = Place::make(state, "1-a", "source-operation run a").unwrap();
        let ended = Place::make(state, "2-b", "source-operation run b").unwrap();
        let gone = ended.directory().to_owned();
        drop(ended);
        assert!(!gone.exists());
        // One that was killed leaves both.
        let dead = state.join(CLONES).join("3-c");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join("x"), "").unwrap();
        std::fs::write(lock_of(&dead), "").unwrap();
        assert_eq!(clear(state), BTreeSet::from(["1-a".to_owned()]));
        assert!(!dead.exists() && alive.directory().exists());
        drop(alive);
        assert_eq!(std::fs::read_dir(state.join(CLONES)).unwrap().count(), 0);
    }
}
