//! Variables as somebody sets them: in the console, in the settings, in an `env_file` or with `--variable`.

use indexmap::IndexMap;
use serde_json::Value;

/// A variable as somebody sets it in the console, in the settings, or with `--variable`.
#[derive(Debug, Clone, PartialEq)]
pub struct UserVariable {
    /// A string, or any JSON.
    pub value: Value,
    /// Never shown.
    pub sensitive: bool,
    /// Given to builds.
    pub visible_build: bool,
    /// Given to running containers.
    pub visible_runtime: bool,
}

impl UserVariable {
    /// A variable with Upsun's defaults: visible everywhere, not sensitive.
    pub fn new(value: impl Into<Value>) -> Self {
        UserVariable {
            value: value.into(),
            sensitive: false,
            visible_build: true,
            visible_runtime: true,
        }
    }
}

/// Variables by name with their prefix: `env:TOKEN`, `php:memory_limit`, `theanswer`.
pub type UserVariables = IndexMap<String, UserVariable>;

/// Whether a text can name a variable, with or without a prefix.
pub fn is_name(text: &str) -> bool {
    let bare = text.rsplit_once(':').map_or(text, |(_, name)| name);
    !bare.is_empty()
        && !text
            .chars()
            .any(|c| c == '=' || c.is_whitespace() || c.is_control())
}

/// Reads one `--variable`: `env:NAME=value`, or any other prefix that Upsun's CLI takes.
pub(crate) fn parse_assignment(text: &str) -> Result<(String, UserVariable), Error> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Error::NoValue(text.to_owned()))?;
    if !is_name(name) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok((name.to_owned(), UserVariable::new(value)))
}

/// Reads an `env_file`: lines of `NAME=value`, with an optional `export`, quotes and comments. Each becomes a
/// variable `env:NAME`. Nothing is expanded; a value ends with its line.
pub(crate) fn parse_env_file(text: &str) -> Result<UserVariables, Error> {
    let mut variables = UserVariables::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, variable) = parse_line(line, index + 1)?;
        variables.insert(format!("env:{name}"), variable);
    }
    Ok(variables)
}

fn parse_line(text: &str, line: usize) -> Result<(String, UserVariable), Error> {
    let (name, value) = text.split_once('=').ok_or(Error::Line { line })?;
    let name = name.trim_end();
    if !is_name(name) || name.contains(':') {
        return Err(Error::Line { line });
    }
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => unquote(&value[1..], quote).ok_or_else(|| Error::Quote {
            line,
            name: name.to_owned(),
        })?,
        _ => value
            .split_once(" #")
            .map_or(value, |(value, _)| value)
            .trim_end()
            .to_owned(),
    };
    Ok((name.to_owned(), UserVariable::new(value)))
}

/// The text up to the closing quote; in double quotes a backslash escapes, in single quotes nothing does.
fn unquote(text: &str, quote: char) -> Option<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            c if c == quote => return Some(value),
            '\\' if quote == '"' => match characters.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

/// What is wrong with a `--variable` or with a line of an `env_file`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no `=`.
    #[error("`{0}` sets no variable: write `env:NAME=value`")]
    NoValue(String),
    /// What stands before the `=` is no name.
    #[error("`{0}` cannot be the name of a variable")]
    Name(String),
    /// A line of an `env_file` that is neither empty, nor a comment, nor `NAME=value`. What stands there is not
    /// repeated: it may be a part of a secret.
    #[error("line {line} is not `NAME=value`")]
    Line {
        /// 1-based.
        line: usize,
    },
    /// A quote in an `env_file` that is opened and not closed.
    #[error(
        "line {line}: the quote after `{name}=` is not closed: a value ends with its line, and `\\n` in double quotes is a new one"
    )]
    Quote {
        /// 1-based.
        line: usize,
        /// The variable.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_assignment_is_read() {
        let (name, variable) = parse_assignment("env:URL=http://x/?a=b").unwrap();
        assert_eq!(name, "env:URL");
        assert_eq!(variable.value, json!("http://x/?a=b"));
        assert_eq!(
            parse_assignment("env:X"),
            Err(Error::NoValue("env:X".to_owned()))
        );
        assert_eq!(
            parse_assignment("env:=1"),
            Err(Error::Name("env:".to_owned()))
        );
        assert_eq!(parse_assignment("=1"), Err(Error::Name(String::new())));
    }

    #[test]
    fn an_env_file_is_read() {
        let variables = parse_env_file(
            "# comment\n\nA=1\nexport B = two words # why\nC=\"q \\\"x\\\" # no\\n\"\nD='$raw\\n'\r\nE=\nF=a#b\n",
        )
        .unwrap();
        let value = |name: &str| variables[name].value.as_str().unwrap().to_owned();
        assert_eq!(value("env:A"), "1");
        assert_eq!(value("env:B"), "two words");
        assert_eq!(value("env:C"), "q \"x\" # no\n");
        assert_eq!(value("env:D"), "$raw\\n");
        assert_eq!(value("env:E"), "");
        assert_eq!(value("env:F"), "a#b");
        assert_eq!(
            parse_env_file("A=1\nnonsense\n").unwrap_err().to_string(),
            "line 2 is not `NAME=value`"
        );
        assert_eq!(
            parse_env_file("A='x\n").unwrap_err().to_string(),
            "line 1: the quote after `A=` is not closed: a value ends with its line, and `\\n` in double quotes is a new one"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*") {
            let _ = parse_env_file(&text);
            let _ = parse_assignment(&text);
        }
    }
}
