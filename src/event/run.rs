//! The operation that is run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KnownCause, NotStarted, Outcome, ReadOnlyWrite, Text, seconds};

/// The operation that is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "events travel in boxes, and the small ones are not kept"
)]
pub enum Run {
    /// The operation began.
    #[serde(rename = "operation-started")]
    Started {
        app: String,
        /// The worker, if the operation runs in one.
        worker: Option<String>,
        operation: String,
        /// The role under which the operation runs.
        role: String,
        /// The user who runs the operation, if one is named.
        user: Option<String>,
        command: String,
    },
    /// The output of the operation, or of a cron that a user runs.
    #[serde(rename = "operation-output")]
    Output {
        #[serde(flatten)]
        output: Text,
    },
    /// The operation ended.
    #[serde(rename = "operation-finished")]
    Finished {
        app: String,
        /// The worker, if the operation ran in one.
        worker: Option<String>,
        operation: String,
        /// The role under which the operation ran.
        role: String,
        exit_code: i64,
        /// `success`, `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long the operation took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
        /// Whether the operation ran in the app as it is edited, which is not a clean build.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        synced: bool,
        /// A write to a path that is not writable.
        read_only: Option<ReadOnlyWrite>,
        /// A command that could not be started, for the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of the failure that the output shows.
        known: Option<KnownCause>,
    },
}
