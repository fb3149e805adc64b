//! What the tests look at with the `docker` command, apart from the program that they test.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::TestProject;

/// How long anything may take that a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A configuration with one small app named `app`: its other properties, without indentation.
pub(crate) fn app(properties: &str) -> String {
    let mut text =
        String::from("applications:\n  app:\n    type: nodejs:24\n    build: { flavor: none }\n");
    for line in properties.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// A configuration with one app that has these operations: names and scripts.
pub(crate) fn operations(list: &[(&str, &str)]) -> String {
    app(&operations_of(list))
}

/// `operations:` with these names and scripts.
pub(crate) fn operations_of(list: &[(&str, &str)]) -> String {
    let mut text = String::from("operations:\n");
    for (name, script) in list {
        // A string of JSON is one of YAML too.
        let [name, script] =
            [name, script].map(|word| serde_json::to_string(word).expect("a string is JSON"));
        text.push_str(&format!(
            "  {name}: {{ commands: {{ start: {script} }} }}\n"
        ));
    }
    text
}

/// What `docker` prints; the test fails when it fails.
#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker runs");
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn label(project: &TestProject) -> String {
    let root = std::fs::canonicalize(project.root()).expect("a repository");
    format!("label=local.upsun.repository={}", root.display())
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The names of all containers of a project, running or not, in order.
#[track_caller]
pub(crate) fn containers(project: &TestProject) -> Vec<String> {
    let filter = label(project);
    let mut names = lines(&docker(&[
        "ps",
        "-a",
        "--filter",
        &filter,
        "--format",
        "{{.Names}}",
    ]));
    names.sort();
    names
}

/// The ids of its running containers.
#[track_caller]
pub(crate) fn running(project: &TestProject) -> Vec<String> {
    lines(&docker(&[
        "ps",
        "-q",
        "--no-trunc",
        "--filter",
        &label(project),
    ]))
}

/// The id of its only running container that is an app's own, and no web server in front of one.
#[track_caller]
pub(crate) fn container(project: &TestProject) -> String {
    let kind = "label=local.upsun.kind=web";
    let all = lines(&docker(&[
        "ps",
        "-q",
        "--no-trunc",
        "--filter",
        &label(project),
        "--filter",
        kind,
    ]));
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// The names of its volumes of a kind, such as `build` or `storage`; of all kinds when that is empty.
#[track_caller]
pub(crate) fn volumes(project: &TestProject, kind: &str) -> Vec<String> {
    volumes_with(&label(project), kind)
}

/// The names of the volumes of a kind that a filter lets through. Podman before 4.6 lists the volumes that any of
/// several filters lets through, so there is only one.
#[track_caller]
pub(crate) fn volumes_with(filter: &str, kind: &str) -> Vec<String> {
    let format = r#"{{.Name}} {{.Label "local.upsun.kind"}}"#;
    let found = docker(&["volume", "ls", "--filter", filter, "--format", format]);
    let mut names = Vec::new();
    for line in found.lines() {
        let (name, of_kind) = line.split_once(' ').unwrap_or((line, ""));
        if kind.is_empty() || kind == of_kind {
            names.push(name.to_owned());
        }
    }
    names
}

/// The names of its networks.
#[track_caller]
pub(crate) fn networks(project: &TestProject) -> Vec<String> {
    lines(&docker(&[
        "network",
        "ls",
        "--format",
        "{{.Name}}",
        "--filter",
        &label(project),
    ]))
}

/// How many objects of a project there are on the engine.
#[track_caller]
pub(crate) fn objects(project: &TestProject) -> usize {
    containers(project).len() + volumes(project, "").len() + networks(project).len()
}

/// The command lines of the processes in a project's running containers.
#[track_caller]
pub(crate) fn processes(project: &TestProject) -> Vec<String> {
    let mut all = Vec::new();
    for id in running(project) {
        // It may end between the list and this.
        let output = Command::new("docker")
            .args(["top", &id, "-eo", "pid,args"])
            .output()
            .expect("docker runs");
        all.extend(
            lines(&String::from_utf8_lossy(&output.stdout))
                .into_iter()
                .skip(1),
        );
    }
    all
}

/// Whether a process runs whose command line holds this text.
#[track_caller]
pub(crate) fn runs(project: &TestProject, text: &str) -> bool {
    processes(project).iter().any(|line| line.contains(text))
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
