//! Problems as text: for a terminal with the line, a caret and how to mend it, and for machines.

mod github;
mod json;
mod sarif;

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::problem::{Place, Problem, Severity};
use crate::text::{beginning, ending, is_harmful};

pub use self::github::github;
pub use self::json::json;
pub use self::sarif::{sarif, sarif_results};

/// The problem as lines of text; `texts` are those of [`super::Loaded`], `width` is in columns.
///
/// Nothing that stands in a file reaches the result as a control character.
pub fn render(
    problem: &Problem,
    texts: &BTreeMap<String, Arc<str>>,
    color: bool,
    width: usize,
) -> String {
    let (red, yellow, bold, cyan, off) = if color {
        ("\x1b[1;31m", "\x1b[1;33m", "\x1b[1m", "\x1b[36m", "\x1b[0m")
    } else {
        ("", "", "", "", "")
    };
    let tint = match problem.severity {
        Severity::Error => red,
        Severity::Warning => yellow,
        Severity::Note => cyan,
    };
    let mut out = format!(
        "{tint}{}{off}: {bold}{}{off} [{}]\n",
        problem.severity.name(),
        problem.message,
        problem.code,
    );
    let snippet = texts
        .get(&problem.place.file)
        .and_then(|text| Snippet::new(&problem.place, text, width, problem.severity));
    if let Some(snippet) = snippet {
        out.push_str(&draw(&snippet, color, width));
    } else {
        let place = &problem.place;
        let _ = writeln!(out, "  at {}:{}:{}", place.file, place.line, place.column);
    }
    if let Some(hint) = &problem.hint {
        let _ = writeln!(out, "  {cyan}hint{off}: {hint}");
    }
    out
}

/// The column, in characters, that follows what a problem is about on its first line.
fn end_column(place: &Place, texts: &BTreeMap<String, Arc<str>>) -> usize {
    let marked = texts
        .get(&place.file)
        .and_then(|text| text.get(place.span.clone()))
        .unwrap_or_default();
    let line = marked.lines().next().unwrap_or_default();
    place.column + line.chars().count().max(1)
}

/// The one line of a file that a problem is about, cut to what fits.
struct Snippet {
    name: String,
    line: usize,
    column: usize,
    /// What is shown, and the part of it that is underlined.
    shown: String,
    span: SourceSpan,
    severity: Severity,
}

impl Snippet {
    fn new(place: &Place, text: &str, width: usize, severity: Severity) -> Option<Self> {
        let start = place.span.start;
        let before = text.get(..start)?;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let begin = if begin == 0 && text.starts_with('\u{FEFF}') {
            start.min(3)
        } else {
            begin
        };
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        // What it is about may be behind the carriage return that ends its line.
        let end = (begin + text[begin..end].trim_end_matches('\r').len()).max(start);
        let span_end = place.span.end.clamp(start, end);
        let head = text.get(begin..start)?;
        let marked = text.get(start..span_end).unwrap_or_default();
        let tail = text.get(span_end..end).unwrap_or_default();

        // Around the caret as much as fits; what is cut off leaves an ellipsis.
        let room = width.saturating_sub(12).max(40);
        let head_shown = ending(head, room / 2);
        let cut = head_shown.len() < head.len();
        let (marked, marked_cut) = shown_of(marked, room / 2);
        let (tail, tail_cut) = if marked_cut {
            (String::new(), false)
        } else {
            shown_of(tail, room / 2)
        };
        let mut shown = String::new();
        if cut {
            shown.push('…');
        }
        shown.extend(head_shown.chars().map(harmless));
        let from = shown.len();
        shown.push_str(&marked);
        let length = shown.len() - from;
        shown.push_str(&tail);
        if marked_cut || tail_cut {
            shown.push('…');
        }
        Some(Self {
            name: format!("{}:{}:{}", place.file, place.line, place.column),
            line: place.line - 1,
            column: place.column - 1,
            shown,
            span: (from, length).into(),
            severity,
        })
    }
}

/// The beginning of a text, and whether it goes on.
fn shown_of(text: &str, columns: usize) -> (String, bool) {
    let shown = beginning(text, columns);
    let is_cut = shown.len() < text.len();
    (shown.chars().map(harmless).collect(), is_cut)
}

fn harmless(char: char) -> char {
    match char {
        '\t' => ' ',
        char if is_harmful(char) => char::REPLACEMENT_CHARACTER,
        char => char,
    }
}

/// The snippet as miette draws it, without miette's headline: the message of the problem replaces it.
fn draw(snippet: &Snippet, color: bool, width: usize) -> String {
    let theme = GraphicalTheme {
        characters: if color {
            ThemeCharacters::unicode()
        } else {
            ThemeCharacters::ascii()
        },
        styles: if color {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width.max(40))
        .with_links(false)
        .with_context_lines(0)
        .without_syntax_highlighting();
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, snippet).is_err() {
        return String::new();
    }
    let mut lines = drawn
        .lines()
        .skip_while(|line| !line.contains(",-[") && !line.contains('╭'))
        .map(|line| line.trim_end().to_owned() + "\n");
    let mut out: String = lines.by_ref().collect();
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl std::error::Error for Snippet {}

impl Diagnostic for Snippet {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let file = self.name.rsplitn(3, ':').last().unwrap_or_default();
        Ok(Box::new(MietteSpanContents::new_named(
            file.to_owned(),
            self.shown.as_bytes(),
            (0, self.shown.len()).into(),
            self.line,
            self.column,
            1,
        )))
    }
}

#[cfg(test)]
mod tests;
