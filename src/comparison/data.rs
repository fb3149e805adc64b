//! What becomes of the data on mounts and in services.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/mounts.html>

use std::collections::BTreeSet;

use serde::Serialize;

use super::difference::{Difference, differences};
use crate::config::app::{App, Mount, MountSource};
use crate::config::{Config, Service};
use crate::suggestion::nearest;

/// What becomes of a mount's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is new, and there was none that its data could be meant to be of.
    New,
    /// It shows an empty directory, and data of before are no longer shown anywhere.
    LooksEmpty,
    /// Its data stay where they are, and no mount shows them any more.
    Hidden,
    /// Its data go with the app.
    Lost,
}

/// A mount whose data are not what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountChange {
    /// The worker, or `None` for the web container.
    pub worker: Option<String>,
    /// Its path, relative to the app's root.
    pub path: String,
    /// What becomes of its data.
    pub fate: Fate,
    /// The `source_path` that has the data of before, unless they are of another source.
    pub data_in: Option<String>,
}

/// A mount of one of an app's containers.
#[derive(Clone, Copy)]
struct Held<'a> {
    worker: Option<&'a str>,
    mount: &'a Mount,
}

/// The mounts of an app whose data outlive its containers; each directory once, workers share them.
fn held(app: &App) -> Vec<Held<'_>> {
    let web = app.mounts.iter().map(|mount| (None, mount));
    let workers = app.workers.iter().flat_map(|worker| {
        let mounts = worker.mounts.iter();
        mounts.map(|mount| (Some(worker.name.as_str()), mount))
    });
    let mut seen = BTreeSet::new();
    web.chain(workers)
        .filter(|(_, mount)| {
            matches!(
                mount.source,
                MountSource::Storage { .. } | MountSource::Service { .. }
            )
        })
        .filter(|(_, mount)| seen.insert((&mount.source, &mount.source_path, &mount.path)))
        .map(|(worker, mount)| Held { worker, mount })
        .collect()
}

/// Whether two mounts show some of the same files: the same directory, or one in the other.
fn share(one: &Mount, other: &Mount) -> bool {
    let is_in = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    one.source == other.source
        && (is_in(&one.source_path, &other.source_path)
            || is_in(&other.source_path, &one.source_path))
}

/// What becomes of the data of an app that keeps its name.
pub fn of_mounts(before: &App, now: &App) -> Vec<MountChange> {
    let (old, new) = (held(before), held(now));
    let shown = |one: &Held<'_>, others: &[Held<'_>]| {
        others.iter().any(|other| share(one.mount, other.mount))
    };
    let mut hidden: Vec<Held<'_>> = old
        .iter()
        .filter(|mount| !shown(mount, &new))
        .copied()
        .collect();
    let mut changes = Vec::new();
    for mount in new.iter().filter(|mount| !shown(mount, &old)) {
        let of_before = earlier(mount, &hidden).map(|at| hidden.remove(at));
        changes.push(MountChange {
            worker: mount.worker.map(str::to_owned),
            path: mount.mount.path.clone(),
            fate: if of_before.is_some() {
                Fate::LooksEmpty
            } else {
                Fate::New
            },
            data_in: of_before
                .filter(|before| before.mount.source == mount.mount.source)
                .map(|before| before.mount.source_path.clone()),
        });
    }
    changes.extend(hidden.into_iter().map(|mount| MountChange {
        worker: mount.worker.map(str::to_owned),
        path: mount.mount.path.clone(),
        fate: Fate::Hidden,
        data_in: Some(mount.mount.source_path.clone()),
    }));
    changes
}

/// Which of the mounts that are no longer shown a new one was: that of its path, the only one of its source, or the
/// one with the nearest name.
fn earlier(mount: &Held<'_>, hidden: &[Held<'_>]) -> Option<usize> {
    let at_path = |path: &str| hidden.iter().position(|other| other.mount.path == path);
    if let Some(at) = at_path(&mount.mount.path) {
        return Some(at);
    }
    let alike: Vec<&Held<'_>> = hidden
        .iter()
        .filter(|other| other.mount.source == mount.mount.source)
        .collect();
    match alike.as_slice() {
        [] => None,
        [only] => at_path(&only.mount.path),
        several => {
            let paths = several.iter().map(|other| other.mount.path.as_str());
            at_path(nearest(&mount.mount.path, paths)?)
        }
    }
}

