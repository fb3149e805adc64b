//! Which mounts an operation needs, from what it wrote where it could write everywhere. Pure.
//!
//! What is mounted hides what the build put there, so a directory is only suggested when it is new, or when the
//! operation made everything in it anew.

mod files;
mod known;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::files::{Files, LIST};
use self::files::{Kind, Touch, touches};
pub use self::known::Known;
use self::known::Room;
use crate::config::edit;
use crate::mount_advice;

/// Files that keep a directory in Git and are nothing else.
const PLACEHOLDERS: [&str; 4] = [".gitkeep", ".gitignore", ".keep", ".placeholder"];

/// What programs leave where they can, and do without where they cannot: Python's bytecode, npm's own log.
const DISPENSABLE: [&str; 3] = [
    "__pycache__",
    ".npm/_logs",
    ".npm/_update-notifier-last-checked",
];

/// How many of the files that a mount would hide are told by name.
const NAMED: usize = 3;

/// The app's files at three moments.
#[derive(Debug, Clone, Copy)]
pub struct Listings<'a> {
    /// As the build and what was on the mounts left them.
    pub built: &'a Files,
    /// When the operation began: the app's own process may have written something by then.
    pub begun: &'a Files,
    /// When it had ended.
    pub ended: &'a Files,
}

/// What an operation needs to pass where only mounts can be written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Suggestion {
    /// Mounts, by path.
    pub mounts: Vec<NewMount>,
    /// What no mount makes writable.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether anything at all was written that is not on a mount, needed or not.
    #[serde(skip)]
    pub wrote: bool,
}

/// A mount that should be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewMount {
    /// The directory, relative to the app's root.
    pub path: String,
    /// `storage` for results, `tmp` for caches, `instance` for what the processes of one container leave.
    pub source: &'static str,
    /// The directory in the source, where one of the mount's own path would show the files of another mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
    /// Who wrote there.
    pub writer: Writer,
    /// How many files were written there.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many files of the build it will hide.
    pub hides: usize,
}

/// Who wrote a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writer {
    /// The operation, or the app's own process while it ran.
    Operation,
    /// The app's own process, before the operation began.
    App,
}

/// A path that was written and cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The path, absolute.
    pub path: String,
    /// Why not.
    pub reason: Reason,
    /// Who wrote it.
    pub writer: Writer,
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
        /// Some of them, relative to the app's root.
        some: Vec<String>,
    },
    /// In its directory is a mount with another source.
    HoldsMount {
        /// The directory, relative to the app's root.
        directory: String,
    },
    /// Another mount has all that is in the source, so that a new one would show a part of its files.
    Shown {
        /// The directory, relative to the app's root.
        directory: String,
        /// The mount that is there, relative to the app's root.
        mount: String,
    },
    /// It is a directory in which something was made that is gone again.
    MadeAndRemoved,
    /// It is a directory of the build.
    OfBuild,
    /// No mount can have such a name.
    Name,
    /// It is outside the app's directory.
    OutsideApp,
}

/// What is known of one directory.
#[derive(Debug, Default)]
struct Directory<'a> {
    /// How much was made in it, however deep.
    made: usize,
    /// How many files were only deleted.
    gone: usize,
    /// The files that a mount would hide although they are needed.
    stayed: Vec<&'a str>,
}

