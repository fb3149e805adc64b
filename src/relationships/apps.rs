//! Which apps reach which other apps over HTTP, directly or through a service that has relationships itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::wanted_apps;
use crate::config::Config;
use crate::config::app::{App, Relationship};

/// Whether any app, worker or service has a relationship to this app.
pub fn is_reached(app: &str, config: &Config) -> bool {
    let by_apps = config
        .apps
        .values()
        .any(|other| wanted_apps(other, config).contains(app));
    by_apps
        || config
            .services
            .keys()
            .any(|service| of_service(service, config).contains(app))
}

/// The apps that a container with these relationships reaches, each after those that it reaches itself.
pub fn reached<'a>(relationships: &[Relationship], config: &'a Config) -> Vec<&'a App> {
    let mut walk = Walk {
        config,
        whole: &|_| false,
        seen: BTreeSet::new(),
        order: Vec::new(),
    };
    for target in targets(relationships, config) {
        walk.visit(&target);
    }
    walk.order
}

/// These apps and all apps that they and their workers reach, each after the apps that it reaches itself.
pub fn in_order<'a>(wanted: &[&'a App], config: &'a Config) -> Vec<&'a App> {
    let is_wanted = |name: &str| wanted.iter().any(|app| app.name == name);
    let mut walk = Walk {
        config,
        whole: &is_wanted,
        seen: BTreeSet::new(),
        order: Vec::new(),
    };
    for app in wanted {
        walk.visit(&app.name);
    }
    walk.order
}

struct Walk<'a, 'b> {
    config: &'a Config,
    /// Whether an app's workers are wanted too.
    whole: &'b dyn Fn(&str) -> bool,
    seen: BTreeSet<String>,
    order: Vec<&'a App>,
}

impl Walk<'_, '_> {
    fn visit(&mut self, name: &str) {
        let Some(app) = self.config.apps.get(name) else {
            return;
        };
        // A circle is an error of the configuration; without this, it would be an endless walk here.
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        let mut next = targets(&app.relationships, self.config);
        if (self.whole)(name) {
            for worker in &app.workers {
                next.extend(targets(&worker.relationships, self.config));
            }
        }
        for target in next {
            self.visit(&target);
        }
        self.order.push(app);
    }
}

/// The names of the apps behind relationships.
fn targets(relationships: &[Relationship], config: &Config) -> BTreeSet<String> {
    relationships
        .iter()
        .flat_map(|relationship| {
            let target = &relationship.service;
            if config.services.contains_key(target) {
                of_service(target, config)
            } else {
                BTreeSet::from([target.clone()])
            }
        })
        .collect()
}

/// The apps that a service has relationships to, as Varnish does.
fn of_service(name: &str, config: &Config) -> BTreeSet<String> {
    let relationships = config
        .services
        .get(name)
        .and_then(|service| service.raw.get("relationships"))
        .and_then(Value::as_object);
    relationships
        .into_iter()
        .flatten()
        .filter_map(|(name, target)| match target {
            Value::Null => Some(name.as_str()),
            Value::String(text) => text.split(':').next(),
            target => target.get("service").and_then(Value::as_str),
        })
        .filter(|target| config.apps.contains_key(*target))
        .map(str::to_owned)
        .collect()
}
