//! `activity`: lists, one, logs and cancelling, on state directories that are written by hand.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use upsun_local::project::{Home, Project};

use crate::support::TestProject;

const CONFIG: &str = "applications: { app: { type: 'nodejs:24' } }\n";

/// Where the activities of a project are.
fn directory(project: &TestProject) -> PathBuf {
    let home = Home {
        state: project.root().parent().map(|parent| parent.join("state")),
        home: None,
    };
    let found = Project::of(&project.root(), Some(&project.id), &home).expect("a project");
    found.state_dir.join("activities")
}

fn write(project: &TestProject, id: &str, change: &Value, log: &str) {
    let directory = directory(project);
    fs::create_dir_all(&directory).expect("a directory");
    let mut record = json!({
        "id": id,
        "type": "environment.operation",
        "state": "complete",
        "result": "success",
        "project": "shop",
        "environments": ["local"],
        "description": "admin ran the operation clear on app",
        "text": "admin ran the operation **clear** on **app**",
        "parameters": { "application": "app", "operation": "clear" },
        "created_at": "2026-01-31T12:00:00.000000+00:00",
        "completed_at": "2026-01-31T12:00:01.500000+00:00",
        "completion_percent": 100,
        "timings": { "wait": 0.0, "execute": 1.25 },
        "commands": [{ "app": "app", "type": "operation", "name": "clear", "exit_code": 0 }],
        "process": 1,
    });
    for (name, value) in change.as_object().expect("an object") {
        record[name] = value.clone();
    }
    fs::write(directory.join(format!("{id}.json")), record.to_string()).expect("a record");
    fs::write(directory.join(format!("{id}.log")), log).expect("a log");
}

/// One of each kind.
fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    write(&project, "1aaa", &json!({}), "cleared\n");
    write(
        &project,
        "1bbb",
        &json!({
            "type": "environment.push", "result": "failure", "description": "pushed app to local",
            "created_at": "2026-02-01T12:00:00Z", "timings": { "wait": 2.0, "build": 3.5 },
        }),
        "the build failed\n",
    );
    write(
        &project,
        "1ccc",
        &json!({ "environments": ["other"], "created_at": "2026-02-02T12:00:00Z" }),
        "elsewhere\n",
    );
    write(
        &project,
        "1ddd",
        &json!({
            "type": "environment.cron", "state": "cancelled", "result": "failure",
            "description": "the cron tidy ran on app", "created_at": "2026-02-03T12:00:00Z",
        }),
        "tidying\n",
    );
    project
}

