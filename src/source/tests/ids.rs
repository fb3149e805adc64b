//! Tree ids are Git's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use proptest::prelude::*;

use super::{Repo, id, names};

#[test]
fn a_plain_repository_has_gits_id() {
    let repo = Repo::new();
    repo.write("a", "1").write("d/b", "2").write("d/e/c", "3");
    repo.agree();
}

#[test]
fn a_build_of_the_whole_repository_does_not_depend_on_the_configuration_nor_on_our_settings() {
    let repo = Repo::new();
    repo.write(".upsun/config.yaml", "1");
    let nothing = repo.scan().build_id("").unwrap().to_string();
    assert_eq!(nothing, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");

    repo.write("a", "1").write("d/.upsun/b", "2");
    repo.write(".upsunx/c", "3")
        .write("d/.upsun-local.yaml", "1");
    let before = repo.scan();
    repo.write(".upsun/config.yaml", "2")
        .write(".upsun-local.yaml", "role: viewer")
        .write(".upsun/more/x", "3");
    let after = repo.scan();
    assert_ne!(after.id("").unwrap(), before.id("").unwrap());
    assert_eq!(after.build_id("").unwrap(), before.build_id("").unwrap());
    assert_eq!(after.build_id("./"), after.build_id(""));
    // An app elsewhere has no project configuration in it.
    assert_eq!(after.build_id("d"), after.id("d"));
    assert_eq!(after.build_id("nowhere"), None);

    repo.git(["rm", "-rfq", "--cached", "--ignore-unmatch", ".upsun"]);
    std::fs::remove_dir_all(repo.path(".upsun")).unwrap();
    std::fs::remove_file(repo.path(".upsun-local.yaml")).unwrap();
    assert_eq!(after.build_id("").unwrap().to_string(), repo.agree());
}

#[test]
fn wanted_files_are_named_from_the_root_of_the_app_with_the_ids_of_their_contents() {
    let repo = Repo::new();
    repo.write("lock", "0").write("app/lock", "1");
    repo.write("app/d/lock", "1").write("app/d/other", "2");
    repo.write("app2/lock", "3");
    let tree = repo.scan();
    let locks = |root: &str| {
        let files = tree.matching(root, &|path| path.ends_with(b"lock"));
        let named = files
            .into_iter()
            .map(|(path, id)| (String::from_utf8(path).unwrap(), id));
        named.collect::<Vec<_>>()
    };
    let one = repo.git(["hash-object", "app/lock"]);
    let expected = ["lock", "d/lock"].map(|path| (path.to_owned(), one.trim().to_owned()));
    assert_eq!(locks("app"), expected);
    assert_eq!(locks("").len(), 4);
    assert_eq!(locks("nowhere"), []);
}

#[test]
fn executables_and_links_have_their_modes() {
    let repo = Repo::new();
    repo.write("run", "#!/bin/sh\n").write("d/x", "");
    repo.chmod("run", 0o755);
    repo.link("run", "to-file");
    repo.link("d", "to-directory");
    repo.link("nowhere", "dangling");
    repo.agree();
    // Git only asks the owner's bit.
    repo.chmod("d/x", 0o611);
    repo.agree();
    repo.chmod("d/x", 0o711);
    repo.agree();
}

#[test]
fn names_of_any_bytes_are_kept() {
    let repo = Repo::new();
    for name in [
        "with space",
        "ünïcode/日本",
        "line\nbreak",
        "tab\there",
        "-dash",
        ":colon",
        "quote\"'`",
        "back\\slash",
        "[glob]*?",
        "H 100644 0",
    ] {
        repo.write(name, name);
    }
    repo.write(OsStr::from_bytes(b"latin-\xe9/\xff\xfe"), "bytes");
    repo.agree();
}

#[test]
fn directories_sort_as_if_they_ended_with_a_slash() {
    let repo = Repo::new();
    for name in [
        "a/x", "a.b", "a-b", "a0", "ab/x", "ab.c/x", "b", "b.", "b0/x", "b-/x",
    ] {
        repo.write(name, name);
    }
    repo.agree();
}

#[test]
fn empty_files_count_and_empty_directories_do_not() {
    let repo = Repo::new();
    repo.write("empty", "");
    std::fs::create_dir_all(repo.path("nothing/below/here")).unwrap();
    repo.agree();
    let tree = repo.scan();
    assert_eq!(names(&tree), ["empty"]);
    assert_eq!(tree.id("nothing"), None);
}

#[test]
fn nothing_at_all_has_no_id() {
    assert_eq!(Repo::new().scan().id(""), None);
    assert_eq!(Repo::bare().scan().id(""), None);
}

#[test]
fn a_directory_has_the_id_that_git_gives_it() {
    let repo = Repo::new();
    repo.write("apps/api/index.js", "1")
        .write("apps/web/a/b", "2");
    repo.git(["add", "."]);
    let top = repo.git(["write-tree"]);
    let tree = repo.scan();
    for path in ["apps", "apps/api", "apps/web", "apps/web/a"] {
        let expected = repo.git(["rev-parse", &format!("{top}:{path}")]);
        assert_eq!(tree.id(path).unwrap().to_string(), expected, "{path}");
        assert_eq!(tree.id(&format!("./{path}/")), tree.id(path));
    }
    assert_eq!(tree.id("apps/none"), None);
    assert_eq!(tree.id("app"), None);
    assert_eq!(tree.id("apps/api/index.js"), None);
}

#[test]
fn files_are_found_counted_and_summed() {
    let repo = Repo::new();
    repo.write("a/b", "12")
        .write("a/c/d", "345")
        .write("a.b", "6");
    let tree = repo.scan();
    assert!(tree.has("a/b") && tree.has("a/c/d") && tree.has("a.b"));
    assert!(!tree.has("a") && !tree.has("") && !tree.has("a/b/c") && !tree.has("b"));
    assert_eq!(tree.files_below("a"), 2);
    assert_eq!(tree.files_below("a/b"), 1);
    assert_eq!(tree.files_below(""), 3);
    assert_eq!(tree.files_below("none"), 0);
    assert_eq!(tree.size(""), (3, 6));
    assert_eq!(tree.size("a"), (2, 5));
    assert_eq!(tree.size("none"), (0, 0));
}

#[test]
fn what_is_ignored_is_left_out_unless_it_is_tracked() {
    let repo = Repo::new();
    repo.write(".gitignore", "*.log\n/build/\n!keep.log\n")
        .write("a.log", "")
        .write("keep.log", "")
        .write("build/out", "")
        .write("build/tracked", "")
        .write("d/.gitignore", "*\n")
        .write("d/hidden", "");
    repo.git(["add", "-f", "build/tracked"]);
    repo.agree();
    assert_eq!(
        names(&repo.scan()),
        [".gitignore", "build/tracked", "keep.log"]
    );
    assert!(repo.scan().skipped().is_empty());
}

#[test]
fn tracked_files_that_are_gone_are_left_out() {
    let repo = Repo::new();
    repo.write("stays", "")
        .write("gone", "")
        .write("d/gone", "");
    repo.git(["add", "."]);
    repo.remove("gone");
    std::fs::remove_dir_all(repo.path("d")).unwrap();
    repo.agree();
    assert_eq!(names(&repo.scan()), ["stays"]);
}

#[test]
fn a_file_that_became_a_directory_and_the_reverse_are_what_they_are_now() {
    let repo = Repo::new();
    repo.write("a", "file")
        .write("b/c/d", "deep")
        .write("e/f", "x");
    repo.git(["add", "."]);
    repo.remove("a");
    repo.write("a/now", "deep");
    std::fs::remove_dir_all(repo.path("b")).unwrap();
    repo.write("b", "file");
    // Git does not look through a link to the directory that was there.
    std::fs::rename(repo.path("e"), repo.path("real")).unwrap();
    repo.link("real", "e");
    repo.agree();
    assert_eq!(names(&repo.scan()), ["a/now", "b", "e", "real/f"]);
}

#[test]
fn unresolved_conflicts_list_a_file_once() {
    let repo = Repo::new();
    repo.write("f", "base");
    repo.git(["add", "."]);
    repo.git(["commit", "-qm", "base"]);
    repo.git(["checkout", "-qb", "other"]);
    repo.write("f", "other");
    repo.git(["commit", "-qam", "other"]);
    repo.git(["checkout", "-q", "main"]);
    repo.write("f", "main");
    repo.git(["commit", "-qam", "main"]);
    let merged = repo
        .command(&repo.path(""))
        .args(["merge", "-q", "other"])
        .output();
    assert!(!merged.unwrap().status.success());
    assert_eq!(repo.git(["ls-files", "-u"]).lines().count(), 3);
    repo.agree();
    assert_eq!(repo.scan().size("").0, 1);
}

#[test]
fn what_belongs_to_upsuns_tools_is_left_out_even_if_it_is_tracked() {
    let repo = Repo::new();
    repo.write(".upsun/config.yaml", "")
        .write(".upsun/local/project.yaml", "")
        .write(".upsun/localized", "")
        .write("sub/.upsun/local/x", "")
        .write(".upsun-local.yaml", "");
    repo.git(["add", "."]);
    assert_eq!(
        names(&repo.scan()),
        [
            ".upsun-local.yaml",
            ".upsun/config.yaml",
            ".upsun/localized",
            "sub/.upsun/local/x"
        ]
    );
    std::fs::remove_dir_all(repo.path(".git")).unwrap();
    assert_eq!(repo.scan().size("").0, 4);
}

#[test]
fn a_sub_directory_of_a_work_tree_is_listed_by_the_whole_trees_rules() {
    let repo = Repo::new();
    repo.write(".gitignore", "*.log\n")
        .write("outside", "")
        .write("apps/shop/a", "1")
        .write("apps/shop/b.log", "")
        .write("apps/shop/d/c", "2");
    let tree = super::scan_with(&repo.path("apps/shop"), &repo.place("cache"), &repo.git).unwrap();
    assert_eq!(names(&tree), ["a", "d/c"]);
    repo.git(["add", "."]);
    let top = repo.git(["write-tree"]);
    assert_eq!(
        id(&tree),
        repo.git(["rev-parse", &format!("{top}:apps/shop")])
    );
}

#[test]
fn a_project_in_an_ignored_directory_of_another_is_listed_by_itself() {
    let repo = Repo::new();
    repo.write(".gitignore", "/tmp/\n*.md\n")
        .write("tmp/project/a", "")
        .write("tmp/project/read.md", "")
        .write("tmp/project/.gitignore", "b\n")
        .write("tmp/project/b", "");
    let tree =
        super::scan_with(&repo.path("tmp/project"), &repo.place("cache"), &repo.git).unwrap();
    assert_eq!(names(&tree), [".gitignore", "a", "read.md"]);
}

#[test]
fn submodules_count_as_directories() {
    let other = Repo::new();
    other
        .write("lib.js", "lib")
        .write("deep/er", "2")
        .write(".gitignore", "skip\n");
    other.git(["add", "."]);
    other.git(["commit", "-qm", "x"]);
    let repo = Repo::new();
    repo.write("a", "1");
    let source = other.path("");
    repo.git([
        "submodule",
        "--quiet",
        "add",
        source.to_str().unwrap(),
        "vendor/other",
    ]);
    repo.write("vendor/other/new", "untracked")
        .write("vendor/other/skip", "ignored");
    let tree = repo.scan();
    assert_eq!(
        names(&tree),
        [
            ".gitmodules",
            "a",
            "vendor/other/.gitignore",
            "vendor/other/deep/er",
            "vendor/other/lib.js",
            "vendor/other/new"
        ]
    );
    assert!(tree.skipped().is_empty(), "{:?}", tree.skipped());

    // The same files without Git have the same id, and the cache sees changes in the submodule.
    let before = repo.id();
    repo.write("vendor/other/more", "");
    assert_ne!(repo.id(), before);
    repo.remove("vendor/other/more");
    assert_eq!(repo.id(), before);
    std::fs::remove_dir_all(repo.path(".git")).unwrap();
    std::fs::remove_file(repo.path("vendor/other/.git")).unwrap();
    repo.git(["init", "-q"]);
    assert_eq!(repo.git_tree(), before);
}

#[test]
fn a_submodule_that_is_not_checked_out_is_told() {
    let other = Repo::new();
    other.write("lib.js", "lib");
    other.git(["add", "."]);
    other.git(["commit", "-qm", "x"]);
    let repo = Repo::new();
    repo.write("a", "1");
    let source = other.path("");
    repo.git([
        "submodule",
        "--quiet",
        "add",
        source.to_str().unwrap(),
        "vendor",
    ]);
    repo.git(["commit", "-qm", "x"]);
    repo.git(["submodule", "--quiet", "deinit", "-f", "vendor"]);
    assert_eq!(names(&repo.scan()), [".gitmodules", "a"]);
    let skipped = repo.skipped();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].0, "vendor");
    assert!(skipped[0].1.contains("git submodule update --init"));
    repo.git(["submodule", "--quiet", "update", "--init"]);
    assert_eq!(names(&repo.scan()), [".gitmodules", "a", "vendor/lib.js"]);
    assert!(repo.skipped().is_empty());
}

/// A tree as names and contents: a path is one to three parts of a small alphabet, so that names collide.
fn trees() -> impl Strategy<Value = BTreeMap<String, (u8, Vec<u8>)>> {
    let part = "[ab.0é-]{1,3}".prop_filter("a name", |part| part != "." && part != "..");
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let content = (0..3_u8, prop::collection::vec(any::<u8>(), 1..20));
    prop::collection::btree_map(path, content, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_have_gits_id(tree in trees(), later in trees()) {
        let repo = Repo::new();
        // The second tree comes over the first, so that the cache has something to do.
        for files in [tree, later] {
            for (path, (kind, content)) in files {
                let full = repo.path(&path);
                // What is in the way of a path stays.
                if full.symlink_metadata().is_ok()
                    || std::fs::create_dir_all(full.parent().unwrap()).is_err()
                {
                    continue;
                }
                match kind {
                    0 => repo.link(OsStr::from_bytes(b"target"), &path),
                    _ => std::fs::write(&full, content).unwrap(),
                }
                if kind == 2 {
                    repo.chmod(&path, 0o755);
                }
            }
            prop_assert_eq!(repo.id(), repo.git_tree());
        }
    }
}
