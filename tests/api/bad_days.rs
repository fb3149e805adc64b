//! What happens on bad days: clients that go away, many at once, and requests that nobody should send.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
";

const ID: &str = "1m00000000001";

fn started() -> (TestProject, Server) {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    (project, server)
}

/// Records an activity that has ended, with this log.
fn record(project: &TestProject, log: &str) -> PathBuf {
    let state = project.root().parent().unwrap().join("state/upsun-local");
    let entries = std::fs::read_dir(state).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let own = paths
        .find(|path| path.join("repository").is_file())
        .unwrap();
    let directory = own.join("activities");
    std::fs::create_dir_all(&directory).unwrap();
    let record = json!({
        "id": ID, "type": "environment.operation", "state": "complete", "result": "success",
        "environments": ["local"], "created_at": "2026-01-01T00:00:00.000000+00:00",
        "completed_at": "2026-01-01T00:00:01.000000+00:00",
    });
    let path = directory.join(format!("{ID}.log"));
    std::fs::write(&path, log).unwrap();
    std::fs::write(directory.join(format!("{ID}.json")), record.to_string()).unwrap();
    path
}

/// Asks for the log, and reads nothing of the answer.
fn ask_for_the_log(project: &TestProject, server: &Server) -> std::net::TcpStream {
    let mut stream = server.connect();
    let request = format!(
        "GET /projects/{}/activities/{ID}/log HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        project.id, server.port, server.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// How many times a process has a file open.
fn count_open(pid: u32, file: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return 0;
    };
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link == file).count()
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_log_leaves_nothing_behind() {
    let (project, server) = started();
    let log = record(&project, &"a line of this log\n".repeat(500_000));
    let log = std::fs::canonicalize(log).unwrap();
    let mut streams: Vec<_> = (0..20)
        .map(|_| ask_for_the_log(&project, &server))
        .collect();
    for stream in &mut streams {
        let mut some = [0; 4096];
        stream.read_exact(&mut some).unwrap();
    }
    if Path::new("/proc/self/fd").exists() {
        assert!(count_open(server.pid(), &log) > 0);
    }
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(30);
    while count_open(server.pid(), &log) > 0 {
        assert!(Instant::now() < deadline, "the log is still open");
    }
    server.get("/users/me").expect(200);
}

#[test]
fn two_hundred_readers_of_a_log_get_all_of_it() {
    let (project, server) = started();
    let lines = 2000;
    let log: String = (0..lines)
        .map(|number| format!("line {number}\n"))
        .collect();
    record(&project, &log);
    // All have asked before the first one reads.
    let streams: Vec<_> = (0..200)
        .map(|_| ask_for_the_log(&project, &server))
        .collect();
    for stream in streams {
        let answer = BufReader::new(stream).lines().map(Result::unwrap);
        let body = answer.skip_while(|line| !line.is_empty()).skip(1);
        let values = body.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let values: Vec<Value> = values.collect();
        let text: String = values
            .iter()
            .filter_map(|value| value["data"]["message"].as_str())
            .collect();
        assert_eq!(text, log);
        assert_eq!(values.last(), Some(&json!({ "seal": true })));
    }
}

#[test]
fn a_log_of_lines_of_any_length_is_whole() {
    let (project, server) = started();
    // Around the sizes in which a log is read and sent.
    let lengths = [0, 1, 1022, 1023, 1024, 1025, 40_000, 65_535, 1];
    let log: String = lengths
        .iter()
        .map(|length| "x".repeat(*length) + "\n")
        .collect();
    let log = log.clone() + &"\n".repeat(70_000) + &log;
    record(&project, &log);
    let path = format!("/projects/{}/activities/{ID}/log", project.id);
    let body = server.get(&path).expect(200).body;
    let values: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text: String = values
        .iter()
        .filter_map(|value| value["data"]["message"].as_str())
        .collect();
    assert!(text == log, "{} of {} bytes", text.len(), log.len());
    let ids: std::collections::HashSet<&str> = values
        .iter()
        .filter_map(|value| value["_id"].as_str())
        .collect();
    assert_eq!(ids.len() + 1, values.len());
}

#[test]
fn a_record_that_another_process_changes_is_listed_as_it_is() {
    let (project, server) = started();
    let log = record(&project, "");
    let path = format!("/projects/{}/activities", project.id);
    let results = || {
        let list = server.get(&path).expect(200).json();
        let list = list.as_array().unwrap().clone();
        list.iter()
            .map(|it| it["result"].clone())
            .collect::<Vec<Value>>()
    };
    let record = log.with_extension("json");
    // As if it had been written long ago: such a record is kept in memory.
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    let age = || {
        std::fs::File::options()
            .write(true)
            .open(&record)
            .unwrap()
            .set_modified(old)
            .unwrap();
    };
    age();
    assert_eq!(results(), ["success"]);
    let text = std::fs::read_to_string(&record).unwrap();
    let new = record.with_extension("json.new");
    std::fs::write(&new, text.replace("success", "failure")).unwrap();
    std::fs::rename(&new, &record).unwrap();
    age();
    assert_eq!(results(), ["failure"]);
    std::fs::remove_file(&record).unwrap();
    assert_eq!(results(), [Value::Null; 0]);
}

#[test]
fn bodies_that_no_client_sends_are_refused() {
    let (project, server) = started();
    let operations = format!("/projects/{}/environments/local/operations", project.id);
    for body in [
        "[".repeat(100_000),
        format!(
            "{{\"operation\":{}1{}}}",
            "[".repeat(1000),
            "]".repeat(1000)
        ),
        "{\"operation\":\"greet\",\"operation\":\"greet\"".to_owned(),
        "{\"operation\":\"\u{0}\"}".to_owned(),
        "{\"operation\":\"\\ud800\"}".to_owned(),
        "null".to_owned(),
        "1e999".to_owned(),
    ] {
        let answer = server.call("POST", &operations, &body);
        assert_eq!(answer.status, 400, "{body:.60}: {}", answer.body);
    }
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let huge = "a=".repeat(1 << 20);
    server
        .send("POST", "/oauth2/token", &form, &huge)
        .expect(413);
    server
        .send("POST", "/oauth2/token", &[], "grant_type=api_token")
        .expect(415);
    let head = |more: &str| {
        format!(
            "POST {operations} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nConnection: close\r\n{more}\r\n",
            server.port, server.token
        )
    };
    // A length that is hidden in pieces, lengths that contradict one another, and none.
    let mut pieces = head("Transfer-Encoding: chunked\r\n");
    for _ in 0..20 {
        pieces.push_str(&format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000)));
    }
    assert_eq!(server.raw(pieces.as_bytes()).status, 413);
    let twice = head("Content-Length: 2\r\nContent-Length: 40\r\n") + "{}";
    assert_eq!(server.raw(twice.as_bytes()).status, 400);
    let odd = head("Content-Length: -1\r\n") + "{}";
    assert_eq!(server.raw(odd.as_bytes()).status, 400);
    // A second request that hides in the body of the first is no request.
    let both = head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
        + "0\r\n\r\nGET /users/me HTTP/1.1\r\n\r\n";
    let answer = server.raw(both.as_bytes());
    assert!(
        answer.status >= 400 && !answer.body.contains("username"),
        "{answer:?}"
    );
    // The body ends early.
    let mut stream = server.connect();
    stream
        .write_all((head("Content-Length: 100\r\n") + "{").as_bytes())
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    server.get("/users/me").expect(200);
}

