//! Clones, what comes back into them, and what is brought into the repository, with real repositories.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// A repository with a commit, and a state directory.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new(init: &[&str]) -> Fixture {
        let fixture = Fixture {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(fixture.root()).unwrap();
        fixture.git(&[&["init", "--quiet", "--initial-branch", "main"], init].concat());
        fixture.git(&["config", "user.name", "test"]);
        fixture.git(&["config", "user.email", "test@localhost"]);
        fixture.commit("file", "one");
        fixture
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    fn git(&self, words: &[&str]) -> String {
        git(&self.root(), words)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.root().join(name), content).unwrap();
    }

    fn commit(&self, name: &str, content: &str) -> String {
        commit(&self.root(), name, content)
    }

    async fn clone(&self) -> (Origin, Scratch) {
        let shutdown = Shutdown::new();
        let origin = Origin::open(&self.root(), &shutdown).await.unwrap();
        let place = Place::make(&self.directory.path().join("state"), "1-a", "test").unwrap();
        let scratch = Scratch::of(&origin, place, &shutdown).await.unwrap();
        (origin, scratch)
    }

    fn branches(&self) -> String {
        self.git(&["branch", "--format=%(refname:short) %(subject)"])
    }
}

fn git(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(words)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(directory: &Path, name: &str, content: &str) -> String {
    std::fs::write(directory.join(name), content).unwrap();
    git(directory, &["add", "--force", name]);
    git(directory, &["commit", "--quiet", "--message", content]);
    git(directory, &["rev-parse", "HEAD"])
}

/// Commits in a copy of the clone, as a container does, and packs what is new.
fn operate(scratch: &Scratch, act: impl FnOnce(&Path)) -> String {
    let copy = tempfile::tempdir().unwrap();
    let from = scratch.parent().join(NAME);
    let status = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(status.success());
    let copy = copy.path().join(NAME);
    act(&copy);
    let tip = git(&copy, &["rev-parse", "HEAD"]);
    let script = format!(
        "printf '%s\\n^%s\\n' {tip} {} | git pack-objects --revs --thin --stdout -q >{}",
        scratch.head(),
        scratch.inbox().display()
    );
    let mut shell = Command::new("sh");
    let packed = shell.current_dir(&copy).args(["-c", &script]);
    assert!(packed.status().unwrap().success());
    tip
}

async fn made(scratch: &mut Scratch, name: &str, content: &str) -> News {
    let tip = operate(scratch, |clone| {
        commit(clone, name, content);
    });
    let inbox = scratch.inbox();
    scratch.take(&tip, &inbox).await.unwrap()
}

#[tokio::test]
async fn a_clone_holds_head_on_its_branch_and_nothing_else() {
    for init in [&[][..], &["--object-format=sha256"]] {
        let fixture = Fixture::new(init);
        fixture.git(&["tag", "v1"]);
        fixture.git(&["branch", "other"]);
        let hook = fixture.root().join(".git/hooks/post-checkout");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(hook, "exit 1").unwrap();
        let (origin, scratch) = fixture.clone().await;
        let clone = scratch.parent().join(NAME);
        assert_eq!(git(&clone, &["rev-parse", "HEAD"]), origin.head());
        let all = git(&clone, &["for-each-ref", "--format=%(refname)"]);
        assert_eq!(all, "refs/heads/main");
        assert_eq!(git(&clone, &["remote"]), "");
        assert_eq!(git(&clone, &["status", "--porcelain"]), "");
        assert!(!clone.join(".git/hooks").exists());
    }
}

#[tokio::test]
async fn a_shallow_repository_gives_a_shallow_clone_and_takes_what_is_made_on_it() {
    let fixture = Fixture::new(&[]);
    fixture.commit("file", "two");
    let from = format!("file://{}", fixture.root().display());
    let shallow = Fixture {
        directory: tempfile::tempdir().unwrap(),
    };
    let parent = shallow.directory.path();
    git(
        parent,
        &["clone", "--quiet", "--depth=1", &from, "repository"],
    );
    let (origin, mut scratch) = shallow.clone().await;
    let news = made(&mut scratch, "file", "three").await;
    assert_eq!(news.commits.len(), 1);
    let applied = origin.apply(&scratch, "upsun-local/a").await.unwrap();
    assert!(matches!(applied, Applied::FastForward { .. }));
    assert_eq!(shallow.git(&["log", "--format=%s"]), "three\ntwo");
}

#[tokio::test]
async fn what_is_sent_is_a_whole_commit_or_nothing_is_taken() {
    let fixture = Fixture::new(&[]);
    let secret = Fixture::new(&[]);
    let hidden = secret.commit("secret", "hidden");
    let (origin, mut scratch) = fixture.clone().await;
    let inbox = scratch.inbox();
    let head = origin.head().to_owned();
    let other = "1".repeat(40);
    let gitfile = format!("gitdir: {}/.git\n", secret.root().display());
    let bundle = format!("# v2 git bundle\n{hidden} refs/heads/main\n\n");
    for content in [gitfile.as_str(), &bundle, "", "PACK"] {
        std::fs::write(&inbox, content).unwrap();
        let taken = scratch.take(&hidden, &inbox).await;
        assert!(matches!(taken, Err(Error::Refused { .. })), "{taken:?}");
    }
    // A pack in order, for something that is not in it.
    let tree = fixture.git(&["rev-parse", "HEAD^{tree}"]);
    let tip = operate(&scratch, |clone| {
        commit(clone, "made", "made");
    });
    for wrong in [hidden.as_str(), &other, &tree, "HEAD", "--all", &tip[..39]] {
        let taken = scratch.take(wrong, &inbox).await;
        assert!(
            matches!(taken, Err(Error::NotWhole(_))),
            "{wrong}: {taken:?}"
        );
        assert_eq!(scratch.head(), head);
    }
    scratch.take(&tip, &inbox).await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_files_are_missing_is_not_taken() {
    let fixture = Fixture::new(&[]);
    let (_, mut scratch) = fixture.clone().await;
    let inbox = scratch.inbox();
    let tip = operate(&scratch, |clone| {
        commit(clone, "made", "made");
    });
    // The same commit, without its tree and its file.
    let copy = tempfile::tempdir().unwrap();
    git(copy.path(), &["init", "--quiet"]);
    let index = format!("git index-pack --stdin --fix-thin <{}", inbox.display());
    let objects = scratch.parent().join(NAME).join(".git/objects");
    let script = format!(
        "export GIT_ALTERNATE_OBJECT_DIRECTORIES={}; {index} >/dev/null && printf '{tip}\\n' | git pack-objects --stdout -q >alone",
        objects.display()
    );
    let mut shell = Command::new("sh");
    let shell = shell.current_dir(copy.path()).args(["-c", &script]);
    assert!(shell.status().unwrap().success());
    std::fs::copy(copy.path().join("alone"), &inbox).unwrap();
    let taken = scratch.take(&tip, &inbox).await;
    assert!(taken.is_err(), "{taken:?}");
}

#[tokio::test]
async fn rewritten_history_and_going_back_are_taken_too() {
    let fixture = Fixture::new(&[]);
    fixture.commit("file", "two");
    let (_, mut scratch) = fixture.clone().await;
    let inbox = scratch.inbox();
    let amended = operate(&scratch, |clone| {
        git(
            clone,
            &["commit", "--quiet", "--amend", "--message", "amended"],
        );
    });
    let news = scratch.take(&amended, &inbox).await.unwrap();
    assert!(news.rewritten);
    assert_eq!(news.commits[0].subject, "amended");
    let back = operate(&scratch, |clone| {
        git(clone, &["reset", "--quiet", "--hard", "HEAD~1"]);
    });
    let news = scratch.take(&back, &inbox).await.unwrap();
    assert!(news.rewritten && news.commits.is_empty());
}

#[tokio::test]
async fn the_patch_can_be_applied_byte_for_byte() {
    let fixture = Fixture::new(&[]);
    let (_, mut scratch) = fixture.clone().await;
    let inbox = scratch.inbox();
    let bytes = [0xff, 0, 0xfe, b'\n', 1];
    let tip = operate(&scratch, |clone| {
        std::fs::write(clone.join("latin"), b"caf\xe9\n").unwrap();
        std::fs::write(clone.join("binary"), bytes).unwrap();
        git(clone, &["add", "--all"]);
        git(clone, &["commit", "--quiet", "--message", "bytes"]);
    });
    scratch.take(&tip, &inbox).await.unwrap();
    let patch = scratch.diff().await.unwrap();
    std::fs::write(fixture.directory.path().join("patch"), patch).unwrap();
    fixture.git(&["apply", "../patch"]);
    assert_eq!(std::fs::read(fixture.root().join("binary")).unwrap(), bytes);
    let latin = std::fs::read(fixture.root().join("latin")).unwrap();
    assert_eq!(latin, b"caf\xe9\n");
}

#[tokio::test]
async fn a_fast_forward_touches_no_branch_but_the_one_that_is_checked_out() {
    let fixture = Fixture::new(&[]);
    fixture.git(&["checkout", "--quiet", "-b", "upsun-local/update"]);
    let mine = fixture.commit("mine", "mine");
    fixture.git(&["checkout", "--quiet", "main"]);
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "made", "made").await;
    let applied = origin.apply(&scratch, "upsun-local/update").await.unwrap();
    let branch = "main".to_owned();
    assert_eq!(applied, Applied::FastForward { branch });
    assert_eq!(fixture.git(&["rev-parse", "upsun-local/update"]), mine);
    assert_eq!(fixture.branches(), "main made\nupsun-local/update mine");
    assert!(fixture.root().join("made").exists());
}

async fn applied(fixture: &Fixture, origin: &Origin, scratch: &Scratch) -> (String, String) {
    let head = fixture.git(&["rev-parse", "HEAD"]);
    let applied = origin.apply(scratch, "upsun-local/update").await.unwrap();
    assert_eq!(fixture.git(&["rev-parse", "HEAD"]), head);
    let Applied::Branch { branch, because } = applied else {
        panic!("{applied:?}");
    };
    assert_eq!(fixture.git(&["rev-parse", &branch]), scratch.head());
    (branch, because)
}

#[tokio::test]
async fn ignored_files_in_the_way_are_kept() {
    let fixture = Fixture::new(&[]);
    fixture.commit(".gitignore", "secret\n");
    fixture.write("secret", "mine");
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "secret", "theirs").await;
    let (_, because) = applied(&fixture, &origin, &scratch).await;
    assert!(because.contains("files that Git ignores"), "{because}");
    let kept = std::fs::read_to_string(fixture.root().join("secret")).unwrap();
    assert_eq!(kept, "mine");
}

