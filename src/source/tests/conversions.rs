//! Files that Git stores as something else than what lies there.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;

use super::caching::{lists_anew, reuses_the_listing};
use super::{Repo, settle};
use crate::source::scan_with;

/// A filter of the user's that changes small letters to capitals, one that makes pointers as Git LFS does, and one that
/// fails.
const FILTERS: &str = r#"
[filter "up"]
	clean = tr a-z A-Z
[filter "lfs"]
	clean = "echo version https://git-lfs.github.com/spec/v1; echo oid sha256:$(sha256sum | cut -d' ' -f1)"
	required = true
[filter "broken"]
	clean = false
	required = true
"#;

fn with_filters() -> Repo {
    let repo = Repo::new();
    let config = repo.place("home/.gitconfig");
    let before = fs::read_to_string(&config).unwrap();
    fs::write(config, before + FILTERS).unwrap();
    repo
}

/// The tree as an archive: mode and bytes of each file, by path.
fn packed(repo: &Repo) -> BTreeMap<String, (String, Vec<u8>)> {
    let mut bytes = Vec::new();
    repo.scan().write_tar("", 0, 0, 0, &mut bytes).unwrap();
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let header = entry.header().clone();
        let mut content = Vec::new();
        let mode = match header.entry_type() {
            tar::EntryType::Directory => continue,
            tar::EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap();
                content.extend_from_slice(&target);
                "120000"
            }
            _ if header.mode().unwrap() & 0o100 != 0 => "100755",
            _ => "100644",
        };
        entry.read_to_end(&mut content).unwrap();
        files.insert(path, (mode.to_owned(), content));
    }
    files
}

/// Scans, packs, and asks Git what it would commit: all must say the same.
#[track_caller]
fn same(repo: &Repo) {
    // Git's own answer comes last, as it writes what it would commit into the repository.
    let (fresh, cached, packed) = (repo.fresh(), repo.id(), packed(repo));
    let tree = repo.git_tree();
    assert_eq!(fresh, tree, "a scan without cache");
    assert_eq!(cached, tree, "a scan with cache");
    let mut files = BTreeMap::new();
    for line in repo.git(["ls-tree", "-r", "--full-tree", &tree]).lines() {
        let (about, path) = line.split_once('\t').unwrap();
        let words: Vec<&str> = about.split(' ').collect();
        let mut command = repo.command(&repo.path(""));
        let blob = command.args(["cat-file", "blob", words[2]]).output();
        files.insert(path.to_owned(), (words[0].to_owned(), blob.unwrap().stdout));
    }
    assert_eq!(packed, files, "the archive");
}

/// What is packed of one file.
fn content(repo: &Repo, path: &str) -> String {
    let mut packed = packed(repo);
    String::from_utf8(packed.remove(path).unwrap().1).unwrap()
}

#[test]
fn line_ends_are_those_that_git_stores() {
    for (attributes, setting) in [
        ("* text=auto\n", ""),
        ("*.sh text eol=lf\n", ""),
        ("*.sh crlf\n", ""),
        ("", "true"),
        ("", "input"),
    ] {
        let repo = Repo::new();
        if !attributes.is_empty() {
            repo.write(".gitattributes", attributes);
        }
        if !setting.is_empty() {
            repo.git(["config", "core.autocrlf", setting]);
        }
        repo.write("run.sh", "echo\r\nx\r\n");
        same(&repo);
        assert_eq!(
            content(&repo, "run.sh"),
            "echo\nx\n",
            "{attributes}{setting}"
        );
        repo.git(["add", "-A"]);
        repo.git(["commit", "-qm", "x"]);
        repo.write("run.sh", "other\r\n").write("new.sh", "a\r\n");
        same(&repo);
        assert_eq!(content(&repo, "run.sh"), "other\n", "{attributes}{setting}");
    }
}

#[test]
fn what_is_committed_with_carriage_returns_keeps_them() {
    let repo = Repo::new();
    repo.write("run.sh", "echo\r\n");
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "x"]);
    repo.write(".gitattributes", "* text=auto\n");
    same(&repo);
    assert_eq!(content(&repo, "run.sh"), "echo\r\n");
    repo.write("run.sh", "more\r\n");
    same(&repo);
    assert_eq!(content(&repo, "run.sh"), "more\r\n");
}

