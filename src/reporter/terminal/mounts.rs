//! What happens to mounts.

use super::suggested::Suggested;
use super::{Screen, Terminal};
use crate::event::{Difference, Mounts, Outcome};
use crate::text::{self, safe_line};

/// How many changed paths on mounts are listed.
const CHANGES_SHOWN: usize = 20;

impl<S: Screen> Terminal<S> {
    pub(super) fn mounts_event(&mut self, event: Mounts) {
        match event {
            Mounts::Keeping { container } => {
                self.step(
                    "Keeping",
                    &format!("the mounts of {}", safe_line(&container)),
                );
            }
            Mounts::Restored {
                container,
                changes,
                lost,
            } => self.restored(&container, &changes, lost),
            // What comes of it is said when the operation has ended.
            Mounts::Kept { .. } => {}
            Mounts::Changed {
                container,
                snapshot,
                changes,
                flags,
            } => self.changed(&container, snapshot.as_deref(), &changes, &flags),
            Mounts::Copying { container } => {
                let what = format!("{} and what is on its mounts", safe_line(&container));
                self.step("Copying", &what);
            }
            Mounts::CheckStarted {
                operation, mounts, ..
            } => {
                let operation = self.style.strong(safe_line(&operation));
                let more = match mounts {
                    0 => "no other mounts".to_owned(),
                    _ => text::count(mounts, "more mount"),
                };
                self.step(
                    "Checking",
                    &format!("{operation} with {more}, the rest read-only"),
                );
            }
            Mounts::CheckOutput { output } => self.check_output(&output.0),
            Mounts::CheckFinished { check, .. } => {
                self.finish_lines("", check.result == Outcome::Success);
            }
            Mounts::Suggested {
                container,
                suggestion,
                result,
                services,
                check,
                must_pass,
            } => self.suggested(&Suggested {
                container: &safe_line(&container),
                suggestion: &suggestion,
                result,
                services: &services,
                check: check.as_ref(),
                must_pass,
            }),
            Mounts::Written { file, mounts } => {
                let what = format!(
                    "{} to {}",
                    text::count(mounts.len(), "mount"),
                    safe_line(&file)
                );
                self.say("");
                self.step("Added", &what);
            }
        }
    }

    /// Prints what an operation had changed on mounts before they were restored.
    fn restored(&mut self, container: &str, changes: &[Difference], lost: usize) {
        let (container, count) = (safe_line(container), changes.len());
        if count == 0 {
            let so_far = if lost == 0 {
                ""
            } else {
                ", as far as they could be read"
            };
            self.step(
                "Kept",
                &format!("the mounts of {container}: nothing changed on them{so_far}"),
            );
            return;
        }
        self.step(
            "Undid",
            &format!(
                "{} on the mounts of {container}:",
                text::count(count, "change")
            ),
        );
        self.changes(changes);
    }

    /// Prints what an operation changed on mounts, and how to undo it.
    fn changed(
        &mut self,
        container: &str,
        snapshot: Option<&str>,
        changes: &[Difference],
        flags: &str,
    ) {
        let container = safe_line(container);
        if changes.is_empty() {
            let what = format!("nothing on the mounts of {container}");
            return self.step("Changed", &what);
        }
        let count = text::count(changes.len(), "path");
        self.step("Changed", &format!("{count} on the mounts of {container}:"));
        self.changes(changes);
        if let Some(snapshot) = snapshot {
            let command = self
                .style
                .strong(format!("upsun-local mount restore{flags} {snapshot}"));
            self.step("", &format!("put back by {command}"));
        }
    }

    fn changes(&mut self, changes: &[Difference]) {
        let count = changes.len();
        for change in changes.iter().take(CHANGES_SHOWN) {
            self.step("", &safe_line(&change.to_string()));
        }
        if count > CHANGES_SHOWN {
            self.step("", &format!("and {} more", count - CHANGES_SHOWN));
        }
    }
}
