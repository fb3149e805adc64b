//! How a text is laid out: what [`Node`](super::super::node::Node) leaves out, because it says nothing about
//! what the configuration means, and what those need who change the text.
//!
//! Aliases are not written out here, and nothing is checked: only a text that [`parse`](super::parse) reads
//! without errors has a layout worth looking at.

use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::Offsets;

/// A text in pieces.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The outermost value; none in a text that holds nothing.
    pub(crate) root: Option<Piece>,
    /// The aliases: the number of the anchor that each repeats, and the byte at which it stands.
    pub(crate) aliases: Vec<(usize, usize)>,
}

/// A key or a value.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its bytes, anchor and tag included. Those of a mapping or list without brackets end with its
    /// beginning, those of a block text somewhere in the blank lines after it.
    pub(crate) span: Range<usize>,
    /// The number of its anchor; 0 without one.
    pub(crate) anchor: usize,
    /// Its tag as written.
    pub(crate) tag: Option<String>,
    /// What it is.
    pub(crate) form: Form,
}

/// What a piece is.
#[derive(Debug)]
pub(crate) enum Form {
    /// A scalar: its content and how it is quoted.
    Scalar(String, Quotes),
    Alias,
    /// A list, or a mapping with each key before its value.
    Collection {
        /// Whether it is a mapping.
        is_map: bool,
        /// Whether it stands in brackets.
        is_flow: bool,
        /// What it holds.
        pieces: Vec<Piece>,
    },
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// Without quotes.
    None,
    /// In `'`.
    Single,
    /// In `"`.
    Double,
    /// A block of lines below `|` or `>`.
    Block,
}

impl Piece {
    /// The pairs of key and value; none for anything but a mapping.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (&Piece, &Piece)> {
        let pieces = match &self.form {
            Form::Collection {
                is_map: true,
                pieces,
                ..
            } => pieces.as_slice(),
            _ => &[],
        };
        pieces.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// The key and the value of an entry of a mapping.
    pub(crate) fn entry(&self, name: &str) -> Option<(&Piece, &Piece)> {
        self.entries().find(|(key, _)| key.text() == Some(name))
    }

    /// The content of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.form {
            Form::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// How a scalar is written.
    pub(crate) fn quotes(&self) -> Option<Quotes> {
        match &self.form {
            Form::Scalar(_, quotes) => Some(*quotes),
            _ => None,
        }
    }

    /// Whether it is a text below `|` or `>`.
    pub(crate) fn is_block(&self) -> bool {
        self.quotes() == Some(Quotes::Block)
    }

    /// Whether it is a list or mapping in brackets.
    pub(crate) fn is_flow(&self) -> bool {
        matches!(self.form, Form::Collection { is_flow: true, .. })
    }

    /// Takes note of the end. Only brackets have one that takes up any text: the bracket and what follows it
    /// on its line, or the comma before the bracket.
    fn close(&mut self, text: &str, end: &Range<usize>) {
        let Form::Collection {
            is_map, is_flow, ..
        } = &mut self.form
        else {
            return;
        };
        let (begins, ends) = if *is_map { ('{', '}') } else { ('[', ']') };
        let begin = text.get(self.span.clone()).unwrap_or_default();
        if end.is_empty() || !begin.trim_end().ends_with(begins) {
            return;
        }
        let mut rest = &text[end.start..];
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        while rest.starts_with('#') {
            rest = rest.trim_start_matches(|char| !matches!(char, '\n' | '\r'));
            rest = rest.trim_start();
        }
        *is_flow = true;
        self.span.end = text.len() - rest.strip_prefix(ends).unwrap_or(rest).len();
    }

    /// The piece whose end is the end of this one.
    pub(crate) fn last(&self) -> &Piece {
        match &self.form {
            Form::Collection {
                is_flow: false,
                pieces,
                ..
            } => pieces.last().map_or(self, Piece::last),
            _ => self,
        }
    }
}

/// Takes a text to pieces; nothing when it is not YAML.
pub(crate) fn layout(text: &str) -> Option<Layout> {
    let offsets = Offsets::new(&Arc::from(text));
    let mut layout = Layout::default();
    let mut open: Vec<Piece> = Vec::new();
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    for event in Parser::new_from_str(body) {
        let (event, place) = event.ok()?;
        let start = offsets.byte(place.start.index());
        let span = start..offsets.byte(place.end.index()).max(start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let form = Form::Scalar(text.into_owned(), quotes(style));
                layout.put(&mut open, piece(span, anchor, tag.as_deref(), form));
            }
            Event::Alias(id) => {
                layout.aliases.push((id, start));
                layout.put(&mut open, piece(span, 0, None, Form::Alias));
            }
            Event::SequenceStart(anchor, tag) => {
                open.push(piece(span, anchor, tag.as_deref(), collection(false)));
            }
            Event::MappingStart(anchor, tag) => {
                open.push(piece(span, anchor, tag.as_deref(), collection(true)));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let mut closed = open.pop()?;
                closed.close(text, &span);
                layout.put(&mut open, closed);
            }
            _ => {}
        }
    }
    Some(layout)
}

impl Layout {
    fn put(&mut self, open: &mut [Piece], piece: Piece) {
        match open.last_mut().map(|piece| &mut piece.form) {
            Some(Form::Collection { pieces, .. }) => pieces.push(piece),
            _ => self.root = Some(piece),
        }
    }
}

fn piece(span: Range<usize>, anchor: usize, tag: Option<&Tag>, form: Form) -> Piece {
    Piece {
        span,
        anchor,
        tag: tag.map(|tag| {
            if tag.is_yaml_core_schema() {
                format!("!!{}", tag.suffix)
            } else {
                tag.to_string()
            }
        }),
        form,
    }
}

fn collection(is_map: bool) -> Form {
    Form::Collection {
        is_map,
        is_flow: false,
        pieces: Vec::new(),
    }
}

fn quotes(style: ScalarStyle) -> Quotes {
    match style {
        ScalarStyle::Plain => Quotes::None,
        ScalarStyle::SingleQuoted => Quotes::Single,
        ScalarStyle::DoubleQuoted => Quotes::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Quotes::Block,
    }
}
