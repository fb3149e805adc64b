//! Tests of operations: what is expected of a run (`tests` in `.upsun-local.yaml`), whether a run was like that, and
//! reports of it. Plain data and pure functions; `cli::test` runs them.

mod printed;
mod report;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::printed::Printed;
pub use self::report::{github, json, junit, line, summary};
pub use self::verdict::{Observed, again, judge, notes};

use std::time::Duration;

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
