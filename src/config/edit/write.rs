//! Writes mounts into a text, in the style of those that are there.

use std::fmt::Write as _;

use super::super::node::Value;
use super::super::scalar;
use super::super::yaml::layout::{Piece, Quotes};
use super::place::{InsertionPoint, line};
use super::{NewMount, Refused};

/// The new text, and the key of each mount in it.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) keys: Vec<String>,
}

/// Adds mounts at a place of the text. Nothing is checked that reading the new text will show.
pub(super) fn write(
    text: &str,
    place: &InsertionPoint<'_>,
    mounts: &[&NewMount],
) -> Result<Written, Refused> {
    let Some((key, value)) = place.mounts else {
        let end = Bottom::of(text, place, place.owner)?;
        let step = end.column.saturating_sub(column(text, place.owner_key));
        let style = Style::docs(step);
        let mut lines = vec![format!("{}mounts:", " ".repeat(end.column))];
        let keys = style.lines(end.column + step, mounts, &mut lines);
        let text = with_lines(text, end.at, &lines);
        return Ok(Written { text, keys });
    };
    if value.entries().next().is_none() {
        return replace(text, place, key, value, mounts);
    }
    if value.is_flow() {
        return in_braces(text, place, value, mounts);
    }
    let end = Bottom::of(text, place, value)?;
    let step = end.column.saturating_sub(column(text, key));
    let style = Style::of(text, value, step);
    let mut lines = Vec::new();
    let keys = style.lines(end.column, mounts, &mut lines);
    let text = with_lines(text, end.at, &lines);
    Ok(Written { text, keys })
}

/// Puts a mapping in the place of `{}`, of `~` or of nothing. What else is on the line stays.
fn replace(
    text: &str,
    place: &InsertionPoint<'_>,
    key: &Piece,
    value: &Piece,
    mounts: &[&NewMount],
) -> Result<Written, Refused> {
    let odd = || odd(text, place, key);
    let key_column = own_line(text, key).ok_or_else(odd)?;
    let gap = text[key.span.end..].trim_start_matches(' ');
    let colon = text.len() - gap.len() + 1;
    let cut = value.span.end.max(colon);
    let is_plain = gap.starts_with(':')
        && value.anchor == 0
        && !text[colon..cut].contains(['\n', '\r', '#'])
        && is_blank(rest_of_line(text, cut));
    if !is_plain {
        return Err(odd());
    }
    // The columns of all siblings are the same, so this is the step from the owner to what it holds.
    let step = key_column.saturating_sub(column(text, place.owner_key));
    let at = below_comments(text, next_line(text, cut), key_column + 1);
    let mut lines = Vec::new();
    let keys = Style::docs(step).lines(key_column + step, mounts, &mut lines);
    let mut new = with_lines(text, at, &lines);
    new.replace_range(colon..cut, "");
    Ok(Written { text: new, keys })
}

/// Adds to a mapping that stands in braces on one line.
fn in_braces(
    text: &str,
    place: &InsertionPoint<'_>,
    value: &Piece,
    mounts: &[&NewMount],
) -> Result<Written, Refused> {
    if text[value.span.clone()].contains(['\n', '\r']) {
        return Err(Refused::Flow {
            what: place.what.clone(),
            line: line(text, value.span.start),
        });
    }
    let last = value.entries().next_back();
    let (_, last) = last.ok_or_else(|| odd(text, place, value))?;
    let mut style = Style::of(text, value, 0);
    style.braces = Some(spaces(text, if last.is_flow() { last } else { value }));
    let keys: Vec<String> = mounts.iter().map(|mount| style.key(&mount.path)).collect();
    let mut new = text.to_owned();
    let mut added = String::new();
    for (key, mount) in keys.iter().zip(mounts) {
        let _ = write!(added, ", {}", style.one_line(key, mount));
    }
    new.insert_str(last.span.end, &added);
    Ok(Written { text: new, keys })
}

/// The end of a mapping without braces.
struct Bottom {
    /// Where new lines go: the beginning of a line, or the end of a text whose last line has no end.
    at: usize,
    /// The column of the mapping's keys.
    column: usize,
}

impl Bottom {
    fn of(text: &str, place: &InsertionPoint<'_>, map: &Piece) -> Result<Self, Refused> {
        let odd = || odd(text, place, map);
        let (key, value) = map.entries().next_back().ok_or_else(odd)?;
        let column = own_line(text, key).ok_or_else(odd)?;
        let last = value.last();
        let mut at = last.span.end;
        if last.is_block() {
            at = if last.text().is_some_and(|text| text.ends_with("\n\n")) {
                // The blank lines below it belong to it.
                line_start(text, at)
            } else {
                let before = text[..at].trim_end_matches([' ', '\t', '\r', '\n']);
                next_line(text, before.len())
            };
            let is_open = !text.ends_with(['\n', '\r']);
            if at == text.len() && is_open && last.text().is_some_and(|text| text.ends_with('\n')) {
                // Readers of YAML disagree on whether such a text ends with the line end that it would get.
                return Err(Refused::NoLineEnd {
                    line: line(text, text.len()),
                });
            }
        } else {
            at = next_line(text, at);
        }
        Ok(Self {
            at: below_comments(text, at, column),
            column,
        })
    }
}

/// How mounts are written.
struct Style {
    slash: bool,
    quotes: Quotes,
    /// How far `source` stands to the right of the mount's key.
    step: usize,
    /// The space inside the braces, where each mount is on a line of its own.
    braces: Option<&'static str>,
}

impl Style {
    /// The form in which Upsun's documentation writes mounts.
    fn docs(step: usize) -> Self {
        Self {
            slash: false,
            quotes: Quotes::Single,
            step: step.max(1),
            braces: None,
        }
    }

