//! Looks at every file of a snapshot, on all processors, and reads those that changed.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Skipped;
use super::hash::{self, Hash};
use super::snapshot::{Content, Entry, Kind, ModeRule, Snapshot};
use super::stamp::Stamp;

/// How many files of one directory a thread takes at once, so that a directory with many is shared out.
const SHARE: usize = 64;
/// More threads than this only wait for the file system.
const MOST_THREADS: usize = 16;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Files that are not as the snapshot has them.
    pub entries: Vec<(usize, Entry)>,
    /// Directories that are not.
    directories: Vec<(usize, Stamp)>,
    /// What is left out.
    pub skipped: Vec<Skipped>,
    /// A directory changed, so that the listing is no longer true. Not everything was looked at then.
    pub is_stale: bool,
}

impl Findings {
    /// Puts what was found into the snapshot; returns whether anything is worth remembering.
    pub(super) fn apply(self, snapshot: &mut Snapshot) -> bool {
        let mut changed = vec![false; snapshot.directories.len()];
        let mut news = false;
        for (at, stamp) in self.directories {
            news |= snapshot.directories[at].stamp != stamp;
            snapshot.directories[at].stamp = stamp;
        }
        for (at, entry) in self.entries {
            let old = std::mem::replace(&mut snapshot.entries[at], entry);
            let same = (old.kind, old.hash, old.size) == (entry.kind, entry.hash, entry.size);
            if !same {
                let directory = snapshot
                    .directories
                    .partition_point(|directory| directory.entries.end <= at);
                changed[directory] = true;
            }
            news |= !same || old != entry;
        }
        snapshot.sum_up(&mut changed);
        news
    }
}

/// A directory and some of its files.
struct Share {
    directory: usize,
    entries: Range<usize>,
}

/// Whether the listing was made just now or comes from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// Just now: stamps of directories are taken.
    Now,
    /// Before: a directory with another stamp makes it stale.
    Before,
}

/// Looks at everything; `began` is when the scan did, before the listing was made.
pub(super) fn examine(
    snapshot: &Snapshot,
    root: BorrowedFd<'_>,
    began: i64,
    listed: Listed,
) -> Findings {
    let shares = shares(snapshot);
    let next = AtomicUsize::new(0);
    let stale = AtomicBool::new(false);
    let work = || {
        let mut examiner = Examiner {
            snapshot,
            root,
            began,
            listed,
            buffer: Vec::new(),
            findings: Findings::default(),
        };
        while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stale.load(Ordering::Relaxed) {
                break;
            }
            if examiner.share(share).is_err() {
                stale.store(true, Ordering::Relaxed);
            }
        }
        examiner.findings
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MOST_THREADS)
        .min(shares.len());
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(findings) => {
                    all.entries.extend(findings.entries);
                    all.directories.extend(findings.directories);
                    all.skipped.extend(findings.skipped);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.is_stale = stale.into_inner();
    all
}

fn shares(snapshot: &Snapshot) -> Vec<Share> {
    let mut shares = Vec::with_capacity(snapshot.directories.len());
    for (at, directory) in snapshot.directories.iter().enumerate() {
        let Range { start, end } = directory.entries;
        let mut first = start;
        loop {
            let last = end.min(first + SHARE);
            shares.push(Share {
                directory: at,
                entries: first..last,
            });
            first = last;
            if first >= end {
                break;
            }
        }
    }
    shares
}

/// The listing is stale.
struct Stale;

struct Examiner<'a> {
    snapshot: &'a Snapshot,
    root: BorrowedFd<'a>,
    began: i64,
    listed: Listed,
    buffer: Vec<u8>,
    findings: Findings,
}

