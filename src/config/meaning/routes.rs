//! Routes: that they are addresses, lead somewhere, and do not lead round in circles.
//!
//! Source: <https://docs.upsun.com/define-routes.html>

mod redirects;

use std::collections::HashMap;

use super::super::merge::Merged;
use super::super::node::{Entry, Value};
use super::super::problem::Problem;
use super::super::report::Report;
use super::super::schema::nearest;
use super::super::source::Span;
use super::{entries, error, pattern, warning};

const DOCS: &str = "/define-routes.html";
const REDIRECT_DOCS: &str = "/define-routes/redirects.html";

pub(super) fn check(merged: &Merged, partial: bool, report: &mut Report) {
    let mut seen: HashMap<String, &Entry> = HashMap::new();
    for route in merged.routes.values() {
        // What is no mapping is no route: that was said before.
        if matches!(route.value.value, Value::Map(_)) {
            address(route, report);
        }
        if let Some(earlier) = seen.insert(canonical(&route.key), route) {
            let place = report.place(earlier.key_span);
            let file = if earlier.key_span.file == route.key_span.file {
                String::new()
            } else {
                format!(" of {}", place.file)
            };
            let message = format!(
                "`{}` is the same address as `{}` on line {}{file}",
                route.key, earlier.key, place.line
            );
            let problem = error(report, "U353", route.key_span, message);
            add(report, problem, "keep one of them");
        }
        upstream(route, merged, partial, report);
        if let Some(to) = route.value.get("to")
            && let Some(text) = to.text()
        {
            placeholders(text, to.span, report);
        }
        if let Some(redirects) = route.value.get("redirects") {
            let paths = entries(redirects, "paths");
            for path in paths {
                redirect(path, report);
            }
            conflicts(paths, report);
        }
    }
    redirects::check(merged, report);
}

fn add(report: &mut Report, problem: Problem, hint: impl Into<String>) {
    report.add(problem.hint(hint).docs(DOCS));
}

/// The address as it would be compared: without a slash at the end, scheme and host in lower case.
fn canonical(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let host_end = url
        .find("://")
        .and_then(|at| Some(at + 3 + url[at + 3..].find('/')?))
        .unwrap_or(url.len());
    url[..host_end].to_lowercase() + &url[host_end..]
}

fn address(route: &Entry, report: &mut Report) {
    let key = &*route.key;
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let Some(rest) = rest else {
        let message = format!("the route `{key}` is not an address");
        let problem = error(report, "U350", route.key_span, message);
        let hint = if key.starts_with('/') {
            format!("write the whole address: `https://{{default}}{key}`")
        } else if key.contains("://") {
            "a route begins with `https://` or `http://`".to_owned()
        } else {
            format!("it begins with `https://` or `http://`: `https://{key}`")
        };
        add(report, problem, hint);
        return;
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() {
        let message = format!("the route `{key}` has no host");
        let problem = error(report, "U350", route.key_span, message);
        add(
            report,
            problem,
            "write `https://{default}/` for the default domain",
        );
        return;
    }
    if host.contains(char::is_whitespace) {
        let message = format!("the host of the route `{key}` holds a space");
        let problem = error(report, "U350", route.key_span, message);
        add(report, problem, "remove the space");
        return;
    }
    placeholders(key, route.key_span, report);
}

fn placeholders(address: &str, span: Span, report: &mut Report) {
    let mut rest = address;
    while let Some(open) = rest.find(['{', '}']) {
        let inside = &rest[open..];
        let close = inside.find('}');
        let (Some(close), true) = (close, inside.starts_with('{')) else {
            let message = format!("the braces of `{address}` do not pair up");
            let problem = error(report, "U351", span, message);
            add(report, problem, "a placeholder is `{default}` or `{all}`");
            return;
        };
        let name = &inside[1..close];
        if name != "default" && name != "all" {
            let message = format!("`{{{name}}}` is not a placeholder");
            let problem = error(report, "U351", span, message);
            add(report, problem, "there are `{default}` and `{all}`");
        }
        rest = &inside[close + 1..];
    }
}

fn upstream(route: &Entry, merged: &Merged, partial: bool, report: &mut Report) {
    let Some(node) = route.value.get("upstream") else {
        return;
    };
    let Some(text) = node.text() else { return };
    let (name, endpoint) = match text.split_once(':') {
        Some((name, endpoint)) => (name, Some(endpoint)),
        None => (text, None),
    };
    if merged.applications.contains_key(name) {
        if let Some(endpoint) = endpoint
            && endpoint != "http"
        {
            let message = format!("the application `{name}` has no endpoint `{endpoint}`");
            let problem = error(report, "U352", node.span, message);
            add(report, problem, format!("write `{name}:http`"));
        } else if endpoint.is_none() {
            let message = format!("the upstream `{name}` names no endpoint");
            let problem = warning(report, "U352", node.span, message);
            add(report, problem, format!("write `{name}:http`"));
        }
        return;
    }
    if merged.services.contains_key(name) || partial || report.overflows() {
        return;
    }
    let message = format!("there is no application or service `{name}` for this route");
    let problem = error(report, "U352", node.span, message);
    let known = merged.applications.keys().chain(merged.services.keys());
    let hint = if let Some(near) = nearest(name, known.map(|key| &**key)) {
        format!("did you mean `{near}:http`?")
    } else {
        let names: Vec<String> = merged
            .applications
            .keys()
            .take(8)
            .map(|key| format!("`{key}:http`"))
            .collect();
        format!("the applications are {}", names.join(", "))
    };
    add(report, problem, hint);
}

/// Two paths that differ in the final slash are one to Upsun, and it refuses the configuration. Patterns are
/// compared with nothing: their slash may mean something else.
fn conflicts(paths: &[Entry], report: &mut Report) {
    let mut seen: HashMap<&str, &Entry> = HashMap::new();
    for path in paths.iter().filter(|path| !is_pattern(path)) {
        let plain = path.key.strip_suffix('/').unwrap_or(&path.key);
        let Some(earlier) = seen.insert(plain, path) else {
            continue;
        };
        // A duplicate key was reported already.
        if earlier.key == path.key {
            continue;
        }
        let line = report.place(earlier.key_span).line;
        let message = format!(
            "the redirect of `{}` conflicts with that of `{}` on line {line}: they differ in the final slash only",
            path.key, earlier.key
        );
        let problem = error(report, "U357", path.key_span, message);
        report.add(problem.hint("keep one of them").docs(REDIRECT_DOCS));
    }
}

fn is_pattern(path: &Entry) -> bool {
    path.value
        .get("regexp")
        .is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

fn redirect(path: &Entry, report: &mut Report) {
    if let Some(code) = path.value.get("code")
        && let Value::Integer(number) = code.value
        && !matches!(number, 301 | 302 | 307 | 308)
    {
        let message = format!("`{number}` is not a code of a redirect");
        let problem = error(report, "U355", code.span, message);
        add(report, problem, "it is one of 301, 302, 307, 308");
    }
    if is_pattern(path)
        && let Err(why) = pattern::check(&path.key)
    {
        let message = format!("`{}` is not a regular expression: {why}", path.key);
        let problem = error(report, "U356", path.key_span, message);
        add(
            report,
            problem,
            "escape the character with a backslash, or set `regexp: false`",
        );
    }
}
