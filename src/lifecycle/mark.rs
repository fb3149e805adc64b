//! Marks the processes of a run, so that all of them can be found and ended, whatever they do.
//!
//! The mark is the limit on the number of file locks (`RLIMIT_LOCKS`), which Linux has ignored since version 2.4.
//! Children inherit the limit and no program replaces it: it survives cleared variables, a new session, the end of a
//! parent, closed files and another process name. A process may lower the limit, but no process in a container may
//! raise it. Each run therefore has a lower mark than all runs before it, and every process with a run's mark or a
//! lower one belongs to that run. A process that the web process starts has no limit, even if an operation asked the
//! web process to start it.

use std::fmt;
use std::time::SystemTime;

/// Marks of runs are below this number. Numbers of this size are exact for every program that may show them.
const RUNS: u64 = 1 << 53;

/// Marks of shells are between `RUNS` and this number.
const SHELLS: u64 = 1 << 54;

/// The mark of a run, or of a shell of `exec`. The processes of the run's stop command have the number below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// A mark for the processes of an operation, a cron or a hook.
    pub(crate) fn of_run() -> Self {
        Mark(RUNS - age())
    }

    /// A mark for the processes of a shell, which no other command waits for.
    pub fn of_shell() -> Self {
        Mark(SHELLS - age())
    }

    /// Reads a mark that a script in a container printed.
    pub(super) fn read(text: &str) -> Option<Self> {
        let number = text.parse().ok()?;
        (number < RUNS).then_some(Mark(number))
    }

    /// The lowest mark that belongs to the same run. Only one run at a time is in a container, so all lower marks of
    /// runs belong to this run. Several shells may be in a container.
    pub(super) fn lowest(self) -> u64 {
        if self.0 < RUNS { 0 } else { self.0 - 1 }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Twice the number of microseconds since 1970. It reaches [`RUNS`] in 2112.
fn age() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_micros() * 2)
        .unwrap_or(RUNS)
        .min(RUNS - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_lowers_its_mark_to_is_still_its_own_and_never_an_earlier_runs() {
        let first = Mark::of_run();
        let second = loop {
            let next = Mark::of_run();
            if next != first {
                break next;
            }
        };
        assert!(second < first);
        assert_eq!(second.lowest(), 0);
        assert!(
            first.0 - second.0 >= 2,
            "its stop command has one of its own"
        );
    }

    #[test]
    fn a_shell_has_only_its_own_mark_and_that_of_no_run() {
        let shell = Mark::of_shell();
        assert_eq!(shell.lowest(), shell.0 - 1);
        assert!(shell.0 > RUNS);
        assert_eq!(Mark::read(&shell.to_string()), None);
    }

    #[test]
    fn the_mark_of_a_run_is_read_back() {
        let run = Mark::of_run();
        assert_eq!(Mark::read(&run.to_string()), Some(run));
        for text in ["", "unlimited", "-1", "18446744073709551615"] {
            assert_eq!(Mark::read(text), None, "{text}");
        }
    }
}
