//! What has changed from one tree to a later one, and an archive of that: for a copy of the files that follows the
//! repository.
//!
//! The archive holds what the later tree says, or nothing: a file that has changed since the tree was read is left
//! out and named, because half of it may be written yet.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use super::archive::{self, Archive};
use super::hash;
use super::snapshot::{Entry, Kind, split};
use super::stored::Blobs;
use super::{Error, Tree, plain};

/// Files with more bytes are packed without a look at their content.
const LARGE: u64 = 64 * 1024 * 1024;

/// What makes a copy of the older tree one of the later tree. Paths are relative to the directory of both. They are
/// to be carried out in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and links that are gone, or that something new takes the place of.
    pub removed: Vec<Vec<u8>>,
    /// Directories that a file takes the place of: they go with everything in them.
    pub replaced: Vec<Vec<u8>>,
    /// Directories in which nothing of the tree is left, each after those below it. They may hold other files.
    pub emptied: Vec<Vec<u8>>,
    /// Files and links to write.
    pub written: Vec<Vec<u8>>,
    /// How many files and links are gone.
    pub deleted: usize,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.written.is_empty()
    }

    /// All paths that came, changed or went.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.removed.iter().chain(&self.written).map(Vec::as_slice)
    }
}

/// The two trees, and where the common directory is in each.
struct Pair<'a> {
    old: &'a Tree,
    new: &'a Tree,
    /// How much of a path leads to the directory.
    begin: usize,
}

impl Tree {
    /// What has changed below the directory `root` since `before`. Files of `again` are written also if they have
    /// not changed.
    pub fn changes_since(&self, before: &Tree, root: &str, again: &BTreeSet<Vec<u8>>) -> Changes {
        let above = plain(root).len();
        let pair = Pair {
            old: before,
            new: self,
            begin: if above == 0 { 0 } else { above + 1 },
        };
        let mut changes = Changes::default();
        pair.find_gone(root, &mut changes);
        pair.find_new(root, again, &mut changes);
        changes
    }

    /// Divides files below the directory `root` so that each part has at most this many bytes, or one file. There is
    /// at least one part.
    pub(crate) fn batches(&self, root: &str, paths: &[Vec<u8>], most: u64) -> Vec<Vec<Vec<u8>>> {
        let root = plain(root);
        let mut batches = vec![Vec::new()];
        let mut size = 0;
        for path in paths {
            let whole = super::snapshot::join(root.as_bytes(), path);
            let own = self.snapshot.find(&whole).map_or(0, |entry| entry.size);
            if size > 0 && size + own > most {
                batches.push(Vec::new());
                size = 0;
            }
            size += own;
            if let Some(last) = batches.last_mut() {
                last.push(path.clone());
            }
        }
        batches
    }

    /// Writes an archive of some files below the directory `root`, owned by `uid` and `gid`. Names stand below
    /// `above`, which ends with a slash; with it, the archive holds the directories of the files too. Returns the
    /// files that are not in it, because they have changed since this tree was read.
    pub(crate) fn write_changes(
        &self,
        (root, above): (&str, &str),
        paths: &[Vec<u8>],
        (uid, gid): (u32, u32),
        out: &mut dyn Write,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let root = plain(root);
        let whole = |path: &[u8]| super::snapshot::join(root.as_bytes(), path);
        let mut wanted = Vec::new();
        for path in paths {
            if let Some(entry) = self.snapshot.find(&whole(path)) {
                wanted.push((path, *entry));
            }
        }
        let stored: Vec<_> = wanted
            .iter()
            .filter(|(_, entry)| entry.is_stored)
            .map(|(path, entry)| (whole(path), entry.hash))
            .collect();
        let mut blobs =
            Blobs::open(&self.git, &self.root, &stored).map_err(|source| Error::File {
                path: self.root.clone(),
                source,
            })?;
        let mut archive = Archive::new(out, uid, gid, 0);
        let mut moved = Vec::new();
        let mut made = BTreeSet::new();
        for (path, entry) in wanted {
            let full = whole(path);
            let name = [above.as_bytes(), path].concat();
            if !above.is_empty() {
                archive.parents(above, path, &mut made)?;
            }
            if entry.is_stored {
                archive.stored(&entry, &name, &full, &mut blobs, &self.root)?;
            } else if !self.pack(&entry, &name, &full, &mut archive)? {
                moved.push(path.clone());
            }
        }
        archive.end()?;
        Ok(moved)
    }

