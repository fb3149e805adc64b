//! Names of files as text. They can hold any bytes: those that are not UTF-8 are written as `\xff`, and a backslash
//! as `\\`, so that no two names become the same text.

/// A name as text.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// The bytes that `text` made text of.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        let byte = after
            .strip_prefix('x')
            .and_then(|digits| digits.get(..2))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(b'\\');
            rest = after.strip_prefix('\\').unwrap_or(after);
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_text_of_its_own() {
        let names: [&[u8]; 8] = [
            b"a",
            b"a\xff",
            b"a\xfe",
            b"a\\xff",
            b"a\\",
            b"\\\\x",
            b"\xc3\xa9\n",
            b"\xc3\\",
        ];
        let texts: std::collections::BTreeSet<String> =
            names.iter().map(|name| text(name)).collect();
        assert_eq!(texts.len(), names.len());
        for name in names {
            assert_eq!(bytes(&text(name)), name, "{}", text(name));
        }
        assert_eq!(text(b"a\xff"), "a\\xff");
    }
}
