//! What to say of a write that was refused: which mount would make its path writable, from which source, and what that
//! mount would hide. Pure.
//!
//! [`messages`] reads paths out of what a program printed. They count when they were looked up in the container
//! ([`Located`]): a mount is proposed for a directory that is there, or could be made there, on the read-only file system,
//! and only where it hides nothing that the app needs.

mod blocks;
pub mod messages;
pub mod place;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::messages::{Candidate, Complaint, Reading, What};
use self::place::Located;
use crate::config::{edit, mount_source};
use crate::event::{Hidden, ReadOnlyWrite, Refusal};

/// Files that keep a directory in Git and are nothing else.
const PLACEHOLDERS: [&str; 4] = [".gitkeep", ".gitignore", ".keep", ".placeholder"];

/// Files whose names have nothing of a file's, besides those that end in `rc` and the like.
const FILES: [&str; 6] = [
    ".env",
    ".environment",
    ".gitconfig",
    ".netrc",
    ".profile",
    ".viminfo",
];

/// Maximum number of files to name that a mount would hide.
const NAMED: usize = 3;

/// Maximum number of directories to name that have to be made on a mount.
const DIRECTORIES: usize = 8;

/// What is known of the app around a path.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The mounts of the app, relative to its root.
    pub mounts: &'a [String],
    /// Whether a path, relative to the app's root, is a file of the repository.
    pub is_tracked: &'a (dyn Fn(&str) -> bool + Sync),
    /// What the build has under a mount, as far as that is known.
    pub under: &'a (dyn Fn(&str) -> UnderMount + Sync),
}

/// What the build has in a directory that a mount hides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnderMount {
    /// How many files.
    pub files: usize,
    /// Files, relative to the app's root; of very many only some.
    pub some_files: Vec<String>,
    /// Directories, the same.
    pub some_directories: Vec<String>,
}

/// What to say of an output, of whose paths this was found.
pub fn of(
    reading: &Reading,
    found: &[(Candidate, Located)],
    around: &Around<'_>,
) -> Option<ReadOnlyWrite> {
    found
        .iter()
        .find_map(|(candidate, found)| decide(candidate, found, around))
        .or_else(|| {
            reading
                .is_full
                .then(|| ReadOnlyWrite::of(Refusal::DiskFull))
        })
        .or_else(|| {
            reading
                .is_refused
                .then(|| ReadOnlyWrite::of(Refusal::Unnamed))
        })
}

