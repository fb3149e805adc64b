//! Mounts: where they may lie, and where their data may come from.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/mounts.html>

use super::super::decode::normalize;
use super::super::merge::Merged;
use super::super::node::{Entry, Node};
use super::super::problem::Problem;
use super::super::report::Report;
use super::super::schema::nearest;
use super::{containers, entries, error, warning};

const DOCS: &str = "/create-apps/image-properties/mounts.html";

pub(super) fn check(app: &Entry, merged: &Merged, partial: bool, report: &mut Report) {
    for (_, container) in containers(app) {
        let mounts = entries(container, "mounts");
        for mount in mounts {
            path(mount, report);
            source_path(mount, report);
            service(mount, merged, partial, report);
        }
        nesting(mounts, app, report);
    }
}

fn add(report: &mut Report, problem: Problem, hint: impl Into<String>) {
    report.add(problem.hint(hint).docs(DOCS));
}

fn escapes(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

fn path(mount: &Entry, report: &mut Report) {
    let key = &mount.key;
    if escapes(key) {
        let message = format!("the mount `{key}` leaves the application's directory with `..`");
        let problem = error(report, "U330", mount.key_span, message);
        let hint = "a mount's path is relative to the app's root and stays inside it";
        add(report, problem, hint);
    } else if normalize(key).is_empty() {
        let message = format!("the mount `{key}` would hide the whole application");
        let problem = error(report, "U330", mount.key_span, message);
        add(report, problem, "name a directory below the app's root");
    }
}

fn source_path(mount: &Entry, report: &mut Report) {
    let Some(node) = mount.value.get("source_path") else {
        return;
    };
    let Some(text) = node.text() else { return };
    if escapes(text) {
        let message = format!("`source_path` leaves its directory with `..`: `{text}`");
        let problem = error(report, "U331", node.span, message);
        add(report, problem, "it is a path inside the mounted directory");
    } else if text.starts_with('/') && !text.trim_matches('/').is_empty() {
        let message = format!("`source_path` is absolute: `{text}`");
        let problem = warning(report, "U331", node.span, message);
        let hint = format!(
            "it is relative to the mounted directory: write `{}`",
            text.trim_matches('/')
        );
        add(report, problem, hint);
    }
}

fn service(mount: &Entry, merged: &Merged, partial: bool, report: &mut Report) {
    let node = &mount.value;
    let Some(source) = node.get("source") else {
        return;
    };
    let named = node.get("service");
    match source.text() {
        Some("local") => {
            let problem = warning(
                report,
                "U332",
                source.span,
                "`local` is the older name of `instance`",
            );
            add(
                report,
                problem,
                "write `source: instance`; to share files between instances, `source: storage`",
            );
        }
        Some("service") => on_service(mount, named, merged, partial, report),
        Some("storage") => on_storage(named, merged, partial, report),
        _ => {
            if let Some(named) = node.entry("service") {
                let message = "`service` has no effect for this source";
                let problem = warning(report, "U333", named.key_span, message);
                add(
                    report,
                    problem,
                    "it goes with `source: service` and `source: storage`",
                );
            }
        }
    }
}

/// A mount with `source: service`, and the service that it names.
fn on_service(
    mount: &Entry,
    named: Option<&Node>,
    merged: &Merged,
    partial: bool,
    report: &mut Report,
) {
    let name = named.and_then(Node::text);
    match (named, name) {
        (None, _) => {
            let message = format!(
                "the mount `{}` does not say which service it is on",
                mount.key
            );
            let problem = error(report, "U333", mount.key_span, message);
            add(
                report,
                problem,
                "name a `network-storage` service with `service`",
            );
        }
        (Some(named), Some(name)) => match merged.services.get(name) {
            Some(service) => {
                let kind = service.value.text_of("type").unwrap_or("network-storage");
                if kind.split(':').next() != Some("network-storage") {
                    let message = format!("`{name}` is of type `{kind}`, which cannot be mounted");
                    let problem = error(report, "U334", named.span, message);
                    add(report, problem, "name a service of type `network-storage`");
                }
            }
            None if partial || report.overflows() => {}
            None => {
                let message = format!("there is no service `{name}` to mount from");
                let problem = error(report, "U334", named.span, message);
                let keys = merged.services.keys().map(|key| &**key);
                let hint = match nearest(name, keys) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "define it under `services` with `type: network-storage:1.0`".to_owned()
                    }
                };
                add(report, problem, hint);
            }
        },
        _ => {}
    }
}

/// A mount with `source: storage`, and the application that it names.
fn on_storage(named: Option<&Node>, merged: &Merged, partial: bool, report: &mut Report) {
    let name = named.and_then(Node::text);
    if let (Some(named), Some(name)) = (named, name)
        && !merged.applications.contains_key(name)
        && !partial
        && !report.overflows()
    {
        let message = format!("there is no application `{name}` to share the storage of");
        let problem = error(report, "U334", named.span, message);
        let keys = merged.applications.keys().map(|key| &**key);
        let hint = if merged.services.contains_key(name) {
            "a mount on a service has `source: service`".to_owned()
        } else {
            match nearest(name, keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "with `source: storage`, `service` names another application".to_owned(),
            }
        };
        add(report, problem, hint);
    }
}

/// A mount inside another one works only when both hold the same files.
fn nesting(mounts: &[Entry], app: &Entry, report: &mut Report) {
    let mut paths: Vec<(String, &Entry)> = mounts
        .iter()
        .filter(|mount| !escapes(&mount.key))
        .map(|mount| (normalize(&mount.key), mount))
        .collect();
    // In this order everything inside a directory follows it directly.
    paths.sort_by(|a, b| a.0.split('/').cmp(b.0.split('/')));
    let mut around: Vec<(String, &Entry)> = Vec::new();
    for (path, mount) in paths {
        while around
            .last()
            .is_some_and(|(outer, _)| !is_inside(&path, outer))
        {
            around.pop();
        }
        if let Some((outer_path, outer)) = around.last() {
            let place = report.place(outer.key_span);
            if *outer_path == path {
                let (first, second) = in_order(outer, mount);
                let message = format!("`{}` and `{}` are the same mount", first.key, second.key);
                let problem = error(report, "U335", second.key_span, message);
                add(report, problem, "keep one of them");
            } else if !outer_path.is_empty() && origin(outer, app) != origin(mount, app) {
                let message = format!(
                    "the mount `{}` overlaps with `{}` on line {}, and their sources differ",
                    mount.key, outer.key, place.line
                );
                let problem = error(report, "U336", mount.key_span, message);
                let hint = "mounts may lie inside each other only when they have the same source: move one of them";
                add(report, problem, hint);
            }
        }
        around.push((path, mount));
    }
}

fn in_order<'a>(a: &'a Entry, b: &'a Entry) -> (&'a Entry, &'a Entry) {
    if a.key_span.start <= b.key_span.start {
        (a, b)
    } else {
        (b, a)
    }
}

fn is_inside(path: &str, outer: &str) -> bool {
    outer.is_empty()
        || path
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the data of a mount belong to.
fn origin<'a>(mount: &'a Entry, app: &'a Entry) -> (&'a str, &'a str) {
    let service = mount.value.text_of("service");
    match mount.value.text_of("source") {
        Some("storage") => ("storage", service.unwrap_or(&app.key)),
        Some("service") => ("service", service.unwrap_or_default()),
        Some("instance" | "local") => ("instance", ""),
        Some("tmp" | "temporary") => ("tmp", ""),
        other => (other.unwrap_or_default(), ""),
    }
}
