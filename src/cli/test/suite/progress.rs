//! The test that runs now, on a terminal.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::num::NonZeroU8;

use super::super::super::context::Context;
use crate::text::safe_line;

/// A line that is gone once there is something to say.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    context: &'a Context,
    is_wanted: bool,
    is_shown: Cell<bool>,
}

impl<'a> Progress<'a> {
    /// It is for a terminal, and where only one test runs at a time.
    pub(super) fn new(context: &'a Context, jobs: NonZeroU8) -> Self {
        let global = &context.global;
        let is_wanted =
            jobs.get() == 1 && !global.quiet && !global.verbose && stderr().is_terminal();
        Progress {
            context,
            is_wanted,
            is_shown: Cell::new(false),
        }
    }

    /// Shows a test's name. A longer one than the terminal is wide would leave lines behind, so it is cut.
    pub(super) fn show(&self, name: &str) {
        if !self.is_wanted {
            return;
        }
        self.hide();
        let columns = rustix::termios::tcgetwinsize(stderr()).map_or(80, |size| size.ws_col);
        let room = usize::from(columns).saturating_sub(7);
        let name: String = safe_line(name).chars().take(room).collect();
        self.context.talk_as_it_is(&format!("RUN   {name}"));
        self.is_shown.set(true);
    }

    /// Clears it.
    pub(super) fn hide(&self) {
        if self.is_shown.replace(false) {
            self.context.talk_as_it_is("\r\x1b[K");
        }
    }
}
