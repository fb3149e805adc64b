//! How a run is stopped: by its time limit, by signals, by a reader that goes away. Nothing of it survives. When each step
//! comes is tested where time is paused, in `src/lifecycle/tests/stopping.rs`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::engine::{app, operations, operations_of, runs, wait_until};
use crate::process::Running;
use crate::support::TestProject;

/// Starts children, grandchildren, one in a session of its own and one that lost its parent, each as a sleep of a
/// length that tells it apart, and then waits.
const FAMILY: &str = "\
sleep 7001 &
(sleep 7002 & sleep 7003) &
setsid sleep 7004 &
(setsid sh -c 'sleep 7005; true' &)
env -i setsid sleep 7006 &
echo ready
sleep 7007
";

const SLEEPS: [&str; 7] = [
    "sleep 7001",
    "sleep 7002",
    "sleep 7003",
    "sleep 7004",
    "sleep 7005",
    "sleep 7006",
    "sleep 7007",
];

fn left(project: &TestProject) -> Vec<&'static str> {
    SLEEPS
        .into_iter()
        .filter(|sleep| runs(project, sleep))
        .collect()
}

#[test]
fn a_time_limit_ends_all_of_it_with_code_124() {
    let project = TestProject::on_engine(&operations(&[("family", FAMILY)]));
    let outcome = project
        .run(&["run", "family", "--timeout", "1.5"])
        .expect(124);
    assert_eq!(outcome.stdout, "ready\n");
    for said in ["the time limit of 1.5 s", "timed out"] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    assert_eq!(left(&project), [""; 0]);
}

#[test]
fn the_operations_own_time_limit_counts_unless_the_caller_has_another() {
    let project = TestProject::on_engine(&app(
        "operations: { slow: { timeout: 1, commands: { start: 'sleep 3; echo through' } } }",
    ));
    project.run(&["run", "slow"]).expect(124);
    let outcome = project.run(&["run", "slow", "--timeout", "60"]).expect(0);
    assert_eq!(outcome.stdout, "through\n");
}

#[test]
fn each_signal_ends_all_of_it_with_its_own_code() {
    let project = TestProject::on_engine(&operations(&[("family", FAMILY)]));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let run = Running::start(&project, &["run", "family"]);
        run.wait_for_output("ready");
        run.signal(signal);
        let outcome = run.wait().expect(code);
        assert!(outcome.stderr.contains("cancelled"), "{}", outcome.stderr);
        assert_eq!(left(&project), [""; 0], "{code}");
    }
}

