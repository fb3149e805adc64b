//! Tests of operations: what is expected of a run (`tests` in `.upsun-local.yaml`), whether a run was like that, and
//! reports of it. Plain data and pure functions; `cli::test` runs them.

pub mod document;
pub mod merge;
pub mod partition;
mod printed;
pub mod queue;
mod report;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::document::json;
pub use self::printed::Printed;
pub use self::report::{github, junit, line, summary, summary_of, summary_of_engines};
pub use self::verdict::{Observed, again, judge, notes};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::partition::Partition;

/// The verdicts of a suite, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// `None` in a report of an older version.
    pub suite: Option<Identity>,
    /// `None` if the report has all tests of the suite.
    pub partition: Option<Part>,
    /// The engines that did the tests, if there were several.
    pub engines: Vec<EngineUse>,
    /// Whether the apps were tested as they were edited, not as clean builds.
    pub synced: bool,
    pub verdicts: Vec<Verdict>,
}

/// What tells a suite from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A hash of the tests and of what they expect.
    pub id: String,
    /// How many tests the whole suite has.
    pub tests: usize,
    /// The commit that was checked out, if it is known.
    pub commit: Option<String>,
}

/// The partition that a report is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    number: u32,
    count: u32,
    /// The hash of the assignment of all tests to partitions.
    split: String,
}

impl Part {
    pub fn new(partition: Partition, split: String) -> Self {
        Part {
            number: partition.number.get(),
            count: partition.count.get(),
            split,
        }
    }

    /// The hash of the assignment of all tests to partitions.
    pub fn split(&self) -> &str {
        &self.split
    }

    fn number(&self) -> u32 {
        self.number
    }

    /// `2/5`.
    fn name(&self) -> String {
        format!("{}/{}", self.number, self.count)
    }
}

/// What one of several engines did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineUse {
    /// The address or the docker context by which the user names the engine.
    pub name: String,
    /// How many tests ran there to their end.
    pub tests: usize,
    /// Why the engine was given up, if it was.
    pub lost: Option<String>,
}

/// The identity of a suite. `parts` describe each test and what is expected of it.
pub fn identity(parts: &[String], commit: Option<String>) -> Identity {
    Identity {
        id: partition::shortened(&parts.join("\n")),
        tests: parts.len(),
        commit,
    }
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub name: String,
    pub operation: String,
    /// Who ran it: a role, or a user with a role.
    pub who: String,
    /// The line of `.upsun-local.yaml` where it is written, where it is.
    pub line: Option<usize>,
    /// The app, or `app--worker`.
    pub container: String,
    /// Passed or not.
    pub status: Status,
    /// How long it took.
    pub duration: Duration,
    /// What its operation printed: standard output, then standard error, each up to a size.
    pub output: (String, String),
    /// What did not go well although the operation succeeded, one sentence each.
    pub notes: Vec<String>,
    /// The engine that did it, if there were several.
    pub engine: Option<String>,
}

/// Passed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Everything was as expected.
    Passed,
    /// What was not, one sentence each.
    Failed(Vec<String>),
    /// The emulator could not tell: what went wrong with it.
    Error(String),
    /// The test was not run, or not to its end, for this reason.
    Skipped(String),
}

impl Status {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed(_) => "failed",
            Status::Error(_) => "error",
            Status::Skipped(_) => "skipped",
        }
    }

    /// What there is to say of it.
    pub fn messages(&self) -> &[String] {
        match self {
            Status::Passed => &[],
            Status::Failed(all) => all,
            Status::Error(one) | Status::Skipped(one) => std::slice::from_ref(one),
        }
    }
}
