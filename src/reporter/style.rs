//! Colours and the wording of numbers.

use std::fmt;
use std::time::Duration;

use crate::config::is_harmful;

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

/// `0.4 s`, `12.3 s`, `2 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.1 {
        format!("{} ms", duration.as_millis())
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!(
            "{} min {} s",
            duration.as_secs() / 60,
            duration.as_secs() % 60
        )
    }
}

/// `512 B`, `8.1 MB`, in powers of 1000 as Docker says it.
pub fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "B" || value >= 99.5 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// `1 file`, `1,204 files`.
pub fn count(n: usize, noun: &str) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Text from a file or a container, safe to print: control characters become visible, and those that change the
/// direction of what follows.
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let is_kept = matches!(c, '\n' | '\t') || !(is_harmful(c) || hides(c));
            let shown: Box<dyn Iterator<Item = char>> = if is_kept {
                Box::new(std::iter::once(c))
            } else {
                Box::new(c.escape_default())
            };
            shown
        })
        .collect()
}

/// Whether a character is not seen, but changes where lines end or which way text runs.
fn hides(char: char) -> bool {
    matches!(char, '\u{061C}' | '\u{2028}' | '\u{2029}')
}

/// The same in one line: names are not to break what is told of them.
pub fn safe_line(text: &str) -> String {
    safe(text).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(8_100_000), "8.1 MB");
        assert_eq!(bytes(380_400_000), "380 MB");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(1_234_567, "file"), "1,234,567 files");
        assert_eq!(duration(Duration::from_millis(42)), "42 ms");
        assert_eq!(duration(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(safe("a\x1b[31mb\n"), "a\\u{1b}[31mb\n");
        assert_eq!(safe("\u{9b}\u{202e}\u{2028}"), "\\u{9b}\\u{202e}\\u{2028}");
    }
}
