//! The wording of numbers, and text that is safe to print or to hand to a shell.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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

/// How many columns of a terminal a line takes. Colours take none.
pub fn width(line: &str) -> usize {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    let after_colours = parts.map(|part| part.split_once('m').map_or(part, |(_, after)| after));
    first + after_colours.map(UnicodeWidthStr::width).sum::<usize>()
}

/// A line with spaces behind it, so that it takes as many columns.
pub fn pad(line: &str, columns: usize) -> String {
    format!("{line}{}", " ".repeat(columns.saturating_sub(width(line))))
}

/// A line that takes no more columns: an ellipsis stands for what is left out.
pub fn cut(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    format!("{}…", beginning(line, columns.saturating_sub(1)))
}

/// As much of the beginning of a text without colours as these columns hold.
pub fn beginning(text: &str, columns: usize) -> &str {
    &text[..fitting(text.chars(), columns)]
}

/// As much of the end of a text without colours as these columns hold.
pub fn ending(text: &str, columns: usize) -> &str {
    &text[text.len() - fitting(text.chars().rev(), columns)..]
}

/// The length in bytes of as many characters as these columns hold.
fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> usize {
    let mut taken = 0;
    // Marks take no column of their own. A letter has a few of them at most; text that is nothing else would not end.
    chars
        .take(4 * columns)
        .take_while(|char| {
            taken += char.width().unwrap_or(1);
            taken <= columns
        })
        .map(char::len_utf8)
        .sum()
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

/// Makes a text harmless and puts it on one line, so that a name cannot break a message.
pub fn safe_line(text: &str) -> String {
    safe(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// What a container is called in messages, as on Upsun: `app`, or `app--worker`.
pub fn container_name(app: &str, worker: Option<&str>) -> String {
    worker.map_or_else(|| app.to_owned(), |worker| format!("{app}--{worker}"))
}

/// Control characters, and those that change the direction of what follows.
pub fn is_harmful(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A text as the message of one of GitHub's workflow commands, which ends with its line.
///
/// Source: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>
pub(crate) fn github_message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A text as a property of one of GitHub's workflow commands, which ends with a comma or a colon besides.
pub(crate) fn github_property(text: &str) -> String {
    github_message(text).replace(':', "%3A").replace(',', "%2C")
}

/// A word for the shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
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
    fn columns_are_counted_and_not_characters() {
        for (line, columns) in [
            ("", 0),
            ("next-build", 10),
            ("日本語", 6),
            ("ｆｕｌｌ", 8),
            ("e\u{301}te\u{301}", 3),
            ("🚀 go", 5),
            ("👨\u{200d}👩\u{200d}👧", 2),
            ("🇩🇪", 2),
            ("\u{1b}[1;32mdone\u{1b}[0m 日", 7),
        ] {
            assert_eq!(width(line), columns, "{line}");
            assert_eq!(width(&pad(line, 12)), 12, "{line}");
            assert_eq!(pad(line, columns), line);
            assert_eq!(cut(line, columns), line);
        }
    }

    #[test]
    fn a_line_is_cut_to_the_columns_that_there_are() {
        for (line, columns, expected) in [
            ("next-build", 6, "next-…"),
            ("日本語", 5, "日本…"),
            // Half a character is none.
            ("日本語", 4, "日…"),
            ("🚀🚀🚀", 3, "🚀…"),
            ("e\u{301}te\u{301}s", 3, "e\u{301}t…"),
            ("ab", 1, "…"),
        ] {
            assert_eq!(cut(line, columns), expected);
        }
        assert_eq!(beginning("日本語", 5), "日本");
        assert_eq!(ending("日本語", 5), "本語");
        assert_eq!(ending("日本語", 6), "日本語");
        assert!(beginning(&"\u{301}".repeat(1_000_000), 10).len() < 100);
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(safe("a\x1b[31mb\n"), "a\\u{1b}[31mb\n");
        assert_eq!(safe("\u{9b}\u{202e}\u{2028}"), "\\u{9b}\\u{202e}\\u{2028}");
    }
}
