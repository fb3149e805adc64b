//! Whether a run was as expected.

use super::{Definition, Expected};
use crate::event::{Outcome, ReadOnlyWrite};
use crate::mount_snapshot::{Change, Difference, Index};

/// What was seen of a run.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// Its exit code.
    pub exit_code: i64,
    /// What it wrote to standard output.
    pub stdout: &'a [u8],
    /// What it wrote to standard error.
    pub stderr: &'a [u8],
    /// What it tried to write where nothing may be written.
    pub read_only: Option<&'a ReadOnlyWrite>,
    /// What is on the mounts afterwards.
    pub mounts: &'a Index,
    /// What is different there from before.
    pub changes: &'a [Difference],
}

/// What was not as expected, one sentence each.
pub fn judge(expected: &Definition, seen: &Observed<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Expected::ExitCode(code) = expected.expect {
        match seen.outcome {
            Outcome::Timeout => wrong.push("it took too long and was ended".to_owned()),
            _ if seen.exit_code == i64::from(code) => {}
            _ => wrong.push(format!(
                "it ended with exit code {}, not {code}",
                seen.exit_code
            )),
        }
    }
    if let Some(path) = seen.read_only.and_then(|write| write.path.as_deref())
        && !wrong.is_empty()
    {
        wrong.push(format!(
            "it wrote to `{path}`, where nothing can be written on Upsun; `upsun-local run {}` says more",
            expected.operation
        ));
    }
    for (name, patterns, bytes) in [
        ("standard output", &expected.stdout, seen.stdout),
        ("standard error", &expected.stderr, seen.stderr),
    ] {
        for pattern in patterns.iter().filter(|pattern| !pattern.matches(bytes)) {
            wrong.push(format!("{name} does not match `{pattern}`"));
        }
    }
    for pattern in &expected.files {
        if !seen.mounts.0.keys().any(|path| pattern.matches(path)) {
            wrong.push(format!("no mount holds `{pattern}`"));
        }
    }
    for pattern in &expected.changed {
        let matches =
            |change: &Difference| change.change != Change::Deleted && pattern.matches(&change.path);
        if !seen.changes.iter().any(matches) {
            wrong.push(format!("it changed nothing on a mount that is `{pattern}`"));
        }
    }
    wrong
}

/// What is wrong with a second run of something that is idempotent.
pub fn again(expected: &Definition, exit_code: i64, changes: &[Difference]) -> Vec<String> {
    const NAMED: usize = 5;
    let mut wrong = Vec::new();
    if let Expected::ExitCode(code) = expected.expect
        && exit_code != i64::from(code)
    {
        wrong.push(format!(
            "run a second time, it ended with exit code {exit_code}, not {code}"
        ));
    }
    if !changes.is_empty() {
        let mut named: Vec<String> = changes
            .iter()
            .take(NAMED)
            .map(ToString::to_string)
            .collect();
        if changes.len() > NAMED {
            named.push(format!("and {} more", changes.len() - NAMED));
        }
        wrong.push(format!(
            "run a second time, it changed its mounts again: {}",
            named.join(", ")
        ));
    }
    wrong
}
