//! One location: which file a request means, whether it is served, and what becomes of the request if not.
//!
//! What a location and its rules decide is written with the rewrite module's directives alone (`set`, `if`,
//! `rewrite`, `return`): they run in the order in which they stand. A request leaves in one of four ways: it
//! falls through and the file is served, it goes on to the app by the code [`PASS`], it starts over as a
//! request for another path, or it ends with an error.

use super::quoting::{group_names, header_name, header_value, literal, pattern, quote, template};
use super::upstream::Upstream;
use super::{Site, Writer};
use crate::config::app::{Expires, Location, Passthru, Properties};

/// A code that no app sends; it stands for "to the app".
const PASS: &str = "return 590";

/// The longest time that nginx takes, in seconds.
const LONGEST: u64 = i32::MAX as u64;

/// A location, with what it has from those that it lies in.
pub(super) struct PlannedLocation {
    number: usize,
    pub(super) location: Location,
    /// The directory whose files the location serves, and the path that stands for that directory: its own, or
    /// those of the nearest location around it that has a `root`.
    root: Option<(String, String)>,
    /// The path that the location, or the nearest location around it, passes requests on to. For FPM, `passthru:
    /// true` means that path: an app needs a script.
    controller: Option<String>,
}

/// What becomes of a request for what is missing or not allowed.
enum Fallback {
    Error,
    App,
    /// The request starts over with this path, a word in which nginx replaces variables.
    Path(String),
}

impl PlannedLocation {
    /// `enclosing` are the location itself and those around it, the nearest first.
    pub(super) fn new(
        number: usize,
        location: &Location,
        enclosing: &[Location],
    ) -> PlannedLocation {
        let root = enclosing.iter().find_map(|outer| {
            let root = outer.root.as_ref()?;
            Some((root.clone(), outer.path.trim_end_matches('/').to_owned()))
        });
        let controller = enclosing
            .iter()
            .find_map(|outer| match &outer.properties.passthru {
                Some(Passthru::Path(path)) => Some(path.clone()),
                _ => None,
            });
        PlannedLocation {
            number,
            location: location.clone(),
            root,
            controller,
        }
    }

    pub(super) fn write(&self, site: &Site, writer: &mut Writer) {
        let location = &self.location;
        let own = &location.properties;
        let (number, size) = (self.number, location.request_buffering.max_request_size);
        writer.block(
            &format!("location ~ {}", quote(&self.pattern())),
            |writer| {
                writer.line(&format!("client_max_body_size {size}"));
                writer.line(&format!("error_page 590 = @app_{number}"));
                for (pattern, rule) in &location.rules {
                    let names = group_names(pattern);
                    writer.block(&format!("location ~ {}", quote(pattern)), |writer| {
                        self.write_properties(&rule.or(own), &names, site, writer);
                    });
                }
                // A location of its own, so that nothing of it is handed down to those of the rules.
                writer.block("location ~ ^", |writer| {
                    self.write_properties(own, &[], site, writer);
                });
            },
        );
        writer.block(&format!("location @app_{number}"), |writer| {
            let buffering = location.request_buffering;
            site.upstream.write_pass(buffering, writer);
        });
    }

    /// Matches the paths of this location. What comes after the path that stands for its directory is put
    /// aside as `$front_rest`.
    fn pattern(&self) -> String {
        let path = self.location.path.trim_end_matches('/');
        let prefix = self.root.as_ref().map_or(path, |(_, prefix)| prefix);
        let below = path.strip_prefix(prefix).unwrap_or_default();
        let rest = if path.is_empty() { "/.*" } else { "(?:/.*)?" };
        format!(
            "(?s)^{}(?<front_rest>{}{rest})\\z",
            pattern(prefix),
            pattern(below)
        )
    }

    fn write_properties(
        &self,
        properties: &Properties,
        names: &[String],
        site: &Site,
        writer: &mut Writer,
    ) {
        let allowed = properties.allow.unwrap_or(true);
        let fallback = self.fallback(properties, names, site.upstream);
        let Some((root, prefix)) = &self.root else {
            // **Assumption**: without a `root`, no file is served, but FPM finds the script that requests
            // are passed on to, relative to the app's root.
            if site.upstream == Upstream::Fpm {
                write_file("", writer);
                write_scripts("", "", false, writer);
            }
            write_fallback(&fallback, None, site.upstream, writer);
            return;
        };
        write_file(root, writer);
        if site.is_php {
            let scripts = properties.scripts.unwrap_or(true);
            write_scripts(root, prefix, scripts, writer);
        }
        write_index(&self.location.index, writer);
        write_fallback(&fallback, Some(allowed), site.upstream, writer);
        if allowed {
            write_serving(properties, writer);
        }
    }

    fn fallback(&self, properties: &Properties, names: &[String], upstream: Upstream) -> Fallback {
        let path = |path: &str| Fallback::Path(quote(&template(path, names)));
        match (&properties.passthru, upstream) {
            (None | Some(Passthru::Never), _) => Fallback::Error,
            (Some(Passthru::Path(target)), _) => path(target),
            (Some(Passthru::App), Upstream::Fpm) => match &self.controller {
                Some(controller) => path(controller),
                None => Fallback::Error,
            },
            (Some(Passthru::App), _) => Fallback::App,
        }
    }
}