/// Whether a file is only there so that Git keeps its directory.
pub(crate) fn is_placeholder(path: &str) -> bool {
    PLACEHOLDERS.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// What to say of a path that a message names; `None` where what was found speaks against it.
pub fn decide(
    candidate: &Candidate,
    found: &Located,
    around: &Around<'_>,
) -> Option<ReadOnlyWrite> {
    if found.rest.iter().any(|name| name == "..") {
        return None;
    }
    let advice = |cause| {
        Some(ReadOnlyWrite {
            path: Some(found.path.clone()),
            ..ReadOnlyWrite::of(cause)
        })
    };
    let inside = match found.directory.strip_prefix("/app") {
        Some(inside) if inside.is_empty() || inside.starts_with('/') => {
            inside.trim_start_matches('/')
        }
        _ if candidate.complaint == Complaint::Missing || !is_refused_there(candidate, found) => {
            return None;
        }
        // For a missing path, the kernel reports only that.
        _ if found.rest.len() > usize::from(candidate.what != What::Entry) => return None,
        _ => return advice(Refusal::OutsideApp),
    };
    let mount = around.mounts.iter().find(|mount| is_in(inside, mount));
    if candidate.complaint == Complaint::Missing {
        return hidden_by_mount(mount?, inside, found, around);
    }
    if !is_refused_there(candidate, found) {
        return None;
    }
    if mount.is_some() {
        return advice(Refusal::OnMount);
    }
    let first_missing = match (found.rest.as_slice(), candidate.what) {
        // For an entry, only its directory was looked up.
        (rest, What::Entry) => rest.first(),
        ([name], What::Unknown) if found.is_file || is_file(name) => None,
        (rest, _) => rest.first(),
    };
    // What may be a file in a directory that only waits for such is taken for one.
    if candidate.what == What::Unknown && found.rest.len() == 1 {
        let of_parent = in_directory(inside, found, around);
        if of_parent.mount.is_some() && of_parent.directories.is_empty() {
            return Some(of_parent);
        }
    }
    // Nothing is hidden by a mount on a directory that is not there.
    if let Some(name) = first_missing {
        let mut mount = format!("{inside}/{name}");
        // What is around a cache, or around logs, is none: what comes there later would be lost.
        let is_last_a_file = candidate.what == What::Unknown;
        let directories = found.rest.len() - usize::from(is_last_a_file && found.rest.len() > 1);
        let names = found.rest.get(1..directories).unwrap_or_default();
        let ends = names
            .iter()
            .position(|name| mount_source::fitting(name) != "storage");
        if let Some(end) = ends.filter(|_| mount_source::fitting(&mount) == "storage") {
            mount = format!("{mount}/{}", names[..=end].join("/"));
        }
        return Some(proposed(
            found,
            mount.trim_start_matches('/'),
            None,
            Vec::new(),
        ));
    }
    Some(in_directory(inside, found, around))
}

/// The advice for a path in an existing directory. `inside` is that directory, relative to the app's root.
fn in_directory(inside: &str, found: &Located, around: &Around<'_>) -> ReadOnlyWrite {
    let advice = |cause| ReadOnlyWrite {
        path: Some(found.path.clone()),
        ..ReadOnlyWrite::of(cause)
    };
    if inside.is_empty() {
        return advice(Refusal::FileAtTop);
    }
    let below = format!("{inside}/");
    let is_on_mount = |path: &str| around.mounts.iter().any(|mount| is_in(path, mount));
    let mut files: Vec<String> = found
        .files
        .iter()
        .map(|file| format!("{below}{file}"))
        .filter(|file| !is_on_mount(file))
        .collect();
    files.sort();
    let needed: Vec<&String> = files
        .iter()
        .filter(|file| !is_placeholder(file))
        .filter(|file| mount_source::fitting(inside) != "tmp" || (around.is_tracked)(file))
        .collect();
    if !needed.is_empty() {
        let hides = hidden(inside, needed.len(), needed.into_iter());
        return ReadOnlyWrite {
            hides: Some(hides),
            ..advice(Refusal::Hides)
        };
    }
    if around.mounts.iter().any(|mount| mount.starts_with(&below)) {
        return advice(Refusal::HoldsMount);
    }
    let made_again: Vec<&String> = files.iter().filter(|file| !is_placeholder(file)).collect();
    let hides = (!made_again.is_empty())
        .then(|| hidden(inside, made_again.len(), made_again.iter().copied()));
    // A placeholder says that its directory is wanted.
    let kept: BTreeSet<String> = files
        .iter()
        .filter_map(|file| Some(file.rsplit_once('/')?.0.to_owned()))
        .filter(|directory| directory != inside)
        .collect();
    proposed(found, inside, hides, leaves(&kept))
}

/// Whether the kernel would refuse to write there.
fn is_refused_there(candidate: &Candidate, found: &Located) -> bool {
    // The message says "read-only" if the directory exists, and otherwise "no such file". A relative path may start
    // at another directory than the one that was searched.
    let is_likely = !found.is_relative || found.rest.len() <= 1;
    let is_certain = candidate.what != What::Entry || found.rest.is_empty() || !found.is_relative;
    found.is_read_only && is_likely && is_certain
}

fn proposed(
    found: &Located,
    mount: &str,
    hides: Option<Hidden>,
    directories: Vec<String>,
) -> ReadOnlyWrite {
    if !edit::can_be_path(mount) {
        return ReadOnlyWrite {
            path: Some(found.path.clone()),
            ..ReadOnlyWrite::of(Refusal::Hides)
        };
    }
    ReadOnlyWrite {
        path: Some(found.path.clone()),
        mount: Some(mount.to_owned()),
        source: Some(mount_source::fitting(mount).into()),
        cause: Refusal::NoMount,
        hides,
        directories,
    }
}

/// What is missing on a mount although the build has its directory: the mount hides that.
fn hidden_by_mount(
    mount: &str,
    inside: &str,
    found: &Located,
    around: &Around<'_>,
) -> Option<ReadOnlyWrite> {
    let under = (around.under)(mount);
    let mut path = inside.to_owned();
    let wanted: Vec<String> = found
        .rest
        .iter()
        .map(|name| {
            path = format!("{path}/{name}");
            path.clone()
        })
        .collect();
    let is_among = |all: &[String]| wanted.iter().any(|path| all.contains(path));
    let is_in_directory = is_among(&under.some_directories);
    // A placeholder is there for its directory.
    let files: Vec<&String> = under
        .some_files
        .iter()
        .filter(|file| !is_placeholder(file))
        .collect();
    let count = under.files - (under.some_files.len() - files.len()).min(under.files);
    (is_in_directory || is_among(&under.some_files)).then(|| ReadOnlyWrite {
        path: Some(found.path.clone()),
        mount: Some(mount.to_owned()),
        hides: (count > 0).then(|| hidden(mount, count, files.into_iter())),
        directories: if is_in_directory {
            leaves(&under.some_directories.into_iter().collect())
        } else {
            Vec::new()
        },
        ..ReadOnlyWrite::of(Refusal::HiddenByMount)
    })
}

fn hidden<'a>(directory: &str, files: usize, names: impl Iterator<Item = &'a String>) -> Hidden {
    Hidden {
        directory: directory.to_owned(),
        files,
        some: names.take(NAMED).cloned().collect(),
    }
}

/// The directories that have to be named to make all of them with `mkdir -p`.
fn leaves(all: &BTreeSet<String>) -> Vec<String> {
    let holds = |directory: &String| {
        let below = format!("{directory}/");
        all.iter().any(|other| other.starts_with(&below))
    };
    all.iter()
        .filter(|directory| !holds(directory))
        .take(DIRECTORIES)
        .cloned()
        .collect()
}

fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A name with an extension is a file's, and so is that of a program's settings; `.next` and `logs` are directories
/// that were about to be made.
pub fn is_file(name: &str) -> bool {
    name.rfind('.').is_some_and(|at| at > 0)
        || name.starts_with('.')
            && (FILES.contains(&name)
                || ["rc", "_history", "_profile"]
                    .iter()
                    .any(|end| name.ends_with(end)))
}
