//! Words for texts that are not YAML: what a person has to change, rather than what the parser missed.

use super::super::problem::{Class, Problem};
use super::super::report::Report;
use super::super::source::Span;
use super::span;

/// A character that may not stand in a file at all.
pub(super) fn forbidden(report: &Report, span: Span, char: char) -> Problem {
    let name = match char {
        '\0' => "a NUL byte".to_owned(),
        '\u{1b}' => "an escape character".to_owned(),
        '\u{FEFF}' => "a byte order mark in the middle of the text".to_owned(),
        char => format!("the control character U+{:04X}", u32::from(char)),
    };
    report
        .error(
            "U102",
            Class::Yaml,
            span,
            format!("{name} may not stand in a YAML file"),
        )
        .hint("remove it; inside double quotes it can be written as an escape such as `\\x1b`")
}

/// A key that is there twice.
pub(super) fn duplicate(report: &Report, key: &str, span: Span, earlier: Span) -> Problem {
    let line = report.place(earlier).line;
    report
        .error(
            "U103",
            Class::Yaml,
            span,
            format!("duplicate key `{key}`: it is already on line {line}"),
        )
        .hint("only one of them can count: merge the two, or rename one")
}

/// What the parser stumbled over at byte `at`; `keys` are the keys of the mappings that are open there.
pub(super) fn syntax(report: &Report, file: u32, at: usize, info: &str, _keys: &[Span]) -> Problem {
    report.error("U101", Class::Yaml, span(file, at, at + 1), info.to_owned())
}
