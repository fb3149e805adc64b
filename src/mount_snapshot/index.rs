//! The list of what is on mounts, and what is different between two of them.

use crate::event::{Change, Difference};
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything on the mounts, by path relative to the app's root. In paths and targets a backslash is `\\`, and a byte
/// that is not UTF-8 is like `\xff`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index(pub BTreeMap<String, Entry>);

/// A file, a directory or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// The permissions. A link has none, and 0 here.
    pub mode: u32,
    /// What is not shown as a difference.
    #[serde(flatten)]
    pub stat: Stat,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    File {
        /// In bytes.
        size: u64,
        /// SHA-1 of its content, in hexadecimal; where that has whole megabytes of zeros, of the rest and of where they
        /// are.
        content: String,
    },
    Directory,
    /// A symbolic link.
    Link {
        /// What it points at.
        target: String,
    },
    /// A named pipe.
    Pipe,
    /// A file that its owner may not read.
    LockedFile {
        /// In bytes.
        size: u64,
    },
    /// A directory that its owner may not list or enter. What is in it is not known.
    LockedDirectory,
    /// A socket or the like, or a file that was gone before it could be read. It cannot be put back.
    Other,
}

impl Kind {
    /// Whether others can be in it.
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self, Kind::Directory | Kind::LockedDirectory)
    }
}

/// What the file system says of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// When it was modified, in seconds with nanoseconds.
    pub modified: String,
    /// When the file was last changed in any way (ctime, which only the kernel sets). `None` if it changed so
    /// shortly before the list was made that a later change could have the same time.
    pub changed: Option<String>,
    /// The file system that it is on.
    pub device: u64,
    /// The inode number on that file system.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
}

impl Index {
    /// How many files there are, and how many bytes they hold.
    pub fn size(&self) -> (u64, u64) {
        self.0
            .values()
            .fold((0, 0), |(files, bytes), entry| match &entry.kind {
                Kind::File { size, .. } | Kind::LockedFile { size } => (files + 1, bytes + size),
                _ => (files, bytes),
            })
    }

    /// Whether it is in a directory of which nothing is known but that it is there.
    pub(super) fn hides(&self, path: &str) -> bool {
        ancestors(path).any(|above| {
            self.0
                .get(above)
                .is_some_and(|entry| entry.kind == Kind::LockedDirectory)
        })
    }
}

/// The directories that a path is in.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether there is nothing to put back. More has to be the same for this than for nothing to be shown: also when
/// files were modified, and which of them are one file.
pub fn is_same(before: &Index, now: &Index) -> bool {
    unlike(before, now).is_empty()
}

/// The paths of what is to be put back. What is in a directory of which nothing was known is not.
pub fn unlike<'a>(before: &'a Index, now: &'a Index) -> Vec<&'a str> {
    let joined = joined(before, now);
    let changed = before.0.iter().filter(|(path, was)| {
        let is_same = now.0.get(*path).is_some_and(|is| {
            was.is_as(is)
                && was.stat.modified == is.stat.modified
                && !joined.contains(path.as_str())
        });
        was.kind != Kind::Other && !is_same
    });
    let added = now.0.iter().filter(|(path, is)| {
        is.kind != Kind::Other && !before.0.contains_key(*path) && !before.hides(path)
    });
    changed
        .chain(added)
        .map(|(path, _)| path.as_str())
        .collect()
}

/// The files that are one file now with what they were not one file with before. The one whose name the file had is
/// none of them.
pub(super) fn joined<'a>(before: &'a Index, now: &Index) -> BTreeSet<&'a str> {
    let mut files: BTreeMap<(u64, u64), Vec<(&str, &Stat)>> = BTreeMap::new();
    for (path, was) in &before.0 {
        let is_shared = |is: &&Entry| is.stat.links > 1 && !is.kind.is_directory();
        if let (Kind::File { .. }, Some(is)) = (&was.kind, now.0.get(path).filter(is_shared)) {
            files
                .entry((is.stat.device, is.stat.inode))
                .or_default()
                .push((path, &was.stat));
        }
    }
    let mut joined = BTreeSet::new();
    for ((_, inode), names) in files {
        let mut were = names.iter().map(|(_, was)| (was.device, was.inode));
        let first = were.next();
        if were.any(|other| Some(other) != first) {
            let moved = names.iter().filter(|(_, was)| was.inode != inode);
            joined.extend(moved.map(|(path, _)| *path));
        }
    }
    joined
}

impl Entry {
    /// Whether content and permissions are the same.
    pub(super) fn is_as(&self, other: &Entry) -> bool {
        self.kind == other.kind && self.mode == other.mode
    }
}

/// What is different now, in the order of paths. A file that was written again with the same content is not different,
/// and nothing is said of what cannot be seen in a directory.
pub fn compare(before: &Index, now: &Index) -> Vec<Difference> {
    let difference = |change, path: &String, entry: &Entry| Difference {
        change,
        path: if entry.kind.is_directory() {
            format!("{path}/")
        } else {
            path.clone()
        },
    };
    let joined = joined(before, now);
    let mut all: Vec<Difference> = Vec::new();
    for (path, entry) in &before.0 {
        match now.0.get(path) {
            None if now.hides(path) => {}
            None => all.push(difference(Change::Deleted, path, entry)),
            Some(other) if !other.is_as(entry) || joined.contains(path.as_str()) => {
                all.push(difference(Change::Modified, path, other));
            }
            Some(_) => {}
        }
    }
    for (path, entry) in &now.0 {
        if !before.0.contains_key(path) && !before.hides(path) {
            all.push(difference(Change::Added, path, entry));
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}
