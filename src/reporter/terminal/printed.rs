//! Output of scripts other than the operation: indented line by line.

use super::{Screen, Terminal, Verbosity};
use crate::output::Output;
use crate::reporter::lines::{Lines, Tail};
use crate::text::{self, safe_line};

/// How many bytes of a check's output are kept in case it fails.
const HIDDEN: usize = 16 * 1024;

/// How many bytes of a step's output are kept in quiet mode, in case the step fails.
pub(super) const QUIET: usize = 1 << 20;

/// The text before each line of a step's output.
const MARGIN: &str = "        | ";

/// What a script printed.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// The unfinished last line.
    lines: Lines,
    /// The end of output that was not shown.
    hidden: Tail,
}

impl<S: Screen> Terminal<S> {
    /// Prints the output of a build or a hook, indented line by line. `app` is empty for other scripts.
    pub(super) fn step_output(&mut self, app: &str, output: &Output) {
        let before = self.margin(app);
        let printed = self.printed.entry(app.to_owned()).or_default();
        if self.verbosity == Verbosity::Quiet {
            printed.hidden.push(output.bytes(), QUIET);
            return;
        }
        let mut text = String::new();
        printed.lines.push(output.bytes(), |line| {
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
            self.step_output("", output);
        } else {
            let printed = self.printed.entry(String::new()).or_default();
            printed.hidden.push(output.bytes(), HIDDEN);
        }
    }

    /// The text before each line of an app's output: with the name of the app, if scripts of several apps run.
    fn margin(&self, app: &str) -> String {
        let others = self.printed.keys();
        let is_alone = app.is_empty() || others.filter(|other| !other.is_empty()).count() < 2;
        if is_alone {
            return self.style.faint(MARGIN);
        }
        let name = safe_line(app);
        let room = (MARGIN.len() - 3).saturating_sub(text::width(&name));
        self.style.faint(&format!("{}{name} | ", " ".repeat(room)))
    }

    pub(super) fn indented(&mut self, app: &str, line: &str) {
        let text = format!("{}{line}\n", self.margin(app));
        self.screen.talk(text.as_bytes());
    }

    /// Handles the end of a script's output. Output that was hidden in quiet mode is shown if the script failed.
    pub(super) fn finish_lines(&mut self, app: &str, success: bool) {
        let mut printed = self.printed.remove(app).unwrap_or_default();
        if let Some(line) = printed.lines.finish() {
            self.indented(app, &line);
        }
        let (left_out, hidden) = printed.hidden.take();
        if success {
            return;
        }
        if left_out > 0 {
            let size = text::bytes(left_out);
            self.indented(app, &format!("[{size} before this are left out]"));
        }
        let mut lines = Lines::default();
        let mut show = |line: String| {
            if !line.is_empty() {
                self.indented(app, &line);
            }
        };
        lines.push(&hidden, &mut show);
        if let Some(line) = lines.finish() {
            show(line);
        }
    }
}
