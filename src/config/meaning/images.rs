//! `type` and `stack`: whether the runtime or service exists, and in that version.

mod php;

use super::super::decode::{is_stack_runtime, runtime_entry};
use super::super::node::{Entry, Node, Value};
use super::super::report::Report;
use super::super::schema::nearest;
use super::super::source::Span;
use super::super::versions::{Available, all, find};
use super::{error, warning};

const COMPOSABLE: &str = "composable";
const COMPOSABLE_DOCS: &str = "/create-apps/app-reference/composable-image.html";

pub(super) fn application(app: &Entry, report: &mut Report) {
    let node = &app.value;
    let kind = node.get("type");
    let name = kind.and_then(Node::text).map(|text| split(text).0);
    if let Some(kind) = kind {
        check(kind, false, report);
    }
    if let Some(version) = kind
        .and_then(Node::text)
        .and_then(|text| text.strip_prefix("php:"))
    {
        php::extensions(node, version, report);
    }
    if name == Some(COMPOSABLE) || name.is_none() && node.get("stack").is_some() {
        composable(app, report);
    } else if let Some(stack) = node.entry("stack")
        && name.is_some()
    {
        let message = "`stack` has no effect next to the `type` of a single runtime";
        let problem = warning(report, "U324", stack.key_span, message);
        let hint = "write `type: composable:<channel>`, or remove `stack`";
        report.add(problem.hint(hint).docs(COMPOSABLE_DOCS));
    }
}

pub(super) fn service(service: &Entry, report: &mut Report) {
    if let Some(kind) = service.value.get("type") {
        check(kind, true, report);
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    }
}

fn check(node: &Node, is_service: bool, report: &mut Report) {
    let Some(text) = node.text() else { return };
    let (name, version) = split(text);
    if !is_service && name == COMPOSABLE {
        if version.is_none_or(str::is_empty) {
            let message = "`composable` needs a channel as its version";
            let problem = error(report, "U321", node.span, message);
            report.add(
                problem
                    .hint("write `composable:25.11`")
                    .docs(COMPOSABLE_DOCS),
            );
        }
        return;
    }
    if let Some((name, version)) = text.split_once('@')
        && find(name).is_some()
    {
        let message = format!("`{text}` is written as in a `stack`");
        let problem = error(report, "U321", node.span, message);
        report.add(problem.hint(format!(
            "in `type` a colon goes before the version: `{name}:{version}`"
        )));
        return;
    }
    let Some(available) = find(name).filter(|found| found.is_service == is_service) else {
        unknown(name, node.span, is_service, report);
        return;
    };
    match version {
        None | Some("") => {
            let message = format!("`{text}` has no version");
            let problem = error(report, "U321", node.span, message);
            report.add(problem.hint(format!("write `{name}:{}`", available.supported[0])));
        }
        Some(version) => check_version(&available, version, node.span, report),
    }
}

fn unknown(name: &str, span: Span, is_service: bool, report: &mut Report) {
    if report.overflows() {
        return;
    }
    let (noun, other) = if is_service {
        ("service", "application")
    } else {
        ("runtime", "service")
    };
    let problem = error(report, "U320", span, format!("there is no {noun} `{name}`"));
    let names = || {
        let all = all(is_service).into_iter();
        all.map(|available| available.name)
    };
    let hint = if find(name).is_some() {
        format!(
            "`{name}` exists, but only for {}: it belongs under `{other}s`",
            article(other)
        )
    } else if let Some(near) = nearest(name, names()) {
        format!("did you mean `{near}`?")
    } else {
        let list: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        format!("there are {}", list.join(", "))
    };
    report.add(problem.hint(hint));
}

fn article(noun: &str) -> String {
    if noun.starts_with('a') {
        format!("an {noun}")
    } else {
        format!("a {noun}")
    }
}

