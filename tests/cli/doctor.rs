//! `doctor` with engines that are of no use; and `doctor --report`: what a bug report carries, and what it does not.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::{Value, json};
use upsun_local::project::{Home, Project};

use crate::support::{self, Outcome, TestProject};

const CONFIG: &str = "applications:
  app:
    type: 'nodejs:24'
    operations: { clear: { commands: { start: 'echo in-the-script' } } }
    workers: { queue: { commands: { start: 'sleep 9' } } }
    relationships: { db: }
services: { db: { type: 'postgresql:18' } }
";

/// The report where no engine answers.
fn report(project: &TestProject) -> Outcome {
    let mut command = project.command(&["doctor", "--report"]);
    command
        .env("DOCKER_HOST", "tcp://me:hush-of-the-address@127.0.0.1:1")
        .env("UPSUN_LOCAL_ROLE", "hush-of-the-role");
    support::outcome(&mut command, &project.root()).expect(0)
}

fn with_activity(project: &TestProject) {
    let home = Home {
        state: project.root().parent().map(|parent| parent.join("state")),
        home: None,
    };
    let found = Project::of(&project.root(), Some(&project.id), &home).expect("a project");
    let directory = found.state_dir.join("activities");
    fs::create_dir_all(&directory).expect("a directory");
    let record = json!({
        "id": "1aaa", "type": "environment.operation", "state": "complete", "result": "failure",
        "description": "admin ran the operation clear on app",
        "created_at": "2026-01-31T12:00:00Z",
    });
    fs::write(directory.join("1aaa.json"), record.to_string()).expect("a record");
    let lines: String = (1..=250).map(|at| format!("line {at}\n")).collect();
    let log = format!("{lines}the token is hush-of-the-settings \u{1b}[2J\n");
    fs::write(directory.join("1aaa.log"), log).expect("a log");
}

#[test]
fn a_report_needs_no_engine_and_holds_no_secret() {
    let project = TestProject::new(CONFIG);
    project.file(
        ".upsun-local.yaml",
        &format!(
            "project: {}\nenv_file: .env.local\nvariables: {{ environment: {{ 'env:TOKEN': {{ value: hush-of-the-settings, sensitive: true }} }} }}\nusers: {{ hush@example.com: admin }}\n",
            project.id
        ),
    );
    project.file(".env.local", "KEY=hush-of-the-env-file\n");
    project.user_settings("variables: { environment: { 'env:OWN': hush-of-the-user } }\n");
    with_activity(&project);
    let outcome = report(&project);
    let text = &outcome.stdout;
    for part in [
        concat!("upsun-local ", env!("CARGO_PKG_VERSION"), "\nsystem "),
        "\nkernel ",
        "\ngit version ",
        "\nno engine: ",
        "tcp://127.0.0.1:1",
        "\n  app app (nodejs:24)\n    operations: clear\n    workers: queue\n",
        "\n  service db (postgresql:18)\n",
        "\n.upsun-local.yaml (values hidden)\n  project: <text>\n  env_file: <text>\n  variables:\n    environment:\n      env:TOKEN:\n        value: <text>\n        sensitive: <true or false>\n  users: <1 users>\n",
        "settings.yaml (values hidden)\n  variables:\n    environment:\n      env:OWN: <text>\n",
        "\n  DOCKER_HOST\n",
        "\n  UPSUN_LOCAL_ROLE\n",
        "\"description\": \"admin ran the operation clear on app\"",
        "\nthe last 200 lines of its log\n  line 52\n",
        "\n  line 250\n  the token is ****** ",
    ] {
        assert!(text.contains(part), "{part:?} is not in it:\n{text}");
    }
    for part in ["hush", "in-the-script", "line 51\n", "\u{1b}"] {
        assert!(!text.contains(part), "{part:?} is in it:\n{text}");
    }
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_report_is_made_where_nothing_can_be_read() {
    let project = TestProject::new("applications: [broken\n");
    for (settings, part) in [
        (
            "variables: { environment: { 'env:A': hush }\n",
            "no valid YAML",
        ),
        ("surprise: hush-hush\n", "  surprise: <text>\n"),
        ("", "(values hidden)"),
    ] {
        project.file(".upsun-local.yaml", settings);
        let text = report(&project).stdout;
        assert!(text.contains(part), "{part}:\n{text}");
        assert!(text.contains("\nno engine: "), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

/// An engine that greets and, if it is to, describes itself, and that answers 500 to all the rest.
fn broken_engine(project: &TestProject, describes_itself: bool) -> String {
    let socket = project.root().join("engine.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream, describes_itself));
        }
    });
    format!("unix://{}", socket.display())
}

/// Answers one request; the client opens a connection for each, as every answer closes its own.
fn serve(mut stream: UnixStream, describes_itself: bool) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let line = String::from_utf8_lossy(&request);
    let line = line.lines().next().unwrap_or_default();
    let (status, body) = if line.contains("/_ping") {
        ("200 OK", "OK")
    } else if describes_itself && (line.contains("/info") || line.contains("/version")) {
        ("200 OK", "{}")
    } else {
        ("500 Internal Server Error", r#"{"message":"out of order"}"#)
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn an_engine_that_answers_and_can_do_nothing_is_told_as_that() {
    let project = TestProject::new(CONFIG);
    let address = broken_engine(&project, true);
    let outcome = project.run(&["doctor", "--engine", &address]).expect(73);
    for part in [
        "trial 0 of 21 checks passed",
        "out of order",
        "not tried",
        "a check before it failed",
    ] {
        assert!(outcome.stdout.contains(part), "{part}:\n{}", outcome.stdout);
    }
    for part in [
        "error: the engine cannot do what operations need: ",
        "hint: ",
    ] {
        assert!(outcome.stderr.contains(part), "{part}:\n{}", outcome.stderr);
    }
    let arguments = ["doctor", "--engine", &address, "--format", "json"];
    let outcome = project.run(&arguments).expect(73);
    let document: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let checks = document["trial"]["checks"].as_array().expect("checks");
    let fails = |check: &&Value| check["verdict"]["fails"].is_string();
    let failed: Vec<&Value> = checks.iter().filter(fails).collect();
    assert!(!failed.is_empty() && failed.iter().any(|check| check["essential"] == true));
}

#[test]
fn nothing_is_tried_on_an_engine_that_does_not_even_describe_itself() {
    let project = TestProject::new(CONFIG);
    let address = broken_engine(&project, false);
    let outcome = project.run(&["doctor", "--engine", &address]);
    assert!([69, 73].contains(&outcome.code), "{}", outcome.code);
    assert!(
        outcome.stderr.contains("out of order"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stdout.contains("trial"), "{}", outcome.stdout);
    let dead = [
        "doctor",
        "--engine",
        "unix:///nowhere/docker.sock",
        "--format",
        "json",
    ];
    let outcome = project.run(&dead).expect(69);
    let document: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(document["trial"], Value::Null);
}
