//! Decides how to react to what happens to a running script. This code has no engine, clock or listener, so that
//! tests can drive it.

use std::time::Duration;

use tokio::time::Instant;

use super::End;
use crate::lifecycle::PATIENCE;
use crate::shutdown::Urgency;

/// How long output that is on its way may still take once the script has ended.
pub(super) const DRAIN: Duration = Duration::from_millis(200);

/// What can happen while a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The user wants the script to stop, with this urgency.
    Wanted(Urgency),
    /// The moment of [`Supervision::alarm`] has come.
    Alarm,
    /// All processes of the script were ended, as asked.
    Ended,
    /// The last output was sent to the listener.
    Told,
    /// The script printed something.
    Printed,
    /// No process has the output of the script open any longer.
    Closed,
    /// The script ended with this code.
    Exited(i64),
    /// The exit code of the script cannot be known.
    Lost,
    /// The moment of [`Supervision::drained`] has come.
    Drained,
}

/// How to react.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Wait for the next event.
    Wait,
    /// Send the output to the listener.
    Tell,
    /// Drop the output: the listener is gone.
    Drop,
    /// End the script within its grace period, for this reason.
    End(Reason),
    /// Kill the script now.
    Kill,
    /// Stop supervising: the script ended in this way.
    Finish(End),
}

/// Why a script is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    User,
    /// The script reached its time limit.
    Time,
}

/// The state of a running script.
#[derive(Debug, Clone)]
pub(super) struct Supervision {
    deadline: Option<Instant>,
    /// The highest urgency with which the user wanted the script to stop so far.
    wanted: Urgency,
    /// How the script ends if it is ended.
    reason: Option<End>,
    is_ending: bool,
    is_open: bool,
    /// Whether output is still being sent to the listener.
    is_telling: bool,
    /// Whether the listener is gone. The output is still read: an engine may not report the end of any process in a
    /// container while it cannot deliver output.
    is_deaf: bool,
    is_exited: bool,
    exit_code: Option<i64>,
    /// When the script printed last.
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

    /// The lowest urgency that would change something.
    pub(super) fn next_urgency(&self) -> Urgency {
        match self.wanted {
            Urgency::None => Urgency::Cancel,
            Urgency::Cancel => Urgency::Kill,
            Urgency::Kill | Urgency::Leave => Urgency::Leave,
        }
    }

    /// The moment of the time limit or, while the script is being ended, the moment from which a listener that does not
    /// take the output counts as gone.
    pub(super) fn alarm(&self) -> Option<Instant> {
        match self.reason {
            None => self.deadline,
            Some(_) => self.is_telling.then(|| self.printed_at + PATIENCE),
        }
    }

    /// When reading ends, if no output comes until then.
    pub(super) fn drained(&self) -> Option<Instant> {
        self.drained_at.filter(|_| self.reads())
    }

    /// Whether to read the output.
    pub(super) fn reads(&self) -> bool {
        self.is_open && !self.is_telling
    }

    /// Whether to ask for the exit code. The output is sent first, even if the container ended with the script.
    pub(super) fn awaits_exit(&self) -> bool {
        !self.is_exited && !self.is_telling
    }

    /// Whether the script ends by itself, as far as is known.
    pub(super) fn ends_by_itself(&self) -> bool {
        self.reason.is_none()
    }

    pub(super) fn on(&mut self, happening: Happening, now: Instant) -> Action {
        let action = match happening {
            Happening::Wanted(urgency) => return self.wanted(urgency),
            Happening::Alarm => self.alarmed(now),
            Happening::Ended => {
                self.is_ending = false;
                // All processes have ended; the rest of the output is already on its way.
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
            // The script is already being ended; a second end would run its stop command twice.
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

    /// How the script ended, once there is nothing left to wait for.
    fn end(&self) -> Option<End> {
        if self.is_open || self.is_telling || self.is_ending {
            return None;
        }
        // A script that closed its output may not have ended yet.
        self.reason.or(self.exit_code.map(End::Exited))
    }
}

#[cfg(test)]
mod tests;
