//! Requests during a deploy. Upsun holds them; nginx knows no such thing, and is brought to it here: a request whose
//! upstream does not answer is sent to a server that never answers, given up there after a moment, and sent to its
//! upstream again. After the last time, an answer says that the app is being deployed.
//!
//! Only requests without a body wait: the router does not keep bodies, so it cannot send one again.

use super::super::Writer;
use super::super::quoting::{literal, quote};

/// The directory with a file for each upstream that is being deployed.
const DIRECTORY: &str = "/tmp/deploys";

/// The socket of the server that never answers.
const SOCKET: &str = "unix:/tmp/hold.sock";

/// How long a request waits before each further attempt. nginx follows ten redirects of a request, and each attempt
/// takes two.
const PAUSES: [&str; 4] = ["500ms", "1500ms", "3s", "10s"];

/// The scripts that note the deploy of an upstream, and its end. The upstream's mark is their first argument.
pub(crate) const BEGIN: &str =
    "mkdir -p /tmp/deploys && touch \"/tmp/deploys/$1\" \"/tmp/deploys/hold-$1\"";
pub(crate) const END: &str = "rm -f \"/tmp/deploys/$1\" \"/tmp/deploys/hold-$1\"";

/// The name of the file for an upstream.
pub(crate) fn mark(upstream: &str) -> String {
    upstream.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the server that never answers, and which requests may wait.
pub(super) fn write_common(writer: &mut Writer) {
    writer.line("recursive_error_pages on");
    let request = "\"$request_method:$content_length$http_transfer_encoding\"";
    writer.block(&format!("map {request} $route_may_wait"), |writer| {
        writer.line("\"~^(GET|HEAD|OPTIONS):$\" hold-");
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
/// being deployed.
pub(super) fn write_server(absent: &str, writer: &mut Writer) {
    for variable in ["mark", "name"] {
        writer.line(&format!("set $route_{variable} \"\""));
    }
    writer.line("set $route_wait $route_may_wait");
    writer.line("error_page 502 504 @not-up");
    writer.block("location @not-up", |writer| {
        writer.line("default_type text/plain");
        writer.line("error_page 418 = @hold-0");
        writer.block(
            &format!("if (-f {DIRECTORY}/${{route_wait}}${{route_mark}})"),
            |writer| writer.line("return 418"),
        );
        writer.line("error_page 419 = @deploying");
        writer.block(&format!("if (-f {DIRECTORY}/${{route_mark}})"), |writer| {
            writer.line("return 419");
        });
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
            writer.line("proxy_pass $route_upstream");
            // The address of a container that is gone may take long to fail.
            writer.line("proxy_connect_timeout 3s");
            let next = match at + 1 {
                next if next < PAUSES.len() => format!("@hold-{next}"),
                _ => "@deploying".to_owned(),
            };
            writer.line(&format!("error_page 502 504 = {next}"));
        });
    }
    writer.block("location @deploying", |writer| {
        writer.line("default_type text/plain");
        writer.line("add_header Retry-After 1 always");
        let text = "`${route_name}` is being deployed: send the request again in a moment; if no upsun-local is at work, `upsun-local up` ends the deploy\n";
        writer.line(&format!("return 503 {}", quote(text)));
    });
}

/// Writes which upstream a location leads to.
pub(super) fn write_upstream(name: &str, writer: &mut Writer) {
    writer.line(&format!("set $route_mark {}", mark(name)));
    writer.line(&format!("set $route_name {}", quote(&literal(name))));
}
