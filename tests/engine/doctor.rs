//! `doctor` tries the engine and leaves nothing of that behind.

use rustix::process::Signal;
use serde_json::Value;
use upsun_local::project::Home;

use crate::engine::{app, docker, volumes_with, wait_until};
use crate::process::Running;
use crate::support::TestProject;

fn project() -> TestProject {
    TestProject::on_engine(&app("operations: { ok: { commands: { start: 'true' } } }"))
}

/// The names of all that trials of this project's user have on the engine.
fn trials(project: &TestProject) -> String {
    let home = Home {
        state: project.root().parent().map(|parent| parent.join("state")),
        home: None,
    };
    let owner = home.owner().expect("a directory for state");
    let owner = format!("label=local.upsun.owner={owner}");
    let kind = "label=local.upsun.kind=trial";
    let list = |words: &[&str]| {
        let mut words = words.to_vec();
        words.extend(["--filter", &owner, "--filter", kind]);
        docker(&words)
    };
    [
        list(&["ps", "--all", "--quiet"]),
        volumes_with(&owner, "trial").concat(),
        list(&["network", "ls", "--quiet"]),
        list(&["images", "--quiet"]),
    ]
    .concat()
}

#[test]
fn a_trial_of_the_engine_finds_all_that_operations_need() {
    let project = project();
    project.run(&["run", "ok"]).expect(0);
    let shown = project.run(&["doctor", "--format", "json"]);
    let document: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let checks = document["trial"]["checks"].as_array().expect("checks");
    // A machine without limits for processes, such as one of rootless Docker, only lacks what protects it.
    let essential = checks.iter().filter(|check| check["essential"] == true);
    for check in essential {
        assert_eq!(check["verdict"], "works", "{check}");
    }
    shown.expect(0);
    let image = document["trial"]["image"].as_str().expect("an image");
    assert!(!image.is_empty());
    assert_eq!(trials(&project), "");
    let text = project.run(&["doctor"]).expect(0).stdout;
    assert!(
        text.contains(" checks passed in ") && text.contains("which was there"),
        "{text}"
    );
}

#[test]
fn ctrl_c_in_the_middle_of_a_trial_leaves_nothing() {
    let project = project();
    project.run(&["run", "ok"]).expect(0);
    let doctor = Running::start(&project, &["doctor"]);
    wait_until("the trial has begun", || !trials(&project).is_empty());
    doctor.signal(Signal::INT);
    let outcome = doctor.wait();
    assert!(outcome.code == 130, "{}\n{}", outcome.code, outcome.stderr);
    assert_eq!(trials(&project), "");
}
