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

/// What the program runs itself by the name that it is given is this again.
const FAKE: &str = r#"#!/usr/bin/env bash
[ "$3" = test ] || exec -a upsun-local 'PROGRAM' "$@"
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

    /// Makes an executable file among the hooks of the repository.
    fn put(&self, name: &str, content: &str) -> PathBuf {
        let path = self.root().join(".git/hooks").join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, content).expect("a file");
        make_executable(&path);
        path
    }

    /// Commits one file, whatever else is different.
    fn commit_only(&self, path: &str) {
        self.project.file(path, "only this");
        self.git(&["add", path]);
        self.git(&["commit", "-q", "-m", path, "--", path]);
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
            .env("XDG_CONFIG_HOME", self.root().join("../config"))
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
        words.contains("runs before every push, and `test` for the apps that the push changes: [REPO]/.git/hooks/pre-push"),
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
    let only_checked = "upsun-local: `refs/heads/other` is not what is checked out: its configuration is checked, and nothing is tested\n";
    assert!(passed && words == only_checked, "{words}");
    assert_eq!(pushed.push(&["origin", ":other"]), untested, "a deletion");
}

#[test]
fn files_that_are_not_committed_are_named_and_everything_is_tested() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let main = ["origin", "HEAD:main"];
    pushed.push(&main);
    pushed.commit("app/index.js");
    // What is pushed changes `app`; what is at hand is what the remote has.
    pushed.project.file("app/index.js", "1");
    let said = |names: &str| {
        format!(
            "upsun-local: what is tested are the files at hand, with what is not committed: {names}\n"
        )
    };
    let (passed, words) = pushed.push(&main);
    assert!(passed, "{words}");
    assert_eq!(words, format!("{ALL}{}", said("app/index.js")));
    for name in ["a", "b", "c", "d"] {
        pushed.project.file(&format!("new {name}"), "never added");
    }
    pushed.commit_only("README");
    let (_, words) = pushed.push(&main);
    let shown = "app/index.js, \"new a\", \"new b\" and 2 more";
    assert_eq!(words, format!("{ALL}{}", said(shown)));
}

#[test]
fn the_configuration_that_is_pushed_is_checked_and_not_the_one_at_hand() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let config = pushed.root().join(".upsun/config.yaml");
    fs::write(&config, CONFIG.replace("type:", "typ:")).unwrap();
    pushed.git(&["commit", "-q", "-a", "-m", "broken"]);
    pushed.git(&["branch", "broken"]);
    fs::write(&config, CONFIG).unwrap();
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(
        !passed && words.contains("[HEAD:.upsun/config.yaml:3:5]"),
        "{words}"
    );
    assert!(
        words.contains("`upsun-local check --at HEAD` ended with 78"),
        "{words}"
    );
    // Nor may a branch be broken that is not checked out.
    pushed.git(&["commit", "-q", "-a", "-m", "mended"]);
    let (passed, words) = pushed.push(&["origin", "HEAD:main", "broken"]);
    assert!(
        !passed && words.contains("`upsun-local check --at refs/heads/broken` ended with 78"),
        "{words}"
    );
    // A branch without any configuration is not deployed.
    pushed.git(&["branch", "pages", "first"]);
    pushed.git(&["checkout", "-q", "pages"]);
    pushed.git(&["rm", "-rq", ".upsun"]);
    pushed.git(&["commit", "-q", "-m", "pages"]);
    pushed.git(&["checkout", "-q", "-"]);
    let silent = (true, String::new());
    assert_eq!(pushed.push(&["origin", "pages"]), silent);
    pushed.git(&["checkout", "-q", "pages"]);
    pushed.project.file(".upsun/config.yaml", CONFIG);
    let (passed, words) = pushed.push(&["origin", "HEAD:new"]);
    assert!(
        passed && words == "upsun-local: `.upsun/` is not committed, so this push is not checked\n",
        "{words}"
    );
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
    for (skip, words) in [
        (
            "1",
            "upsun-local: this push is not checked, as UPSUN_LOCAL_SKIP is set\n",
        ),
        ("false", ALL),
        ("no", ALL),
        ("0", ALL),
        ("", ALL),
    ] {
        let branch = format!("HEAD:skip-{skip}");
        let variables = [("UPSUN_LOCAL_SKIP", skip)];
        let pushed = pushed.push_from(&pushed.root(), &["origin", &branch], &variables);
        assert_eq!(pushed, (true, words.to_owned()), "{skip}");
    }

    pushed
        .project
        .file(".upsun/config.yaml", &CONFIG.replace("type:", "typ:"));
    commit(&pushed.project, "broken");
    let (passed, words) = pushed.push(&main);
    assert!(
        !passed && words.contains("`upsun-local check --at HEAD` ended with 78"),
        "{words}"
    );
    assert!(!words.contains("tested"), "{words}");
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back() {
    let pushed = Pushed::new();
    let hooks = pushed.root().join(".git/hooks");
    let earlier = "#!/bin/sh\ncat > ../refs; echo \"earlier $1\"; exit \"${EARLIER_CODE:-0}\"\n";
    let hook = pushed.put("pre-push", earlier);
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
    let refs = fs::read_to_string(pushed.root().join("../refs")).unwrap();
    assert!(
        refs.starts_with("HEAD ") && refs.contains(" refs/heads/main "),
        "{refs}"
    );
    assert_eq!(
        pushed.push(&main),
        (true, "earlier origin\n".to_owned()),
        "nothing to push"
    );
    assert_eq!(
        fs::read_to_string(pushed.root().join("../refs")).unwrap(),
        ""
    );

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
    assert!(
        refused.contains("did not make `[REPO]/.git/hooks/pre-push`, so it stays"),
        "{refused}"
    );
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
    pushed.commit(".hooks/other");
    assert_eq!(
        pushed.push(&["origin", "HEAD:main"]),
        (true, ALL.to_owned())
    );
    pushed.hook(&["uninstall"]).expect(0);
    pushed.commit(".hooks/other");

    pushed.git(&["config", "core.hooksPath", "../shared hooks"]);
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("makes other repositories use this hook too"),
        "{words}"
    );
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

