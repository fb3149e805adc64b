//! Activities: what was run, built and deployed here, with how it ended and what it said, in the shape in which
//! Upsun tells it (<https://docs.upsun.com/integrations/activity/reference.html>).
//!
//! [`Store`] keeps them in the state directory of a project, [`Recorder`] makes one out of events. Nothing here
//! prints, and nothing here may hold up or fail what it records.

mod draft;
mod log;
mod recorder;
mod recording;
mod store;

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::event::Outcome;

pub use self::draft::{Draft, Place};
pub use self::log::{LIMIT, Log};
pub use self::recorder::{Ending, Recorder};
pub use self::recording::{Recorded, Recording};
pub use self::store::{ALL_LOGS, Error, Found, KEPT, Open, Store, Trouble};

/// One of them. As JSON it has the names and shapes of Upsun's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its id: later ones have ids that sort later.
    pub id: String,
    /// What it is, such as `environment.operation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How far it is.
    pub state: State,
    /// How it ended: `success` or `failure`, as Upsun has it; `None` as long as it has not.
    #[serde(default)]
    pub result: Option<Outcome>,
    /// The project's id.
    #[serde(default)]
    pub project: String,
    /// The environments that it is about: always one here.
    #[serde(default)]
    pub environments: Vec<String>,
    /// What it is in plain words.
    #[serde(default)]
    pub description: String,
    /// The same with the names in `**`.
    #[serde(default)]
    pub text: String,
    /// What it was started with.
    #[serde(default)]
    pub parameters: Value,
    /// Who started it, and where.
    #[serde(default)]
    pub payload: Value,
    /// When it was asked for.
    pub created_at: Stamp,
    /// When its turn had come.
    #[serde(default)]
    pub started_at: Option<Stamp>,
    /// When this was written last.
    #[serde(default)]
    pub updated_at: Option<Stamp>,
    /// When it ended.
    #[serde(default)]
    pub completed_at: Option<Stamp>,
    /// When it was cancelled.
    #[serde(default)]
    pub cancelled_at: Option<Stamp>,
    /// How much of it is done, in percent; here that is nothing or all.
    #[serde(default)]
    pub completion_percent: u8,
    /// What its time went to.
    #[serde(default)]
    pub timings: Timings,
    /// The scripts that it ran.
    #[serde(default)]
    pub commands: Vec<Ran>,
    /// The process that runs it. Says nothing about whether it still does.
    #[serde(default)]
    pub process: u32,
    /// What deserves a look about the record itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How far an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits until the environment is free.
    Pending,
    /// It runs.
    InProgress,
    /// It is over, for good or not.
    Complete,
    /// The user stopped it.
    Cancelled,
}

impl State {
    /// As Upsun writes it.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::InProgress => "in_progress",
            State::Complete => "complete",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether it goes on.
    pub fn is_open(self) -> bool {
        matches!(self, State::Pending | State::InProgress)
    }
}

/// What the time of an activity went to, in seconds. What did not happen has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for the environment.
    #[serde(default)]
    pub wait: f64,
    /// Building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<f64>,
    /// Starting containers and running their hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<f64>,
    /// The operation, the cron or the tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute: Option<f64>,
}

/// Whole milliseconds, in seconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A script that an activity ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The app, or `app--worker`.
    pub app: String,
    /// What it is: `operation`, `source_operation`, `cron`, `test`, or the key of a step such as `hooks.build`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the operation, the cron or the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its exit code; `None` where there is none, as for a test that was skipped.
    #[serde(default)]
    pub exit_code: Option<i64>,
}

/// A point in time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Stamp {
    /// This moment.
    pub fn now() -> Self {
        Stamp(Timestamp::now())
    }

    /// To the second: `2026-01-31T12:00:00+00:00`.
    pub fn short(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"))
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::from_str(&text)
            .map(Stamp)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
