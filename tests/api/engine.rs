//! Activities that the server runs, with a Docker Engine.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde_json::Value;

use crate::client::Server;
use crate::support::TestProject;
use crate::upsun;

const CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    source:
      operations:
        stamp: { command: "echo x > stamp && git add stamp && git commit -qm stamp" }
    build: { flavor: none }
    mounts: { /data: { source: storage } }
    operations:
      greet: { role: viewer, commands: { start: 'echo "hello $NAME"' } }
      fail: { role: viewer, commands: { start: "exit 3" } }
      wait: { role: viewer, commands: { start: "echo waiting; sleep 60" } }
      lines: { role: viewer, commands: { start: "seq 1 20000" } }
"#;

fn started() -> (TestProject, Server) {
    let project = TestProject::on_engine(CONFIG);
    let server = Server::start(&project);
    (project, server)
}

fn environment(project: &TestProject) -> String {
    format!("/projects/{}/environments/local", project.id)
}

/// Starts an operation; the id of its activity.
fn start(project: &TestProject, server: &Server, operation: &str) -> String {
    let body = format!(
        "{{\"operation\": \"{operation}\", \"service\": \"app\", \"parameters\": {{\"NAME\": \"you\"}}}}"
    );
    let path = format!("{}/deployments/current/operations", environment(project));
    let answer = server.call("POST", &path, &body).expect(202).json();
    let activity = &answer["_embedded"]["activities"][0];
    assert_eq!(activity["type"], "environment.operation");
    activity["id"].as_str().unwrap().to_owned()
}

fn activity(project: &TestProject, server: &Server, id: &str) -> Value {
    let path = format!("/projects/{}/activities/{id}", project.id);
    server.get(&path).expect(200).json()
}

/// The whole log, up to its seal: the activity has ended then.
fn log(project: &TestProject, server: &Server, id: &str) -> String {
    let path = format!("/projects/{}/activities/{id}/log", project.id);
    let answer = server.get(&path).expect(200);
    let lines: Vec<Value> = answer
        .body
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.last().unwrap()["seal"], true);
    let messages = lines
        .iter()
        .filter_map(|line| line["data"]["message"].as_str());
    messages.collect()
}

/// Waits until the log of an activity has a text, by following it.
fn wait_for(project: &TestProject, server: &Server, id: &str, text: &str) {
    let mut stream = server.connect();
    let request = format!(
        "GET /projects/{}/activities/{id}/log HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        project.id, server.port, server.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let found = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains(text));
    assert!(found, "{text}");
}

#[test]
fn an_operation_runs_and_its_log_is_sealed_when_its_record_is_complete() {
    let (project, server) = started();
    let id = start(&project, &server, "greet");
    let text = log(&project, &server, &id);
    assert!(text.contains("hello you\n"), "{text}");
    let ended = activity(&project, &server, &id);
    assert_eq!(
        (&ended["state"], &ended["result"]),
        (&"complete".into(), &"success".into())
    );
    assert_eq!(ended["completion_percent"], 100);
    let id = start(&project, &server, "fail");
    log(&project, &server, &id);
    let ended = activity(&project, &server, &id);
    assert_eq!(ended["result"], "failure");
    assert_eq!(ended["commands"][0]["exit_code"], 3);
    // The terminal has the same record.
    let own = project
        .run(&["activity", "get", &id, "-P", "result"])
        .expect(0);
    assert_eq!(own.stdout.trim(), "failure");
}

#[test]
fn an_activity_that_waits_and_one_that_runs_can_be_cancelled() {
    let (project, server) = started();
    let first = start(&project, &server, "wait");
    wait_for(&project, &server, &first, "waiting");
    let second = start(&project, &server, "greet");
    wait_for(&project, &server, &second, "Waiting for");
    assert_eq!(activity(&project, &server, &second)["state"], "pending");
    for id in [&second, &first] {
        let cancel = format!("/projects/{}/activities/{id}/cancel", project.id);
        let viewer = server.token_of('r', "viewer");
        server.call_as(&viewer, "POST", &cancel, "{}").expect(403);
        server.call("POST", &cancel, "{}").expect(200);
        log(&project, &server, id);
        let ended = activity(&project, &server, id);
        assert_eq!(
            (&ended["state"], &ended["result"]),
            (&"cancelled".into(), &"failure".into())
        );
    }
}

#[test]
fn consoles_hear_the_events_of_an_activity_and_go_on_where_they_were() {
    let (project, server) = started();
    let listen = |last: &str| {
        let mut stream = server.connect();
        let request = format!(
            "GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n{last}\r\n",
            server.port, server.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        BufReader::new(stream).lines().map_while(Result::ok)
    };
    let mut events = listen("");
    assert!(events.any(|line| line.starts_with("event: hello")));
    let id = start(&project, &server, "greet");
    let data = |line: &String| line.strip_prefix("data: {\"version\"").is_some();
    let first = events.find(data).unwrap();
    let first: Value = serde_json::from_str(first.strip_prefix("data: ").unwrap()).unwrap();
    log(&project, &server, &id);
    drop(events);
    let greeting = listen("").find(|line| line.starts_with("id: ")).unwrap();
    let (stream, last) = greeting
        .strip_prefix("id: ")
        .unwrap()
        .split_once('-')
        .unwrap();
    let last: u64 = last.parse().unwrap();
    let mut resumed = listen(&format!(
        "Last-Event-ID: {stream}-{}\r\n",
        first["sequence"]
    ));
    let mut sequence = first["sequence"].as_u64().unwrap();
    let mut is_finished = false;
    while sequence < last {
        let line = resumed.find(data).unwrap();
        let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
        sequence += 1;
        assert_eq!(event["sequence"], sequence);
        is_finished |= event["type"] == "operation-finished" && event["activity"] == id.as_str();
    }
    assert!(is_finished);
}

#[test]
fn every_log_stream_gets_every_line_also_where_readers_are_slow() {
    let (project, server) = started();
    let id = start(&project, &server, "lines");
    let path = format!("/projects/{}/activities/{id}/log", project.id);
    let slow = {
        let mut stream = server.connect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
            server.port, server.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        // It reads nothing before all others have read everything.
        stream
    };
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let text = log(&project, &server, &id);
                let numbers = text.lines().filter(|line| line.parse::<u32>().is_ok());
                assert_eq!(numbers.count(), 20_000);
            });
        }
    });
    assert_eq!(activity(&project, &server, &id)["result"], "success");
    let mut slow = slow;
    let mut byte = [0; 1];
    slow.read_exact(&mut byte).unwrap();
}

