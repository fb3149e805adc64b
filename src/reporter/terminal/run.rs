//! The operation, and crons.

use std::io;

use super::ending::Finished;
use super::{Screen, Terminal};
use crate::event::{Advice, Cron, Outcome, Run};
use crate::output::Output;
use crate::text::{container_name, safe_line};

impl<S: Screen> Terminal<S> {
    /// Prints the event. The output of the operation passes unchanged. An error means that standard output is closed
    /// or full.
    pub(super) fn run(&mut self, event: Run) -> io::Result<()> {
        match event {
            Run::Output { output } => match &output.0 {
                Output::Stdout(bytes) => {
                    self.screen.output(bytes)?;
                    if self.screen.is_one() {
                        self.last = bytes.last().copied().unwrap_or(self.last);
                    }
                }
                Output::Stderr(bytes) => {
                    self.screen.talk(bytes);
                    self.last = bytes.last().copied().unwrap_or(self.last);
                }
            },
            Run::Started {
                app,
                worker,
                operation,
                role,
                user,
                ..
            } => {
                let who = user.map_or_else(
                    || role.clone(),
                    |user| format!("{} ({role})", safe_line(&user)),
                );
                let place = place(&app, worker.as_deref());
                self.step(
                    "Running",
                    &format!(
                        "{} on {place} as {who}",
                        self.style.strong(safe_line(&operation))
                    ),
                );
            }
            Run::Finished {
                app,
                worker,
                operation,
                role,
                exit_code,
                result,
                duration,
                synced,
                read_only,
                not_started,
                known,
            } => {
                let strong = self.style.strong(safe_line(&operation));
                let place = place(&app, worker.as_deref());
                self.operation_finished(&Finished {
                    subject: format!("{strong} on {place} as {}", safe_line(&role)),
                    exit_code,
                    result,
                    duration,
                    synced,
                    advice: Advice {
                        read_only,
                        not_started,
                        known,
                    },
                    kind: "the operation",
                    operation: Some(operation.as_str()).filter(|_| !self.is_on_clone),
                });
            }
        }
        Ok(())
    }

    pub(super) fn cron_event(&mut self, event: Cron) {
        match event {
            Cron::Planned { app, cron, next } => {
                let next = next.unwrap_or_else(|| "never".to_owned());
                let subject = self.cron(&cron, &app, None);
                self.step("Planned", &format!("{subject}: {next}"));
            }
            Cron::Started {
                app,
                cron,
                role,
                user,
                ..
            } => {
                let who = role.map(|role| match user {
                    Some(user) => format!("{} ({role})", safe_line(&user)),
                    None => role,
                });
                let subject = self.cron(&cron, &app, who.as_deref());
                self.step("Running", &subject);
            }
            Cron::Output { output, .. } => self.step_output("", &output.0),
            Cron::Finished {
                app,
                cron,
                role,
                exit_code,
                result,
                duration,
                read_only,
                not_started,
                known,
            } => {
                self.finish_lines("", result == Outcome::Success);
                self.operation_finished(&Finished {
                    subject: self.cron(&cron, &app, role.as_deref()),
                    exit_code,
                    result,
                    duration,
                    synced: false,
                    advice: Advice {
                        read_only,
                        not_started,
                        known,
                    },
                    kind: "the cron",
                    operation: None,
                });
            }
            Cron::Skipped { app, cron, reason } => {
                let line = format!(
                    "{} {}: {}",
                    self.style.warning("  skipped"),
                    self.cron(&cron, &app, None),
                    safe_line(&reason)
                );
                self.insist(&line);
            }
        }
    }

    /// The cron with its app and role: `cron tidy on app as admin`.
    fn cron(&self, name: &str, app: &str, role: Option<&str>) -> String {
        let role = role
            .map(|role| format!(" as {}", safe_line(role)))
            .unwrap_or_default();
        let name = self.style.strong(safe_line(name));
        format!("cron {name} on {}{role}", safe_line(app))
    }
}

/// The name of the container as on Upsun: `app`, or `app--worker`.
fn place(app: &str, worker: Option<&str>) -> String {
    safe_line(&container_name(app, worker))
}
