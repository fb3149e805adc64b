//! One activity at a time per environment, across processes.

use rustix::process::Signal;

use crate::engine::{app, containers, docker, label, operations, operations_of, runs};
use crate::process::Running;
use crate::support::TestProject;

/// An operation that goes on until a file is there.
const GATE: &str = "echo in; while [ ! -e /tmp/open ]; do sleep 0.05; done; echo out";

fn open_gate(project: &TestProject) {
    project.run(&["exec", "--", "touch", "/tmp/open"]).expect(0);
}

#[test]
fn a_second_run_of_an_environment_waits_for_the_first_and_says_so() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE), ("next", "echo next")]));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    let mut second = Running::start(&project, &["run", "next"]);
    second.wait_for_talk("Waiting for `run gate` (process ");
    assert!(second.is_running());
    open_gate(&project);
    assert_eq!(first.wait().expect(0).stdout, "in\nout\n");
    assert_eq!(second.wait().expect(0).stdout, "next\n");
}

#[test]
fn whoever_waits_can_be_interrupted() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE), ("next", "echo next")]));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    let second = Running::start(&project, &["run", "next"]);
    second.wait_for_talk("Waiting");
    second.signal(Signal::INT);
    assert_eq!(second.wait().expect(130).stdout, "");
    open_gate(&project);
    first.wait().expect(0);
}

#[test]
fn other_projects_and_other_environments_do_not_wait() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE), ("next", "echo next")]));
    let other = TestProject::on_engine(&operations(&[("next", "echo other")]));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    assert_eq!(other.run(&["run", "next"]).expect(0).stdout, "other\n");
    let elsewhere = project
        .run(&["run", "next", "--environment", "elsewhere"])
        .expect(0);
    assert_eq!(elsewhere.stdout, "next\n");
    open_gate(&project);
    first.wait().expect(0);
}

#[test]
fn a_shell_looks_into_a_container_while_an_operation_runs_there() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[("gate", GATE)])
    )));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    project
        .run(&["exec", "--", "pgrep", "-f", "/tmp/open"])
        .expect(0);
    project.run(&["mount", "size"]).expect(0);
    project.run(&["logs"]).expect(0);
    project.run(&["status"]).expect(0);
    open_gate(&project);
    first.wait().expect(0);
}

#[test]
fn down_does_not_end_what_runs_unless_it_is_forced() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE), ("next", "echo next")]));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    for arguments in [&["down"][..], &["clean", "--yes"]] {
        let refused = project.run(arguments).expect(75);
        assert!(refused.stderr.contains("`run gate`"), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("hint: wait for it"),
            "{}",
            refused.stderr
        );
    }
    assert!(runs(&project, "/tmp/open"));
    project.run(&["down", "--force"]).expect(0);
    let ended = first.wait().expect(143);
    assert!(
        ended.stderr.contains("cancelled gate on app as admin"),
        "{}",
        ended.stderr
    );
    assert_eq!(containers(&project), [""; 0]);
    assert_eq!(project.run(&["run", "next"]).expect(0).stdout, "next\n");
}

#[test]
fn down_by_force_ends_an_up_that_is_still_at_it_and_nothing_comes_up_afterwards() {
    let project = TestProject::on_engine(&app(
        "hooks: { build: 'echo building; sleep 7711', deploy: 'sleep 7712' }\n",
    ));
    let up = Running::start(&project, &["up"]);
    up.wait_for_talk("building");
    let refused = project.run(&["down"]).expect(75);
    assert!(refused.stderr.contains("`up`"), "{}", refused.stderr);
    project.run(&["down", "--force"]).expect(0);
    up.wait().expect(143);
    assert_eq!(containers(&project), [""; 0]);
}

