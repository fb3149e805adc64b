//! What is shown of tests while they run: a line for each that ended, and on a terminal the one that runs now.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::super::context::Context;
use upsun_local::actions::suite::Audience;
use upsun_local::failure::{FAULT, Failure};
use upsun_local::suite::{Status, Verdict, line};
use upsun_local::text::{beginning, safe_line};

/// Shows tests on standard output, and the one that runs now on standard error.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    context: &'a Context,
    /// Whether each that ended has a line.
    has_lines: bool,
    /// Whether the one that runs is shown.
    is_wanted: bool,
    is_shown: AtomicBool,
    /// The first line that could not be written.
    unwritten: Mutex<Option<Failure>>,
}

impl<'a> Progress<'a> {
    /// The test that runs is for a terminal, and where only one runs at a time.
    pub(super) fn new(context: &'a Context, at_once: usize, has_lines: bool) -> Self {
        let global = &context.global;
        let is_wanted =
            at_once == 1 && !global.quiet && global.verbose == 0 && stderr().is_terminal();
        Progress {
            context,
            has_lines,
            is_wanted,
            is_shown: AtomicBool::new(false),
            unwritten: Mutex::default(),
        }
    }

    /// Why the lines could not be written, if so.
    pub(super) fn unwritten(&self) -> Option<Failure> {
        let mut unwritten = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unwritten.take()
    }
}

impl Audience for Progress<'_> {
    /// Shows a test's name. A longer one than the terminal is wide would leave lines behind, so it is cut.
    fn begins(&self, name: &str) {
        if !self.is_wanted {
            return;
        }
        self.makes_room();
        let columns = rustix::termios::tcgetwinsize(stderr()).map_or(80, |size| size.ws_col);
        let room = usize::from(columns).saturating_sub(7);
        let name = safe_line(name);
        let name = beginning(&name, room);
        self.context.talk_as_it_is(&format!("RUN   {name}"));
        self.is_shown.store(true, Relaxed);
    }

    /// Clears it.
    fn makes_room(&self) {
        if self.is_shown.swap(false, Relaxed) {
            self.context.talk_as_it_is("\r\x1b[K");
        }
    }

    fn ended(&self, verdict: &Verdict) {
        let is_good = matches!(verdict.status, Status::Passed | Status::Skipped(_));
        if !self.has_lines || (self.context.global.quiet && is_good) {
            return;
        }
        // A reader that is gone wants no more lines; the result is the exit code then.
        let printed = self.context.print(&line(verdict, self.context.out_style));
        if let Some(failure) = printed.err().filter(|failure| failure.code == FAULT) {
            let mut unwritten = self
                .unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            unwritten.get_or_insert(failure);
        }
    }
}
