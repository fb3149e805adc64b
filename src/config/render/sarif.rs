//! Problems as a log in the Static Analysis Results Interchange Format, which code hosts and editors read.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::super::document::escape;
use super::super::problem::{Problem, Severity};
use super::super::rules::RULES;
use super::end_column;

/// The log: one run, with every rule there is and a result for each problem.
pub fn sarif(problems: &[Problem], texts: &BTreeMap<String, Arc<str>>) -> String {
    let rules: Vec<Json> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.code,
                "name": rule.name,
                "shortDescription": { "text": rule.summary },
                "helpUri": rule.docs(),
                "defaultConfiguration": { "level": level(rule.severity) },
                "properties": { "tags": [rule.class.name()] },
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": env!("CARGO_PKG_NAME"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results(problems, texts),
        }],
    });
    let text = crate::json::pretty(&log);
    escape(&text) + "\n"
}

/// The part of the log that differs from file to file, as text. The rules are always the same, and take much longer.
pub fn sarif_results(problems: &[Problem], texts: &BTreeMap<String, Arc<str>>) -> String {
    escape(&results(problems, texts).to_string())
}

fn results(problems: &[Problem], texts: &BTreeMap<String, Arc<str>>) -> Json {
    problems
        .iter()
        .map(|problem| result(problem, texts))
        .collect()
}

fn result(problem: &Problem, texts: &BTreeMap<String, Arc<str>>) -> Json {
    let place = &problem.place;
    let message = match &problem.hint {
        Some(hint) => format!("{}\n\nhint: {hint}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "ruleId": problem.code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == problem.code),
        "level": level(problem.severity),
        "message": { "text": message },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&place.file), "uriBaseId": "%SRCROOT%" },
                "region": {
                    "startLine": place.line,
                    "startColumn": place.column,
                    "endColumn": end_column(place, texts),
                },
            },
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What stands for itself in a path of a reference, besides letters and digits.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A relative path as a reference.
fn uri(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}
