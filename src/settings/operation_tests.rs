//! `tests` of `.upsun-local.yaml`.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use indexmap::IndexMap;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde::de::{self, Deserialize, Deserializer};

use super::{hidden, one_or_more, variables};
use crate::roles::{Role, UnknownRole};
use crate::user_variables::UserVariables;

/// All tests, by name, in the order in which they are written.
pub type Tests = IndexMap<String, Definition>;

/// What is expected of one run of an operation.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// `operation`: its name.
    pub operation: String,
    /// `app`, where more than one has an operation of that name.
    pub app: Option<String>,
    /// `worker`, for an operation of a worker.
    pub worker: Option<String>,
    /// `role`: who runs it; the operation's own minimum role when neither this nor `user` is there.
    #[serde(default, deserialize_with = "role")]
    pub role: Option<Role>,
    /// `user`: a name of `users`.
    pub user: Option<String>,
    /// `expect`: an exit code, or `denied`.
    #[serde(default)]
    pub expect: Expected,
    /// `stdout`: patterns that standard output must match.
    #[serde(default, deserialize_with = "patterns")]
    pub stdout: Vec<TextPattern>,
    /// `stderr`: patterns that standard error must match.
    #[serde(default, deserialize_with = "patterns")]
    pub stderr: Vec<TextPattern>,
    /// `files`: what must be there on mounts afterwards, relative to the app's root.
    #[serde(default, deserialize_with = "paths")]
    pub files: Vec<PathPattern>,
    /// `changed`: what must be new or different on mounts afterwards.
    #[serde(default, deserialize_with = "paths")]
    pub changed: Vec<PathPattern>,
    /// `timeout`: in seconds; the operation's own without it.
    #[serde(default, deserialize_with = "seconds")]
    pub timeout: Option<std::time::Duration>,
    /// `idempotent`: it is run twice, and the second run must change nothing on mounts.
    #[serde(default)]
    pub idempotent: bool,
    /// `variables`: for this run, by name with prefix.
    #[serde(default, deserialize_with = "variables")]
    pub variables: UserVariables,
}

/// How a run must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// With this exit code.
    ExitCode(u8),
    /// It is denied: the role may not run it.
    Denied,
}

impl Default for Expected {
    fn default() -> Self {
        Expected::ExitCode(0)
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an exit code from 0 to 255, or `denied`")
            }