#[test]
fn a_hook_that_does_not_run_is_said_not_to_run() {
    let pushed = Pushed::new();
    let hook = pushed.put("pre-push", "#!/bin/sh\nexit 1\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o644)).unwrap();
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("is not executable, so it still does not run"),
        "{words}"
    );
    let main = ["origin", "HEAD:main"];
    assert_eq!(pushed.push(&main), (true, ALL.to_owned()));
}

#[test]
fn where_another_name_would_switch_a_hook_off_it_says_what_to_add_to_it() {
    let pushed = Pushed::new();
    pushed.git(&["config", "core.hooksPath", ".husky/_"]);
    insta::assert_snapshot!(pushed.hook(&["install"]).expect(65).stderr, @r#"
    error: husky manages the hooks in `[REPO]/.husky/_`

    hint: add `upsun-local hook run "$@" || exit` to [REPO]/.husky/pre-push
    "#);
    pushed.git(&["config", "--unset", "core.hooksPath"]);

    let dispatcher = "#!/bin/sh\nexec run-parts \"hooks/${0##*/}.d\"\n";
    let hook = pushed.put("pre-push", dispatcher);
    insta::assert_snapshot!(pushed.hook(&["install"]).expect(65).stderr, @r#"
    error: `[REPO]/.git/hooks/pre-push` looks at its own name, so it may not work under another name

    hint: add `upsun-local hook run "$@" || exit` to [REPO]/.git/hooks/pre-push, or to a script that it runs before a push
    "#);
    assert_eq!(fs::read_to_string(&hook).unwrap(), dispatcher);

    fs::remove_file(&hook).unwrap();
    std::os::unix::fs::symlink("../../hooks/all", &hook).unwrap();
    let words = pushed.hook(&["install"]).expect(65).stderr;
    assert!(words.contains("is a symbolic link"), "{words}");
    assert!(words.contains("[REPO]/hooks/all, or"), "{words}");
}

#[test]
fn any_hook_can_do_what_ours_does() {
    let pushed = Pushed::new();
    pushed.put(
        "pre-push",
        "#!/bin/sh\nupsun-local hook run \"$@\" || exit\necho after\n",
    );
    let main = ["origin", "HEAD:main"];
    let both = format!("{ALL}after\n");
    assert_eq!(pushed.push(&main), (true, both));
    let (passed, words) = pushed.push_from(
        &pushed.root(),
        &["origin", "HEAD:other"],
        &[("TEST_CODE", "1")],
    );
    assert!(!passed && !words.contains("after"), "{words}");

    // pre-commit hands on no refs, and tells in variables what it read of them.
    pushed.put(
        "pre-push",
        "#!/bin/sh\nread -r _ id branch since\nexport PRE_COMMIT_LOCAL_BRANCH=HEAD PRE_COMMIT_TO_REF=$id PRE_COMMIT_REMOTE_BRANCH=$branch PRE_COMMIT_FROM_REF=$since\nupsun-local hook run \"$@\" </dev/null\n",
    );
    pushed.commit("api/index.js");
    let api = "tested in .: run on api\n";
    assert_eq!(pushed.push(&main), (true, api.to_owned()));

    pushed.git(&["rm", "-rq", ".upsun"]);
    pushed.git(&["commit", "-q", "-m", "nothing"]);
    assert_eq!(pushed.push(&main), (true, String::new()));
}

#[test]
fn a_hook_that_another_tool_wrote_again_is_kept_once() {
    let pushed = Pushed::new();
    let theirs = "#!/bin/sh\necho theirs\n";
    let hook = pushed.put("pre-push", theirs);
    pushed.hook(&["install"]).expect(0);
    pushed.put("pre-push", theirs);
    pushed.hook(&["install"]).expect(0);
    let main = ["origin", "HEAD:main"];
    assert_eq!(pushed.push(&main), (true, format!("theirs\n{ALL}")));
    pushed.put("pre-push", theirs);
    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.contains("is already replaced"), "{words}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), theirs);
    assert!(!hook.with_file_name("pre-push.before-upsun-local").exists());
}

/// What `pre-commit install -t pre-push` writes, as far as it matters here.
const PRE_COMMIT: &str = r#"#!/bin/sh
# File generated by pre-commit: https://pre-commit.com
[ -z "$PRE_COMMIT_RUNNING_LEGACY" ] || { echo "pre-commit runs itself"; exit 1; }
! [ -x "$(dirname "$0")/pre-push.legacy" ] || PRE_COMMIT_RUNNING_LEGACY=1 "$(dirname "$0")/pre-push.legacy" "$@" || exit
echo pre-commit
"#;

#[test]
fn pre_commit_runs_ours_from_where_it_moves_it() {
    let pushed = Pushed::new();
    let hook = pushed.put("pre-push", "#!/bin/sh\necho earlier\n");
    pushed.hook(&["install"]).expect(0);
    let legacy = hook.with_file_name("pre-push.legacy");
    fs::rename(&hook, &legacy).unwrap();
    pushed.put("pre-push", PRE_COMMIT);
    let main = ["origin", "HEAD:main"];
    let all = format!("earlier\n{ALL}pre-commit\n");
    assert_eq!(pushed.push(&main), (true, all.clone()));
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(words.contains("/pre-push.legacy\n"), "{words}");
    assert_eq!(pushed.push(&["origin", "HEAD:other"]), (true, all));
    pushed.hook(&["uninstall"]).expect(0);
    let (_, words) = pushed.push(&["origin", "HEAD:third"]);
    assert_eq!(words, "earlier\npre-commit\n");
}

#[test]
fn pre_commit_can_be_installed_before_ours_and_after_it() {
    let pushed = Pushed::new();
    let hook = pushed.put("pre-push", PRE_COMMIT);
    pushed.hook(&["install"]).expect(0);
    fs::rename(&hook, hook.with_file_name("pre-push.legacy")).unwrap();
    pushed.put("pre-push", PRE_COMMIT);
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(passed && words == format!("{ALL}pre-commit\n"), "{words}");
    pushed.hook(&["uninstall"]).expect(0);
    let (_, words) = pushed.push(&["origin", "HEAD:other"]);
    assert_eq!(words, "pre-commit\n");
    let left = fs::read_dir(hook.parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    let ours = |name: &&std::ffi::OsString| name.to_string_lossy().starts_with("pre-push.");
    let left: Vec<_> = left.iter().filter(ours).collect();
    assert!(
        left.iter()
            .all(|name| name.to_string_lossy().ends_with(".sample")),
        "{left:?}"
    );
}

#[test]
fn several_projects_of_a_repository_are_each_checked_and_taken_out_by_itself() {
    let pushed = Pushed::new();
    for below in ["one", "it's two"] {
        let config = CONFIG.replace("  api:", &format!("  {}:", &below[..2].replace('i', "x")));
        pushed
            .project
            .file(&format!("{below}/.upsun/config.yaml"), &config);
        pushed.project.file(&format!("{below}/app/index.js"), "1");
        pushed.project.file(&format!("{below}/api/index.js"), "1");
    }
    pushed.commit("README");
    pushed.hook(&["install"]).expect(0);
    pushed
        .project
        .run(&["-C", "one", "hook", "install"])
        .expect(0);
    let words = pushed.project.run(&["-C", "it's two", "hook", "install"]);
    let words = words.expect(0).stderr;
    assert!(
        words.contains("It does so for the top of the repository, `one` too."),
        "{words}"
    );
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(
        passed
            && words.contains("tested in .: ")
            && words.contains("tested in one: ")
            && words.contains("tested in it's two: "),
        "{words}"
    );

    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(
        words.starts_with("The hook no longer checks the top of the repository, and still checks `one`, `it's two`: "),
        "{words}"
    );
    let (_, words) = pushed.push(&["origin", "HEAD:other"]);
    assert!(
        !words.contains("tested in .:") && words.contains("tested in one:"),
        "{words}"
    );
    let refused = pushed.hook(&["uninstall"]).expect(64).stderr;
    assert!(refused.contains("it is for `one`, `it's two`"), "{refused}");
    // What is gone needs not be named.
    fs::remove_dir_all(pushed.root().join("one")).unwrap();
    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.contains("no longer checks `one`"), "{words}");
    pushed
        .project
        .run(&["-C", "it's two/app", "hook", "uninstall"])
        .expect(0);
    assert!(!pushed.root().join(".git/hooks/pre-push").exists());
}

#[test]
fn a_project_that_is_gone_does_not_keep_the_hook() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    fs::remove_dir_all(pushed.root().join(".upsun")).unwrap();
    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.contains("is removed"), "{words}");
}

