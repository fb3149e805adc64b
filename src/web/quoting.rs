//! Words for an nginx configuration. Every value of the user's file goes through here, so that it stays one
//! word whatever is in it.

/// A word that nginx takes as it is, such as a regular expression.
pub(super) fn quote(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            // Ends strings in nginx.
            '\0' => {}
            c => word.push(c),
        }
    }
    word.push('"');
    word
}

/// Text for a word in which nginx looks for variables: it has none. nginx knows no way to write a dollar
/// sign there but a variable that holds one.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "${front_dollar}")
}

/// Quotes a template: `$name` and `${name}` stay variables if `name` is one of these.
pub(super) fn template(text: &str, names: &[String]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        // A group by its number is one digit, whatever follows.
        if let Some(digit) = rest.chars().next().filter(char::is_ascii_digit)
            && names.iter().any(|known| *known == digit.to_string())
        {
            out.push('$');
            out.push(digit);
            rest = &rest[1..];
            continue;
        }
        let braced = rest.starts_with('{');
        let from = usize::from(braced);
        let length = rest[from..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len() - from);
        let name = &rest[from..from + length];
        let closed = !braced || rest[from + length..].starts_with('}');
        if closed && names.iter().any(|known| known == name) {
            out.push_str(&format!("${{{name}}}"));
            rest = &rest[from + length + usize::from(braced)..];
        } else {
            out.push_str("${front_dollar}");
        }
    }
    out.push_str(rest);
    out
}

/// A path as a part of a regular expression.
pub(super) fn pattern(path: &str) -> String {
    let mut out = String::new();
    // Only punctuation means anything there. A backslash before what is left out later would be one before
    // whatever comes next.
    for c in path.chars() {
        if c.is_ascii_punctuation() && c != '/' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The names of a regular expression's groups: `(?<name>…)`, `(?P<name>…)` and `(?'name'…)`.
pub(super) fn group_names(pattern: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in pattern.match_indices("(?") {
        let rest = &pattern[at + 2..];
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(['<', '\'']) else {
            continue;
        };
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let Some(end) = end.filter(|end| rest[*end..].starts_with(['>', '\''])) else {
            continue;
        };
        let plain = |name: &&str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        names.extend(Some(&rest[..end]).filter(plain).map(str::to_owned));
    }
    names
}

/// A header's name, when it can be one.
pub(super) fn header_name(name: &str) -> Option<&str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (!name.is_empty() && name.chars().all(token)).then_some(name)
}

/// A header's value on one line.
pub(super) fn header_value(value: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = value.chars().map(plain).collect();
    line.trim().to_owned()
}
