//! Colours of text on a terminal.

use std::fmt;

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
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

    /// For errors.
    pub fn error(self, text: impl fmt::Display) -> String {
        self.paint("1;31", text)
    }
    /// For warnings.
    pub fn warning(self, text: impl fmt::Display) -> String {
        self.paint("1;33", text)
    }
    /// For success.
    pub fn good(self, text: impl fmt::Display) -> String {
        self.paint("1;32", text)
    }
    /// For hints.
    pub fn hint(self, text: impl fmt::Display) -> String {
        self.paint("1;36", text)
    }
    /// For the most important part of a line.
    pub fn strong(self, text: impl fmt::Display) -> String {
        self.paint("1", text)
    }
    /// For what belongs to one of several containers: the same colour for the same number.
    pub fn of_many(self, number: usize, text: impl fmt::Display) -> String {
        const COLORS: [&str; 6] = ["36", "35", "34", "33", "32", "96"];
        self.paint(COLORS[number % COLORS.len()], text)
    }
    /// For the least important part of a line.
    pub fn faint(self, text: impl fmt::Display) -> String {
        self.paint("2", text)
    }
}
