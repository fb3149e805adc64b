//! Source operations: on a clone of HEAD, in every app that has the name, and into the repository only when asked.

use std::process::Command;

use rustix::process::Signal;

use crate::engine::containers;
use crate::process::Running;
use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  web:
    type: nodejs:24
    source:
      root: /
      operations:
        update:
          command: |
            set -e
            echo "$WORD" >made
            git add made
            git commit --quiet --message "Made by web"
        look: {command: 'pwd; git remote; git tag; git branch --all; [ ! -e untracked ]; echo "$PLATFORM_SOURCE_DIR"; touch changed'}
        amend: {command: git commit --quiet --amend --message Another}
        fail: {command: 'git commit --quiet --allow-empty --message Half; exit 3'}
        long: {command: 'echo begun; sleep 7721'}
  api:
    type: nodejs:24
    source:
      root: api
      operations:
        update: {command: 'pwd; cat ../made; git commit --quiet --allow-empty --message "Made by api"'}
"#;

fn project() -> TestProject {
    repository(CONFIG)
}

/// A repository with one commit on `main`.
fn repository(config: &str) -> TestProject {
    let project = TestProject::on_engine(config);
    project.file("api/a", "").file(".gitignore", "ignored\n");
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    git(&project, &["config", "user.name", "test"]);
    git(&project, &["config", "user.email", "test@localhost"]);
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "First"]);
    git(&project, &["tag", "v1"]);
    project
}

