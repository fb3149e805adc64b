//! Repositories in temporary directories, and what Git has of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::config::files::{Files, Kind, ReadError};
use crate::source;

struct Repo {
    folder: tempfile::TempDir,
}

impl Repo {
    fn new() -> Repo {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo { folder };
        fs::create_dir(repo.root()).unwrap();
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn write(&self, path: &str, content: &str) -> &Repo {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn git(&self, arguments: &[&str]) {
        git(&self.root(), arguments);
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    fn open(&self, name: &str) -> Result<Revision, Error> {
        Revision::open(&self.root(), name)
    }

    /// What is not committed, compared with the commit `first` where there is one.
    fn uncommitted(&self) -> Vec<String> {
        let revision = self.open("first").or_else(|_| self.open("HEAD")).unwrap();
        let tree = source::scan(&self.root(), &self.folder.path().join("cache")).unwrap();
        let comparison = Comparison::new(&revision, &tree).unwrap();
        comparison.uncommitted().unwrap()
    }

    /// What changed since `HEAD` in an app's directory.
    fn changed(&self, before: &str, now: &str) -> Vec<String> {
        let revision = self.open("HEAD").unwrap();
        let tree = source::scan(&self.root(), &self.folder.path().join("cache")).unwrap();
        let comparison = Comparison::new(&revision, &tree).unwrap();
        comparison.changed(before, now).unwrap()
    }
}

fn git(root: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(root)
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
}

fn text(revision: &Revision, path: &str) -> String {
    String::from_utf8(revision.read(Path::new(path)).unwrap()).unwrap()
}

#[test]
fn files_are_those_of_the_commit_not_those_at_hand() {
    let repo = Repo::new();
    repo.write(".upsun/config.yaml", "old")
        .write("app/a file", "a");
    std::os::unix::fs::symlink("app/a file", repo.root().join("link")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", repo.root().join("out")).unwrap();
    std::os::unix::fs::symlink("loop", repo.root().join("loop")).unwrap();
    std::os::unix::fs::symlink("nothing", repo.root().join("dangling")).unwrap();
    repo.commit();
    repo.write(".upsun/config.yaml", "new");
    fs::remove_file(repo.root().join("app/a file")).unwrap();

    let revision = repo.open("main").unwrap();
    assert!(revision.is_configured().unwrap());
    assert_eq!(text(&revision, ".upsun/config.yaml"), "old");
    assert_eq!(text(&revision, "app/a file"), "a");
    assert_eq!(text(&revision, "link"), "a");
    let kind = |path: &str| revision.kind(Path::new(path));
    assert!(matches!(kind("app"), Ok(Kind::Directory)));
    assert!(matches!(kind(""), Ok(Kind::Directory)));
    assert!(matches!(kind("link"), Ok(Kind::File)));
    assert!(matches!(kind("out"), Err(ReadError::Outside)));
    assert!(matches!(kind("loop"), Err(ReadError::Loop)));
    assert!(matches!(kind("dangling"), Err(ReadError::Missing)));
    assert!(matches!(kind("nowhere missing"), Err(ReadError::Missing)));
    assert!(matches!(kind("a\nb"), Err(ReadError::Missing)));
    let read = |path: &str| revision.read(Path::new(path));
    assert!(matches!(read("app"), Err(ReadError::Directory)));
    assert_eq!(revision.names(Path::new("app")).unwrap(), ["a file"]);
    assert!(matches!(
        revision.names(Path::new("link")),
        Err(ReadError::NoDirectory)
    ));
    // The process still answers after all that.
    assert_eq!(text(&revision, ".upsun/config.yaml"), "old");
}

#[test]
fn a_file_that_is_too_large_is_passed_over() {
    let repo = Repo::new();
    let large = "x".repeat(usize::try_from(MAX_FILE).unwrap() + 1);
    repo.write("large", &large).write("small", "s").commit();
    let revision = repo.open("HEAD").unwrap();
    assert!(matches!(
        revision.read(Path::new("large")),
        Err(ReadError::TooLarge)
    ));
    assert_eq!(text(&revision, "small"), "s");
}

#[test]
fn what_names_no_commit_says_so() {
    let repo = Repo::new();
    assert!(matches!(
        repo.open("HEAD"),
        Err(Error::Unknown {
            is_shallow: false,
            ..
        })
    ));
    repo.write("a", "1").commit();
    repo.commit();
    for name in [
        "",
        "nowhere",
        "--all",
        "HEAD..HEAD~1",
        "HEAD:a",
        "HEAD\nHEAD",
        "@{upstream}",
    ] {
        assert!(
            matches!(repo.open(name), Err(Error::Unknown { .. })),
            "{name}"
        );
    }
    assert_eq!(
        repo.open("HEAD^{tree}~0").unwrap_err().to_string(),
        "there is no commit `HEAD^{tree}~0` in this repository"
    );

    let clone = repo.folder.path().join("shallow");
    let from = format!("file://{}", repo.root().display());
    git(
        repo.folder.path(),
        &["clone", "-q", "--depth=1", &from, "shallow"],
    );
    assert!(Revision::open(&clone, "origin/main").is_ok());
    for (name, fetch) in [
        ("HEAD~2", "`git fetch --deepen=2`"),
        ("main^", "`git fetch --deepen=1`"),
        ("1234567", "the rest with `git fetch --unshallow`"),
        ("v1.0", "`git fetch --depth=1 origin v1.0`"),
        ("origin/other", "`git fetch --depth=1 origin other`"),
    ] {
        let hint = Revision::open(&clone, name).unwrap_err().hint().unwrap();
        assert!(hint.starts_with("the clone is shallow"), "{hint}");
        assert!(hint.contains(fetch), "{hint}");
    }

    let outside = tempfile::tempdir().unwrap();
    assert!(matches!(
        Revision::open(outside.path(), "HEAD"),
        Err(Error::NoRepository { .. })
    ));
}

#[test]
fn work_trees_and_projects_inside_a_repository_are_read_too() {
    let repo = Repo::new();
    repo.write("project/.upsun/config.yaml", "inner")
        .write("project/app/a", "1")
        .commit();
    repo.git(&["worktree", "add", "-q", "--detach", "../beside"]);
    let beside = repo.folder.path().join("beside/project");
    let revision = Revision::open(&beside, "HEAD").unwrap();
    assert_eq!(text(&revision, ".upsun/config.yaml"), "inner");

    fs::write(beside.join("app/a"), "2").unwrap();
    fs::write(repo.folder.path().join("beside/outside"), "2").unwrap();
    let tree = source::scan(&beside, &repo.folder.path().join("cache")).unwrap();
    let comparison = Comparison::new(&revision, &tree).unwrap();
    assert_eq!(comparison.changed("", "").unwrap(), ["app/a"]);
    assert_eq!(comparison.changed("app", "app").unwrap(), ["a"]);
}

#[test]
fn changed_files_are_found_below_what_differs() {
    let repo = Repo::new();
    repo.write("app/kept/a", "1")
        .write("app/deep/er/b", "1")
        .write("app/gone/c", "1")
        .write("app/run", "1")
        .write("app/becomes-directory", "1")
        .write("app/becomes-file/d", "1")
        .write("other/e", "1")
        .write(".gitignore", "*.log\n")
        .commit();
    assert!(repo.changed("", "").is_empty());

    repo.write("app/deep/er/b", "2")
        .write("app/new/untracked", "2")
        .write("app/new/ignored.log", "2");
    fs::remove_dir_all(repo.root().join("app/gone")).unwrap();
    fs::remove_dir_all(repo.root().join("app/becomes-file")).unwrap();
    fs::remove_file(repo.root().join("app/becomes-directory")).unwrap();
    repo.write("app/becomes-file", "2")
        .write("app/becomes-directory/f", "2");
    let run = repo.root().join("app/run");
    fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let expected = [
        "becomes-directory",
        "becomes-directory/f",
        "becomes-file",
        "becomes-file/d",
        "deep/er/b",
        "gone/c",
        "new/untracked",
        "run",
    ];
    assert_eq!(repo.changed("app", "app"), expected);
    assert!(repo.changed("other", "other").is_empty());
    assert_eq!(repo.changed("", "").len(), expected.len());
}

#[test]
fn a_directory_that_moved_whole_has_not_changed() {
    let repo = Repo::new();
    repo.write("old/place/a", "1").commit();
    fs::rename(repo.root().join("old/place"), repo.root().join("new")).unwrap();
    assert!(repo.changed("old/place", "new").is_empty());
    assert_eq!(repo.changed("nowhere", "new"), ["a"]);
    assert_eq!(repo.changed("old/place", "nowhere"), ["a"]);
}

#[test]
fn the_configuration_is_no_source_of_an_app_at_the_top() {
    let repo = Repo::new();
    repo.write(".upsun/config.yaml", "1")
        .write("a", "1")
        .commit();
    repo.write(".upsun/config.yaml", "2").write(".upsun/b", "2");
    assert!(repo.changed("", "").is_empty());
    assert_eq!(repo.changed(".upsun", ".upsun"), ["b", "config.yaml"]);
}

#[test]
fn what_git_checks_out_otherwise_has_not_changed() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.txt eol=crlf\n*.stored filter=upper\n")
        .write("app/lines.txt", "1\r\n")
        .write("app/edited.txt", "1\r\n")
        .write("app/a.stored", "text");
    repo.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    repo.commit();
    assert!(repo.changed("app", "app").is_empty());
    repo.write("app/edited.txt", "2\r\n")
        .write("app/new.txt", "1\r\n");
    assert_eq!(repo.changed("app", "app"), ["edited.txt", "new.txt"]);
    assert_eq!(
        repo.uncommitted(),
        ["app/edited.txt", "app/new.txt"].map(str::to_owned)
    );
    // Where a directory moved as a whole, its files are what they were.
    repo.git(&["checkout", "-q", "app/edited.txt"]);
    fs::remove_file(repo.root().join("app/new.txt")).unwrap();
    repo.git(&["mv", "app", "moved"]);
    assert!(repo.changed("app", "moved").is_empty());
}

#[test]
fn line_ends_that_no_commit_has_are_no_change_without_attributes_either() {
    let repo = Repo::new();
    repo.git(&["config", "core.autocrlf", "true"]);
    repo.write("a", "1\r\n").commit();
    assert!(repo.changed("", "").is_empty());
    repo.write("a", "2\r\n");
    assert_eq!(repo.changed("", ""), ["a"]);
}

#[test]
fn modes_that_are_not_to_be_trusted_are_no_change() {
    let repo = Repo::new();
    repo.write("run", "1").commit();
    let run = repo.root().join("run");
    fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(repo.changed("", ""), ["run"]);
    repo.git(&["config", "core.fileMode", "false"]);
    assert!(repo.changed("", "").is_empty());
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_not_gone() {
    let repo = Repo::new();
    repo.write("one/a", "1").write("two/b", "1").commit();
    repo.git(&["sparse-checkout", "set", "one"]);
    assert!(!repo.root().join("two").exists());
    assert!(repo.changed("", "").is_empty());
    assert!(repo.changed("two", "two").is_empty());
    fs::remove_file(repo.root().join("one/a")).unwrap();
    assert_eq!(repo.changed("", ""), ["one/a"]);
}

#[test]
fn what_is_not_committed_is_told_whatever_it_is_compared_with() {
    let repo = Repo::new();
    repo.write("a", "1").commit();
    repo.git(&["tag", "first"]);
    repo.write("a", "2").write("b", "2").commit();
    assert!(repo.uncommitted().is_empty());
    repo.write("b", "3")
        .write(".upsun/config.yaml", "3")
        .write("untracked", "3");
    fs::remove_file(repo.root().join("a")).unwrap();
    assert_eq!(
        repo.uncommitted(),
        [".upsun/config.yaml", "a", "b", "untracked"].map(str::to_owned)
    );
}

#[test]
fn a_submodule_is_compared_by_what_is_in_it() {
    let inner = Repo::new();
    inner.write("lib/code", "1").commit();
    let repo = Repo::new();
    let from = inner.root().display().to_string();
    repo.git(&["submodule", "--quiet", "add", &from, "vendor/inner"]);
    repo.write("a", "1").commit();
    assert!(repo.changed("", "").is_empty());
    assert!(repo.changed("vendor/inner", "vendor/inner").is_empty());
    let revision = repo.open("HEAD").unwrap();
    assert_eq!(text(&revision, "vendor/inner/lib/code"), "1");
    let kind = revision.kind(Path::new("vendor/inner"));
    assert!(matches!(kind, Ok(Kind::Directory)));

    repo.write("vendor/inner/lib/code", "2");
    assert_eq!(repo.changed("", ""), ["vendor/inner/lib/code"]);
    let lib = "vendor/inner/lib";
    assert_eq!(repo.changed(lib, lib), ["code"]);
}
