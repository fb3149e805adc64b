//! Commands and hooks: that there is something to run, and that a shell can read it.

use super::super::node::{Entry, Node};
use super::super::report::Report;
use super::super::shell;
use super::{entries, error, warning, workers};

const OPERATION_DOCS: &str = "/create-apps/runtime-operations.html";
const SOURCE_OPERATION_DOCS: &str = "/create-apps/source-operations.html";

pub(super) fn check(app: &Entry, report: &mut Report) {
    let node = &app.value;
    if let Some(hooks) = node.get("hooks") {
        for hook in hooks.entries() {
            syntax(&hook.value, &format!("the {} hook", hook.key), true, report);
        }
    }
    if let Some(commands) = node.get("web").and_then(|web| web.get("commands")) {
        for command in commands.entries() {
            syntax(&command.value, &format!("`{}`", command.key), false, report);
        }
    }
    source_operations(node, report);
    operations(node, report);
    for worker in workers(app) {
        operations(&worker.value, report);
        if let Some(start) = worker
            .value
            .get("commands")
            .and_then(|commands| commands.get("start"))
        {
            if is_blank(start) {
                let message = format!("the command of the worker `{}` is empty", worker.key);
                let problem = error(report, "U313", start.span, message);
                report.add(problem.hint("write what it shall run, or remove the worker"));
            }
            syntax(
                start,
                &format!("the worker `{}`", worker.key),
                false,
                report,
            );
        }
    }
    for cron in entries(node, "crons") {
        if let Some(start) = cron
            .value
            .get("commands")
            .and_then(|commands| commands.get("start"))
        {
            syntax(start, &format!("the cron `{}`", cron.key), false, report);
        }
    }
}

fn source_operations(node: &Node, report: &mut Report) {
    let Some(source) = node.get("source") else {
        return;
    };
    for operation in entries(source, "operations") {
        let Some(command) = operation.value.get("command") else {
            continue;
        };
        let name = &operation.key;
        if is_blank(command) {
            let message = format!("the command of the source operation `{name}` is empty");
            let problem = error(report, "U312", command.span, message);
            let hint = "write what it shall run, or remove the source operation";
            report.add(problem.hint(hint).docs(SOURCE_OPERATION_DOCS));
        }
        let what = format!("the source operation `{name}`");
        syntax(command, &what, false, report);
    }
}

fn operations(node: &Node, report: &mut Report) {
    for operation in entries(node, "operations") {
        let name = &operation.key;
        if name.trim().is_empty() || name.contains(char::is_control) {
            let message = "this is not a name for an operation";
            let problem = error(report, "U304", operation.key_span, message);
            report.add(
                problem
                    .hint("give it a name that can be typed")
                    .docs(OPERATION_DOCS),
            );
        }
        if let Some(timeout) = operation.value.entry("timeout") {
            let message =
                "`timeout` of an operation is honoured here, and Upsun's own linter refuses it";
            let problem = warning(report, "U314", timeout.key_span, message);
            report.add(
                problem
                    .hint("remove it if Upsun complains")
                    .docs(OPERATION_DOCS),
            );
        }
        let Some(commands) = operation.value.get("commands") else {
            continue;
        };
        if let Some(start) = commands.get("start") {
            if is_blank(start) {
                let message = format!("the start command of the operation `{name}` is empty");
                let problem = error(report, "U312", start.span, message);
                let hint = "write what it shall run, or remove the operation";
                report.add(problem.hint(hint).docs(OPERATION_DOCS));
            }
            syntax(start, &format!("the operation `{name}`"), false, report);
        }
        if let Some(stop) = commands.get("stop") {
            syntax(
                stop,
                &format!("the stop command of `{name}`"),
                false,
                report,
            );
        }
    }
}

/// Whether a script runs nothing: it is empty, or holds only comments.
pub(super) fn is_blank(node: &Node) -> bool {
    node.text().is_some_and(|text| {
        let mut lines = text.lines().map(str::trim);
        lines.all(|line| line.is_empty() || line.starts_with('#'))
    })
}

/// A hook that no shell can read stops the deploy; a command only fails once it is run.
fn syntax(node: &Node, what: &str, is_hook: bool, report: &mut Report) {
    let Some(text) = node.text() else { return };
    let Err(fault) = shell::check(text) else {
        return;
    };
    let line = text[..fault.at].matches('\n').count() + 1;
    let line = if text.contains('\n') {
        format!(" (line {line} of the script)")
    } else {
        String::new()
    };
    let message = format!("{what} has a shell syntax error{line}: {}", fault.message);
    let problem = if is_hook {
        error(report, "U315", node.span, message)
    } else {
        warning(report, "U315", node.span, message)
    };
    report.add(problem.hint("it is run by `dash`; `dash -n` checks a script"));
}
