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
    let project = TestProject::on_engine(CONFIG);
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
        shown.stdout.starts_with("/source/api\nteapot\n"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("\n+teapot\n"), "{}", shown.stdout);
    for said in ["Made by web\napi: ", "`--apply` brings it here"] {
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
    for said in ["not committed are not part", "web made no commit"] {
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
    for said in ["rewrote history", "without losing commits"] {
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
        dirty.stderr.contains("changes that are not committed"),
        "{}",
        dirty.stderr
    );
    assert_eq!(log(&project, "HEAD"), "First");
    assert_eq!(git(&project, &["status", "--porcelain"]), "M api/a");

    git(&project, &["checkout", "--quiet", "--", "api/a"]);
    git(&project, &["checkout", "--quiet", "--detach"]);
    let detached = project.run(&update).expect(0);
    assert!(
        detached.stderr.contains("no branch is checked out"),
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
        failed.stderr.contains("Nothing is kept of it"),
        "{}",
        failed.stderr
    );
    let long = Running::start(&project, &["source-operation", "run", "long"]);
    long.wait_for_output("begun");
    long.signal(Signal::INT);
    long.wait().expect(130);
    assert_eq!(containers(&project), [""; 0]);
    // One that was killed leaves its container to `down`.
    let long = Running::start(&project, &["source-operation", "run", "long"]);
    long.wait_for_output("begun");
    long.signal(Signal::KILL);
    long.wait();
    project.run(&["down"]).expect(0);
    assert_eq!(containers(&project), [""; 0]);
    assert_eq!(log(&project, "HEAD"), "First");
}

#[test]
fn without_a_commit_there_is_nothing_to_work_on() {
    let project = TestProject::on_engine(CONFIG);
    project.file("api/a", "");
    let none = project.run(&["source-operation", "run", "look"]).expect(64);
    assert!(
        none.stderr.contains("is in no Git repository"),
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
