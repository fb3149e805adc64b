//! Source operations as far as they go without an engine.

use std::process::Command;

use crate::support::{TestProject, outcome};

const CONFIG: &str = r#"
applications:
  api:
    type: python:3.14
    source: { root: api, operations: { update: { command: "uv lock, \"all\"" } } }
  web:
    type: nodejs:24
    source:
      operations:
        update:
          command: |
            # twice
            npm update
            git commit --all --message Update
"#;

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    project
}

fn git(project: &TestProject, arguments: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let status = Command::new("git")
        .current_dir(project.root())
        .args(identity)
        .args(arguments)
        .status();
    assert!(status.expect("git runs").success(), "{arguments:?}");
}

#[test]
fn the_list_has_the_formats_of_that_of_operations() {
    let project = project();
    insta::assert_snapshot!(project.run(&["source-ops"]).shown(), @r#"
    code: 0
    --- stdout
    App  Operation name  Command
    api  update          uv lock, "all"
    web  update          npm update…
    --- stderr
    "#);
    let csv = [
        "source-operation:list",
        "--app",
        "web",
        "--format",
        "csv",
        "--columns",
        "command,name",
        "--no-header",
    ];
    insta::assert_snapshot!(project.run(&csv).shown(), @r##"
    code: 0
    --- stdout
    "# twice
    npm update
    git commit --all --message Update",update
    --- stderr
    "##);
    let json = ["source-operation", "list", "-A", "api", "--format", "json"];
    insta::assert_snapshot!(project.run(&json).shown(), @r#"
    code: 0
    --- stdout
    [
      {
        "app": "api",
        "command": "uv lock, \"all\"",
        "operation": "update"
      }
    ]
    --- stderr
    "#);
    insta::assert_snapshot!(project.run(&["source-operation", "list", "--full"]).shown(), @r#"
    code: 0
    --- stdout
    App  Operation name  Command
    api  update          uv lock, "all"
    web  update          # twice\nnpm update\ngit commit --all --message Update
    --- stderr
    "#);
}

#[test]
fn whoever_may_not_push_may_not_run_one() {
    let run = ["source-operation", "run", "update", "--role", "viewer"];
    insta::assert_snapshot!(project().run(&run).shown(), @r#"
    code: 77
    --- stdout
    --- stderr
    error: the role `viewer` may not run the source operation `update`: it needs `contributor`

    hint: try `--role contributor`: a source operation needs the right to push commits
    "#);
}

#[test]
fn one_that_is_not_committed_is_not_there_yet() {
    let project = project();
    git(&project, &["init", "--quiet"]);
    git(
        &project,
        &["commit", "--quiet", "--allow-empty", "--message", "First"],
    );
    let run = ["source-operation", "run", "update"];
    insta::assert_snapshot!(project.run(&run).shown(), @r#"
    code: 64
    --- stdout
    --- stderr
    error: the source operation `update` is not committed yet, and Upsun runs only committed ones

    hint: commit it first
    "#);
}

#[test]
fn why_there_is_no_repository_to_work_on_is_said_as_it_is() {
    let project = project();
    let run = ["source-operation", "run", "update"];
    insta::assert_snapshot!(project.run(&run).shown(), @r#"
    code: 64
    --- stdout
    --- stderr
    error: the repository cannot be cloned: `[REPO]` is not in a Git repository

    hint: a source operation works on a commit: `git init`, `git add` and `git commit` make one
    "#);
    git(&project, &["init", "--quiet"]);
    insta::assert_snapshot!(project.run(&run).shown(), @r#"
    code: 64
    --- stdout
    --- stderr
    error: the repository cannot be cloned: the repository has no commit yet

    hint: a source operation works on a commit: `git init`, `git add` and `git commit` make one
    "#);
    let mut anothers = project.command(&run);
    anothers.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    insta::assert_snapshot!(outcome(&mut anothers, &project.root()).shown(), @r#"
    code: 65
    --- stdout
    --- stderr
    error: the repository cannot be cloned: Git refuses to use `[REPO]`, because it belongs to another user

    hint: `git config --global --add safe.directory [REPO]` lets it
    "#);
    let mut without = project.command(&run);
    without.env("PATH", "/nowhere");
    insta::assert_snapshot!(outcome(&mut without, &project.root()).shown(), @r#"
    code: 73
    --- stdout
    --- stderr
    error: the repository cannot be cloned: there is no `git` command

    hint: install Git, or add it to `PATH`
    "#);
}
