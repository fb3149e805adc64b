//! Which mounts an operation needs, from what it wrote where it could write everywhere. Pure.
//!
//! What is mounted hides what the build put there, so a directory is only suggested when it is new, or when most of
//! what it held was replaced.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::mount_advice;

/// `find` prints a directory's content with it, as [`Files::parse`] reads it. A change of a file, in whatever way,
/// sets its ctime, which nobody but the kernel can.
pub const LIST: &str = "find . -mindepth 1 -printf '%y %s %C@ %i %P\\0'";

/// Files that keep a directory in Git and are nothing else.
const PLACEHOLDERS: [&str; 4] = [".gitkeep", ".gitignore", ".keep", ".placeholder"];

/// What programs leave where they can, and do without where they cannot: Python's bytecode, npm's own log.
const DISPENSABLE: [&str; 3] = [
    "__pycache__",
    ".npm/_logs",
    ".npm/_update-notifier-last-checked",
];

/// Below one in so many files that stayed as they were, a directory still counts as written anew.
const STAYED: usize = 4;

/// Everything below a directory, by relative path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files(BTreeMap<String, File>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    /// The letter that `find` has for its kind: `f`, `d`, `l`, `s`, `p`, …
    kind: char,
    size: u64,
    /// What is different after any change.
    stamp: String,
}

impl Files {
    /// Of what [`LIST`] prints. What is no such line is left out.
    pub fn parse(text: &str) -> Self {
        let files = text.split('\0').filter_map(|record| {
            let mut parts = record.splitn(5, ' ');
            let kind = parts.next()?.chars().next()?;
            let size = parts.next()?;
            let (changed, number, path) = (parts.next()?, parts.next()?, parts.next()?);
            let file = File {
                kind,
                size: size.parse().ok()?,
                stamp: format!("{size} {changed} {number}"),
            };
            Some((path.to_owned(), file))
        });
        Files(files.collect())
    }
}

/// What an operation needs to pass where only mounts can be written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Suggestion {
    /// Mounts, by path.
    pub mounts: Vec<NewMount>,
    /// What no mount makes writable.
    pub elsewhere: Vec<Elsewhere>,
}

/// A mount that should be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewMount {
    /// The directory, relative to the app's root.
    pub path: String,
    /// `storage` for results, `tmp` for caches, `instance` for what the processes of one container leave.
    pub source: &'static str,
    /// How many files were written there.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many files of the build it will hide.
    pub hides: usize,
}

/// A path that was written and cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The path, absolute.
    pub path: String,
    /// Why not.
    pub reason: Reason,
}

/// Why a path cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is a file at the top of the app; mounts are directories.
    FileAtTop,
    /// A mount on its directory would hide what the build put there.
    Hides {
        /// The directory, relative to the app's root.
        directory: String,
        /// How many files would be hidden.
        files: usize,
    },
    /// It is outside the app's directory.
    OutsideApp,
}

/// What is known of one directory.
#[derive(Debug, Default)]
struct Directory {
    /// The files in it, however deep, that were written or deleted.
    touched: usize,
    /// Those that stayed as they were.
    stayed: usize,
    /// Whether a mount is in it.
    holds_mount: bool,
}

impl Directory {
    fn is_written_anew(&self) -> bool {
        self.touched > 0 && self.stayed * STAYED <= self.touched && !self.holds_mount
    }
}

/// Suggests mounts. `mounts` are those that are there, relative to the app's root; `outside` are absolute paths
/// outside the app that were written.
pub fn suggest(before: &Files, after: &Files, mounts: &[String], outside: &[String]) -> Suggestion {
    let on_mount = |path: &str| mounts.iter().any(|mount| is_in(path, mount));
    let counts = |path: &str| !on_mount(path) && !is_dispensable(path);
    let mut directories: BTreeMap<&str, Directory> = BTreeMap::new();
    for mount in mounts {
        for directory in ancestors(mount) {
            directories.entry(directory).or_default().holds_mount = true;
        }
    }
    let touched: BTreeSet<&str> = before
        .0
        .keys()
        .chain(after.0.keys())
        .map(String::as_str)
        .filter(|path| counts(path) && is_touched(path, before, after))
        .collect();
    for path in &touched {
        for directory in ancestors(path) {
            directories.entry(directory).or_default().touched += 1;
        }
        if is_directory(path, before, after) {
            directories.entry(path).or_default().touched += 1;
        }
    }
    for (path, file) in &before.0 {
        let name = path.rsplit('/').next().unwrap_or(path);
        // What is in a cache can be made again.
        let is_nothing = PLACEHOLDERS.contains(&name) || mount_advice::source(path) == "tmp";
        if file.kind == 'd' || is_nothing || !counts(path) || touched.contains(path.as_str()) {
            continue;
        }
        for directory in ancestors(path) {
            directories.entry(directory).or_default().stayed += 1;
        }
    }
    let mut roots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for path in &touched {
        let own = is_directory(path, before, after).then_some(*path);
        let highest = own
            .into_iter()
            .chain(ancestors(path))
            .take_while(|directory| directories[directory].is_written_anew())
            .last();
        match highest {
            Some(root) => roots.entry(root).or_default().push(path),
            None => elsewhere.push(Elsewhere {
                path: format!("/app/{path}"),
                reason: match ancestors(path).next() {
                    None => Reason::FileAtTop,
                    Some(directory) => Reason::Hides {
                        directory: directory.to_owned(),
                        files: directories[directory].stayed,
                    },
                },
            }),
        }
    }
    let mounts = roots
        .iter()
        .flat_map(|(root, paths)| split(root, paths, after))
        .map(|(path, source)| new_mount(path, source, &touched, before, after))
        .collect();
    elsewhere.extend(outside.iter().map(|path| Elsewhere {
        path: path.clone(),
        reason: Reason::OutsideApp,
    }));
    Suggestion { mounts, elsewhere }
}

