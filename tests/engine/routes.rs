//! The local entrance: routes, redirects, hosts of apps, ports.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::engine::containers;
use crate::support::TestProject;

/// Answers with what it was asked.
const ECHO: &str = r#"
require("node:http").createServer((request, response) => {
  const { host, "x-original-route": route, "x-client-ip": client } = request.headers;
  response.end(`${request.method} ${request.url} ${host} ${route} ${client ? "with" : "without"} an address\n`);
}).listen(process.env.PORT);
"#;

const CONFIG: &str = r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    web: {commands: {start: node echo.js}}
    operations:
      routes: {commands: {start: 'echo "$PLATFORM_ROUTES" | base64 -d | jq -r "to_entries[] | select(.value.primary).key"'}}
  blog:
    type: nodejs:24
    source: {root: blog}
    build: {flavor: none}
    web:
      locations:
        "/blog": {root: pages, index: [index.html]}
routes:
  "https://{default}/":
    type: upstream
    upstream: shop:http
    redirects:
      paths:
        /from: {to: "https://{default}/to"}
        "^/n/([0-9]+)$": {to: "/number/$1?x=$arg_x", regexp: true, code: 308}
  "https://{default}/blog": {type: upstream, upstream: "blog:http"}
  "https://www.{default}/": {type: redirect, to: "https://{default}/"}
  "http://{default}/": {type: redirect, to: "https://{default}/"}
"#;

fn project() -> TestProject {
    let project = TestProject::on_engine(CONFIG);
    project
        .file("shop/echo.js", ECHO)
        .file("blog/pages/index.html", "all posts\n");
    project
}

/// What comes back for a GET request at the port of an address, for the host of it, with further headers.
fn ask(url: &str, headers: &str) -> TcpStream {
    let rest = url.strip_prefix("http://").expect("an address");
    let (authority, path) = rest.split_at(rest.find('/').expect("a path"));
    let port: u16 = authority
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}\r\n"
    )
    .expect("it reads");
    stream
}

/// The whole answer.
fn answer(url: &str, headers: &str) -> String {
    let mut text = String::new();
    let mut stream = ask(url, headers);
    stream.read_to_string(&mut text).expect("it answers");
    text
}

/// The answer to a GET request: status, `Location`, body.
fn get(url: &str) -> (String, String, String) {
    let text = answer(url, "");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("Location: "));
    // In chunks, where the app does not say how much it is.
    let body = body.lines().find(|line| line.contains(' ')).unwrap_or(body);
    (
        status,
        location.unwrap_or_default().to_owned(),
        body.trim().to_owned(),
    )
}

