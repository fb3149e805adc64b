//! A lock per environment, on a file of the state directory, so that one activity at a time works on the environment.
//! The kernel frees the lock when the process of its holder ends, in whatever way it ends.

mod queue;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use self::queue::{Ticket, Turn};
use crate::event::{self, Events};
use crate::private;
use crate::shutdown::{Shutdown, Urgency};
use crate::stop_request::{self, Heeding, StopRequest};

/// How often the first waiting process checks whether its turn has come. Processes behind it check less often.
const POLL: Duration = Duration::from_millis(10);

/// How often the last process of a long queue checks.
const SELDOM: Duration = Duration::from_millis(200);

/// How many times in a row a lock file may be deleted while this process locks it.
const RETRIES: usize = 100;

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be created or locked.
    #[error("the lock file {path} cannot be used: {source}")]
    File { path: PathBuf, source: io::Error },
    /// Another process holds the lock, and the caller did not want to wait.
    #[error("this environment is busy: {holder}")]
    Busy {
        /// The command and the process of the holder, as the lock file describes them.
        holder: String,
    },
    /// The user interrupted the wait.
    #[error("interrupted while waiting for {holder}")]
    Interrupted {
        /// The command and the process of the holder, as the lock file describes them.
        holder: String,
    },
}

/// The lock, held until this value is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    /// Open for as long as the lock is held. The content of the file describes what the holder does.
    file: File,
    path: PathBuf,
    abandoned: bool,
    /// Differs from the token of every other holder.
    token: String,
    heeding: Option<Heeding>,
}

impl Lock {
    /// Takes the lock or fails immediately, also when other processes wait for the lock. Processes that find the lock
    /// taken display `what`.
    pub(crate) fn try_take(path: &Path, what: &str) -> Result<Lock, Error> {
        match queue::first_of(path) {
            Some(holder) => Err(Error::Busy { holder }),
            None => Lock::snatch(path, what),
        }
    }

    /// Takes the lock or fails immediately, ahead of all processes that wait for the lock.
    pub(crate) fn snatch(path: &Path, what: &str) -> Result<Lock, Error> {
        let failed = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        for _ in 0..RETRIES {
            let (mut file, place) = open(path).map_err(failed)?;
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = holder.lines().next().unwrap_or_default().trim();
            match locked {
                // `clean` deleted the file in between: other processes would lock a new file instead of this one.
                Ok(()) if !private::is_at(&file, &place.path) => continue,
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Error::Busy {
                        holder: named(holder),
                    });
                }
                Err(errno) => return Err(failed(errno.into())),
            }
            // A holder cannot write its description into a file that is not writable, so assume that it was killed.
            let abandoned = !holder.is_empty() || !place.is_writable;
            // The description is shown to users who wait, and tells the next holder if this process was killed. A
            // failure to write it is ignored: the lock works without it.
            let _ = file.set_len(0);
            let _ = file.rewind();
            let token = new_token();
            let _ = write!(file, "{}\n{token}\n", note(what));
            return Ok(Lock {
                file,
                path: place.path,
                abandoned,
                token,
                heeding: None,
            });
        }
        Err(failed(io::ErrorKind::NotFound.into()))
    }

    /// Whether a process holds the lock. Leaves the description of the last holder in the file.
    pub fn is_taken(path: &Path) -> bool {
        let Ok(file) = private::read(path) else {
            return false;
        };
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// Asks the holder of the lock to stop; `None` if the lock is free or the holder cannot be identified.
    pub fn ask_to_end(path: &Path) -> Option<StopRequest> {
        let (mut file, place) = open(path).ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let number = lines
            .next()
            .and_then(|note| note.rsplit("(process ").next())
            .and_then(|rest| rest.trim().trim_end_matches(')').parse().ok());
        let request = StopRequest::send(&request_file(&place.path, lines.next()?)).ok();
        if let Some(number) = number {
            wake_holder(number, &place.path);
        }
        request
    }

    /// Triggers `shutdown` for each request to stop that is sent to the holder of the lock, for as long as the lock
    /// is held.
    pub fn heed(&mut self, shutdown: &Shutdown) {
        let path = request_file(&self.path, &self.token);
        let shutdown = shutdown.clone();
        self.heeding = Some(stop_request::heed(
            move || Some(path.clone()),
            move || shutdown.force(),
        ));
    }

    /// Whether the last holder ended without [`Lock::release`]: it was killed, or gave up.
    pub(crate) fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Frees the lock after the activity ended in order. A lock that is only dropped is free as well, but the next
    /// holder then looks for processes that still run.
    pub fn release(self) {
        // If the description stays in the file, the only cost is that the next holder looks for such processes.
        let _ = self.file.set_len(0);
    }

    /// Takes the lock, and waits for as long as another process has it. Waiting processes get the lock in the order
    /// of their arrival.
    pub async fn take(
        path: &Path,
        what: &str,
        events: &Events,
        shutdown: &Shutdown,
    ) -> Result<Lock, Error> {
        match Lock::try_take(path, what) {
            Err(Error::Busy { .. }) => {}
            other => return other,
        }
        // Without a queue, waiting processes get the lock in no particular order.
        let mut ticket = Ticket::draw(path, &note(what)).ok();
        let mut told: Option<String> = None;
        let began = tokio::time::Instant::now();
        loop {
            let turn = ticket.as_mut().map_or(Turn::Now, Ticket::turn);
            let (holder, pause) = match turn {
                Turn::After(first, count) => (holder_of(path).unwrap_or(first), count),
                Turn::Now => match Lock::snatch(path, what) {
                    Err(Error::Busy { holder }) => (holder, 0),
                    other => {
                        if let (Ok(_), Some(holder)) = (&other, told) {
                            let duration = began.elapsed();
                            events
                                .send(event::Notice::Waited { holder, duration })
                                .await;
                        }
                        return other;
                    }
                },
            };
            if told.as_ref() != Some(&holder) {
                let holder = holder.clone();
                tracing::debug!(lock = %path.display(), holder, "the environment is busy");
                told = Some(holder.clone());
                events.send(event::Notice::Waiting { holder }).await;
            }
            let pause = POLL.saturating_mul(u32::try_from(pause + 1).unwrap_or(u32::MAX));
            tokio::select! {
                () = tokio::time::sleep(pause.min(SELDOM)) => {}
                () = shutdown.reached(Urgency::Cancel) => return Err(Error::Interrupted { holder }),
            }
        }
    }

    /// Frees the lock and deletes its file. Waiting processes create a new one.
    pub fn remove(self) {
        if private::is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
        self.release();
    }
}

