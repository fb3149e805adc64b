//! Makes the output of scripts harmless for a terminal: colours and tabs stay. Nothing else in the output may move
//! the cursor, write over a line, set a title or the clipboard, ask the terminal a question or change the direction
//! of text.

use anstyle_parse::{Params, Parser, Perform};

/// Resets the colours and attributes of a terminal.
const RESET: &str = "\x1b[0m";

/// One line without its line break. Colours that the line does not reset are reset at its end.
pub fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.chars().all(is_shown) {
        return text.into_owned();
    }
    let mut shown = Shown::default();
    // Each line gets a new parser, so that an unfinished escape sequence hides at most the rest of its line.
    let mut parser: Parser = Parser::default();
    for byte in text.bytes() {
        parser.advance(&mut shown, byte);
    }
    if shown.is_coloured {
        shown.text.push_str(RESET);
    }
    shown.text
}

/// A text of several lines, each made printable as `line` does.
pub fn lines(text: &str) -> String {
    if text.chars().all(|char| is_shown(char) || char == '\n') {
        return text.to_owned();
    }
    let lines: Vec<String> = text.split('\n').map(|text| line(text.as_bytes())).collect();
    lines.join("\n")
}

/// Whether a character of a script's output may reach a terminal.
fn is_shown(char: char) -> bool {
    char == '\t' || !(char.is_control() || turns(char))
}

/// Whether the character changes the direction of the text after it.
fn turns(char: char) -> bool {
    matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The printable part of a line.
#[derive(Debug, Default)]
struct Shown {
    text: String,
    /// Whether colours are set at this position.
    is_coloured: bool,
}

impl Shown {
    /// Copies a sequence that sets colours and attributes, without those that make text blink or hide it.
    fn colour(&mut self, params: &Params) {
        let mut kept: Vec<String> = Vec::new();
        let mut params = params.iter();
        while let Some(param) = params.next() {
            match param {
                [5 | 6 | 8, ..] => {}
                // The parameters that follow are a colour's number or its three components, not attributes.
                [38 | 48 | 58] => {
                    let Some(&[form @ (2 | 5)]) = params.next() else {
                        break;
                    };
                    let count = if form == 5 { 1 } else { 3 };
                    let colour: Vec<&[u16]> = params.by_ref().take(count).collect();
                    if colour.len() < count {
                        break;
                    }
                    kept.extend([numbers(param), form.to_string()]);
                    kept.extend(colour.into_iter().map(numbers));
                }
                param => kept.push(numbers(param)),
            }
        }
        if let Some(last) = kept.last() {
            self.is_coloured = last != "0";
            self.text.push_str(&format!("\x1b[{}m", kept.join(";")));
        }
    }
}

fn numbers(param: &[u16]) -> String {
    let numbers: Vec<String> = param.iter().map(u16::to_string).collect();
    numbers.join(":")
}

impl Perform for Shown {
    fn print(&mut self, char: char) {
        if is_shown(char) {
            self.text.push(char);
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            self.text.push('\t');
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        // With a private mark before its parameters, `m` sets how the terminal reports keys.
        if action == b'm' && intermediates.is_empty() && !ignore {
            self.colour(params);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_stay_and_everything_else_goes() {
        for (printed, shown) in [
            (
                "plain, ünïcode 🎉\tand a tab",
                "plain, ünïcode 🎉\tand a tab",
            ),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            ("\x1b[31mred\x1b[m", "\x1b[31mred\x1b[0m"),
            ("\x1b[1;4:3;38;5;8mx", "\x1b[1;4:3;38;5;8mx\x1b[0m"),
            ("\x1b[38;2;8;5;6;8mx", "\x1b[38;2;8;5;6mx\x1b[0m"),
            ("\x1b[38:2::1:2:3mx", "\x1b[38:2:0:1:2:3mx\x1b[0m"),
            ("hid\x1b[8mden\x1b[5mblink", "hiddenblink"),
            ("\x1b[38;9;8mx", "x"),
            ("up\x1b[5A\x1b[2K\x1b[1;1Hover", "upover"),
            ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b", "ab"),
            (
                "\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\",
                "link",
            ),
            ("\x1b[>4;2mkeys\x1b[?25lcursor\x1b[6n", "keyscursor"),
            ("\x1bPq#0\x1b\\dcs\x1b_apc\x1b\\\x1b^pm\x1b\\", "dcs"),
            ("\x1bcreset\x1b(0lines", "resetlines"),
            (
                "c1 \u{9b}31m\u{9d}0;x\u{85}\u{7f}\0\x08\x0b\x0c",
                "c1 31m0;x",
            ),
            ("\u{202e}turned\u{2066}", "turned"),
            ("never ends \x1b]0;the rest", "never ends "),
        ] {
            assert_eq!(line(printed.as_bytes()), shown, "{printed:?}");
        }
        assert_eq!(
            line(b"raw \x9b31mC1, \xff bytes"),
            "raw \u{fffd}31mC1, \u{fffd} bytes"
        );
    }

    #[test]
    fn a_sequence_does_not_reach_into_the_next_line() {
        assert_eq!(lines("a\x1b]0;b\nc\x1b[31md\ne"), "a\nc\x1b[31md\x1b[0m\ne");
    }

    /// What is left of a text once its colours are taken out by other means than those that are tested.
    fn without_colours(text: &str) -> String {
        let mut rest = text;
        let mut left = String::new();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            let end = after.find(|char: char| !char.is_ascii_digit() && !";:".contains(char));
            let end = end.filter(|end| after[*end..].starts_with('m'));
            left.push_str(before);
            rest = &after[end.expect("a colour") + 1..];
        }
        left + rest
    }

    proptest! {
        #[test]
        fn no_control_character_comes_through_but_in_a_colour(
            bytes in prop::collection::vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(b"\x1b\x1b[[]0123;:m?>HAPX^_\\\x07\r\x9b\x9c\xc2\xe2\x80\xae".to_vec()),
            ], 0..200),
        ) {
            let shown = without_colours(&line(&bytes));
            prop_assert!(!shown.contains(|char: char| char != '\t' && char.is_control()), "{shown:?}");
            prop_assert!(!shown.contains(turns), "{shown:?}");
        }

        #[test]
        fn what_was_made_harmless_stays_as_it_is(text in "(\x1b\\[[0-9;]{0,6}[mA]|[a-zé\t\r]){0,20}") {
            let once = line(text.as_bytes());
            let twice = line(once.as_bytes());
            prop_assert_eq!(twice, once);
        }
    }
}
