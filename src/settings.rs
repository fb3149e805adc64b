//! The tool's own settings: `.upsun-local.yaml` at the repository's root.
//!
//! It says nothing that Upsun reads, and it knows neither flags nor environment variables: those stand
//! above it and are read elsewhere.

mod explain;

use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use self::explain::explain;
use crate::config::outline::Outline;
use crate::config::rules::{self, RULES};
use crate::roles::{EnvironmentType, Grants};
use crate::suggestion::nearest;
use crate::suite::Tests;
use crate::variables::UserVariable;

/// The name of the file.
pub const FILE_NAME: &str = ".upsun-local.yaml";

/// What `.upsun-local.yaml` says. Every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `project`: the project's id, for `PLATFORM_PROJECT` and for names.
    pub project: Option<String>,
    /// `environment`: the environment that the sandbox plays.
    pub environment: Environment,
    /// `role`: who acts when nothing else says it.
    #[serde(deserialize_with = "optional_grants")]
    pub role: Option<Grants>,
    /// `users`: the names that `--as` takes.
    #[serde(deserialize_with = "users")]
    pub users: IndexMap<String, Grants>,
    /// `variables`: what Upsun's console would hold.
    pub variables: Variables,
    /// `env_file`: a file of `NAME=value` lines, relative to the repository's root.
    pub env_file: Option<PathBuf>,
    /// `images`: a container image per runtime or service (`nodejs:24`, or `nodejs` for every version).
    pub images: IndexMap<String, String>,
    /// `ca_certificates`: files of PEM certificates to trust in containers.
    #[serde(deserialize_with = "one_or_more_paths")]
    pub ca_certificates: Vec<PathBuf>,
    /// `proxy`: the proxy that containers use.
    pub proxy: Proxy,
    /// `engine`: where the container engine is.
    pub engine: Option<String>,
    /// `port`: the port of this machine at which the routes answer.
    pub port: Option<NonZero<u16>>,
    /// `user`: the ids of the user `web` in containers.
    #[serde(deserialize_with = "user")]
    pub user: User,
    /// `tests`: what `upsun-local test` expects of operations.
    #[serde(deserialize_with = "tests")]
    pub tests: Tests,
    /// `services`: what is different here about a service, by its name.
    pub services: IndexMap<String, ServiceSettings>,
    /// `mail`: whether mail is on, and a server takes what apps send.
    #[serde(deserialize_with = "mail")]
    pub mail: Option<Mail>,
    /// `check`: which warnings about the configuration are of no interest.
    pub check: Check,
}

/// `environment`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// `name`: for `PLATFORM_ENVIRONMENT` and for names.
    pub name: Option<String>,
    /// `type`: decides which roles count.
    #[serde(deserialize_with = "optional_environment_type")]
    pub r#type: Option<EnvironmentType>,
}

/// `variables`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variables {
    /// `project`: variables of the project, by name with its prefix (`env:TOKEN`).
    #[serde(deserialize_with = "variables")]
    pub project: IndexMap<String, UserVariable>,
    /// `environment`: variables of the environment, which stand above those of the project.
    #[serde(deserialize_with = "variables")]
    pub environment: IndexMap<String, UserVariable>,
}

/// `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// `ignore`: the codes of warnings that are not shown, such as `U402`.
    #[serde(deserialize_with = "one_or_more")]
    pub ignore: Vec<String>,
}

/// One entry of `services`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceSettings {
    /// `external`: the URL of a service that runs elsewhere and stands for this one.
    pub external: Option<String>,
}

/// `proxy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// `http`: a URL.
    pub http: Option<String>,
    /// `https`: a URL.
    pub https: Option<String>,
    /// `no`: hosts that are reached directly, separated by commas.
    #[serde(deserialize_with = "comma_separated")]
    pub no: Option<String>,
}

/// `mail`, where it is on: `true`, or a map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `port`: where the mail is shown on this machine.
    pub port: Option<u16>,
}

/// `user`: the ids of the user `web`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

impl Default for User {
    /// Upsun's ids: 10000 for both.
    fn default() -> Self {
        User {
            uid: 10_000,
            gid: 10_000,
        }
    }
}

/// What is wrong with the settings file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is there, but cannot be read.
    #[error("cannot read `{path}`: {}", unreadable(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not YAML, or says something that is no setting.
    #[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Invalid {
        /// The file's name as the caller gave it.
        file: String,
        /// 1-based line, where it is known.
        line: Option<usize>,
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: Option<String>,
    },
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Read { .. } => None,
            Error::Invalid { hint, .. } => hint.clone(),
        }
    }
}

