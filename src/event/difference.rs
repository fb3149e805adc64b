//! Changes on mounts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an entry of a directory changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The entry did not exist before.
    Added,
    /// The entry has another type, content or permissions.
    Modified,
    /// The entry no longer exists.
    Deleted,
}

impl Change {
    /// Git's letter for the change.
    pub fn letter(self) -> char {
        match self {
            Change::Added => 'A',
            Change::Modified => 'M',
            Change::Deleted => 'D',
        }
    }
}

/// One difference between two states of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The kind of the difference.
    pub change: Change,
    /// The path, relative to the app's root. The path of a directory ends with a slash.
    pub path: String,
}

impl fmt::Display for Difference {
    /// Writes the difference on one line, even if the path contains line breaks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /{}", self.change.letter(), on_one_line(&self.path))
    }
}

/// A path without line breaks, for messages.
pub fn on_one_line(path: &str) -> String {
    let mut shown = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
