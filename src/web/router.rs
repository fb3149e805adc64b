//! The router of an environment: the nginx configuration that sends requests for its routes to the web servers
//! in front of the apps. They get there with the headers of <https://docs.upsun.com/development/headers.html>,
//! and neither requests nor answers are kept back until they are whole.

pub(crate) mod hold;
mod redirect;

use std::collections::BTreeSet;

use super::quoting::{literal, quote};
use super::{BEGINNING, Writer};
use crate::routes::{Entrance, Kind, Route};

/// The file that names the engine's name server: that is known only once the container runs.
pub(crate) const RESOLVER: &str = "/tmp/resolver.conf";

/// The directory of the page for addresses that no route has.
pub(crate) const PAGE_DIRECTORY: &str = "/etc/nginx";
/// The file of that page. nginx accepts no text of more than 4096 bytes in its configuration.
pub(crate) const PAGE: &str = "upsun-local-routes.txt";

/// What holds for all servers. Large headers are no error on Upsun either.
const COMMON: [&str; 12] = [
    "server_names_hash_bucket_size 512",
    "server_names_hash_max_size 8192",
    "client_max_body_size 0",
    "proxy_http_version 1.1",
    "proxy_request_buffering off",
    "proxy_buffering off",
    "proxy_buffer_size 64k",
    "proxy_buffers 8 64k",
    "proxy_busy_buffers_size 128k",
    "proxy_read_timeout 3600s",
    "proxy_send_timeout 3600s",
    "proxy_ssl_server_name on",
];

/// What the beginning of the configuration says of requests,
const SILENT: &str = "access_log /dev/stdout combined;";

/// and what stands there if they are to be printed: one JSON object a line.
const REQUEST: &str = "log_format dev escape=json '{\"method\":\"$request_method\",\"host\":\"$host\",\"path\":\"$request_uri\",\"status\":\"$status\",\"seconds\":\"$request_time\"}';
    access_log /dev/stdout dev;";

/// The headers that requests are passed on with. An empty value removes a header: only the router may set these.
const HEADERS: [(&str, &str); 17] = [
    ("Host", "$route_host"),
    ("X-Forwarded-For", "$proxy_add_x_forwarded_for"),
    // What a request says of itself counts, so that an app can be tried as it answers behind https.
    ("X-Forwarded-Proto", "$front_scheme"),
    ("X-Client-IP", "$remote_addr"),
    ("X-Original-Route", "$route_original"),
    ("Upgrade", "$http_upgrade"),
    ("Connection", "$front_connection"),
    ("Accept-Encoding", "$route_encoding"),
    ("X-Client-SSL", "\"\""),
    ("X-Client-Verify", "\"\""),
    ("X-Client-DN", "\"\""),
    ("X-Client-Cert", "\"\""),
    ("Client-Cdn", "\"\""),
    ("Client-Country", "\"\""),
    ("Client-Abuse-Score", "\"\""),
    ("Client-Asn", "\"\""),
    ("Proxy", "\"\""),
];

/// The configuration of the router. `address` says where an upstream is: `host:port`, or nothing when there is
/// none of that name. `of_dev` is whether it leads to apps that are edited: then it prints each request, as `REQUEST` has
/// it, and requests can wait for an app whose front is up.
pub fn configuration(
    entrance: &Entrance,
    address: &dyn Fn(&str) -> Option<String>,
    of_dev: bool,
) -> String {
    let mut writer = Writer::default();
    if of_dev {
        writer
            .text
            .push_str(&BEGINNING.replacen(SILENT, REQUEST, 1));
    } else {
        writer.text.push_str(BEGINNING);
    }
    writer.depth = 1;
    // Names are looked up again and again, as containers come and go.
    writer.line(&format!("include {RESOLVER}"));
    for line in COMMON {
        writer.line(line);
    }
    for (name, value) in HEADERS {
        writer.line(&format!("proxy_set_header {name} {value}"));
    }
    let absent = hold::ABSENT_HEADER;
    writer.line(&format!("proxy_set_header {absent} $route_absent"));
    writer.block("map $http_x_forwarded_proto $front_scheme", |writer| {
        writer.line("https https");
        writer.line("default $scheme");
    });
    redirect::write_maps(&mut writer);
    hold::write_common(&mut writer);
    write_rests(entrance, &mut writer);
    let port = entrance.port;
    let mut hosts: Vec<&str> = Vec::new();
    for route in &entrance.routes {
        if !hosts.contains(&route.host.as_str()) {
            hosts.push(&route.host);
        }
    }
    for host in hosts {
        server(host, port, of_dev, &mut writer, |writer| {
            for route in entrance.routes.iter().filter(|route| route.host == host) {
                write_route(route, address, writer);
            }
            if !has_top(entrance, host) {
                not_here(writer);
            }
        });
    }
    for (app, host) in &entrance.apps {
        server(host, port, of_dev, &mut writer, |writer| {
            writer.block("location /", |writer| {
                pass_on(app, &format!("http://{host}/"), address, writer);
            });
        });
    }
    writer.block("server", |writer| {
        writer.line(&format!("listen {port} default_server"));
        not_here(writer);
    });
    writer.depth = 0;
    writer.text.push_str("}\n");
    writer.text
}