#[test]
fn an_activity_of_a_server_that_was_killed_has_failed_and_the_next_runs() {
    let (project, mut server) = started();
    let id = start(&project, &server, "wait");
    wait_for(&project, &server, &id, "waiting");
    server.kill();
    drop(server);
    let server = Server::start(&project);
    let ended = activity(&project, &server, &id);
    assert_eq!(
        (&ended["state"], &ended["result"]),
        (&"complete".into(), &"failure".into())
    );
    // What still runs in the container is ended by the next start of the server.
    let processes =
        "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file; echo; done 2>/dev/null";
    let is_running = || {
        let listed = project
            .run(&["exec", "--", "/bin/dash", "-c", processes])
            .expect(0);
        listed.stdout.lines().any(|line| line.trim() == "sleep 60")
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while is_running() {
        assert!(
            std::time::Instant::now() < deadline,
            "the operation still runs"
        );
    }
    let id = start(&project, &server, "greet");
    assert!(log(&project, &server, &id).contains("hello you"));
}

#[test]
fn ctrl_c_ends_the_server_and_what_it_runs() {
    let (project, server) = started();
    let id = start(&project, &server, "wait");
    wait_for(&project, &server, &id, "waiting");
    assert!(server.end().success());
    let own = project
        .run(&["activity", "get", &id, "-P", "state"])
        .expect(0);
    assert_eq!(own.stdout.trim(), "cancelled");
}

#[test]
fn upsuns_command_runs_operations_and_connects_to_containers() {
    let Some(directory) = upsun::directory() else {
        return;
    };
    let project = TestProject::on_engine(CONFIG);
    let upsun = |words: &[&str]| upsun::run(&project, &directory, &[&["--"], words].concat());
    let ran = upsun(&["operation:run", "greet", "--yes"]).expect(0);
    assert!(
        ran.stderr.contains("hello") && ran.stderr.contains("succeeded"),
        "{}",
        ran.stderr
    );
    let failed = upsun(&["operation:run", "fail", "--yes"]).expect(1);
    assert!(
        failed.stderr.contains("The activity failed"),
        "{}",
        failed.stderr
    );
    let listed = upsun(&[
        "activity:list",
        "--result",
        "failure",
        "--format",
        "plain",
        "--no-header",
    ]);
    assert_eq!(listed.expect(0).stdout.lines().count(), 1);
    let log = upsun(&["activity:log", "--result", "success"]).expect(0);
    assert!(log.stdout.contains("hello"), "{}", log.stdout);
    // `--no-wait` leaves the activity to `upsun-local`, which ends after it.
    upsun(&["operation:run", "greet", "--yes", "--no-wait"]).expect(0);
    let listed = upsun(&["activity:list", "--incomplete"]);
    assert!(listed.stderr.contains("No activities"), "{}", listed.stderr);
    let shell = upsun(&["ssh", "-A", "app", "pwd; echo $0 >&2; exit 7"]);
    assert_eq!(
        (shell.code, shell.stdout.as_str()),
        (7, "/app\n"),
        "{}",
        shell.stderr
    );
    upsun(&["redeploy", "--yes"]).expect(0);
}

/// The processes that have this text among their variables.
fn processes_with(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let variables = all.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
    variables
        .filter(|bytes| String::from_utf8_lossy(bytes).contains(text))
        .count()
}

#[test]
fn a_signal_ends_upsuns_command_with_all_its_processes_and_the_operation() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(directory) = upsun::directory() else {
        return;
    };
    let project = TestProject::on_engine(CONFIG);
    let run = ["--", "operation:run", "wait", "--yes"];
    let mut command = upsun::command(&project, &directory, &run);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("waiting")));
    let mark = format!("PLATFORM_PROJECT={}", project.id.replace('-', "_"));
    // The command, and the PHP that it has started.
    assert!(processes_with(&mark) >= 2);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(crate::support::code(child.wait().unwrap()), 143);
    assert_eq!(processes_with(&mark), 0);
    let state = project.run(&["activity", "get", "-P", "state"]).expect(0);
    assert_eq!(state.stdout.trim(), "cancelled");
}