#[track_caller]
fn git(project: &TestProject, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(project.root())
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn log(project: &TestProject, of: &str) -> String {
    git(project, &["log", "--format=%s", of])
}

/// How many files and directories of clones there are in the state directory.
fn clones(project: &TestProject) -> usize {
    let projects = std::fs::read_dir(project.root().join("../state/upsun-local"));
    let projects = projects.expect("a state directory").flatten();
    projects
        .filter_map(|entry| std::fs::read_dir(entry.path().join("source-operations")).ok())
        .map(Iterator::count)
        .sum()
}

/// A file to be run, beside the repository.
fn program(project: &TestProject, path: &str, script: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = project.root().join("..").join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(&path, script).expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("permissions");
    path
}

#[test]
fn each_is_an_activity_with_a_command_per_app() {
    let project = project();
    project
        .run(&[
            "source-operation",
            "run",
            "update",
            "--variable",
            "env:WORD=x",
        ])
        .expect(0);
    project.run(&["source-operation", "run", "fail"]).expect(3);
    let columns = [
        "--columns",
        "type,description,result",
        "--format",
        "csv",
        "--no-header",
    ];
    let listed = project
        .run(&[&["activity", "list"][..], &columns].concat())
        .expect(0);
    insta::assert_snapshot!(listed.stdout, @r"
    environment.source-operation,ran the source operation fail in web,failure
    environment.source-operation,ran the source operation update in web and api,success
    ");
    let commands = ["activity", "get", "--result", "success", "-P", "commands"];
    let commands = project.run(&commands).expect(0).stdout;
    assert_eq!(
        commands.matches("\"type\":\"source_operation\"").count(),
        2,
        "{commands}"
    );
}

#[test]
fn each_app_that_has_it_commits_in_turn_and_the_repository_is_only_changed_when_asked() {
    let project = project();
    let run = [
        "source-operation:run",
        "update",
        "--variable",
        "env:WORD=teapot",
    ];
    let shown = project.run(&[&run[..], &["--diff"]].concat()).expect(0);
    assert!(
        shown.stdout.starts_with("diff --git ") && shown.stdout.ends_with("\n+teapot\n"),
        "nothing but the patch: {}",
        shown.stdout
    );
    for said in [
        "/source/api\nteapot\n",
        "Committed web: ",
        "Made by web\n",
        "Committed api: ",
        "run it again with `--apply` to bring the commits in",
    ] {
        assert!(shown.stderr.contains(said), "{}", shown.stderr);
    }
    assert_eq!(log(&project, "HEAD"), "First");
    assert_eq!(
        git(&project, &["branch", "--format=%(refname:short)"]),
        "main"
    );

    project.run(&[&run[..], &["--apply"]].concat()).expect(0);
    assert_eq!(log(&project, "HEAD"), "Made by api\nMade by web\nFirst");
    assert_eq!(git(&project, &["status", "--porcelain"]), "");
    assert_eq!(
        git(&project, &["branch", "--format=%(refname:short)"]),
        "main"
    );
    assert_eq!(containers(&project), [""; 0]);
}

#[test]
fn it_works_on_head_alone_and_what_it_does_not_commit_is_gone() {
    let project = project();
    project.file("untracked", "");
    let looked = project
        .run(&["source-operation", "run", "look", "--apply"])
        .expect(0);
    assert_eq!(looked.stdout, "/source\n* main\n/source\n");
    for said in [
        "uncommitted changes are left out",
        "web made no commit",
        "1 file is changed but not committed, and is gone: `changed`",
    ] {
        assert!(looked.stderr.contains(said), "{}", looked.stderr);
    }
    assert_eq!(git(&project, &["status", "--porcelain"]), "?? untracked");
}

#[test]
fn what_would_lose_something_becomes_a_branch_of_its_own() {
    let project = project();
    let amended = project
        .run(&["source-operation", "run", "amend", "--apply"])
        .expect(0);
    for said in ["rewrote history", "moving it would lose commits"] {
        assert!(amended.stderr.contains(said), "{}", amended.stderr);
    }
    assert_eq!(log(&project, "HEAD"), "First");
    assert_eq!(log(&project, "upsun-local/amend"), "Another");

    project.file("api/a", "changed");
    let update = [
        "source-operation",
        "run",
        "update",
        "--variable",
        "env:WORD=x",
        "--apply",
    ];
    let dirty = project.run(&update).expect(0);
    assert!(
        dirty
            .stderr
            .contains("there are changes that are not committed"),
        "{}",
        dirty.stderr
    );
    assert_eq!(log(&project, "HEAD"), "First");
    assert_eq!(git(&project, &["status", "--porcelain"]), "M api/a");

    git(&project, &["checkout", "--quiet", "--", "api/a"]);
    git(&project, &["checkout", "--quiet", "--detach"]);
    let detached = project.run(&update).expect(0);
    assert!(
        detached.stderr.contains("no branch was checked out"),
        "{}",
        detached.stderr
    );
    assert_eq!(
        log(&project, "upsun-local/update"),
        "Made by api\nMade by web\nFirst"
    );
}

#[test]
fn one_that_fails_or_is_cancelled_leaves_nothing() {
    let project = project();
    let failed = project
        .run(&["source-operation", "run", "fail", "--apply"])
        .expect(3);
    assert!(
        failed
            .stderr
            .contains("The commits were discarded, as on Upsun."),
        "{}",
        failed.stderr
    );
    let long = Running::start(&project, &["source-operation", "run", "long"]);
    long.wait_for_output("begun");
    long.signal(Signal::INT);
    long.wait().expect(130);
    assert_eq!(containers(&project), [""; 0]);
    let limited = ["source-operation", "run", "long", "--timeout", "1"];
    project.run(&limited).expect(124);
    // One that was killed leaves its container and its clone to the next one, or to `clean`.
    for next in [
        &["source-operation", "run", "look"][..],
        &["clean", "--yes"],
    ] {
        let long = Running::start(&project, &["source-operation", "run", "long"]);
        long.wait_for_output("begun");
        long.signal(Signal::KILL);
        long.wait();
        assert_eq!((containers(&project).len(), clones(&project)), (1, 2));
        project.run(next).expect(0);
        assert_eq!((containers(&project).len(), clones(&project)), (0, 0));
    }
    assert_eq!(log(&project, "HEAD"), "First");
}

#[test]
fn without_a_commit_there_is_nothing_to_work_on() {
    let project = TestProject::on_engine(CONFIG);
    project.file("api/a", "");
    let none = project.run(&["source-operation", "run", "look"]).expect(64);
    assert!(
        none.stderr.contains("is not in a Git repository"),
        "{}",
        none.stderr
    );
    git(&project, &["init", "--quiet"]);
    let none = project.run(&["source-operation", "run", "look"]).expect(64);
    assert!(none.stderr.contains("has no commit yet"), "{}", none.stderr);
    let unknown = project
        .run(&["source-operation", "run", "updat"])
        .expect(64);
    assert!(
        unknown.stderr.contains("did you mean `update`?"),
        "{}",
        unknown.stderr
    );
    let list = project.run(&["source-operation", "list"]).expect(0);
    assert!(list.stdout.contains("api  update"), "{}", list.stdout);
}

const HOSTILE: &str = r#"
applications:
  web:
    type: nodejs:24
    source:
      operations:
        programs:
          command: |
            mkdir -p /app/.global/bin && cd /app/.global/bin || exit 1
            for name in git sleep env dash printf; do printf '#!/bin/sh\nexit 1\n' >$name; chmod +x $name; done
            # Git's own maintenance would go on after the commit, and be a `git` that the last line waits for.
            cd /source && /usr/bin/git -c maintenance.auto=false commit --quiet --allow-empty --message Honest
            cd / && /usr/bin/env -i /usr/bin/setsid /bin/sh -c 'until cat /proc/[0-9]*/comm | grep -qx git; do :; done; rm -rf /source/.git' >/dev/null 2>&1 &
            exit 0
        configuration:
          command: |
            git config core.hooksPath /source/hooks
            git config core.fsmonitor /source/hooks/any
            git config extensions.partialClone origin
            git config remote.origin.promisor true
            git config remote.origin.url "ext::sh -c touch% /source/ran"
            git commit --quiet --allow-empty --message Configured
        symlink: {command: 'rm -rf .git && ln -s "$SECRET/.git" .git'}
        gitfile: {command: 'rm -rf .git && echo "gitdir: $SECRET/.git" >.git'}
        alternate: {command: 'echo "$SECRET/.git/objects" >.git/objects/info/alternates; echo "$HIDDEN" >.git/refs/heads/main'}
        outbox: {command: 'mkdir -p out && ln -s "$SECRET" out/bundle; git branch --quiet -m other'}
  api:
    type: nodejs:24
    source:
      root: api
      operations:
        symlink: &look {command: 'echo reached; cat ../secret'}
        gitfile: *look
        alternate: *look
        outbox: *look
"#;

#[test]
fn nothing_of_this_machine_is_had_by_one_that_lies_about_its_repository() {
    let project = repository(HOSTILE);
    let other = repository(CONFIG);
    other.file("secret", "hidden");
    git(&other, &["add", "--all"]);
    git(&other, &["commit", "--quiet", "--message", "Hidden"]);
    let secret = format!("env:SECRET={}", other.root().display());
    let hidden = format!("env:HIDDEN={}", git(&other, &["rev-parse", "HEAD"]));
    for operation in ["symlink", "gitfile", "alternate", "outbox"] {
        let run = [
            "source-operation",
            "run",
            operation,
            "--apply",
            "--variable",
            &secret,
            "--variable",
            &hidden,
        ];
        let refused = project.run(&run).expect(1);
        for said in [
            "left no branch `main` that Upsun could push",
            "The commits were discarded, as on Upsun.",
        ] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
        assert_eq!(refused.stdout, "", "{operation}");
        assert_eq!(git(&project, &["branch", "--all"]), "* main");
    }
    assert_eq!((containers(&project).len(), clones(&project)), (0, 0));
}

#[test]
fn the_programs_and_the_configuration_that_one_leaves_have_no_part_in_what_is_taken() {
    let project = repository(HOSTILE);
    // What it left running waits for Git to look at the clone, and is no more when Git does.
    let run = ["source-operation", "run", "programs"];
    let honest = project.run(&run).expect(0);
    assert!(honest.stderr.contains(" Honest\n"), "{}", honest.stderr);
    let run = ["source-operation", "run", "configuration", "--apply"];
    project.run(&run).expect(0);
    assert_eq!(log(&project, "HEAD"), "Configured\nFirst");
}

const LOSSES: &str = r#"
applications:
  web:
    type: nodejs:24
    source:
      operations:
        elsewhere:
          command: |
            git tag mine
            git checkout --quiet -b other && git commit --quiet --allow-empty --message Other
            git checkout --quiet --detach main && git commit --quiet --allow-empty --message Detached
        unfinished:
          command: |
            git checkout --quiet -b other && echo a >file && git add file && git commit --quiet --message a
            git checkout --quiet main && echo b >file && git add file && git commit --quiet --message b
            git merge other || true
        gone: {command: 'git checkout --quiet --detach && git branch --quiet -D main'}
        many: {command: 'for i in $(seq 25); do git commit --quiet --allow-empty --message "Commit $i"; done'}
"#;

#[test]
fn what_upsun_would_not_push_is_said() {
    let project = repository(LOSSES);
    for (operation, said) in [
        (
            "elsewhere",
            &[
                "web made no commit",
                "web left commits on the branch `other`",
                "web left 1 commit on no branch",
                "web made tags, and they are not taken: `mine`",
            ][..],
        ),
        (
            "unfinished",
            &[
                "web left a merge that is not finished",
                "1 file is changed but not committed, and is gone: `file`",
            ],
        ),
        ("many", &["Commit 20\n", "and 5 more"]),
    ] {
        let run = project
            .run(&["source-operation", "run", operation])
            .expect(0);
        for said in said {
            assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        }
    }
    let gone = project.run(&["source-operation", "run", "gone"]).expect(1);
    let said = "error: `gone` on `web` left no branch `main` that Upsun could push";
    assert!(gone.stderr.contains(said), "{}", gone.stderr);
}

#[test]
fn the_last_commit_says_what_is_run() {
    let project = repository(LOSSES);
    let changed = LOSSES.replace(
        "gone: {command: 'git",
        "new: {command: 'true'}\n        gone: {command: 'false; git",
    );
    project.file(".upsun/config.yaml", &changed);
    let new = project.run(&["source-operation", "run", "new"]).expect(64);
    assert!(
        new.stderr.contains("is not committed yet"),
        "{}",
        new.stderr
    );
    let gone = project.run(&["source-operation", "run", "gone"]).expect(1);
    for said in [
        "is run as the last commit defines it, not as the working copy does",
        "left no branch `main`",
    ] {
        assert!(gone.stderr.contains(said), "{}", gone.stderr);
    }
}

#[test]
fn everything_is_an_event_of_the_stream_of_json() {
    let project = project();
    let run = [
        "source-operation",
        "run",
        "update",
        "--variable",
        "env:WORD=x",
        "--format",
        "json",
        "--diff",
        "--apply",
    ];
    let run = project.run(&run).expect(0);
    let events: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let of = |kind: &str| {
        let found: Vec<_> = events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect();
        assert!(!found.is_empty(), "{kind}: {}", run.stdout);
        found
    };
    assert_eq!(of("committed")[0]["commits"][0]["subject"], "Made by web");
    assert_eq!(of("committed")[1]["rewrote_history"], false);
    let patch = of("patch")[0]["patch"].as_str().expect("text");
    assert!(patch.contains("\n+x\n"), "{patch}");
    assert_eq!(of("commits-applied")[0]["branch"], "main");
}

#[test]
fn what_the_user_has_configured_for_git_counts_for_the_repository_only() {
    let project = repository(CONFIG);
    project
        .file("data.bin", "a\r\nb\n")
        .file(".gitattributes", "*.bin filter=lfs\n");
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "Data"]);
    program(
        &project,
        "hooks/post-checkout",
        "#!/bin/sh\necho ran >>\"$HOOKED\"\nexit 1\n",
    );
    for hook in ["post-merge", "reference-transaction", "post-index-change"] {
        program(
            &project,
            &format!("hooks/{hook}"),
            "#!/bin/sh\necho ran >>\"$HOOKED\"\n",
        );
    }
    let beside = std::fs::canonicalize(project.root().join("..")).expect("a path");
    let configuration = format!(
        "[core]\n hooksPath = {hooks}\n autocrlf = true\n[init]\n templateDir = {hooks}\n[filter \"lfs\"]\n clean = cat\n smudge = false\n required = true\n",
        hooks = beside.join("hooks").display()
    );
    let global = beside.join("gitconfig");
    std::fs::write(&global, configuration).expect("a file");
    let run = [
        "source-operation",
        "run",
        "update",
        "--variable",
        "env:WORD=x",
        "--apply",
    ];
    let mut command = project.command(&run);
    command
        .env("GIT_CONFIG_GLOBAL", global)
        .env("HOOKED", beside.join("hooked"));
    crate::support::outcome(&mut command, &project.root()).expect(0);
    assert_eq!(
        git(&project, &["diff", "--name-only", "HEAD~2", "HEAD"]),
        "made"
    );
    assert!(!beside.join("hooked").exists());
}

#[test]
fn ctrl_c_ends_a_clone_that_hangs_and_leaves_nothing() {
    let project = project();
    let script = "#!/bin/sh\ncase \"$*\" in *pack-objects*) echo hangs >&3; sleep 7723;; esac\nPATH=${PATH#*:} exec git \"$@\"\n";
    let script = script.replace(">&3", ">\"$MARK\"");
    let git = program(&project, "bin/git", &script);
    let bin = git.parent().expect("a directory").display().to_string();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mark = project.root().join("../mark");
        let _ = std::fs::remove_file(&mark);
        let mut command = project.command(&["source-operation", "run", "look", "--apply"]);
        let path = std::env::var("PATH").expect("a path");
        command
            .env("PATH", format!("{bin}:{path}"))
            .env("MARK", &mark);
        let hanging = Running::of(command);
        hanging.wait_for_talk("Cloning");
        crate::engine::wait_until("it hangs", || mark.exists());
        hanging.signal(signal);
        hanging.wait().expect(code);
        assert_eq!((containers(&project).len(), clones(&project)), (0, 0));
    }
}
