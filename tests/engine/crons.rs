//! Crons that somebody runs: in the app's container, like an operation.

use rustix::process::Signal;

use crate::engine::{app, runs};
use crate::process::Running;
use crate::support::TestProject;

#[test]
fn a_cron_runs_where_and_as_an_operation_does() {
    let project = TestProject::on_engine(&app("web: { commands: { start: 'exec sleep 7100' } }
crons:
  look:
    spec: 'H * * * *'
    commands: { start: 'pwd; readlink /proc/$$/exe; echo $COLOUR; id -un; pgrep -f \"^sleep 7100\" >/dev/null && echo beside; touch x; echo oops >&2; exit 7' }"));
    project.file(".environment", "export COLOUR=\"$COLOUR blue\"\n");
    let outcome = project
        .run(&["cron", "run", "look", "--variable", "env:COLOUR=light"])
        .expect(7);
    assert_eq!(
        outcome.stdout, "/app\n/usr/bin/dash\nlight blue\nweb\nbeside\n",
        "{}",
        outcome.stderr
    );
    for said in [
        "Running cron look on app as admin",
        "Read-only file system",
        "oops",
        "failed cron look on app as admin: exit code 7",
    ] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}

#[test]
fn a_cron_ends_by_its_stop_command_within_its_shutdown_timeout() {
    let project = TestProject::on_engine(&app("crons:
  gentle:
    spec: 'H * * * *'
    commands: { start: 'echo ready; sleep 7101', stop: 'echo stopping; pkill -f \"^sleep 7101\"' }
  stubborn:
    spec: 'H * * * *'
    shutdown_timeout: 1
    commands: { start: \"trap '' TERM; echo ready; sleep 7102; sleep 7103\" }"));
    let running = Running::start(&project, &["cron", "run", "gentle"]);
    running.wait_for_output("ready");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130);
    assert!(outcome.stderr.contains("stopping"), "{}", outcome.stderr);

    let running = Running::start(&project, &["cron", "run", "stubborn"]);
    running.wait_for_output("ready");
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130);
    assert!(outcome.stderr.contains("it has 1 s"), "{}", outcome.stderr);
    for sleep in ["sleep 7101", "sleep 7102", "sleep 7103"] {
        assert!(!runs(&project, sleep), "{sleep}");
    }
}

#[test]
fn a_crons_time_limit_is_its_own_or_the_callers() {
    let project = TestProject::on_engine(&app(
        "crons: { slow: { spec: 'H * * * *', timeout: 1, commands: { start: 'sleep 3; echo through' } } }",
    ));
    project.run(&["cron", "run", "slow"]).expect(124);
    let longer = ["cron", "run", "slow", "--timeout", "20", "--format", "json"];
    let outcome = project.run(&longer).expect(0);
    assert!(
        outcome.stdout.contains(r#""type":"cron-finished""#),
        "{}",
        outcome.stdout
    );
}

#[test]
fn crons_run_by_themselves_from_one_place_only() {
    let project = TestProject::on_engine(&app(
        "crons: { yearly: { spec: '0 0 29 2 *', commands: { start: 'true' } } }
operations: { hello: { commands: { start: 'echo hello' } } }",
    ));
    let mut running = Running::start(&project, &["up", "--crons"]);
    running.wait_for_talk("Planned cron yearly on app: 20");
    let second = project.run(&["up", "--crons"]).expect(75);
    assert!(
        second.stderr.contains("`up --crons` (process"),
        "{}",
        second.stderr
    );
    // Whoever waits for a time keeps nobody else waiting.
    assert_eq!(project.run(&["run", "hello"]).expect(0).stdout, "hello\n");
    assert!(running.is_running());
    running.signal(Signal::INT);
    let outcome = running.wait().expect(130);
    assert!(
        outcome.stderr.contains("The crons have stopped"),
        "{}",
        outcome.stderr
    );
    // The containers stay.
    let status = project.run(&["status"]).expect(0).stdout;
    assert!(status.contains("Up "), "{status}");
}