#[test]
fn every_route_answers_at_the_local_entrance() {
    let project = project();
    let up = project.run(&["up"]).expect(0);
    let primary = project.run(&["run", "routes"]).expect(0).stdout;
    let primary = primary.trim_end();
    assert!(
        up.stderr.contains(&format!("Open {primary} for shop")),
        "{}",
        up.stderr
    );
    let redirected = primary.replace("http://", "http://www.");
    let redirects = format!("{redirected} redirects to {primary}\n");
    let direct = "leads directly to shop, without any route";
    for text in [redirects.as_str(), direct] {
        assert!(up.stderr.contains(text), "{text}: {}", up.stderr);
    }
    let authority = primary.trim_start_matches("http://").trim_end_matches('/');
    assert!(authority.contains(".localhost:"), "{authority}");
    let body = |path: &str| get(&format!("http://{authority}{path}")).2;
    assert_eq!(
        body("/a/b%20c?d=e"),
        format!("GET /a/b%20c?d=e {authority} https://{{default}}/ with an address")
    );
    assert_eq!(body("/blog/"), "all posts");
    // The app's own web server adds the slash of a directory.
    let (status, location, _) = get(&format!("{primary}blog"));
    assert_eq!((status.as_str(), location.as_str()), ("301", "/blog/"));
    let to = |url: String| {
        let (status, location, _) = get(&url);
        format!("{status} {location}")
    };
    assert_eq!(
        to(format!("{primary}from/x?y=z")),
        format!("302 {primary}to/x?y=z")
    );
    assert_eq!(to(format!("{primary}n/7?x=y")), "308 /number/7?x=y");
    assert_eq!(
        to(format!("http://www.{authority}/a?b=c")),
        format!("301 {primary}a?b=c")
    );
    let (status, _, _) = get(&format!("http://shop.{authority}/x"));
    assert_eq!(status, "200");
    let (status, _, _) = get(&format!("http://elsewhere.{authority}/x"));
    assert_eq!(status, "404");
    let shown = project.run(&["status"]).expect(0).stdout;
    assert!(
        shown.contains(&format!("shop of local is at {primary}")),
        "{shown}"
    );
    assert!(shown.contains(&redirects), "{shown}");

    // A new build of the app keeps its place, and the web server in front of it.
    project.file("shop/more.js", "");
    project.run(&["run", "routes"]).expect(0);
    let (status, _, _) = get(&format!("{primary}x"));
    assert_eq!(status, "200");
    let again = project.run(&["up"]).expect(0);
    assert!(!again.stderr.contains("Started"), "{}", again.stderr);
    project.run(&["down"]).expect(0);
    assert_eq!(containers(&project), [""; 0]);
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let project = project();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let up = |port: u16| {
        let mut command = project.command(&["up"]);
        command.env("UPSUN_LOCAL_PORT", port.to_string());
        crate::support::outcome(&mut command, &project.root())
    };
    let refused = up(port).expect(73);
    for said in [
        &format!("error: port {port} of this machine is taken"),
        "hint: end what listens there",
    ] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(
        !containers(&project)
            .iter()
            .any(|name| name.contains("router"))
    );
    drop(taken);
    up(port).expect(0);
}

/// Tells every header, and answers in ways that a router could spoil.
const ODD: &str = r#"
require("node:http").createServer((request, response) => {
  const page = (text) => response.end(text);
  switch (request.url) {
    case "/large": response.setHeader("X-Large", "x".repeat(20000)); return page("large\n");
    case "/slow": response.write("first\n"); return;
    case "/include": response.setHeader("Content-Type", "text/html"); return page('a <!--#include virtual="/part" --> c\n');
    case "/part": return page("b");
    default: return page(`${request.url} ${JSON.stringify(request.headers)}\n`);
  }
}).listen(process.env.PORT);
"#;

/// Its proxy routes lead to the app itself, by the name of its container.
const ODD_CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    source: {root: app}
    build: {flavor: none}
    web: {commands: {start: node odd.js}}
    operations:
      inside: {commands: {start: 'node inside.js'}}
routes:
  "https://{default}/":
    type: upstream
    upstream: app:http
    ssi: {enabled: true}
    redirects:
      paths:
        "/café": {to: "/coffee"}
        "^/n/([^/]*)$": {to: "/number/$1", regexp: true}
        "^/(?<kept>kept/[^/]*)$": {to: "/$kept", regexp: true, code: 307}
  "https://{default}/as-it-is": {type: proxy, to: "http://CONTAINER"}
  "https://{default}/at/top": {type: proxy, to: "http://CONTAINER/"}
  "https://{default}/in": {type: proxy, to: "http://CONTAINER/side"}
"#;

const INSIDE: &str = r#"
const routes = JSON.parse(Buffer.from(process.env.PLATFORM_ROUTES, "base64"));
const [url] = Object.entries(routes).find(([, route]) => route.primary);
fetch(url + "from-inside").then((answer) => answer.text()).then((text) => console.log(text.split(" ")[0]));
"#;

/// A project with that app, and the address of its primary route.
fn odd_project(more_routes: &str) -> (TestProject, String) {
    let project = TestProject::on_engine(ODD_CONFIG);
    project
        .file("app/odd.js", ODD)
        .file("app/inside.js", INSIDE);
    let plan = project
        .run(&["up", "--dry-run", "--format", "json"])
        .expect(0)
        .stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("a plan");
    let container = plan[0]["containers"][0]["container"]["name"]
        .as_str()
        .expect("a name");
    let config = ODD_CONFIG.replace("CONTAINER", container) + more_routes;
    project.file(".upsun/config.yaml", &config);
    let up = project.run(&["up"]).expect(0);
    let url = up
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("Open ")?.strip_suffix("/ for app"))
        .expect("an address")
        .to_owned();
    (project, url)
}

