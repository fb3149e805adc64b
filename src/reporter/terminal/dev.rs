//! Apps that are edited while they run: what was written, requests, and what the containers print, in one view.

use std::time::Duration;

use super::{Screen, Terminal, Verbosity};
use crate::event::Dev;
use crate::output::Output;
use crate::reporter::lines::Lines;
use crate::text::{self, safe_line};

/// How wide the names of containers are at most.
const NAMES: usize = 20;

/// What a container printed, by stream, so that a piece of one does not end up in a line of the other.
#[derive(Debug, Default)]
pub(super) struct Followed {
    lines: [Lines; 2],
    /// Which colour it has.
    number: usize,
}

impl<S: Screen> Terminal<S> {
    pub(super) fn dev_event(&mut self, event: Dev) {
        match event {
            Dev::Ready { apps, files } => {
                let apps: Vec<String> = apps.iter().map(|app| safe_line(app)).collect();
                let files = text::count(files, "file");
                self.step(
                    "Watching",
                    &format!("{files} for {}, until Ctrl-C", apps.join(", ")),
                );
            }
            Dev::Synced {
                app,
                files,
                deleted,
                path,
                duration,
            } => {
                let what = written(files, deleted, &path);
                let millis = duration.as_millis();
                self.step(
                    "Synced",
                    &format!("{what} to {} in {millis} ms", safe_line(&app)),
                );
            }
            Dev::Failed { app, message } => {
                let line = format!(
                    "{} to write what was edited into {}: {}\n\n{}: this is tried again every 5 s, and at the next change",
                    self.style.error("   failed"),
                    safe_line(&app),
                    text::safe(&message),
                    self.style.hint("hint"),
                );
                self.insist(&line);
            }
            Dev::Restarted { app, path } => self.step(
                "Restarted",
                &format!("{} because of {}", safe_line(&app), safe_line(&path)),
            ),
            Dev::Rebuilding { app, path } => self.step(
                "Changed",
                &format!(
                    "{}: {} is built anew, beside the one that runs",
                    safe_line(&path),
                    safe_line(&app)
                ),
            ),
            Dev::Switched { app, duration } => self.step(
                "Switched",
                &format!(
                    "to the new build of {} after {}",
                    safe_line(&app),
                    text::duration(duration)
                ),
            ),
            Dev::Output { container, output } => self.followed(&container, &output.0),
            Dev::Request {
                method,
                host,
                path,
                status,
                duration,
            } => {
                let request = format!("{method} {host}{path}");
                self.answered(&request, status, duration);
            }
            Dev::Finished {} => {
                self.step(
                    "Left",
                    "dev: the routes lead to the deployed apps, as before",
                );
            }
        }
    }

    fn answered(&mut self, request: &str, status: u16, duration: Duration) {
        let code = status.to_string();
        let code = match status {
            500.. => self.style.error(code),
            400.. => self.style.warning(code),
            _ => self.style.good(code),
        };
        let millis = duration.as_millis();
        self.say(&format!(
            "      {code} {} in {millis} ms",
            safe_line(request)
        ));
    }

    /// Prints the lines of a container, each behind its name.
    fn followed(&mut self, container: &str, output: &Output) {
        let number = self.followed.len();
        let followed = self
            .followed
            .entry(container.to_owned())
            .or_insert_with(|| Followed {
                number,
                ..Followed::default()
            });
        let stream = usize::from(matches!(output, Output::Stderr(_)));
        let mut lines = Vec::new();
        followed.lines[stream].push(output.bytes(), |line| lines.push(line));
        let number = followed.number;
        let widths = self
            .followed
            .keys()
            .map(|name| text::width(&safe_line(name)));
        let width = widths.max().unwrap_or_default().min(NAMES);
        let name = text::pad(&text::cut(&safe_line(container), NAMES), width);
        let before = self.style.of_many(number, format!("{name} |"));
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        for line in lines {
            self.insist_indented(&format!("{before} {line}"), width + 3);
        }
    }
}

/// What was written, in a few words.
fn written(files: usize, deleted: usize, path: &str) -> String {
    match (files, deleted) {
        (1, 0) => safe_line(path),
        (0, 1) => format!("{} (deleted)", safe_line(path)),
        (0, _) => format!("{} (deleted)", text::count(deleted, "file")),
        (_, 0) => text::count(files, "file"),
        _ => format!("{}, {deleted} deleted", text::count(files, "file")),
    }
}
