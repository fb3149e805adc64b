//! Requests that arrive while an app is being deployed.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::engine::{container, docker, label, wait_until};
use crate::process::Running;
use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    web: {commands: {start: node server.js}}
    hooks: {deploy: "set -e; until [ -e /tmp/go ] || [ -e first ]; do sleep 0.1; done"}
routes:
  "https://{default}/": {type: upstream, upstream: "app:http"}
"#;

fn server(answer: &str) -> String {
    format!(
        "require('node:http').createServer((_, response) => response.end('{answer}')).listen(process.env.PORT)\n"
    )
}

/// A project that is up and answers `old`, with its address.
fn up() -> (TestProject, String) {
    let project = TestProject::on_engine(CONFIG);
    project.file("server.js", &server("old")).file("first", "");
    project.run(&["up"]).expect(0);
    let url = project.run(&["url", "--primary", "--pipe"]).expect(0);
    let url = url.stdout.trim_end().to_owned();
    (project, url)
}

/// Deploys the app so that it answers `new`. The deploy waits in its hook.
fn deploying(project: &TestProject) -> Running {
    std::fs::remove_file(project.root().join("first")).expect("a file");
    project.file("server.js", &server("new"));
    let up = Running::start(project, &["up"]);
    up.wait_for_talk("Running hooks.deploy of app");
    up
}

/// Sends a request. The answer is read later.
fn send(url: &str, method: &str, body: &str) -> TcpStream {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let port = authority.rsplit(':').next().expect("a port");
    let port: u16 = port.parse().expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the router listens");
    let length = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    write!(
        stream,
        "{method} / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{length}\r\n{body}"
    )
    .expect("the router reads");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn requests_wait_for_the_new_container_and_those_with_a_body_are_told_to_come_again() {
    let (project, url) = up();
    let url = url.as_str();
    assert!(answer(send(url, "GET", "")).ends_with("old"));
    let up = deploying(&project);
    let held = send(url, "GET", "");
    let refused = answer(send(url, "POST", "text"));
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    assert!(
        refused.contains("\r\n\r\n`app` is being deployed: "),
        "{refused}"
    );
    docker(&["exec", &container(&project), "touch", "/tmp/go"]);
    let held = answer(held);
    assert!(
        held.starts_with("HTTP/1.1 200 ") && held.ends_with("new"),
        "{held}"
    );
    assert_eq!(up.wait().code, 0);
    // After the deploy nothing waits for the app, should it end.
    assert_eq!(held_upstreams(&project), "");
}

/// What the router lets requests wait for.
fn held_upstreams(project: &TestProject) -> String {
    let kind = "label=local.upsun.kind=router";
    let router = docker(&["ps", "-q", "--filter", &label(project), "--filter", kind]);
    docker(&["exec", &router, "ls", "/tmp/deploys"])
}

#[test]
fn no_request_waits_for_a_deploy_that_was_killed() {
    let (project, url) = up();
    let url = url.as_str();
    let up = deploying(&project);
    assert_ne!(held_upstreams(&project), "");
    let held = send(url, "GET", "");
    up.signal(Signal::KILL);
    up.wait();
    wait_until("the router forgets the deploy", || {
        held_upstreams(&project).is_empty()
    });
    // Not the answer that names a deploy.
    for refused in [answer(held), answer(send(url, "POST", "text"))] {
        assert!(refused.starts_with("HTTP/1.1 50"), "{refused}");
    }
    let refused = answer(send(url, "GET", ""));
    assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
    assert!(refused.contains("`upsun-local up` starts it"), "{refused}");
    project.file("first", "");
    project.run(&["up"]).expect(0);
    assert!(answer(send(url, "GET", "")).ends_with("new"));
    assert_eq!(held_upstreams(&project), "");
}
