//! Wraps sentences on a terminal between two words, never within one.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Lines with this many spaces before them are quotations, such as configuration or a command, and are not wrapped.
const QUOTED: usize = 4;

/// The smallest width that text is wrapped to, in columns: in less, wrapped text is no more readable.
const NARROWEST: usize = 20;

/// How many columns a stream has; `None` if it is no terminal, or if the terminal does not say.
pub fn width_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let size = stream.is_terminal().then(|| tcgetwinsize(stream).ok())?;
    size.map(|size| usize::from(size.ws_col))
        .filter(|width| *width > 0)
}

/// Wraps lines to a width, as far as the length of their words allows. The further lines of a wrapped line are
/// indented like the first, and by at least `indent` spaces. Escape sequences for colours have no width. Without a
/// width the text stays unchanged.
pub fn wrapped(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width.map(|width| width.max(NARROWEST)) else {
        return text.to_owned();
    };
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| fitted(line, width, indent))
        .collect();
    lines.join("\n")
}

fn fitted(line: &str, width: usize, indent: usize) -> String {
    if textwrap::core::display_width(line) <= width {
        return line.to_owned();
    }
    let spaces = line.len() - line.trim_start_matches(' ').len();
    if indent == 0 && spaces >= QUOTED {
        return line.to_owned();
    }
    let further = " ".repeat(spaces.max(indent).min(width / 2));
    let options = Options::new(width)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .subsequent_indent(&further);
    // A question ends with a space, before the answer.
    let end = &line[line.trim_end_matches(' ').len()..];
    textwrap::fill(line, options) + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_go_on_between_words() {
        let text = "warning: the quick brown fox jumps over the lazy dog\n\nhint: `a-word-that-is-longer-than-a-line` stays whole";
        insta::assert_snapshot!(wrapped(text, Some(24), 0), @r"
        warning: the quick brown
        fox jumps over the lazy
        dog

        hint:
        `a-word-that-is-longer-than-a-line`
        stays whole
        ");
        assert_eq!(wrapped(text, None, 0), text);
    }

    #[test]
    fn what_comes_after_a_verb_and_what_is_indented_goes_on_below_itself() {
        assert_eq!(
            wrapped("  Running next-build on app as contributor", Some(30), 10),
            "  Running next-build on app as\n          contributor"
        );
        assert_eq!(
            wrapped("error: no\n  because the reason is a long one", Some(20), 0),
            "error: no\n  because the reason\n  is a long one"
        );
    }

    #[test]
    fn what_is_quoted_stays_as_it_is() {
        let quoted = "    mounts:\n      \"/a-directory/with/a-name\": # 1 file, 2 kB";
        assert_eq!(wrapped(quoted, Some(30), 0), quoted);
    }

    #[test]
    fn colours_have_no_width_and_some_characters_have_two() {
        let text = "\x1b[1;31merror\x1b[0m: 日本 日本";
        assert_eq!(wrapped(text, Some(20), 0), text);
        assert_eq!(
            wrapped("日本語日本語 日本語日本語", Some(20), 0),
            "日本語日本語\n日本語日本語"
        );
    }
}
