//! How an operation ended, and what helps when it did not end well.

use std::time::Duration;

use super::Terminal;
use super::screen::Screen;
use crate::event::{Outcome, ReadOnlyWrite, Refusal};
use crate::reporter::style::{self, safe_line};

/// An operation or a cron that ended.
pub(super) struct Finished<'a> {
    /// What, where and as whom.
    pub(super) subject: String,
    /// Its exit code.
    pub(super) exit_code: i64,
    /// What that means.
    pub(super) result: Outcome,
    /// How long it took.
    pub(super) duration: Duration,
    /// What it tried to write where nothing may be written.
    pub(super) read_only: Option<&'a ReadOnlyWrite>,
    /// Whether it can be tried with `run --suggest-mounts`.
    pub(super) is_operation: bool,
}

impl<S: Screen> Terminal<S> {
    /// Its closing line, and what helps.
    pub(super) fn operation_finished(&mut self, finished: &Finished<'_>) {
        let Finished {
            subject,
            exit_code,
            result,
            duration,
            read_only,
            is_operation,
        } = finished;
        let time = style::duration(*duration);
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
        if let Some(write) = read_only {
            let text = self.explain(write);
            self.insist(&text);
            if *is_operation && matches!(write.cause, Refusal::NoMount | Refusal::Unnamed) {
                self.insist("\n`--suggest-mounts` runs it where it can write everywhere, and finds all mounts that it needs");
            }
        } else if *result == Outcome::Failure && *exit_code == 127 {
            let text = format!(
                "\n{}: 127 means that a command was not found: is it installed by the build, and on `PATH`? (`npx`, `vendor/bin/…`, `dependencies`)",
                self.style.hint("hint")
            );
            self.insist(&text);
        }
    }

    pub(super) fn explain(&self, write: &ReadOnlyWrite) -> String {
        let hint = self.style.hint("hint");
        let path = safe_line(write.path.as_deref().unwrap_or_default());
        let wrote = format!("\n{hint}: it wrote to `{path}`, which is");
        match write.cause {
            Refusal::NoMount => {
                let mount = write.mount.as_deref().unwrap_or_default();
                let key = serde_json::to_string(&format!("/{mount}")).unwrap_or_default();
                let source = write.source.unwrap_or("storage");
                format!(
                    "{wrote} read-only on Upsun once the app is built; a mount makes it writable:\n\n    mounts:\n      {key}:\n        source: {source}"
                )
            }
            Refusal::HoldsMount => format!(
                "{wrote} read-only on Upsun once the app is built, and in its directory is another mount; let it write into that one, or to `/tmp`"
            ),
            Refusal::FileAtTop => format!(
                "{wrote} read-only on Upsun once the app is built; mounts are directories, so let it write into one that is a mount, or to `/tmp`"
            ),
            Refusal::OnMount => format!("{wrote} on a mount, and the mount refused it"),
            Refusal::OutsideApp => format!(
                "{wrote} read-only on Upsun, and outside the app's directory no mount can change that; write to `/tmp` or below `/app`"
            ),
            Refusal::Unnamed => format!(
                "\n{hint}: it wrote where it is read-only on Upsun once the app is built, and does not say where; only mounts and `/tmp` are writable: `upsun-local mount list`"
            ),
            Refusal::DiskFull => format!(
                "\n{hint}: the disk of a mount, `/tmp` or the container engine is full: `upsun-local mount size`, `docker system df`"
            ),
        }
    }
}
