//! `list`, and choosing among operations.

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  api:
    type: python:3.14
    source: { root: api }
    operations:
      clear-cache: { commands: { start: "rm -rf cache/*" } }
    workers:
      queue:
        commands: { start: sleep infinity }
        operations:
          drain: { role: admin, timeout: 30, commands: { start: "kill -USR1 1", stop: "kill -USR2 1" } }
  web:
    type: nodejs:24
    operations:
      clear-cache: { role: viewer, commands: { start: "npx clear, \"all\"" } }
      build:
        commands:
          start: |
            # twice
            npx next build
            npx next build
"#;

#[test]
fn a_table_by_app_and_worker() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["list"]).shown(), @r#"
    code: 0
    --- stdout
    Service     Operation name  Start command     Stop command  Role
    api         clear-cache     rm -rf cache/*                  contributor
    api--queue  drain           kill -USR1 1      kill -USR2 1  admin
    web         clear-cache     npx clear, "all"                viewer
    web         build           npx next build…                 contributor
    --- stderr
    "#);
}

#[test]
fn other_formats_and_columns() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["ops", "--app", "web", "--format", "csv", "--columns", "name,start"]).shown(), @r##"
    code: 0
    --- stdout
    Operation name,Start command
    clear-cache,"npx clear, ""all"""
    build,"# twice
    npx next build
    npx next build"
    --- stderr
    "##);
    insta::assert_snapshot!(project.run(&["operation:list", "--worker", "queue", "--format", "json"]).shown(), @r#"
    code: 0
    --- stdout
    [
      {
        "app": "api",
        "name": "drain",
        "role": "admin",
        "service": "api--queue",
        "start": "kill -USR1 1",
        "stop": "kill -USR2 1",
        "timeout": 30,
        "worker": "queue"
      }
    ]
    --- stderr
    "#);
}

#[test]
fn the_same_name_in_two_apps_must_be_told_apart() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["run", "clear-cache"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: the operation `clear-cache` is defined more than once; say which one you mean:
      upsun-local run clear-cache --app api
      upsun-local run clear-cache --app web
    ");
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest_one() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["operation:run", "biuld", "-p", "abc"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no operation `biuld`

    hint: did you mean `build`? `upsun-local list` shows all
    ");
}

#[test]
fn without_a_name_and_without_a_terminal_the_operations_are_listed() {
    let project = TestProject::new(CONFIG);
    project.file("api/app.py", "");
    insta::assert_snapshot!(project.run(&["run"]).shown(), @r#"
    code: 64
    --- stdout
    --- stderr
    error: which operation? There are:
      clear-cache on api (contributor): rm -rf cache/*
      drain on api--queue (admin): kill -USR1 1
      clear-cache on web (viewer): npx clear, "all"
      build on web (contributor): # twice

    hint: upsun-local run <OPERATION>
    "#);
}