/// The directories that a path is in, the nearest first, without the top.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'))
        .map(|(parent, _)| parent)
}

fn is_dispensable(path: &str) -> bool {
    let whole = format!("/{path}/");
    DISPENSABLE
        .iter()
        .any(|name| whole.contains(&format!("/{name}/")))
}

fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Directories count when nothing is in them: what is in one says more than that it is new.
fn is_touched(path: &str, before: &Files, after: &Files) -> bool {
    let is_empty = |files: &Files| {
        let below = format!("{path}/");
        let mut range = files.0.range(below.clone()..);
        !range
            .next()
            .is_some_and(|(next, _)| next.starts_with(&below))
    };
    match (before.0.get(path), after.0.get(path)) {
        (Some(old), Some(new)) if old.kind == 'd' && new.kind == 'd' => false,
        (Some(old), Some(new)) => old != new,
        (Some(old), None) => old.kind != 'd' || is_empty(before),
        (None, Some(new)) => new.kind != 'd' || is_empty(after),
        (None, None) => false,
    }
}

fn is_directory(path: &str, before: &Files, after: &Files) -> bool {
    let file = after.0.get(path).or_else(|| before.0.get(path));
    file.is_some_and(|file| file.kind == 'd')
}

/// A directory as it is, or what is in it when that wants different sources.
fn split<'a>(root: &'a str, paths: &[&'a str], after: &Files) -> Vec<(&'a str, &'static str)> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        let rest = path.get(root.len() + 1..).unwrap_or_default();
        match rest.split_once('/') {
            Some((child, _)) => {
                let child = &path[..root.len() + 1 + child.len()];
                children.entry(child).or_default().push(path);
            }
            // Something is in the directory itself.
            None => return vec![(root, source(root, paths, after))],
        }
    }
    let parts: Vec<_> = children
        .iter()
        .flat_map(|(child, paths)| split(child, paths, after))
        .collect();
    let sources: BTreeSet<&str> = parts.iter().map(|(_, source)| *source).collect();
    match sources.first() {
        Some(only) if sources.len() == 1 => {
            let only = parts.iter().find(|(_, source)| source == only);
            only.map(|(_, source)| (root, *source))
                .into_iter()
                .collect()
        }
        _ => parts,
    }
}

/// Which source fits what was written.
fn source(directory: &str, paths: &[&str], after: &Files) -> &'static str {
    let by_name = mount_advice::source(directory);
    let is_log = |path: &&str| {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension);
        matches!(extension, Some("log" | "pid"))
    };
    let is_of_process = |path: &&str| {
        let kind = after.0.get(*path).map(|file| file.kind);
        matches!(kind, Some('s' | 'p'))
    };
    if by_name == "storage" && (paths.iter().any(is_of_process) || paths.iter().all(is_log)) {
        "instance"
    } else {
        by_name
    }
}

fn new_mount(
    path: &str,
    source: &'static str,
    touched: &BTreeSet<&str>,
    before: &Files,
    after: &Files,
) -> NewMount {
    let written = touched
        .iter()
        .filter(|touched| is_in(touched, path))
        .filter_map(|touched| after.0.get(*touched))
        .filter(|file| file.kind != 'd');
    let sizes: Vec<u64> = written.map(|file| file.size).collect();
    let hides = before
        .0
        .iter()
        .filter(|(file, entry)| is_in(file, path) && entry.kind != 'd')
        .filter(|(file, _)| {
            let name = file.rsplit('/').next().unwrap_or(file);
            !PLACEHOLDERS.contains(&name)
        })
        .count();
    NewMount {
        path: path.to_owned(),
        source,
        files: sizes.len(),
        bytes: sizes.iter().sum(),
        hides,
    }
}