impl Settings {
    /// Reads the settings of a repository; the defaults when it has no such file.
    pub fn load(repository: &Path) -> Result<Settings, Error> {
        let path = repository.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => Settings::parse(&text, FILE_NAME),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Reads settings from text; `file_name` is for error messages only.
    pub fn parse(text: &str, file_name: &str) -> Result<Settings, Error> {
        let outline = outline(text, file_name)?;
        // A file of nothing but comments is null, which is as good as no file.
        let settings = serde_yaml::from_str::<Option<Settings>>(text)
            .map(Option::unwrap_or_default)
            .map_err(|error| explain(&error, text, file_name, &outline))?;
        for code in &settings.check.ignore {
            silenceable(code).map_err(|(message, hint)| Error::Invalid {
                file: file_name.to_owned(),
                line: text
                    .lines()
                    .position(|line| line.contains(code.as_str()))
                    .map(|index| index + 1),
                message,
                hint: Some(hint),
            })?;
        }
        Ok(settings)
    }
}

/// A map, or nothing yet.
fn tests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tests, D::Error> {
    Option::<Tests>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads the text for its places, and for mistakes that its meaning would not show, such as a test that is there twice.
fn outline(text: &str, file_name: &str) -> Result<Outline, Error> {
    Outline::of(text, Path::new(file_name)).map_err(|problem| Error::Invalid {
        file: file_name.to_owned(),
        line: Some(problem.place.line).filter(|line| *line > 0),
        message: problem.message,
        hint: problem.hint,
    })
}

/// The line, from 1, at which a user is written.
pub fn line_of_user(repository: &Path, name: &str) -> Option<usize> {
    let text = std::fs::read_to_string(repository.join(FILE_NAME)).ok()?;
    outline(&text, FILE_NAME).ok()?.line(&["users", name])
}

/// The users of settings that may be older than we are: whatever else they say is passed over.
pub fn users_of(text: &str, file_name: &str) -> Result<IndexMap<String, Grants>, Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Users {
        #[serde(deserialize_with = "users")]
        users: IndexMap<String, Grants>,
    }
    let outline = outline(text, file_name)?;
    serde_yaml::from_str::<Option<Users>>(text)
        .map(|settings| settings.unwrap_or_default().users)
        .map_err(|error| explain(&error, text, file_name, &outline))
}

/// Whether the warnings with a code may be left out; what is wrong and how to mend it if not.
fn silenceable(code: &str) -> Result<(), (String, String)> {
    match rules::find(code) {
        Some(rule) if rule.can_be_silenced => Ok(()),
        Some(rule) => Err((
            format!(
                "`{code}` in `check.ignore` is always an error: {}",
                rule.summary
            ),
            "only warnings can be silenced: Upsun would refuse this configuration".to_owned(),
        )),
        None => {
            let written = code.to_uppercase();
            let codes = RULES.iter().map(|rule| rule.code);
            let hint = match nearest(&written, codes) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`upsun-local check` shows the code of each problem in brackets".to_owned(),
            };
            Err((
                format!("`{code}` in `check.ignore` is not the code of a problem"),
                hint,
            ))
        }
    }
}

/// `admin`, `production:viewer,…`, or a map from environment type to role.
struct GrantsSetting(Grants);

impl<'de> Deserialize<'de> for GrantsSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GrantsVisitor;

        impl<'de> Visitor<'de> for GrantsVisitor {
            type Value = GrantsSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a role, or a map from environment type to role")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GrantsSetting, E> {
                text.parse().map(GrantsSetting).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GrantsSetting, A::Error> {
                let mut parts = Vec::new();
                while let Some((name, role)) = map.next_entry::<String, String>()? {
                    let part = format!("{name}:{role}");
                    // Each entry by itself first, so that the error stands at its own line.
                    part.parse::<Grants>().map_err(de::Error::custom)?;
                    parts.push(part);
                }
                if parts.is_empty() {
                    return Err(de::Error::custom("a role is missing"));
                }
                parts
                    .join(",")
                    .parse()
                    .map(GrantsSetting)
                    .map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(GrantsVisitor)
    }
}

fn optional_grants<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Grants>, D::Error> {
    Option::<GrantsSetting>::deserialize(deserializer).map(|role| role.map(|role| role.0))
}

fn users<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IndexMap<String, Grants>, D::Error> {
    Option::<IndexMap<String, GrantsSetting>>::deserialize(deserializer).map(|users| {
        users
            .unwrap_or_default()
            .into_iter()
            .map(|(name, role)| (name, role.0))
            .collect()
    })
}

