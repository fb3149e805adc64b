//! What Git takes the files at hand for, where they differ from what it would commit.
//!
//! Line ends, filters such as that of Git LFS, modes that are not to be trusted and sparse checkouts make files in the
//! work tree that are not what is in a commit, and still nothing was changed. Only Git knows, and asking costs time.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::Path;
use std::process::Child;

use crate::source::{Git, Tree};

/// How many files are looked into for line ends. Where more differ, that Git is asked is the least of it.
const MOST_READ: usize = 100;

/// The files that Git tracks and sees no change in.
#[derive(Debug, Default)]
pub(super) struct CheckedOut {
    /// The mode and id of each in the index, by path relative to the repository.
    unchanged: HashMap<Vec<u8>, (String, String)>,
}

impl CheckedOut {
    /// Asks Git. What it does not say is taken as it lies there.
    pub(super) fn ask(git: &Git, root: &Path) -> CheckedOut {
        let Ok(git) = git.guarded(root) else {
            return CheckedOut::default();
        };
        let index = git.command(root, &["ls-files", "-z", "--stage"]).spawn();
        let changed = git
            .command(
                root,
                &[
                    "diff",
                    "--name-only",
                    "-z",
                    "--relative",
                    "--no-renames",
                    "--no-ext-diff",
                    "--no-textconv",
                    "--ignore-submodules",
                ],
            )
            .spawn();
        let (Ok(index), Ok(changed)) = (answer(index), answer(changed)) else {
            return CheckedOut::default();
        };
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        let entry = |line: &[u8]| {
            // `<mode> <id> <stage>`, a tab, the path.
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let words = String::from_utf8_lossy(&line[..tab]);
            let path = line[tab + 1..].to_vec();
            match words.split(' ').collect::<Vec<_>>().as_slice() {
                [mode, id, "0"] if !changed.contains(path.as_slice()) => {
                    Some((path, ((*mode).to_owned(), (*id).to_owned())))
                }
                _ => None,
            }
        };
        CheckedOut {
            unchanged: index.split(|byte| *byte == 0).filter_map(entry).collect(),
        }
    }

    /// Whether Git would commit this at a path.
    pub(super) fn is(&self, path: &str, mode: &str, id: &[u8]) -> bool {
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let known = self.unchanged.get(path.as_bytes());
        known.is_some_and(|known| known.0 == mode && known.1 == id)
    }
}

fn answer(child: io::Result<Child>) -> io::Result<Vec<u8>> {
    let output = child?.wait_with_output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(io::Error::other("Git refuses"))
    }
}

/// A file that is not what it was, and was there.
pub(super) struct Suspect<'a> {
    /// Its path, relative to the repository.
    pub(super) path: &'a str,
    /// Whether only its mode differs.
    pub(super) by_mode: bool,
}

/// Whether there is a sign that Git might see no change in one of these.
pub(super) fn is_doubtful(root: &Path, tree: &Tree, suspects: &[Suspect<'_>]) -> bool {
    if suspects.is_empty() {
        return false;
    }
    tree.is_sparse()
        || tree.has_named(b".gitattributes")
        || has_attributes_above(root)
        || suspects.iter().any(|suspect| suspect.by_mode)
        || suspects.len() > MOST_READ
        || suspects
            .iter()
            .any(|suspect| has_line_ends(&root.join(suspect.path)))
}

/// Whether the repository around a project has attributes, or has them where no commit does.
fn has_attributes_above(root: &Path) -> bool {
    for directory in root.ancestors() {
        if directory.join(".gitattributes").exists() {
            return true;
        }
        let repository = directory.join(".git");
        if repository.exists() {
            return repository.join("info/attributes").exists();
        }
    }
    false
}

/// Whether a file begins as if its lines had the ends of Windows.
fn has_line_ends(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let is_file = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file());
    is_file
        && std::fs::File::open(path)
            .and_then(|file| file.take(8192).read_to_end(&mut bytes))
            .is_ok()
        && bytes.windows(2).any(|pair| pair == b"\r\n")
}
