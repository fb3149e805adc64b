//! What a push does: which apps are built again, which are only deployed again, and why.

use serde::Serialize;
use serde_json::{Map, Value};

use super::difference::{Change, Difference, Entry, differences, entries};
use super::mounts::{MountChange, of_lost_mounts, of_mounts};
use super::services::{ServiceChange, of_services};
use super::{Pair, pairs};
use crate::config::Config;
use crate::config::app::{App, MountSource, Operation};
use crate::routes;
use crate::variables::build_relevant_part;

/// What a push does to an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Push {
    /// Every app: those there are now, in their order, then those that go.
    pub apps: Vec<AppPush>,
    pub services: Vec<ServiceChange>,
    /// The routes that change.
    pub routes: Vec<Entry>,
}

/// What becomes of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The app is new: it is built and deployed.
    Add,
    /// The app is built and deployed again.
    Rebuild,
    /// The build is reused, in new containers.
    Redeploy,
    /// The build and the containers are reused.
    Nothing,
    /// The app is removed.
    Remove,
}

/// What a push does to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppPush {
    pub app: String,
    /// The name it had, when only that seems to have changed.
    pub renamed_from: Option<String>,
    /// What becomes of it.
    pub action: Action,
    /// Why.
    pub causes: Vec<Cause>,
    /// The hooks that run, in order.
    pub hooks: Vec<&'static str>,
    /// The operations of its web container and its workers that differ.
    pub operations: Vec<OperationChange>,
    /// The workers that come, go, or differ.
    pub workers: Vec<Entry>,
    /// The crons that come, go, or differ.
    pub crons: Vec<Entry>,
    /// The mounts whose data are not what they were.
    pub mounts: Vec<MountChange>,
}

/// Why an app is built or deployed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What it leads to.
    pub leads_to: Action,
    /// The key of the app that differs; `source` for its files, `services.<name>` for a service that it reaches,
    /// `routes` for the routes that each app gets in `PLATFORM_ROUTES`.
    pub path: String,
    /// How it differs.
    pub change: Change,
    /// The files that differ, when it is the source.
    pub files: Vec<String>,
}

/// An operation that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationChange {
    /// The worker, or `None` for the web container.
    pub worker: Option<String>,
    pub name: String,
    /// How it differs.
    pub change: Change,
    /// The role it asked for.
    pub role_before: Option<String>,
    /// The role it asks for.
    pub role: Option<String>,
    /// The keys that differ, when it was there before.
    pub keys: Vec<&'static str>,
}

/// Says what a push does. `files` tells which files differ between the directories of an app before and now.
pub fn push<E>(
    before: &Config,
    now: &Config,
    mut files: impl FnMut(&App, &App) -> Result<Vec<String>, E>,
) -> Result<Push, E> {
    let services = of_services(before, now);
    let told = |config: &Config| routes::resolve(config, "project", 80).payload();
    let shared = Shared {
        now,
        services: &services,
        are_routes_other: told(before) != told(now),
    };
    let mut apps = Vec::new();
    let mut gone = Vec::new();
    for pair in pairs(before, now) {
        match pair {
            Pair {
                before: Some(old),
                now: Some(new),
            } if pair.renamed_from().is_none() => {
                apps.push(kept(old, new, files(old, new)?, &shared));
            }
            Pair { before, now } => {
                let renamed_from = pair.renamed_from().map(str::to_owned);
                apps.extend(now.map(|app| added(app, renamed_from)));
                gone.extend(before.map(removed));
            }
        }
    }
    apps.extend(gone);
    let routes = |config: &Config| {
        let routes = config.routes.iter();
        Value::Object(
            routes
                .map(|(url, route)| (url.clone(), route.clone()))
                .collect(),
        )
    };
    Ok(Push {
        apps,
        services,
        routes: entries(Some(&routes(before)), Some(&routes(now))),
    })
}

/// What is not an app's own and may change it all the same.
struct Shared<'a> {
    now: &'a Config,
    services: &'a [ServiceChange],
    /// Whether `PLATFORM_ROUTES`, which every app has, says something else.
    are_routes_other: bool,
}

impl Shared<'_> {
    /// The app or service that goes, and with it what mounts of this source held.
    fn deleted(&self, source: &MountSource) -> Option<String> {
        match source {
            MountSource::Storage { app } => (!self.now.apps.contains_key(app)).then(|| app.clone()),
            MountSource::Service { service } => self
                .services
                .iter()
                .find(|change| change.service == *service && change.loses_data)
                .map(|change| change.service.clone()),
            MountSource::Instance | MountSource::Temporary => None,
        }
    }
}

