//! Says what serde found wrong with the settings in words of theirs, with the line and how to mend it.

use super::Error;
use crate::config::outline::Outline;
use crate::suggestion::{nearest, quoted_list};

/// What Rust calls a type, and what it is for whoever writes YAML.
const TYPES: [(&str, &str); 7] = [
    ("f64", "a number"),
    ("u16", "a whole number"),
    ("u32", "a whole number"),
    ("a nonzero u16", "a whole number from 1 on"),
    ("struct Definition", "a map such as `{operation: build}`"),
    ("a boolean", "`true` or `false`"),
    ("path string", "a path"),
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
    let mut line = quoted_at(rest, text, known.or(near)).or(known).or(near);
    let mut message = message.to_owned();
    // What stands where a variable belongs may be its value.
    if message.starts_with("variables")
        && let Some((before, rest)) = message.split_once("string \"")
        && let Some((_, after)) = rest.rsplit_once('"')
    {
        message = format!("{before}string{after}");
    }
    let mut hint = hint(&message).map(str::to_owned);
    if let Some((before, rest)) = message.clone().split_once("unknown field `")
        && let Some((key, expected)) = rest.split_once('`')
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let place = before.trim_end().trim_end_matches(':');
        (message, line) = if place.is_empty() {
            (format!("unknown setting `{key}`"), outline.line(&[key]))
        } else {
            let line = outline.line_of_path(&format!("{place}.{key}"));
            (format!("unknown setting `{key}` in `{place}`"), line)
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

/// The line, at or after another one, that holds what a message begins with in backticks: a key or a value that serde
/// knows no better place of than the map that it is in.
fn quoted_at(message: &str, text: &str, from: Option<usize>) -> Option<usize> {
    let (quoted, _) = message.strip_prefix('`')?.split_once('`')?;
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
    } else if is_list("tests") {
        Some("each test has a name: `tests: {it builds: {operation: build}}`")
    } else if is_list("users") {
        Some("each user has a name: `users: {alice: admin}`")
    } else {
        None
    }
}