    /// The style of the last of the mounts that are there.
    fn of(text: &str, mounts: &Piece, step: usize) -> Self {
        let mut style = Self::docs(step);
        let mut entries = mounts.entries();
        let last = entries.rfind(|(key, _)| key.text() != Some("<<"));
        let Some((key, value)) = last else {
            return style;
        };
        style.slash = key.text().is_some_and(|path| path.starts_with('/'));
        style.quotes = key.quotes().unwrap_or(Quotes::Single);
        if value.is_flow() {
            style.braces = Some(spaces(text, value));
        } else if let Some((inner, _)) = value.entries().next() {
            style.step = column(text, inner).saturating_sub(column(text, key)).max(1);
        }
        style
    }

    /// Adds the lines of mounts; the keys that they have when they are read.
    fn lines(&self, column: usize, mounts: &[&NewMount], lines: &mut Vec<String>) -> Vec<String> {
        let mut keys = Vec::new();
        for mount in mounts {
            let key = self.key(&mount.path);
            let indent = " ".repeat(column);
            if self.braces.is_some() {
                lines.push(format!(
                    "{indent}{}{}",
                    self.one_line(&key, mount),
                    comment(mount)
                ));
            } else {
                let inner = " ".repeat(column + self.step);
                lines.push(format!("{indent}{}:{}", self.quoted(&key), comment(mount)));
                lines.push(format!("{inner}source: {}", mount.source));
                if let Some(path) = &mount.source_path {
                    lines.push(format!("{inner}source_path: {}", self.quoted(path)));
                }
            }
            keys.push(key);
        }
        keys
    }

    fn one_line(&self, key: &str, mount: &NewMount) -> String {
        let space = self.braces.unwrap_or_default();
        let source = mount.source;
        let rest = mount.source_path.as_ref().map_or_else(String::new, |path| {
            format!(", source_path: {}", self.quoted(path))
        });
        format!(
            "{}: {{{space}source: {source}{rest}{space}}}",
            self.quoted(key)
        )
    }

    /// Upsun passes over keys that start with a dot, and `<<` means something else.
    fn key(&self, path: &str) -> String {
        if self.slash || path.starts_with('.') || path == "<<" {
            format!("/{path}")
        } else {
            path.to_owned()
        }
    }

    fn quoted(&self, key: &str) -> String {
        match self.quotes {
            Quotes::Double => format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")),
            Quotes::None if is_plain(key) => key.to_owned(),
            _ => format!("'{}'", key.replace('\'', "''")),
        }
    }
}

/// What stands after a mount on its line.
fn comment(mount: &NewMount) -> String {
    let text = mount.comment.as_ref();
    text.map_or_else(String::new, |text| format!(" # {text}"))
}

/// Whether a text needs no quotes in any reader of YAML.
fn is_plain(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/')
        && text
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char))
        && matches!(scalar::resolve(text), Value::Text(_))
        && !["y", "n", "yes", "no", "on", "off"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// The text with lines put in at a byte. They end as the line above them does.
fn with_lines(text: &str, at: usize, lines: &[String]) -> String {
    let before = &text[..at];
    let is_open = !before.ends_with(['\n', '\r']);
    let ending = line_ending(before);
    let mut new = String::with_capacity(text.len() + 256);
    new.push_str(before);
    if is_open {
        new.push_str(ending);
    }
    new.push_str(&lines.join(ending));
    if !is_open {
        new.push_str(ending);
    }
    new.push_str(&text[at..]);
    new
}

/// The last line end of a text.
fn line_ending(text: &str) -> &'static str {
    let last = text.rfind(['\n', '\r']);
    match last.map(|at| &text[..=at]) {
        Some(text) if text.ends_with("\r\n") => "\r\n",
        Some(text) if text.ends_with('\r') => "\r",
        _ => "\n",
    }
}

/// The beginning of the line after a byte.
fn next_line(text: &str, at: usize) -> usize {
    let Some(end) = text[at..].find(['\n', '\r']).map(|end| at + end) else {
        return text.len();
    };
    let is_pair = text[end..].starts_with("\r\n");
    end + if is_pair { 2 } else { 1 }
}

/// Steps over comments that stand as far to the right as what they follow: they belong to it.
fn below_comments(text: &str, begin: usize, column: usize) -> usize {
    let mut below = begin;
    let mut at = begin;
    while at < text.len() {
        let rest = rest_of_line(text, at);
        let content = rest.trim_start_matches(' ');
        let next = next_line(text, at);
        if content.starts_with('#') && rest.len() - content.len() >= column {
            below = next;
        } else if !content.trim_matches(['\t', ' ']).is_empty() {
            break;
        }
        at = next;
    }
    below
}

fn rest_of_line(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
}

/// Whether a line holds nothing but a comment from here on.
fn is_blank(rest: &str) -> bool {
    let content = rest.trim_start_matches([' ', '\t']);
    content.is_empty() || content.starts_with('#') && content.len() < rest.len()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

/// How many characters stand before a piece on its line.
fn column(text: &str, piece: &Piece) -> usize {
    let start = piece.span.start;
    text[line_start(text, start)..start].chars().count()
}

/// The column of a key when there is nothing but spaces before it.
fn own_line(text: &str, key: &Piece) -> Option<usize> {
    let start = key.span.start;
    let before = &text[line_start(text, start)..start];
    before
        .bytes()
        .all(|byte| byte == b' ')
        .then_some(before.len())
}

fn spaces(text: &str, braces: &Piece) -> &'static str {
    let inside = &text[braces.span.clone()];
    if inside.contains("{ ") { " " } else { "" }
}

fn odd(text: &str, place: &InsertionPoint<'_>, piece: &Piece) -> Refused {
    Refused::Layout {
        what: place.what.clone(),
        line: line(text, piece.span.start),
    }
}
