//! Lists a directory by its `.gitignore` files, without Git.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::examine::unreadable;
use super::listing::{Listing, is_ours};

/// Which `.gitignore` files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignoring {
    /// Ignore files in the repository.
    Here,
    /// Ignore files above it in its work tree too, and Git's own lists.
    Above,
}

pub(super) fn list(root: &Path, ignoring: Ignoring, listing: &mut Listing) {
    let above = ignoring == Ignoring::Above;
    let nested = Arc::new(Mutex::new(Vec::<PathBuf>::new()));
    let (found_nested, top) = (Arc::clone(&nested), root.to_owned());
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .require_git(false)
        .parents(above)
        .git_global(above)
        .git_exclude(above)
        .filter_entry(move |entry| {
            if entry.file_name() == ".git" {
                return false;
            }
            let path = relative(&top, entry.path());
            if is_ours(path) {
                return false;
            }
            // A submodule has a file of that name, a repository of its own a directory.
            let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
            if is_directory
                && entry
                    .path()
                    .join(".git")
                    .symlink_metadata()
                    .is_ok_and(|found| found.is_dir())
            {
                found_nested
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(entry.path().to_owned());
                return false;
            }
            true
        })
        .build();
    for found in walk {
        match found {
            Ok(entry) => {
                let path = relative(root, entry.path()).to_vec();
                if entry.depth() == 0 || entry.file_type().is_some_and(|kind| kind.is_dir()) {
                    let rules = entry.path().join(".gitignore");
                    if rules.symlink_metadata().is_ok() {
                        listing.watches.push(rules);
                    }
                    listing.directories.push(path);
                } else {
                    listing.files.push(path);
                }
            }
            Err(err) => {
                listing.is_reusable = false;
                if let (Some(path), Some(reason)) = (path_of(&err), err.io_error()) {
                    listing.skip(relative(root, path), &unreadable(reason));
                }
            }
        }
    }
    let nested = std::mem::take(&mut *nested.lock().unwrap_or_else(PoisonError::into_inner));
    for path in nested {
        let path = relative(root, &path).to_vec();
        listing.skip(
            &path,
            "it is a separate Git repository and not a submodule, so Git deploys nothing of it",
        );
        listing.directories.push(path);
    }
}

fn relative<'a>(root: &Path, path: &'a Path) -> &'a [u8] {
    path.strip_prefix(root)
        .unwrap_or(path)
        .as_os_str()
        .as_bytes()
}

fn path_of(err: &ignore::Error) -> Option<&Path> {
    match err {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Partial(all) => all.iter().find_map(path_of),
        _ => None,
    }
}
