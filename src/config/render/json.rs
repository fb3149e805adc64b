//! Problems as one JSON document.

use serde::Serialize;

use super::super::document::escape;
use super::super::problem::Problem;
use super::super::rules;

/// The document: one key, `problems`, with one object for each.
#[derive(Serialize)]
struct Document<'a> {
    problems: Vec<Entry<'a>>,
}

/// The names and the order of these fields are part of what the tool promises.
#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    class: &'a str,
    severity: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    hint: Option<&'a str>,
    docs: Option<String>,
}

/// The problems with their code, class, severity, place, words, and page of Upsun's documentation.
pub fn json(problems: &[Problem]) -> String {
    let problems = problems
        .iter()
        .map(|problem| Entry {
            code: problem.code,
            class: problem.class.name(),
            severity: problem.severity.name(),
            file: &problem.place.file,
            line: problem.place.line,
            column: problem.place.column,
            message: &problem.message,
            hint: problem.hint.as_deref(),
            docs: rules::docs(problem),
        })
        .collect();
    let text = crate::json::pretty(&Document { problems });
    escape(&text) + "\n"
}
