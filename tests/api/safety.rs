//! Who is answered: nobody without the key, no page of another origin, no name that is not this machine's; and what
//! strange requests do.

use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    operations:
      greet: { role: contributor, commands: { start: echo hello } }
";

fn started() -> (TestProject, Server) {
    let project = TestProject::new(CONFIG);
    let server = Server::start(&project);
    (project, server)
}

/// Paths of which each belongs to another part of the server.
fn paths(project: &TestProject) -> Vec<String> {
    let id = &project.id;
    vec![
        "/users/me".to_owned(),
        format!("/projects/{id}"),
        format!("/projects/{id}/environments/local/deployments/current"),
        format!("/projects/{id}/environments/local/variables"),
        format!("/projects/{id}/activities"),
        "/console/events".to_owned(),
        "/console/api/environment".to_owned(),
        "/nothing".to_owned(),
    ]
}

#[test]
fn without_the_key_there_is_no_answer() {
    let (project, server) = started();
    let wrong = format!("{}x", server.token);
    for path in paths(&project) {
        server.send("GET", &path, &[], "").expect(401);
        for value in [
            "Bearer",
            "Bearer ",
            &format!("Bearer {wrong}"),
            &format!("Basic {}", server.token),
            &server.token,
        ] {
            let header = format!("Authorization: {value}");
            let answer = server.send("GET", &path, &[&header], "");
            assert_eq!(answer.status, 401, "{path} {value}");
            assert!(!answer.body.contains(&server.token));
        }
    }
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let body = format!("grant_type=api_token&api_token={wrong}");
    server
        .send("POST", "/oauth2/token", &form, &body)
        .expect(400);
    let body = format!("grant_type=api_token&api_token={}", server.token);
    let token = server
        .send("POST", "/oauth2/token", &form, &body)
        .expect(200)
        .json();
    assert!(
        token["expires_in"]
            .as_u64()
            .is_some_and(|seconds| seconds > 0)
    );
}

#[test]
fn a_page_of_another_origin_or_under_another_name_gets_no_answer() {
    let (project, server) = started();
    let port = server.port;
    let request = |host: &str, more: &str| {
        let text = format!(
            "GET /projects/{} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n{more}Connection: close\r\n\r\n",
            project.id, server.token
        );
        server.raw(text.as_bytes()).status
    };
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let host = format!("{host}:{port}");
        assert_eq!(request(&host, ""), 200, "{host}");
        assert_eq!(request(&host, &format!("Origin: http://{host}\r\n")), 200);
    }
    // Names that lead to this machine, but belong to somebody else.
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        &format!("127.0.0.1.evil.example:{port}"),
        &format!("app.localhost:{port}"),
        "127.0.0.1",
        "127.0.0.1:1",
        "",
    ] {
        assert_eq!(request(host, ""), 421, "{host}");
    }
    let own = format!("127.0.0.1:{port}");
    for origin in [
        "http://evil.example",
        "null",
        &format!("https://{own}"),
        &format!("http://localhost:{port}"),
        "http://127.0.0.1:1",
    ] {
        assert_eq!(
            request(&own, &format!("Origin: {origin}\r\n")),
            403,
            "{origin}"
        );
    }
    let twice = format!("Host: evil.example:{port}\r\n");
    assert_ne!(request(&own, &twice), 200);
    // A browser asks before it sends a request with JSON to another origin, and nothing says that it may.
    let origin = [
        "Origin: http://evil.example",
        "Access-Control-Request-Method: POST",
    ];
    let answer = server.send("OPTIONS", "/users/me", &origin, "");
    assert!(
        !answer.head.to_lowercase().contains("access-control"),
        "{}",
        answer.head
    );
}

#[test]
fn the_server_is_on_the_addresses_of_this_machine_only() {
    let (_project, server) = started();
    let port = format!(":{:04X}", server.port);
    let listens = |file: &str| {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        let rows = table.lines().skip(1).map(str::to_owned);
        rows.filter_map(|row| {
            let mut words = row.split_whitespace().skip(1);
            let (local, state) = (words.next()?.to_owned(), words.nth(1)?.to_owned());
            (state == "0A" && local.ends_with(&port)).then_some(local)
        })
        .collect::<Vec<String>>()
    };
    let (ipv4, ipv6) = (listens("/proc/net/tcp"), listens("/proc/net/tcp6"));
    if ipv4.is_empty() {
        eprintln!("this system has no list of open ports: nothing is compared");
        return;
    }
    assert_eq!(ipv4, [format!("0100007F{port}")]);
    let own = format!("00000000000000000000000001000000{port}");
    assert!(ipv6.iter().all(|address| *address == own), "{ipv6:?}");
}

#[test]
fn the_key_is_in_a_record_that_only_this_user_can_read_and_that_goes_with_the_server() {
    let project = TestProject::new(CONFIG);
    let state = project.root().parent().unwrap().join("state/upsun-local");
    let files = || {
        let entries = std::fs::read_dir(&state).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|it| it == "json"))
            .collect::<Vec<_>>()
    };
    let server = Server::start(&project);
    let found = files();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].metadata().unwrap().mode() & 0o777, 0o600);
    let record = std::fs::read_to_string(&found[0]).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["key"], server.token);
    let first = server.token.clone();
    assert!(server.end().success());
    assert!(files().is_empty());
    let server = Server::start(&project);
    assert_ne!(server.token, first);
    server.call_as(&first, "GET", "/users/me", "").expect(401);
}

#[test]
fn the_page_may_run_nothing_but_the_servers_own_files() {
    let (_project, server) = started();
    let page = server.send("GET", "/", &[], "").expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    // Scripts and styles inside of the page would not run.
    assert!(!page.body.contains("<style") && !page.body.contains("onclick"));
    let scripts = page.body.matches("<script").count();
    assert_eq!(
        scripts,
        page.body
            .matches("<script type=\"module\" src=\"/console/")
            .count()
    );
}

