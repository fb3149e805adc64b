//! Apps that reach each other over HTTP, through the web server in front of each.

use crate::engine::docker;
use crate::support::TestProject;

/// Answers with what it was asked, on the port or socket that it is given.
const ECHO: &str = r#"
import os, socketserver
from http.server import BaseHTTPRequestHandler

class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        body = f"echo {self.command} {self.path} {self.headers['Host']} {self.rfile.read(length).decode()}\n"
        self.send_response(200)
        self.send_header("X-From", "the app")
        self.end_headers()
        self.wfile.write(body.encode())
    do_POST = do_GET
    def address_string(self):
        return "somebody"

if "SOCKET" in os.environ:
    socketserver.ThreadingUnixStreamServer(os.environ["SOCKET"], Echo).serve_forever()
else:
    socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
"#;

const APPS: &str = r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    relationships:
      api: {service: backend, endpoint: http}
      pages: {service: site, endpoint: http}
    operations:
      fetch: {commands: {start: 'eval "curl --silent --show-error --max-time 20 $WORDS"'}}
      told: {commands: {start: 'echo "$PLATFORM_RELATIONSHIPS" | base64 -d | jq -c ".api[0] | [.host, .port, .scheme, .rel, .service]"; echo "$API_URL"'}}
    workers:
      queue:
        commands: {start: sleep infinity}
        operations:
          ask: {commands: {start: 'curl --silent --show-error http://api.internal/from-a-worker'}}
      lonely:
        commands: {start: sleep infinity}
        relationships: {}
        operations:
          ask: {commands: {start: 'curl --silent --show-error http://api.internal/'}}
  backend:
    type: python:3.14
    source: {root: backend}
    mounts:
      public/files: {source: storage, source_path: files}
    hooks:
      deploy: echo stored > public/files/stored.txt
    web:
      upstream: {socket_family: FAMILY}
      commands: {start: python echo.py}
      locations:
        /:
          root: public
          index: [index.html]
          passthru: true
          expires: 24h
          headers: {X-Files: "said; $uri \"here\""}
          rules:
            \.css$: {expires: 300, headers: {Content-Type: text/x-style}}
            \.secret$: {allow: false, passthru: false}
            '^/old/(?<name>[^/]+)$': {passthru: '/new/$name?from=old'}
        /assets: {root: built, expires: -1}
  site:
    type: nodejs:24
    source: {root: site}
    build: {flavor: none}
    web:
      locations:
        /: {root: www, index: [index.html], passthru: /index.html}
        /plain: {root: www}
  stranger:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    operations:
      look: {commands: {start: 'curl --silent --show-error http://api.internal/'}}
      guess: {commands: {start: 'getent hosts api.internal backend.internal pages.internal'}}
"#;

fn apps(family: &str) -> TestProject {
    let project = TestProject::on_engine(&APPS.replace("FAMILY", family));
    project
        .file("shop/README.md", "")
        .file("backend/echo.py", ECHO)
        .file("backend/public/index.html", "home\n")
        .file("backend/public/style.css", "style\n")
        .file("backend/public/x.secret", "secret\n")
        .file("backend/public/docs/index.html", "docs\n")
        .file("backend/public/empty/.keep", "")
        .file("backend/built/a b.js", "script\n")
        .file("site/www/index.html", "single page\n")
        .file("site/www/sub/x.txt", "x\n");
    project
}

/// What the shop gets, with the response's first line and headers.
#[track_caller]
fn fetch(project: &TestProject, words: &str) -> String {
    let words = format!("env:WORDS=--include {words}");
    let answer = project.run(&["run", "fetch", "--variable", &words]);
    answer.expect(0).stdout.replace('\r', "")
}

#[track_caller]
fn assert_answers(answer: &str, status: &str, parts: &[&str]) {
    let first = answer.lines().next().unwrap_or_default();
    assert!(first.contains(status), "{status}:\n{answer}");
    for part in parts {
        assert!(answer.contains(part), "{part:?}:\n{answer}");
    }
}

#[test]
fn an_app_reaches_another_through_its_web_server() {
    let project = apps("tcp");
    let told = project.run(&["run", "told"]).expect(0).stdout;
    assert_eq!(
        told,
        "[\"api.internal\",80,\"http\",\"http\",\"backend\"]\nhttp://api.internal:80\n"
    );
    let get = |path: &str| fetch(&project, &format!("'http://api.internal{path}'"));
    // From the app, asked as it was asked.
    let answer = get("/what/ever?a=%20b");
    assert_answers(
        &answer,
        "200",
        &["X-From: the app", "echo GET /what/ever?a=%20b api.internal"],
    );
    assert!(!answer.contains("X-Files"), "{answer}");
    assert!(!answer.contains("Cache-Control"), "{answer}");
    assert_answers(
        &fetch(&project, "--data sent http://api.internal/form"),
        "200",
        &["echo POST /form api.internal sent"],
    );
    // Files.
    assert_answers(
        &get("/"),
        "200",
        &[
            "home",
            "X-Files: said; $uri \"here\"",
            "Cache-Control: max-age=86400",
            "Content-Type: text/html",
        ],
    );
    let style = get("/style.css");
    assert_answers(
        &style,
        "200",
        &["style", "Content-Type: text/x-style", "max-age=300"],
    );
    assert!(!style.contains("X-Files"), "{style}");
    let again = fetch(
        &project,
        "--header 'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT' http://api.internal/style.css",
    );
    assert_answers(&again, "200", &["style"]);
    assert!(
        !style.contains("Last-Modified") && !style.contains("ETag"),
        "{style}"
    );
    assert_answers(&get("/files/stored.txt"), "200", &["stored"]);
    assert_answers(&get("/docs"), "301", &["Location: /docs/"]);
    assert_answers(&get("/docs/"), "200", &["docs"]);
    assert_answers(&get("/empty/"), "200", &["echo GET /empty/"]);
    assert_answers(&get("/x.secret"), "403", &[]);
    assert_answers(&get("/y.secret"), "404", &[]);
    assert_answers(
        &get("/old/thing?and=more"),
        "200",
        &["echo GET /new/thing?from=old&and=more"],
    );
    let script = get("/assets/a%20b.js");
    assert_answers(&script, "200", &["script"]);
    assert!(!script.contains("Cache-Control"), "{script}");
    assert_answers(&get("/assets/"), "403", &[]);
    assert_answers(&get("/assets/none.js"), "404", &[]);
    assert_answers(&get("/assetsx"), "200", &["echo GET /assetsx"]);
    assert_answers(&get("/assets/..%2f..%2fecho.py"), "400", &[]);
    // An app that is nothing but files.
    let page = |path: &str| fetch(&project, &format!("http://pages.internal{path}"));
    assert_answers(&page("/"), "200", &["single page"]);
    assert_answers(&page("/some/route"), "200", &["single page"]);
    assert_answers(&page("/sub/x.txt"), "200", &["x\n"]);
    assert_answers(&page("/sub"), "200", &["single page"]);
    assert_answers(&page("/plain/none"), "404", &[]);
    assert_answers(&page("/plain/"), "403", &[]);
}

