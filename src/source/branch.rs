//! The branch that is checked out, read from `HEAD` without starting Git.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than the longest name of a reference.
const LONGEST: u64 = 8 * 1024;

/// The branch of the repository that a directory lies in; `None` outside Git and for a detached HEAD.
pub fn branch(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let git = directory.ancestors().find_map(git_directory)?;
    let head = read(&git.join("HEAD"))?;
    let name = head.trim_end().strip_prefix("ref: refs/heads/")?;
    // Where references are kept in tables, this name stands for "look there".
    (name != ".invalid" && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// The repository of a work tree: `.git`, or what a file of this name names in worktrees and submodules.
fn git_directory(directory: &Path) -> Option<PathBuf> {
    let git = directory.join(".git");
    let found = git.metadata().ok()?;
    if found.is_dir() {
        return Some(git);
    }
    let text = read(&git)?;
    Some(directory.join(text.trim_end().strip_prefix("gitdir: ")?))
}

fn read(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_branch_is_that_of_head() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("site/app");
        std::fs::create_dir_all(&root).unwrap();
        let head = dir.path().join("site/.git/HEAD");
        for (text, expected) in [
            ("ref: refs/heads/main\n", Some("main")),
            ("ref: refs/heads/feature/a.b\n", Some("feature/a.b")),
            ("0123456789abcdef0123456789abcdef01234567\n", None),
            ("ref: refs/heads/.invalid\n", None),
            ("", None),
        ] {
            write(&head, text);
            assert_eq!(branch(&root).as_deref(), expected, "{text}");
        }
        // A worktree has a file in place of the directory.
        write(&dir.path().join("real/HEAD"), "ref: refs/heads/other\n");
        write(&dir.path().join("tree/.git"), "gitdir: ../real\n");
        assert_eq!(branch(&dir.path().join("tree")).as_deref(), Some("other"));
    }
}
