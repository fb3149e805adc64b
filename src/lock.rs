//! One activity at a time per environment, across processes: a lock on a file of the state directory.
//! The kernel lets go of it when its holder ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use crate::event::{Event, Events};
use crate::shutdown::{Shutdown, Urgency};

/// How often a waiting process looks whether the lock is free.
const POLL: Duration = Duration::from_millis(50);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be made or locked.
    #[error("the lock file {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else holds it, and we were not to wait.
    #[error("this environment is busy: {holder}")]
    Busy {
        /// What the holder says of itself.
        holder: String,
    },
    /// The user stopped us while we waited.
    #[error("interrupted while waiting for {holder}")]
    Interrupted {
        /// What the holder says of itself.
        holder: String,
    },
}

/// The lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    /// Open for as long as the lock is held; says what its holder does.
    file: File,
    abandoned: bool,
}

impl Lock {
    /// Takes the lock or fails at once. `what` is told to those who find it taken.
    pub fn try_take(path: &Path, what: &str) -> Result<Lock, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        let (mut file, is_writable) = open(path).map_err(failed)?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        let holder = holder.trim();
        match locked {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = if holder.is_empty() {
                    "another upsun-local"
                } else {
                    holder
                };
                return Err(Error::Busy {
                    holder: holder.to_owned(),
                });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        // Nobody can have noted anything in one that cannot be written.
        let abandoned = !holder.is_empty() || !is_writable;
        // Told to humans, and to whoever comes after one that was killed; a failure to write it is no failure.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = writeln!(file, "`{what}` (process {})", std::process::id());
        Ok(Lock { file, abandoned })
    }

    /// Whether somebody holds it. Changes nothing of what its last holder left.
    pub fn is_taken(path: &Path) -> bool {
        let Ok(file) = File::open(path) else {
            return false;
        };
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Asks whoever holds the lock to end, as a signal to it would: once, or again to be quick about it. Says
    /// nothing and does nothing where it cannot be told for certain who that is.
    pub fn ask_to_end(path: &Path) {
        let Ok((mut file, _)) = open(path) else {
            return;
        };
        let mut text = String::new();
        let _ = file.read_to_string(&mut text);
        let number = text
            .rsplit("(process ")
            .next()
            .and_then(|rest| rest.trim().trim_end_matches(')').parse().ok());
        if let Some(number) = number {
            let path = file_of(&file).unwrap_or_else(|| path.to_owned());
            signal_holder(number, &path, Signal::TERM);
        }
    }

    /// Whether its last holder ended without [`Lock::release`]: it was killed, or gave up.
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Lets go of it after everything went its way. Without this the lock is free as well, but the next
    /// holder looks whether something still runs.
    pub fn release(self) {
        // What is left in the file costs the next one a look, and nothing else.
        let _ = self.file.set_len(0);
    }

    /// Takes the lock, waiting for as long as somebody else has it.
    pub async fn take(
        path: &Path,
        what: &str,
        events: &Events,
        shutdown: &Shutdown,
    ) -> Result<Lock, Error> {
        let mut told = None;
        loop {
            match Lock::try_take(path, what) {
                Err(Error::Busy { holder }) => {
                    if told.as_ref() != Some(&holder) {
                        events
                            .send(Event::Waiting {
                                holder: holder.clone(),
                            })
                            .await;
                        told = Some(holder.clone());
                    }
                    tokio::select! {
                        () = tokio::time::sleep(POLL) => {}
                        () = shutdown.reached(Urgency::Cancel) => return Err(Error::Interrupted { holder }),
                    }
                }
                other => return other,
            }
        }
    }
}

/// Opens the file to lock, and says whether it can be written. A lock needs no more than a file that everybody finds:
/// one that is there already, or one elsewhere.
fn open(path: &Path) -> io::Result<(File, bool)> {
    make(path).map(|file| (file, true)).or_else(|err| {
        let as_it_is = File::open(path).map(|file| (file, false));
        // What is wrong with the first of them is the one to mend.
        as_it_is
            .or_else(|_| Ok((make(&elsewhere(path)?)?, true)))
            .map_err(|_: io::Error| err)
    })
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Where a lock is instead of in a directory that cannot be written: in one of this user's own, by a name that follows
/// from its path.
fn elsewhere(path: &Path) -> io::Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    let parent = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("upsun-local-{user}"));
    match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        _ => {}
    }
    // In a directory that everybody can write somebody else may have been there first.
    let found = directory.symlink_metadata()?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let name = crate::project::hash(path.as_os_str().as_encoded_bytes());
    Ok(directory.join(format!("{name}.lock")))
}

/// Where an open file is.
fn file_of(file: &File) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// Asks the process of that number to end by a signal, if it has the file open; one that is stopped goes on to do
/// so. Says whether it was asked.
pub fn signal_holder(number: u32, path: &Path, signal: Signal) -> bool {
    let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // A process id may be another's by now, or mean another process here: only who has the file open counts.
    let own = std::fs::canonicalize(path).ok();
    let files = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    let holds = files
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| own.is_some() && std::fs::read_link(file.path()).ok() == own);
    let is_asked = holds && kill_process(pid, signal).is_ok();
    if is_asked {
        let _ = kill_process(pid, Signal::CONT);
    }
    is_asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_when_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/lock");
        let first = Lock::try_take(&path, "run a").unwrap();
        let err = Lock::try_take(&path, "run b").unwrap_err();
        assert!(err.to_string().contains("`run a` (process "), "{err}");
        assert!(!first.was_abandoned());
        drop(first);
        let second = Lock::try_take(&path, "run b").unwrap();
        assert!(second.was_abandoned());
        second.release();
        assert!(!Lock::try_take(&path, "run c").unwrap().was_abandoned());
    }

    #[test]
    fn where_no_file_can_be_made_the_lock_is_one_elsewhere_that_everybody_finds() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        // Not even root can make a file below one.
        std::fs::write(&state, "").unwrap();
        let path = state.join("lock");
        let first = Lock::try_take(&path, "run a").unwrap();
        let err = Lock::try_take(&path, "run b").unwrap_err();
        assert!(err.to_string().contains("`run a` (process "), "{err}");
        assert!(Lock::try_take(&state.join("other"), "run b").is_ok());
        first.release();
        let path = elsewhere(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(elsewhere(&state.join("other")).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_can_be_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _first = Lock::try_take(&path, "up").unwrap();
        let (events, mut receiver) = Events::channel();
        let shutdown = Shutdown::new();
        shutdown.press(2);
        let err = Lock::take(&path, "run", &events, &shutdown)
            .await
            .unwrap_err();
        assert!(matches!(err, Error::Interrupted { .. }));
        assert!(matches!(receiver.recv().await, Some(Event::Waiting { .. })));
    }
}
