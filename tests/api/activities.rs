//! Activities: they come from the records, also from those of other processes.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "applications: { app: { type: nodejs:24 } }\n";

/// A server, and the directory of the records.
fn started(project: &TestProject) -> (Server, PathBuf) {
    let server = Server::start(project);
    // A change makes the state directory of the project.
    let variables = format!("/projects/{}/variables", project.id);
    let body = r#"{"name": "a", "value": "b"}"#;
    server.call("POST", &variables, body).expect(201);
    let state = project.root().parent().unwrap().join("state/upsun-local");
    let entries = std::fs::read_dir(&state).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let own = paths.find(|path| path.join("variables.json").is_file());
    (
        server,
        own.expect("the state of the project").join("activities"),
    )
}

fn record(directory: &std::path::Path, id: &str, kind: &str, result: &str, environment: &str) {
    let minute = id.as_bytes()[12] - b'0';
    let time = format!("2026-01-01T00:0{minute}:00.000000+00:00");
    let record = json!({
        "id": id, "type": kind, "state": "complete", "result": result,
        "project": "p", "environments": [environment],
        "description": "a <b> ran", "text": "a **<b>** ran", "parameters": {}, "payload": {},
        "created_at": time, "started_at": time, "completed_at": time,
        "completion_percent": 100, "timings": { "wait": 0.0, "execute": 1.5 },
        "commands": [{ "app": "app", "type": "operation", "exit_code": 0 }],
    });
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join(format!("{id}.json")), record.to_string()).unwrap();
    std::fs::write(
        directory.join(format!("{id}.log")),
        "one\n\u{1b}[2J\u{1b}[31mtwo\u{1b}[0m\nthree",
    )
    .unwrap();
}

/// The record of an operation that succeeded.
fn record_operation(directory: &std::path::Path) {
    let (id, kind) = ("1m00000000001", "environment.operation");
    record(directory, id, kind, "success", "local");
}

fn ids(answer: &Value) -> Vec<String> {
    let list = answer.as_array().unwrap().iter();
    list.map(|it| it["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_filter_of_upsuns_command_is_known() {
    let project = TestProject::new(CONFIG);
    let (server, directory) = started(&project);
    record_operation(&directory);
    record(
        &directory,
        "1m00000000002",
        "environment.push",
        "failure",
        "local",
    );
    record(
        &directory,
        "1m00000000003",
        "environment.operation",
        "failure",
        "other",
    );
    let own = format!("/projects/{}", project.id);
    for (path, expected) in [
        ("/activities", &["3", "2", "1"][..]),
        ("/activities?count=1", &["3"]),
        ("/activities?type=environment.operation", &["3", "1"]),
        (
            "/activities?type=environment.operation&type=environment.push",
            &["3", "2", "1"],
        ),
        ("/activities?type%5B%5D=environment.push", &["2"]),
        ("/activities?result=failure&state=complete", &["3", "2"]),
        ("/activities?state=in_progress&state=pending", &[]),
        (
            "/activities?starts_at=2026-01-01T00:03:00.000000%2B00:00",
            &["2", "1"],
        ),
        (
            "/activities?starts_at=2026-01-01T00:03:00.000000+00:00",
            &["2", "1"],
        ),
        ("/environments/local/activities", &["2", "1"]),
    ] {
        let found = ids(&server.get(&format!("{own}{path}")).expect(200).json());
        let expected: Vec<String> = expected
            .iter()
            .map(|end| format!("1m0000000000{end}"))
            .collect();
        assert_eq!(found, expected, "{path}");
    }
    for bad in ["count=x", "state=x", "result=x", "starts_at=x"] {
        server.get(&format!("{own}/activities?{bad}")).expect(400);
    }
    let one = server
        .get(&format!("{own}/activities/1m00000000001"))
        .expect(200)
        .json();
    // Descriptions are HTML in Upsun's API, and Upsun's command takes the tags out.
    assert_eq!(one["description"], "a &lt;b&gt; ran");
    server.get(&format!("{own}/activities/1m")).expect(404);
    server
        .get(&format!(
            "{own}/environments/local/activities/1m00000000003"
        ))
        .expect(404);
    server
        .call(
            "POST",
            &format!("{own}/activities/1m00000000001/cancel"),
            "{}",
        )
        .expect(400);
}

#[test]
fn a_log_is_lines_of_json_up_to_a_seal() {
    let project = TestProject::new(CONFIG);
    let (server, directory) = started(&project);
    record_operation(&directory);
    let path = format!(
        "/projects/{}/activities/1m00000000001/log?max_items=0",
        project.id
    );
    let answer = server.get(&path).expect(200);
    let lines: Vec<Value> = answer
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let messages: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["data"]["message"].as_str())
        .collect();
    // Colours stay, but the log of a script must not do anything else to the terminal of its reader.
    assert_eq!(messages, ["one\n", "\u{1b}[31mtwo\u{1b}[0m\n", "three"]);
    assert!(lines[0]["data"]["timestamp"].is_string() && lines[0]["_id"] != lines[1]["_id"]);
    assert_eq!(lines.last(), Some(&json!({ "seal": true })));
}