#[test]
fn files_with_other_attributes_are_what_git_stores() {
    let repo = with_filters();
    repo.write(
        ".gitattributes",
        "id ident\nwide working-tree-encoding=UTF-16LE\n*.up filter=up\nnone filter=nowhere\n",
    );
    repo.write("id", "$Id: 0123 $\n").write("wide", b"a\0b\0");
    repo.write("a.up", "abc")
        .write("none", "x")
        .write("d/b.up", "d");
    repo.chmod("a.up", 0o755);
    repo.link("a.up", "link.up");
    same(&repo);
    assert_eq!(content(&repo, "a.up"), "ABC");
    assert_eq!(content(&repo, "wide"), "ab");
    assert_eq!(content(&repo, "id"), "$Id$\n");
    repo.git(["add", "-A"]);
    same(&repo);
    repo.write("a.up", "changed")
        .write(".git/info/attributes", "none filter=up\n");
    same(&repo);
    assert!(repo.scan().notes().is_empty(), "{:?}", repo.scan().notes());
}

#[test]
fn a_file_of_git_lfs_is_its_pointer() {
    let repo = with_filters();
    repo.write(
        ".gitattributes",
        "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    );
    repo.write("models/m.bin", vec![7; 200_000]);
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "x"]);
    same(&repo);
    let pointer = content(&repo, "models/m.bin");
    assert!(pointer.starts_with("version https://git-lfs"), "{pointer}");
    let note =
        "`models/m.bin` is in Git LFS: the app gets the pointer, not the content, as on Upsun";
    assert_eq!(repo.scan().notes(), [note]);
    assert_eq!(repo.scan().size("models").1, pointer.len() as u64);
    repo.write("models/m.bin", vec![8; 10])
        .write("n.bin", "new");
    same(&repo);
    assert_ne!(content(&repo, "models/m.bin"), pointer);
    let note = "`n.bin` and `models/m.bin` are in Git LFS: the app gets the pointer, not the content, as on Upsun";
    assert_eq!(repo.scan().notes(), [note]);
}

#[test]
fn a_filter_of_the_repository_is_not_run() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.bin filter=lfs\n")
        .write("old.bin", "content");
    let canary = repo.place("canary");
    repo.git(["config", "filter.lfs.clean", "echo pointer"]);
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "x"]);
    let program = format!("touch '{}'; echo evil", canary.display());
    for key in ["clean", "smudge", "process"] {
        repo.git(["config", &format!("filter.lfs.{key}"), &program]);
    }
    repo.git(["config", "filter.lfs.required", "true"]);
    repo.write("new.bin", "a\n");
    // What Git calls unchanged is what it was.
    assert_eq!(content(&repo, "old.bin"), "pointer\n");
    assert_eq!(content(&repo, "new.bin"), "a\n");
    let notes = repo.scan().notes();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("`old.bin` is in Git LFS"), "{notes:?}");
    assert!(
        notes[1].starts_with("`new.bin` is taken without the filter"),
        "{notes:?}"
    );
    repo.write("old.bin", "other");
    assert_eq!(content(&repo, "old.bin"), "other");
    assert!(!canary.exists());
}

#[test]
fn a_filter_that_fails_leaves_the_file_as_it_is_and_is_told() {
    let repo = with_filters();
    repo.write(".gitattributes", "*.x filter=broken\n*.up filter=up\n")
        .write("a.x", "a")
        .write("b.up", "b");
    for _ in 0..2 {
        assert_eq!(content(&repo, "a.x"), "a");
        assert_eq!(content(&repo, "b.up"), "B");
        let notes = repo.scan().notes();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].contains("`a.x` is taken as on the disk"),
            "{notes:?}"
        );
        assert!(
            notes[0].contains("clean filter 'broken' failed"),
            "{notes:?}"
        );
    }
}