fn optional_environment_type<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EnvironmentType>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(de::Error::custom))
        .transpose()
}

fn user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<User, D::Error> {
    let user = User::deserialize(deserializer)?;
    if user.uid == 0 || user.gid == 0 {
        return Err(de::Error::custom(
            "the user `web` cannot be root: a root user would write where Upsun's may not",
        ));
    }
    Ok(user)
}

/// `true`, `false`, or a map that says more.
fn mail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mail>, D::Error> {
    struct MailVisitor;

    impl<'de> Visitor<'de> for MailVisitor {
        type Value = Option<Mail>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`true`, `false`, or a map with `port`")
        }

        fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Option<Mail>, E> {
            Ok(is_on.then(Mail::default))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Option<Mail>, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Mail>, A::Error> {
            Mail::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(MailVisitor)
}

/// One text, or a list of them.
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMoreVisitor;

        impl<'de> Visitor<'de> for OneOrMoreVisitor {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }

            fn visit_unit<E: de::Error>(self) -> Result<OneOrMore, E> {
                Ok(OneOrMore(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore(texts))
            }
        }

        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

fn one_or_more_paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    OneOrMore::deserialize(deserializer)
        .map(|texts| texts.0.into_iter().map(PathBuf::from).collect())
}

pub(crate) fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    OneOrMore::deserialize(deserializer).map(|texts| texts.0)
}

fn comma_separated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    OneOrMore::deserialize(deserializer)
        .map(|texts| (!texts.0.is_empty()).then(|| texts.0.join(",")))
}

/// The value of a variable, or a map with `value` and its flags.
struct VariableSetting {
    variable: UserVariable,
    /// The value is JSON in a text.
    is_json: bool,
}

impl<'de> Deserialize<'de> for VariableSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            value: serde_json::Value,
            #[serde(default)]
            sensitive: bool,
            #[serde(default = "yes")]
            visible_build: bool,
            #[serde(default = "yes")]
            visible_runtime: bool,
            #[serde(default)]
            is_json: bool,
            /// Whether child environments have it too. There are none here, so it makes no difference.
            #[serde(default = "yes", rename = "inheritable")]
            _inheritable: bool,
        }

        struct VariableVisitor;

        impl VariableVisitor {
            #[expect(clippy::unnecessary_wraps, reason = "what a visitor returns")]
            fn plain<E>(value: impl Into<serde_json::Value>) -> Result<VariableSetting, E> {
                Ok(VariableSetting {
                    variable: UserVariable::new(value),
                    is_json: false,
                })
            }
        }

        impl<'de> Visitor<'de> for VariableVisitor {
            type Value = VariableSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or a map with `value`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<VariableSetting, E> {
                Self::plain(text)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<VariableSetting, E> {
                Self::plain(value)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<VariableSetting, E> {
                Self::plain(value)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<VariableSetting, E> {
                Self::plain(value)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<VariableSetting, E> {
                Self::plain(value)
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<VariableSetting, A::Error> {
                let mut values: Vec<serde_json::Value> = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Self::plain(values)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VariableSetting, A::Error> {
                let written = Written::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(VariableSetting {
                    variable: UserVariable {
                        value: written.value,
                        sensitive: written.sensitive,
                        visible_build: written.visible_build,
                        visible_runtime: written.visible_runtime,
                    },
                    is_json: written.is_json,
                })
            }
        }

        deserializer.deserialize_any(VariableVisitor)
    }
}

fn yes() -> bool {
    true
}

pub(crate) fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<IndexMap<String, UserVariable>, D::Error> {
    let written = Option::<IndexMap<String, VariableSetting>>::deserialize(deserializer)?;
    let written = written.unwrap_or_default();
    if let Some(name) = written.keys().find(|name| !crate::variables::is_name(name)) {
        return Err(de::Error::custom(format_args!(
            "`{name}` cannot be the name of a variable"
        )));
    }
    written
        .into_iter()
        .map(|(name, written)| {
            let mut variable = written.variable;
            if let (true, serde_json::Value::String(text)) = (written.is_json, &variable.value) {
                // What is wrong with it is not told in serde's words, which might quote a secret.
                let value = serde_json::from_str(text).map_err(|err| {
                    de::Error::custom(format_args!(
                        "the value of `{name}` is not JSON (at its line {}, column {}), and it has `is_json`",
                        err.line(),
                        err.column()
                    ))
                })?;
                // An environment variable holds the JSON as it was written.
                if !name.starts_with("env:") {
                    variable.value = value;
                }
            }
            Ok((name, variable))
        })
        .collect()
}

#[cfg(test)]
mod tests;
