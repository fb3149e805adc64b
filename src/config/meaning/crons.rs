//! Crons: that their times are times.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

use super::super::node::{Entry, Value};
use super::super::report::Report;
use super::scripts::is_blank;
use super::{entries, error, warning};
use crate::crons::schedule::Schedule;

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
                Ok(times) if times.is_too_often() => {
                    let message = format!(
                        "the cron `{}` runs more often than every 5 minutes",
                        cron.key
                    );
                    let problem = warning(report, "U361", spec.span, message);
                    report.add(
                        problem
                            .hint("Upsun waits at least that long between two runs: write `*/5`")
                            .docs(DOCS),
                    );
                }
                Ok(_) => {}
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
