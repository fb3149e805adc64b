//! Values that a message needs to find its line, and that are not shown.
//!
//! What stands in a settings file may be a secret that got there by mistake, and errors end in the logs of a CI.

/// Around a value in an error of serde's; no text of YAML has these characters.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

/// The value, marked so that [`marked`] finds it and [`without`] takes it out.
pub(crate) fn hidden(value: &str) -> String {
    format!("{BEGIN}{value}{END}")
}

/// The value that is marked in a message.
pub(super) fn marked(message: &str) -> Option<&str> {
    message.split_once(BEGIN)?.1.split_once(END).map(|it| it.0)
}

/// The message without values: those that are marked, and those that serde quotes.
pub(super) fn without(message: &str) -> String {
    let mut message = message.to_owned();
    if let (Some(begin), Some(end)) = (message.find(BEGIN), message.rfind(END)) {
        message.replace_range(begin..=end, "this value");
    }
    // `invalid type: string "value", expected a map`: the value itself may have quotes in it.
    for (kind, quote) in [
        ("string ", '"'),
        ("boolean ", '`'),
        ("integer ", '`'),
        ("floating point ", '`'),
        ("character ", '`'),
    ] {
        for before in ["invalid type: ", "invalid value: "] {
            let lead = format!("{before}{kind}{quote}");
            let Some(begin) = message.find(&lead).map(|at| at + lead.len() - 2) else {
                continue;
            };
            let rest = &message[begin + 2..];
            let end = if quote == '"' {
                rest.rfind(quote)
            } else {
                rest.find(quote)
            };
            let end = end.map_or(message.len(), |end| begin + 2 + end + 1);
            message.replace_range(begin..end, "");
        }
    }
    message
}

/// Whether a key can be shown: a long text, or one with spaces, may be something else that has a colon in it.
pub(super) fn is_plain_key(key: &str) -> bool {
    key.len() <= 80 && !key.contains(|c: char| c.is_whitespace() || c == '=' || c == '@')
}