fn ids(project: &TestProject, arguments: &[&str]) -> Vec<String> {
    let mut all = vec![
        "activity",
        "list",
        "--columns",
        "id",
        "--format",
        "plain",
        "--no-header",
    ];
    all.extend(arguments);
    let listed = project.run(&all).expect(0);
    listed.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn the_newest_come_first_with_upsuns_columns() {
    insta::assert_snapshot!(project().run(&["activity", "list"]).shown(), @r"
    code: 0
    --- stdout
    ID    Created                    Description                           Progress  State      Result
    1ddd  2026-02-03T12:00:00+00:00  the cron tidy ran on app              100%      cancelled  failure
    1bbb  2026-02-01T12:00:00+00:00  pushed app to local                   100%      complete   failure
    1aaa  2026-01-31T12:00:00+00:00  admin ran the operation clear on app  100%      complete   success
    --- stderr
    ");
    insta::assert_snapshot!(project().run(&["activities", "--all", "--limit", "2", "--format", "csv"]).shown(), @r"
    code: 0
    --- stdout
    ID,Created,Description,Progress,State,Result,Environment(s)
    1ddd,2026-02-03T12:00:00+00:00,the cron tidy ran on app,100%,cancelled,failure,local
    1ccc,2026-02-02T12:00:00+00:00,admin ran the operation clear on app,100%,complete,success,other
    --- stderr
    ");
    let columns = "id,completed,type,time_wait,time_build,time_deploy,time_execute";
    insta::assert_snapshot!(project().run(&["activity:list", "--columns", columns, "--format", "csv"]).shown(), @r"
    code: 0
    --- stdout
    ID,Completed,Type,Wait time (s),Build time (s),Deploy time (s),Exec time (s)
    1ddd,2026-01-31T12:00:01+00:00,environment.cron,0,,,1.25
    1bbb,2026-01-31T12:00:01+00:00,environment.push,2,3.5,,
    1aaa,2026-01-31T12:00:01+00:00,environment.operation,0,,,1.25
    --- stderr
    ");
}

#[test]
fn filters_are_those_of_upsuns_cli() {
    let project = project();
    for (arguments, expected) in [
        (&[][..], &["1ddd", "1bbb", "1aaa"][..]),
        (&["-e", "other"], &["1ccc"]),
        (&["--all"], &["1ddd", "1ccc", "1bbb", "1aaa"]),
        (&["--limit", "1"], &["1ddd"]),
        (&["--type", "push"], &["1bbb"]),
        (&["-t", "environment.push,cron"], &["1ddd", "1bbb"]),
        (&["-x", "*.cron"], &["1bbb", "1aaa"]),
        (&["--state", "cancelled"], &["1ddd"]),
        (
            &["--state", "complete,cancelled", "--limit", "2"],
            &["1ddd", "1bbb"],
        ),
        (&["--result", "success"], &["1aaa"]),
        (&["--result", "failure", "-x", "cron"], &["1bbb"]),
        (&["--incomplete"], &[]),
        (&["--start", "2026-02-01"], &["1aaa"]),
        (
            &["--start", "2026-02-01T14:00:00+01:00", "--all"],
            &["1bbb", "1aaa"],
        ),
    ] {
        assert_eq!(ids(&project, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn without_any_there_is_nothing_to_show() {
    let project = TestProject::new(CONFIG);
    insta::assert_snapshot!(project.run(&["activity", "list"]).shown(), @r"
    code: 0
    --- stdout
    --- stderr
    No activities found
    ");
    let listed = project
        .run(&["activity", "list", "--format", "json"])
        .expect(0);
    assert_eq!(listed.stdout, "[]\n");
    insta::assert_snapshot!(project.run(&["activity", "log"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no such activity yet

    hint: `upsun-local activity list --all` shows those of all environments; `run`, `up`, `cron run` and `test` make one
    ");
    insta::assert_snapshot!(project.run(&["activity", "cancel"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is nothing to cancel: no activity is in progress

    hint: `upsun-local activity list --all --incomplete` looks in all environments
    ");
    assert!(!directory(&project).exists());
}

#[test]
fn one_is_shown_as_a_whole_or_by_a_property() {
    let project = project();
    insta::assert_snapshot!(project.run(&["activity", "get", "aaa"]).shown(), @r#"
    code: 0
    --- stdout
    Property            Value
    id                  1aaa
    type                environment.operation
    description         admin ran the operation clear on app
    text                admin ran the operation **clear** on **app**
    environments        local
    state               complete
    result              success
    completion_percent  100
    created_at          2026-01-31T12:00:00.000000+00:00
    started_at
    updated_at
    cancelled_at
    completed_at        2026-01-31T12:00:01.500000+00:00
    duration            1.5
    timings             {"execute":1.25,"wait":0.0}
    commands            [{"app":"app","exit_code":0,"name":"clear","type":"operation"}]
    parameters          {"application":"app","operation":"clear"}
    payload
    project             shop
    --- stderr
    "#);
    for (property, value) in [
        ("state", "complete\n"),
        ("duration", "1.5\n"),
        ("parameters.operation", "clear\n"),
        ("commands.0.exit_code", "0\n"),
        ("cancelled_at", "\n"),
    ] {
        let shown = project
            .run(&["activity:get", "1aaa", "-P", property])
            .expect(0);
        assert_eq!(shown.stdout, value, "{property}");
    }
    let newest = project.run(&["act:get", "-P", "id"]).expect(0);
    assert_eq!(newest.stdout, "1ddd\n");
    let document = project
        .run(&["activity", "get", "1bbb", "--format", "json"])
        .expect(0);
    let document: Value = serde_json::from_str(&document.stdout).expect("JSON");
    assert_eq!(document["type"], "environment.push");
    insta::assert_snapshot!(project.run(&["activity", "get", "1aaa", "-P", "stat"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: an activity has no property `stat`

    hint: did you mean `state`?
    ");
}

#[test]
fn ids_that_are_not_there_or_not_the_only_ones() {
    let project = project();
    insta::assert_snapshot!(project.run(&["activity", "get", "zzz"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no activity `zzz`

    hint: `upsun-local activity list --all` shows all; only the last 200 are kept
    ");
    insta::assert_snapshot!(project.run(&["activity", "log", "1"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `1` can be any of these activities: 1ddd, 1ccc, 1bbb, 1aaa

    hint: give more of its id
    ");
    insta::assert_snapshot!(project.run(&["activity", "cancel", "1aaa"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: the activity `1aaa` cannot be cancelled: it is complete already
    ");
}

#[test]
fn a_log_is_printed_with_its_colours_and_nothing_else_that_a_terminal_obeys() {
    let project = project();
    fs::write(
        directory(&project).join("1ddd.log"),
        b"\x1b[1mtidying\xFF\x1b]0;title\x07\n1 %\r2 %\n",
    )
    .expect("a log");
    let output = project
        .command(&["activity", "log"])
        .output()
        .expect("it runs");
    let stdout = String::from_utf8(output.stdout).expect("text");
    assert_eq!(stdout, "\x1b[1mtidying\u{fffd}\x1b[0m\n2 %\n");
    let push = project
        .run(&["activity:log", "--type", "environment.push"])
        .expect(0);
    assert_eq!(push.stdout, "the build failed\n");
    // What is over is not waited for.
    let followed = project.run(&["activity", "log", "-f", "1ccc"]).expect(0);
    assert_eq!(followed.stdout, "elsewhere\n");
}

#[test]
fn what_nobody_runs_any_more_has_failed() {
    let project = project();
    let change = json!({ "state": "in_progress", "result": null, "completed_at": null, "completion_percent": 0 });
    write(&project, "1eee", &change, "half\n");
    assert_eq!(ids(&project, &["--state", "in_progress"]), [""; 0]);
    assert_eq!(
        ids(&project, &["--result", "failure", "--limit", "1"]),
        ["1eee"]
    );
    insta::assert_snapshot!(project.run(&["activity", "log", "-f"]).shown(), @r"
    code: 0
    --- stdout
    half
    --- stderr
    warning: its process ended without saying how: it was killed, or the machine went down
    ");
    let refused = project.run(&["activity", "cancel", "1eee"]).expect(64);
    assert!(
        refused.stderr.contains("it is complete already"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_broken_configuration_and_broken_records_are_no_obstacle() {
    let project = project();
    fs::write(directory(&project).join("1fff.json"), "{\"id\":").expect("a record");
    project.file(".upsun/config.yaml", "applications: [\n");
    assert_eq!(ids(&project, &[]), ["1ddd", "1bbb", "1aaa"]);
}

#[test]
fn a_directory_that_is_none_is_said() {
    let project = TestProject::new(CONFIG);
    let directory = directory(&project);
    fs::create_dir_all(directory.parent().expect("a parent")).expect("a directory");
    fs::write(&directory, "").expect("a file");
    let failed = project.run(&["activity", "list"]).expect(65);
    assert!(
        failed
            .stderr
            .contains("error: the activities cannot be read: ")
            && failed.stderr.contains("/activities: Not a directory"),
        "{}",
        failed.stderr
    );
}

#[test]
fn what_cannot_be_read_is_told_in_words() {
    let project = project();
    let directory = directory(&project);
    fs::write(directory.join("1aaa.json"), "{").expect("a record");
    let shown = project.run(&["activity", "get", "1aaa"]).expect(65);
    assert!(
        shown
            .stderr
            .contains("the activity `1aaa` cannot be read: ")
            && shown.stderr.contains("1aaa.json: EOF while parsing"),
        "{}",
        shown.stderr
    );
    fs::remove_file(directory.join("1bbb.log")).expect("a log");
    let shown = project.run(&["activity", "log", "1bbb"]).expect(65);
    assert!(
        shown
            .stderr
            .contains("the log of the activity `1bbb` is gone"),
        "{}",
        shown.stderr
    );
    fs::create_dir(directory.join("1bbb.log")).expect("a directory");
    let shown = project.run(&["activity", "log", "1bbb"]).expect(65);
    assert!(
        shown.stderr.contains("1bbb.log: it is not a regular file"),
        "{}",
        shown.stderr
    );
}

#[test]
fn columns_and_options_of_upsuns_cli_are_taken() {
    let project = project();
    insta::assert_snapshot!(project.run(&["activity", "list", "--limit", "1", "--columns", "ID,+type", "--format", "csv", "--date-fmt", "c"]).shown(), @r"
    code: 0
    --- stdout
    ID,Created,Description,Progress,State,Result,Type
    1ddd,2026-02-03T12:00:00+00:00,the cron tidy ran on app,100%,cancelled,failure,environment.cron
    --- stderr
    warning: `--date-fmt` has no effect: dates are always written as `2026-01-31T12:00:00+00:00`
    ");
    insta::assert_snapshot!(project.run(&["activity", "list", "--columns", "x"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no column `x`

    hint: there are: id, created, completed, description, progress, state, result, environments, type, time_wait, time_build, time_deploy, time_execute
    ");
    insta::assert_snapshot!(project.run(&["activity", "log", "-t", "ddd"]).shown(), @r"
    code: 0
    --- stdout
    tidying
    --- stderr
    warning: `--timestamps` has no effect: a log has no times here
    ");
}
