//! The tool's own settings: `.upsun-local.yaml` at the repository's root, and the user's own file below it.
//!
//! The repository may be a stranger's. So what its file says of this machine counts only where Git ignores that file:
//! [`load`](mod@load) holds the two apart. Flags and environment variables stand above both and are read elsewhere.

mod decode;
mod dev;
mod explain;
mod hidden;
pub mod load;
mod merge;
mod names;
mod operation_tests;
mod reach;
mod resources;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use self::decode::{
    comma_separated, images, mail, one_or_more_paths, optional_environment_type, optional_grants,
    tests, user, users,
};
pub(crate) use self::decode::{one_or_more, variables};
pub use self::dev::{AppDev, Dev};
use self::explain::{explain, explain_yaml};
pub(crate) use self::hidden::hidden;
pub use self::names::{Name, Unknown};
pub use self::operation_tests::{Definition, Expected, PathPattern, Tests, TextPattern};
pub use self::resources::Resources;
use crate::bounded::{self, MEBIBYTE};
use crate::config::outline::Outline;
use crate::config::rules::{self, RULES};
use crate::roles::{EnvironmentType, Grants};
use crate::suggestion::nearest;
use crate::user_variables::UserVariable;

pub const FILE_NAME: &str = crate::project::SETTINGS_FILE;

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
    /// `env_file`: a file of `NAME=value` lines. Once loaded, a relative path is one of the repository.
    pub env_file: Option<PathBuf>,
    /// `images`: a container image per runtime or service (`nodejs:24`, or `nodejs` for every version).
    #[serde(deserialize_with = "images")]
    pub images: IndexMap<String, String>,
    /// `ca_certificates`: files of PEM certificates to trust in containers.
    #[serde(deserialize_with = "one_or_more_paths")]
    pub ca_certificates: Vec<PathBuf>,
    /// `proxy`: the proxy that containers use.
    pub proxy: Proxy,
    /// `engine`: where the container engine is.
    pub engine: Option<String>,
    /// `engines`: the engines that `test` spreads its tests over.
    #[serde(deserialize_with = "one_or_more")]
    pub engines: Vec<String>,
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
    /// `resources`: how much memory containers may take, and how large `/tmp` is.
    pub resources: Resources,
    /// `dev`: how apps run while they are edited.
    pub dev: Dev,
    /// `check`: which warnings about the configuration are of no interest.
    pub check: Check,
    /// Images of `images` that only a file of the repository names: the engine's registry must know them.
    #[serde(skip)]
    pub foreign_images: BTreeSet<String>,
    /// Users that the repository does not know.
    #[serde(skip)]
    pub own_users: BTreeSet<String>,
    /// The names of apps and services in the file of the repository.
    #[serde(skip)]
    pub names: Vec<Name>,
    /// Where keys that name files are written, as `file:line`.
    #[serde(skip)]
    pub places: BTreeMap<&'static str, String>,
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
    /// `credentials`: whether containers get the user name and the password of the proxy too.
    pub credentials: Option<bool>,
}

/// `mail`, where it is on: `true`, or a map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `port`: where the mail is shown on this machine.
    pub port: Option<u16>,
}

/// `user`: the ids of the user `web`, as whom everything of an app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

impl User {
    /// `uid:gid`.
    pub fn spec(self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }
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

/// What is wrong with a settings file. Nothing of the file is repeated but keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file exists, but cannot be read.
    #[error("cannot read `{file}`: {source}")]
    Read {
        /// The file's name as it is shown.
        file: String,
        /// Why.
        source: bounded::Error,
    },
    /// The file is not YAML, or has an invalid key or value.
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

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Read {
                source: bounded::Error::Outside,
                ..
            } => Some("put a file there instead of the link".to_owned()),
            Error::Read { .. } => None,
            Error::Invalid { hint, .. } => hint.clone(),
        }
    }
}

impl Settings {
    /// The URL that stands for a service, where one does.
    pub fn external(&self, service: &str) -> Option<&str> {
        self.services.get(service)?.external.as_deref()
    }

    /// Reads settings from text; `file_name` is for error messages only.
    pub fn parse(text: &str, file_name: &str) -> Result<Settings, Error> {
        Settings::with_outline(text, file_name).map(|(settings, _)| settings)
    }

    fn with_outline(text: &str, file_name: &str) -> Result<(Settings, Outline), Error> {
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
        Ok((settings, outline))
    }
}

/// Reads the text for its places, and for mistakes that its meaning would not show, such as a test that is there twice.
fn outline(text: &str, file_name: &str) -> Result<Outline, Error> {
    Outline::of(text, Path::new(file_name)).map_err(|problem| explain_yaml(*problem, file_name))
}

/// The text of a repository's settings file, within bounds; `None` if there is no file.
pub fn read(repository: &Path) -> Result<Option<String>, Error> {
    match bounded::read_text_below(repository, Path::new(FILE_NAME), MEBIBYTE) {
        Ok(text) => Ok(Some(text)),
        Err(bounded::Error::Missing) => Ok(None),
        Err(source) => Err(Error::Read {
            file: FILE_NAME.to_owned(),
            source,
        }),
    }
}

/// The line, from 1, at which a user is written.
pub fn line_of_user(repository: &Path, name: &str) -> Option<usize> {
    let text = read(repository).ok()??;
    outline(&text, FILE_NAME).ok()?.line(&["users", name])
}

/// The users in settings that an older version may have written: all other keys are ignored.
pub fn users_of(text: &str, file_name: &str) -> Result<IndexMap<String, Grants>, Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Users {
        #[serde(deserialize_with = "users")]
        users: IndexMap<String, Grants>,
    }
    if text.len() as u64 > MEBIBYTE {
        return Err(Error::Read {
            file: file_name.to_owned(),
            source: bounded::Error::TooLarge(MEBIBYTE),
        });
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
            // Anything longer may be something that should not be shown.
            let looks_like_one = code.len() == 4 && written.starts_with('U');
            let named = if looks_like_one {
                format!("`{code}`")
            } else {
                "an entry".to_owned()
            };
            Err((
                format!("{named} in `check.ignore` is not the code of a problem"),
                hint,
            ))
        }
    }
}

#[cfg(test)]
mod tests;