#[test]
fn modes_are_those_of_the_index_where_the_disk_has_none() {
    let repo = Repo::new();
    repo.write("run", "1").write("plain", "2");
    repo.chmod("run", 0o755);
    repo.git(["add", "-A"]);
    repo.git(["config", "core.fileMode", "false"]);
    repo.chmod("run", 0o644);
    repo.chmod("plain", 0o755);
    repo.write("new", "3");
    repo.chmod("new", 0o755);
    same(&repo);
    repo.write("run", "other");
    same(&repo);
}

#[test]
fn links_are_files_where_the_disk_has_none() {
    let repo = Repo::new();
    repo.link("target", "link");
    repo.git(["add", "-A"]);
    repo.git(["config", "core.symlinks", "false"]);
    repo.remove("link");
    repo.write("link", "target");
    same(&repo);
    repo.write("link", "elsewhere");
    same(&repo);
    assert_eq!(
        packed(&repo)["link"],
        ("120000".to_owned(), b"elsewhere".to_vec())
    );
}

#[test]
fn files_that_git_is_to_take_no_notice_of_are_those_of_the_index() {
    for switch in ["--assume-unchanged", "--skip-worktree"] {
        let repo = Repo::new();
        repo.write("config.php", "committed").write("other", "1");
        repo.git(["add", "-A"]);
        repo.git(["commit", "-qm", "x"]);
        repo.git(["update-index", switch, "config.php"]);
        repo.write("config.php", "of this machine")
            .write("other", "2");
        same(&repo);
        assert_eq!(content(&repo, "config.php"), "committed", "{switch}");
    }
}

#[test]
fn files_of_a_submodule_follow_its_own_rules() {
    let other = Repo::new();
    other
        .write(".gitattributes", "*.sh text\n")
        .write("a.sh", "1\n");
    other.git(["add", "-A"]);
    other.git(["commit", "-qm", "x"]);
    let repo = Repo::new();
    repo.write("a.sh", "x\r\n");
    let source = other.path("");
    let source = source.to_str().unwrap();
    repo.git(["submodule", "--quiet", "add", source, "sub"]);
    repo.write("sub/a.sh", "2\r\n").write("sub/b.sh", "3\r\n");
    assert_eq!(content(&repo, "a.sh"), "x\r\n");
    assert_eq!(content(&repo, "sub/a.sh"), "2\n");
    assert_eq!(content(&repo, "sub/b.sh"), "3\n");
}

#[test]
fn a_project_below_the_top_of_its_work_tree_follows_the_rules_of_the_top() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.sh text\n")
        .write("apps/shop/run.sh", "1\r\n");
    let tree = scan_with(&repo.path("apps/shop"), &repo.place("cache"), &repo.git).unwrap();
    repo.git(["add", "."]);
    let top = repo.git(["write-tree"]);
    let expected = repo.git(["rev-parse", &format!("{top}:apps/shop")]);
    assert_eq!(super::id(&tree), expected);
}

#[test]
fn only_what_has_to_do_with_a_rule_starts_git() {
    let mut repo = Repo::new();
    repo.write(".gitattributes", "* text=auto\n")
        .write("a", "1\n")
        .write("b", "2\r\n");
    repo.git(["add", "-A"]);
    settle();
    repo.count_git();
    repo.scan();
    repo.scan();
    repo.write("a", "3\n");
    reuses_the_listing(&repo);
    // A carriage return is for Git to judge.
    repo.write("a", "4\r\n");
    lists_anew(&repo);
    settle();
    repo.scan();
    reuses_the_listing(&repo);
}

#[test]
fn other_attributes_are_seen() {
    let mut repo = Repo::new();
    repo.write("a", "1\r\n").write("d/b", "2\r\n");
    repo.git(["add", "-A"]);
    settle();
    repo.count_git();
    repo.scan();
    for (path, text) in [
        (".gitattributes", "a text\n"),
        ("d/.gitattributes", "b text\n"),
        (".git/info/attributes", "* -text\n"),
    ] {
        settle();
        repo.scan();
        repo.write(path, text);
        repo.git(["add", "--renormalize", "."]);
        lists_anew(&repo);
    }
    settle();
    repo.scan();
    repo.remove(".git/info/attributes");
    fs::create_dir_all(repo.place("home/.config/git")).unwrap();
    fs::write(repo.place("home/.config/git/attributes"), "d/b -text\n").unwrap();
    lists_anew(&repo);
    same(&repo);
}