#[test]
fn a_rebuild_does_not_end_what_runs_on_the_build_in_another_environment() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE), ("next", "echo next")]));
    let first = Running::start(&project, &["run", "gate", "-e", "other"]);
    first.wait_for_output("in");
    let again = project.run(&["run", "next", "--rebuild"]).expect(0);
    assert_eq!(again.stdout, "next\n");
    // `exec` would wait for the operation, as there is a newer build for its container.
    let filters = [
        &label(&project),
        "label=local.upsun.environment=other",
        "label=local.upsun.kind=web",
    ];
    let filters = filters.map(|filter| format!("--filter={filter}"));
    let other = docker(&["ps", "-q", &filters[0], &filters[1], &filters[2]]);
    docker(&["exec", &other, "touch", "/tmp/open"]);
    assert_eq!(first.wait().expect(0).stdout, "in\nout\n");
    let other = project.run(&["run", "next", "-e", "other"]).expect(0);
    assert_eq!(other.stdout, "next\n");
}

#[test]
fn clean_does_not_end_what_runs_in_another_environment() {
    let project = TestProject::on_engine(&operations(&[("gate", GATE)]));
    let first = Running::start(&project, &["run", "gate", "-e", "other"]);
    first.wait_for_output("in");
    project.run(&["clean", "--yes"]).expect(75);
    project
        .run(&["exec", "-e", "other", "--", "touch", "/tmp/open"])
        .expect(0);
    first.wait().expect(0);
}

#[test]
fn two_ups_at_once_make_one_container() {
    let project = TestProject::on_engine(&app(
        "hooks: { build: 'echo built; sleep 0.5', deploy: 'echo deployed' }",
    ));
    let both: Vec<Running> = (0..2).map(|_| Running::start(&project, &["up"])).collect();
    let said: String = both
        .into_iter()
        .map(|up| up.wait().expect(0).stderr)
        .collect();
    assert_eq!(said.matches("Building app").count(), 1, "{said}");
    assert_eq!(said.matches("| deployed").count(), 1, "{said}");
    assert_eq!(containers(&project).len(), 1);
}

#[test]
fn two_environments_that_want_the_same_build_make_it_once() {
    let project = TestProject::on_engine(&app("hooks: { build: 'echo built; sleep 0.5' }"));
    let both: Vec<Running> = ["one", "two"]
        .map(|name| Running::start(&project, &["up", "-e", name]))
        .into_iter()
        .collect();
    let said: String = both
        .into_iter()
        .map(|up| up.wait().expect(0).stderr)
        .collect();
    assert_eq!(said.matches("Building app").count(), 1, "{said}");
    assert_eq!(containers(&project).len(), 2);
}

#[test]
fn ten_runs_at_once_each_get_their_own_output() {
    let project = TestProject::on_engine(&operations(&[("say", "sleep 0.05; echo $WORD")]));
    let words: Vec<String> = (0..10).map(|n| format!("env:WORD=word{n}")).collect();
    let all: Vec<Running> = words
        .iter()
        .map(|word| Running::start(&project, &["run", "say", "--variable", word]))
        .collect();
    for (at, run) in all.into_iter().enumerate() {
        assert_eq!(run.wait().expect(0).stdout, format!("word{at}\n"));
    }
    assert_eq!(containers(&project).len(), 1);
}

#[test]
fn runs_that_wait_are_served_in_the_order_in_which_they_came() {
    const COUNT: usize = 20;
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("gate", GATE),
            ("say", "echo $WORD >>data/order"),
            ("look", "cat data/order"),
        ])
    )));
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    let mut all: Vec<Running> = (0..COUNT)
        .map(|number| {
            let word = format!("env:WORD={number}");
            let run = Running::start(&project, &["run", "say", "--variable", &word]);
            run.wait_for_talk("Waiting");
            run
        })
        .collect();
    // One that is killed and one that is interrupted keep nobody from their turn.
    let killed = all.remove(3);
    killed.signal(Signal::KILL);
    killed.wait().expect(-9);
    let interrupted = all.remove(7);
    interrupted.signal(Signal::INT);
    interrupted.wait().expect(130);
    open_gate(&project);
    first.wait().expect(0);
    for run in all {
        run.wait().expect(0);
    }
    let expected: String = (0..COUNT)
        .filter(|number| ![3, 8].contains(number))
        .map(|number| format!("{number}\n"))
        .collect();
    assert_eq!(project.run(&["run", "look"]).expect(0).stdout, expected);
}
