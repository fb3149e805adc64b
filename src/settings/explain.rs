//! Says what serde found wrong with the settings in words of theirs, with the line and how to mend it.

use super::Error;
use super::hidden::{is_plain_key, marked, without};
use crate::config::outline::Outline;
use crate::config::problem::Problem;
use crate::suggestion::{nearest, quoted_list};

/// The name that serde gives a type, and the words for a person who writes YAML.
const TYPES: [(&str, &str); 7] = [
    ("f64", "a number"),
    ("u16", "a whole number"),
    ("u32", "a whole number"),
    ("a nonzero u16", "a whole number from 1 on"),
    ("struct Definition", "a map such as `{operation: build}`"),
    ("a boolean", "`true` or `false`"),
    ("path string", "a path"),
];

/// How hints about YAML begin that repeat a value, and what is said instead.
const QUOTING_HINTS: [(&str, &str); 4] = [
    ("put it in quotes", "put it in quotes"),
    ("put the value in quotes", "put the value in quotes"),
    ("write `", "put a space after the colon"),
    (
        "put `&",
        "put an anchor in front of the value to repeat, or quote the text if it is not an alias",
    ),
];

/// What is wrong, where, and how to mend it.
pub(super) fn explain(
    error: &serde_yaml::Error,
    text: &str,
    file_name: &str,
    outline: &Outline,
) -> Error {
    let full = error.to_string();
    let message = match full.rfind(" at line ") {
        Some(end) => &full[..end],
        None => &full,
    };
    let (path, rest) = message.split_once(": ").unwrap_or(("", message));
    let near = error.location().map(|location| location.line());
    let known = outline.line_of_path(path);
    let quoted = marked(message).or_else(|| Some(rest.strip_prefix('`')?.split_once('`')?.0));
    let mut line = quoted
        .and_then(|quoted| line_with(quoted, text, known.or(near)))
        .or(known)
        .or(near);
    let mut message = without(message);
    let mut hint = hint(&message).map(str::to_owned);
    if let Some((before, rest)) = message.clone().split_once("unknown field `")
        && let Some((key, expected)) = rest.split_once('`')
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let place = before.trim_end().trim_end_matches(':');
        let named = if is_plain_key(key) {
            format!("unknown setting `{key}`")
        } else {
            "unknown setting".to_owned()
        };
        (message, line) = if place.is_empty() {
            (named, outline.line(&[key]))
        } else {
            let line = outline.line_of_path(&format!("{place}.{key}"));
            (format!("{named} in `{place}`"), line)
        };
        line = line.or(near);
        let list = quoted_list(known.iter().copied());
        hint = Some(match nearest(key, known.iter().copied()) {
            _ if key == "<<" => "merge keys are not read in this file: write it out".to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {list}"),
        });
    } else if let Some((before, of_rust)) = message.rsplit_once(", expected ") {
        let known = TYPES.iter().find(|(name, _)| *name == of_rust);
        let other = of_rust.strip_prefix("struct ").map(|_| "a map");
        if let Some(wanted) = known.map(|(_, wanted)| *wanted).or(other) {
            message = format!("{before}, expected {wanted}");
        }
    }
    Error::Invalid {
        file: file_name.to_owned(),
        // A text of one line has no better place than that.
        line: line.filter(|line| *line <= text.lines().count().max(1)),
        message,
        hint,
    }
}

/// What is wrong with a text as YAML, without what stands there.
pub(super) fn explain_yaml(problem: Problem, file_name: &str) -> Error {
    let mut message = problem.message;
    if let Some((begin, rest)) = message.split_once('`')
        && let Some((quoted, end)) = rest.rsplit_once('`')
    {
        let is_key = ["duplicate key ", "there is no space after"]
            .iter()
            .any(|words| begin.starts_with(words));
        let key = quoted.split('`').next().unwrap_or_default();
        if !(is_key && is_plain_key(key)) && quoted.chars().count() > 1 {
            message = match begin {
                "the alias " => "an alias has no anchor before it".to_owned(),
                "the tag " => "a tag has no meaning in this file".to_owned(),
                _ => format!("{}{}", begin.trim_end(), end),
            };
        }
    }
    let hint = problem.hint.map(|hint| {
        let quoting = QUOTING_HINTS
            .iter()
            .find(|(begin, _)| hint.starts_with(begin));
        quoting.map_or(hint, |(_, instead)| (*instead).to_owned())
    });
    Error::Invalid {
        file: file_name.to_owned(),
        line: Some(problem.place.line).filter(|line| *line > 0),
        message,
        hint,
    }
}

/// The line, at or after another one, that holds a text: a key or a value that serde knows no better place of than
/// the map that it is in.
fn line_with(quoted: &str, text: &str, from: Option<usize>) -> Option<usize> {
    let from = from.unwrap_or(1);
    let lines = text.lines().enumerate().skip(from.saturating_sub(1));
    let mut found = lines.filter(|(_, line)| line.contains(quoted));
    found.next().map(|(at, _)| at + 1)
}

/// How to mend what is often written wrong.
fn hint(message: &str) -> Option<&'static str> {
    let is_list = |key: &str| message.starts_with(&format!("{key}: invalid type: sequence"));
    if message.ends_with("expected a boolean") {
        Some("`yes`, `no`, `on` and `off` are plain words here: write `true` or `false`")
    } else if message.contains("is not a regular expression") {
        Some(
            "put a `\\` in front of `(`, `[`, `{`, `*`, `+`, `?`, `.`, `|`, and single quotes around it all",
        )
    } else if message.ends_with("is not a reference to a container image") {
        Some("write it as `docker pull` takes it, for example `node:24-bookworm`")
    } else if is_list("tests") {
        Some("each test has a name: `tests: {it builds: {operation: build}}`")
    } else if is_list("users") {
        Some("each user has a name: `users: {alice: admin}`")
    } else {
        None
    }
}
