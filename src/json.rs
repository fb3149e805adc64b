//! JSON that may be shown on a terminal. `serde_json` escapes the control characters below U+0020 only; some of those
//! above are commands to a terminal too, and others turn text around or end a line of JavaScript.

use std::fmt::Write;

use serde::Serialize;

/// A document on lines of its own, without the end of the last one.
pub fn pretty(value: &impl Serialize) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is banned elsewhere for the sake of this"
    )]
    let text = serde_json::to_string_pretty(value);
    escaped(text.unwrap_or_default())
}

/// A document in one line, without its end.
pub fn line(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(escaped)
}

/// JSON that means the same. Such characters can only stand in its texts, where each may be written by its number.
fn escaped(json: String) -> String {
    if !json.contains(is_escaped) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        if is_escaped(char) {
            // All of them have four digits.
            let _ = write!(text, "\\u{:04x}", u32::from(char));
        } else {
            text.push(char);
        }
    }
    text
}

fn is_escaped(char: char) -> bool {
    matches!(
        char,
        '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_commands_a_terminal_is_written_by_its_number() {
        for (text, expected) in [
            ("\u{9b}31m\u{85}\u{7f}", r#""\u009b31m\u0085\u007f""#),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("\u{202e}a\u{2066}", r#""\u202ea\u2066""#),
            ("\u{1b}[31m\0", r#""\u001b[31m\u0000""#),
            ("ünï 🎉\u{a0}\\u009b", "\"ünï 🎉\u{a0}\\\\u009b\""),
        ] {
            assert_eq!(line(&text).unwrap(), expected);
            assert_eq!(pretty(&text), expected);
        }
        assert_eq!(
            pretty(&serde_json::json!({ "k\u{9c}": ["\u{90}"] })),
            "{\n  \"k\\u009c\": [\n    \"\\u0090\"\n  ]\n}"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_control_character_is_left(text in any::<String>()) {
            let json = line(&text).unwrap();
            prop_assert!(!json.contains(char::is_control));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