#[test]
fn lines_that_follow_ours_run_and_are_kept() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let hook = pushed.root().join(".git/hooks/pre-push");
    let mut script = fs::read_to_string(&hook).unwrap();
    let theirs = "read -r name _\necho \"$name goes to $1\"\n";
    script.push_str(theirs);
    fs::write(&hook, &script).unwrap();
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("The lines below the end of this hook are kept."),
        "{words}"
    );
    assert_eq!(fs::read_to_string(&hook).unwrap(), script);

    let main = ["origin", "HEAD:main"];
    let failing = [("TEST_CODE", "1")];
    let (passed, words) = pushed.push_from(&pushed.root(), &main, &failing);
    assert!(!passed && !words.contains("goes to"), "{words}");
    let theirs_too = format!("{ALL}HEAD goes to origin\n");
    assert_eq!(pushed.push(&main), (true, theirs_too));
    let skip = [("UPSUN_LOCAL_SKIP", "1")];
    let (_, words) = pushed.push_from(&pushed.root(), &["origin", "HEAD:other"], &skip);
    assert!(words.contains("HEAD goes to origin"), "{words}");

    let words = pushed.hook(&["uninstall"]).expect(0).stderr;
    assert!(words.contains("your own lines are kept"), "{words}");
    assert_eq!(
        fs::read_to_string(&hook).unwrap(),
        format!("#!/bin/sh\n{theirs}")
    );
}

