//! Whether a text can be a regular expression of PCRE. Only a text that certainly is not one is refused.

/// Why the text is no regular expression, if it is none.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut groups = 0usize;
    // Whether there is something before that a quantifier could repeat.
    let mut repeatable = false;
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => {
                if at + 1 == chars.len() {
                    return Err("it ends with a backslash");
                }
                at += 1;
                repeatable = true;
            }
            '[' => {
                at = class_end(&chars, at).ok_or("a bracket is never closed")?;
                repeatable = true;
            }
            '(' => {
                groups += 1;
                repeatable = false;
                // The question mark of `(?:` and its like belongs to the parenthesis.
                if matches!(chars.get(at + 1), Some('?' | '*')) {
                    at += 1;
                }
            }
            ')' => {
                groups = groups
                    .checked_sub(1)
                    .ok_or("a parenthesis is closed that was never opened")?;
                repeatable = true;
            }
            '|' | '^' => repeatable = false,
            '*' | '+' | '?' => {
                if !repeatable {
                    return Err("there is nothing to repeat before the `*`, `+` or `?`");
                }
                // A second `?` or `+` makes the first one lazy or possessive.
                if matches!(chars.get(at + 1), Some('?' | '+')) {
                    at += 1;
                }
                repeatable = false;
            }
            _ => repeatable = true,
        }
        at += 1;
    }
    if groups > 0 {
        return Err("a parenthesis is never closed");
    }
    Ok(())
}

/// The index of the bracket that closes the class that opens at `at`.
fn class_end(chars: &[char], at: usize) -> Option<usize> {
    let mut end = at + 1;
    if chars.get(end) == Some(&'^') {
        end += 1;
    }
    // A closing bracket in the first place is a character like any other.
    if chars.get(end) == Some(&']') {
        end += 1;
    }
    while end < chars.len() {
        match chars[end] {
            '\\' => end += 1,
            '[' if matches!(chars.get(end + 1), Some(':' | '.' | '=')) => {
                let mark = chars[end + 1];
                end += 2;
                while end + 1 < chars.len() && !(chars[end] == mark && chars[end + 1] == ']') {
                    end += 1;
                }
                end += 1;
            }
            ']' => return Some(end),
            _ => {}
        }
        end += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_pcre_takes_is_taken() {
        for pattern in [
            r"\.(jpe?g|png|css)$",
            r"^/sites/[^/]+/(?!private).*?\.php$",
            r"(?<name>a++)[[:alpha:]\]]{2,3}",
            r"[]a]",
            r"a|*".split('|').next().unwrap(),
            "",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_one_is_refused() {
        for pattern in ["*.php", "(a", "a)", "[a", "a\\", "+", "a|?", "a***"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}