#[test]
fn the_cookie_is_for_the_console_alone_and_needs_the_origin_to_change_something() {
    let (project, server) = started();
    let json = "Content-Type: application/json";
    let wrong = server.send("POST", "/console/session", &[json], r#"{"token":"x"}"#);
    wrong.expect(401);
    let body = format!("{{\"token\":\"{}\"}}", server.token);
    let answer = server
        .send("POST", "/console/session", &[json], &body)
        .expect(204);
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&server.token));
    let cookie = format!("Cookie: other=1; {}", cookie.split(';').next().unwrap());
    let cookie = cookie.as_str();
    server
        .send("GET", "/console/api/environment", &[cookie], "")
        .expect(200);
    server.send("GET", "/users/me", &[cookie], "").expect(401);
    let cancel = format!(
        "/console/api/upsun/projects/{}/activities/x/cancel",
        project.id
    );
    server
        .send("POST", &cancel, &[cookie, json], "{}")
        .expect(403);
    let origin = format!("Origin: http://127.0.0.1:{}", server.port);
    server
        .send("POST", &cancel, &[cookie, json, &origin], "{}")
        .expect(404);
}

#[test]
fn strange_requests_are_refused_and_the_server_goes_on() {
    let (project, server) = started();
    let id = &project.id;
    let operations = format!("/projects/{id}/environments/local/operations");
    for (body, status) in [
        ("{", 400),
        ("[]", 400),
        ("\"x\"", 400),
        ("{}", 400),
        (r#"{"operation": 1}"#, 400),
        (
            r#"{"operation": "greet", "service": "app", "parameters": 7}"#,
            400,
        ),
        (
            r#"{"operation": "greet", "service": "app", "parameters": ["a b=c"]}"#,
            400,
        ),
        (r#"{"operation": "none", "service": "app"}"#, 400),
        (r#"{"operation": "greet", "service": "../../etc"}"#, 400),
    ] {
        let answer = server.call("POST", &operations, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.json()["code"], status);
    }
    let huge = format!("{{\"operation\": \"{}\"}}", "x".repeat(2 << 20));
    server.call("POST", &operations, &huge).expect(413);
    let bearer = format!("Authorization: Bearer {}", server.token);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let kind = format!("Content-Type: {kind}");
        let headers = [bearer.as_str(), kind.as_str()];
        server
            .send("POST", &operations, &headers, "{\"a\":1}")
            .expect(415);
    }
    for path in [
        "/projects/../users/me",
        "/projects/%2e%2e/x",
        "/console/assets/../../etc/passwd",
        "/console/assets/%2e%2e%2fconsole.js",
        "/projects/%ff",
        "/projects/%00",
        "/projects/a%0d%0aSet-Cookie:%20x=y",
        "/projects/%3Cscript%3E",
    ] {
        let answer = server.get(path);
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    for raw in [
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
        &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)),
    ] {
        let status = server.raw(raw.as_bytes()).status;
        assert!(status == 0 || status >= 400, "{raw:.20}: {status}");
    }
    server.get("/users/me").expect(200);
}

#[test]
fn clients_that_say_nothing_do_not_keep_others_out() {
    let (_project, server) = started();
    let mut idle: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut idle {
        let _ = stream.write_all(b"GET / HT");
    }
    server.get("/users/me").expect(200);
}

#[test]
fn other_methods_and_paths_are_not_in_a_sandbox() {
    let (project, server) = started();
    let id = &project.id;
    for (method, path) in [
        ("DELETE", format!("/projects/{id}")),
        ("POST", format!("/projects/{id}/environments/local/branch")),
        ("GET", format!("/projects/{id}/environments/local/backups")),
        ("PUT", "/users/me".to_owned()),
    ] {
        let answer = server.call(method, &path, "").expect(404).json();
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with("not in a sandbox"), "{message}");
    }
    server.get("/projects/another").expect(404);
    let other = server.get(&format!("/projects/{id}/environments/other"));
    assert!(other.expect(404).body.contains("--environment other"));
}

#[test]
fn a_port_that_is_taken_is_said_and_the_first_server_goes_on() {
    let (project, server) = started();
    let port = server.port.to_string();
    let second = project.run(&["serve", "--port", &port]).expect(73);
    assert!(
        second.stderr.contains(&format!("port {port}")),
        "{}",
        second.stderr
    );
    server.get("/users/me").expect(200);
}

#[test]
fn a_configuration_that_breaks_is_said_and_shown_as_it_was() {
    let (project, server) = started();
    let deployment = format!(
        "/projects/{}/environments/local/deployments/current",
        project.id
    );
    let environment = format!("/projects/{}/environments/local", project.id);
    let before = server.get(&environment).expect(200).json()["head_commit"].clone();
    project.file(".upsun/config.yaml", "applications: [");
    server.get(&deployment).expect(409);
    let shown = server.get("/console/api/environment").expect(200).json();
    assert_eq!(shown["apps"][0]["name"], "app");
    assert!(shown["problem"].is_string());
    let run = format!("{environment}/operations");
    let body = r#"{"operation": "greet", "service": "app"}"#;
    server.call("POST", &run, body).expect(409);
    project.file(".upsun/config.yaml", &CONFIG.replace("hello", "bye"));
    server.get(&deployment).expect(200);
    let after = server.get(&environment).expect(200).json()["head_commit"].clone();
    assert_ne!(before, after);
}

#[test]
fn the_server_ends_at_once_while_clients_listen() {
    let (_project, server) = started();
    let mut stream = server.connect();
    let request = format!(
        "GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        server.port, server.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert!(server.end().success());
}
