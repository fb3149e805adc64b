//! Notices when `watch` hears itself: something that it runs writes a file of the repository, as with
//! `watch > inside-of-it.log`.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How soon after a turn began or ended a change may come from it: sooner than anybody saves who has seen how it ended.
const SOON: Duration = Duration::from_millis(200);

/// After how many of these in a row, all to one file, it does come from it.
const TURNS: u32 = 5;

/// How long to wait at most.
const LONGEST: Duration = Duration::from_secs(30);

/// The changes that came soon.
#[derive(Debug, Default)]
pub(super) struct Echo {
    file: Option<PathBuf>,
    turns: u32,
}

impl Echo {
    /// Takes note of a change that came so long after its turn began or ended, and says how long to wait because of
    /// it: the longer, the more there were.
    pub(super) fn note(&mut self, after: Duration, file: Option<PathBuf>) -> Option<Duration> {
        if after > SOON || file.is_none() {
            *self = Echo::default();
            return None;
        }
        if self.file != file {
            *self = Echo { file, turns: 0 };
        }
        self.turns += 1;
        let doubled = self.turns.checked_sub(TURNS)?;
        let pause = Duration::from_secs(2).saturating_mul(1 << doubled.min(10));
        Some(pause.min(LONGEST))
    }

    /// The file, when it is time to tell.
    pub(super) fn is_new(&self) -> Option<&Path> {
        self.file.as_deref().filter(|_| self.turns == TURNS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_file_that_changes_soon_in_every_turn_is_an_echo() {
        let mut echo = Echo::default();
        let mut note = |milliseconds, file: &str| {
            let after = Duration::from_millis(milliseconds);
            let pause = echo.note(after, Some(PathBuf::from(file)));
            (
                pause.map_or(0, |pause| pause.as_secs()),
                echo.is_new().is_some(),
            )
        };
        for (after, file, expected) in [
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "other", (0, false)),
            (100, "log", (0, false)),
            (300, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (0, false)),
            (100, "log", (2, true)),
            (100, "log", (4, false)),
            (100, "log", (8, false)),
            (100, "log", (16, false)),
            (100, "log", (30, false)),
            (5000, "log", (0, false)),
        ] {
            assert_eq!(note(after, file), expected, "{after} {file}");
        }
    }
}
