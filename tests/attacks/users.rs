//! Another user of the machine who was there first.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Outcome, TestProject, outcome};

/// Somebody else.
const OTHER: u32 = 65534;

const CONFIG: &str = "applications:\n  app:\n    type: nodejs:24\n    operations:\n      hello: { commands: { start: echo } }\n";

/// A repository, and a directory that everybody can write to.
struct Place {
    project: TestProject,
    shared: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let shared = tempfile::tempdir().expect("a directory");
        set_mode(shared.path(), 0o1777);
        let project = TestProject::new(CONFIG);
        for words in [
            &["init", "--quiet"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "commit",
                "--quiet",
                "-m",
                "first",
            ],
        ] {
            let mut git = Command::new("git");
            let status = git.args(words).current_dir(project.root()).status();
            assert!(status.expect("git runs").success(), "{words:?}");
        }
        Place { project, shared }
    }

    /// Commands that use the state directory and need no engine.
    fn commands() -> [&'static [&'static str]; 3] {
        [&["list"], &["plan"], &["activity", "list"]]
    }

    /// A command of somebody without a home, as a cron or a service may be.
    fn without_home(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.project.command(arguments);
        command
            .env_remove("XDG_STATE_HOME")
            .env_remove("HOME")
            .env_remove("XDG_RUNTIME_DIR")
            .env("TMPDIR", self.shared.path());
        outcome(&mut command, &self.project.root())
    }

    /// Where the state of somebody without a home is.
    fn own(&self) -> PathBuf {
        let user = rustix::process::geteuid().as_raw();
        self.shared.path().join(format!("upsun-local-{user}"))
    }

    /// Where state is otherwise.
    fn state(&self) -> PathBuf {
        let parent = self.project.root().join("../state");
        std::fs::create_dir_all(&parent).expect("a directory");
        std::fs::canonicalize(parent)
            .expect("a path")
            .join("upsun-local")
    }

    /// A directory of this user with something precious in it.
    fn victim(&self) -> PathBuf {
        let victim = self.project.root().join("../victim");
        std::fs::create_dir(&victim).expect("a directory");
        set_mode(&victim, 0o755);
        std::fs::write(victim.join("file"), "precious").expect("a file");
        victim
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").mode() & 0o777
}

/// Makes something another user's, where the tests run as root. Otherwise there is nobody to be.
fn give_away(path: &Path) -> bool {
    lchown(path, Some(OTHER), Some(OTHER)).is_ok()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// All that is in a directory.
fn walk(directory: &Path, all: &mut Vec<PathBuf>) {
    for name in names(directory) {
        let path = directory.join(name);
        if path.is_dir() {
            walk(&path, all);
        }
        all.push(path);
    }
}

#[test]
fn without_a_home_state_is_kept_in_a_directory_of_ones_own() {
    let place = Place::new();
    // What earlier versions shared with everybody.
    let everybodys = place.shared.path().join("upsun-local");
    std::fs::create_dir(&everybodys).expect("a directory");
    give_away(&everybodys);
    for arguments in Place::commands() {
        let outcome = place.without_home(arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    assert_eq!(names(&everybodys), [""; 0]);
    assert_eq!(mode(&place.own()), 0o700);
    assert!(!names(&place.own()).is_empty());
    assert!(
        names(&place.project.root())
            .iter()
            .all(|name| name.starts_with('.'))
    );
}

#[test]
fn a_link_in_the_place_of_that_directory_is_refused() {
    let place = Place::new();
    let victim = place.victim();
    symlink(&victim, place.own()).expect("a link");
    for arguments in [
        &["list"][..],
        &["variables"],
        &["status"],
        &["clean", "--all", "-y"],
    ] {
        let outcome = place.without_home(arguments).expect(73);
        for said in ["is not used: it is a link", "hint: set `HOME`"] {
            assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        }
    }
    assert_eq!(names(&victim), ["file"]);
    assert_eq!(mode(&victim), 0o755);
}

#[test]
fn a_directory_that_another_user_made_there_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.own()).expect("a directory");
    set_mode(&place.own(), 0o777);
    if !give_away(&place.own()) {
        return;
    }
    let outcome = place.without_home(&["list"]).expect(73);
    let said = format!("it belongs to another user (uid {OTHER})");
    assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    assert_eq!(names(&place.own()), [""; 0]);
}

#[test]
fn a_state_directory_that_others_can_enter_is_closed_to_them() {
    let place = Place::new();
    std::fs::create_dir_all(place.state()).expect("a directory");
    for open in [0o755, 0o777, 0o711, 0o1777] {
        set_mode(&place.state(), open);
        place.project.run(&["list"]).expect(0);
        assert_eq!(mode(&place.state()), 0o700, "{open:o}");
    }
}

#[test]
fn a_state_directory_of_another_user_is_left_alone() {
    let place = Place::new();
    let victim = place.victim();
    let state = place.state();
    std::fs::create_dir(&state).expect("a directory");
    let plant = |path: &Path| {
        let _ = std::fs::remove_dir_all(path);
        let _ = std::fs::remove_file(path);
    };
    if !give_away(&state) {
        return;
    }
    let run = || {
        let mut command = place.project.command(&["plan"]);
        command.env("TMPDIR", place.shared.path());
        outcome(&mut command, &place.project.root())
    };
    assert_eq!(run().code, 0);
    assert_eq!(names(&state), [""; 0]);
    assert!(!names(&place.own()).is_empty());
    // Their link to a directory of this user, and this user's to one of theirs.
    plant(&state);
    symlink(&victim, &state).expect("a link");
    assert!(give_away(&state));
    assert_eq!(run().code, 0);
    assert_eq!(
        (names(&victim), mode(&victim)),
        (vec!["file".to_owned()], 0o755)
    );
    plant(&state);
    let theirs = place.shared.path().join("theirs");
    std::fs::create_dir(&theirs).expect("a directory");
    assert!(give_away(&theirs));
    symlink(&theirs, &state).expect("a link");
    assert_eq!(run().code, 0);
    assert_eq!(names(&theirs), [""; 0]);
}

#[test]
fn whatever_the_umask_is_nobody_else_reads_or_writes_state() {
    let place = Place::new();
    let mut command = Command::new("sh");
    let binary = place.project.command(&[]);
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let script = "umask 0; \"$0\" list && \"$0\" plan && umask 777 && exec \"$0\" list";
    command.args(["-c", script]).arg(binary.get_program());
    command.current_dir(place.project.root());
    outcome(&mut command, &place.project.root()).expect(0);
    assert_eq!(mode(&place.state()), 0o700);
    let mut all = Vec::new();
    walk(&place.state(), &mut all);
    assert!(!all.is_empty());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Only the state directory itself keeps others out.
    let root = place.project.root();
    for path in [
        &root,
        root.parent().expect("a parent"),
        place.state().parent().expect("a parent"),
    ] {
        set_mode(path, 0o755);
    }
    for path in all {
        let mut reads = Command::new("cat");
        let read = reads
            .arg(&path)
            .uid(OTHER)
            .gid(OTHER)
            .output()
            .expect("cat");
        let said = String::from_utf8_lossy(&read.stderr).into_owned();
        assert!(
            said.contains("ermission denied"),
            "{}: {said}",
            path.display()
        );
    }
}
