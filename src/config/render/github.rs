//! Problems as workflow commands, which GitHub shows at the lines of a pull request.
//!
//! Source: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::problem::{Problem, Severity};
use super::end_column;
use crate::text::{github_message, github_property};

/// One line for each problem. `folder` is put before the names of files: GitHub counts paths from the root of its
/// checkout.
pub fn github(problems: &[Problem], texts: &BTreeMap<String, Arc<str>>, folder: &str) -> String {
    problems
        .iter()
        .map(|problem| {
            let place = &problem.place;
            let message = match &problem.hint {
                Some(hint) => format!("{}\nhint: {hint}", problem.message),
                None => problem.message.clone(),
            };
            format!(
                "::{} file={},line={},col={},endColumn={},title={}::{}\n",
                command(problem.severity),
                github_property(&join(folder, &place.file)),
                place.line,
                place.column,
                end_column(place, texts),
                github_property(&format!("Upsun {}", problem.code)),
                github_message(&message),
            )
        })
        .collect()
}

fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}