            fn visit_u64<E: de::Error>(self, code: u64) -> Result<Expected, E> {
                let unexpected = |_| E::invalid_value(de::Unexpected::Unsigned(code), &self);
                u8::try_from(code)
                    .map(Expected::ExitCode)
                    .map_err(unexpected)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expected, E> {
                match (text, text.parse()) {
                    ("denied", _) => Ok(Expected::Denied),
                    (_, Ok(code)) => Ok(Expected::ExitCode(code)),
                    (other, Err(_)) => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A regular expression over bytes. `^` and `$` mean lines.
#[derive(Debug, Clone)]
pub struct TextPattern {
    text: String,
    expression: Regex,
}

impl TextPattern {
    /// Of its text; what is wrong with it otherwise.
    pub fn new(text: &str) -> Result<Self, String> {
        let expression = Regex::builder()
            .configure(Regex::config().utf8_empty(false))
            .syntax(
                // Match like a reader of a screen: `.` is a character, and a line ends at `\r\n` too.
                syntax::Config::new()
                    .utf8(false)
                    .multi_line(true)
                    .crlf(true),
            )
            .build(text);
        match expression {
            Ok(expression) => Ok(TextPattern {
                text: text.to_owned(),
                expression,
            }),
            Err(err) => {
                let why = err
                    .syntax_error()
                    .map_or_else(|| err.to_string(), ToString::to_string);
                let why = why.lines().last().unwrap_or_default().trim();
                let why = why.trim_start_matches("error: ");
                let text = hidden(text);
                Err(format!("{text} is not a regular expression: {why}"))
            }
        }
    }

    /// Whether it is somewhere in there.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.expression.is_match(bytes)
    }
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A path relative to the app's root, in which `*`, `?`, `[…]` and `**` mean what they mean in `.gitignore`.
#[derive(Debug, Clone)]
pub struct PathPattern {
    text: String,
    matcher: GlobMatcher,
}

impl PathPattern {
    /// Of its text; what is wrong with it otherwise.
    pub fn new(text: &str) -> Result<Self, String> {
        let plain = text.trim_matches('/');
        let plain = plain
            .strip_prefix("app/")
            .filter(|_| text.starts_with("/app/"))
            .unwrap_or(plain);
        let glob = GlobBuilder::new(plain)
            .literal_separator(true)
            .build()
            .map_err(|err| {
                let text = hidden(text);
                format!("{text} is not a path or a pattern of paths: {}", err.kind())
            })?;
        Ok(PathPattern {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }

    /// Whether this path is one of them.
    pub fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path.trim_end_matches('/'))
    }

    /// Whether a path below one of these directories may be one of them.
    pub(crate) fn is_below_any<'a>(&self, mut directories: impl Iterator<Item = &'a str>) -> bool {
        let plain = self.matcher.glob().glob();
        let end = plain.find(['*', '?', '[', '{', '\\']);
        // The directories that every path begins with, and whether that is all of it.
        let (known, is_whole) = match end {
            None => (plain, true),
            Some(end) => (&plain[..plain[..end].rfind('/').unwrap_or(0)], false),
        };
        let is_in = |path: &str, directory: &str| {
            path.strip_prefix(directory).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || directory.is_empty()
            })
        };
        directories
            .any(|directory| is_in(known, directory) || (!is_whole && is_in(directory, known)))
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TextPattern>, D::Error> {
    let texts = one_or_more(deserializer)?;
    let all: Result<_, _> = texts.iter().map(|text| TextPattern::new(text)).collect();
    all.map_err(de::Error::custom)
}

fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathPattern>, D::Error> {
    let texts = one_or_more(deserializer)?;
    let all: Result<_, _> = texts.iter().map(|text| PathPattern::new(text)).collect();
    all.map_err(de::Error::custom)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| {
        text.parse().map_err(|err: UnknownRole| {
            let shown = err.to_string();
            de::Error::custom(shown.replacen(&format!("`{text}`"), &hidden(&text), 1))
        })
    })
    .transpose()
}

fn seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<std::time::Duration>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    let number = number
        .map(std::time::Duration::try_from_secs_f64)
        .transpose();
    match number {
        Ok(Some(time)) if time.is_zero() => {
            Err(de::Error::custom("`timeout` must be more than 0 s"))
        }
        Ok(time) => Ok(time),
        Err(_) => Err(de::Error::custom("`timeout` is a number of seconds")),
    }
}

impl Definition {
    /// The test that an operation succeeds under its own role.
    pub fn of(operation: &str) -> Self {
        Definition {
            operation: operation.to_owned(),
            app: None,
            worker: None,
            role: None,
            user: None,
            expect: Expected::default(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            files: Vec::new(),
            changed: Vec::new(),
            timeout: None,
            idempotent: false,
            variables: UserVariables::new(),
        }
    }

    /// What makes no sense in it, and the key that it is said at; `None` when all does.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        if self.role.is_some() && self.user.is_some() {
            return Some(("user", "says both `role` and `user`"));
        }
        if self.expect != Expected::Denied {
            return None;
        }
        if self.role.is_none() && self.user.is_none() {
            let wrong = "expects `denied` and does not say for which `role` or `user`";
            return Some(("expect", wrong));
        }
        let looks = [
            ("idempotent", self.idempotent),
            ("stdout", !self.stdout.is_empty()),
            ("stderr", !self.stderr.is_empty()),
            ("files", !self.files.is_empty()),
            ("changed", !self.changed.is_empty()),
        ];
        let (key, _) = looks.into_iter().find(|(_, looks)| *looks)?;
        let wrong =
            "expects `denied` and also a result of the run, but a denied operation does not run";
        Some((key, wrong))
    }
}