/// Which file the request means.
fn write_file(root: &str, writer: &mut Writer) {
    let slash = if root.is_empty() { "" } else { "/" };
    let path = quote(&format!("{slash}{}$front_rest", literal(root)));
    writer.line(&format!("set $front_path {path}"));
    writer.line("set $front_file /app$front_path");
    // nginx removes `..` from requests, but not from what `passthru` makes of them.
    let up = quote(r"(?:^|/)\.\.(?:/|\z)");
    writer.when(&format!("$front_rest ~ {up}"), "return 404");
}

/// Runs the script that the request means, which may be followed by a further path. What `passthru` leads to
/// runs whatever `scripts` says.
fn write_scripts(root: &str, prefix: &str, allowed: bool, writer: &mut Writer) {
    let slash = if root.is_empty() { "" } else { "/" };
    let directory = format!("/app{slash}{}", literal(root));
    let script = quote(&format!("{directory}$front_php"));
    let name = quote(&format!("{}$front_php", literal(prefix)));
    let root = quote(&directory);
    let pattern = quote(r"(?s)^(?<front_php>.*?\.php)(?<front_path_info>(?:/.*)?)\z");
    writer.line("set $front_script \"\"");
    writer.when(
        &format!("$front_rest ~ {pattern}"),
        &format!(
            "set $front_script {script}; set $front_script_name {name}; set $front_root {root}"
        ),
    );
    if allowed {
        writer.when("-f $front_script", PASS);
    } else {
        writer.line("set $front_runs \"\"");
        writer.when("-f $front_script", "set $front_runs $front_turn");
        writer.when("$front_runs = again", PASS);
    }
}

/// A directory with one of these files stands for that file.
fn write_index(names: &[String], writer: &mut Writer) {
    let mut names = names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .filter(|name| !name.is_empty() && !name.split('/').any(|part| part == ".."))
        .peekable();
    if names.peek().is_none() {
        return;
    }
    writer.line("set $front_index \"\"");
    let names: Vec<&str> = names.collect();
    // The first one has the last word.
    for name in names.into_iter().rev() {
        let name = literal(name);
        let file = quote(&format!("$front_file/{name}"));
        writer.line(&format!("set $front_try {file}"));
        let found = format!("set $front_index {}", quote(&name));
        writer.when("-f $front_try", &found);
    }
    writer.line("set $front_bare \"\"");
    let slash = quote(r"/\z");
    writer.when(&format!("$uri !~ {slash}"), "set $front_bare $front_index");
    let redirect = format!("rewrite {} \"$1/\" permanent", quote(r"(?s)^(.*)\z"));
    writer.when("$front_bare", &redirect);
    writer.when("$front_index", "rewrite ^ \"$uri$front_index\" last");
}

/// What becomes of requests that do not mean a file that is served. `allowed` says whether files are served;
/// `None` when there are none.
fn write_fallback(
    fallback: &Fallback,
    allowed: Option<bool>,
    upstream: Upstream,
    writer: &mut Writer,
) {
    let missing = "!-f $front_file";
    match (fallback, allowed) {
        (Fallback::App, Some(true)) => writer.when(missing, PASS),
        (Fallback::App, _) => writer.line(PASS),
        (Fallback::Error, None) => writer.line("return 404"),
        (Fallback::Error, Some(allowed)) => {
            // Directories are never listed.
            writer.when("-d $front_file", "return 403");
            writer.when(missing, "return 404");
            if !allowed {
                writer.line("return 403");
            }
        }
        (Fallback::Path(path), _) => {
            if allowed == Some(true) {
                writer.line("set $front_left \"\"");
                writer.when(missing, "set $front_left $front_turn");
            } else {
                writer.line("set $front_left $front_turn");
            }
            let over = format!("set $front_turn again; rewrite ^ {path} last");
            writer.when("$front_left = first", &over);
            // A request does not start over twice, and FPM has no script for it then.
            let end = match upstream {
                Upstream::Fpm => "return 404",
                Upstream::Http | Upstream::FastCgi => PASS,
            };
            writer.when("$front_left = again", end);
        }
    }
}

/// Serves the file, with its headers.
fn write_serving(properties: &Properties, writer: &mut Writer) {
    let nothing = indexmap::IndexMap::new();
    let headers = properties.headers.as_ref().unwrap_or(&nothing);
    let mut cached = false;
    // All files of a build have the same time, so that a browser would take another build's for its own.
    writer.line("etag off");
    writer.line("if_modified_since off");
    writer.line("add_header Last-Modified \"\"");
    for (name, value) in headers {
        let Some(name) = header_name(name) else {
            continue;
        };
        let value = header_value(value);
        match name.to_ascii_lowercase().as_str() {
            // nginx would send two.
            "content-type" => {
                writer.block("types", |_| {});
                writer.line(&format!("default_type {}", quote(&value)));
                continue;
            }
            // <https://docs.upsun.com/create-apps/web/custom-headers.html#cross-origin-requests>
            "access-control-allow-origin" if value == "*" => {
                writer.line(&format!("add_header {} $http_origin", quote(name)));
                writer.line("add_header Vary Origin");
                continue;
            }
            "cache-control" => cached = true,
            _ => {}
        }
        let (name, value) = (quote(name), quote(&literal(&value)));
        writer.line(&format!("add_header {name} {value}"));
    }
    // Upsun ignores `expires` where a header says it.
    if let Some(Expires::After(time)) = properties.expires.filter(|_| !cached) {
        let seconds = time.as_secs().min(LONGEST);
        writer.line(&format!("expires {seconds}s"));
    }
    writer.line("rewrite ^ $front_path break");
}
