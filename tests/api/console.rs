//! What the console gets besides the API.

use std::io::{BufRead, BufReader, Write};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
";

#[test]
fn the_page_and_its_files_come_without_a_key() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let page = server.send("GET", "/", &[], "").expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let files = page
        .body
        .split('"')
        .filter(|text| text.starts_with("/console/"));
    let mut count = 0;
    for file in files {
        server.send("GET", file, &[], "").expect(200);
        count += 1;
    }
    assert!(count > 0, "{}", page.body);
    server
        .send("GET", "/console/assets/none.js", &[], "")
        .expect(404);
}

#[test]
fn the_console_sees_the_environment_and_the_api_as_any_role() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let shown = server.get("/console/api/environment").expect(200).json();
    assert_eq!(shown["operations"][0]["name"], "greet");
    let path = format!(
        "/console/api/upsun/projects/{}/variables?role=viewer",
        project.id
    );
    let body = r#"{"name": "env:A", "value": "b"}"#;
    server.call("POST", &path, body).expect(403);
    server
        .call("POST", &path.replace("viewer", "admin"), body)
        .expect(201);
}

#[test]
fn events_are_a_stream_that_says_where_it_is() {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    let first = |last: Option<&str>| {
        let mut stream = server.connect();
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n{last}\r\n",
            server.port, server.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        // Up to the first data after the greeting, or the end of the greeting.
        let mut text: Vec<String> = Vec::new();
        for line in lines {
            let is_data = line.starts_with("data: ");
            text.push(line);
            if is_data {
                break;
            }
        }
        text.join("\n")
    };
    let greeting = first(None);
    assert!(
        greeting.contains("content-type: text/event-stream"),
        "{greeting}"
    );
    let id = greeting
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    assert!(id.ends_with("-0"), "{id}");
    assert!(first(Some(id)).contains(&format!("id: {id}")));
}