#[tokio::test]
async fn a_branch_with_commits_of_its_own_is_never_moved_and_one_that_leads_there_is() {
    let fixture = Fixture::new(&[]);
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "made", "made").await;
    fixture.write("file", "changed");
    fixture.git(&["branch", "upsun-local/update-2"]);
    let tree = fixture.git(&["write-tree"]);
    let mine = fixture.git(&["commit-tree", "-p", "HEAD", "-m", "mine", &tree]);
    fixture.git(&["branch", "upsun-local/update", &mine]);
    let (branch, because) = applied(&fixture, &origin, &scratch).await;
    assert_eq!(branch, "upsun-local/update-2");
    assert!(because.contains("not committed"), "{because}");
    assert_eq!(fixture.git(&["rev-parse", "upsun-local/update"]), mine);
}

#[tokio::test]
async fn a_branch_that_takes_the_place_of_a_directory_of_branches_is_no_obstacle() {
    let fixture = Fixture::new(&[]);
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "made", "made").await;
    fixture.write("file", "changed");
    fixture.git(&["branch", "upsun-local"]);
    let (branch, _) = applied(&fixture, &origin, &scratch).await;
    assert_eq!(branch, "upsun-local-update");
}

#[tokio::test]
async fn a_branch_that_is_checked_out_elsewhere_is_not_moved_under_its_files() {
    let fixture = Fixture::new(&[]);
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "made", "made").await;
    fixture.write("file", "changed");
    let elsewhere = [
        "worktree",
        "add",
        "--quiet",
        "-b",
        "upsun-local/update",
        "../other",
    ];
    fixture.git(&elsewhere);
    let (branch, _) = applied(&fixture, &origin, &scratch).await;
    assert_eq!(branch, "upsun-local/update-2");
}