#[test]
fn only_apps_and_workers_with_the_relationship_find_the_other_app() {
    let project = apps("unix");
    let asked = project.run(&["run", "ask", "--worker", "queue"]).expect(0);
    assert_eq!(asked.stdout, "echo GET /from-a-worker api.internal \n");
    project.run(&["run", "ask", "--worker", "lonely"]).expect(6);
    project.run(&["run", "look"]).expect(6);
    assert_eq!(project.run(&["run", "guess"]).expect(2).stdout, "");
    let answer = fetch(
        &project,
        "http://pages.internal/ http://api.internal/style.css",
    );
    assert_answers(&answer, "200", &["single page", "style"]);
}

#[test]
fn the_web_server_comes_and_goes_with_its_app() {
    let project = apps("unix");
    project.run(&["up", "shop"]).expect(0);
    let front = || {
        let labels = [
            "ps",
            "--quiet",
            "--no-trunc",
            "--filter",
            &format!("label=local.upsun.repository={}", real(&project)),
            "--filter",
            "label=local.upsun.kind=front",
            "--filter",
            "label=local.upsun.app=backend",
        ]
        .map(str::to_owned);
        docker(&labels.each_ref().map(String::as_str))
            .trim()
            .to_owned()
    };
    let first = front();
    assert_eq!(first.lines().count(), 1, "{first:?}");
    let status = project.run(&["status"]).expect(0).stdout;
    assert_eq!(status.matches("-local-backend").count(), 1, "{status}");
    // Nothing changed.
    project.run(&["up"]).expect(0);
    assert_eq!(front(), first);
    // One that died is started again, and so is that of an app that died.
    docker(&["kill", &first]);
    assert_answers(
        &fetch(&project, "http://api.internal/x"),
        "200",
        &["echo GET /x"],
    );
    let second = front();
    assert_ne!(second, first);
    let app = project
        .run(&["status", "--format", "json"])
        .expect(0)
        .stdout;
    let app = app
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("\"container\": \"")?
                .strip_suffix("-backend\",")
        })
        .expect("the app's container");
    docker(&["kill", &format!("{app}-backend")]);
    assert_answers(
        &fetch(&project, "http://api.internal/y"),
        "200",
        &["echo GET /y"],
    );
    assert_ne!(front(), second);
    // Another configuration of the web server.
    let config = APPS.replace("FAMILY", "unix");
    project.file(
        ".upsun/config.yaml",
        &config.replace("expires: 24h", "expires: 1h"),
    );
    assert_answers(
        &fetch(&project, "http://api.internal/"),
        "200",
        &["max-age=3600"],
    );
    // A broken one says so.
    project.file(
        ".upsun/config.yaml",
        &config.replace(r"\.css$", "(?<host>x)"),
    );
    let broken = project.run(&["up", "shop"]).expect(73).stderr;
    assert!(
        broken.contains("in front of `backend`") && broken.contains("duplicate"),
        "{broken}"
    );
    project.file(".upsun/config.yaml", &config);
    // No app reaches it any more; this machine does.
    let alone = config.replace("      api: {service: backend, endpoint: http}\n", "");
    project.file(".upsun/config.yaml", &alone);
    project.run(&["up"]).expect(0);
    assert_ne!(front(), "");
    project.run(&["down", "--yes"]).expect(0);
    let status = project.run(&["status"]).expect(0);
    assert_eq!(status.stdout, "");
}

fn real(project: &TestProject) -> String {
    let root = std::fs::canonicalize(project.root()).expect("it is there");
    root.display().to_string()
}

#[test]
fn a_relationship_to_an_app_that_cannot_be_built_says_so() {
    let project = TestProject::on_engine(
        r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    relationships: {api: {service: backend, endpoint: http}}
    operations: {fetch: {commands: {start: 'curl http://api.internal/'}}}
  backend:
    type: nodejs:24
    source: {root: backend}
    build: {flavor: none}
    hooks: {build: 'echo "no compiler here"; exit 3'}
    web: {commands: {start: sleep infinity}}
"#,
    );
    project.file("shop/a", "").file("backend/a", "");
    let failed = project.run(&["run", "fetch"]).expect(1).stderr;
    for said in [
        "no compiler here",
        "the build of `backend` failed: `hooks.build` ended with code 3",
    ] {
        assert!(failed.contains(said), "{failed}");
    }
    assert!(!failed.contains("Building shop"), "{failed}");
}
