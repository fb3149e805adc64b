//! Turns one YAML text into a tree of [`Node`]s with places, or says why it cannot.
//!
//! Only this module knows the YAML parser. Aliases are expanded here, within bounds.

mod builder;
mod explain;
pub(crate) mod layout;

use std::sync::Arc;

use saphyr_parser::Parser;

use self::builder::Builder;
use super::node::{Node, Value};
use super::report::Report;
use super::source::{Span, offset};

/// How deep mappings and lists may be nested.
pub(crate) const MAX_DEPTH: usize = 64;
/// How many nodes one configuration may have, with all aliases and includes written out.
pub(crate) const MAX_NODES: usize = 750_000;
/// How many bytes of text one configuration may have, with all aliases and includes written out.
pub(crate) const MAX_TEXT: usize = 48 * 1024 * 1024;
/// The longest single value, in bytes.
const MAX_SCALAR: usize = 4 * 1024 * 1024;

/// How much of [`MAX_NODES`] and [`MAX_TEXT`] is used up.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Budget {
    nodes: usize,
    text: usize,
}

impl Budget {
    /// Takes a node with `text` bytes; false when there is no room for it.
    pub(crate) fn take(&mut self, text: usize) -> bool {
        self.nodes += 1;
        self.text += text;
        self.nodes <= MAX_NODES && self.text <= MAX_TEXT
    }

    fn take_tree(&mut self, node: &Node) -> bool {
        match &node.value {
            Value::Text(text) => self.take(text.len()),
            Value::List(items) => self.take(0) && items.iter().all(|item| self.take_tree(item)),
            Value::Map(entries) => {
                self.take(0)
                    && entries.iter().all(|entry| {
                        self.text += entry.key.len();
                        self.take_tree(&entry.value)
                    })
            }
            Value::Tagged(_, inner) => self.take(0) && self.take_tree(inner),
            _ => self.take(0),
        }
    }
}

/// Parses the file. `None` when it is not YAML: the report then says why.
pub(crate) fn parse(file: u32, report: &mut Report, budget: &mut Budget) -> Option<Node> {
    let text = report.sources.file(file).text.clone();
    if let Some((at, char)) = forbidden(&text) {
        let end = at + char.len_utf8();
        report.add(explain::forbidden(report, span(file, at, end), char));
        return None;
    }
    let mut builder = Builder::new(file, Offsets::new(&text), report, budget);
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    for event in Parser::new_from_str(body) {
        match event {
            Ok((event, place)) => {
                let span = builder.span(place.start.index(), place.end.index());
                builder.event(event, span).ok()?;
            }
            Err(error) => {
                let at = builder.byte(error.marker().index());
                let problem = explain::syntax(report, file, at, error.info());
                report.add(problem);
                return None;
            }
        }
    }
    Some(builder.finish().unwrap_or(Node {
        value: Value::Null,
        span: span(file, 0, 0),
    }))
}

/// The first character that YAML does not allow in a text.
fn forbidden(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(at, char)| match char {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{FEFF}' => *at > 0,
        '\u{FFFE}' | '\u{FFFF}' => true,
        char => char.is_control(),
    })
}

fn span(file: u32, start: usize, end: usize) -> Span {
    Span {
        file,
        start: offset(start),
        end: offset(end),
    }
}

/// Converts the positions of the parser, which count characters, to byte positions.
struct Offsets {
    length: usize,
    skip: usize,
    /// The byte position of every 64th character; empty when characters are bytes.
    table: Vec<u32>,
    text: Arc<str>,
}

impl Offsets {
    fn new(text: &Arc<str>) -> Self {
        let skip = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
        let body = &text[skip..];
        let table = if body.is_ascii() {
            Vec::new()
        } else {
            body.char_indices()
                .step_by(64)
                .map(|(at, _)| offset(at + skip))
                .collect()
        };
        Self {
            length: text.len(),
            skip,
            table,
            text: text.clone(),
        }
    }

    fn byte(&self, index: usize) -> usize {
        if self.table.is_empty() {
            return (index + self.skip).min(self.length);
        }
        let Some(begin) = self.table.get(index / 64) else {
            return self.length;
        };
        let begin = *begin as usize;
        self.text[begin..]
            .char_indices()
            .nth(index % 64)
            .map_or(self.length, |(at, _)| begin + at)
    }
}
