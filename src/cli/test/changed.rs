//! `--against`: the tests that a push can make fail, which are those of the apps that it changes.

use std::collections::BTreeSet;

use super::super::against::Which;
use super::super::context::Context;
use super::super::plan::Pushed;
use upsun_local::comparison::push::{Action, Push, TREE};
use upsun_local::config::Config;
use upsun_local::config::app::{App, MountSource};
use upsun_local::failure::Failure;
use upsun_local::relationships;
use upsun_local::settings::FILE_NAME;

/// Which apps are to be tested.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// All apps: the change may affect each of them.
    All,
    /// The apps of these names.
    Apps(BTreeSet<String>),
}

impl Changed {
    /// Compares what is at hand with a commit.
    pub(super) fn since(context: &Context, commit: &str) -> Result<Self, Failure> {
        let pushed = Pushed::of(context, Which::Named(commit))?;
        // The settings define the tests, users and variables, so each test may behave differently.
        if pushed.has_changed(FILE_NAME)? {
            return Ok(Changed::All);
        }
        Ok(Self::of(&pushed.push.changes, &pushed.here.config))
    }

    fn of(changes: &Push, config: &Config) -> Self {
        // `PLATFORM_ROUTES` of every app holds all routes.
        if !changes.routes.is_empty() {
            return Changed::All;
        }
        let changed = changes.apps.iter();
        let mut names: BTreeSet<String> = changed
            .filter(|app| app.action != Action::Nothing)
            // A comment in the configuration is nothing that a test could notice.
            .filter(|app| {
                !app.causes.iter().all(|cause| cause.path == TREE) || app.causes.is_empty()
            })
            .map(|app| app.app.clone())
            .collect();
        // An app that has a relationship to a changed app may behave differently.
        loop {
            let reached: Vec<String> = config
                .apps
                .values()
                .filter(|app| !names.contains(&app.name) && depends_on(app, &names, config))
                .map(|app| app.name.clone())
                .collect();
            if reached.is_empty() {
                return Changed::Apps(names);
            }
            names.extend(reached);
        }
    }

    /// Whether an app is to be tested.
    pub(super) fn has(&self, app: &App) -> bool {
        match self {
            Changed::All => true,
            Changed::Apps(names) => names.contains(&app.name),
        }
    }
}

/// Whether an app or a worker of it reaches one of these, or has a mount of theirs.
fn depends_on(app: &App, names: &BTreeSet<String>, config: &Config) -> bool {
    let is_reached = relationships::in_order(&[app], config)
        .iter()
        .any(|app| names.contains(&app.name));
    let of_workers = app.workers.iter().map(|worker| &worker.mounts);
    is_reached
        || std::iter::once(&app.mounts)
            .chain(of_workers)
            .flatten()
            .any(|mount| matches!(&mount.source, MountSource::Storage { app } if names.contains(app)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use upsun_local::comparison::push::push;
    use upsun_local::config;

    const CONFIG: &str = "\
applications:
  one: { type: 'nodejs:24', source: { root: one }, operations: { go: { commands: { start: run } } } }
  two: { type: 'nodejs:24', source: { root: two }, relationships: { api: { service: one, endpoint: http } } }
  three:
    type: nodejs:24
    source: { root: three }
    workers: { queue: { commands: { start: w }, mounts: { /x: { source: storage, service: two } } } }
  four: { type: 'nodejs:24', source: { root: four }, relationships: { db: null } }
services:
  db: { type: 'postgresql:18' }
routes:
  'https://{default}/': { type: upstream, upstream: 'one:http' }
";

    fn config(text: &str) -> Config {
        let (loaded, _) = config::resolve_text(text.as_bytes());
        loaded
            .config
            .unwrap_or_else(|| panic!("{:#?}", loaded.problems))
    }

    /// What is tested when this in the configuration becomes that, and the files below these directories differ.
    fn changed(this: &str, that: &str, directories: &[&str]) -> Changed {
        assert!(CONFIG.contains(this));
        let (before, now) = (config(CONFIG), config(&CONFIG.replace(this, that)));
        let files = |_: &App, now: &App| {
            let is_changed = directories.contains(&now.source_root.as_str());
            let files = is_changed.then(|| "file".to_owned());
            Ok::<_, Infallible>(files.into_iter().collect())
        };
        let Ok(changes) = push(&before, &now, files);
        Changed::of(&changes, &now)
    }

    fn apps(names: &[&str]) -> Changed {
        Changed::Apps(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn an_app_is_tested_when_it_changes_or_what_it_depends_on() {
        assert_eq!(changed("", "", &[]), apps(&[]));
        assert_eq!(changed("", "", &["four"]), apps(&["four"]));
        assert_eq!(changed("", "", &["three"]), apps(&["three"]));
        assert_eq!(changed("", "", &["two"]), apps(&["two", "three"]));
        assert_eq!(changed("", "", &["one"]), apps(&["one", "two", "three"]));
        assert_eq!(
            changed("start: run", "start: walk", &[]),
            apps(&["one", "two", "three"])
        );
        assert_eq!(
            changed("postgresql:18", "postgresql:17", &[]),
            apps(&["four"])
        );
        assert_eq!(changed("{default}", "www.{default}", &[]), Changed::All);
    }
}
