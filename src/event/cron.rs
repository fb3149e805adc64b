//! Crons.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KnownCause, NotStarted, Outcome, ReadOnlyWrite, Text, seconds};

/// Crons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "events travel in boxes, and the small ones are not kept"
)]
pub enum Cron {
    /// A cron will run by itself.
    #[serde(rename = "cron-planned")]
    Planned {
        app: String,
        cron: String,
        /// When the cron runs next; `None` for never.
        next: Option<String>,
    },
    /// A cron began.
    #[serde(rename = "cron-started")]
    Started {
        app: String,
        cron: String,
        /// The role of the user who runs the cron; `None` for a run at the cron's own time.
        role: Option<String>,
        /// The user who runs the cron, if one is named.
        user: Option<String>,
        command: String,
    },
    /// The output of a cron that ran at its own time.
    #[serde(rename = "cron-output")]
    Output {
        app: String,
        cron: String,
        #[serde(flatten)]
        output: Text,
    },
    /// A cron ended.
    #[serde(rename = "cron-finished")]
    Finished {
        app: String,
        cron: String,
        /// The role of the user who ran the cron; `None` for a run at the cron's own time.
        role: Option<String>,
        exit_code: i64,
        /// `success`, `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long the cron took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
        /// A write to a path that is not writable.
        read_only: Option<ReadOnlyWrite>,
        /// A command that could not be started, for the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of the failure that the output shows.
        known: Option<KnownCause>,
    },
    /// The time of a cron passed without a run.
    #[serde(rename = "cron-skipped")]
    Skipped {
        app: String,
        cron: String,
        reason: String,
    },
}
