//! Whether a run was as expected.

use std::time::Duration;

use super::{Definition, Expected, Printed};
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
    pub stdout: Printed,
    /// What it wrote to standard error.
    pub stderr: Printed,
    /// How long it had.
    pub timeout: Option<Duration>,
    /// What it tried to write where nothing may be written.
    pub read_only: Option<&'a ReadOnlyWrite>,
    /// What is on the mounts afterwards.
    pub mounts: &'a Index,
    /// What is different there from before.
    pub changes: &'a [Difference],
}

/// What was not as expected, one sentence each.
pub fn judge(expected: &Definition, seen: &mut Observed<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Expected::ExitCode(code) = expected.expect {
        match seen.outcome {
            // The code of `run` for it.
            Outcome::Timeout if code == 124 => {}
            Outcome::Timeout => {
                let limit = seen.timeout.unwrap_or_default().as_secs_f64();
                wrong.push(format!("it took longer than {limit} s and was ended"));
            }
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
    for (name, patterns, printed) in [
        ("standard output", &expected.stdout, &mut seen.stdout),
        ("standard error", &expected.stderr, &mut seen.stderr),
    ] {
        for pattern in patterns {
            if !printed.is_matched_by(pattern) {
                let remark = printed.remark();
                wrong.push(format!("{name} does not match `{pattern}`{remark}"));
            }
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
