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
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// When it runs next; `None` for never.
        next: Option<String>,
    },
    /// A cron began.
    #[serde(rename = "cron-started")]
    Started {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The role under which somebody runs it; `None` when its time has come.
        role: Option<String>,
        /// The user who runs it, where one is named.
        user: Option<String>,
        /// The script.
        command: String,
    },
    /// What a cron printed whose time had come.
    #[serde(rename = "cron-output")]
    Output {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// A cron ended.
    #[serde(rename = "cron-finished")]
    Finished {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The role under which somebody ran it; `None` when its time had come.
        role: Option<String>,
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
    /// The time of a cron passed without a run.
    #[serde(rename = "cron-skipped")]
    Skipped {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// Why.
        reason: String,
    },
}
