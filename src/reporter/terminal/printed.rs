//! Output of scripts other than the operation: indented line by line.

use super::{Screen, Terminal, Verbosity};
use crate::output::Output;
use crate::reporter::lines::Lines;
use crate::text;

/// How many bytes of a check's output are kept in case it fails.
const HIDDEN: usize = 16 * 1024;

/// How many bytes of a step's output are kept in quiet mode, in case the step fails.
pub(super) const QUIET: usize = 1 << 20;

/// The text before each line of a step's output.
const MARGIN: &str = "        | ";

impl<S: Screen> Terminal<S> {
    /// Prints the output of a build or a hook, indented line by line.
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
        // Write all lines with one system call.
        if !text.is_empty() {
            self.screen.talk(text.as_bytes());
        }
    }

    /// Keeps the output of an operation that only runs to check whether it passes. It is shown if the operation
    /// fails.
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

    /// Handles the end of a step's output. Output that was hidden in quiet mode is shown if the step failed.
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
