//! Activities: what `upsun-local` ran, built and deployed, with the result and the output, in the shape that Upsun's
//! API has (<https://docs.upsun.com/integrations/activity/reference.html>).
//!
//! [`Store`] keeps activities in the state directory of a project, [`Recorder`] makes an activity out of events.
//! Nothing here prints, and a failure here neither delays nor fails the run that is recorded.

mod cache;
mod draft;
mod log;
mod on_mounts;
mod recorder;
mod recording;
mod selection;
mod store;

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::event::Outcome;

pub use self::cache::Cache;
pub use self::draft::{Draft, Place};
pub use self::log::{LIMIT, Log};
pub use self::on_mounts::OnMounts;
pub use self::recorder::{Ending, Recorder};
pub use self::recording::{Recorded, Recording};
pub use self::selection::Selection;
pub use self::store::{ALL_LOGS, Error, Found, KEPT, Open, Store, Trouble};

/// An activity. As JSON it has the names and shapes of Upsun's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// The id. Later activities have ids that sort later.
    pub id: String,
    /// The type, such as `environment.operation`.
    #[serde(rename = "type")]
    pub kind: String,
    pub state: State,
    /// `success` or `failure`, as on Upsun; `None` until the activity has ended.
    #[serde(default)]
    pub result: Option<Outcome>,
    #[serde(default)]
    pub project: String,
    /// The environments that the activity is about: always exactly one here.
    #[serde(default)]
    pub environments: Vec<String>,
    /// A description in plain words.
    #[serde(default)]
    pub description: String,
    /// The description with the names in `**`.
    #[serde(default)]
    pub text: String,
    /// The parameters of the activity.
    #[serde(default)]
    pub parameters: Value,
    /// The user and the place that started the activity.
    #[serde(default)]
    pub payload: Value,
    /// When the user asked for the activity.
    pub created_at: Stamp,
    /// When the activity began, after waiting for the environment's lock.
    #[serde(default)]
    pub started_at: Option<Stamp>,
    /// When this record was last written.
    #[serde(default)]
    pub updated_at: Option<Stamp>,
    /// When the activity ended.
    #[serde(default)]
    pub completed_at: Option<Stamp>,
    /// When the user cancelled the activity.
    #[serde(default)]
    pub cancelled_at: Option<Stamp>,
    /// The progress in percent: here always 0 or 100.
    #[serde(default)]
    pub completion_percent: u8,
    /// The durations of the phases.
    #[serde(default)]
    pub timings: Timings,
    /// The scripts that the activity ran.
    #[serde(default)]
    pub commands: Vec<Ran>,
    /// The id of the process that ran the activity. The process may have ended since.
    #[serde(default)]
    pub process: u32,
    /// A remark about the record itself, such as that its log was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What helps with what went wrong, as in the log: paragraphs with an empty line between them, and code in lines
    /// that begin with four spaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// What the operation changed on mounts, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<OnMounts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The activity waits until the environment is free.
    Pending,
    InProgress,
    /// The activity has ended, with success or failure.
    Complete,
    /// The user stopped the activity.
    Cancelled,
}

impl State {
    /// The state's name in Upsun's API.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::InProgress => "in_progress",
            State::Complete => "complete",
            State::Cancelled => "cancelled",
        }
    }

    /// The state with that name in Upsun's API.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [
            State::Pending,
            State::InProgress,
            State::Complete,
            State::Cancelled,
        ];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Whether the activity has not ended.
    pub fn is_open(self) -> bool {
        matches!(self, State::Pending | State::InProgress)
    }
}

/// The durations of an activity's phases, in seconds. A phase that did not happen has no duration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for the environment's lock.
    #[serde(default)]
    pub wait: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<f64>,
    /// Starting containers and running their hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<f64>,
    /// Running the operation, the cron or the tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute: Option<f64>,
}

/// The duration in seconds, cut to whole milliseconds.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A script that an activity ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The container's name: the app, or `app--worker`.
    pub app: String,
    /// The kind of the script: `operation`, `source_operation`, `cron`, `test`, or the key of a step such as
    /// `hooks.build`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the operation, the cron or the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The exit code; `None` if there is none, as for a test that was skipped.
    #[serde(default)]
    pub exit_code: Option<i64>,
}

/// A point in time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Stamp {
    pub fn now() -> Self {
        Stamp(Timestamp::now())
    }

    /// The time to the second: `2026-01-31T12:00:00+00:00`.
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
