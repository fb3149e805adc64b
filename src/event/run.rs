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
        /// The app.
        app: String,
        /// The worker, where it runs in one.
        worker: Option<String>,
        /// The operation.
        operation: String,
        /// The role under which it runs.
        role: String,
        /// The user who runs it, where one is named.
        user: Option<String>,
        /// The script.
        command: String,
    },
    /// What the operation printed, or a cron that somebody runs.
    #[serde(rename = "operation-output")]
    Output {
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// The operation ended.
    #[serde(rename = "operation-finished")]
    Finished {
        /// The app.
        app: String,
        /// The worker, where it ran in one.
        worker: Option<String>,
        /// The operation.
        operation: String,
        /// The role under which it ran.
        role: String,
        /// Its exit code.
        exit_code: i64,
        /// `success`, `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
        /// What it tried to write where nothing may be written.
        read_only: Option<ReadOnlyWrite>,
        /// What it could not start, with the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of its failure that its output gives away.
        known: Option<KnownCause>,
    },
}
