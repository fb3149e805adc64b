//! What can be wrong with a configuration, and where.

use std::ops::Range;

/// A place in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, relative to the repository's root, with `/` between its parts.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// The byte range in the file's text that a caret should underline; empty where nothing fits.
    pub span: Range<usize>,
}

/// Which layer found a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The text is not YAML, or not readable at all.
    Yaml,
    /// A key or a type that Upsun's schema does not know.
    Schema,
    /// Well-formed, but it cannot mean anything.
    Meaning,
    /// Legal, and probably not what was wanted.
    Lint,
}

/// Whether a problem stops a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Upsun would refuse the configuration.
    Error,
    /// Upsun accepts it, but it may surprise the user.
    Warning,
    /// Upsun accepts it, and nothing needs to change. Only `check` prints it.
    Note,
}

/// One problem, with its place, message and hint.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// A stable code such as `U102`, to silence or to look up.
    pub code: &'static str,
    /// The layer that found it.
    pub class: Class,
    /// Whether it stops a deploy.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// The page of Upsun's documentation that the rule comes from.
    pub docs: Option<&'static str>,
}

impl Problem {
    /// A problem that stops a deploy.
    pub fn error(
        code: &'static str,
        class: Class,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            class,
            severity: Severity::Error,
            place,
            message: message.into(),
            hint: None,
            docs: None,
        }
    }

    /// A problem that Upsun lets pass.
    pub fn warning(
        code: &'static str,
        class: Class,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, class, place, message)
        }
    }

    /// A note: Upsun accepts it, and nothing needs to change.
    pub fn note(
        code: &'static str,
        class: Class,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, class, place, message)
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the page of Upsun's documentation that the rule comes from.
    #[must_use]
    pub fn docs(mut self, page: &'static str) -> Self {
        self.docs = Some(page);
        self
    }

    /// Whether it stops a deploy.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Whether it is a warning.
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }
}

impl Class {
    /// The name used in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Class::Yaml => "yaml",
            Class::Schema => "schema",
            Class::Meaning => "meaning",
            Class::Lint => "lint",
        }
    }
}

impl Severity {
    /// The name used in machine-readable output and in front of messages.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}
