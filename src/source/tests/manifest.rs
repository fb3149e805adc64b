//! Lists of files, and what is told with them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

/// Makes a file whose name is not text.
fn odd(repo: &Repo, name: &[u8]) {
    fs::write(repo.path(OsStr::from_bytes(name)), "odd").unwrap();
}

#[test]
fn a_tree_is_the_same_as_that_of_its_list() {
    let repo = Repo::new();
    repo.write("one", "1");
    repo.write("deep/down/two", "2");
    repo.write("deep/percent%20", "3");
    odd(&repo, b"line\nbreak");
    odd(&repo, b"not \xff text");
    std::os::unix::fs::symlink("one", repo.path("link")).unwrap();
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(repo.path("one"), mode).unwrap();
    let tree = repo.scan();
    let listed = Tree::of_manifest(&tree.manifest("")).unwrap();
    assert_eq!(listed.id(""), tree.id(""));
    assert!(tree.changes_since(&listed, "", &BTreeSet::new()).is_empty());
    let below = Tree::of_manifest(&tree.manifest("deep")).unwrap();
    assert_eq!(below.id("deep"), tree.id("deep"));
    assert!(!below.has("one"));
}

#[test]
fn what_is_no_list_is_no_tree() {
    let hash = "0".repeat(40);
    let good = format!("files 1\n100644 {hash} a\n");
    assert!(Tree::of_manifest(&good).is_some());
    assert!(Tree::of_manifest("files 1\n").is_some());
    let cut = good.trim_end().to_owned();
    let other = good.replace("files 1", "files 2");
    let short = good.replace(&hash, "00");
    let mode = good.replace("100644", "40000");
    for text in ["", "\n", &cut, &other, &short, &mode, "files 1\n100644\n"] {
        assert!(Tree::of_manifest(text).is_none(), "{text:?}");
    }
}
