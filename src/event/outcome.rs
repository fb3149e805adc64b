//! How something ended.

use serde::{Deserialize, Serialize};

/// How an operation, a cron, a script or an activity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should: exit code 0.
    Success,
    /// With another exit code, or not at all.
    Failure,
    /// The user stopped it.
    Cancelled,
    /// Its time was over.
    Timeout,
}

impl Outcome {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Cancelled => "cancelled",
            Outcome::Timeout => "timeout",
        }
    }

    /// As Upsun knows it: what was stopped, or took too long, has failed.
    #[must_use]
    pub fn plain(self) -> Self {
        match self {
            Outcome::Success => Outcome::Success,
            Outcome::Failure | Outcome::Cancelled | Outcome::Timeout => Outcome::Failure,
        }
    }
}
