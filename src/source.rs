//! What Git would deploy from a repository: the files, their tree id, and their tar stream.
//!
//! A scan reads each file once: what the kernel says of it is kept in a cache, so that the next scan only asks
//! the kernel whether anything changed, and asks Git only when the list of files may have.
//! A file is what Git stores of it: its filters, line ends and settings count, and so does the index of a file that Git
//! calls unchanged.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

mod archive;
mod branch;
mod cache;
mod changes;
mod children;
mod examine;
mod git;
mod hash;
pub(crate) mod line_ends;
mod listing;
mod manifest;
mod matching;
mod snapshot;
pub mod soundness;
mod stamp;
mod stored;
mod walk;

#[cfg(test)]
mod tests;

pub use branch::branch;
use cache::Cached;
pub use changes::Changes;
pub(crate) use children::Child;
use examine::{Listed, examine};
pub use git::Git;
use snapshot::{Content, Snapshot};
use stamp::Stamp;

/// Why the repository's files cannot be read or packed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The reader of the archive stopped reading; its own error says why.
    #[error("the archive of the source cannot be written: {0}")]
    Archive(#[source] io::Error),
}

/// The directory of the project's configuration.
pub(crate) const CONFIGURATION: &[u8] = b".upsun";

/// The file of the settings of `upsun-local`.
const SETTINGS: &[u8] = crate::project::SETTINGS_FILE.as_bytes();

/// Files of Git LFS with fewer bytes are pointers.
const POINTER: u64 = 1024;

/// Something that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What, relative to the repository.
    pub path: PathBuf,
    /// Why, in words that follow "is left out:".
    pub reason: String,
}

/// A Git tree id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeId(hash::Hash);

impl TreeId {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TreeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The files of a repository as they were when it was scanned; their contents stay on the disk.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    snapshot: Snapshot,
    skipped: Vec<Skipped>,
    deciding: Vec<PathBuf>,
    /// What it was asked with.
    git: Git,
    /// Files that Git did not tell of, so that they are taken as they lie there.
    untold: Vec<Skipped>,
}

/// Reads the tree of the repository at `repository`, an absolute path. What is learnt is kept in `cache_dir`.
///
/// The repository may be part of a work tree, or in none. Only a repository that cannot be opened at all
/// is an error: files that cannot be read are left out, as [`Tree::skipped`] tells.
pub fn scan(repository: &Path, cache_dir: &Path) -> Result<Tree, Error> {
    scan_with(repository, cache_dir, &Git::of_process())
}

/// Whether a file directly in the repository is the user's own: Git ignores it, so it did not come with the rest.
pub(crate) fn is_private(repository: &Path, name: &str) -> bool {
    let root = repository.canonicalize();
    root.is_ok_and(|root| git::is_private(&Git::of_process(), &root, name))
}

fn scan_with(repository: &Path, cache_dir: &Path, git: &Git) -> Result<Tree, Error> {
    let began = stamp::now();
    let root = std::fs::File::open(repository).map_err(|source| Error::File {
        path: repository.to_owned(),
        source,
    })?;
    let root = root.as_fd();
    let file = cache::file(cache_dir, repository);
    let fingerprint = git.fingerprint();
    let tree = |cached: Cached, more, untold| {
        let mut skipped = cached.skipped;
        skipped.extend(more);
        skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Tree {
            root: repository.to_owned(),
            snapshot: cached.snapshot,
            skipped,
            deciding: cached.watches.into_iter().map(|(path, _)| path).collect(),
            git: git.clone(),
            untold,
        }
    };

    let mut known = cache::read(&file, repository);
    // Whether Git would decide as it did.
    let holds = known.as_ref().is_some_and(|cached| {
        let mut watches = cached.watches.iter();
        cached.is_reusable
            && cached.fingerprint == fingerprint
            && watches.all(|(path, stamp)| Stamp::behind(path) == *stamp)
    });
    if let Some(cached) = &mut known
        && holds
    {
        let mut findings = examine(&cached.snapshot, root, began, Listed::Before);
        let left_out = std::mem::take(&mut findings.skipped);
        let is_stale = findings.is_stale;
        let mut untold = Vec::new();
        if is_stale {
            // Git is asked of everything below.
            findings.entries.retain(|(_, entry)| !entry.is_doubtful);
        } else {
            untold = stored::settle(git, repository, root, &cached.snapshot, &mut findings);
        }
        // What was read already need not be read again, even if the listing is stale.
        let news = findings.apply(&mut cached.snapshot);
        if !is_stale {
            if news {
                save(&file, repository, cached);
            }
            return Ok(tree(known.unwrap_or_default(), left_out, untold));
        }
    }

    let listing = listing::list(git, repository);
    let mut snapshot = Snapshot::build(&listing.files, &listing.directories, &listing.rules);
    if let Some(known) = &known {
        snapshot.adopt(&known.snapshot, holds);
    }
    let mut findings = examine(&snapshot, root, began, Listed::Now);
    let left_out = std::mem::take(&mut findings.skipped);
    let untold = stored::settle(git, repository, root, &snapshot, &mut findings);
    findings.apply(&mut snapshot);
    snapshot.sum_up(&mut vec![true; snapshot.directories.len()]);
    let watches = listing.watches.into_iter();
    let cached = Cached {
        snapshot,
        watches: watches
            .map(|path| {
                let stamp = Stamp::behind(&path).settled(began);
                (path, stamp)
            })
            .collect(),
        skipped: listing.skipped,
        is_reusable: listing.is_reusable,
        fingerprint,
    };
    save(&file, repository, &cached);
    Ok(tree(cached, left_out, untold))
}

