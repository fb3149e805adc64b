//! `web.locations`: paths, rules, and the directories that are served.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/web.html>

use super::super::decode::normalize;
use super::super::files::Kind;
use super::super::node::{Entry, Node, Value};
use super::super::report::Report;
use super::super::source::{Repository, join};
use super::{entries, error, pattern, source, warning};

const DOCS: &str = "/create-apps/image-properties/web.html";

pub(super) fn check(app: &Entry, repository: &Repository, report: &mut Report) {
    let Some(web) = app.value.get("web") else {
        return;
    };
    for location in entries(web, "locations") {
        // What is no mapping is no location: that was said before.
        let is_location = matches!(location.value.value, Value::Map(_));
        if is_location && !location.key.starts_with('/') {
            let message = format!(
                "the location `{}` does not start with a slash",
                location.key
            );
            let problem = error(report, "U370", location.key_span, message);
            let hint = format!("write `/{}`", location.key);
            report.add(problem.hint(hint).docs(DOCS));
        }
        for rule in entries(&location.value, "rules") {
            if let Err(why) = pattern::check(&rule.key) {
                let message = format!("`{}` is not a regular expression: {why}", rule.key);
                let problem = error(report, "U356", rule.key_span, message);
                let hint = if rule.key.starts_with("*.") {
                    format!("write `\\.{}$`", &rule.key[2..])
                } else {
                    "escape the character with a backslash".to_owned()
                };
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
        if let Some(root) = location.value.get("root") {
            directory(app, root, repository, report);
        }
    }
}

/// A directory that is neither in the source nor made by the build can never be served.
fn directory(app: &Entry, root: &Node, repository: &Repository, report: &mut Report) {
    let Some(text) = root.text() else { return };
    let path = normalize(text);
    if path.split('/').any(|part| part == "..") {
        let message = format!("`root` leaves the application's directory with `..`: `{text}`");
        let problem = error(report, "U371", root.span, message);
        report.add(problem.hint("it is a directory inside the app").docs(DOCS));
        return;
    }
    let node = &app.value;
    let hooks = node.get("hooks");
    let is_built = hooks.and_then(|hooks| hooks.get("build")).is_some()
        || node.get("build").is_some()
        || node.get("dependencies").is_some();
    let is_mounted = entries(node, "mounts").iter().any(|mount| {
        path.starts_with(&normalize(&mount.key)) || normalize(&mount.key).starts_with(&path)
    });
    if is_built || is_mounted || path.is_empty() || repository.is_bare() {
        return;
    }
    let source_root = source::root(app);
    let Some(full) = join(&source_root, &path) else {
        return;
    };
    let Ok(_) = repository.kind(&source_root) else {
        return;
    };
    let message = match repository.kind(full) {
        Ok(Kind::Directory) => return,
        Ok(Kind::File | Kind::Other) => {
            format!("`{text}` is a file, and a location serves a directory")
        }
        Err(_) => format!("there is no directory `{text}` in the source, and no build makes it"),
    };
    let problem = warning(report, "U371", root.span, message);
    let hint = "add it to Git, or correct the path";
    report.add(problem.hint(hint).docs(DOCS));
}
