//! The names of apps and services in the settings of a repository. Those of the user's own file are about other
//! repositories too, so a name there need not be one of this repository.

use super::{FILE_NAME, Settings};
use crate::config::Config;
use crate::config::outline::Outline;
use crate::suggestion::{nearest, quoted_list};

/// What a name is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    App,
    Service,
}

/// Where the settings of a repository name something of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    kind: Kind,
    text: String,
    line: Option<usize>,
}

/// A name that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub message: String,
    pub hint: String,
}

impl Kind {
    /// The keys whose entries are such names, each below the one before it.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::App => &["dev", "apps"],
            Kind::Service => &["services"],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::App => "app",
            Kind::Service => "service",
        }
    }

    fn known(self, config: &Config) -> Vec<&str> {
        match self {
            Kind::App => config.apps.keys().map(String::as_str).collect(),
            Kind::Service => config.services.keys().map(String::as_str).collect(),
        }
    }
}

/// The names in the file of a repository.
pub(super) fn of(settings: &Settings, outline: &Outline) -> Vec<Name> {
    let apps = settings.dev.apps.keys().map(|name| (Kind::App, name));
    let services = settings.services.keys().map(|name| (Kind::Service, name));
    let named = |(kind, text): (Kind, &String)| Name {
        kind,
        text: text.clone(),
        line: outline.line(&[kind.keys(), &[text.as_str()]].concat()),
    };
    apps.chain(services).map(named).collect()
}

impl Settings {
    /// The names of apps and services that a configuration does not have.
    pub fn unknown_names(&self, config: &Config) -> Vec<Unknown> {
        let unknown = |name: &Name| {
            let Name { kind, text, line } = name;
            let (known, what) = (kind.known(config), kind.word());
            if known.contains(&text.as_str()) {
                return None;
            }
            let hint = match (nearest(text, known.iter().copied()), known.as_slice()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => format!("the configuration has no {what}s"),
                (None, known) => format!("there are: {}", quoted_list(known.iter().copied())),
            };
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            let key = kind.keys().join(".");
            Some(Unknown {
                message: format!(
                    "{FILE_NAME}{line}: `{key}` names `{text}`: there is no such {what}"
                ),
                hint,
            })
        };
        self.names.iter().filter_map(unknown).collect()
    }
}
