//! Activities on the engine: what is recorded, how it ends, and who can look on and cancel.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;
use upsun_local::project::{Home, Project};

use crate::engine::{app, operations, operations_of, runs, wait_until};
use crate::process::Running;
use crate::support::TestProject;

/// An operation that says so and then waits.
const LONG: &str = "echo ready; sleep 7801; echo through";

fn state(project: &TestProject) -> PathBuf {
    let home = Home {
        state: project.root().parent().map(|parent| parent.join("state")),
        home: None,
    };
    let found = Project::of(&project.root(), Some(&project.id), &home).expect("a project");
    found.state_dir
}

/// All activities, the newest first.
fn activities(project: &TestProject) -> Vec<Value> {
    let listed = project
        .run(&[
            "activity", "list", "--all", "--limit", "100", "--format", "json",
        ])
        .expect(0);
    serde_json::from_str(&listed.stdout).expect("JSON")
}

/// Type, state and result of each, the newest first.
fn ends(project: &TestProject) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    activities(project)
        .iter()
        .map(|it| [text(&it["type"]), text(&it["state"]), text(&it["result"])])
        .collect()
}

fn log(project: &TestProject) -> String {
    project.run(&["activity", "log"]).expect(0).stdout
}

#[test]
fn a_run_leaves_its_log_its_commands_and_its_times() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo building; sleep 0.2', deploy: 'echo deploying' }}\n{}",
        operations_of(&[("say", "echo out; echo err >&2"), ("fail", "exit 3")])
    )));
    project.run(&["run", "say"]).expect(0);
    let log = log(&project);
    for said in [
        "| building\n",
        "| deploying\n",
        "\nout\n",
        "\nerr\n",
        "done say on app as admin",
    ] {
        assert!(log.contains(said), "{said:?}: {log}");
    }
    let all = activities(&project);
    assert_eq!(all.len(), 1);
    let it = &all[0];
    assert_eq!(it["description"], "admin ran the operation say on app");
    for phase in ["build", "deploy", "execute"] {
        assert!(it["timings"][phase].as_f64() > Some(0.0), "{phase}: {it}");
    }
    let commands: Vec<_> = it["commands"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ran| {
            (
                ran["type"].as_str().unwrap_or_default(),
                ran["exit_code"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        commands,
        [
            ("hooks.build", Some(0)),
            ("hooks.deploy", Some(0)),
            ("operation", Some(0))
        ]
    );
    project.run(&["run", "fail"]).expect(3);
    let code = project
        .run(&["activity", "get", "-P", "commands.0.exit_code"])
        .expect(0);
    assert_eq!(code.stdout, "3\n");
    let failed = ["environment.operation", "complete", "failure"].map(str::to_owned);
    assert_eq!(ends(&project)[0], failed);
}

#[test]
fn who_is_denied_and_who_only_looks_leaves_nothing() {
    let project = TestProject::on_engine(&operations(&[("say", "true")]));
    project.run(&["run", "say", "--role", "viewer"]).expect(77);
    project.run(&["run", "other"]).expect(64);
    project.run(&["list"]).expect(0);
    project.run(&["run", "say", "--dry-run"]).expect(0);
    project.run(&["status"]).expect(0);
    assert_eq!(activities(&project).len(), 0);
}

#[test]
fn a_build_that_fails_is_a_failure_with_its_error_in_the_log() {
    let project = TestProject::on_engine(&app("hooks: { build: 'echo broken; exit 4' }"));
    project.run(&["up"]).expect(1);
    let push = ["environment.push", "complete", "failure"].map(str::to_owned);
    assert_eq!(ends(&project), [push]);
    let log = log(&project);
    assert!(
        log.contains("| broken\n") && log.contains("\nerror: "),
        "{log}"
    );
}

#[test]
fn deploys_crons_and_tests_are_recorded_too() {
    let project = TestProject::on_engine(&app(&format!(
        "crons: {{ tidy: {{ spec: '0 0 1 1 *', commands: {{ start: echo tidy }} }} }}\n{}",
        operations_of(&[("say", "echo said")])
    )));
    project.run(&["up"]).expect(0);
    project.run(&["cron", "run", "tidy"]).expect(0);
    project.run(&["test"]).expect(0);
    project.run(&["run", "say", "--undo"]).expect(0);
    let of = |kind: &str| [kind, "complete", "success"].map(str::to_owned);
    assert_eq!(
        ends(&project),
        [
            of("environment.operation"),
            of("environment.test"),
            of("environment.cron"),
            of("environment.push"),
        ]
    );
    let log = project
        .run(&["activity", "log", "-x", "operation"])
        .expect(0)
        .stdout;
    assert!(log.contains("PASS  ") && log.contains("| said\n"), "{log}");
}

#[test]
fn a_command_that_brings_an_app_up_leaves_a_deploy_and_nothing_else() {
    let project = TestProject::on_engine(&app("hooks: { deploy: 'echo deploying' }"));
    let push = ["environment.push", "complete", "success"].map(str::to_owned);
    for _ in 0..2 {
        project.run(&["exec", "--", "true"]).expect(0);
        assert_eq!(ends(&project), std::slice::from_ref(&push));
    }
    assert!(log(&project).contains("| deploying\n"), "{}", log(&project));
}

#[test]
fn a_deploy_is_over_when_the_crons_begin_that_it_stays_for() {
    let project = TestProject::on_engine(&app(
        "crons: { tidy: { spec: '* * * * *', commands: { start: 'echo tidied' } } }",
    ));
    let up = Running::start(&project, &["up", "--crons"]);
    up.wait_for_talk("Planned");
    wait_until("the deploy is through", || {
        ends(&project) == [["environment.push", "complete", "success"].map(str::to_owned)]
    });
    up.signal(Signal::INT);
    up.wait().expect(130);
    // A cron whose time may have come in between is one more.
    let push = ["environment.push", "complete", "success"].map(str::to_owned);
    assert_eq!(ends(&project).last(), Some(&push));
}

#[test]
fn an_interrupt_leaves_it_cancelled() {
    let project = TestProject::on_engine(&operations(&[("long", LONG)]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait().expect(130);
    let cancelled = ["environment.operation", "cancelled", "failure"].map(str::to_owned);
    assert_eq!(ends(&project), [cancelled]);
    assert!(
        log(&project).contains("cancelled long on app"),
        "{}",
        log(&project)
    );
}

#[test]
fn a_killed_run_has_failed_and_its_log_can_be_read() {
    let project = TestProject::on_engine(&operations(&[("long", LONG), ("next", "true")]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    wait_until("it is in the log", || log(&project).contains("ready\n"));
    run.signal(Signal::KILL);
    run.wait().expect(-9);
    let failed = ["environment.operation", "complete", "failure"].map(str::to_owned);
    assert_eq!(ends(&project), [failed]);
    let read = project.run(&["activity", "log", "-f"]).expect(0);
    assert!(read.stdout.ends_with("ready\n"), "{}", read.stdout);
    assert!(
        read.stderr.contains("without saying how"),
        "{}",
        read.stderr
    );
    project.run(&["activity", "cancel"]).expect(64);
    project.run(&["run", "next"]).expect(0);
}

#[test]
fn another_terminal_follows_the_log_and_cancels_the_run() {
    let project = TestProject::on_engine(&operations(&[("long", LONG), ("next", "echo next")]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    let follower = Running::start(&project, &["activity", "log", "--follow"]);
    follower.wait_for_output("ready\n");
    // What waits for its turn is not what is cancelled.
    let next = Running::start(&project, &["run", "next"]);
    next.wait_for_talk("Waiting");
    wait_until("one waits and one runs", || {
        let states: Vec<String> = ends(&project)
            .into_iter()
            .map(|[_, state, _]| state)
            .collect();
        states == ["pending", "in_progress"]
    });
    let cancelled = project.run(&["activity:cancel"]).expect(0);
    assert!(
        cancelled.stderr.contains("It is cancelled"),
        "{}",
        cancelled.stderr
    );
    run.wait().expect(143);
    let followed = follower.wait().expect(0);
    assert!(
        followed.stdout.contains("cancelled long on app"),
        "{}",
        followed.stdout
    );
    assert!(!runs(&project, "sleep 7801"));
    assert_eq!(next.wait().expect(0).stdout, "next\n");
    let wait = project
        .run(&["activity", "get", "-P", "timings.wait"])
        .expect(0);
    assert_ne!(wait.stdout, "0.0\n");
}

#[test]
fn what_is_secret_does_not_come_into_the_log() {
    let project = TestProject::on_engine(&operations(&[("say", "echo it is $TOKEN")]));
    project.file(
        ".upsun-local.yaml",
        &format!(
            "project: {}\nvariables: {{ environment: {{ 'env:TOKEN': {{ value: hush-hush, sensitive: true }} }} }}\n",
            project.id
        ),
    );
    assert_eq!(
        project.run(&["run", "say"]).expect(0).stdout,
        "it is hush-hush\n"
    );
    let log = log(&project);
    assert!(
        log.contains("it is ******\n") && !log.contains("hush"),
        "{log}"
    );
}

#[test]
fn where_nothing_can_be_recorded_there_is_one_warning_and_the_same_exit_code() {
    let project = TestProject::on_engine(&operations(&[("say", "echo said; exit 3")]));
    let state = state(&project);
    fs::create_dir_all(&state).expect("a directory");
    fs::write(state.join("activities"), "in its place").expect("a file");
    for arguments in [&["run", "say"][..], &["-q", "run", "say"]] {
        let outcome = project.run(arguments).expect(3);
        assert_eq!(outcome.stdout, "said\n");
        assert_eq!(
            outcome.stderr.matches("warning: ").count(),
            1,
            "{}",
            outcome.stderr
        );
        assert!(
            outcome
                .stderr
                .contains("warning: this activity cannot be recorded: "),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn only_so_many_are_kept() {
    let project = TestProject::on_engine(&operations(&[("say", "true")]));
    project.run(&["run", "say"]).expect(0);
    let directory = state(&project).join("activities");
    let first = activities(&project)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let record = fs::read(directory.join(format!("{first}.json"))).expect("a record");
    for number in 0..250 {
        fs::write(directory.join(format!("0{number:03}.json")), &record).expect("a record");
    }
    project.run(&["run", "say"]).expect(0);
    let records = fs::read_dir(&directory)
        .expect("a directory")
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|it| it == "json"));
    assert_eq!(records.count(), 200);
    assert_eq!(activities(&project)[1]["id"], first.as_str());
}
