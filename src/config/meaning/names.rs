//! The names of applications, workers and services: they become names of containers and hosts.

use super::super::merge::Merged;
use super::super::node::{Entry, Value};
use super::super::report::Report;
use super::super::scalar;
use super::{error, warning, workers};

const YAML_DOCS: &str = "/learn/overview/yaml/what-is-yaml.html";
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
    } else if name.contains("--") {
        let message = format!(
            "the name `{name}` holds `--`, which stands between an application and its worker in names of containers"
        );
        let problem = warning(report, "U306", entry.key_span, message);
        report.add(problem.hint(format!("write `{}`", single_hyphens(name))));
    }
    if let Some(kind) = read_as(report.sources.text(entry.key_span)) {
        let message = format!("YAML reads the name `{name}` as {kind}");
        let problem = warning(report, "U307", entry.key_span, message);
        let hint = format!("put it in quotes, `\"{name}\"`, or begin it with a letter");
        report.add(problem.hint(hint).docs(YAML_DOCS));
    }
}

fn single_hyphens(name: &str) -> String {
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// What a key without quotes is to a reader of YAML, if it is no text: to one of YAML 1.1, which Upsun's tools
/// use, more is than to one of 1.2.
fn read_as(written: &str) -> Option<&'static str> {
    const BOOLEANS: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];
    let lower = written.to_lowercase();
    if BOOLEANS.contains(&lower.as_str()) {
        return Some("a boolean");
    }
    match scalar::resolve(written) {
        Value::Integer(_) | Value::Float(_) => Some("a number"),
        Value::Null if !written.is_empty() => Some("nothing"),
        Value::Text(_) if is_old_number(&lower) => Some("a number"),
        _ => None,
    }
}

/// Numbers of YAML 1.1: with underscores between the digits, or binary.
fn is_old_number(text: &str) -> bool {
    let (digits, base) = match text.split_at_checked(2) {
        Some(("0x", rest)) => (rest, 16),
        Some(("0b", rest)) => (rest, 2),
        _ => (text, 10),
    };
    digits.starts_with(|char: char| char.is_digit(base))
        && digits
            .chars()
            .all(|char| char == '_' || char.is_digit(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_quotes_may_be_no_text() {
        let table = [
            ("123", Some("a number")),
            ("007", Some("a number")),
            ("0x1f", Some("a number")),
            ("0b11", Some("a number")),
            ("1_000", Some("a number")),
            ("1e3", Some("a number")),
            ("on", Some("a boolean")),
            ("null", Some("nothing")),
            ("\"123\"", None),
            ("'on'", None),
            ("app1", None),
            ("1app", None),
            ("1-2", None),
            ("_1", None),
            ("online", None),
            ("n", None),
            ("*name", None),
        ];
        for (written, expected) in table {
            assert_eq!(read_as(written), expected, "{written}");
        }
    }
}
