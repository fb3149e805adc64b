//! Whether a run was as expected.

use crate::settings::{Definition, Expected, TextPattern};
use std::time::Duration;

use super::Printed;
use crate::event::{Advice, Outcome};
use crate::event::{Change, Difference};
use crate::mount_snapshot::Index;
use crate::reporter::hints;

/// What was seen of a run.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
    /// How it ended.
    pub outcome: Outcome,
    pub exit_code: i64,
    /// What it wrote to standard output.
    pub stdout: Printed,
    /// What it wrote to standard error.
    pub stderr: Printed,
    /// How long it had.
    pub timeout: Option<Duration>,
    /// What helps.
    pub advice: &'a Advice,
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
    if !wrong.is_empty() {
        wrong.extend(hints::sentences(seen.advice));
    }
    for pattern in &expected.stdout {
        let (here, there) = (&mut seen.stdout, &mut seen.stderr);
        wrong.extend(missing(
            ["standard output", "standard error"],
            pattern,
            here,
            there,
        ));
    }
    for pattern in &expected.stderr {
        let (here, there) = (&mut seen.stderr, &mut seen.stdout);
        wrong.extend(missing(
            ["standard error", "standard output"],
            pattern,
            here,
            there,
        ));
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

/// What did not go well with a run that succeeded, one sentence each.
pub fn notes(seen: &Observed<'_>) -> Vec<String> {
    match seen.outcome {
        Outcome::Success => hints::notes("the operation", seen.advice),
        _ => Vec::new(),
    }
}

/// What is to be said of a text that is not on a stream: it may be on the other one.
fn missing(
    [name, other]: [&str; 2],
    pattern: &TextPattern,
    here: &mut Printed,
    there: &mut Printed,
) -> Option<String> {
    if here.is_matched_by(pattern) {
        return None;
    }
    let remark = here.remark();
    let is_there = there.is_matched_by(pattern);
    let elsewhere = if is_there {
        format!("; {other} matches it")
    } else {
        String::new()
    };
    Some(format!(
        "{name} does not match `{pattern}`{remark}{elsewhere}"
    ))
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
