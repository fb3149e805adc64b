//! `test` on several engines. The second one is that of `scripts/engine up --second`; where it is not up, the tests
//! that need it say so and pass.

use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::Value;

use crate::crashes::Relay;
use crate::engine::{app, containers, operations_of, volumes};
use crate::process::Running;
use crate::support::TestProject;

const SECOND: &str = "/run/upsun-local-engine-2/docker.sock";

/// A project with this many tests that take a second each.
fn project(count: usize) -> TestProject {
    let operations = operations_of(&[("nap", "echo x >data/x; sleep 1")]);
    let config = format!(
        "hooks: {{ build: 'echo built >made' }}\nmounts: {{ data: {{ source: storage }} }}\n{operations}"
    );
    let project = TestProject::on_engine(&app(&config));
    let mut settings = format!("project: {}\ntests:\n", project.id);
    for number in 0..count {
        settings.push_str(&format!(
            "  nap {number}: {{ operation: nap, files: data/x }}\n"
        ));
    }
    project.file(".upsun-local.yaml", &settings);
    project
}

/// The address of the second engine, if it is up.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn second() -> Option<String> {
    if UnixStream::connect(SECOND).is_ok() {
        return Some(format!("unix://{SECOND}"));
    }
    eprintln!("not tested: there is no second engine (`scripts/engine up --second` starts one)");
    None
}

/// Makes the images of apps on the second engine, which may be new.
fn prepare(second: &str) {
    let project = project(1);
    project.run(&["run", "nap", "--engine", second]).expect(0);
    project
        .run(&["clean", "--yes", "--engine", second])
        .expect(0);
}

/// The engine that all other tests use.
fn first() -> String {
    std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned())
}

/// The names of what the second engine has of the project.
fn there(project: &TestProject, what: &str) -> Vec<String> {
    let mut command = Command::new("docker");
    command.args(["--host", &format!("unix://{SECOND}"), what, "ls"]);
    if what == "container" {
        command.arg("--all");
    }
    let name = if what == "container" {
        "{{.Names}}"
    } else {
        "{{.Name}}"
    };
    let output = command.args(["--format", name]).output().expect("docker");
    let names = String::from_utf8(output.stdout).expect("names");
    let own = names.lines().filter(|name| name.contains(&project.id));
    own.map(str::to_owned).collect()
}

fn report(stdout: &str) -> Value {
    serde_json::from_str(stdout).expect("a report")
}

#[test]
fn one_engine_by_two_addresses_is_used_once() {
    let project = project(2);
    let relay = Relay::start(&project.root());
    let outcome = project
        .run(&["test", "--engine", &first(), "--engine", &relay.address])
        .expect(0);
    let said = format!(
        "`{}` and `{}` are the same engine: it is used once",
        first(),
        relay.address
    );
    assert!(
        outcome
            .stderr
            .replace("[REPO]", &project.root().display().to_string())
            .contains(&said),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("2 tests: 2 passed"),
        "{}",
        outcome.stderr
    );
    assert_eq!(containers(&project), Vec::<String>::new());
    for kind in ["visit", "storage", "directory"] {
        assert_eq!(volumes(&project, kind), Vec::<String>::new());
    }
}

#[test]
fn only_test_takes_several_engines() {
    let project = project(1);
    let words = project
        .run(&["run", "nap", "--engine", &first(), "--engine", "other"])
        .expect(64)
        .stderr;
    assert!(
        words.contains("error: this command works on one engine"),
        "{words}"
    );
}

#[test]
fn two_engines_share_the_tests_and_one_build() {
    let Some(second) = second() else { return };
    prepare(&second);
    let project = project(20);
    let both = ["--engine", &first(), "--engine", &second];
    let outcome = project
        .run(&[["test", "--format", "json"].as_slice(), &both].concat())
        .expect(0);
    assert!(
        outcome.stderr.contains("Copied the build of app"),
        "{}",
        outcome.stderr
    );
    let report = report(&outcome.stdout);
    let tests = report["tests"].as_array().expect("tests");
    assert_eq!(tests.len(), 20);
    let engines = report["engines"].as_array().expect("engines");
    assert!(
        engines
            .iter()
            .all(|engine| engine["tests"].as_u64() > Some(0)),
        "{engines:?}"
    );
    assert_eq!(there(&project, "container"), Vec::<String>::new());
    project
        .run(&["clean", "--yes", "--engine", &second])
        .expect(0);
    assert_eq!(there(&project, "volume"), Vec::<String>::new());
}

#[test]
fn the_tests_of_an_engine_that_ends_in_the_middle_are_done_by_the_other() {
    let Some(second) = second() else { return };
    prepare(&second);
    let project = project(20);
    let relay = Relay::to(&project.root(), SECOND);
    let both = ["--engine", &first(), "--engine", &relay.address];
    let run = Running::start(
        &project,
        &[
            ["test", "--format", "json", "-o", "out.json"].as_slice(),
            &both,
        ]
        .concat(),
    );
    run.wait_for_talk("Copied the build of app");
    run.wait_for_output("PASS  nap 1 ");
    relay.cut();
    let outcome = run.wait().expect(0);
    assert_eq!(
        outcome.stdout.matches("PASS  ").count(),
        20,
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("is given up: "),
        "{}",
        outcome.stderr
    );
    let text = std::fs::read_to_string(project.root().join("out.json")).expect("a file");
    let engines = report(&text)["engines"].clone();
    assert!(engines[1]["lost"].is_string(), "{engines}");
    // The engine itself is still there, and the next command on it removes what is left.
    assert!(!there(&project, "volume").is_empty());
    let next = project.run(&["run", "nap", "--engine", &second]).expect(0);
    assert!(
        next.stderr
            .contains("tests on several engines were cut off"),
        "{}",
        next.stderr
    );
    project
        .run(&["clean", "--yes", "--engine", &second])
        .expect(0);
    assert_eq!(there(&project, "volume"), Vec::<String>::new());
}
