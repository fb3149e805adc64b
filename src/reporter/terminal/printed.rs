//! What scripts print that are not the operation: indented line by line.

use super::{Screen, Terminal, Verbosity};
use crate::output::Output;
use crate::reporter::lines::Lines;
use crate::text;

/// How much of what a check prints is kept until it has failed, in bytes.
const HIDDEN: usize = 16 * 1024;

/// The same for a step that should be quiet: what it printed is shown only there.
pub(super) const QUIET: usize = 1 << 20;

/// What stands before each line that a step prints.
const MARGIN: &str = "        | ";

impl<S: Screen> Terminal<S> {
    /// What a build or a hook prints, indented line by line.
    pub(super) fn step_output(&mut self, output: &Output) {
        if self.verbosity == Verbosity::Quiet {
            self.hidden.push(output.bytes(), QUIET);
            return;
        }
        let mut text = String::new();
        let before = self.style.faint(MARGIN);
        self.lines.push(output.bytes(), |line| {
            text.push_str(&format!("{before}{line}\n"));
        });
        // Many short lines are written at once: each would be a call of the system.
        if !text.is_empty() {
            self.screen.talk(text.as_bytes());
        }
    }

    /// What an operation prints that is only run to see whether it passes: shown when it does not.
    pub(super) fn check_output(&mut self, output: &Output) {
        if self.verbosity == Verbosity::Verbose {
            self.step_output(output);
        } else {
            self.hidden.push(output.bytes(), HIDDEN);
        }
    }

    pub(super) fn indented(&mut self, line: &str) {
        let text = format!("{}{line}\n", self.style.faint(MARGIN));
        self.screen.talk(text.as_bytes());
    }

    /// A step has printed everything. What was held back because it should be quiet is shown after all when it
    /// failed.
    pub(super) fn finish_lines(&mut self, success: bool) {
        if let Some(line) = self.lines.finish() {
            self.indented(&line);
        }
        let (left_out, hidden) = self.hidden.take();
        if success {
            return;
        }
        if left_out > 0 {
            let size = text::bytes(left_out);
            self.indented(&format!("[{size} before this are left out]"));
        }
        let mut lines = Lines::default();
        let mut show = |line: String| {
            if !line.is_empty() {
                self.indented(&line);
            }
        };
        lines.push(&hidden, &mut show);
        if let Some(line) = lines.finish() {
            show(line);
        }
    }
}