#[test]
fn what_needs_no_change_is_taken_from_the_disk_and_read_once() {
    let repo = Repo::new();
    repo.write(".gitattributes", "* text=auto\n")
        .write("image", "\0\r\n")
        .write("lines", "a\r\n");
    repo.git(["add", "-A"]);
    settle();
    let is_stored = |name: &[u8]| repo.scan().snapshot.find(name).unwrap().is_stored;
    for _ in 0..2 {
        assert!(!is_stored(b"image"));
        assert!(is_stored(b"lines"));
        same(&repo);
        // Another file, and then another index.
        repo.write("new", "x");
        same(&repo);
        settle();
        assert!(!is_stored(b"image"));
        repo.git(["add", "-A"]);
    }
    // The index decides of these, and changes without them.
    repo.git(["rm", "-q", "--cached", "lines"]);
    repo.git([
        "-c",
        "core.autocrlf=false",
        "-c",
        "core.safecrlf=false",
        "hash-object",
        "-w",
        "--no-filters",
        "lines",
    ]);
    same(&repo);
    let raw = repo.git(["hash-object", "--no-filters", "lines"]);
    repo.git([
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("100644,{raw},lines"),
    ]);
    same(&repo);
    assert_eq!(content(&repo, "lines"), "a\r\n");
}

/// Every file of a directory, with what a write would change.
fn stamps(directory: &Path) -> BTreeMap<std::path::PathBuf, (u64, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        all.insert(entry.path(), (about.len(), about.modified().unwrap()));
        if about.is_dir() {
            all.extend(stamps(&entry.path()));
        }
    }
    all
}

#[test]
fn the_repository_is_not_written() {
    let repo = with_filters();
    repo.write(".gitattributes", "*.bin filter=lfs\n* text=auto\n")
        .write("a.bin", "1")
        .write("c.sh", "x\r\n");
    repo.git(["add", "-A"]);
    repo.git(["commit", "-qm", "x"]);
    repo.write("a.bin", "2")
        .write("b.bin", "3")
        .write("d.sh", "x\r\n");
    // What Git has already is not made younger either.
    repo.write("e.sh", "x\r\n");
    let before = stamps(&repo.path(""));
    repo.fresh();
    packed(&repo);
    assert_eq!(stamps(&repo.path("")), before);
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec!["a", "B", "\n", "\r\n", "\r", "$Id$", "$Id: x $", "\0"]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat().into_bytes())
}

fn files() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>, bool)>> {
    let names = ["a.txt", "b.up", "c", "d/a.txt", "d/c", "d/e/b.up"];
    let file = (
        prop::sample::select(names.to_vec()),
        contents(),
        any::<bool>(),
    );
    prop::collection::vec(file, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn random_files_are_what_git_stores(
        committed in files(),
        now in files(),
        attributes in prop::collection::vec(
            prop::sample::select(vec![
                "* text=auto", "*.txt text", "* -text", "c ident", "*.up filter=up", "c crlf=input", "d/* text",
            ]),
            0..4,
        ),
        is_late in any::<bool>(),
        line_ends in prop::sample::select(vec!["false", "input", "true"]),
        modes in any::<bool>(),
    ) {
        let repo = with_filters();
        let attributes = attributes.join("\n") + "\n";
        repo.git(["config", "core.autocrlf", line_ends]);
        repo.git(["config", "core.fileMode", if modes { "true" } else { "false" }]);
        if !is_late {
            repo.write(".gitattributes", &attributes);
        }
        for (path, content, is_executable) in committed {
            repo.write(path, content);
            repo.chmod(path, if is_executable { 0o755 } else { 0o644 });
        }
        repo.git(["add", "-A"]);
        repo.git(["commit", "-qm", "x"]);
        repo.scan();
        if is_late {
            repo.write(".gitattributes", &attributes);
        }
        for (path, content, is_executable) in now {
            repo.write(path, content);
            repo.chmod(path, if is_executable { 0o755 } else { 0o644 });
        }
        same(&repo);
    }
}
