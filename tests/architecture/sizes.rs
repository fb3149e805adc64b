//! How long a file and a function of the shipped code may be.

use std::collections::BTreeSet;

use super::files;

/// How many lines a file may have, with the tests that stand in it.
const MOST_OF_FILE: usize = 500;

/// How many lines a function may have, without its comments and attributes.
const MOST_OF_FUNCTION: usize = 80;

/// The files that are longer.
const LONG_FILES: &[&str] = &[];

/// The functions that are longer, with their files.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("src/services.rs", "finish"),
    ("src/services/mysql.rs", "draft"),
    ("src/services/postgresql.rs", "draft"),
];

/// The text with blanks for everything in comments and in quotes, so that the braces that are left are the code's.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let is_in_word = before.is_alphanumeric() || before == '_';
        let length = quoted(rest, is_in_word);
        let blank = |char: char| if char == '\n' { '\n' } else { ' ' };
        bare.extend(rest[..length].chars().map(blank));
        if length == 0 {
            bare.push(next);
        }
        before = next;
        rest = &rest[length.max(next.len_utf8())..];
    }
    bare
}

/// How long the comment, string or character is that a text begins with; 0 when it begins with none.
fn quoted(text: &str, is_in_word: bool) -> usize {
    let end = |from: usize, mark: &str| {
        let at = text[from..].find(mark);
        at.map_or(text.len(), |at| from + at + mark.len())
    };
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return end(2, "*/");
    }
    let raw = text.trim_start_matches('b');
    if let Some(hashes) = raw.strip_prefix('r').filter(|_| !is_in_word) {
        let quote = hashes.trim_start_matches('#');
        let count = hashes.len() - quote.len();
        if quote.starts_with('"') {
            let opening = text.len() - quote.len() + 1;
            return end(opening, &format!("\"{}", "#".repeat(count)));
        }
    }
    if text.starts_with('"') {
        return until_quote(text, '"');
    }
    // What else begins with that quote is a lifetime.
    let is_char =
        text.starts_with("'\\") || text.starts_with('\'') && text.chars().nth(2) == Some('\'');
    if is_char { until_quote(text, '\'') } else { 0 }
}

/// How long the text in quotes is that a text begins with.
fn until_quote(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        if !is_escaped && char == quote {
            return at + 1;
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    text.len()
}

/// The functions of a text without comments and quotes: their names, and how many lines they have.
fn functions(bare: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let is_word = bare[..at].ends_with(|before: char| before.is_whitespace() || before == '(');
        let name: String = bare[at + 3..]
            .chars()
            .take_while(|char| char.is_alphanumeric() || *char == '_')
            .collect();
        if (at > 0 && !is_word) || name.is_empty() {
            continue;
        }
        let mut depth = 0;
        for (length, char) in bare[at..].char_indices() {
            depth += match char {
                '{' | '(' | '[' => 1,
                '}' | ')' | ']' => -1,
                _ => 0,
            };
            if depth == 0 && (char == ';' || char == '}') {
                found.push((name, bare[at..=at + length].lines().count()));
                break;
            }
        }
    }
    found
}

/// The text of a file up to the tests that stand at its end.
fn without_tests(bare: &str) -> &str {
    bare.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

#[test]
fn no_file_and_no_function_is_too_long_to_be_read() {
    let mut excepted: BTreeSet<String> = LONG_FILES.iter().map(ToString::to_string).collect();
    excepted.extend(
        LONG_FUNCTIONS
            .iter()
            .map(|(file, function)| format!("`{function}` in {file}")),
    );
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, _) in files() {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("a text");
        let bare = bare(&text);
        let functions = functions(without_tests(&bare));
        count += functions.len();
        let functions = functions
            .into_iter()
            .map(|(name, lines)| (format!("`{name}` in {file}"), lines, MOST_OF_FUNCTION));
        let whole = (file.clone(), text.lines().count(), MOST_OF_FILE);
        for (what, lines, most) in functions.chain([whole]) {
            if lines > most && !excepted.remove(&what) {
                wrong.push(format!("{what} has {lines} lines: split it"));
            }
        }
    }
    assert!(count > 2000, "only {count} functions were found");
    wrong.extend(
        excepted
            .iter()
            .map(|what| format!("{what} is short enough: remove it from the exceptions")),
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn functions_are_measured_whatever_is_in_their_texts() {
    let text = r##"
/// fn not_one() {
pub(super) async fn first<'a>(of: [u8; 2]) -> &'a str {
    let brace = ('{', '\'', "}\"}", b"}", r#"}" }"#);
    /* } */
    inner(|| { 1 })
}
trait T { fn second(&self); }
const fn third() {}
"##;
    let found = functions(&bare(text));
    let expected = [("first", 5), ("second", 1), ("third", 1)];
    assert_eq!(
        found,
        expected.map(|(name, lines)| (name.to_owned(), lines))
    );
}
