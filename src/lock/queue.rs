//! Who waits for a lock, in the order in which they came: a directory with a file for each of them, by number. A file
//! is locked for as long as its process waits, so that one whose process was killed counts no more.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::private;

/// How many numbers are tried when others take the same at the same time.
const TRIES: usize = 1000;

/// A place in the queue. It is given up when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    /// The directory of the queue.
    queue: PathBuf,
    number: u64,
    /// What is told to others.
    note: String,
    /// Carries the lock.
    file: File,
}

/// How it stands with a place in a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody came before.
    Now,
    /// Somebody did: what the first of them says, and how many there may be.
    After(String, usize),
}

impl Ticket {
    /// The next place in the queue for a lock.
    pub(super) fn draw(lock: &Path, note: &str) -> io::Result<Ticket> {
        let made = make(&beside(lock), note);
        made.or_else(|_| make(&beside(&super::elsewhere(lock)?), note))
    }

    /// Whether it is the first. A place that somebody has cleared away is taken anew.
    pub(super) fn turn(&mut self) -> Turn {
        let all = numbers(&self.queue);
        if !all.contains(&self.number)
            && let Ok(new) = make(&self.queue, &self.note)
        {
            *self = new;
        }
        let before = all.into_iter().filter(|number| *number < self.number);
        first(&self.queue, before.collect())
            .map_or(Turn::Now, |(note, count)| Turn::After(note, count))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let path = path_of(&self.queue, self.number);
        if private::is_at(&self.file, &path) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What the first one says who waits for a lock.
pub(super) fn first_of(lock: &Path) -> Option<String> {
    let in_state = beside(lock);
    let found = first(&in_state, numbers(&in_state));
    found.map(|(note, _)| note)
}

/// Whether it is the directory of a queue in which somebody waits.
pub(super) fn is_waited_in(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(PREFIX) && first(directory, numbers(directory)).is_some()
}

const PREFIX: &str = "queue-";

fn beside(lock: &Path) -> PathBuf {
    let name = lock.file_stem().unwrap_or_default().to_string_lossy();
    lock.with_file_name(format!("{PREFIX}{name}"))
}

fn path_of(queue: &Path, number: u64) -> PathBuf {
    queue.join(number.to_string())
}

fn make(queue: &Path, note: &str) -> io::Result<Ticket> {
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .recursive(true)
        .create(queue)?;
    // It has its lock before anybody can find it.
    let new = tempfile::Builder::new().prefix(".").tempfile_in(queue)?;
    writeln!(new.as_file(), "{note}")?;
    flock(new.as_file(), FlockOperation::NonBlockingLockExclusive)?;
    let (file, path) = new.into_parts();
    let mut number = numbers(queue).last().map_or(1, |last| last + 1);
    for _ in 0..TRIES {
        match std::fs::hard_link(&path, path_of(queue, number)) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(err) => return Err(err),
            Ok(()) => {
                return Ok(Ticket {
                    queue: queue.to_owned(),
                    number,
                    note: note.to_owned(),
                    file,
                });
            }
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// The numbers in a queue, in order.
fn numbers(queue: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(queue).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The first of some that is alive, and how many there are from it on. Those before it are cleared away.
fn first(queue: &Path, numbers: Vec<u64>) -> Option<(String, usize)> {
    let count = numbers.len();
    for (at, number) in numbers.into_iter().enumerate() {
        let path = path_of(queue, number);
        let Ok(mut file) = private::read(&path) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
            if private::is_at(&file, &path) {
                let _ = std::fs::remove_file(&path);
            }
            continue;
        }
        let mut note = String::new();
        let _ = file.read_to_string(&mut note);
        return Some((note.trim().to_owned(), count - at));
    }
    None
}