/// The data of an app that is gone, or has another name, which is as good.
pub fn of_lost_mounts(app: &App) -> Vec<MountChange> {
    let own = held(app).into_iter().filter(
        |held| matches!(&held.mount.source, MountSource::Storage { app: owner } if *owner == app.name),
    );
    own.map(|held| MountChange {
        worker: held.worker.map(str::to_owned),
        path: held.mount.path.clone(),
        fate: Fate::Lost,
        data_in: None,
    })
    .collect()
}

/// What becomes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceFate {
    /// It is new.
    Added,
    /// It goes, with all that it holds.
    Removed,
    /// It becomes one of another kind, which cannot have its data.
    Replaced,
    /// It gets a higher version, and cannot go back.
    Upgraded,
    /// It would get a lower version, which Upsun does not do.
    Downgraded,
    /// It is configured otherwise.
    Changed,
}

/// A service that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceChange {
    /// Its name.
    pub service: String,
    /// What becomes of it.
    pub fate: ServiceFate,
    /// The type that it had.
    pub before: Option<String>,
    /// The type that it has.
    pub now: Option<String>,
    /// Whether data are lost by it.
    pub loses_data: bool,
    /// The keys that changed, relative to the service.
    pub keys: Vec<String>,
}

/// Services that hold nothing that anybody would miss: caches and what only answers.
const STATELESS: [&str; 7] = [
    "chrome-headless",
    "gotenberg",
    "memcached",
    "mercure",
    "redis",
    "valkey",
    "varnish",
];

/// The services that are not what they were, by name.
pub fn of_services(before: &Config, now: &Config) -> Vec<ServiceChange> {
    let of_before = before.services.values();
    let gone = of_before.filter(|service| !now.services.contains_key(&service.name));
    let mut changes: Vec<ServiceChange> = gone
        .map(|service| ServiceChange {
            service: service.name.clone(),
            fate: ServiceFate::Removed,
            before: Some(service.r#type.clone()),
            now: None,
            loses_data: has_data(service),
            keys: Vec::new(),
        })
        .collect();
    for service in now.services.values() {
        match before.services.get(&service.name) {
            None => changes.push(ServiceChange {
                service: service.name.clone(),
                fate: ServiceFate::Added,
                before: None,
                now: Some(service.r#type.clone()),
                loses_data: false,
                keys: Vec::new(),
            }),
            Some(earlier) => changes.extend(of_service(earlier, service)),
        }
    }
    changes
}

fn of_service(before: &Service, now: &Service) -> Option<ServiceChange> {
    let keys: Vec<String> = differences(&before.raw, &now.raw)
        .iter()
        .map(Difference::path)
        .collect();
    if keys.is_empty() {
        return None;
    }
    let (kind, version) = split(&before.r#type);
    let (new_kind, new_version) = split(&now.r#type);
    let fate = if family(kind) != family(new_kind) {
        ServiceFate::Replaced
    } else if version == new_version {
        ServiceFate::Changed
    } else if numbers(new_version) < numbers(version) {
        ServiceFate::Downgraded
    } else {
        ServiceFate::Upgraded
    };
    Some(ServiceChange {
        service: now.name.clone(),
        fate,
        before: Some(before.r#type.clone()),
        now: Some(now.r#type.clone()),
        loses_data: fate == ServiceFate::Replaced && has_data(before),
        keys,
    })
}

fn has_data(service: &Service) -> bool {
    !STATELESS.contains(&split(&service.r#type).0)
}

fn split(r#type: &str) -> (&str, &str) {
    r#type.split_once(':').unwrap_or((r#type, ""))
}

/// `mysql` is another name of `mariadb`.
fn family(kind: &str) -> &str {
    if kind == "mysql" { "mariadb" } else { kind }
}

/// A version as numbers, so that 10 is more than 9.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or_default())
        .collect()
}
