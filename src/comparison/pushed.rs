//! What a push does to what a commit deployed: the files at hand are what is pushed, as if all of them were committed.

use serde_json::{Value, json};

use super::push::{Push, push};
use crate::config::Config;
use crate::revision::base::Base;
use crate::revision::{Comparison, Error};
use crate::source::Tree;

/// What a push does.
#[derive(Debug)]
pub struct Pushed {
    /// What becomes of what is deployed.
    pub changes: Push,
    /// Files of the working tree that are not committed, or that differ from the commit.
    pub uncommitted: Vec<String>,
}

impl Pushed {
    /// Compares the configuration and the files at hand with a commit.
    pub fn of(base: &Base, config: &Config, tree: &Tree) -> Result<Self, Error> {
        let comparison = comparison(base, tree)?;
        let mut changes: Push = push(&base.config, config, |before, now| {
            comparison.as_ref().map_or_else(
                || Ok(Vec::new()),
                |comparison| comparison.changed(&before.source_root, &now.source_root),
            )
        })?;
        let mut uncommitted = Vec::new();
        if let Some(comparison) = &comparison {
            uncommitted = comparison.uncommitted()?;
            if !comparison.has_same_configuration()? {
                changes = changes.with_other_configuration_files(config);
            }
        }
        Ok(Pushed {
            changes,
            uncommitted,
        })
    }

    /// The plan for programs.
    pub fn json(&self, base: &Base) -> Value {
        json!({
            "against": base.json(),
            "uncommitted": self.uncommitted,
            "apps": self.changes.apps,
            "services": self.changes.services,
            "routes": self.changes.routes,
        })
    }
}

/// The files at hand and those of the commit; `None` before the first commit.
pub fn comparison<'a>(base: &'a Base, tree: &'a Tree) -> Result<Option<Comparison<'a>>, Error> {
    let revision = base.revision.as_deref();
    revision
        .map(|revision| Comparison::new(revision, tree))
        .transpose()
}
