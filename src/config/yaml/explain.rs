//! Words for texts that are not YAML: what a person has to change, rather than what the parser missed.

mod signs;

use self::signs::{bad_escape, begin_of_token, conflict, indentation_tab};
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
            format!("{name} is not allowed in a YAML file"),
        )
        .hint("remove it; inside double quotes it can be written as an escape such as `\\x1b`")
}

/// A key that is there twice.
pub(super) fn duplicate(report: &Report, key: &str, span: Span, earlier: Span) -> Problem {
    let line = report.place(earlier).line;
    report
        .error(
            "U301",
            Class::Meaning,
            span,
            format!("duplicate key `{key}`: it is already on line {line}"),
        )
        .hint("only one of them can count: merge the two, or rename one")
}

/// What the parser stumbled over at byte `at`, where it says `info`.
pub(super) fn syntax(report: &Report, file: u32, at: usize, info: &str) -> Problem {
    let text = report.sources.file(file).text.clone();
    let at = at.min(text.len());
    let line = Line::around(&text, at);
    let Cause {
        start,
        end,
        message,
        hint,
    } = cause(&text, at, &line, info);
    let char = text[start..].chars().next().map_or(0, char::len_utf8);
    let end = end.max(start + char).min(text.len());
    let code = if info.contains("recursion limit") {
        "U105"
    } else {
        "U101"
    };
    report
        .error(code, Class::Yaml, span(file, start, end), message)
        .hint(hint)
}

struct Cause {
    start: usize,
    end: usize,
    message: String,
    hint: String,
}

/// One line of the text.
struct Line<'a> {
    begin: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let begin = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let end = text[begin..].find('\n').map_or(text.len(), |at| begin + at);
        Self {
            begin,
            text: text[begin..end].trim_end(),
        }
    }

    /// The nearest line before this one that is not blank.
    fn before(&self, text: &'a str) -> Option<Self> {
        let mut begin = self.begin;
        while begin > 0 {
            let line = Self::around(text, begin - 1);
            if !line.text.trim().is_empty() {
                return Some(line);
            }
            begin = line.begin;
        }
        None
    }

    /// Where its first character that is no blank stands.
    fn first(&self) -> usize {
        self.begin + self.text.len() - self.text.trim_start().len()
    }

    fn end(&self) -> usize {
        self.begin + self.text.len()
    }

    /// What of it comes after a byte of the whole text; nothing when that is one of the blanks at its end.
    fn from(&self, at: usize) -> &str {
        let at = at.saturating_sub(self.begin);
        self.text.get(at..).unwrap_or_default().trim()
    }
}

fn cause(text: &str, at: usize, line: &Line<'_>, info: &str) -> Cause {
    let spot = Spot { text, at, line };
    spot.of_line(info)
        .or_else(|| spot.of_value(info))
        .or_else(|| spot.of_structure(info))
        .unwrap_or_else(|| {
            spot.here(
                &format!("this cannot be read as YAML: {info}"),
                "look at this line and the one above for a missing quote, colon or space",
            )
        })
}

/// Where the parser stopped.
struct Spot<'a> {
    text: &'a str,
    at: usize,
    line: &'a Line<'a>,
}