#[test]
fn odd_ids_of_projects_lead_nowhere_and_harm_nothing() {
    let project = TestProject::new(CONFIG);
    project.file(".upsun-local.yaml", "project: \"Zoë's  Shop_1 <b>/../x\"\n");
    for all in [false, true] {
        let words: &[&str] = if all { &["serve", "--all"] } else { &["serve"] };
        let server = Server::started(&mut project.command(words));
        let listed = server.get("/ref/projects").expect(200).json();
        let ids: Vec<&String> = listed.as_object().unwrap().keys().collect();
        assert_eq!(ids, ["zo_s_shop_1_b_x"]);
        server.get("/projects/zo_s_shop_1_b_x").expect(200);
        for id in [
            "%20",
            "%2E",
            "a%2F..%2Fb",
            "%F0%9F%92%A9",
            "%22%3E%3Cscript%3E",
            "x%0d%0aSet-Cookie:%20a=b",
            "-",
            "_",
            &"a".repeat(8000),
        ] {
            for path in [
                format!("/projects/{id}"),
                format!("/projects/{id}/environments/local"),
                format!("/console/api/upsun/projects/{id}/activities"),
            ] {
                let answer = server.get(&path);
                assert!(
                    matches!(answer.status, 400 | 404),
                    "{path:.80}: {}",
                    answer.status
                );
                assert_eq!(answer.header("set-cookie"), None);
                assert_eq!(
                    answer.header("content-type"),
                    Some("application/problem+json")
                );
            }
        }
        let odd = server.get("/console/api/environment?project=%00%0d%0a..%2F");
        assert_eq!(odd.status, if all { 404 } else { 200 });
        server.end();
    }
}

#[test]
fn a_port_that_another_program_has_on_one_address_is_not_used() {
    let project = TestProject::new(CONFIG);
    for address in ["127.0.0.1", "::1"] {
        let Ok(listener) = std::net::TcpListener::bind((address, 0)) else {
            continue;
        };
        let port = listener.local_addr().unwrap().port().to_string();
        let refused = project.run(&["serve", "--port", &port]).expect(73);
        assert!(
            refused.stderr.contains(&format!("port {port}")),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_server_starts_for_a_repository_that_cannot_be_read() {
    let project = TestProject::new(CONFIG);
    for (file, text) in [
        (".upsun-local.yaml", "project: ["),
        (".upsun/config.yaml", "applications: ["),
    ] {
        project.file(file, text);
        let server = Server::start(&project);
        let listed = server.get("/console/api/projects").expect(200).json();
        assert!(listed[0]["problem"].is_string(), "{listed}");
        server.get("/users/me").expect(200);
        assert!(server.get("/console/api/environment").status < 500);
    }
}