#[tokio::test]
async fn whatever_was_checked_out_or_committed_meanwhile_stays() {
    let fixture = Fixture::new(&[]);
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "made", "made").await;
    fixture.git(&["checkout", "--quiet", "-b", "other"]);
    let (_, because) = applied(&fixture, &origin, &scratch).await;
    assert_eq!(because, "another branch is checked out now");
    assert_eq!(fixture.git(&["log", "--format=%s", "main"]), "one");
    fixture.git(&["checkout", "--quiet", "main"]);
    fixture.commit("mine", "mine");
    let (_, because) = applied(&fixture, &origin, &scratch).await;
    assert_eq!(because, "it has moved since");
}

#[tokio::test]
async fn once_the_user_wants_to_stop_nothing_is_applied() {
    let fixture = Fixture::new(&[]);
    let shutdown = Shutdown::new();
    let origin = Origin::open(&fixture.root(), &shutdown).await.unwrap();
    let place = Place::make(&fixture.directory.path().join("state"), "1-a", "test").unwrap();
    let mut scratch = Scratch::of(&origin, place, &shutdown).await.unwrap();
    made(&mut scratch, "made", "made").await;
    shutdown.press(15);
    let applied = origin.apply(&scratch, "upsun-local/update").await;
    assert!(matches!(applied, Err(Error::Interrupted)), "{applied:?}");
    assert_eq!(fixture.branches(), "main one");
}