/// The variable that holds the id of an app's tree, which changes with every file in the tree.
pub const TREE: &str = "PLATFORM_TREE_ID";

impl Push {
    /// Adds the consequences of a changed configuration file, even if only a comment changed: an app at the
    /// repository's top has that file in its tree, and its containers have the tree's id in a variable.
    #[must_use]
    pub fn with_other_configuration_files(mut self, now: &Config) -> Self {
        for push in &mut self.apps {
            let app = now.apps.get(&push.app);
            let app = app.filter(|app| app.source_root.is_empty());
            if let Some(app) = app.filter(|_| push.action == Action::Nothing) {
                push.action = Action::Redeploy;
                push.hooks = hooks(app, Action::Redeploy);
                push.causes.push(Cause {
                    leads_to: Action::Redeploy,
                    path: TREE.to_owned(),
                    change: Change::Changed,
                    files: Vec::new(),
                });
            }
        }
        self
    }

    /// Whether it leaves everything as it is.
    pub fn is_nothing(&self) -> bool {
        self.services.is_empty()
            && self.routes.is_empty()
            && self.apps.iter().all(|app| app.action == Action::Nothing)
    }
}

fn added(app: &App, renamed_from: Option<String>) -> AppPush {
    AppPush {
        app: app.name.clone(),
        renamed_from,
        action: Action::Add,
        causes: Vec::new(),
        hooks: hooks(app, Action::Add),
        operations: operations(None, Some(app)),
        workers: entries(None, app.raw.get("workers")),
        crons: entries(None, app.raw.get("crons")),
        mounts: Vec::new(),
    }
}

fn removed(app: &App) -> AppPush {
    AppPush {
        app: app.name.clone(),
        renamed_from: None,
        action: Action::Remove,
        causes: Vec::new(),
        hooks: Vec::new(),
        operations: operations(Some(app), None),
        workers: entries(app.raw.get("workers"), None),
        crons: entries(app.raw.get("crons"), None),
        mounts: of_lost_mounts(app),
    }
}

fn kept(before: &App, now: &App, files: Vec<String>, shared: &Shared<'_>) -> AppPush {
    let mut causes = Vec::new();
    if !files.is_empty() {
        causes.push(Cause {
            leads_to: Action::Rebuild,
            path: "source".to_owned(),
            change: Change::Changed,
            files,
        });
    }
    causes.extend(
        one_of_each_mount(differences(&before.raw, &now.raw))
            .into_iter()
            .map(|difference| because(&difference, before, now)),
    );
    causes.extend(
        shared
            .services
            .iter()
            .filter(|service| reaches(now, &service.service))
            .flat_map(of_service),
    );
    causes.extend(shared.are_routes_other.then(|| Cause {
        leads_to: Action::Redeploy,
        path: "routes".to_owned(),
        change: Change::Changed,
        files: Vec::new(),
    }));
    let action = causes
        .iter()
        .map(|cause| cause.leads_to)
        .min_by_key(|action| *action != Action::Rebuild)
        .unwrap_or(Action::Nothing);
    let raw = |key: &str| entries(before.raw.get(key), now.raw.get(key));
    AppPush {
        app: now.name.clone(),
        renamed_from: None,
        hooks: hooks(now, action),
        operations: operations(Some(before), Some(now)),
        workers: raw("workers"),
        crons: raw("crons"),
        mounts: of_mounts(before, now, |source| shared.deleted(source)),
        action,
        causes,
    }
}

/// A mount's key may have a slash in front or none: one that is spelled otherwise neither comes nor goes.
fn one_of_each_mount(mut differences: Vec<Difference>) -> Vec<Difference> {
    let mount = |difference: &Difference| match difference.keys.as_slice() {
        [mounts, path] if mounts == "mounts" => Some((None, path.trim_matches('/').to_owned())),
        [workers, worker, mounts, path] if workers == "workers" && mounts == "mounts" => {
            Some((Some(worker.clone()), path.trim_matches('/').to_owned()))
        }
        _ => None,
    };
    let gone: Vec<_> = differences
        .iter()
        .filter(|difference| difference.change == Change::Removed)
        .filter_map(mount)
        .collect();
    let mut respelled = Vec::new();
    for difference in &mut differences {
        if difference.change == Change::Added
            && let Some(mount) = mount(difference).filter(|mount| gone.contains(mount))
        {
            difference.change = Change::Changed;
            respelled.push(mount);
        }
    }
    differences.retain(|difference| {
        let is_gone = difference.change == Change::Removed;
        !is_gone || mount(difference).is_none_or(|mount| !respelled.contains(&mount))
    });
    differences
}