#[test]
fn an_operation_may_end_in_its_own_way_when_it_is_cancelled() {
    let script = "trap 'echo cleaned up; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
    let project = TestProject::on_engine(&operations(&[("careful", script)]));
    let run = Running::start(&project, &["run", "careful"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    let outcome = run.wait().expect(130);
    assert_eq!(outcome.stdout, "ready\ncleaned up\n");
}

#[test]
fn the_stop_command_is_what_ends_it_where_there_is_one() {
    let project = TestProject::on_engine(&app("\
operations:
  served:
    commands:
      start: 'trap \"\" TERM; rm -f /tmp/stop; echo ready; while [ ! -e /tmp/stop ]; do sleep 0.1; done; echo stopped'
      stop: 'echo asked in $(pwd); touch /tmp/stop'
"));
    let run = Running::start(&project, &["run", "served"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    let outcome = run.wait().expect(130);
    assert_eq!(outcome.stdout, "ready\nstopped\n");
    assert!(
        outcome.stderr.contains("asked in /app"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn whoever_ignores_it_is_killed_after_the_grace_period() {
    let script = "trap '' TERM INT; echo ready; while :; do sleep 0.1; done";
    let project = TestProject::on_engine(&operations(&[("stubborn", script)]));
    project
        .run(&["run", "stubborn", "--timeout", "0.5"])
        .expect(124);
    assert!(!runs(&project, "trap ''"));
}

#[test]
fn a_stop_command_that_hangs_ends_with_the_grace_period_too() {
    let project = TestProject::on_engine(&app("\
operations:
  stuck:
    commands:
      start: 'echo ready; sleep 7101'
      stop: 'echo stopping; sleep 7102'
"));
    let run = Running::start(&project, &["run", "stuck"]);
    run.wait_for_output("ready");
    run.signal(Signal::TERM);
    let outcome = run.wait().expect(143);
    assert!(outcome.stderr.contains("stopping"), "{}", outcome.stderr);
    assert!(!runs(&project, "sleep 710"));
}

#[test]
fn the_second_interrupt_kills_at_once() {
    let project = TestProject::on_engine(&app("\
operations:
  stubborn:
    commands:
      start: 'trap \"\" TERM; echo ready; sleep 7201'
      stop: 'echo stopping; sleep 7202'
"));
    let run = Running::start(&project, &["run", "stubborn"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait_for_talk("stopping");
    run.signal(Signal::INT);
    run.wait().expect(130);
    wait_until("nothing of it is left", || !runs(&project, "sleep 720"));
}

#[test]
fn the_second_interrupt_kills_at_once_also_when_only_children_are_left() {
    let script = "sh -c 'trap \"\" TERM; echo ready; i=0; while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done'; true";
    let project = TestProject::on_engine(&operations(&[("stubborn", script)]));
    let run = Running::start(&project, &["run", "stubborn"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait_for_talk("cancelling");
    // Its own shell has died of it by then.
    wait_until("its shell is gone", || !runs(&project, "; true"));
    run.signal(Signal::INT);
    run.wait().expect(130);
    wait_until("nothing of it is left", || !runs(&project, "trap"));
}

#[test]
fn an_interrupt_ends_a_build_which_then_does_not_count() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo hook runs; test -e quick || sleep 7301' }}\n{}",
        operations_of(&[("ok", "true")])
    )));
    let run = Running::start(&project, &["run", "ok"]);
    run.wait_for_talk("hook runs");
    run.signal(Signal::INT);
    let outcome = run.wait().expect(130);
    assert!(outcome.stderr.contains("interrupted"), "{}", outcome.stderr);
    assert_eq!(crate::engine::containers(&project), [""; 0]);
    assert_eq!(crate::engine::volumes(&project, "built"), [""; 0]);
    project.file("quick", "");
    project.run(&["run", "ok"]).expect(0);
}

#[test]
fn an_interrupt_ends_a_deploy_hook_and_the_next_run_deploys_again() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ deploy: 'echo hook runs; sleep 7311' }}\n{}",
        operations_of(&[("ok", "echo ran")])
    )));
    let run = Running::start(&project, &["run", "ok"]);
    run.wait_for_talk("hook runs");
    run.signal(Signal::INT);
    assert_eq!(run.wait().expect(130).stdout, "");
    assert!(!runs(&project, "sleep 7311"));
    let again = Running::start(&project, &["run", "ok"]);
    again.wait_for_talk("hook runs");
    again.signal(Signal::TERM);
    again.wait().expect(143);
    project.run(&["down"]).expect(0);
    assert_eq!(crate::engine::containers(&project), [""; 0]);
}

#[test]
fn what_the_web_process_owns_is_left_alone() {
    // A daemon as pm2 is one: the web process starts it, and operations only ask it to do something.
    let daemon =
        "while :; do if [ -e /tmp/fork ]; then rm /tmp/fork; sleep 7401 & fi; sleep 0.05; done";
    let project = TestProject::on_engine(&app(&format!(
        "web: {{ commands: {{ start: {daemon:?} }} }}\n{}",
        operations_of(&[("ask", "touch /tmp/fork; echo asked; sleep 7402")])
    )));
    let run = Running::start(&project, &["run", "ask"]);
    run.wait_for_output("asked");
    wait_until("the daemon has forked", || runs(&project, "sleep 7401"));
    run.signal(Signal::INT);
    run.wait().expect(130);
    assert!(!runs(&project, "sleep 7402"));
    assert!(runs(&project, "sleep 7401"));
    assert!(runs(&project, "/tmp/fork"));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly_with_141() {
    let project = TestProject::on_engine(&operations(&[("endless", "exec yes 'one line'")]));
    project.run(&["up"]).expect(0);
    for arguments in [&["run", "endless"][..], &["exec", "--", "yes", "one line"]] {
        reads_one_line(&project, arguments);
    }
}

fn reads_one_line(project: &TestProject, arguments: &[&str]) {
    let mut child = project
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    reader.read_line(&mut line).expect("a line");
    drop(reader);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(line, "one line\n");
    assert_eq!(output.status.code(), Some(141));
    let stderr = String::from_utf8_lossy(&output.stderr);
    for unwanted in ["error", "Ctrl-C", "panicked", "Broken pipe"] {
        assert!(!stderr.contains(unwanted), "{stderr}");
    }
    assert!(!runs(project, "yes"));
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_it_from_being_stopped() {
    let project = TestProject::on_engine(&operations(&[("endless", "exec yes 'one line'")]));
    project.run(&["up"]).expect(0);
    let mut child = project
        .command(&["run", "endless"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    let id = rustix::process::Pid::from_child(&child);
    let began = Instant::now();
    rustix::process::kill_process(id, Signal::INT).expect("it is there");
    wait_until("the operation has ended", || !runs(&project, "yes"));
    wait_until("it has ended", || {
        // As somebody would who sees that nothing happens.
        if began.elapsed() > Duration::from_secs(12) {
            let _ = rustix::process::kill_process(id, Signal::INT);
        }
        matches!(child.try_wait(), Ok(Some(_)))
    });
    let code = crate::support::code(child.wait().expect("it ended"));
    assert_eq!(code, 130);
}

#[test]
fn a_full_disk_under_the_output_is_told() {
    let project = TestProject::on_engine(&operations(&[("endless", "exec yes")]));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut command = project.command(&["run", "endless"]);
    let output = command.stdout(full).stderr(Stdio::piped()).spawn();
    let output = output.and_then(std::process::Child::wait_with_output);
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(70));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("error: standard output cannot be written: No space left"),
        "{stderr}"
    );
    assert!(!runs(&project, "yes"));
}

#[test]
fn cancelling_names_what_cancelled_it() {
    let project = TestProject::on_engine(&operations(&[("wait", "echo ready; sleep 7501")]));
    for (signal, name) in [(Signal::INT, "Ctrl-C"), (Signal::TERM, "SIGTERM")] {
        let run = Running::start(&project, &["run", "wait"]);
        run.wait_for_output("ready");
        run.signal(signal);
        let outcome = run.wait();
        assert!(
            outcome
                .stderr
                .contains(&format!("cancelling because of {name}")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_script_that_runs_it_in_a_loop_ends_with_it() {
    use std::os::unix::process::ExitStatusExt;
    let project = TestProject::on_engine(&operations(&[("wait", "echo ready; sleep 7511")]));
    project.run(&["up"]).expect(0);
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        let mut child = project
            .command(&["run", "wait"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal)
            .expect("it is there");
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(number));
        // It tidied up first.
        assert!(!runs(&project, "sleep 7511"));
    }
    // A shell ends its loop when it was sent the same signal and what it ran died of it.
    let mut binary = project.command(&[]);
    let program = binary.get_program().to_owned();
    let mut shell = std::process::Command::new("bash");
    for (name, value) in binary.env("PROGRAM", program).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let script = "for i in 1 2 3; do echo round $i; \"$PROGRAM\" run wait; done; echo through";
    shell.args(["-c", script]).current_dir(project.root());
    let mut shell = std::os::unix::process::CommandExt::process_group(&mut shell, 0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("bash starts");
    let mut reader = BufReader::new(shell.stdout.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("ready") {
        assert_ne!(reader.read_line(&mut said).expect("a line"), 0, "{said}");
    }
    // As a terminal does with Ctrl-C.
    let group = rustix::process::Pid::from_child(&shell);
    rustix::process::kill_process_group(group, Signal::INT).expect("it is there");
    std::io::Read::read_to_string(&mut reader, &mut said).expect("text");
    shell.wait().expect("it ends");
    assert_eq!(said, "round 1\nready\n");
}
