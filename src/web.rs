//! The web server in front of an app, as an nginx configuration made from `web.locations` and `web.upstream`.
//! It serves the app's files itself and passes on to the app what `passthru` says. Pure.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/web.html>. Where that is silent:
//! **assumptions**, each named where it is made, are that a location covers its path and what is below it
//! and nothing else, that an app without `locations` gets every request, and that `expires: -1` sends no header.

mod location;
mod quoting;
pub mod router;
mod upstream;

use std::fmt::Write as _;

use self::location::PlannedLocation;
use self::router::hold::ABSENT_HEADER;
use self::upstream::Upstream;
use crate::config::app::{App, Location, Passthru, Properties, RequestBuffering, SocketFamily};
use crate::layout::{PORT, SOCKET};

/// The port that it listens on.
pub(crate) const FRONT_PORT: u16 = 80;

/// What comes before the server: nothing here depends on the app. Everything that nginx writes goes to `/tmp`
/// or to its own output, so that it needs no rights.
const BEGINNING: &str = include_str!("web/beginning.conf");

/// The configuration of the web server in front of an app.
pub fn configuration(app: &App) -> String {
    let site = Site::of(app);
    let mut writer = Writer::default();
    writer.text.push_str(BEGINNING);
    writer.depth = 1;
    upstream::write_group(app.web.socket_family, &mut writer);
    writer.block("server", |writer| {
        writer.line(&format!("listen {FRONT_PORT} default_server"));
        writer.line("root /app");
        writer.line("set $front_turn first");
        writer.line("set $front_script \"\"");
        writer.line("set $front_script_name \"\"");
        writer.line("set $front_path_info \"\"");
        writer.line("set $front_root \"\"");
        site.upstream.write_common(writer);
        for place in &site.places {
            place.write(&site, writer);
        }
        write_absence(writer);
        writer.block("location /", |writer| writer.line("return 404"));
    });
    writer.depth = 0;
    writer.text.push_str("}\n");
    writer.text
}

/// What happens to a request that the app does not take, as it has ended or is just started. A router that wants to let the
/// request wait has said where, and gets it back.
fn write_absence(writer: &mut Writer) {
    let header = ABSENT_HEADER.to_lowercase().replace('-', "_");
    // The request came to the app by an error page already.
    writer.line("recursive_error_pages on");
    writer.line("error_page 502 @absent");
    writer.block("location @absent", |writer| {
        // One of its own, so that its answer does not lead here again.
        writer.line("error_page 590 @absent");
        writer.line(&format!(
            "add_header X-Accel-Redirect $http_{header} always"
        ));
        writer.line("return 502");
    });
}

/// Where the app has to listen before requests for it make sense: its port or its socket. `None` when nothing
/// runs in it, or nothing is ever passed on to it.
pub(crate) fn upstream_address(app: &App) -> Option<&'static str> {
    app.web.commands.start.as_ref()?;
    let passes_on = |properties: &Properties| {
        let passthru = properties.passthru.as_ref();
        passthru.is_some_and(|passthru| *passthru != Passthru::Never)
    };
    let site = Site::of(app);
    let any = site.upstream == Upstream::Fpm
        || site.places.iter().any(|place| {
            let location = &place.location;
            passes_on(&location.properties)
                || location.rules.iter().any(|(_, rule)| passes_on(rule))
        });
    any.then_some(match app.web.socket_family {
        SocketFamily::Tcp => PORT,
        SocketFamily::Unix => SOCKET,
    })
}

/// What all locations of an app need to know of it.
struct Site {
    /// The places, the most specific first.
    places: Vec<PlannedLocation>,
    upstream: Upstream,
    /// Whether there are scripts that `scripts` is about.
    is_php: bool,
}

impl Site {
    fn of(app: &App) -> Site {
        let mut locations = app.web.locations.clone();
        if locations.is_empty() {
            locations.push(Location {
                path: "/".to_owned(),
                root: None,
                index: Vec::new(),
                properties: Properties {
                    passthru: Some(Passthru::App),
                    ..Properties::default()
                },
                rules: Vec::new(),
                request_buffering: RequestBuffering::default(),
            });
        }
        // The longest path is the most specific one.
        locations.sort_by_key(|location| std::cmp::Reverse(location.path.len()));
        let enclosing = |path: &str| -> Vec<Location> {
            let covers = |outer: &&Location| below(&outer.path, path);
            locations.iter().filter(covers).cloned().collect()
        };
        let is_php = app.image.primary() == Some("php");
        Site {
            places: locations
                .iter()
                .enumerate()
                .map(|(number, location)| {
                    PlannedLocation::new(number, location, &enclosing(&location.path))
                })
                .collect(),
            upstream: Upstream::of(app.web.protocol, is_php),
            is_php,
        }
    }
}

/// Whether `path` is `outer` or lies below it.
fn below(outer: &str, path: &str) -> bool {
    let rest = path.strip_prefix(outer.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Writes directives, one a line.
#[derive(Default)]
struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// A directive whose words are quoted already.
    fn line(&mut self, directive: &str) {
        let _ = writeln!(self.text, "{:1$}{directive};", "", 4 * self.depth);
    }

    /// A block of directives.
    fn block(&mut self, head: &str, write: impl FnOnce(&mut Writer)) {
        let _ = writeln!(self.text, "{:1$}{head} {{", "", 4 * self.depth);
        self.depth += 1;
        write(self);
        self.depth -= 1;
        let _ = writeln!(self.text, "{:1$}}}", "", 4 * self.depth);
    }

    /// One directive under a condition.
    fn when(&mut self, condition: &str, directive: &str) {
        let _ = writeln!(
            self.text,
            "{:1$}if ({condition}) {{ {directive}; }}",
            "",
            4 * self.depth
        );
    }
}

#[cfg(test)]
mod tests;
