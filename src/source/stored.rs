//! What Git stores of the files that it does not store as they lie there: those with filters, line ends to be changed,
//! another encoding, or what the index says of a file that it calls unchanged.
//!
//! Git itself says so, on a copy of its index and with a directory of its own for objects: nothing in the repository
//! is written. Filters run that the user's or the system's configuration defines, never those of the repository's.

mod blobs;
mod repository;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

pub(super) use self::blobs::Blobs;
use self::repository::{Answers, Believing, Repository};
use super::Skipped;
use super::examine::Findings;
use super::git::Git;
use super::hash::{self, Hash};
use super::listing::os_path;
use super::snapshot::{Content, Entry, Kind, Snapshot};
use super::stamp::Stamp;

/// What Git stores of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stored {
    kind: Kind,
    hash: Hash,
}

/// Which repository a file belongs to: the nearest directory above with a `.git`, relative to `root`.
fn repository_of<'a>(
    root: &Path,
    path: &'a [u8],
    known: &mut HashMap<&'a [u8], &'a [u8]>,
) -> &'a [u8] {
    let directory = super::snapshot::split(path).0;
    if let Some(found) = known.get(directory) {
        return found;
    }
    let mut above = directory;
    while !above.is_empty() {
        let git = root.join(os_path(above)).join(".git");
        if git.symlink_metadata().is_ok() {
            break;
        }
        above = super::snapshot::split(above).0;
    }
    known.insert(directory, above);
    above
}

/// The part of a path below a repository.
fn below<'a>(path: &'a [u8], repository: &[u8]) -> &'a [u8] {
    match repository.len() {
        0 => path,
        length => &path[length + 1..],
    }
}

/// Asks Git of the files whose bytes may not be what it stores. Returns those that it does not answer for, which are
/// taken as they lie there, each with the reason.
pub(super) fn settle(
    git: &Git,
    root: &Path,
    opened: BorrowedFd<'_>,
    snapshot: &Snapshot,
    findings: &mut Findings,
) -> Vec<Skipped> {
    let mut doubtful: Vec<(usize, Vec<u8>)> = Vec::new();
    for (place, (at, entry)) in findings.entries.iter().enumerate() {
        if entry.is_doubtful {
            doubtful.push((place, snapshot.path_at(*at)));
        }
    }
    let mut failures = Vec::new();
    if doubtful.is_empty() {
        return failures;
    }
    let mut known = HashMap::new();
    let mut repositories: BTreeMap<&[u8], Vec<(usize, &[u8])>> = BTreeMap::new();
    for (place, path) in &doubtful {
        let repository = repository_of(root, path, &mut known);
        let all = repositories.entry(repository).or_default();
        all.push((*place, below(path, repository)));
    }
    for (prefix, files) in repositories {
        let place = root.join(os_path(prefix));
        let one = One {
            git,
            place: &place,
            opened,
            prefix,
        };
        one.settle(&files, findings, &mut failures);
    }
    failures
}

/// One repository.
struct One<'a> {
    git: &'a Git,
    place: &'a Path,
    /// The root of all.
    opened: BorrowedFd<'a>,
    prefix: &'a [u8],
}

