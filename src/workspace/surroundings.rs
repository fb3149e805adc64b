//! What a front end passes to a workspace about its process. Nothing below the front ends reads the process itself.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::project::Home;
use crate::roles::EnvironmentType;
use crate::settings::load::OwnFile;

/// The environment variables of the process.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Makes the variables from names and values.
    pub fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Variables(all.into_iter().collect())
    }

    /// The value of a variable; an empty value, and one that is not text, count as not set.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = self.raw(name)?.to_str()?;
        Some(value.to_owned())
    }

    /// The names of all that are text and not empty.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.to_str())
    }

    /// The value of a variable that may be any bytes, such as a path; an empty value counts as not set.
    pub fn raw(&self, name: &str) -> Option<&OsString> {
        self.0
            .get(&OsString::from(name))
            .filter(|value| !value.is_empty())
    }
}

/// What a workspace is opened with besides its repository.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Where state is kept.
    pub home: Home,
    /// The user's own settings.
    pub own_settings: OwnFile,
    /// The environment variables of the process.
    pub variables: Variables,
    /// The name of the environment, above what the settings say.
    pub environment: Option<String>,
    /// The type of the environment, above what the settings say.
    pub environment_type: Option<EnvironmentType>,
    /// Whether the engine is named elsewhere than in the settings.
    pub names_engine: bool,
}
