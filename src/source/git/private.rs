//! Whether a file of the repository belongs to the user of this machine alone: Git ignores it, so it did not come with
//! the repository.

use std::collections::HashSet;
use std::path::Path;

use super::{Git, answer, directories};

/// Whether Git ignores `name`, a file directly in `root`, an absolute path without links. Never outside a work tree of
/// Git, nor where the work tree around it knows nothing of the repository.
pub(super) fn is_private(git: &Git, root: &Path, name: &str) -> bool {
    let Some(top) = top(root) else {
        return false;
    };
    if !has_exactly(root, name) {
        return false;
    }
    // An ignored directory may be anything, such as an archive that was unpacked there.
    let asked = [name.as_bytes().to_vec(), b".".to_vec()];
    let expected = HashSet::from([asked[0].clone()]);
    if directories::ignored(git, root, &asked).ok() != Some(expected) {
        return false;
    }
    // On a file system that ignores case, one of `a` and `A` is checked out and the other one opens it.
    let same = format!(":(icase){name}");
    let tracked = git.start(root, &["ls-files", "-z", "--", &same, ".upsun"]);
    let Ok(tracked) = answer(tracked) else {
        return false;
    };
    let mut is_known = top == root;
    for path in tracked.split(|byte| *byte == 0) {
        if path.eq_ignore_ascii_case(name.as_bytes()) {
            return false;
        }
        is_known |= path.starts_with(b".upsun/");
    }
    is_known
}

/// The nearest directory, from `root` upwards, that has a `.git`. Git takes a directory with a certain content for a
/// repository without work tree: as these may be ordinary files of a clone, there is nothing above one.
fn top(root: &Path) -> Option<&Path> {
    for directory in root.ancestors() {
        let there = |name: &str| directory.join(name).symlink_metadata().is_ok();
        if there(".git") {
            return Some(directory);
        }
        if there("HEAD") && there("objects") && there("refs") {
            return None;
        }
    }
    None
}

fn has_exactly(root: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name() == name)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const NAME: &str = ".settings";

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Place(tempfile::tempdir().unwrap())
        }

        fn root(&self) -> PathBuf {
            self.0.path().canonicalize().unwrap()
        }

        fn write(&self, file: &str, text: &str) -> &Self {
            let path = self.root().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
            self
        }

        fn git(&self, arguments: &[&str]) -> &Self {
            let mut command = std::process::Command::new("git");
            command
                .args(arguments)
                .current_dir(self.root())
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_NOSYSTEM", "1");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            self
        }

        fn is_private(&self, below: &str) -> bool {
            is_private(&Git::isolated(), &self.root().join(below), NAME)
        }
    }

    #[test]
    fn a_file_is_private_where_git_ignores_it_and_does_not_track_it() {
        let place = Place::new();
        place
            .write(NAME, "")
            .write(".gitignore", NAME)
            .write(".upsun/config.yaml", "");
        assert!(!place.is_private(""), "outside Git");
        place.git(&["init", "-q"]);
        assert!(place.is_private(""));
        place.write(".gitignore", "");
        assert!(!place.is_private(""), "not ignored");
        place.write(".git/info/exclude", NAME);
        assert!(place.is_private(""));
        place.git(&["add", "--force", NAME]);
        assert!(!place.is_private(""), "tracked");
    }

    #[test]
    fn a_tracked_file_of_another_case_may_be_the_same() {
        let place = Place::new();
        place
            .write(NAME, "")
            .write(".SETTINGS", "")
            .write(".gitignore", NAME)
            .git(&["init", "-q"])
            .git(&["add", "--force", ".SETTINGS"]);
        assert!(!place.is_private(""));
        std::fs::remove_file(place.root().join(NAME)).unwrap();
        place.git(&["rm", "-q", "--cached", ".SETTINGS"]);
        assert!(!place.is_private(""), "it is called otherwise");
    }

    #[test]
    fn a_repository_that_the_work_tree_around_it_does_not_know_has_no_private_files() {
        let place = Place::new();
        place
            .write(&format!("downloads/{NAME}"), "")
            .write("downloads/.upsun/config.yaml", "")
            .git(&["init", "-q"])
            .write(".gitignore", "*");
        assert!(!place.is_private("downloads"), "all of it is ignored");
        place.write(".gitignore", NAME);
        assert!(!place.is_private("downloads"), "nothing of it is tracked");
        place.git(&["add", "downloads/.upsun"]);
        assert!(place.is_private("downloads"));
    }

    #[test]
    fn a_folder_that_looks_like_a_bare_repository_has_no_private_files() {
        let place = Place::new();
        place.git(&["init", "-q"]);
        let bare = place.root().join("site");
        place.git(&["init", "-q", "--bare", bare.to_str().unwrap()]);
        place
            .write("site/config", "[core]\n\tbare = false\n\tworktree = .\n")
            .write("site/info/exclude", NAME)
            .write("site/.upsun/config.yaml", "")
            .write(&format!("site/{NAME}"), "");
        assert!(!place.is_private("site"));
    }
}