impl One<'_> {
    fn settle(
        &self,
        files: &[(usize, &[u8])],
        findings: &mut Findings,
        failures: &mut Vec<Skipped>,
    ) {
        let repository = match Repository::open(self.git, self.place) {
            Ok(repository) => repository,
            Err(reason) => {
                for (place, path) in files {
                    self.as_it_is(*place, path, &reason, findings, failures);
                }
                return;
            }
        };
        let (unfiltered, others): (Vec<_>, Vec<_>) = files.iter().partition(|(place, _)| {
            let content = findings.entries[*place].1.rule.content;
            matches!(content, Content::Blocked | Content::BlockedLfs)
        });
        let mut answers = Answers::default();
        for (files, believing) in [(unfiltered, Believing::All), (others, Believing::WhatIsOld)] {
            let paths: Vec<&[u8]> = files.iter().map(|(_, path)| *path).collect();
            repository.ask(&paths, believing, &mut answers);
        }
        let mut unknown = Vec::new();
        let mut changed = Vec::new();
        for (place, path) in files {
            let stored = answers.stored.get(*path);
            if !stored.is_some_and(|stored| is_known(&mut findings.entries[*place].1, *stored)) {
                changed.push((*place, *path));
            }
        }
        let ids = changed
            .iter()
            .filter_map(|(_, path)| answers.stored.get(*path));
        let ids: Vec<Hash> = ids.map(|stored| stored.hash).collect();
        let sizes = repository.sizes(&ids).unwrap_or_default();
        for (place, path) in &changed {
            match answers.stored.get(*path) {
                None => {
                    let reason = answers.failed.get(*path);
                    let reason = reason.map_or("Git does not list it", String::as_str);
                    self.as_it_is(*place, path, reason, findings, failures);
                }
                Some(stored) => match sizes.get(&stored.hash) {
                    Some(size) => take(findings, *place, *stored, *size),
                    None => unknown.push((*place, *path, *stored)),
                },
            }
        }
        // What Git does not have yet is often what lies there.
        unknown.retain(|(place, path, stored)| !self.is_plain(*place, path, *stored, findings));
        if unknown.is_empty() {
            return;
        }
        let paths: Vec<&[u8]> = unknown.iter().map(|(_, path, _)| *path).collect();
        let ids: Vec<Hash> = unknown.iter().map(|(_, _, stored)| stored.hash).collect();
        repository.store(&paths);
        let sizes = repository.sizes(&ids).unwrap_or_default();
        for (place, path, stored) in unknown {
            if let Some(size) = sizes.get(&stored.hash) {
                take(findings, place, stored, *size);
            } else {
                let reason = "an object that the index names is missing in the repository, and upsun-local does not fetch it";
                self.as_it_is(place, path, reason, findings, failures);
            }
        }
    }

    /// Takes a file as it lies there, if that is what Git stores.
    fn is_plain(&self, place: usize, path: &[u8], stored: Stored, findings: &mut Findings) -> bool {
        let Ok(raw) = self.raw(path) else {
            return false;
        };
        if raw.hash != stored.hash || stored.kind == Kind::Link {
            return false;
        }
        take(findings, place, stored, raw.size);
        findings.entries[place].1.is_stored = false;
        true
    }

    fn raw(&self, path: &[u8]) -> std::io::Result<hash::Blob> {
        let path = super::snapshot::join(self.prefix, path);
        hash::file(self.opened, os_path(&path), &mut vec![0; hash::PIECE])
    }

    /// Takes a file as it lies there, as Git does not answer. It is asked again next time.
    fn as_it_is(
        &self,
        place: usize,
        path: &[u8],
        reason: &str,
        findings: &mut Findings,
        failures: &mut Vec<Skipped>,
    ) {
        let entry = &mut findings.entries[place].1;
        entry.is_doubtful = false;
        entry.is_stored = false;
        entry.stamp = Stamp::UNKNOWN;
        if entry.kind != Kind::Link {
            match self.raw(path) {
                Ok(raw) => (entry.hash, entry.size) = (raw.hash, raw.size),
                Err(_) => entry.kind = Kind::Absent,
            }
        }
        failures.push(Skipped {
            path: PathBuf::from(os_path(&super::snapshot::join(self.prefix, path))),
            reason: reason.to_owned(),
        });
    }
}

/// Whether Git stores what the entry has already: what lies there, or what Git said before.
fn is_known(entry: &mut Entry, stored: Stored) -> bool {
    let is_known = entry.hash != Hash::default()
        && entry.hash == stored.hash
        && (entry.kind == Kind::Link) == (stored.kind == Kind::Link);
    if is_known {
        entry.is_doubtful = false;
        entry.kind = stored.kind;
    }
    is_known
}

fn take(findings: &mut Findings, place: usize, stored: Stored, size: u64) {
    let entry = &mut findings.entries[place].1;
    entry.is_doubtful = false;
    entry.is_stored = true;
    entry.kind = stored.kind;
    entry.hash = stored.hash;
    entry.size = size;
}
