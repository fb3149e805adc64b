//! Collects problems while files are read, and keeps their number within reason.

use super::problem::{Class, Place, Problem, Severity};
use super::source::{Sources, Span};
use crate::text::is_harmful;

/// How many problems of one severity are kept.
const MAX_PROBLEMS: usize = 500;

/// The files that were read and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Every file that was opened.
    pub(crate) sources: Sources,
    problems: Vec<Problem>,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// The codes of warnings and notes to leave out.
    ignored: Vec<String>,
    silenced: usize,
}

impl Report {
    /// A report that leaves out the warnings with these codes.
    pub(crate) fn ignoring(codes: &[String]) -> Self {
        Self {
            ignored: codes.to_vec(),
            ..Self::default()
        }
    }

    /// Adds a problem, unless it is silenced or there are already very many.
    pub(crate) fn add(&mut self, mut problem: Problem) {
        let is_ignored = || self.ignored.iter().any(|code| code == problem.code);
        if !problem.is_error() && is_ignored() {
            self.silenced += 1;
            return;
        }
        let count = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        };
        *count += 1;
        if *count <= MAX_PROBLEMS {
            tidy(&mut problem.message);
            if let Some(hint) = &mut problem.hint {
                tidy(hint);
            }
            self.problems.push(problem);
        }
    }

    /// Whether another error would only be counted.
    fn is_full(&self) -> bool {
        self.errors >= MAX_PROBLEMS
    }

    /// Counts an error without a message once there are very many: a search for what was meant takes time, and the
    /// message would not be printed.
    pub(crate) fn overflows(&mut self) -> bool {
        let full = self.is_full();
        if full {
            self.errors += 1;
        }
        full
    }

    /// How many warnings were left out because of their codes.
    pub(crate) fn silenced(&self) -> usize {
        self.silenced
    }

    /// Whether any error was added.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        self.sources.place(span)
    }

    /// An error at a span.
    pub(crate) fn error(
        &self,
        code: &'static str,
        class: Class,
        span: Span,
        message: impl Into<String>,
    ) -> Problem {
        Problem::error(code, class, self.place(span), message)
    }

    /// A warning at a span.
    pub(crate) fn warning(
        &self,
        code: &'static str,
        class: Class,
        span: Span,
        message: impl Into<String>,
    ) -> Problem {
        Problem::warning(code, class, self.place(span), message)
    }

    /// A note at a span.
    pub(crate) fn note(
        &self,
        code: &'static str,
        class: Class,
        span: Span,
        message: impl Into<String>,
    ) -> Problem {
        Problem::note(code, class, self.place(span), message)
    }

    /// All problems, by file and line, and a last one that says how many were left out.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, Sources) {
        self.problems.sort_by(|a, b| {
            (&a.place.file, a.place.span.start, a.severity, a.code).cmp(&(
                &b.place.file,
                b.place.span.start,
                b.severity,
                b.code,
            ))
        });
        self.problems
            .dedup_by(|a, b| a.code == b.code && a.place == b.place && a.message == b.message);
        for (count, severity, noun) in [
            (self.errors, Severity::Error, "errors"),
            (self.warnings, Severity::Warning, "warnings"),
            (self.notes, Severity::Note, "notes"),
        ] {
            if count > MAX_PROBLEMS {
                let place = self
                    .problems
                    .iter()
                    .rfind(|problem| problem.severity == severity)
                    .map(|problem| problem.place.clone())
                    .unwrap_or_default();
                self.problems.push(Problem {
                    severity,
                    ..Problem::error(
                        "U100",
                        Class::Yaml,
                        place,
                        format!("and {} more {noun}", count - MAX_PROBLEMS),
                    )
                });
            }
        }
        (self.problems, self.sources)
    }
}

/// Names from the files stand in messages: no control character of theirs may reach a terminal, and
/// none may be endless.
fn tidy(text: &mut String) {
    const LONGEST: usize = 700;
    if text.len() > LONGEST {
        let kept: String = text.chars().take(LONGEST / 2).collect();
        *text = format!("{kept}…");
    }
    if text.contains(is_harmful) {
        *text = text.replace(is_harmful, "\u{FFFD}");
    }
}
