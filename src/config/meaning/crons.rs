//! Crons: that their times are times.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

use super::super::node::{Entry, Node, Value};
use super::super::problem::Class;
use super::super::report::Report;
use super::scripts::is_blank;
use super::{entries, error, warning};
use crate::schedule::{Pace, Schedule};

const DOCS: &str = "/create-apps/image-properties/crons.html";

pub(super) fn check(app: &Entry, report: &mut Report) {
    for cron in entries(&app.value, "crons") {
        if let Some(spec) = cron.value.get("spec")
            && let Some(text) = spec.text()
        {
            match Schedule::certain(text) {
                Err(why) => {
                    let message = format!("the cron `{}` has no valid times: {why}", cron.key);
                    let problem = error(report, "U360", spec.span, message);
                    let hint = "five fields: minute, hour, day of the month, month, day of the week; `H` stands for any";
                    report.add(problem.hint(hint).docs(DOCS));
                }
                Ok(times) => pace(cron, spec, &times, report),
            }
        }
        let has_commands = cron.value.get("commands").is_some();
        let old = cron.value.entry("cmd");
        match (has_commands, old) {
            (true, Some(old)) => {
                let message = "`cmd` and `commands` are both given";
                let problem = warning(report, "U362", old.key_span, message);
                report.add(problem.hint("remove `cmd`").docs(DOCS));
            }
            (false, None) if matches!(cron.value.value, Value::Map(_)) => {
                let message = format!("the cron `{}` has nothing to run", cron.key);
                let problem = error(report, "U362", cron.key_span, message);
                report.add(
                    problem
                        .hint("write `commands:` with `start:` below it")
                        .docs(DOCS),
                );
            }
            _ => {}
        }
        let start = cron
            .value
            .get("commands")
            .and_then(|commands| commands.get("start"))
            .or(old.map(|old| &old.value));
        if start.is_some_and(is_blank) {
            let span = start.map_or(cron.key_span, |start| start.span);
            let message = format!("the command of the cron `{}` is empty", cron.key);
            let problem = error(report, "U362", span, message);
            report.add(
                problem
                    .hint("write what it shall run, or remove the cron")
                    .docs(DOCS),
            );
        }
    }
}

/// Upsun starts no run of a cron within 5 minutes of the one before.
fn pace(cron: &Entry, spec: &Node, times: &Schedule, report: &mut Report) {
    match times.pace() {
        Pace::Fine => {}
        Pace::TooOften => {
            let message = format!(
                "the cron `{}` runs more often than every 5 minutes",
                cron.key
            );
            let problem = warning(report, "U361", spec.span, message);
            let worker = if is_scheduler(cron) {
                ", or let a worker run `php artisan schedule:work`"
            } else {
                ""
            };
            let hint = format!(
                "Upsun waits at least that long between two runs: write `{}`{worker}",
                times.slower(spec.text().unwrap_or_default())
            );
            report.add(problem.hint(hint).docs(DOCS));
        }
        Pace::Close(close) => {
            let message = format!(
                "two runs of the cron `{}` are {} {} apart: at {} and at {}",
                cron.key,
                close.minutes,
                if close.minutes == 1 {
                    "minute"
                } else {
                    "minutes"
                },
                close.first,
                close.second
            );
            let problem = report.note("U363", Class::Meaning, spec.span, message);
            let hint = "Upsun waits at least 5 minutes between two runs, so the second starts later; most crons need no change for that";
            report.add(problem.hint(hint).docs(DOCS));
        }
    }
}

/// Whether it starts Laravel's scheduler, which wants to be started every minute.
fn is_scheduler(cron: &Entry) -> bool {
    let commands = cron.value.get("commands");
    let start = commands.and_then(|commands| commands.text_of("start"));
    let start = start.or_else(|| cron.value.text_of("cmd"));
    start.is_some_and(|start| start.contains("artisan schedule:run"))
}
