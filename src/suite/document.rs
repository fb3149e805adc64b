//! The report as a JSON document: `test --format json` writes it, `--merge` and `--timings` read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EngineUse, Identity, Part, Report, Status, Verdict};

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it is not a report of `test --format json`: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the test `{0}` has no status that a report can have")]
    Status(String),
    #[error("the test `{0}` has no time that a test can take")]
    Time(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    suite: Option<Identity>,
    #[serde(default)]
    partition: Option<Part>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    engines: Vec<EngineUse>,
    /// Whether the apps were tested as they were edited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    synced: bool,
    tests: Vec<Test>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Test {
    name: String,
    operation: String,
    container: String,
    who: String,
    line: Option<usize>,
    status: String,
    messages: Vec<String>,
    duration: f64,
    stdout: String,
    stderr: String,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
}

/// One JSON document.
pub fn json(report: &Report) -> String {
    let document = Document {
        suite: report.suite.clone(),
        partition: report.partition.clone(),
        engines: report.engines.clone(),
        synced: report.synced,
        tests: report.verdicts.iter().map(Test::of).collect(),
    };
    format!("{}\n", crate::json::pretty(&document))
}

/// Reads a document back.
pub fn read(text: &str) -> Result<Report, Error> {
    let document: Document = serde_json::from_str(text)?;
    let verdicts: Result<Vec<Verdict>, Error> =
        document.tests.into_iter().map(Test::verdict).collect();
    Ok(Report {
        suite: document.suite,
        partition: document.partition,
        engines: document.engines,
        synced: document.synced,
        verdicts: verdicts?,
    })
}

impl Test {
    fn of(verdict: &Verdict) -> Self {
        let (stdout, stderr) = verdict.output.clone();
        Test {
            name: verdict.name.clone(),
            operation: verdict.operation.clone(),
            container: verdict.container.clone(),
            who: verdict.who.clone(),
            line: verdict.line,
            status: verdict.status.name().to_owned(),
            messages: verdict.status.messages().to_vec(),
            duration: verdict.duration.as_secs_f64(),
            stdout,
            stderr,
            notes: verdict.notes.clone(),
            engine: verdict.engine.clone(),
        }
    }

    fn verdict(self) -> Result<Verdict, Error> {
        let one = |messages: Vec<String>| messages.join("\n");
        let status = match self.status.as_str() {
            "passed" => Status::Passed,
            "failed" => Status::Failed(self.messages),
            "error" => Status::Error(one(self.messages)),
            "skipped" => Status::Skipped(one(self.messages)),
            _ => return Err(Error::Status(self.name)),
        };
        let Ok(duration) = Duration::try_from_secs_f64(self.duration) else {
            return Err(Error::Time(self.name));
        };
        Ok(Verdict {
            name: self.name,
            operation: self.operation,
            who: self.who,
            line: self.line,
            container: self.container,
            status,
            duration,
            output: (self.stdout, self.stderr),
            notes: self.notes,
            engine: self.engine,
        })
    }
}
