//! Puts lines together again that a program broke to fit a terminal. Pure.
//!
//! Symfony's console, which Laravel, Drush and Composer use too, prints the message of an exception in a block of 79
//! columns and breaks words where a line is full; its other blocks (`[ERROR] …`) break at blanks.

/// How many columns of a block hold the message of an exception: 80, without the last one, and two blanks on either
/// side.
const WIDTH: usize = 75;

/// How wide the other blocks are.
const STYLED_WIDTH: usize = 80;

/// Number of bytes after which a block without an end is taken for ordinary text: no line is longer.
const LONGEST: usize = 16 * 1024;

/// The lines of a text, those of one message in one line.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    // How the line before goes on, if it does.
    let mut goes_on: Option<Continued> = None;
    for raw in text.lines() {
        let line = plain(raw);
        let taken = goes_on
            .take()
            .and_then(|continued| Some((continued.rest(&line)?, continued)));
        if let (Some((rest, continued)), Some(last)) = (taken, all.last_mut())
            && last.len() + rest.len() < LONGEST
        {
            if continued.is_blank_between() {
                last.push(' ');
            }
            last.push_str(&rest);
            goes_on = continued.after(&line);
            continue;
        }
        goes_on = Continued::begin(&line);
        all.push(line.trim_end().to_owned());
        if let (Some(Continued::Message { blanks }), Some(last)) = (&goes_on, all.last_mut()) {
            last.push_str(&" ".repeat(*blanks));
        }
    }
    all
}

/// A line that is not the last one of its message.
enum Continued {
    /// A line of an exception, cut after 75 columns; `blanks` is the number of spaces at the cut.
    Message { blanks: usize },
    /// A line of another block, whose lines begin with `indent` spaces; a word that fills a whole line was cut.
    Styled { indent: usize, is_cut: bool },
}

impl Continued {
    fn begin(line: &str) -> Option<Self> {
        if let Some(message) = line.strip_prefix("  ") {
            return Self::of_message(message);
        }
        let rest = line.strip_prefix(" [")?;
        let (label, _) = rest.split_once("] ")?;
        let is_label = !label.is_empty() && label.chars().all(|c| c.is_ascii_uppercase());
        // The label is padded to the width of the terminal.
        (is_label && width(line) >= STYLED_WIDTH - 1).then(|| Continued::Styled {
            indent: label.len() + 4,
            is_cut: width(line.trim_end()) >= STYLED_WIDTH - 1,
        })
    }

    fn of_message(message: &str) -> Option<Self> {
        if message.starts_with("  ") {
            return None;
        }
        let shown = width(message.trim_end());
        // One blank may have been at the cut; more blanks are the padding of a shorter line.
        (WIDTH - 1..=WIDTH)
            .contains(&shown)
            .then(|| Continued::Message {
                blanks: WIDTH - shown,
            })
    }

    /// What a line adds to the one before it; `None` where it does not belong to that.
    fn rest(&self, line: &str) -> Option<String> {
        let rest = match self {
            Continued::Message { .. } => line.strip_prefix("  ")?,
            Continued::Styled { indent, .. } => line.strip_prefix(&" ".repeat(*indent))?,
        };
        let rest = rest.trim_end();
        (!rest.is_empty()).then(|| match self.blanks_at_end(line) {
            blanks if blanks > 0 => format!("{rest}{}", " ".repeat(blanks)),
            _ => rest.to_owned(),
        })
    }

    /// How many blanks stand at the end of a line that goes on.
    fn blanks_at_end(&self, line: &str) -> usize {
        match self.after(line) {
            Some(Continued::Message { blanks }) => blanks,
            _ => 0,
        }
    }

    /// How the message goes on after this line of it.
    fn after(&self, line: &str) -> Option<Self> {
        match self {
            Continued::Message { .. } => Self::of_message(line.strip_prefix("  ")?),
            Continued::Styled { indent, .. } => {
                (width(line) >= STYLED_WIDTH - 1).then(|| Continued::Styled {
                    indent: *indent,
                    is_cut: width(line.trim_end()) >= STYLED_WIDTH - 1,
                })
            }
        }
    }

    fn is_blank_between(&self) -> bool {
        matches!(self, Continued::Styled { is_cut: false, .. })
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A line without colours and the return at its end.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.trim_end_matches('\r');
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after.find(|c: char| c.is_ascii_alphabetic());
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Symfony's console prints the message of an exception.
    fn exception(message: &str) -> String {
        let characters: Vec<char> = message.chars().collect();
        let parts: Vec<String> = characters
            .chunks(WIDTH)
            .map(|part| part.iter().collect())
            .collect();
        let longest = parts.iter().map(|part| width(part)).max().unwrap_or(0);
        let blank = " ".repeat(longest + 4);
        let lines: String = parts
            .iter()
            .map(|part| format!("  {part:longest$}  \n"))
            .collect();
        format!("\nIn Kernel.php line 600:\n{blank}\n{lines}{blank}\n\nmigrate [--force]\n")
    }

    #[test]
    fn what_a_console_broke_is_one_line_again() {
        let long = "/app/storage/framework/views/860e0f1b2c3d4e5f60718293a4b5c6d7e8f90a1b.php";
        for message in [
            format!("file_put_contents({long}): Failed to open stream: Read-only file system"),
            "file_put_contents(/app/vendor/composer/installed.json): Failed to open stream: Read-only file system".to_owned(),
            // A blank where the line is cut.
            format!("{} {}", "x".repeat(WIDTH - 1), "Read-only file system"),
            format!("{} {}", "x".repeat(WIDTH), "Read-only file system"),
            "short".to_owned(),
            "é".repeat(3 * WIDTH),
        ] {
            let found = lines(&exception(&message));
            let is_there = found.iter().any(|line| line.trim() == message);
            assert!(is_there, "{message}: {found:#?}");
            assert!(found.iter().any(|line| line == "migrate [--force]"));
            // Also where somebody cut the blanks at the ends of lines.
            let cut: Vec<String> = exception(&message)
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect();
            let found = lines(&cut.join("\n"));
            assert!(found.iter().any(|line| line.trim() == message), "{found:#?}");
        }
    }

    #[test]
    fn a_labelled_block_is_broken_at_blanks() {
        let block = format!(
            " {:79}\n {:79}\n\nnext\n",
            "[ERROR] The directory /app/web/sites/default/files of this site is not a",
            "        place that is writable."
        );
        let found = lines(&block);
        assert_eq!(
            found[0],
            " [ERROR] The directory /app/web/sites/default/files of this site is not a place that is writable."
        );
        assert_eq!(found[2], "next");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let text = "one\n  two\n    at three\n\n  four\n\u{1b}[31mred\u{1b}[0m\r\n";
        assert_eq!(
            lines(text),
            ["one", "  two", "    at three", "", "  four", "red"]
        );
        // A line that only happens to be as long is no part of a block that is not indented.
        let full = "y".repeat(WIDTH);
        assert_eq!(lines(&format!("{full}\nnext")), [full, "next".to_owned()]);
    }
}