impl Examiner<'_> {
    fn share(&mut self, share: &Share) -> Result<(), Stale> {
        let directory = &self.snapshot.directories[share.directory];
        let path = self.snapshot.path(directory);
        if share.entries.start == directory.entries.start {
            self.directory(share.directory, path)?;
        }
        if share.entries.is_empty() {
            return Ok(());
        }
        if path.is_empty() {
            self.entries(self.root, share);
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(self.root, path, flags, Mode::empty()) {
            Ok(opened) => self.entries(opened.as_fd(), share),
            Err(_) if self.listed == Listed::Before => return Err(Stale),
            Err(err) => {
                for at in share.entries.clone() {
                    let found = self.failed(at, &err.into());
                    self.found(at, found);
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, at: usize, path: &[u8]) -> Result<(), Stale> {
        let stat = if path.is_empty() {
            rustix::fs::fstat(self.root)
        } else {
            rustix::fs::statat(self.root, path, AtFlags::SYMLINK_NOFOLLOW)
        };
        let stamp = stat.map_or(Stamp::UNKNOWN, |stat| Stamp::of(&stat));
        match self.listed {
            Listed::Before if stamp == self.snapshot.directories[at].stamp => Ok(()),
            Listed::Before => Err(Stale),
            Listed::Now => {
                let stamp = stamp.settled(self.began);
                self.findings.directories.push((at, stamp));
                Ok(())
            }
        }
    }

    fn entries(&mut self, directory: BorrowedFd<'_>, share: &Share) {
        for at in share.entries.clone() {
            let entry = &self.snapshot.entries[at];
            let name = self.snapshot.get(entry.name);
            let found = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    let stamp = Stamp::of(&stat);
                    if stamp == entry.stamp {
                        if entry.is_doubtful {
                            // The file need not be read again for that.
                            let same = *entry;
                            self.found(at, same);
                        }
                        continue;
                    }
                    let kind = FileType::from_raw_mode(stat.st_mode);
                    self.look(directory, at, kind, stamp)
                        .unwrap_or_else(|err| self.failed(at, &err))
                }
                Err(err) => self.failed(at, &err.into()),
            };
            self.found(at, found);
        }
    }

    /// What a changed file is now.
    fn look(
        &mut self,
        directory: BorrowedFd<'_>,
        at: usize,
        kind: FileType,
        stamp: Stamp,
    ) -> io::Result<Entry> {
        let entry = &self.snapshot.entries[at];
        let name = self.snapshot.get(entry.name);
        let content = entry.rule.content;
        let mut is_doubtful = content.is_asked();
        let (kind, stamp, size, hash) = match kind {
            FileType::RegularFile if is_doubtful => {
                (mode(entry, stamp), stamp, stamp.size, Hash::default())
            }
            FileType::RegularFile => {
                self.buffer.resize(hash::PIECE, 0);
                let blob = hash::file(directory, name, &mut self.buffer)?;
                is_doubtful = content == Content::Lines && blob.has_return;
                (mode(entry, blob.stamp), blob.stamp, blob.size, blob.hash)
            }
            FileType::Symlink => {
                let (size, hash) = hash::link(directory, name)?;
                is_doubtful = content == Content::Pinned;
                (Kind::Link, stamp, size, hash)
            }
            FileType::Directory => {
                is_doubtful = false;
                (Kind::Absent, Stamp::UNKNOWN, 0, Hash::default())
            }
            other => return Ok(self.left_out(at, odd(other).to_owned())),
        };
        Ok(Entry {
            name: entry.name,
            kind,
            stamp: stamp.settled(self.began),
            size,
            hash,
            rule: entry.rule,
            was_asked: is_doubtful,
            is_stored: false,
            is_doubtful,
        })
    }

    /// A file that cannot be looked at: it is gone, or left out.
    fn failed(&mut self, at: usize, err: &io::Error) -> Entry {
        let gone = [Errno::NOENT, Errno::NOTDIR].map(Errno::raw_os_error);
        if err.raw_os_error().is_some_and(|code| gone.contains(&code)) {
            return self.without(at, Kind::Absent);
        }
        self.left_out(at, unreadable(err))
    }

    fn left_out(&mut self, at: usize, reason: String) -> Entry {
        let path = self.snapshot.path_at(at);
        self.findings.skipped.push(Skipped {
            path: PathBuf::from(std::ffi::OsStr::from_bytes(&path)),
            reason,
        });
        self.without(at, Kind::LeftOut)
    }

    /// An entry without content, which the next scan looks at again.
    fn without(&self, at: usize, kind: Kind) -> Entry {
        let Entry { name, rule, .. } = self.snapshot.entries[at];
        Entry {
            name,
            kind,
            stamp: Stamp::UNKNOWN,
            size: 0,
            hash: Hash::default(),
            rule,
            was_asked: false,
            is_stored: false,
            is_doubtful: false,
        }
    }

    fn found(&mut self, at: usize, entry: Entry) {
        self.findings.entries.push((at, entry));
    }
}

/// What a regular file is to Git.
fn mode(entry: &Entry, stamp: Stamp) -> Kind {
    match entry.rule.mode {
        // Git only asks whether the owner may execute a file.
        ModeRule::OfDisk if stamp.mode & 0o100 != 0 => Kind::Executable,
        ModeRule::Executable => Kind::Executable,
        ModeRule::OfDisk | ModeRule::File => Kind::File,
    }
}

/// Why something that is neither file, link nor directory is left out.
pub(super) fn odd(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "it is a named pipe",
        FileType::Socket => "it is a socket",
        _ => "it is a device",
    }
}

/// Why something that cannot be read is left out.
pub(super) fn unreadable(err: &io::Error) -> String {
    // Walking wraps the kernel's error into words with the whole path.
    let inner = err
        .get_ref()
        .and_then(|wrapped| wrapped.source()?.downcast_ref::<io::Error>());
    let text = inner.unwrap_or(err).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("it cannot be read: {text}")
}
