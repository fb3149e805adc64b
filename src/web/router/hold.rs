//! Requests during a deploy. Upsun holds them; nginx knows no such thing, and is brought to it here: a request whose
//! upstream does not answer is sent to a server that never answers, given up there after a moment, and sent to its
//! upstream again. After the last time, an answer says that the app is being deployed.
//!
//! Only requests without a body wait: the router does not keep bodies, so it cannot send one again.

use super::super::Writer;
use super::super::quoting::{literal, quote};

/// The directory with a directory for each upstream whose requests wait. It has a file for each command that wants that.
const DIRECTORY: &str = "/tmp/deploys";

/// The beginning of the names of these directories. Requests that may not wait look for another name.
const HOLDS: &str = "hold-";

/// The socket of the server that never answers.
const SOCKET: &str = "unix:/tmp/hold.sock";

/// How long a request waits before each further attempt. nginx follows ten redirects of a request, and each attempt
/// takes two.
const PAUSES: [&str; 4] = ["500ms", "1500ms", "3s", "10s"];

/// Lets requests to an upstream wait as long as its standard input is open, and says so when it does. The upstream's mark
/// is its argument. An engine closes that input when the client ends, in whatever way.
pub(crate) const HOLD: &str = include_str!("hold.sh");
/// What it says.
pub(crate) const HELD: &str = "held";

/// The header with which the router tells a front where requests wait that the app takes none of. The front answers
/// with that place, which is one of the router's.
pub(crate) const ABSENT_HEADER: &str = "X-Upsun-Local-Absent";

/// The name of the directory for an upstream.
pub(crate) fn mark(upstream: &str) -> String {
    let hex: String = upstream.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{HOLDS}{hex}")
}

/// Writes the server that never answers, and which requests may wait.
pub(super) fn write_common(writer: &mut Writer) {
    writer.line("recursive_error_pages on");
    let request = "\"$request_method:$content_length$http_transfer_encoding\"";
    writer.block(&format!("map {request} $route_may_wait"), |writer| {
        writer.line(&format!("\"~^(GET|HEAD|OPTIONS):$\" {HOLDS}"));
        writer.line("default no-");
    });
    writer.block("server", |writer| {
        writer.line(&format!("listen {SOCKET}"));
        writer.line("access_log off");
        writer.block("location /", |writer| {
            // It waits for a body that never comes.
            writer.line("proxy_request_buffering on");
            writer.line("proxy_pass http://127.0.0.1:1");
        });
    });
}

/// Writes what happens in a server to requests whose upstream does not answer. `absent` is the text where nothing is
/// being deployed. `waits_for_apps` says that requests also wait for an app whose front is up.
pub(super) fn write_server(absent: &str, waits_for_apps: bool, writer: &mut Writer) {
    for variable in ["mark", "name"] {
        writer.line(&format!("set $route_{variable} \"\""));
    }
    writer.line("set $route_wait $route_may_wait");
    writer.line(&format!(
        "set $route_absent {}",
        if waits_for_apps { "@not-up" } else { "\"\"" }
    ));
    writer.line("error_page 502 504 @not-up");
    writer.block("location @not-up", |writer| {
        writer.line("default_type text/plain");
        writer.line("error_page 418 = @hold-0");
        writer.block(
            &format!("if (-d {DIRECTORY}/${{route_wait}}${{route_mark}})"),
            |writer| writer.line("return 418"),
        );
        writer.line("error_page 419 = @deploying");
        writer.block(
            &format!("if (-d {DIRECTORY}/{HOLDS}${{route_mark}})"),
            |writer| writer.line("return 419"),
        );
        writer.line(&format!("return 502 {}", quote(absent)));
    });
    for (at, pause) in PAUSES.iter().enumerate() {
        writer.block(&format!("location @hold-{at}"), |writer| {
            writer.line("error_log stderr crit");
            writer.line(&format!("proxy_pass http://{SOCKET}"));
            writer.line("proxy_pass_request_body off");
            writer.line("proxy_set_header Content-Length 1");
            writer.line(&format!("proxy_read_timeout {pause}"));
            writer.line(&format!("error_page 502 504 = @try-{at}"));
        });
        writer.block(&format!("location @try-{at}"), |writer| {
            writer.line("error_log stderr crit");
            let next = match at + 1 {
                next if next < PAUSES.len() => format!("@hold-{next}"),
                _ => "@deploying".to_owned(),
            };
            if waits_for_apps {
                writer.line(&format!("set $route_absent {next}"));
            }
            writer.line("proxy_pass $route_upstream");
            // The address of a container that is gone may take long to fail.
            writer.line("proxy_connect_timeout 3s");
            writer.line(&format!("error_page 502 504 = {next}"));
        });
    }
    writer.block("location @deploying", |writer| {
        writer.line("default_type text/plain");
        writer.line("add_header Retry-After 1 always");
        let what = if waits_for_apps {
            "deployed or started again"
        } else {
            "deployed"
        };
        let text =
            format!("`${{route_name}}` is being {what}: send the request again in a moment\n");
        writer.line(&format!("return 503 {}", quote(&text)));
    });
}

/// Writes which upstream a location leads to.
pub(super) fn write_upstream(name: &str, writer: &mut Writer) {
    writer.line(&format!(
        "set $route_mark {}",
        mark(name).trim_start_matches(HOLDS)
    ));
    writer.line(&format!("set $route_name {}", quote(&literal(name))));
}