/// Suggests mounts. `outside` are absolute paths outside the app that were written.
pub fn suggest(listings: &Listings<'_>, known: &Known<'_>, outside: &[String]) -> Suggestion {
    let Listings {
        built,
        begun,
        ended,
    } = *listings;
    let mut all = touches(built, ended);
    all.retain(|path, _| !is_on_mount(path, known));
    let wrote = !all.is_empty() || !outside.is_empty();
    let by_operation = touches(begun, ended);
    let writer = |is_by: &dyn Fn(&str) -> bool| {
        if by_operation.keys().any(|path| is_by(path)) {
            Writer::Operation
        } else {
            Writer::App
        }
    };
    let touched: BTreeMap<&str, Touch> = all
        .into_iter()
        .filter(|(path, _)| !is_dispensable(path))
        .collect();
    let directories = directories(&touched, built, ended, known);
    let is_written_anew = |path: &str| {
        let found = directories.get(path);
        let is_anew = found.is_some_and(|found| found.made > 0 && found.stayed.is_empty());
        is_anew && can_be_mount(path)
    };
    let mut roots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    let mut tell = |path: &str, reason: Reason| {
        elsewhere.push(Elsewhere {
            path: format!("/app/{path}").trim_end_matches('/').to_owned(),
            reason,
            writer: writer(&|other| other == path),
        });
    };
    for (path, touch) in &touched {
        let is_directory = ended.is_directory(path) || built.is_directory(path);
        let highest = (is_directory && !path.is_empty())
            .then_some(*path)
            .into_iter()
            .chain(ancestors(path))
            .take_while(|directory| is_written_anew(directory))
            .last();
        match highest {
            Some(root) => roots.entry(root).or_default().push(path),
            None => tell(path, why_not(path, *touch, is_directory, &directories)),
        }
    }
    let mut parts = Vec::new();
    for (root, paths) in &roots {
        let mut left = Vec::new();
        parts.extend(split(root, paths, ended, known, &mut left));
        for path in left {
            let directory = ancestors(path).next().unwrap_or(path).to_owned();
            tell(path, Reason::HoldsMount { directory });
        }
    }
    let mut mounts = Vec::new();
    for (path, source) in parts {
        let source_path = match known.room(path, source) {
            Room::Own => None,
            Room::Other(name) => Some(name),
            Room::Nowhere(mount) => {
                for touched in touched.keys().filter(|touched| is_in(touched, path)) {
                    let (directory, mount) = (path.to_owned(), mount.clone());
                    tell(touched, Reason::Shown { directory, mount });
                }
                continue;
            }
        };
        let writer = writer(&|other| is_in(other, path));
        mounts.push(NewMount {
            source_path,
            writer,
            ..new_mount(path, source, &touched, built, ended)
        });
    }
    elsewhere.extend(outside.iter().map(|path| Elsewhere {
        path: path.clone(),
        reason: Reason::OutsideApp,
        writer: Writer::Operation,
    }));
    Suggestion {
        mounts,
        elsewhere,
        wrote,
    }
}

/// The mount that makes a path writable which was only written when everything else was on mounts: `path` is
/// absolute, and `suggested` are there already. None where a mount does not help, as for what the operation made a file
/// or a link.
pub fn suggest_another(
    path: &str,
    suggested: &[NewMount],
    listings: &Listings<'_>,
    known: &Known<'_>,
) -> Option<NewMount> {
    let built = listings.built;
    let inside = path.strip_prefix("/app/")?;
    let there: Vec<String> = suggested
        .iter()
        .map(|mount| mount.path.clone())
        .chain(known.mounts.iter().map(|mount| mount.path.clone()))
        .collect();
    let dispensable = std::iter::once(inside)
        .chain(ancestors(inside))
        .filter(|directory| is_dispensable(directory))
        .last();
    let (wanted, source) = if let Some(directory) = dispensable {
        (directory.to_owned(), "tmp")
    } else {
        let wanted = mount_advice::of(path, &there).mount?;
        let source = mount_advice::source(&wanted);
        (wanted, source)
    };
    let is_kept = built
        .below(&wanted)
        .any(|(path, file)| file.kind != Kind::Directory && !is_nothing(path, known));
    let is_file = [built, listings.begun, listings.ended].iter().any(|files| {
        std::iter::once(wanted.as_str())
            .chain(ancestors(&wanted))
            .any(|path| files.0.contains_key(path) && !files.is_directory(path))
    });
    let is_nested = suggested.iter().any(|other| {
        (is_in(&other.path, &wanted) || is_in(&wanted, &other.path)) && other.source != source
    });
    let is_impossible = is_kept || is_file || is_nested || !can_be_mount(&wanted);
    if is_impossible || there.contains(&wanted) || !known.may_hold(&wanted, source) {
        return None;
    }
    let source_path = match known.room(&wanted, source) {
        Room::Own => None,
        Room::Other(name) => Some(name),
        Room::Nowhere(_) => return None,
    };
    Some(NewMount {
        path: wanted,
        source,
        source_path,
        writer: Writer::Operation,
        files: 0,
        bytes: 0,
        hides: 0,
    })
}

/// The directories that something was touched in, or that hold what must not be hidden.
fn directories<'a>(
    touched: &BTreeMap<&'a str, Touch>,
    built: &'a Files,
    ended: &'a Files,
    known: &Known<'_>,
) -> BTreeMap<&'a str, Directory<'a>> {
    let mut directories: BTreeMap<&str, Directory<'_>> = BTreeMap::new();
    for (&path, touch) in touched {
        let is_directory = ended.is_directory(path) || built.is_directory(path);
        let own = is_directory.then_some(path);
        // What is in a cache is made again where it is missing, also what would only be added to.
        let is_made = matches!(touch, Touch::Made | Touch::Passing)
            || *touch == Touch::Changed && !is_directory && is_nothing(path, known);
        for directory in own.into_iter().chain(ancestors(path)) {
            let found = directories.entry(directory).or_default();
            found.made += usize::from(is_made);
            found.gone += usize::from(*touch == Touch::Gone);
        }
    }
    for (path, file) in &built.0 {
        let is_replaced = matches!(touched.get(path.as_str()), Some(Touch::Made | Touch::Gone));
        let is_left_out = is_on_mount(path, known) || is_dispensable(path);
        if file.kind == Kind::Directory || is_left_out || is_replaced || is_nothing(path, known) {
            continue;
        }
        for directory in ancestors(path) {
            directories.entry(directory).or_default().stayed.push(path);
        }
    }
    directories
}

