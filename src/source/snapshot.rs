//! The files of a repository in memory: directories in Git's order, each with its files, their stamps and ids.
//!
//! All names lie in one buffer; a repository of 20,000 files takes a few megabytes.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::hash::{self, Hash};
use super::stamp::Stamp;

/// A piece of the snapshot's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    pub start: u32,
    pub length: u32,
}

/// What a file is to Git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Git has it, the disk has not: as if it were deleted.
    Absent,
    File,
    Executable,
    Link,
    /// Neither a file nor a link, or unreadable.
    LeftOut,
}

impl Kind {
    /// Whether it is part of the tree.
    pub(super) fn is_there(self) -> bool {
        !matches!(self, Kind::Absent | Kind::LeftOut)
    }

    pub(super) fn mode(self) -> &'static str {
        match self {
            Kind::Executable => "100755",
            Kind::Link => "120000",
            Kind::Absent | Kind::File | Kind::LeftOut => "100644",
        }
    }
}

/// How the bytes of a file become those that Git stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Content {
    /// The bytes on the disk are those that Git stores.
    #[default]
    Plain,
    /// The bytes on the disk are those that Git stores, unless they hold a carriage return.
    Lines,
    /// Git has to be asked.
    Git,
    /// The same; it is a file of Git LFS.
    Lfs,
    /// Git has to be asked, and does not run the file's filter, as only the repository's configuration defines that.
    Blocked,
    /// The same; it is a file of Git LFS.
    BlockedLfs,
    /// The index marks the file as unchanged.
    Pinned,
}

impl Content {
    /// Whether nothing can be said without Git.
    pub(super) fn is_asked(self) -> bool {
        !matches!(self, Content::Plain | Content::Lines)
    }
}

/// Who says whether a file is executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ModeRule {
    #[default]
    OfDisk,
    /// Not executable, whatever the disk says.
    File,
    /// Executable.
    Executable,
}

/// How a file becomes what Git stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rule {
    pub content: Content,
    pub mode: ModeRule,
}

/// A file or symbolic link, as Git stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: Text,
    pub kind: Kind,
    /// The stamp of the file on the disk.
    pub stamp: Stamp,
    pub size: u64,
    pub hash: Hash,
    pub rule: Rule,
    /// Whether Git was asked what it stores.
    pub was_asked: bool,
    /// Whether that is something else than what lies there.
    pub is_stored: bool,
    /// Whether Git is still to be asked.
    pub is_doubtful: bool,
}

/// A directory that was listed, whether Git deploys something of it or not.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    /// Relative to the repository, without a slash at the end; empty for the repository itself.
    pub path: Text,
    pub stamp: Stamp,
    /// The files directly in it.
    pub entries: Range<usize>,
    /// Its tree id; `None` if the directory is empty or the id is not computed yet.
    pub id: Option<Hash>,
    /// How many files are below.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
}

/// The whole.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub text: Vec<u8>,
    /// Each after its parent and before its parent's next sibling.
    pub directories: Vec<Directory>,
    pub entries: Vec<Entry>,
}

/// Where a path splits into directory and name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// Git sorts a directory as if its name ended with a slash; so what is below it stays together.
pub(super) fn directory_order(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    a.iter().chain(b"/").cmp(b.iter().chain(b"/"))
}