/// The page for an address without a route. It names no other route: any page in a browser can make its own name
/// lead to this machine, and could read the text.
pub(crate) const PAGE_TEXT: &str =
    "no route has this address; `upsun-local status` lists the routes\n";

/// The answer if an upstream is not up,
const ABSENT: &str = "what this route leads to does not answer; `upsun-local up` starts it\n";

/// and if it may be one that is edited.
const ABSENT_IN_DEV: &str = "what this route leads to does not answer; the terminal of `upsun-local dev` shows what it says\n";

fn has_top(entrance: &Entrance, host: &str) -> bool {
    let top = |route: &Route| route.host == host && route.path == "/";
    entrance.routes.iter().any(top)
}

fn server(
    host: &str,
    port: u16,
    of_dev: bool,
    writer: &mut Writer,
    write: impl FnOnce(&mut Writer),
) {
    writer.block("server", |writer| {
        writer.line(&format!("listen {port}"));
        writer.line(&format!("server_name {}", quote(host)));
        writer.line("set $route_original \"\"");
        writer.line("set $route_upstream \"\"");
        writer.line("set $route_host $http_host");
        writer.line("set $route_encoding $http_accept_encoding");
        let absent = if of_dev { ABSENT_IN_DEV } else { ABSENT };
        hold::write_server(absent, of_dev, writer);
        write(writer);
    });
}

fn not_here(writer: &mut Writer) {
    writer.block("location /", |writer| {
        writer.line(&format!("error_page 404 /{PAGE}"));
        writer.line("return 404");
    });
    writer.block(&format!("location = /{PAGE}"), |writer| {
        writer.line("internal");
        writer.line(&format!("root {PAGE_DIRECTORY}"));
    });
}

fn write_route(route: &Route, address: &dyn Fn(&str) -> Option<String>, writer: &mut Writer) {
    let mut write = |head: &str| {
        writer.block(head, |writer| {
            for path in &route.redirects {
                redirect::write_path(path, writer);
            }
            match &route.kind {
                Kind::Upstream(name) => {
                    if route.ssi {
                        writer.line("ssi on");
                        // What is compressed cannot be looked through.
                        writer.line("set $route_encoding \"\"");
                        // A further attempt would not look at the answer.
                        writer.line("set $route_wait no-");
                    }
                    pass_on(name, &route.original_url, address, writer);
                }
                Kind::Redirect(target) => redirect::write_whole(route, target, writer),
                Kind::Proxy(to) => write_proxy(route, to, writer),
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
    hold::write_upstream(name, writer);
    // Without a path of its own, the request's is passed on as it came.
    writer.line("proxy_pass $route_upstream");
}

/// How many parts the path of a route has.
fn depth(route: &Route) -> usize {
    route.path.trim_end_matches('/').matches('/').count()
}

/// A server elsewhere, and the path there that replaces the path of the route, if one is written.
fn proxied(to: &str) -> (&str, Option<&str>) {
    let begin = to.find("://").map_or(0, |at| at + 3);
    match to[begin..].find('/') {
        Some(at) => (&to[..begin + at], Some(&to[begin + at..])),
        None => (to, None),
    }
}

/// For routes whose path is replaced: the rest of a request's path after the path of the route, as the client wrote
/// it.
fn write_rests(entrance: &Entrance, writer: &mut Writer) {
    let depths: BTreeSet<usize> = entrance
        .routes
        .iter()
        .filter(|route| matches!(&route.kind, Kind::Proxy(to) if proxied(to).1.is_some()))
        .map(depth)
        .collect();
    for depth in depths {
        let rest = format!("route_rest_{depth}");
        let expression = format!("~^(?:/[^/?]*){{{depth}}}(?<{rest}_>.*)$");
        writer.block(&format!("map $request_uri ${rest}"), |writer| {
            writer.line("default \"\"");
            writer.line(&format!("{} ${rest}_", quote(&expression)));
        });
        // Without any path, nginx would take the request's.
        writer.block(&format!("map ${rest} $route_slash_{depth}"), |writer| {
            writer.line("default /");
            writer.line("~^/ \"\"");
        });
    }
}

/// Source: <https://docs.upsun.com/define-routes/proxy.html#url-paths>
fn write_proxy(route: &Route, to: &str, writer: &mut Writer) {
    let (server, path) = proxied(to);
    let authority = server.split("://").last().unwrap_or_default();
    let original = quote(&literal(&route.original_url));
    writer.line(&format!("set $route_original {original}"));
    writer.line(&format!("set $route_host {}", quote(&literal(authority))));
    // What is elsewhere does not need to know where requests wait.
    writer.line("set $route_absent \"\"");
    let target = match path.map(|path| path.trim_end_matches('/')) {
        None => literal(server),
        Some("") => {
            let depth = depth(route);
            format!(
                "{}${{route_slash_{depth}}}${{route_rest_{depth}}}",
                literal(server)
            )
        }
        Some(path) => format!(
            "{}${{route_rest_{}}}",
            literal(&format!("{server}{path}")),
            depth(route)
        ),
    };
    writer.line(&format!("set $route_upstream {}", quote(&target)));
    writer.line("proxy_pass $route_upstream");
}