    /// Packs a file as it lies there, unless it is no longer what the tree says.
    fn pack(
        &self,
        entry: &Entry,
        name: &[u8],
        full: &[u8],
        archive: &mut Archive<'_>,
    ) -> Result<bool, Error> {
        let path = self.root.join(OsStr::from_bytes(full));
        match entry.kind {
            Kind::File | Kind::Executable if entry.size <= LARGE => {
                let mut content = Vec::new();
                let read = archive::open(&path).and_then(|file| {
                    // One byte more tells that the file has grown.
                    file.take(entry.size + 1).read_to_end(&mut content)
                });
                if read.is_err() || hash::blob(&content) != entry.hash {
                    return Ok(false);
                }
                archive.bytes(entry, name, &content)?;
                Ok(true)
            }
            _ => match archive.entry(entry, name, &path) {
                Ok(()) => Ok(true),
                Err(Error::File { source, .. }) if is_other(&source) => Ok(false),
                Err(err) => Err(err),
            },
        }
    }
}

/// Whether a file has gone, or is something else now.
fn is_other(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::Other
    )
}

impl Pair<'_> {
    fn relative<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        path.get(self.begin..).unwrap_or_default()
    }

    /// Whether a directory is the same in both, with everything below it.
    fn is_same(&self, path: &[u8]) -> bool {
        let id = |tree: &Tree| {
            let at = tree.snapshot.find_directory(path)?;
            tree.snapshot.directories[at].id
        };
        matches!((id(self.old), id(self.new)), (Some(old), Some(new)) if old == new)
    }

    fn find_gone(&self, root: &str, changes: &mut Changes) {
        let (old, new) = (&self.old.snapshot, &self.new.snapshot);
        let Some(top) = self.old.directory(root) else {
            return;
        };
        for directory in &old.directories[old.subtree(top)] {
            let path = old.path(directory);
            if directory.id.is_none() || self.is_same(path) {
                continue;
            }
            for entry in &old.entries[directory.entries.clone()] {
                let path = old.entry_path(directory, entry);
                if entry.kind.is_there() && new.find(&path).is_none() {
                    changes.removed.push(self.relative(&path).to_vec());
                    changes.deleted += 1;
                }
            }
            let at = new.find_directory(path);
            let is_left = at.is_some_and(|at| new.directories[at].id.is_some());
            let relative = self.relative(path);
            // A file in place of the directory is one that replaces it.
            if !is_left && !relative.is_empty() && new.find(path).is_none() {
                changes.emptied.push(relative.to_vec());
            }
        }
        changes.emptied.reverse();
    }

    fn find_new(&self, root: &str, again: &BTreeSet<Vec<u8>>, changes: &mut Changes) {
        let (old, new) = (&self.old.snapshot, &self.new.snapshot);
        let Some(top) = self.new.directory(root) else {
            return;
        };
        let directories_of_again: BTreeSet<&[u8]> =
            again.iter().map(|path| split(path).0).collect();
        for directory in &new.directories[new.subtree(top)] {
            let path = new.path(directory);
            let has_again = directories_of_again.contains(self.relative(path));
            if directory.id.is_none() || (self.is_same(path) && !has_again) {
                continue;
            }
            for entry in &new.entries[directory.entries.clone()] {
                let path = new.entry_path(directory, entry);
                let relative = self.relative(&path);
                if !entry.kind.is_there() {
                    continue;
                }
                let known = old.find(&path);
                let is_same =
                    known.is_some_and(|known| known.hash == entry.hash && known.kind == entry.kind);
                if is_same && !again.contains(relative) {
                    continue;
                }
                // A regular file is written in place. Whatever else may stand there goes first: a link would lead
                // elsewhere, and a file of the build may not be writable.
                let in_place = |known: &Entry| known.kind == entry.kind && entry.kind != Kind::Link;
                if !known.is_some_and(in_place) {
                    changes.removed.push(relative.to_vec());
                }
                let at = old.find_directory(&path);
                if at.is_some_and(|at| old.directories[at].id.is_some()) {
                    changes.replaced.push(relative.to_vec());
                }
                changes.written.push(relative.to_vec());
            }
        }
    }
}
