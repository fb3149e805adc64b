//! The list of what an archive holds.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// Everything on the mounts, by path relative to the app's root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index(pub BTreeMap<String, Entry>);

/// A file, a directory or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Its permissions. Those of a link mean nothing and are 0.
    pub mode: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// A file.
    File {
        /// In bytes.
        size: u64,
        /// SHA-1 of its content, in hexadecimal.
        content: String,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link {
        /// What it points at.
        target: String,
    },
    /// A pipe or the like.
    Other,
}

/// How an entry differs from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is something else, or has another content or other permissions.
    Modified,
    /// It is not there any more.
    Deleted,
}

impl Change {
    /// Git's letter for it.
    pub fn letter(self) -> char {
        match self {
            Change::Added => 'A',
            Change::Modified => 'M',
            Change::Deleted => 'D',
        }
    }
}

/// One difference between two states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What became of it.
    pub change: Change,
    /// The path, relative to the app's root. That of a directory ends with a slash.
    pub path: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /{}", self.change.letter(), self.path)
    }
}

impl Index {
    /// Reads a tar archive to its very end.
    pub fn of_archive(archive: impl Read) -> io::Result<Index> {
        let mut archive = tar::Archive::new(archive);
        let mut index = Index::default();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = name(&entry.path_bytes());
            let mode = entry.header().mode()? & 0o7777;
            let kind = match entry.header().entry_type() {
                tar::EntryType::Directory => Kind::Directory,
                tar::EntryType::Symlink => Kind::Link {
                    target: entry
                        .link_name_bytes()
                        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                        .unwrap_or_default(),
                },
                // A further name of a file that came before.
                tar::EntryType::Link => {
                    let first = entry.link_name_bytes().map(|bytes| name(&bytes));
                    let known = first.and_then(|first| index.0.get(&first));
                    known.map_or(Kind::Other, |entry| entry.kind.clone())
                }
                kind if kind.is_file() => {
                    let mut hash = Sha1::new();
                    let size = io::copy(&mut entry, &mut hash)?;
                    Kind::File {
                        size,
                        content: format!("{:x}", hash.finalize()),
                    }
                }
                _ => Kind::Other,
            };
            let mode = match kind {
                Kind::Link { .. } => 0,
                _ => mode,
            };
            index.0.insert(path, Entry { kind, mode });
        }
        // What fills up the last record belongs to the archive too.
        io::copy(&mut archive.into_inner(), &mut io::sink())?;
        Ok(index)
    }

    /// How many files there are, and how many bytes they hold.
    pub fn size(&self) -> (u64, u64) {
        self.0
            .values()
            .fold((0, 0), |(files, bytes), entry| match &entry.kind {
                Kind::File { size, .. } => (files + 1, bytes + size),
                _ => (files, bytes),
            })
    }
}

/// Without the slash at the end of a directory and the dot in front.
fn name(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let path: PathBuf = PathBuf::from(text.as_ref()).components().collect();
    let text = path.to_string_lossy().into_owned();
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

/// What is different now, in the order of paths. A file that was written again with the same content is not different.
pub fn compare(before: &Index, now: &Index) -> Vec<Difference> {
    let difference = |change, path: &String, entry: &Entry| Difference {
        change,
        path: match entry.kind {
            Kind::Directory => format!("{path}/"),
            _ => path.clone(),
        },
    };
    let mut all: Vec<Difference> = Vec::new();
    for (path, entry) in &before.0 {
        match now.0.get(path) {
            None => all.push(difference(Change::Deleted, path, entry)),
            Some(other) if other != entry => all.push(difference(Change::Modified, path, other)),
            Some(_) => {}
        }
    }
    for (path, entry) in &now.0 {
        if !before.0.contains_key(path) {
            all.push(difference(Change::Added, path, entry));
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}
