//! One line that moves.

use std::time::Duration;

use crate::reporter::lines::Lines;

/// What a row is about. There is one row for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// An app, a worker or a service: Upsun takes no two of one name.
    App(String),
    Image(String),
    /// The lock that another command has.
    Wait,
    /// A step of which there is one at a time.
    Step,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) verb: &'static str,
    pub(super) what: String,
    /// What the work is at.
    pub(super) step: Option<&'static str>,
    pub(super) began: Duration,
    /// How many bytes of an image are there, and of how many.
    pub(super) pulled: Option<(u64, u64)>,
    lines: Lines,
    last: String,
}

impl Row {
    pub(super) fn new(key: Key, verb: &'static str, what: String, began: Duration) -> Self {
        Row {
            key,
            verb,
            what,
            step: None,
            began,
            pulled: None,
            lines: Lines::default(),
            last: String::new(),
        }
    }

    pub(super) fn is_of(&self, app: &str) -> bool {
        matches!(&self.key, Key::App(name) if name == app)
    }

    /// Begins a step.
    pub(super) fn enter(&mut self, step: &'static str) {
        self.leave();
        self.step = Some(step);
    }

    /// Ends the step.
    pub(super) fn leave(&mut self) {
        self.step = None;
        self.lines = Lines::default();
        self.last.clear();
    }

    /// Takes output of the step.
    pub(super) fn print(&mut self, output: &[u8]) {
        let last = &mut self.last;
        self.lines.push(output, |line| {
            let line = bare(&line);
            // An empty line says less than the one before it.
            if !line.is_empty() {
                *last = line;
            }
        });
    }

    pub(super) fn printed_line(&mut self, line: String) {
        self.last = line;
    }

    /// The last line of output. A line that has not ended yet counts: it may be a progress bar.
    pub(super) fn last(&self) -> String {
        let unfinished = self.lines.unfinished().map(|line| bare(&line));
        unfinished
            .filter(|line| !line.is_empty())
            .unwrap_or_else(|| self.last.clone())
    }
}

/// A printable line without its colours and tabs, and without the spaces around it.
fn bare(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('m').map_or(part, |(_, after)| after));
    }
    text.replace('\t', " ").trim().to_owned()
}