/// Why no mount makes a path writable.
fn why_not(
    path: &str,
    touch: Touch,
    is_directory: bool,
    directories: &BTreeMap<&str, Directory<'_>>,
) -> Reason {
    if touch == Touch::Passing {
        return Reason::MadeAndRemoved;
    }
    if is_directory && touch != Touch::Made {
        return Reason::OfBuild;
    }
    let nearest = if is_directory {
        Some(path)
    } else {
        ancestors(path).next()
    };
    let Some(directory) = nearest else {
        return Reason::FileAtTop;
    };
    let found = directories.get(directory);
    let stayed: &[&str] = found.map_or(&[], |found| &found.stayed);
    let gone = found.map_or(0, |found| found.gone);
    if stayed.is_empty() && !can_be_mount(directory) {
        return Reason::Name;
    }
    Reason::Hides {
        directory: directory.to_owned(),
        files: stayed.len() + gone,
        some: stayed
            .iter()
            .take(NAMED)
            .map(|&path| path.to_owned())
            .collect(),
    }
}

/// The directories that a path is in, the nearest first, without the top.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'))
        .map(|(parent, _)| parent)
}

fn is_on_mount(path: &str, known: &Known<'_>) -> bool {
    known.mounts.iter().any(|mount| is_in(path, &mount.path))
}

fn is_dispensable(path: &str) -> bool {
    let whole = format!("/{path}/");
    DISPENSABLE
        .iter()
        .any(|name| whole.contains(&format!("/{name}/")))
}

/// Whether a file of the build may be hidden: what is in a cache can be made again, if it is not the repository's.
fn is_nothing(path: &str, known: &Known<'_>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    PLACEHOLDERS.contains(&name) || mount_advice::source(path) == "tmp" && !(known.is_tracked)(path)
}

/// Names that are not UTF-8 are not known here: they come with a replacement character.
fn can_be_mount(path: &str) -> bool {
    edit::can_be_path(path) && !path.contains(char::REPLACEMENT_CHARACTER)
}

fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A directory as it is, or what is in it when that wants different sources. `left` gets the paths that are in a
/// directory which holds a mount of another source.
fn split<'a>(
    root: &'a str,
    paths: &[&'a str],
    after: &Files,
    known: &Known<'_>,
    left: &mut Vec<&'a str>,
) -> Vec<(&'a str, &'static str)> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut direct = Vec::new();
    for path in paths {
        let rest = path.get(root.len() + 1..).unwrap_or_default();
        match rest.split_once('/') {
            Some((child, _)) => {
                let child = &path[..root.len() + 1 + child.len()];
                children.entry(child).or_default().push(path);
            }
            // A directory in which nothing is stands for itself.
            None if path.len() > root.len() && after.is_directory(path) => {
                children.entry(path).or_default().push(path);
            }
            None => direct.push(*path),
        }
    }
    if !direct.is_empty() || children.is_empty() {
        let source = source(root, paths, after);
        if known.may_hold(root, source) {
            return vec![(root, source)];
        }
        left.extend(direct);
    }
    let has_direct = !left.is_empty();
    let parts: Vec<_> = children
        .iter()
        .flat_map(|(child, paths)| split(child, paths, after, known, left))
        .collect();
    let sources: BTreeSet<&str> = parts.iter().map(|(_, source)| *source).collect();
    match parts.first() {
        Some((_, source)) if sources.len() == 1 && !has_direct && known.may_hold(root, source) => {
            vec![(root, source)]
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
        kind == Some(Kind::OfProcess)
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
    touched: &BTreeMap<&str, Touch>,
    built: &Files,
    ended: &Files,
) -> NewMount {
    let written = touched
        .keys()
        .filter(|touched| is_in(touched, path))
        .filter_map(|touched| ended.0.get(*touched))
        .filter(|file| file.kind != Kind::Directory);
    let sizes: Vec<u64> = written.map(|file| file.size).collect();
    let hides = built
        .below(path)
        .filter(|(_, entry)| entry.kind != Kind::Directory)
        .filter(|(file, _)| {
            let name = file.rsplit('/').next().unwrap_or(file);
            !PLACEHOLDERS.contains(&name)
        })
        .count();
    NewMount {
        path: path.to_owned(),
        source,
        source_path: None,
        writer: Writer::Operation,
        files: sizes.len(),
        bytes: sizes.iter().sum(),
        hides,
    }
}
