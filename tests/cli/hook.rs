//! `hook`: what runs in front of a push.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository::{commit, git};
use crate::support::{Outcome, TestProject, outcome};

const CONFIG: &str = "\
applications:
  app:
    type: nodejs:24
    source: { root: app }
    operations:
      run: { commands: { start: run } }
  api:
    type: nodejs:24
    source: { root: api }
    operations:
      run: { commands: { start: run } }
";

/// What is said when everything is tested.
const ALL: &str = "tested in .: run on app,run on api\n";
/// What is said when nothing is.
const NONE: &str = "No app that has tests is changed: there is nothing to test\n";

/// A project with a remote. On its `PATH`, `upsun-local test` only says which operations it is asked to run, and
/// fails if told to: a real one needs an engine.
struct Pushed {
    project: TestProject,
}

const FAKE: &str = r#"#!/bin/sh
[ "$3" = test ] || exec 'PROGRAM' "$@"
names=$('PROGRAM' "$@" --list) || exit
[ -n "$names" ] || exit 0
printf 'tested in %s: %s\n' "$2" "$(printf '%s\n' "$names" | grep -v denied | paste -sd , -)"
exit "${TEST_CODE:-0}"
"#;

impl Pushed {
    fn new() -> Pushed {
        let project = TestProject::new(CONFIG);
        project
            .file("app/index.js", "1")
            .file("api/index.js", "1")
            .file("README", "1");
        project.file(
            "../bin/upsun-local",
            &FAKE.replace("PROGRAM", env!("CARGO_BIN_EXE_upsun-local")),
        );
        let pushed = Pushed { project };
        make_executable(&pushed.root().join("../bin/upsun-local"));
        commit(&pushed.project, "first");
        pushed.git(&["init", "-q", "--bare", "../remote.git"]);
        pushed.git(&["remote", "add", "origin", "../remote.git"]);
        pushed
    }

    fn root(&self) -> PathBuf {
        self.project.root()
    }

    fn git(&self, arguments: &[&str]) {
        git(&self.root(), arguments);
    }

    fn hook(&self, words: &[&str]) -> Outcome {
        self.project.run(&[&["hook"], words].concat())
    }

    fn commit(&self, path: &str) {
        self.project.file(path, path);
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", path]);
    }

    /// Pushes from a directory, with what the hook says; `true` when it went through.
    fn push_from(
        &self,
        directory: &Path,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> (bool, String) {
        let bin = self.root().join("../bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("git");
        command
            .arg("push")
            .arg("--quiet")
            .args(words)
            .current_dir(directory)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("XDG_STATE_HOME", self.root().join("../state"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("UPSUN_LOCAL_SKIP")
            .envs(variables.iter().copied());
        let outcome = outcome(&mut command, &self.root());
        (outcome.code == 0, outcome.stdout + &outcome.stderr)
    }

    fn push(&self, words: &[&str]) -> (bool, String) {
        self.push_from(&self.root(), words, &[])
    }
}

fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn a_push_is_checked_and_tested_for_what_it_changes() {
    let pushed = Pushed::new();
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("runs in front of every push, and `test` of the apps that it changes: [REPO]/.git/hooks/pre-push"),
        "{words}"
    );
    let tested = |words: &str| (true, words.to_owned());
    let untested = (true, String::new());
    let main = ["origin", "HEAD:main"];
    assert_eq!(pushed.push(&main), tested(ALL), "a new branch");
    pushed.commit("README");
    assert_eq!(pushed.push(&main), tested(NONE), "nothing of an app");
    pushed.commit("api/index.js");
    let api = "tested in .: run on api\n";
    assert_eq!(pushed.push(&main), tested(api), "a changed app");
    pushed.commit("app/more.js");
    let other = ["origin", "HEAD:main", "HEAD:third"];
    assert_eq!(pushed.push(&other), tested(ALL), "also a new branch");
    pushed.project.file(".upsun-local.yaml", "role: viewer\n");
    pushed.git(&["commit", "-q", "-a", "-m", "settings"]);
    assert_eq!(pushed.push(&other), tested(ALL), "our settings");
    pushed.commit("api/more.js");
    assert_eq!(pushed.push(&main), tested(api));
    assert_eq!(pushed.push(&other), tested(api), "one branch has it");
    pushed.commit("app/other.js");
    assert_eq!(pushed.push(&main), tested("tested in .: run on app\n"));
    pushed.commit("api/other.js");
    assert_eq!(pushed.push(&other), tested(ALL), "two that differ");
    assert_eq!(pushed.push(&["origin", "first"]), untested, "a tag");
    pushed.git(&["branch", "other", "first"]);
    let (passed, words) = pushed.push(&["origin", "other"]);
    assert!(
        passed && words.contains("`refs/heads/other` is not what is checked out"),
        "{words}"
    );
    assert_eq!(pushed.push(&["origin", ":other"]), untested, "a deletion");
    pushed.project.file("app/index.js", "not committed");
    let (passed, words) = pushed.push(&["origin", "HEAD:new"]);
    assert!(passed && words.contains("not committed"), "{words}");
}

#[test]
fn what_fails_stops_the_push_unless_it_is_skipped() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let main = ["origin", "HEAD:main"];
    let (passed, words) = pushed.push_from(&pushed.root(), &main, &[("TEST_CODE", "70")]);
    assert!(
        !passed && words.contains("`upsun-local test` ended with 70"),
        "{words}"
    );
    let skip = [("TEST_CODE", "1"), ("UPSUN_LOCAL_SKIP", "1")];
    assert_eq!(
        pushed.push_from(&pushed.root(), &main, &skip),
        (true, String::new())
    );

    pushed
        .project
        .file(".upsun/config.yaml", &CONFIG.replace("type:", "typ:"));
    commit(&pushed.project, "broken");
    let (passed, words) = pushed.push(&main);
    assert!(
        !passed && words.contains("`upsun-local check` ended with 78"),
        "{words}"
    );
    assert!(!words.contains("tested"), "{words}");
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let pushed = Pushed::new();
    let hooks = pushed.root().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    let hook = hooks.join("pre-push");
    let earlier = "#!/bin/sh\ncat > refs; echo \"earlier $1\"; exit \"${EARLIER_CODE:-0}\"\n";
    fs::write(&hook, earlier).unwrap();
    make_executable(&hook);
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("The hook that was there runs first"),
        "{words}"
    );
    // A second time changes nothing.
    let ours = fs::read_to_string(&hook).unwrap();
    pushed.hook(&["install"]).expect(0);
    assert_eq!(fs::read_to_string(&hook).unwrap(), ours);

    let main = ["origin", "HEAD:main"];
    let stopped = pushed.push_from(&pushed.root(), &main, &[("EARLIER_CODE", "3")]);
    assert!(!stopped.0 && !stopped.1.contains("tested"), "{stopped:?}");
    assert_eq!(pushed.push(&main), (true, format!("earlier origin\n{ALL}")));
    let refs = fs::read_to_string(pushed.root().join("refs")).unwrap();
    assert!(
        refs.starts_with("HEAD ") && refs.contains(" refs/heads/main "),
        "{refs}"
    );
    assert_eq!(
        pushed.push(&main),
        (true, "earlier origin\n".to_owned()),
        "nothing to push"
    );
    assert_eq!(fs::read_to_string(pushed.root().join("refs")).unwrap(), "");

    pushed.hook(&["uninstall"]).expect(0);
    assert_eq!(fs::read_to_string(&hook).unwrap(), earlier);
    assert_eq!(
        fs::read_dir(&hooks)
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("pre-push.before")
            })
            .count(),
        0
    );
    let refused = pushed.hook(&["uninstall"]).expect(65).stderr;
    assert!(refused.contains("is not ours, so it stays"), "{refused}");
}