impl Spot<'_> {
    /// The character at which it stopped.
    fn here(&self, message: &str, hint: &str) -> Cause {
        let Self { text, at, .. } = *self;
        Cause {
            start: at,
            end: at + text[at..].chars().next().map_or(0, char::len_utf8),
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    fn whole_line(&self, message: &str, hint: &str) -> Cause {
        Cause {
            start: self.line.first(),
            end: self.line.end(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// What no YAML has: what a merge left behind, and tabs.
    fn of_line(&self, info: &str) -> Option<Cause> {
        let Self { text, at, line } = *self;
        if let Some((start, end)) = conflict(text) {
            return Some(Cause {
                start,
                end,
                message: "a conflict that a merge left behind begins here".to_owned(),
                hint: "keep one of the two sides, and remove the lines of `<`, `=` and `>`"
                    .to_owned(),
            });
        }
        let indented = indentation_tab(text, line.begin);
        if info.contains("tab") || indented.is_some_and(|tab| tab < line.end()) {
            let tab = indented.unwrap_or(at);
            return Some(Cause {
                start: tab,
                end: tab + 1,
                message: "a tab cannot be used to indent YAML".to_owned(),
                hint: "indent with spaces".to_owned(),
            });
        }
        None
    }

    /// What a value cannot be, or cannot begin with, and quotes.
    fn of_value(&self, info: &str) -> Option<Cause> {
        let Self { text, at, line } = *self;
        let rest = &text[at..];
        if info.contains("unknown anchor") {
            let name: String = rest
                .chars()
                .take_while(|char| !char.is_whitespace() && *char != ',')
                .collect();
            return Some(Cause {
                start: at,
                end: at + name.len(),
                message: format!("the alias `{name}` has no anchor before it"),
                hint: format!(
                    "put `&{}` in front of the value to repeat, or quote the text if it is not an alias",
                    name.trim_start_matches('*')
                ),
            });
        }
        if info.contains("anchor or alias") {
            let begin = begin_of_token(text, at, &['*', '&']);
            return Some(Cause {
                start: begin,
                end: line.end(),
                message: "a value that starts with `*` or `&` is read as an alias or an anchor"
                    .to_owned(),
                hint: format!("put it in quotes: \"{}\"", line.from(begin)),
            });
        }
        if info.contains("unexpected character") || rest.starts_with(['@', '`', '%']) {
            let char = rest.chars().next().unwrap_or(' ');
            return Some(Cause {
                start: at,
                end: line.end(),
                message: format!("a value cannot start with `{char}`").replace("```", "a backtick"),
                hint: format!("put it in quotes: \"{}\"", line.from(at)),
            });
        }
        if info.contains("escape") {
            let start = bad_escape(text, at).unwrap_or(at);
            return Some(Cause {
                start,
                end: start
                    + text[start..]
                        .chars()
                        .take(2)
                        .map(char::len_utf8)
                        .sum::<usize>(),
                message: "YAML has no such escape".to_owned(),
                hint: "inside double quotes write a backslash as `\\\\`, or use single quotes"
                    .to_owned(),
            });
        }
        if info.contains("quoted scalar") && info.contains("trailing") {
            return Some(self.here(
                "there is text after the closing quote",
                "write a quote inside quotes as `\\\"`, or use the other kind of quotes around the whole",
            ));
        }
        if info.contains("quoted scalar")
            || info.contains("quoted") && info.contains("end of stream")
        {
            return Some(self.here(
                "this quote is never closed",
                "close the quote on the same line; inside double quotes `\\\"` does not close it",
            ));
        }
        None
    }

    /// What does not fit what is around it: keys, items, brackets and indentation.
    fn of_structure(&self, info: &str) -> Option<Cause> {
        let Self { text, at, line } = *self;
        if info.contains("mapping values are not allowed") {
            return Some(colon(text, at, line));
        }
        if info.contains("flow") || info.contains("',' or") {
            return Some(self.here(
                "a bracket or brace is not closed, or a comma is missing before this",
                "check that every `[` has its `]` and every `{` its `}`",
            ));
        }
        if info.contains("did not find expected key") || info.contains("block collection") {
            if line.text.trim_start().starts_with("- ") || line.text.trim() == "-" {
                return Some(self.whole_line(
                    "a list item stands where a key is expected",
                    "a mapping cannot hold list items beside its keys: remove the hyphen, or indent the list below a key of its own",
                ));
            }
            return Some(self.whole_line(
                "this line is not indented like the keys around it",
                "give all keys of one mapping the same indentation",
            ));
        }
        if info.contains("simple key") {
            return Some(no_key(text, line));
        }
        if info.contains("document start") {
            return Some(self.whole_line(
                "this line belongs to nothing: the value before it has already ended",
                "check the indentation here, and that the lines above read `key: value` with a space after the colon",
            ));
        }
        if info.contains("recursion limit") {
            return Some(self.here(
                "brackets are nested too deep",
                "no configuration needs this: look for brackets that are never closed",
            ));
        }
        if info.contains("indentation") {
            return Some(self.whole_line(
                "this line is not indented enough for where it stands",
                "indent it further than the key that it belongs to",
            ));
        }
        None
    }
}

/// A line that should be a key and has no colon: the line itself, or the last one before it when the text
/// has ended.
fn no_key(text: &str, line: &Line<'_>) -> Cause {
    let above;
    let mut line = line;
    if line.text.trim().is_empty() {
        above = line.before(text);
        line = above.as_ref().unwrap_or(line);
    }
    if let Some(cause) = no_space(line) {
        return cause;
    }
    // Several such lines were read as one text, which begins with the first of them.
    let mut first = Line { ..*line };
    let mut opener = first.before(text);
    while let Some(before) = &opener {
        let same = before.first() - before.begin == first.first() - first.begin;
        if !same || before.text.contains(':') {
            break;
        }
        first = Line { ..*before };
        opener = first.before(text);
    }
    let is_block = opener.is_some_and(|opener| opener.text.ends_with(['|', '>']));
    let (message, hint) = if is_block {
        (
            "this line is not indented below the `|` or `>` above it",
            "indent all lines of the text further than the key that it belongs to",
        )
    } else {
        (
            "this line has no colon after its key",
            "a line of a mapping reads `key: value`; an unquoted text that goes on over several lines must be indented",
        )
    };
    Cause {
        start: first.first(),
        end: first.end(),
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

/// `key:value`, which is a text and no key.
fn no_space(line: &Line<'_>) -> Option<Cause> {
    let trimmed = line.text.trim_start();
    let key_length = trimmed
        .find(|char: char| !char.is_alphanumeric() && !matches!(char, '_' | '-' | '.' | '/'))?;
    let value = trimmed[key_length..].strip_prefix(':')?;
    if key_length == 0 || value.is_empty() || value.starts_with(' ') {
        return None;
    }
    let key = &trimmed[..key_length];
    let start = line.first();
    Some(Cause {
        start,
        end: start + key_length + 1,
        message: format!("there is no space after the colon of `{key}`"),
        hint: format!("write `{key}: {}`", value.trim()),
    })
}

/// A colon where none may be: inside an unquoted text, or because the line above is not a key.
fn colon(text: &str, at: usize, line: &Line<'_>) -> Cause {
    let before = &text[line.begin..at.max(line.begin)];
    let in_value = before.contains(": ");
    if !in_value && let Some(above) = line.before(text) {
        if let Some(cause) = no_space(&above) {
            return cause;
        }
        let has_key = above.text.ends_with(':') || above.text.contains(": ");
        let is_text = above
            .text
            .trim_start()
            .starts_with(['#', '"', '\'', '-', '|', '>']);
        if !has_key && !is_text {
            return Cause {
                start: above.first(),
                end: above.end(),
                message: "this line has no colon after its key".to_owned(),
                hint: "a line of a mapping reads `key: value`, or `key:` with more below it"
                    .to_owned(),
            };
        }
        if above.first() - above.begin < line.first() - line.begin {
            return Cause {
                start: line.first(),
                end: line.end(),
                message: "this key is read as part of the value above it".to_owned(),
                hint: "a key has either a value on its line or keys below it: check the indentation, or a `|` that is missing above"
                    .to_owned(),
            };
        }
        return Cause {
            start: line.first(),
            end: line.end(),
            message: "a colon is not expected here".to_owned(),
            hint: "check the line above: a quote, a colon or a space after the colon is missing, or the indentation differs".to_owned(),
        };
    }
    let value = before
        .find(": ")
        .map_or(line.first(), |colon| line.begin + colon + 2);
    Cause {
        start: at,
        end: at,
        message: "a colon followed by a space ends a key, also inside an unquoted text".to_owned(),
        hint: format!("put the value in quotes: '{}'", line.from(value)),
    }
}