/// Whether `directory` is the queue of a lock for which at least one process waits.
pub(crate) fn is_waited_in(directory: &Path) -> bool {
    queue::is_waited_in(directory)
}

/// How this process describes itself to processes that find the lock taken.
fn note(what: &str) -> String {
    format!("`{what}` (process {})", std::process::id())
}

fn named(holder: &str) -> String {
    let holder = if holder.is_empty() {
        "another upsun-local"
    } else {
        holder
    };
    holder.to_owned()
}

/// How the holder of a lock describes itself.
fn holder_of(path: &Path) -> Option<String> {
    let mut text = String::new();
    open(path).ok()?.0.read_to_string(&mut text).ok()?;
    let note = text.lines().next().unwrap_or_default().trim().to_owned();
    Some(note).filter(|note| !note.is_empty())
}

struct Place {
    path: PathBuf,
    is_writable: bool,
}

/// Opens the file to lock. A lock only needs a file that all processes of this user find: an existing file that
/// cannot be written is enough, and otherwise a file in another directory.
fn open(path: &Path) -> io::Result<(File, Place)> {
    let at = |path: &Path, is_writable| Place {
        path: path.to_owned(),
        is_writable,
    };
    make(path)
        .map(|file| (file, at(path, true)))
        .or_else(|err| {
            let as_it_is = private::read(path).map(|file| (file, at(path, false)));
            // Report the first error: it is the one that the user can fix.
            as_it_is
                .or_else(|_| {
                    let elsewhere = elsewhere(path)?;
                    Ok((make(&elsewhere)?, at(&elsewhere, true)))
                })
                .map_err(|_: io::Error| err)
        })
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
            .recursive(true)
            .create(parent)?;
    }
    private::file(path)
}

/// The path of the lock if its own directory cannot be written: a file in a directory of this user, with a name that
/// is derived from the original path.
fn elsewhere(path: &Path) -> io::Result<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    let parent = runtime.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = private::directory_in(&parent)?;
    let name = crate::project::hash(path.as_os_str().as_encoded_bytes());
    Ok(directory.join(format!("{name}.lock")))
}

/// A text that no other holder of a lock has, in this process or in any other.
pub(crate) fn new_token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{:x}-{count:x}", std::process::id(), now.as_nanos())
}

/// The file through which the holder of a lock is asked to stop. The file's name differs from the names of locks.
fn request_file(lock: &Path, token: &str) -> PathBuf {
    lock.with_file_name(format!("stop-{token}"))
}

