//! The processes that wait for a lock, in the order of their arrival: a directory with a numbered file for each of
//! them. A process keeps its file locked while it waits, so the file of a killed process no longer counts.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::private;

/// How many numbers a process tries when other processes take the same numbers at the same time.
const TRIES: usize = 1000;

/// A place in the queue. Dropping it gives the place up.
#[derive(Debug)]
pub(super) struct Ticket {
    queue: PathBuf,
    number: u64,
    /// How this process describes itself to the processes behind it.
    note: String,
    /// The file of the place, locked.
    file: File,
}

/// The state of a place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The place is the first one.
    Now,
    /// Other places are in front: how the process at the first of them describes itself, and how many there are at
    /// most.
    After(String, usize),
}

impl Ticket {
    /// Takes the next place in the queue of `lock`.
    pub(super) fn draw(lock: &Path, note: &str) -> io::Result<Ticket> {
        let made = make(&beside(lock), note);
        made.or_else(|_| make(&beside(&super::elsewhere(lock)?), note))
    }

    /// Whether the place is the first one. If another process deleted the place, a new place is taken.
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

/// How the first process that waits for `lock` describes itself.
pub(super) fn first_of(lock: &Path) -> Option<String> {
    let in_state = beside(lock);
    let found = first(&in_state, numbers(&in_state));
    found.map(|(note, _)| note)
}

/// Whether `directory` is a queue in which at least one process waits.
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
    // The file is locked before it has a name by which another process can find it.
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

/// The numbers in a queue, in ascending order.
fn numbers(queue: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(queue).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// How the first living process among `numbers` describes itself, and how many numbers there are from its own on.
/// Deletes the files of the dead processes before it.
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