fn check_version(available: &Available, version: &str, span: Span, report: &mut Report) {
    let name = available.name;
    if available.supported.contains(&version) {
        return;
    }
    let supported: Vec<String> = available
        .supported
        .iter()
        .map(|version| format!("`{version}`"))
        .collect();
    let message = if available.deprecated.contains(&version) {
        format!("version `{version}` of `{name}` is deprecated")
    } else {
        format!("version `{version}` of `{name}` is not supported")
    };
    let problem = warning(report, "U322", span, message);
    report.add(problem.hint(format!(
        "the supported versions are {}",
        supported.join(", ")
    )));
}

fn composable(app: &Entry, report: &mut Report) {
    let node = &app.value;
    let Some(stack) = node.get("stack") else {
        if let Some(kind) = node.get("type") {
            let message = "a composable image without a `stack` holds no runtime";
            let problem = warning(report, "U323", kind.span, message);
            let hint = "list the runtimes under `stack.runtimes`";
            report.add(problem.hint(hint).docs(COMPOSABLE_DOCS));
        }
        return;
    };
    for key in ["build", "dependencies", "runtime"] {
        if let Some(entry) = node.entry(key) {
            let message = format!("`{key}` does not apply to a composable image");
            let problem = warning(report, "U325", entry.key_span, message);
            let hint = match key {
                "build" => "write the commands into `hooks.build`",
                "dependencies" => {
                    "add the packages to `stack.packages`, or install them in `hooks.build`"
                }
                _ => "put `extensions` below the runtime in `stack.runtimes`",
            };
            report.add(problem.hint(hint).docs(COMPOSABLE_DOCS));
        }
    }
    match &stack.value {
        Value::Map(_) => {
            for item in stack.get("runtimes").map(Node::items).unwrap_or_default() {
                stack_item(item, report);
            }
        }
        // The older form: one list of runtimes and packages.
        Value::List(items) => {
            for item in items.iter().filter(|item| is_stack_runtime(item)) {
                stack_item(item, report);
            }
        }
        Value::Text(text) => stack_runtime(text, stack.span, report),
        _ => {}
    }
}

/// A runtime of the stack: a string, or a mapping with the runtime as its only key.
fn stack_item(item: &Node, report: &mut Report) {
    let entries = match &item.value {
        Value::Text(text) => return stack_runtime(text, item.span, report),
        Value::Map(entries) => entries,
        _ => return,
    };
    let Some(runtime) = runtime_entry(item) else {
        let message = "a runtime of the stack is a string, or a mapping with one key";
        let problem = error(report, "U326", item.span, message);
        report.add(
            problem
                .hint("write it like `php@8.4`")
                .docs(COMPOSABLE_DOCS),
        );
        return;
    };
    stack_runtime(&runtime.key, runtime.key_span, report);
    for beside in entries.iter().filter(|entry| entry.key != runtime.key) {
        let message = format!("`{}` beside `{}` has no effect", beside.key, runtime.key);
        let problem = warning(report, "U327", beside.key_span, message);
        let hint = if beside.key.contains('@') {
            format!(
                "write `{}` as an item of its own, with a hyphen in front",
                beside.key
            )
        } else {
            format!(
                "indent it further, so that it stands below `{}`",
                runtime.key
            )
        };
        report.add(problem.hint(hint).docs(COMPOSABLE_DOCS));
    }
}

fn stack_runtime(written: &str, span: Span, report: &mut Report) {
    let (name, version) = written.split_once('@').unwrap_or((written, ""));
    if let Some((name, version)) = name.split_once(':')
        && find(name).is_some()
    {
        let message = format!("`{written}` is written as in a `type`");
        let problem = error(report, "U321", span, message);
        report.add(problem.hint(format!(
            "in a stack an at sign goes before the version: `{name}@{version}`"
        )));
        return;
    }
    match find(name).filter(|found| !found.is_service) {
        Some(available) if !version.is_empty() => check_version(&available, version, span, report),
        Some(_) => {}
        None => {
            let message = format!("`{name}` is not a runtime that is known here");
            let problem = warning(report, "U320", span, message);
            let runtimes = all(false).into_iter();
            let hint = match nearest(name, runtimes.map(|available| available.name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "packages go under `stack.packages`".to_owned(),
            };
            report.add(problem.hint(hint).docs(COMPOSABLE_DOCS));
        }
    }
}
