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

/// The answer to a GET request at the port of an address, for the host of it: status, `Location`, body.
fn get(url: &str) -> (String, String, String) {
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
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
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
