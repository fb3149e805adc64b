//! The names of apps and services in the settings of a repository. Those of the user's own file are about other
//! repositories too, so a name there need not be one of this repository.

use super::{FILE_NAME, Settings};
use crate::config::Config;
use crate::config::outline::Outline;
use crate::suggestion::{nearest, quoted_list};

/// Where the settings of a repository name something of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The key whose entries are names: `dev.apps` or `services`.
    key: &'static str,
    name: String,
    line: Option<usize>,
}

/// A name that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub message: String,
    pub hint: String,
}

const APPS: &str = "dev.apps";
const SERVICES: &str = "services";

/// The names in the file of a repository.
pub(super) fn of(settings: &Settings, outline: &Outline) -> Vec<Name> {
    let apps = settings.dev.apps.keys().map(|name| (APPS, name));
    let services = settings.services.keys().map(|name| (SERVICES, name));
    let all = apps.chain(services);
    all.map(|(key, name)| {
        let mut keys: Vec<&str> = key.split('.').collect();
        keys.push(name);
        Name {
            key,
            name: name.clone(),
            line: outline.line(&keys),
        }
    })
    .collect()
}

impl Settings {
    /// The names of apps and services that a configuration does not have.
    pub fn unknown_names(&self, config: &Config) -> Vec<Unknown> {
        let unknown = |name: &Name| {
            let (what, known): (&str, Vec<&str>) = match name.key {
                APPS => ("app", config.apps.keys().map(String::as_str).collect()),
                _ => {
                    let known = config.services.keys().map(String::as_str);
                    ("service", known.collect())
                }
            };
            if known.contains(&name.name.as_str()) {
                return None;
            }
            let line = name.line.map(|line| format!(":{line}")).unwrap_or_default();
            let Name { key, name, .. } = name;
            let hint = match (nearest(name, known.iter().copied()), known.as_slice()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => format!("the configuration has no {what}s"),
                (None, known) => format!("there are: {}", quoted_list(known.iter().copied())),
            };
            Some(Unknown {
                message: format!(
                    "{FILE_NAME}{line}: `{key}` names `{name}`: there is no such {what}"
                ),
                hint,
            })
        };
        self.names.iter().filter_map(unknown).collect()
    }
}
