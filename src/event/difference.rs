//! What changed on mounts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an entry differs from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is something else, or has another content or other permissions.
    Modified,
    /// It is not there any more.
    Deleted,
}

impl Change {
    /// Git's letter for it.
    pub fn letter(self) -> char {
        match self {
            Change::Added => 'A',
            Change::Modified => 'M',
            Change::Deleted => 'D',
        }
    }
}

/// One difference between two states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What became of it.
    pub change: Change,
    /// The path, relative to the app's root. That of a directory ends with a slash.
    pub path: String,
}

impl fmt::Display for Difference {
    /// On one line, whatever the path holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /{}", self.change.letter(), on_one_line(&self.path))
    }
}

/// A path as it is shown.
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
