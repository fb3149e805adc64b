//! The script that writes what is edited, run by this machine's shell on a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use futures_util::stream;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::{BASE64_STANDARD, Frame, Session, said_in};
use crate::engine::Exec;
use crate::output::Output;
use crate::source::{self, Changes, Tree};

/// A repository, and a copy of it that stands for `/app`.
struct Pair {
    folder: tempfile::TempDir,
    /// Ends the script with the test.
    _child: Child,
    session: Session,
    base: Tree,
}

/// What a file is: its content or target, and whether it can be executed.
type Files = BTreeMap<Vec<u8>, (Vec<u8>, bool)>;

impl Pair {
    /// A copy of a repository in which these files are.
    fn of(files: &[(&[u8], &str)]) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        for name in ["repo", "app", "tmp", "cache"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (path, content) in files {
            for place in ["repo", "app"] {
                write(&folder.path().join(place), path, content);
            }
        }
        let place = |name: &str| folder.path().join(name).display().to_string();
        let script = crate::lifecycle::synced::SYNC
            .replace("/tmp/", &format!("{}/", place("tmp")))
            .replace("cd \"${1:-/app}\"", &format!("cd '{}'", place("app")));
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = Box::pin(child.stdin.take().unwrap());
        let out = child.stdout.take().unwrap();
        let output = stream::unfold(out, |mut out| async {
            let mut piece = vec![0; 4096];
            let count = out.read(&mut piece).await.unwrap();
            piece.truncate(count);
            (count > 0).then(|| (Ok(Output::Stdout(piece.into())), out))
        });
        let session = Session::new(Exec {
            id: String::new(),
            output: Box::pin(output),
            input,
            exit: Box::pin(std::future::pending()),
        });
        let base = scan(folder.path());
        Pair {
            folder,
            _child: child,
            session,
            base,
        }
    }

    fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn app(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// Brings the copy into step. Returns how many files were written and deleted.
    async fn sync(&mut self) -> (usize, usize) {
        let tree = scan(self.folder.path());
        let changes = tree.changes_since(&self.base, "", &BTreeSet::new());
        let (mut archive, user) = (Vec::new(), rustix::process::getuid().as_raw());
        let moved = tree
            .write_changes(("", ""), &changes.written, (user, user), &mut archive)
            .unwrap();
        assert!(moved.is_empty(), "{moved:?}");
        let frame = Frame::new(&changes, archive);
        self.session.apply(&frame).await.unwrap().unwrap();
        self.base = tree;
        (changes.written.len(), changes.deleted)
    }
}

fn scan(folder: &Path) -> Tree {
    source::scan(&folder.join("repo"), &folder.join("cache")).unwrap()
}

fn write(root: &Path, path: &[u8], content: &str) {
    let path = root.join(OsStr::from_bytes(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn files(root: &Path) -> Files {
    fn walk(root: &Path, directory: &Path, found: &mut Files) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap();
            let name = name.as_os_str().as_bytes().to_vec();
            let about = fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                walk(root, &path, found);
            } else if about.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string();
                found.insert(name, (target.into_vec(), false));
            } else {
                let is_executable = about.permissions().mode() & 0o100 != 0;
                found.insert(name, (fs::read(&path).unwrap(), is_executable));
            }
        }
    }
    let mut found = Files::new();
    walk(root, root, &mut found);
    found
}

