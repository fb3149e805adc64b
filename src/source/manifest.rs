//! A list of the files of a tree, for a copy of the tree that is kept elsewhere: with it, what the copy needs to become
//! a later tree is known without a look at the copy.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use super::Tree;
use super::git::Git;
use super::hash::Hash;
use super::snapshot::{Kind, Snapshot, split};

/// The first line: the version of the list.
const VERSION: &str = "files 1";

/// What a path may not have in a line.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

impl Tree {
    /// Lists the files below a directory: a line each with Git's mode and id, and the path in the repository.
    pub(crate) fn manifest(&self, root: &str) -> String {
        let mut text = format!("{VERSION}\n");
        let snapshot = &self.snapshot;
        let Some(top) = self.directory(root) else {
            return text;
        };
        for directory in &snapshot.directories[snapshot.subtree(top)] {
            for entry in &snapshot.entries[directory.entries.clone()] {
                if entry.kind.is_there() {
                    let path = snapshot.entry_path(directory, entry);
                    let path = percent_encode(&path, ESCAPED);
                    let mode = entry.kind.mode();
                    text.push_str(&format!("{mode} {} {path}\n", super::TreeId(entry.hash)));
                }
            }
        }
        text
    }

    /// A tree without files, for comparisons only.
    pub(crate) fn nothing() -> Tree {
        Tree::of_snapshot(Snapshot::build(&[], &[], &HashMap::new()))
    }

    /// The tree of such a list, for comparisons only. `None` if the text is no such list.
    pub(crate) fn of_manifest(text: &str) -> Option<Tree> {
        let mut lines = text.lines();
        if lines.next()? != VERSION || !text.ends_with('\n') {
            return None;
        }
        let mut known: HashMap<Vec<u8>, (Kind, Hash)> = HashMap::new();
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let kind = kind(parts.next()?)?;
            let hash = hash(parts.next()?)?;
            let path: Vec<u8> = percent_decode_str(parts.next()?).collect();
            known.insert(path, (kind, hash));
        }
        let mut directories: BTreeSet<Vec<u8>> = BTreeSet::new();
        for path in known.keys() {
            let mut directory = split(path).0;
            while !directory.is_empty() && directories.insert(directory.to_vec()) {
                directory = split(directory).0;
            }
        }
        let files: Vec<Vec<u8>> = known.keys().cloned().collect();
        let directories: Vec<Vec<u8>> = directories.into_iter().collect();
        let mut snapshot = Snapshot::build(&files, &directories, &HashMap::new());
        for directory in snapshot.directories.clone() {
            for at in directory.entries.clone() {
                let path = snapshot.entry_path(&directory, &snapshot.entries[at]);
                if let Some((kind, hash)) = known.get(&path) {
                    snapshot.entries[at].kind = *kind;
                    snapshot.entries[at].hash = *hash;
                }
            }
        }
        snapshot.sum_up(&mut vec![true; snapshot.directories.len()]);
        Some(Tree::of_snapshot(snapshot))
    }

    fn of_snapshot(snapshot: Snapshot) -> Tree {
        Tree {
            root: PathBuf::new(),
            snapshot,
            skipped: Vec::new(),
            deciding: Vec::new(),
            git: Git::of_process(),
            untold: Vec::new(),
        }
    }
}

fn kind(mode: &str) -> Option<Kind> {
    let all = [Kind::File, Kind::Executable, Kind::Link];
    all.into_iter().find(|kind| kind.mode() == mode)
}

fn hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}