#[test]
fn requests_and_answers_pass_the_router_unspoilt() {
    let (project, url) = odd_project("");
    let at = |path: &str| answer(&format!("{url}{path}"), "");
    let large = at("/large");
    assert!(large.starts_with("HTTP/1.1 200 ") && large.contains("\nlarge\n"));
    // What is there arrives although the answer never ends.
    let mut slow = ask(&format!("{url}/slow"), "");
    slow.set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .expect("a limit");
    let mut got = String::new();
    while !got.contains("first") {
        let mut piece = [0; 1024];
        let length = slow.read(&mut piece).expect("it arrives at once");
        assert_ne!(length, 0, "{got}");
        got.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    let included = at("/include");
    // It comes in chunks, each with its length before it.
    assert!(included.contains("\r\nb\r\n"), "{included}");
    assert!(!included.contains("include"), "{included}");

    let location = |path: &str| get(&format!("{url}{path}")).1;
    assert_eq!(location("/caf%C3%A9/x?y"), "/coffee/x?y");
    assert_eq!(location("/caf%c3%a9"), "/coffee");
    assert_eq!(location("/n/a%20b%C3%A9?c=d"), "/number/a%20b%C3%A9");
    assert_eq!(location("/kept/a%20b%C3%A9"), "/kept/a%20b%C3%A9");
    for path in ["/n/a%0d%0aX-Evil:%20b", "/kept/a%0d%0aX-Evil:%20b"] {
        let answer = at(path);
        assert!(!answer.contains("\nX-Evil: b"), "{answer}");
    }

    for (path, there) in [
        ("/as-it-is/x?y=z", "/as-it-is/x?y=z {"),
        ("/at/top/x?y=z", "/x?y=z {"),
        ("/at/top", "/ {"),
        ("/in/x%20y", "/side/x%20y {"),
    ] {
        let answer = at(path);
        assert!(answer.contains(&format!("\n{there}")), "{path}: {answer}");
        assert!(answer.contains("\"x-client-ip\""), "{path}: {answer}");
    }

    let spoofed = "X-Client-SSL: on\r\nX-Client-IP: 1.2.3.4\r\nX-Original-Route: x\r\nProxy: x\r\nX-Mine: y\r\n";
    let headers = answer(&format!("{url}/headers"), spoofed);
    for absent in ["x-client-ssl", "1.2.3.4", "\"proxy\"", "x-forwarded-host"] {
        assert!(!headers.contains(absent), "{absent}: {headers}");
    }
    for there in [
        "\"x-original-route\":\"https://{default}/\"",
        "\"x-mine\":\"y\"",
    ] {
        assert!(headers.contains(there), "{there}: {headers}");
    }

    // An app finds the environment where `PLATFORM_ROUTES` says that it is.
    let inside = project.run(&["run", "inside"]).expect(0);
    assert_eq!(inside.stdout, "/from-inside\n");
}

#[test]
fn a_hundred_routes_are_not_too_many() {
    let more: String = (0..100)
        .map(|number| {
            let host = format!("a-customer-with-a-long-name-{number}");
            format!(
                "  \"https://{host}.{{default}}/\": {{type: upstream, upstream: \"app:http\"}}\n"
            )
        })
        .collect();
    let (_project, url) = odd_project(&more);
    let authority = url.trim_start_matches("http://");
    let last = format!("http://a-customer-with-a-long-name-99.{authority}/");
    assert!(answer(&last, "").starts_with("HTTP/1.1 200 "));
    let unknown = answer(&format!("http://elsewhere.{authority}/x"), "");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let told = "no route has this address; `upsun-local status` lists the routes\n";
    assert!(unknown.ends_with(told), "{unknown}");
    // A page of a stranger may have a name that leads here: it must not learn what there is.
    assert!(!unknown.contains("customer"), "{unknown}");
}
