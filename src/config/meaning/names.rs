//! The names of applications, workers and services: they become names of containers and hosts.

use super::super::merge::Merged;
use super::super::node::Entry;
use super::super::report::Report;
use super::{error, warning, workers};

const LONGEST: usize = 32;

pub(super) fn check(merged: &Merged, report: &mut Report) {
    for app in merged.applications.values() {
        name(app, "an application", report);
        for worker in workers(app) {
            name(worker, "a worker", report);
        }
    }
    for service in merged.services.values() {
        name(service, "a service", report);
        if let Some(app) = merged.applications.get(&service.key) {
            let place = report.place(app.key_span);
            let message = format!(
                "duplicate name: `{}` is also the application in {}:{}",
                service.key, place.file, place.line
            );
            let problem = error(report, "U302", service.key_span, message);
            report.add(problem.hint("relationships could not tell the two apart: rename one"));
        }
    }
}

fn name(entry: &Entry, noun: &str, report: &mut Report) {
    let name = &*entry.key;
    let length = name.chars().count();
    let fits =
        |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    if name.is_empty() || !name.chars().all(fits) {
        let message = format!("`{name}` is not a name for {noun}");
        let problem = error(report, "U304", entry.key_span, message);
        let hint = "a name is made of lowercase letters, digits, `-` and `_`";
        report.add(problem.hint(hint));
    } else if length > LONGEST {
        let message = format!("the name `{name}` is {length} characters long");
        let problem = error(report, "U304", entry.key_span, message);
        report.add(problem.hint(format!("the most is {LONGEST}")));
    } else if !name.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        let message = format!("the name `{name}` starts with `{}`", &name[..1]);
        let problem = warning(report, "U304", entry.key_span, message);
        report.add(problem.hint("begin it with a lowercase letter"));
    }
}