/// Continues a process that is stopped, as by Ctrl-Z, so that it notices the request. The process must have the file
/// open, since the kernel may have given the number to another process. Only Linux says which process has a file
/// open.
#[cfg(target_os = "linux")]
pub(crate) fn wake_holder(number: u32, path: &Path) {
    use rustix::process::{Pid, Signal, kill_process};

    let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else {
        return;
    };
    let own = std::fs::canonicalize(path).ok();
    let files = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    let is_holder = files
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| own.is_some() && std::fs::read_link(file.path()).ok() == own);
    if is_holder {
        let _ = kill_process(pid, Signal::CONT);
    }
}

/// Other systems do not say which process has a file open.
#[cfg(not(target_os = "linux"))]
pub(crate) fn wake_holder(_number: u32, _path: &Path) {}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::thread::JoinHandle;

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
    async fn whoever_waits_can_be_interrupted_and_leaves_the_queue() {
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
        assert!(matches!(
            receiver.recv().await,
            Some(event::Event::Notice(event::Notice::Waiting { .. }))
        ));
        assert_eq!(queue::first_of(&path), None);
    }

    /// Waits on a thread of its own, and says so when it has the lock.
    fn wait_in_line(path: &Path, number: usize, order: &Arc<Mutex<Vec<usize>>>) -> JoinHandle<()> {
        let (path, order) = (path.to_owned(), Arc::clone(order));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let (events, _receiver) = Events::channel();
                let what = format!("run {number}");
                let lock = Lock::take(&path, &what, &events, &Shutdown::new()).await;
                order.lock().unwrap().push(number);
                lock.unwrap().release();
            });
        })
    }

    fn wait_until(so: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !so() {
            assert!(began.elapsed() < Duration::from_secs(30), "in vain");
            std::thread::yield_now();
        }
    }

    fn waiting(path: &Path) -> usize {
        let queue = path.with_file_name("queue-lock");
        let names = std::fs::read_dir(queue).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| !name.starts_with('.')).count()
    }

    #[test]
    fn those_who_wait_are_served_in_the_order_in_which_they_came() {
        const COUNT: usize = 40;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_take(&path, "up").unwrap();
        let order = Arc::default();
        let all: Vec<_> = (0..COUNT)
            .map(|number| {
                let waits = wait_in_line(&path, number, &order);
                wait_until(|| waiting(&path) == number + 1);
                waits
            })
            .collect();
        // Whoever will not wait does not come before them either, not even in the moment between two of them.
        assert!(matches!(
            Lock::try_take(&path, "down"),
            Err(Error::Busy { holder }) if holder.contains("`run 0`")
        ));
        first.release();
        for waits in all {
            waits.join().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..COUNT).collect::<Vec<_>>());
        assert_eq!(waiting(&path), 0);
        Lock::try_take(&path, "down").unwrap();
    }

    #[test]
    fn nobody_waits_for_one_that_was_killed_in_the_queue() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_take(&path, "up").unwrap();
        // What a killed process leaves: its file, and no lock on it.
        let queue = dir.path().join("queue-lock");
        std::fs::create_dir(&queue).unwrap();
        std::fs::write(queue.join("1"), "`run killed` (process 1)\n").unwrap();
        let order = Arc::default();
        let waits = wait_in_line(&path, 2, &order);
        let waits_there = || queue::first_of(&path).is_some_and(|note| note.contains("`run 2`"));
        wait_until(waits_there);
        first.release();
        waits.join().unwrap();
        assert_eq!(*order.lock().unwrap(), [2]);
    }

    #[test]
    fn a_queue_that_is_cleared_away_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_take(&path, "clean").unwrap();
        let order = Arc::default();
        let waits = wait_in_line(&path, 1, &order);
        wait_until(|| waiting(&path) == 1);
        assert!(is_waited_in(&dir.path().join("queue-lock")));
        std::fs::remove_dir_all(dir.path().join("queue-lock")).unwrap();
        wait_until(|| waiting(&path) == 1);
        // `clean` takes its own lock's file with it.
        first.remove();
        waits.join().unwrap();
        assert!(path.exists());
        assert!(!is_waited_in(&dir.path().join("queue-lock")));
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("lock"), dir.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let lock = Lock::try_take(&path, "run a").unwrap();
        assert!(Lock::try_take(&path, "run b").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        lock.release();
        std::fs::remove_file(elsewhere(&path).unwrap()).unwrap();
    }
}