fn because(difference: &Difference, before: &App, now: &App) -> Cause {
    let builds = [&before.raw, &now.raw]
        .into_iter()
        .filter_map(|raw| difference.alone(raw))
        .any(|alone| build_relevant_part(alone) != Value::Object(Map::new()));
    Cause {
        leads_to: if builds {
            Action::Rebuild
        } else {
            Action::Redeploy
        },
        path: difference.path(),
        change: difference.change,
        files: Vec::new(),
    }
}

/// Whether a relationship of one of its containers leads to a service.
fn reaches(app: &App, service: &str) -> bool {
    let workers = app.workers.iter().map(|worker| &worker.relationships);
    std::iter::once(&app.relationships)
        .chain(workers)
        .flatten()
        .any(|relationship| relationship.service == service)
}

/// What a relationship says changes with the service that it leads to.
fn of_service(service: &ServiceChange) -> Vec<Cause> {
    let cause = |path, change| Cause {
        leads_to: Action::Redeploy,
        path,
        change,
        files: Vec::new(),
    };
    let name = &service.service;
    match (&service.before, &service.now) {
        (None, _) => vec![cause(format!("services.{name}"), Change::Added)],
        (_, None) => vec![cause(format!("services.{name}"), Change::Removed)],
        _ => service
            .keys
            .iter()
            .map(|key| cause(format!("services.{name}.{key}"), Change::Changed))
            .collect(),
    }
}

/// The hooks that run. Without a change, only the last does.
/// Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html>
fn hooks(app: &App, action: Action) -> Vec<&'static str> {
    let is_there = |script: &Option<String>| {
        script
            .as_ref()
            .is_some_and(|script| !script.trim().is_empty())
    };
    let builds = matches!(action, Action::Add | Action::Rebuild);
    let deploys = builds || action == Action::Redeploy;
    [
        ("build", builds && is_there(&app.hooks.build)),
        ("deploy", deploys && is_there(&app.hooks.deploy)),
        (
            "post_deploy",
            action != Action::Remove && is_there(&app.hooks.post_deploy),
        ),
    ]
    .into_iter()
    .filter(|(_, runs)| *runs)
    .map(|(name, _)| name)
    .collect()
}

/// All operations of an app, each with its worker.
fn all_operations(app: Option<&App>) -> Vec<(Option<&str>, &Operation)> {
    let Some(app) = app else {
        return Vec::new();
    };
    let own = app.operations.iter().map(|operation| (None, operation));
    let workers = app.workers.iter().flat_map(|worker| {
        let operations = worker.operations.iter();
        operations.map(|operation| (Some(worker.name.as_str()), operation))
    });
    own.chain(workers).collect()
}

fn operations(before: Option<&App>, now: Option<&App>) -> Vec<OperationChange> {
    let (old, new) = (all_operations(before), all_operations(now));
    let find = |all: &[(Option<&str>, &Operation)], worker: Option<&str>, name: &str| {
        all.iter()
            .position(|(other, operation)| *other == worker && operation.name == name)
    };
    let mut changes = Vec::new();
    for (worker, operation) in &new {
        let earlier = find(&old, *worker, &operation.name).map(|at| old[at].1);
        let keys = earlier.map(|earlier| keys(earlier, operation));
        if keys.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        changes.push(OperationChange {
            worker: worker.map(str::to_owned),
            name: operation.name.clone(),
            change: if earlier.is_some() {
                Change::Changed
            } else {
                Change::Added
            },
            role_before: earlier.map(|earlier| earlier.role.to_string()),
            role: Some(operation.role.to_string()),
            keys: keys.unwrap_or_default(),
        });
    }
    let gone = old
        .iter()
        .filter(|(worker, operation)| find(&new, *worker, &operation.name).is_none());
    changes.extend(gone.map(|(worker, operation)| OperationChange {
        worker: worker.map(str::to_owned),
        name: operation.name.clone(),
        change: Change::Removed,
        role_before: Some(operation.role.to_string()),
        role: None,
        keys: Vec::new(),
    }));
    changes
}

fn keys(before: &Operation, now: &Operation) -> Vec<&'static str> {
    [
        ("role", before.role != now.role),
        ("commands.start", before.start != now.start),
        ("commands.stop", before.stop != now.stop),
        ("timeout", before.timeout != now.timeout),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(key, _)| key)
    .collect()
}
