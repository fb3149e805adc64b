//! The router of an environment: the nginx configuration that sends requests for its routes to the web servers
//! in front of the apps.

use super::quoting::{literal, pattern, quote, template};
use super::{BEGINNING, Writer};
use crate::routes::{Entrance, Kind, PathRedirect, Route, Target};

/// The port that it listens on.
pub const ROUTER_PORT: u16 = 8080;

/// The variables that the target of a redirect by regular expression may have, besides `$1` to `$9`.
/// Source: <https://docs.upsun.com/define-routes/redirects.html#redirects-using-regular-expressions>
const VARIABLES: [&str; 3] = ["is_args", "args", "uri"];

/// The configuration of the router. `address` says where an upstream is: `host:port`, or nothing when there is
/// none of that name.
pub fn configuration(entrance: &Entrance, address: &dyn Fn(&str) -> Option<String>) -> String {
    let mut writer = Writer::default();
    writer.text.push_str(BEGINNING);
    writer.depth = 1;
    // The engine's own name server; names are looked up again and again, as containers come and go.
    writer.line("resolver 127.0.0.11 valid=1s ipv6=off");
    writer.line("server_names_hash_bucket_size 256");
    writer.line("client_max_body_size 0");
    writer.line("proxy_http_version 1.1");
    writer.line("proxy_request_buffering off");
    writer.line("proxy_read_timeout 300s");
    for (name, value) in [
        ("Host", "$http_host"),
        ("X-Forwarded-For", "$proxy_add_x_forwarded_for"),
        ("X-Forwarded-Host", "$http_host"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Client-IP", "$remote_addr"),
        ("X-Original-Route", "$route_original"),
        ("Upgrade", "$http_upgrade"),
        ("Connection", "$front_connection"),
    ] {
        writer.line(&format!("proxy_set_header {name} {value}"));
    }
    let mut hosts: Vec<&str> = Vec::new();
    for route in &entrance.routes {
        if !hosts.contains(&route.host.as_str()) {
            hosts.push(&route.host);
        }
    }
    for host in hosts {
        server(host, &mut writer, |writer| {
            for route in entrance.routes.iter().filter(|route| route.host == host) {
                write_route(route, address, writer);
            }
            if !has_top(entrance, host) {
                writer.block("location /", |writer| not_here(entrance, writer));
            }
        });
    }
    for (app, host) in &entrance.apps {
        server(host, &mut writer, |writer| {
            writer.block("location /", |writer| {
                pass_on(app, &format!("http://{host}/"), address, writer);
            });
        });
    }
    writer.block("server", |writer| {
        writer.line(&format!("listen {ROUTER_PORT} default_server"));
        writer.line("set $route_original \"\"");
        writer.block("location /", |writer| not_here(entrance, writer));
    });
    writer.depth = 0;
    writer.text.push_str("}\n");
    writer.text
}

fn has_top(entrance: &Entrance, host: &str) -> bool {
    let top = |route: &Route| route.host == host && route.path == "/";
    entrance.routes.iter().any(top)
}

fn server(host: &str, writer: &mut Writer, write: impl FnOnce(&mut Writer)) {
    writer.block("server", |writer| {
        writer.line(&format!("listen {ROUTER_PORT}"));
        writer.line(&format!("server_name {}", quote(host)));
        writer.line("set $route_original \"\"");
        writer.line("set $route_upstream \"\"");
        writer.line("error_page 502 504 @not-up");
        writer.block("location @not-up", |writer| {
            writer.line("default_type text/plain");
            writer.line(&format!(
                "return 502 {}",
                quote("what this route leads to does not answer; `upsun-local up` starts it\n")
            ));
        });
        write(writer);
    });
}

/// What is told about an address that no route has.
fn not_here(entrance: &Entrance, writer: &mut Writer) {
    let mut text = "no route is here; there are:\n".to_owned();
    for (url, name) in entrance.urls() {
        text.push_str(&format!("  {url}  {name}\n"));
    }
    writer.line("default_type text/plain");
    writer.line(&format!("return 404 {}", quote(&literal(&text))));
}

fn write_route(route: &Route, address: &dyn Fn(&str) -> Option<String>, writer: &mut Writer) {
    let mut write = |head: &str| {
        writer.block(head, |writer| {
            for redirect in &route.redirects {
                write_redirect(redirect, writer);
            }
            match &route.kind {
                Kind::Upstream(name) => pass_on(name, &route.original_url, address, writer),
                Kind::Redirect(target) => write_whole(route, target, writer),
                Kind::Proxy(to) => {
                    writer.line("proxy_ssl_server_name on");
                    writer.line("proxy_set_header Host $proxy_host");
                    writer.line(&format!("set $route_upstream {}", quote(&literal(to))));
                    writer.line("proxy_pass $route_upstream");
                }
            }
        });
    };
    write(&format!("location {}", quote(&route.path)));
    let without_slash = route.path.trim_end_matches('/');
    if !without_slash.is_empty() {
        write(&format!("location = {}", quote(without_slash)));
    }
}

fn pass_on(
    name: &str,
    original: &str,
    address: &dyn Fn(&str) -> Option<String>,
    writer: &mut Writer,
) {
    let Some(address) = address(name) else {
        writer.line("return 502");
        return;
    };
    writer.line(&format!(
        "set $route_original {}",
        quote(&literal(original))
    ));
    writer.line(&format!(
        "set $route_upstream {}",
        quote(&literal(&format!("http://{address}")))
    ));
    // Without a path of its own, the request's is passed on as it came.
    writer.line("proxy_pass $route_upstream");
}

/// A redirect of a whole route: what is below its path is carried over.
fn write_whole(route: &Route, target: &Target, writer: &mut Writer) {
    let expression = format!(
        "^{}/?(?<rest>[^?]*)",
        pattern(route.path.trim_end_matches('/'))
    );
    let to = target.to.trim_end_matches('/');
    let to = format!("{}/${{rest}}$is_args$args", literal(to));
    conditional(
        &format!("$request_uri ~ {}", quote(&expression)),
        target,
        &to,
        writer,
    );
}

fn write_redirect(redirect: &PathRedirect, writer: &mut Writer) {
    let target = &redirect.target;
    let (subject, expression, to) = if redirect.regexp {
        let mut names: Vec<String> = (1..10).map(|group| group.to_string()).collect();
        names.extend(VARIABLES.map(str::to_owned));
        names.extend(arguments(&target.to));
        ("$uri", redirect.path.clone(), template(&target.to, &names))
    } else {
        let path = pattern(redirect.path.trim_end_matches('/'));
        let to = target.to.trim_end_matches('/');
        let (expression, suffix) = match (redirect.prefix, redirect.append_suffix) {
            (false, _) => (format!("^{path}/?(?:\\?|$)"), ""),
            (true, false) => (format!("^{path}(?:[/?]|$)"), ""),
            (true, true) => (
                format!("^{path}(?<suffix>/[^?]*)?(?:\\?|$)"),
                "${suffix}$is_args$args",
            ),
        };
        let to = if suffix.is_empty() { &target.to } else { to };
        let to = if to.is_empty() && suffix.is_empty() {
            "/"
        } else {
            to
        };
        (
            "$request_uri",
            expression,
            format!("{}{suffix}", literal(to)),
        )
    };
    conditional(
        &format!("{subject} ~ {}", quote(&expression)),
        target,
        &to,
        writer,
    );
}

/// The names of `$arg_…` in a target.
fn arguments(to: &str) -> Vec<String> {
    to.match_indices("arg_")
        .map(|(at, _)| {
            let rest = &to[at..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .collect()
}

fn conditional(condition: &str, target: &Target, to: &str, writer: &mut Writer) {
    writer.block(&format!("if ({condition})"), |writer| {
        if let Some(expires) = &target.expires {
            writer.line(&format!("expires {expires}"));
        }
        writer.line(&format!("return {} {}", target.code, quote(to)));
    });
}