#[tokio::test]
async fn whatever_is_edited_is_in_the_copy() {
    let mut pair = Pair::of(&[
        (b"same", "1"),
        (b"changed", "1"),
        (b"gone", "1"),
        (b"renamed", "1"),
        (b"file-to-directory", "1"),
        (b"directory-to-file/a/b", "1"),
        (b"directory-to-file/c", "1"),
        (b"file-to-link", "1"),
        (b"run", "#!/bin/sh"),
        (b"emptied/a/b", "1"),
        (b"odd/new\nline", "1"),
        (b"odd/\xff\xfe", "1"),
        (b"odd/-rf", "1"),
        (b"odd/ spaces ", "1"),
    ]);
    let repo = pair.repo();
    write(&repo, b"changed", "two");
    fs::remove_file(repo.join("gone")).unwrap();
    fs::rename(repo.join("renamed"), repo.join("new name")).unwrap();
    fs::remove_file(repo.join("file-to-directory")).unwrap();
    write(&repo, b"file-to-directory/a/b", "2");
    fs::remove_dir_all(repo.join("directory-to-file")).unwrap();
    write(&repo, b"directory-to-file", "2");
    fs::remove_file(repo.join("file-to-link")).unwrap();
    symlink("same", repo.join("file-to-link")).unwrap();
    fs::set_permissions(repo.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(repo.join("emptied")).unwrap();
    for odd in [&b"odd/new\nline"[..], b"odd/\xff\xfe", b"odd/-rf"] {
        write(&repo, odd, "2");
    }
    fs::remove_file(repo.join("odd/ spaces ")).unwrap();
    write(&repo, b"more/\xe9/\n", "new");

    assert_eq!(pair.sync().await, (10, 7));
    assert_eq!(files(&pair.app()), files(&repo));
    assert!(!pair.app().join("emptied").exists());

    // And back, as a switch of branches does.
    fs::remove_file(repo.join("directory-to-file")).unwrap();
    write(&repo, b"directory-to-file/a/b", "1");
    fs::remove_file(repo.join("file-to-link")).unwrap();
    write(&repo, b"file-to-link", "1");
    fs::remove_dir_all(repo.join("file-to-directory")).unwrap();
    write(&repo, b"file-to-directory", "1");
    pair.sync().await;
    assert_eq!(files(&pair.app()), files(&repo));
    assert_eq!(fs::read(pair.app().join("same")).unwrap(), b"1");
}

#[tokio::test]
async fn what_the_build_made_stays() {
    let mut pair = Pair::of(&[(b"src/a", "1"), (b"assets/b", "1")]);
    let (repo, app) = (pair.repo(), pair.app());
    write(&app, b"node_modules/x/index.js", "built");
    write(&app, b"assets/b.min", "built");
    fs::remove_dir_all(repo.join("assets")).unwrap();
    write(&repo, b"src/a", "2");
    assert_eq!(pair.sync().await, (1, 1));
    let expected = [
        (&b"assets/b.min"[..], "built"),
        (b"node_modules/x/index.js", "built"),
        (b"src/a", "2"),
    ];
    let expected = expected.map(|(path, content)| (path.to_vec(), (content.into(), false)));
    assert_eq!(files(&app), Files::from(expected));
}

#[tokio::test]
async fn a_file_that_is_written_again_keeps_its_watchers() {
    let mut pair = Pair::of(&[(b"a", "1"), (b"b", "1")]);
    let (repo, app) = (pair.repo(), pair.app());
    let before = fs::metadata(app.join("a")).unwrap();
    write(&repo, b"a", "2");
    pair.sync().await;
    let after = fs::metadata(app.join("a")).unwrap();
    assert_eq!(before.ino(), after.ino());
    // A program that compares times sees it too.
    assert!(after.modified().unwrap() >= before.modified().unwrap());

    // A file that may not be written is replaced. As root, this machine's shell may write it.
    fs::set_permissions(app.join("b"), fs::Permissions::from_mode(0o444)).unwrap();
    write(&repo, b"b", "2");
    pair.sync().await;
    assert_eq!(fs::read(app.join("b")).unwrap(), b"2");
}

#[tokio::test]
async fn what_cannot_be_written_is_told_and_tried_again() {
    let mut pair = Pair::of(&[(b"a", "1")]);
    let (repo, app) = (pair.repo(), pair.app());
    // The build made a file where the source now has a directory.
    write(&app, b"dist", "built");
    write(&repo, b"dist/index.html", "2");
    let tree = scan(pair.folder.path());
    let changes = tree.changes_since(&pair.base, "", &BTreeSet::new());
    let mut archive = Vec::new();
    tree.write_changes(("", ""), &changes.written, (0, 0), &mut archive)
        .unwrap();
    let frame = Frame::new(&changes, archive);
    let said = pair.session.apply(&frame).await.unwrap().unwrap_err();
    assert!(said.contains("dist"), "{said}");
    fs::remove_file(app.join("dist")).unwrap();
    pair.session.apply(&frame).await.unwrap().unwrap();
    assert_eq!(fs::read(app.join("dist/index.html")).unwrap(), b"2");
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_left_to_the_next_time() {
    let pair = Pair::of(&[(b"a", "1"), (b"b", "1")]);
    let repo = pair.repo();
    write(&repo, b"a", "22");
    write(&repo, b"b", "22");
    let tree = scan(pair.folder.path());
    write(&repo, b"a", "333");
    fs::remove_file(repo.join("b")).unwrap();
    let changes = tree.changes_since(&pair.base, "", &BTreeSet::new());
    let mut archive = Vec::new();
    let moved = tree
        .write_changes(("", ""), &changes.written, (0, 0), &mut archive)
        .unwrap();
    assert_eq!(moved, [b"a".to_vec(), b"b".to_vec()]);
    let mut archive = tar::Archive::new(archive.as_slice());
    assert_eq!(archive.entries().unwrap().count(), 0);
    // They are written then, also if they are again what they were before.
    let again = moved.into_iter().collect();
    let changes = tree.changes_since(&tree, "", &again);
    assert_eq!(changes.written.len(), 2);
}

#[test]
fn a_directory_of_the_repository_is_an_app_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cache")).unwrap();
    let repo = folder.path().join("repo");
    write(&repo, b"shop/a", "1");
    write(&repo, b"shop-b/a", "1");
    let before = scan(folder.path());
    write(&repo, b"shop/a", "2");
    write(&repo, b"shop-b/a", "2");
    write(&repo, b"shop/b", "2");
    let after = scan(folder.path());
    let changes = after.changes_since(&before, "shop", &BTreeSet::new());
    assert_eq!(changes.written, [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(changes.removed, [b"b".to_vec()]);
    assert_eq!(changes.deleted, 0);
    let batches = after.batches("shop", &changes.written, 1);
    assert_eq!(batches, [[b"a".to_vec()], [b"b".to_vec()]]);
}

#[test]
fn a_full_disk_is_called_so() {
    let said = |text: &str| said_in(&BASE64_STANDARD.encode(text));
    assert_eq!(
        said(
            "tar: a: Wrote only 7680 of 10240 bytes\ntar: Exiting with failure status due to previous errors\n"
        ),
        "the container engine's disk is full: tar: a: Wrote only 7680 of 10240 bytes"
    );
    assert_eq!(
        said("tar: a: Permission denied\n"),
        "tar: a: Permission denied"
    );
    assert_eq!(said(""), "a program in the container failed without a word");
}

/// `/dev/full` stands for a memory file system without room.
#[tokio::test]
async fn input_that_cannot_be_kept_is_a_failure_and_not_a_success() {
    let mut pair = Pair::of(&[(b"a", "one\n")]);
    let kept = pair.folder.path().join("tmp/archive");
    symlink("/dev/full", kept).unwrap();
    let frame = Frame::new(&Changes::default(), vec![0; 100_000]);
    let written = pair.session.apply(&frame).await.unwrap();
    let why = written.unwrap_err();
    assert!(
        why.starts_with("the container engine's disk is full: "),
        "{why}"
    );
}