#[tokio::test]
async fn why_there_is_no_clone_is_said_as_it_is() {
    let shutdown = Shutdown::new();
    let nothing = tempfile::tempdir().unwrap();
    let opened = Origin::open(nothing.path(), &shutdown).await;
    assert!(matches!(opened, Err(Error::NoRepository(_))), "{opened:?}");
    git(nothing.path(), &["init", "--quiet"]);
    let opened = Origin::open(nothing.path(), &shutdown).await;
    assert!(matches!(opened, Err(Error::NoCommit)), "{opened:?}");
}

#[tokio::test]
async fn nothing_that_the_repository_names_is_run_when_commits_come() {
    let fixture = Fixture::new(&[]);
    fixture.commit(".gitattributes", "* filter=evil merge=evil\n");
    let (origin, mut scratch) = fixture.clone().await;
    made(&mut scratch, "file", "two").await;
    // Git looks into a file that was written again.
    fixture.write("file", "one");
    let canary = fixture.directory.path().join("canary");
    let program = format!("touch '{}' && cat", canary.display());
    let mut config = std::fs::read_to_string(fixture.root().join(".git/config")).unwrap();
    for (section, key) in [
        ("core", "fsmonitor"),
        ("filter \"evil\"", "clean"),
        ("filter \"evil\"", "smudge"),
        ("filter \"evil\"", "process"),
        ("merge \"evil\"", "driver"),
        ("gpg", "program"),
        ("gc", "recentObjectsHook"),
        ("hook \"evil\"", "command"),
    ] {
        config.push_str(&format!("[{section}]\n{key} = \"{program}\"\n"));
    }
    config.push_str(
        "[merge]\nverifySignatures = true\n[gc]\nauto = 1\n[filter \"evil\"]\nrequired\n",
    );
    config.push_str("[branch \"main\"]\nmergeOptions = --no-ff --verify-signatures\n");
    std::fs::write(fixture.root().join(".git/config"), config).unwrap();
    let hooks = fixture.root().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for name in [
        "post-merge",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
    ] {
        use std::os::unix::fs::PermissionsExt;
        let hook = hooks.join(name);
        std::fs::write(&hook, format!("#!/bin/sh\n{program}\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let applied = origin.apply(&scratch, "made").await.unwrap();
    let branch = "main".to_owned();
    assert_eq!(applied, Applied::FastForward { branch });
    let now = std::fs::read_to_string(fixture.root().join("file")).unwrap();
    assert_eq!(now, "two");
    assert!(!canary.exists());
}
