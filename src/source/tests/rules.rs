//! Whatever decides which files Git lists makes the next scan ask Git again.

use std::fs;

use super::caching::{lists_anew, settled};
use super::{names, settle};
use crate::source::scan_with;

#[test]
fn an_edited_ignore_file_is_seen() {
    let repo = settled();
    repo.write(".gitignore", "*.log\n/d/\n");
    repo.git(["rm", "-rq", "--cached", "d"]);
    lists_anew(&repo);
    assert!(!repo.scan().has("d/c") && repo.scan().has("out/x"));

    // In place, in a directory whose own time stamps do not change.
    let repo = settled();
    repo.write("out/.gitignore", "*\n")
        .write("d/.gitignore", "nothing\n");
    repo.write("d/untracked", "");
    settle();
    lists_anew(&repo);
    settle();
    repo.scan();
    repo.write("d/.gitignore", "untracked\n");
    lists_anew(&repo);
    assert!(!repo.scan().has("d/untracked"));
    // An ignore file may ignore itself.
    repo.write("d/.gitignore", "*\n");
    repo.scan();
    settle();
    repo.scan();
    repo.write("d/.gitignore", ".gitignore\n");
    lists_anew(&repo);
    assert!(repo.scan().has("d/untracked"));
}

#[test]
fn gits_own_exclude_lists_are_seen() {
    let repo = settled();
    repo.write("x.tmp", "");
    repo.write(".git/info/exclude", "*.tmp\n");
    lists_anew(&repo);
    assert!(!repo.scan().has("x.tmp"));

    let repo = settled();
    repo.write("x.tmp", "").write("y.bak", "");
    fs::create_dir_all(repo.place("home/.config/git")).unwrap();
    fs::write(repo.place("home/.config/git/ignore"), "*.tmp\n").unwrap();
    lists_anew(&repo);
    settle();
    repo.scan();
    fs::write(repo.place("home/.config/git/ignore"), "*.bak\n").unwrap();
    lists_anew(&repo);
    assert!(repo.scan().has("x.tmp") && !repo.scan().has("y.bak"));

    // Another list, named by a setting.
    settle();
    repo.scan();
    fs::write(repo.place("home/list"), "*.tmp\n").unwrap();
    repo.git(["config", "core.excludesFile", "~/list"]);
    lists_anew(&repo);
    assert!(!repo.scan().has("x.tmp"));
    settle();
    repo.scan();
    fs::write(repo.place("home/list"), "nothing\n").unwrap();
    lists_anew(&repo);
    assert!(repo.scan().has("x.tmp"));
}

#[test]
fn ignore_files_above_a_sub_directory_are_seen() {
    let repo = settled();
    let scan = || scan_with(&repo.path("d"), &repo.place("cache"), &repo.git).unwrap();
    repo.write("d/untracked", "");
    settle();
    assert_eq!(names(&scan()), ["c", "e/f", "untracked"]);
    repo.calls();
    scan();
    assert_eq!(repo.calls(), 0);
    repo.write(".gitignore", "untracked\n");
    assert_eq!(names(&scan()), ["c", "e/f"]);
}

#[test]
fn other_variables_ask_git_again() {
    let mut repo = settled();
    repo.write("x.tmp", "");
    repo.scan();
    settle();
    repo.scan();
    fs::create_dir_all(repo.place("other/git")).unwrap();
    fs::write(repo.place("other/git/ignore"), "*.tmp\n").unwrap();
    let other = repo.place("other");
    repo.git
        .variables
        .push(("XDG_CONFIG_HOME".into(), other.into()));
    lists_anew(&repo);
    assert!(!repo.scan().has("x.tmp"));
}

#[test]
fn what_git_adds_or_forgets_is_seen() {
    let repo = settled();
    repo.git(["add", "-f", "out/x"]);
    lists_anew(&repo);
    assert!(repo.scan().has("out/x"));
    repo.git(["rm", "-q", "--cached", "out/x"]);
    lists_anew(&repo);
    assert!(!repo.scan().has("out/x"));
    // A file that stays untracked stays in the tree.
    repo.git(["rm", "-q", "--cached", "a"]);
    lists_anew(&repo);
    assert!(repo.scan().has("a"));
}