impl Snapshot {
    /// The snapshot of a listing, with nothing known of its files yet. Files in a directory that was not
    /// listed are not there: the directory is gone, or something else has its name.
    pub(super) fn build(
        files: &[Vec<u8>],
        directories: &[Vec<u8>],
        rules: &HashMap<Vec<u8>, Rule>,
    ) -> Snapshot {
        let mut all: HashSet<&[u8]> = directories.iter().map(Vec::as_slice).collect();
        all.insert(b"");
        let mut below: HashMap<&[u8], Vec<&[u8]>> = HashMap::with_capacity(all.len());
        for path in files {
            let (directory, name) = split(path);
            if all.contains(directory) && !all.contains(path.as_slice()) {
                below.entry(directory).or_default().push(name);
            }
        }
        let mut sorted: Vec<&[u8]> = all.iter().copied().collect();
        sorted.sort_unstable_by(|a, b| directory_order(a, b));
        let mut snapshot = Snapshot::default();
        for path in sorted {
            // Parents come first, so one that is not there any more is known by now.
            if !path.is_empty() && !all.contains(split(path).0) {
                all.remove(path);
                continue;
            }
            let first = snapshot.entries.len();
            let mut names = below.remove(path).unwrap_or_default();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let rule = if rules.is_empty() {
                    None
                } else {
                    rules.get(&join(path, name))
                };
                let name = snapshot.keep(name);
                snapshot.entries.push(Entry {
                    name,
                    kind: Kind::Absent,
                    stamp: Stamp::UNKNOWN,
                    size: 0,
                    hash: Hash::default(),
                    rule: rule.copied().unwrap_or_default(),
                    was_asked: false,
                    is_stored: false,
                    is_doubtful: false,
                });
            }
            let path = snapshot.keep(path);
            snapshot.directories.push(Directory {
                path,
                stamp: Stamp::UNKNOWN,
                entries: first..snapshot.entries.len(),
                id: None,
                files: 0,
                bytes: 0,
            });
        }
        snapshot
    }

    fn keep(&mut self, text: &[u8]) -> Text {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(text);
        Text {
            start,
            length: u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }

    /// The bytes of a text.
    pub(super) fn get(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        self.text
            .get(start..start + text.length as usize)
            .unwrap_or_default()
    }

    /// A directory's path.
    pub(super) fn path(&self, directory: &Directory) -> &[u8] {
        self.get(directory.path)
    }

    /// A file's path.
    pub(super) fn entry_path(&self, directory: &Directory, entry: &Entry) -> Vec<u8> {
        join(self.path(directory), self.get(entry.name))
    }

    /// The path of the file that stands at a place.
    pub(super) fn path_at(&self, at: usize) -> Vec<u8> {
        let directory = self
            .directories
            .partition_point(|directory| directory.entries.end <= at);
        self.entry_path(&self.directories[directory], &self.entries[at])
    }

    /// Where a directory stands.
    pub(super) fn find_directory(&self, path: &[u8]) -> Option<usize> {
        self.directories
            .binary_search_by(|directory| directory_order(self.path(directory), path))
            .ok()
    }

    /// A file, if it is part of the tree.
    pub(super) fn find(&self, path: &[u8]) -> Option<&Entry> {
        let (directory, name) = split(path);
        let directory = &self.directories[self.find_directory(directory)?];
        let entries = &self.entries[directory.entries.clone()];
        let at = entries
            .binary_search_by(|entry| self.get(entry.name).cmp(name))
            .ok()?;
        entries[at].kind.is_there().then_some(&entries[at])
    }

    /// The directories at and below one, by where they stand.
    pub(super) fn subtree(&self, top: usize) -> Range<usize> {
        let path = self.path(&self.directories[top]);
        let count = self.directories[top..]
            .iter()
            .take_while(|directory| is_below(self.path(directory), path))
            .count();
        top..top + count
    }

    /// Takes over what an older snapshot knows of the same files. What Git said of them holds as long as nothing that
    /// decides it has changed.
    pub(super) fn adopt(&mut self, old: &Snapshot, holds: bool) {
        for at in 0..self.directories.len() {
            let range = self.directories[at].entries.clone();
            let Some(known) = old.find_directory(self.path(&self.directories[at])) else {
                continue;
            };
            let mut known = old.entries[old.directories[known].entries.clone()]
                .iter()
                .peekable();
            for entry in range {
                let name = self.get(self.entries[entry].name);
                while known.next_if(|known| old.get(known.name) < name).is_some() {}
                if let Some(same) = known.next_if(|known| old.get(known.name) == name) {
                    let Entry { name, rule, .. } = self.entries[entry];
                    if same.rule == rule {
                        let is_doubtful = same.was_asked && !holds;
                        self.entries[entry] = Entry {
                            name,
                            is_doubtful,
                            ..*same
                        };
                    }
                }
            }
        }
    }

    /// Works out ids and sums of the directories in which something changed, and of those above them.
    pub(super) fn sum_up(&mut self, changed: &mut [bool]) {
        const NONE: usize = usize::MAX;
        let count = self.directories.len();
        let mut parents = Vec::with_capacity(count);
        let mut above: Vec<usize> = Vec::new();
        for (at, directory) in self.directories.iter().enumerate() {
            let path = self.path(directory);
            while above
                .last()
                .is_some_and(|parent| !is_below(path, self.path(&self.directories[*parent])))
            {
                above.pop();
            }
            parents.push(above.last().copied().unwrap_or(NONE));
            above.push(at);
        }
        let mut first_child = vec![NONE; count];
        let mut next_sibling = vec![NONE; count];
        let mut body = Vec::new();
        // Children come after their parents, so they are done first this way round.
        for at in (0..count).rev() {
            if changed[at] {
                let mut children = Vec::new();
                let mut child = first_child[at];
                while child != NONE {
                    children.push(child);
                    child = next_sibling[child];
                }
                self.sum_up_one(at, &children, &mut body);
            }
            if let Some(parent) = parents.get(at).copied().filter(|parent| *parent != NONE) {
                next_sibling[at] = first_child[parent];
                first_child[parent] = at;
                changed[parent] |= changed[at];
            }
        }
    }

    fn sum_up_one(&mut self, at: usize, children: &[usize], body: &mut Vec<u8>) {
        let directory = &self.directories[at];
        let (mut files, mut bytes) = (0, 0);
        for entry in &self.entries[directory.entries.clone()] {
            if entry.kind.is_there() {
                files += 1;
                bytes += entry.size;
            }
        }
        for child in children {
            let child = &self.directories[*child];
            if child.id.is_some() {
                files += child.files;
                bytes += child.bytes;
            }
        }
        let id = self.tree_of(at, children, body);
        let directory = &mut self.directories[at];
        directory.id = id;
        directory.files = files;
        directory.bytes = bytes;
    }

    /// The tree id of a directory with these children; `None` when nothing is in it.
    fn tree_of(&self, at: usize, children: &[usize], body: &mut Vec<u8>) -> Option<Hash> {
        self.tree_without(at, children, &[], body)
    }

    /// The tree without some of its files.
    fn tree_without(
        &self,
        at: usize,
        children: &[usize],
        left_out: &[&[u8]],
        body: &mut Vec<u8>,
    ) -> Option<Hash> {
        let directory = &self.directories[at];
        let depth = self.path(directory).len();
        let mut items: Vec<(&[u8], &str, &Hash)> = Vec::new();
        for entry in &self.entries[directory.entries.clone()] {
            let name = self.get(entry.name);
            if entry.kind.is_there() && !left_out.contains(&name) {
                items.push((name, entry.kind.mode(), &entry.hash));
            }
        }
        for child in children {
            let child = &self.directories[*child];
            if let Some(id) = &child.id {
                // A listed directory's parent is listed too, so what follows is one name.
                let name = &self.path(child)[if depth == 0 { 0 } else { depth + 1 }..];
                items.push((name, "40000", id));
            }
        }
        let end = |mode: &str| if mode == "40000" { &b"/"[..] } else { b"" };
        items.sort_by(|a, b| {
            let a = a.0.iter().chain(end(a.1));
            a.cmp(b.0.iter().chain(end(b.1)))
        });
        body.clear();
        for (name, mode, hash) in &items {
            body.extend_from_slice(mode.as_bytes());
            body.push(b' ');
            body.extend_from_slice(name);
            body.push(0);
            body.extend_from_slice(*hash);
        }
        (!items.is_empty()).then(|| hash::tree(body))
    }

    /// The tree id that the repository would have without some of the files and directories at its top.
    pub(super) fn id_without(&self, left_out: &[&[u8]]) -> Option<Hash> {
        let at = self.find_directory(b"")?;
        let children: Vec<usize> = (0..self.directories.len())
            .filter(|child| {
                let path = self.path(&self.directories[*child]);
                !path.is_empty() && !path.contains(&b'/') && !left_out.contains(&path)
            })
            .collect();
        self.tree_without(at, &children, left_out, &mut Vec::new())
    }
}

/// Whether `path` is `top` or below it.
fn is_below(path: &[u8], top: &[u8]) -> bool {
    top.is_empty()
        || path
            .strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// A name in a directory.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    [directory, b"/", name].concat()
}
