//! Files and directories that the configuration names and that are not in the source: what is served, the front
//! controller, the script that PHP loads first.
//!
//! Sources: <https://docs.upsun.com/create-apps/image-properties/web.html>,
//! <https://docs.upsun.com/languages/php/tuning.html>

use std::path::Path;

use super::super::decode::normalize;
use super::super::files::Kind;
use super::super::node::{Entry, Node};
use super::super::report::Report;
use super::super::schema::nearest;
use super::super::source::Repository;
use super::build::{Built, Presence};
use super::{entries, error, warning};

const DOCS: &str = "/create-apps/image-properties/web.html";
const PRELOAD_DOCS: &str = "/languages/php/tuning.html";

/// How many directories are looked into for one that was meant.
const MOST_DIRECTORIES: usize = 50;

pub(super) fn check(app: &Entry, repository: &Repository, report: &mut Report) {
    let built = Built::new(app, repository);
    if let Some(web) = app.value.get("web") {
        for location in entries(web, "locations") {
            root(location, &built, report);
            front_controller(app, location, &built, report);
        }
    }
    preload(app, &built, report);
}

/// A directory that is neither in the source nor made by the build can never be served.
fn root(location: &Entry, built: &Built<'_>, report: &mut Report) {
    let Some(root) = location.value.get("root") else {
        return;
    };
    let Some(text) = root.text() else { return };
    let path = normalize(text);
    if leaves(&path) {
        let message = format!("`root` leaves the application's directory with `..`: `{text}`");
        let problem = error(report, "U371", root.span, message);
        report.add(problem.hint("it is a directory inside the app").docs(DOCS));
        return;
    }
    if path.is_empty() {
        return;
    }
    let meant = || meant_root(&path, location, built);
    let (message, hint) = match built.find(&path, Kind::Directory) {
        Presence::Maybe => return,
        Presence::Other(_) => (
            format!("`{text}` is a file, and a location serves a directory"),
            "name the directory that the file is in".to_owned(),
        ),
        Presence::Missing => (
            format!("there is no directory `{text}` in the source, and no build makes it"),
            match meant() {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add it to Git, or correct the path".to_owned(),
            },
        ),
        // A front controller in another directory proves that the build does not make this directory.
        Presence::Unlikely => match meant() {
            Some(meant) => (
                format!("there is no directory `{text}` in the source"),
                format!("did you mean `{meant}`? It has the file that `passthru` names"),
            ),
            None => return,
        },
    };
    let problem = warning(report, "U371", root.span, message);
    report.add(problem.hint(hint).docs(DOCS));
}

/// Another directory that has the front controller of a location.
fn meant_root(path: &str, location: &Entry, built: &Built<'_>) -> Option<String> {
    let passthru = script(location.value.get("passthru")?)?;
    let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
    let inside = |name: String| match parent {
        "" => name,
        parent => format!("{parent}/{name}"),
    };
    let names = built.names(parent).into_iter().take(MOST_DIRECTORIES);
    names
        .map(inside)
        .find(|directory| built.has_file(&format!("{directory}/{passthru}")))
}

/// The script that a value names, without what does not belong to its path.
fn script(passthru: &Node) -> Option<String> {
    let text = passthru.text()?;
    let path = normalize(text.split(['?', '#']).next().unwrap_or_default());
    (has_php(&path) && !leaves(&path)).then_some(path)
}

/// The file to which PHP sends what is not found otherwise.
fn front_controller(app: &Entry, location: &Entry, built: &Built<'_>, report: &mut Report) {
    let Some(passthru) = location.value.get("passthru") else {
        return;
    };
    if !is_php(app) {
        return;
    }
    let Some((script, path)) = script(passthru).and_then(|script| {
        let path = file_of(app, &script)?;
        Some((script, path))
    }) else {
        return;
    };
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let scripts: Vec<String> = built
        .names(directory)
        .into_iter()
        .filter(|name| has_php(name))
        .collect();
    // Where the directory is made by the build, its files are too.
    if scripts.is_empty() || !is_there(&path, built) {
        return;
    }
    let message = format!("there is no file `{path}`, which `passthru` names");
    let hint = match meant_script(name, &scripts) {
        Some(meant) => {
            let above = script.rsplit_once('/').map_or("", |(above, _)| above);
            format!("did you mean `{}`?", url(above, meant))
        }
        None => "add it to Git, or correct the path".to_owned(),
    };
    let problem = warning(report, "U372", passthru.span, message);
    report.add(problem.hint(hint).docs(DOCS));
}

fn url(above: &str, name: &str) -> String {
    if above.is_empty() {
        format!("/{name}")
    } else {
        format!("/{above}/{name}")
    }
}

/// Whether a file is certainly missing: nothing makes it, and it lies where other scripts lie.
fn is_there(path: &str, built: &Built<'_>) -> bool {
    matches!(
        built.find(path, Kind::File),
        Presence::Missing | Presence::Unlikely
    )
}

fn meant_script<'a>(name: &str, scripts: &'a [String]) -> Option<&'a str> {
    if let Some(index) = scripts.iter().find(|script| *script == "index.php") {
        return Some(index);
    }
    nearest(name, scripts.iter().map(String::as_str))
}

/// The file at which a path of the site lies: in the root of the location that is nearest to it.
fn file_of(app: &Entry, path: &str) -> Option<String> {
    let locations = entries(app.value.get("web")?, "locations");
    let (rest, root) = locations
        .iter()
        .filter_map(|location| {
            let prefix = normalize(&location.key);
            let rest = if prefix.is_empty() {
                path
            } else {
                path.strip_prefix(prefix.as_str())?.strip_prefix('/')?
            };
            Some((rest, location))
        })
        .min_by_key(|(rest, _)| rest.len())
        .and_then(|(rest, location)| Some((rest, location.value.get("root")?.text()?)))?;
    let root = normalize(root);
    let file = if root.is_empty() {
        rest.to_owned()
    } else {
        format!("{root}/{rest}")
    };
    (!leaves(&file)).then_some(file)
}

/// The script that PHP loads before anything else: without it, PHP-FPM does not start.
fn preload(app: &Entry, built: &Built<'_>, report: &mut Report) {
    if !is_php(app) {
        return;
    }
    let Some(value) = app
        .value
        .get("variables")
        .and_then(|variables| variables.get("php"))
        .and_then(|php| php.get("opcache.preload"))
    else {
        return;
    };
    let Some(text) = value.text() else { return };
    let relative = text.strip_prefix("/app/").unwrap_or(text);
    let path = normalize(relative);
    if relative.starts_with('/') || path.is_empty() || leaves(&path) {
        return;
    }
    let (directory, _) = path.rsplit_once('/').unwrap_or(("", &path));
    let has_siblings = built.names(directory).iter().any(|name| has_php(name));
    let is_missing = match built.find(&path, Kind::File) {
        Presence::Maybe | Presence::Other(_) => false,
        Presence::Missing => true,
        Presence::Unlikely => has_siblings,
    };
    if is_missing {
        let message = format!("there is no file `{path}`, which `opcache.preload` names");
        let problem = warning(report, "U373", value.span, message);
        let hint = "add it to Git, or correct the path: PHP-FPM does not start without it";
        report.add(problem.hint(hint).docs(PRELOAD_DOCS));
    }
}

/// Whether the web container runs PHP.
fn is_php(app: &Entry) -> bool {
    let kind = app.value.text_of("type").unwrap_or_default();
    kind.starts_with("php:")
}

fn has_php(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "php")
}

fn leaves(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}
