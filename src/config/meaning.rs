//! What is well-formed and still cannot mean anything: names, versions, mounts, references, crons.
//!
//! Everything here looks at the merged whole. A part whose shape is wrong was reported before and is
//! passed over.

mod build;
mod caches;
mod crons;
mod images;
mod mounts;
mod names;
mod pattern;
mod relationships;
mod routes;
mod scripts;
mod served;
pub(crate) mod source;
mod timezones;
mod web;

use super::merge::Merged;
use super::node::{Entry, Node};
use super::problem::{Class, Problem};
use super::report::Report;
use super::source::{Repository, Span};

/// Reports everything that cannot mean anything. When a file could not be read, what it might have
/// defined is not missed.
pub(crate) fn check(merged: &Merged, repository: &Repository, report: &mut Report) {
    let partial = merged.is_partial;
    names::check(merged, report);
    for entry in merged.applications.values() {
        images::application(entry, report);
        source::check(entry, repository, report);
        mounts::check(entry, merged, partial, report);
        caches::check(entry, report);
        web::check(entry, report);
        served::check(entry, repository, report);
        crons::check(entry, report);
        scripts::check(entry, report);
        settings(entry, report);
    }
    for entry in merged.services.values() {
        images::service(entry, report);
    }
    relationships::check(merged, partial, report);
    routes::check(merged, partial, report);
}

/// `access` and `timezone`.
fn settings(app: &Entry, report: &mut Report) {
    for (_, node) in containers(app) {
        if let Some(ssh) = node.get("access").and_then(|access| access.get("ssh"))
            && let Some(text) = ssh.text()
            && text.parse::<crate::roles::Role>().is_err()
        {
            let message = format!("`{text}` is not a role");
            let problem = error(report, "U310", ssh.span, message);
            let hint = "it is one of `viewer`, `contributor`, `admin`";
            report.add(
                problem
                    .hint(hint)
                    .docs("/create-apps/image-properties/access.html"),
            );
        }
        if let Some(timezone) = node.get("timezone")
            && let Some(text) = timezone.text()
            && !timezones::is_known(text)
            && !report.overflows()
        {
            let message = format!("`{text}` is not a time zone");
            let problem = error(report, "U311", timezone.span, message);
            let hint = match timezones::nearest(text) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name one of the tz database, such as `Europe/Berlin`".to_owned(),
            };
            report.add(problem.hint(hint));
        }
    }
}

/// The nodes that describe a container of an application: its own, `web`, and each worker.
pub(crate) fn containers(app: &Entry) -> impl Iterator<Item = (&str, &Node)> {
    let web = app.value.get("web").map(|web| ("web", web));
    std::iter::once((&*app.key, &app.value)).chain(web).chain(
        workers(app)
            .iter()
            .map(|worker| (&*worker.key, &worker.value)),
    )
}

pub(crate) fn workers(app: &Entry) -> &[Entry] {
    app.value
        .get("workers")
        .map(Node::entries)
        .unwrap_or_default()
}

/// The entries of a mapping below a key.
pub(crate) fn entries<'a>(node: &'a Node, key: &str) -> &'a [Entry] {
    node.get(key).map(Node::entries).unwrap_or_default()
}

fn error(report: &Report, code: &'static str, span: Span, message: impl Into<String>) -> Problem {
    report.error(code, Class::Meaning, span, message)
}

fn warning(report: &Report, code: &'static str, span: Span, message: impl Into<String>) -> Problem {
    report.warning(code, Class::Meaning, span, message)
}
