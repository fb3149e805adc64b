//! Which files of a repository are deployed, and what would change the answer.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Skipped;
use super::git::{self, Git, Refusal};
use super::snapshot::Rule;
use super::walk::{self, Ignoring};

/// The answer. Paths are relative to the repository.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Files and symbolic links; some may be gone, twice in the list, or no files.
    pub files: Vec<Vec<u8>>,
    /// Every directory that is not ignored, so that a new file in it would be listed.
    pub directories: Vec<Vec<u8>>,
    /// Files anywhere that decide what is ignored; some may not be there.
    pub watches: Vec<PathBuf>,
    /// The files that Git may not store as they lie there, by path.
    pub rules: HashMap<Vec<u8>, Rule>,
    /// What is left out, and why.
    pub skipped: Vec<Skipped>,
    /// Whether the listing stays true as long as directories and watches do not change.
    pub is_reusable: bool,
}

impl Listing {
    /// Leaves something out.
    pub(super) fn skip(&mut self, path: &[u8], reason: &str) {
        self.skipped.push(Skipped {
            path: os_path(path).into(),
            reason: reason.to_owned(),
        });
    }
}

/// Bytes as a path.
pub(super) fn os_path(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// Whether a path belongs to Upsun's tools, which never deploy it: `.upsun/local`.
pub(super) fn is_ours(path: &[u8]) -> bool {
    path.strip_prefix(b".upsun/local")
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Lists the repository: as Git would where it can be asked, otherwise by `.gitignore` files alone.
pub(super) fn list(git: &Git, root: &Path) -> Listing {
    tracing::debug!(root = %root.display(), "Git lists the files");
    let mut listing = Listing {
        is_reusable: true,
        ..Listing::default()
    };
    let is_in_git = root
        .ancestors()
        .any(|above| above.join(".git").symlink_metadata().is_ok());
    if !is_in_git {
        // A repository above would be another answer.
        let above = root.ancestors().skip(1);
        listing.watches = above.map(|above| above.join(".git")).collect();
        walk::list(root, Ignoring::Here, &mut listing);
        return listing;
    }
    match git::list(git, root, &mut listing) {
        Ok(()) => {}
        Err(Refusal::Ignored) => {
            walk::list(root, Ignoring::Here, &mut listing);
        }
        Err(Refusal::NotInWorkTree) => {
            listing = Listing::default();
            walk::list(root, Ignoring::Here, &mut listing);
        }
        Err(Refusal::Because(reason)) => {
            listing = Listing::default();
            listing.skip(
                b".git",
                &format!(
                    "Git cannot be asked ({reason}), so only `.gitignore` decides what is deployed"
                ),
            );
            walk::list(root, Ignoring::Above, &mut listing);
        }
    }
    listing
}