#[test]
fn lines_that_follow_ours_do_not_go_with_a_hook_that_comes_back() {
    let pushed = Pushed::new();
    let hook = pushed.put("pre-push", "#!/bin/sh\necho earlier\n");
    pushed.hook(&["install"]).expect(0);
    let script = fs::read_to_string(&hook).unwrap() + "echo theirs\n";
    fs::write(&hook, &script).unwrap();
    let refused = pushed.hook(&["uninstall"]).expect(65).stderr;
    assert!(
        refused.contains("has lines that `upsun-local` did not write"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&hook).unwrap(), script);
}

#[test]
fn it_does_not_matter_where_git_runs_it() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    let root = pushed.root();
    let remote = root.join("../remote.git");
    let remote = remote.to_str().unwrap();
    let tested = (true, ALL.to_owned());
    let inside = [remote, "HEAD:inside"];
    assert_eq!(pushed.push_from(&root.join(".git"), &inside, &[]), tested);
    // By options, from above, with names that are relative to there.
    let from = |options: &[(&str, &str)], branch: &str| {
        pushed.push_from(&root.join(".."), &[remote, branch], options)
    };
    let relative = [
        ("GIT_DIR", "repository/.git"),
        ("GIT_WORK_TREE", "repository"),
    ];
    assert_eq!(from(&relative, "HEAD:outside"), tested);

    // A work tree that knows nothing of its repository.
    fs::rename(root.join(".git"), root.join("../elsewhere")).unwrap();
    let apart = [("GIT_DIR", "elsewhere"), ("GIT_WORK_TREE", "repository")];
    assert_eq!(from(&apart, "HEAD:apart"), tested);
    let elsewhere = root.join("../elsewhere");
    let elsewhere = pushed.push_from(&elsewhere, &[remote, "HEAD:none"], &[]);
    assert_eq!(
        elsewhere,
        (
            true,
            "upsun-local: there is no work tree here, so this push is not checked\n".to_owned()
        )
    );
}

