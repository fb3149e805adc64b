//! What becomes of services and of what they hold.

use serde::Serialize;

use super::difference::{Difference, differences};
use crate::config::{Config, Service};
use crate::services;

/// What becomes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceFate {
    /// The service is new.
    Added,
    /// The service is deleted with its data.
    Removed,
    /// The service gets another type, which cannot use its data.
    Replaced,
    /// The service gets a higher version, and cannot go back.
    Upgraded,
    /// The service would get a lower version, which Upsun refuses.
    Downgraded,
    /// The configuration of the service changes.
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
    /// The name of the service that goes, when only the name seems to have changed.
    pub renamed_from: Option<String>,
}

/// The services that are not what they were, by name.
pub(crate) fn of_services(before: &Config, now: &Config) -> Vec<ServiceChange> {
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
            renamed_from: None,
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
                renamed_from: renamed_from(service, before, now),
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
        renamed_from: None,
    })
}

/// Which of the services that are gone a new one was, when one of each says the same.
fn renamed_from(service: &Service, before: &Config, now: &Config) -> Option<String> {
    let is_alike = |other: &&Service| other.raw == service.raw;
    let gone = before.services.values();
    let mut gone = gone.filter(|other| !now.services.contains_key(&other.name));
    let new = now.services.values();
    let new = new.filter(|other| !before.services.contains_key(&other.name));
    let earlier = gone.find(is_alike)?;
    let is_only = !gone.any(|other| is_alike(&other)) && new.filter(is_alike).count() == 1;
    is_only.then(|| earlier.name.clone())
}

fn has_data(service: &Service) -> bool {
    keeps_data(&service.r#type)
}

/// Whether services of a type hold what somebody would miss.
pub fn keeps_data(r#type: &str) -> bool {
    services::find(split(r#type).0).is_none_or(|known| known.keeps_data)
}

fn split(r#type: &str) -> (&str, &str) {
    r#type.split_once(':').unwrap_or((r#type, ""))
}

/// What a type is called whatever its name: `mysql` is another name of `mariadb`.
fn family(kind: &str) -> &str {
    let same_as = services::find(kind).and_then(|known| known.same_as);
    same_as.unwrap_or(kind)
}

/// A version as numbers, so that 10 is more than 9.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or_default())
        .collect()
}