/// Writes the cache. A failure only makes the next scan slower.
fn save(file: &Path, repository: &Path, cached: &Cached) {
    if let Err(err) = cache::write(file, repository, cached) {
        tracing::debug!(file = %file.display(), %err, "the source cache cannot be written");
    }
}

impl Tree {
    /// What is left out of the tree though it lies in the repository and is not ignored.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// What is worth to know of files that are in the tree, in whole sentences.
    pub fn notes(&self) -> Vec<String> {
        let (mut pointers, mut unfiltered) = (Vec::new(), Vec::new());
        for directory in &self.snapshot.directories {
            for entry in &self.snapshot.entries[directory.entries.clone()] {
                let path = || self.snapshot.entry_path(directory, entry);
                let (is_lfs, is_blocked) = match entry.rule.content {
                    Content::Lfs => (true, false),
                    Content::Blocked => (false, true),
                    Content::BlockedLfs => (true, true),
                    _ => continue,
                };
                if !entry.kind.is_there() {
                    continue;
                }
                if is_blocked && !entry.is_stored {
                    unfiltered.push(path());
                } else if is_lfs && entry.size < POINTER {
                    pointers.push(path());
                }
            }
        }
        let mut notes = Vec::new();
        if let Some((names, is)) = names(&pointers) {
            notes.push(format!(
                "{names} {is} in Git LFS: the app gets the pointer, not the content, as on Upsun"
            ));
        }
        if let Some((names, is)) = names(&unfiltered) {
            notes.push(format!(
                "{names} {is} taken without the filter of `.gitattributes`: only this repository's own configuration defines it, so it is not run"
            ));
        }
        let mut by_reason: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
        for untold in &self.untold {
            let path = untold.path.as_os_str().as_bytes().to_vec();
            by_reason.entry(&untold.reason).or_default().push(path);
        }
        for (reason, paths) in by_reason {
            if let Some((names, is)) = names(&paths) {
                notes.push(format!(
                    "{names} {is} taken as on the disk, because Git does not say what it would deploy: {reason}"
                ));
            }
        }
        notes
    }

    /// Whether a sparse checkout leaves files out of it that Git would deploy.
    pub(crate) fn is_sparse(&self) -> bool {
        let mut skipped = self.skipped.iter();
        skipped.any(|skipped| skipped.reason.starts_with(git::SPARSE))
    }

    /// Every directory that is not ignored, and those of files that Git deploys although it ignores what is around
    /// them: a file that comes or changes is directly in one of these.
    pub fn directories(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.snapshot.directories.iter().map(|directory| {
            let path = listing::os_path(self.snapshot.path(directory));
            if path.is_empty() {
                return self.root.clone();
            }
            self.root.join(path)
        })
    }

    /// Files anywhere that decide what is ignored, Git's index among them; some may not be there.
    pub(crate) fn deciding(&self) -> &[PathBuf] {
        &self.deciding
    }

    /// The id of the directory `root`, or of the whole repository if it is empty. `None` when no file is below.
    pub fn id(&self, root: &str) -> Option<TreeId> {
        let directory = &self.snapshot.directories[self.directory(root)?];
        directory.id.map(TreeId)
    }

    /// What a build of the app at `root` depends on: its tree id, without the configuration of the project and
    /// without `.upsun-local.yaml`. Both files are in the tree of an app at the repository's top; the parts of them
    /// that affect a build are in the build id anyway.
    pub fn build_id(&self, root: &str) -> Option<TreeId> {
        if plain(root).is_empty() {
            self.id(root)?;
            let empty = || hash::tree(&[]);
            let id = self.snapshot.id_without(&[CONFIGURATION, SETTINGS]);
            return Some(TreeId(id.unwrap_or_else(empty)));
        }
        self.id(root)
    }

    /// Whether a file or symbolic link is there.
    pub fn has(&self, path: &str) -> bool {
        self.snapshot.find(plain(path).as_bytes()).is_some()
    }

    /// How many files lie below a directory; a file counts as one.
    pub(crate) fn files_below(&self, path: &str) -> usize {
        match self.directory(path) {
            Some(at) => self.snapshot.directories[at].files,
            None => usize::from(self.has(path)),
        }
    }

    /// How many files lie below the directory `root`, and how many bytes they have.
    pub fn size(&self, root: &str) -> (usize, u64) {
        self.directory(root).map_or((0, 0), |at| {
            let directory = &self.snapshot.directories[at];
            (directory.files, directory.bytes)
        })
    }

    fn directory(&self, path: &str) -> Option<usize> {
        self.snapshot.find_directory(plain(path).as_bytes())
    }
}

/// Names some paths, with the verb for them.
fn names(paths: &[Vec<u8>]) -> Option<(String, &'static str)> {
    let shown: Vec<String> = paths
        .iter()
        .take(3)
        .map(|path| format!("`{}`", String::from_utf8_lossy(path)))
        .collect();
    let others = paths.len() - shown.len();
    let all = match (shown.as_slice(), others) {
        ([], _) => return None,
        (_, 1..) => format!("{} and {others} more", shown.join(", ")),
        ([one], 0) => return Some((one.clone(), "is")),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
    };
    Some((all, "are"))
}

/// A path without empty parts and without `.`.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}
