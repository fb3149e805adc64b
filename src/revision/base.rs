//! The commit that a configuration is compared with.

use std::path::Path;
use std::rc::Rc;

use super::Revision;
use crate::config::{self, Config, Loaded};
use crate::revision;

/// What it is compared with.
#[derive(Debug)]
pub struct Base {
    /// The commit; none before the first one.
    pub revision: Option<Rc<Revision>>,
    /// The configuration of the commit: empty if there was none yet.
    pub config: Config,
    /// Whether there was any.
    pub is_configured: bool,
    /// Whether it was taken for what is deployed because nothing is known of a push.
    pub is_assumed: bool,
}

impl Base {
    /// The name of the commit, with its id where the name is not it.
    pub fn title(&self) -> String {
        match &self.revision {
            Some(revision) if revision.commit.starts_with(&revision.name) => {
                format!("`{}`", revision.short())
            }
            Some(revision) => format!("`{}` ({})", revision.name, revision.short()),
            None => "nothing: there is no commit yet".to_owned(),
        }
    }

    /// Name and id for programs; `null` before the first commit.
    pub fn json(&self) -> serde_json::Value {
        self.revision.as_ref().map_or_else(
            || serde_json::Value::Null,
            |revision| {
                serde_json::json!({
                    "ref": revision.name,
                    "commit": revision.commit,
                    "configured": self.is_configured,
                    "assumed": self.is_assumed,
                })
            },
        )
    }
}

/// Which commit to compare with.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one of this name.
    Named(&'a str),
    /// The one that was pushed last, as far as Git knows: that of `@{push}`, of `@{upstream}`, the branch on the
    /// remote or the remote's main one, or else `HEAD`.
    Pushed,
}

/// A commit and what was read of it; nothing where it has no configuration.
#[derive(Debug)]
pub struct Opened {
    revision: Option<Rc<Revision>>,
    loaded: Option<Loaded>,
    is_assumed: bool,
}

/// What was pushed last.
fn pushed(root: &Path) -> Result<Option<Revision>, revision::Error> {
    let named = |name: &str| Revision::open(root, name).map(Some);
    let candidates: [&dyn Fn() -> Result<Option<Revision>, revision::Error>; 4] = [
        &|| named("@{push}"),
        &|| named("@{upstream}"),
        &|| revision::of_remote(root),
        &|| named("HEAD"),
    ];
    for candidate in candidates {
        match candidate() {
            Ok(None) | Err(revision::Error::Unknown { .. }) => {}
            found => return found,
        }
    }
    Ok(None)
}

/// Reads a commit.
pub fn open(root: &Path, which: Which<'_>) -> Result<Opened, revision::Error> {
    let revision = match which {
        Which::Named(name) => Some(Revision::named(root, name)?),
        Which::Pushed => pushed(root)?,
    };
    let is_head = |revision: &Revision| revision.name == "HEAD";
    let is_assumed = matches!(which, Which::Pushed) && revision.as_ref().is_some_and(is_head);
    let Some(revision) = revision.map(Rc::new) else {
        return Ok(Opened {
            revision: None,
            loaded: None,
            is_assumed,
        });
    };
    let loaded = if revision.is_configured()? {
        Some(config::load_files(revision.clone()))
    } else {
        None
    };
    Ok(Opened {
        revision: Some(revision),
        loaded,
        is_assumed,
    })
}

impl Opened {
    /// The name of the commit; empty before the first one.
    pub fn name(&self) -> String {
        let revision = self.revision.as_ref();
        revision.map_or_else(String::new, |revision| revision.name.clone())
    }

    /// What to compare with. A configuration with errors is what was read, with its places named at the commit.
    pub fn base(self) -> Result<Base, Box<Loaded>> {
        let name = self.name();
        let Opened {
            revision,
            loaded,
            is_assumed,
        } = self;
        let is_configured = loaded.is_some();
        let mut loaded = loaded.unwrap_or_else(|| Loaded {
            config: Some(Config::default()),
            ..Loaded::default()
        });
        match loaded.config.take() {
            Some(config) => Ok(Base {
                revision,
                config,
                is_configured,
                is_assumed,
            }),
            None => Err(Box::new(loaded.named_at(&name))),
        }
    }
}