#[test]
fn a_hook_that_is_a_file_of_the_repository_names_nothing_of_this_machine() {
    let pushed = Pushed::new();
    pushed.git(&["config", "core.hooksPath", ".githooks"]);
    let words = pushed.hook(&["install"]).expect(0).stderr;
    assert!(
        words.contains("The file is part of the repository"),
        "{words}"
    );
    let script = fs::read_to_string(pushed.root().join(".githooks/pre-push")).unwrap();
    assert!(
        !script.contains(env!("CARGO_BIN_EXE_upsun-local")),
        "{script}"
    );
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(passed && words.starts_with(ALL), "{words}");
}

#[test]
fn hooks_that_are_switched_off_are_not_installed() {
    let pushed = Pushed::new();
    pushed.git(&["config", "core.hooksPath", "/dev/null"]);
    insta::assert_snapshot!(pushed.hook(&["install"]).expect(65).stderr, @"
    error: hooks are switched off: `core.hooksPath` is `/dev/null`, which is not a directory

    hint: `git config --show-origin core.hooksPath` says where it is set
    ");
}

#[test]
fn what_is_pushed_is_checked_whatever_it_is_called_and_whatever_is_checked_out() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    pushed.git(&["checkout", "-q", "-b", "bad"]);
    pushed
        .project
        .file(".upsun/config.yaml", &CONFIG.replace("type:", "typ:"));
    pushed.git(&["commit", "-q", "-a", "-m", "two words"]);
    pushed.git(&["checkout", "-q", "-"]);
    for name in ["bad^{/two words}", ":/two words", "bad"] {
        let (passed, words) = pushed.push(&["origin", &format!("{name}:refs/heads/a")]);
        assert!(
            !passed && words.contains("ended with 78"),
            "{name}: {words}"
        );
    }
    // Nothing for Upsun is checked out, and still a branch is pushed that has something.
    pushed.git(&["checkout", "-q", "--orphan", "pages"]);
    pushed.git(&["rm", "-rfq", "."]);
    pushed.commit("page");
    let (passed, words) = pushed.push(&["origin", "bad"]);
    assert!(!passed && words.contains("ended with 78"), "{words}");
    assert_eq!(pushed.push(&["origin", "pages"]), (true, String::new()));
}

#[test]
fn a_configuration_that_is_not_pushed_does_not_stop_a_push() {
    let pushed = Pushed::new();
    pushed.hook(&["install"]).expect(0);
    pushed
        .project
        .file(".upsun/config.yaml", &CONFIG.replace("type:", "typ:"));
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(
        passed && words.contains("nothing is tested, as the configuration at hand"),
        "{words}"
    );
}

#[test]
fn a_project_may_have_any_name() {
    let pushed = Pushed::new();
    fs::create_dir(pushed.root().join("-it's")).unwrap();
    pushed.git(&["mv", ".upsun", "app", "api", ".upsun-local.yaml", "./-it's"]);
    pushed.git(&["commit", "-q", "-m", "move"]);
    let mut command = pushed.project.command(&["hook", "install"]);
    command.current_dir(pushed.root().join("-it's"));
    outcome(&mut command, &pushed.root()).expect(0);
    let (passed, words) = pushed.push(&["origin", "HEAD:main"]);
    assert!(passed && words.contains("run on app"), "{words}");
}
