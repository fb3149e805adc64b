//! How an operation ended, and hints if it did not end well.

use crate::text;
use std::time::Duration;

use super::Terminal;
use super::screen::Screen;
use crate::event::{Advice, Outcome, Refusal};
use crate::reporter::hints;
use crate::text::safe_line;

/// An operation or a cron that ended.
pub(super) struct Finished<'a> {
    /// The name, place and role, as a message shows them.
    pub(super) subject: String,
    pub(super) exit_code: i64,
    pub(super) result: Outcome,
    pub(super) duration: Duration,
    /// Whether it ran in the app as it is edited.
    pub(super) synced: bool,
    pub(super) advice: Advice,
    /// The kind: an operation or a cron.
    pub(super) kind: &'static str,
    /// The operation's name, if `run --suggest-mounts` can help with it.
    pub(super) operation: Option<&'a str>,
}

impl<S: Screen> Terminal<S> {
    /// Prints the closing line, and hints.
    pub(super) fn operation_finished(&mut self, finished: &Finished<'_>) {
        let Finished {
            subject,
            exit_code,
            result,
            duration,
            synced,
            advice,
            kind,
            operation,
        } = finished;
        let mut time = text::duration(*duration);
        if *synced {
            time.push_str(", as edited, not a clean build");
        }
        let line = match result {
            Outcome::Success => format!(
                "{} {subject}: exit code 0 in {time}",
                self.style.good("     done")
            ),
            Outcome::Failure => format!(
                "{} {subject}: exit code {exit_code} in {time}",
                self.style.error("   failed")
            ),
            Outcome::Cancelled => {
                format!("{} {subject} after {time}", self.style.warning("cancelled"))
            }
            Outcome::Timeout => format!("{} {subject} after {time}", self.style.error("timed out")),
        };
        if *result == Outcome::Success {
            self.say(&line);
        } else {
            self.insist(&line);
        }
        match result {
            Outcome::Success => self.warn_of(kind, advice),
            Outcome::Failure if *advice == Advice::default() => {
                let text = self.what_to_try(*operation);
                self.say(&text);
            }
            Outcome::Failure => self.advise(advice, *operation),
            Outcome::Cancelled | Outcome::Timeout => {}
        }
    }

    /// Warns of the problems of something that succeeded.
    pub(super) fn warn_of(&mut self, subject: &str, advice: &Advice) {
        let write = advice.read_only.as_ref();
        let texts = [
            write.map(|write| hints::refused_although(subject, write)),
            advice.not_started.as_ref().map(|trouble| {
                let text = hints::not_started(trouble);
                format!("{} succeeded, but {text}", safe_line(subject))
            }),
        ];
        for text in texts.into_iter().flatten() {
            let text = format!("\n{}: {text}", self.style.warning("warning"));
            self.say(&text);
        }
    }

    /// Prints hints for something that failed.
    pub(super) fn advise(&mut self, advice: &Advice, operation: Option<&str>) {
        let not_started = advice.not_started.as_ref().map(hints::not_started);
        let known = advice.known.as_ref().map(hints::known);
        for text in [not_started, known].into_iter().flatten() {
            let text = self.hint(&text);
            self.insist(&text);
        }
        let Some(write) = &advice.read_only else {
            return;
        };
        let text = self.explain(write);
        self.insist(&text);
        let way = match (write.cause, operation) {
            (Refusal::NoMount, Some(_)) => {
                "`--suggest-mounts` runs it where it can write everywhere, and finds all mounts that it needs"
            }
            (Refusal::Unnamed, Some(_)) => {
                "`--suggest-mounts` runs it where it can write everywhere, and finds out where it writes"
            }
            (Refusal::Unnamed, None) => {
                "an operation with the same command finds out where it writes: `upsun-local run <operation> --suggest-mounts`"
            }
            _ => return,
        };
        self.insist(&format!("\n{way}"));
    }

    /// The next steps after a failure without a known cause.
    fn what_to_try(&self, operation: Option<&str>) -> String {
        let suggest = operation.map_or_else(String::new, |operation| {
            let command = format!("run {} --suggest-mounts", hints::word(operation));
            format!(
                "\n\n    upsun-local {}\n        tells whether the read-only file system is the cause",
                safe_line(&command)
            )
        });
        self.hint(&format!(
            "its output names no cause that is known here. What may help:{suggest}\n\n    upsun-local exec\n        opens a shell where it ran\n\n    upsun-local logs\n        shows what the app's own process printed"
        ))
    }

    fn hint(&self, text: &str) -> String {
        format!("\n{}: {text}", self.style.hint("hint"))
    }

    pub(super) fn explain(&self, write: &crate::event::ReadOnlyWrite) -> String {
        self.hint(&hints::refused(write))
    }
}
