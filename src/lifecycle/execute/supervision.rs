//! Decides what is to be done about a script that runs, from what happens to it: without an engine, a clock or a
//! listener.

use std::time::Duration;

use tokio::time::Instant;

use super::End;
use crate::lifecycle::PATIENCE;
use crate::shutdown::Urgency;

/// How long what is on its way may still take once the script has ended.
pub(super) const DRAIN: Duration = Duration::from_millis(200);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The user wants it to stop, that much.
    Wanted(Urgency),
    /// The moment of [`Supervision::alarm`] has come.
    Alarm,
    /// Everything of it was ended, as asked.
    Ended,
    /// What it printed was told.
    Told,
    /// It printed something.
    Printed,
    /// Nothing has its output open any more.
    Closed,
    /// It ended with that code.
    Exited(i64),
    /// Nobody knows any more with what code it ended.
    Lost,
    /// The moment of [`Supervision::drained`] has come.
    Drained,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing but to wait for more.
    Wait,
    /// To tell what it printed.
    Tell,
    /// To drop what it printed: nobody listens.
    Drop,
    /// To end it within its grace period, for that reason.
    End(Reason),
    /// To end it at once.
    Kill,
    /// To leave it: this is how it ended.
    Finish(End),
}

/// Why a script is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The user wants that.
    User,
    /// Its time is over.
    Time,
}

/// What is known of a script that runs.
#[derive(Debug, Clone)]
pub(super) struct Supervision {
    deadline: Option<Instant>,
    /// How much the user wanted it to stop so far.
    wanted: Urgency,
    /// How it ends, where it does not do so by itself.
    reason: Option<End>,
    /// Whether it is being ended.
    is_ending: bool,
    is_open: bool,
    /// Whether something that it printed is to be told still.
    is_telling: bool,
    /// Whether nobody listens any more. Its output is read on all the same: an engine may tell no end of anything in a
    /// container while it cannot get rid of output.
    is_deaf: bool,
    is_exited: bool,
    exit_code: Option<i64>,
    /// When it printed last.
    printed_at: Instant,
    drained_at: Option<Instant>,
}

impl Supervision {
    pub(super) fn new(now: Instant, timeout: Option<Duration>) -> Self {
        Supervision {
            deadline: timeout.map(|timeout| now + timeout),
            wanted: Urgency::None,
            reason: None,
            is_ending: false,
            is_open: true,
            is_telling: false,
            is_deaf: false,
            is_exited: false,
            exit_code: None,
            printed_at: now,
            drained_at: None,
        }
    }

    /// How much the user has to want it to stop for that to be something new.
    pub(super) fn next_urgency(&self) -> Urgency {
        match self.wanted {
            Urgency::None => Urgency::Cancel,
            Urgency::Cancel => Urgency::Kill,
            Urgency::Kill | Urgency::Leave => Urgency::Leave,
        }
    }

    /// When time alone changes something, whatever else happens.
    pub(super) fn alarm(&self) -> Option<Instant> {
        match self.reason {
            None => self.deadline,
            Some(_) => self.is_telling.then(|| self.printed_at + PATIENCE),
        }
    }

    /// When there is nothing left to read, where nothing comes until then.
    pub(super) fn drained(&self) -> Option<Instant> {
        self.drained_at.filter(|_| self.reads())
    }

    /// Whether its output is to be read.
    pub(super) fn reads(&self) -> bool {
        self.is_open && !self.is_telling
    }

    /// Whether its exit code is to be asked for. What it printed is told first, also where its container ended with it.
    pub(super) fn awaits_exit(&self) -> bool {
        !self.is_exited && !self.is_telling
    }

    /// Whether it ends by itself, as far as is known.
    pub(super) fn ends_by_itself(&self) -> bool {
        self.reason.is_none()
    }

    /// What is to be done now.
    pub(super) fn on(&mut self, happening: Happening, now: Instant) -> Action {
        let action = match happening {
            Happening::Wanted(urgency) => return self.wanted(urgency),
            Happening::Alarm => self.alarmed(now),
            Happening::Ended => {
                self.is_ending = false;
                // All of it has ended; what is left to read is on its way already.
                self.drained_at.get_or_insert(now + DRAIN);
                Action::Wait
            }
            Happening::Told => {
                self.is_telling = false;
                Action::Wait
            }
            Happening::Printed => self.printed(now),
            Happening::Closed | Happening::Drained => {
                self.is_open = false;
                Action::Wait
            }
            Happening::Exited(code) => {
                self.exit_code = Some(code);
                self.exited(now)
            }
            Happening::Lost => self.exited(now),
        };
        match self.end() {
            Some(end) => Action::Finish(end),
            None => action,
        }
    }

    fn wanted(&mut self, urgency: Urgency) -> Action {
        self.wanted = urgency;
        let is_under_way = self.reason.is_some();
        self.reason.get_or_insert(End::Cancelled);
        match urgency {
            Urgency::Leave => Action::Finish(End::Left),
            Urgency::Kill => {
                self.is_ending = true;
                Action::Kill
            }
            // Its time was over already; to end it again would run its stop command twice.
            Urgency::Cancel | Urgency::None if is_under_way => Action::Wait,
            Urgency::Cancel | Urgency::None => {
                self.is_ending = true;
                Action::End(Reason::User)
            }
        }
    }

    fn alarmed(&mut self, now: Instant) -> Action {
        if self.alarm().is_none_or(|at| now < at) {
            return Action::Wait;
        }
        if self.reason.is_none() {
            self.reason = Some(End::TimedOut);
            self.is_ending = true;
            return Action::End(Reason::Time);
        }
        self.is_deaf = true;
        self.is_telling = false;
        Action::Drop
    }

    fn printed(&mut self, now: Instant) -> Action {
        self.printed_at = now;
        if let Some(drained_at) = &mut self.drained_at {
            *drained_at = now + DRAIN;
        }
        if self.is_deaf {
            return Action::Drop;
        }
        self.is_telling = true;
        Action::Tell
    }

    fn exited(&mut self, now: Instant) -> Action {
        self.is_exited = true;
        self.drained_at.get_or_insert(now + DRAIN);
        Action::Wait
    }

    /// How it ended, once there is nothing left to wait for.
    fn end(&self) -> Option<End> {
        if self.is_open || self.is_telling || self.is_ending {
            return None;
        }
        // One that closed its output may still be on its way out.
        self.reason.or(self.exit_code.map(End::Exited))
    }
}

#[cfg(test)]
mod tests;
