//! Colours.

use std::fmt;

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether it is coloured at all.
    pub color: bool,
}

impl Style {
    fn paint(self, code: &str, text: impl fmt::Display) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// What went wrong.
    pub fn error(self, text: impl fmt::Display) -> String {
        self.paint("1;31", text)
    }
    /// What deserves a look.
    pub fn warning(self, text: impl fmt::Display) -> String {
        self.paint("1;33", text)
    }
    /// What went well.
    pub fn good(self, text: impl fmt::Display) -> String {
        self.paint("1;32", text)
    }
    /// What leads to help.
    pub fn hint(self, text: impl fmt::Display) -> String {
        self.paint("1;36", text)
    }
    /// What matters most in a line.
    pub fn strong(self, text: impl fmt::Display) -> String {
        self.paint("1", text)
    }
    /// What matters least.
    pub fn faint(self, text: impl fmt::Display) -> String {
        self.paint("2", text)
    }
}
