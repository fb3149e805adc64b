//! How something ended.

use serde::{Deserialize, Serialize};

/// How an operation, a cron, a script or an activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Success: exit code 0.
    Success,
    /// Another exit code, or no exit code at all.
    Failure,
    /// The user stopped it.
    Cancelled,
    /// The time limit ended it.
    Timeout,
}

impl Outcome {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Cancelled => "cancelled",
            Outcome::Timeout => "timeout",
        }
    }

    /// The result as Upsun has it: cancelled and timed-out activities have failed.
    #[must_use]
    pub fn plain(self) -> Self {
        match self {
            Outcome::Success => Outcome::Success,
            Outcome::Failure | Outcome::Cancelled | Outcome::Timeout => Outcome::Failure,
        }
    }
}