#[test]
fn without_a_hook_there_is_nothing_to_take_away() {
    let pushed = Pushed::new();
    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.starts_with("There is no hook in"), "{words}");
    pushed.hook(&["install", "--quiet"]).expect(0);
    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.contains("is removed"), "{words}");
    assert!(!pushed.root().join(".git/hooks/pre-push").exists());
}

#[test]
fn core_hooks_path_is_followed() {
    let pushed = Pushed::new();
    pushed.git(&["config", "core.hooksPath", ".hooks"]);
    pushed.hook(&["install"]).expect(0);
    assert!(pushed.root().join(".hooks/pre-push").exists());
    assert_eq!(
        pushed.push(&["origin", "HEAD:main"]),
        (true, ALL.to_owned())
    );
    pushed.hook(&["uninstall"]).expect(0);

    pushed.git(&["config", "core.hooksPath", "../shared hooks"]);
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(words.contains("for other repositories too"), "{words}");
    assert_eq!(
        pushed.push(&["origin", "HEAD:other"]),
        (true, ALL.to_owned())
    );
    // A branch of this repository without a configuration stands for another repository.
    pushed.git(&["checkout", "-q", "--orphan", "empty"]);
    pushed.git(&["rm", "-rfq", "."]);
    pushed.commit("nothing");
    assert_eq!(
        pushed.push(&["origin", "HEAD:empty"]),
        (true, String::new())
    );
}

#[test]
fn work_trees_and_projects_below_the_top_are_served() {
    let pushed = Pushed::new();
    fs::create_dir(pushed.root().join("it's below")).unwrap();
    pushed.git(&[
        "mv",
        ".upsun",
        "app",
        "api",
        ".upsun-local.yaml",
        "it's below",
    ]);
    pushed.git(&["commit", "-q", "-m", "move"]);
    pushed.git(&["worktree", "add", "-q", "--detach", "../beside"]);
    let beside = pushed.root().join("../beside");
    let mut command = pushed.project.command(&["hook", "install"]);
    command.current_dir(beside.join("it's below"));
    outcome(&mut command, &pushed.root()).expect(0);
    assert!(pushed.root().join(".git/hooks/pre-push").exists());
    let tested = (true, ALL.replace(" .:", " it's below:"));
    let main = ["origin", "HEAD:refs/heads/main"];
    assert_eq!(pushed.push_from(&beside, &main, &[]), tested);
    let other = ["origin", "HEAD:refs/heads/other"];
    assert_eq!(pushed.push_from(&pushed.root(), &other, &[]), tested);
}

#[test]
fn where_there_is_no_work_tree_it_says_so() {
    let pushed = Pushed::new();
    let bare = ["-C", "../remote.git", "hook", "install"];
    let words = pushed.project.run(&bare).expect(64).stderr;
    assert!(words.contains("is a bare repository"), "{words}");
    let outside = TestProject::new(CONFIG);
    let words = outside.run(&["hook", "install"]).expect(64).stderr;
    assert!(words.contains("not a git repository"), "{words}");
}

#[test]
fn without_the_program_a_push_passes_with_a_word() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let hook = pushed.root().join(".git/hooks/pre-push");
    let script = fs::read_to_string(&hook).unwrap();
    fs::write(
        &hook,
        script.replace(env!("CARGO_BIN_EXE_upsun-local"), "/gone/upsun-local"),
    )
    .unwrap();
    fs::remove_file(pushed.root().join("../bin/upsun-local")).unwrap();
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(
        passed && words.contains("no `upsun-local` on PATH"),
        "{words}"
    );
}
