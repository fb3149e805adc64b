//! Looks for what a person wrote, where the parser says only that it lost its way.

/// Where a conflict begins that `git merge` wrote into the file.
pub(super) fn conflict(text: &str) -> Option<(usize, usize)> {
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<<<<< ") {
            return Some((begin, begin + line.trim_end().len()));
        }
        begin += line.len();
    }
    None
}

/// The first tab that indents a line, from the line that begins at `begin` on.
pub(super) fn indentation_tab(text: &str, begin: usize) -> Option<usize> {
    let mut at = begin;
    for line in text[begin..].split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// The first backslash of a double-quoted text that begins no escape of YAML's.
pub(super) fn bad_escape(text: &str, at: usize) -> Option<usize> {
    const KNOWN: &str = "0abt\tnvfre \"/\\N_LPxuU\n\r";
    let mut chars = text[at..].char_indices();
    while let Some((index, char)) = chars.next() {
        if char == '\\' && !chars.next().is_some_and(|(_, next)| KNOWN.contains(next)) {
            return Some(at + index);
        }
    }
    None
}

/// The parser points behind the sign that misled it: go back to the sign.
pub(super) fn begin_of_token(text: &str, at: usize, signs: &[char]) -> usize {
    let before = text[..at].char_indices().next_back();
    match before {
        Some((begin, char)) if !text[at..].starts_with(signs) && signs.contains(&char) => begin,
        _ => at,
    }
}
