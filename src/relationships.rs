//! What an app finds of the services and apps that it has relationships to: the payloads of
//! `PLATFORM_RELATIONSHIPS`, the variables made from them, and the names by which its container reaches
//! theirs. Pure.
//!
//! <https://docs.upsun.com/create-apps/image-properties/relationships.html>

mod apps;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

pub use self::apps::{in_order, is_reached, reached};
use crate::config::Config;
use crate::config::app::{App, Image, Relationship};
use crate::engine::spec::Link;
use crate::project::Project;
use crate::services::{self, ServicePlan};
use crate::suggestion::{nearest, quoted_list};

/// The only endpoint of an app.
const APP_ENDPOINT: &str = "http";

/// What relationships may lead to.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub project: &'a Project,
    /// The environment's name.
    pub environment: &'a str,
    /// The services that are planned, by name.
    pub services: &'a BTreeMap<String, ServicePlan>,
    /// All apps of the configuration.
    pub apps: &'a IndexMap<String, App>,
}

/// Why a relationship leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such service or app.
    #[error(
        "the relationship `{relationship}` leads to `{service}`, which is neither a service nor an app"
    )]
    UnknownTarget {
        /// The relationship's name.
        relationship: String,
        /// Where it leads.
        service: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The service or app has no such endpoint.
    #[error(
        "the relationship `{relationship}` asks for the endpoint `{endpoint}`, which `{service}` does not have"
    )]
    UnknownEndpoint {
        /// The relationship's name.
        relationship: String,
        /// Where it leads.
        service: String,
        endpoint: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Apps have no default endpoint.
    #[error(
        "the relationship `{relationship}` leads to the app `{service}` without naming an endpoint"
    )]
    AppWithoutEndpoint {
        /// The relationship's name.
        relationship: String,
        /// The app.
        service: String,
    },
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownTarget {
                service: wanted,
                known,
                ..
            }
            | Error::UnknownEndpoint {
                endpoint: wanted,
                known,
                ..
            } => {
                let known = || known.iter().map(String::as_str);
                Some(match nearest(wanted, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is {}", quoted_list(known())),
                })
            }
            Error::AppWithoutEndpoint {
                relationship,
                service,
            } => Some(format!(
                "write `{relationship}: {{service: {service}, endpoint: {APP_ENDPOINT}}}`"
            )),
        }
    }
}

/// The names of the services that an app and its workers have relationships to.
pub fn wanted(app: &App, config: &Config) -> BTreeSet<String> {
    app.workers
        .iter()
        .map(|worker| &worker.relationships)
        .chain([&app.relationships])
        .flatten()
        .map(|relationship| &relationship.service)
        .filter(|service| config.services.contains_key(*service))
        .cloned()
        .collect()
}

/// The names of the apps that an app and its workers have relationships to.
pub(crate) fn wanted_apps(app: &App, config: &Config) -> BTreeSet<String> {
    app.workers
        .iter()
        .map(|worker| &worker.relationships)
        .chain([&app.relationships])
        .flatten()
        .map(|relationship| &relationship.service)
        .filter(|target| !config.services.contains_key(*target))
        .filter(|target| config.apps.contains_key(*target))
        .cloned()
        .collect()
}

/// What `PLATFORM_RELATIONSHIPS` holds: `{relationship: [payload]}`. **Assumption**: a relationship to a
/// service that is nothing to connect to (`network-storage`) is not in there.
pub fn payloads(
    relationships: &[Relationship],
    surroundings: &Surroundings<'_>,
) -> Result<Value, Error> {
    let mut all = Map::new();
    for relationship in relationships {
        let Some(mut payload) = payload(relationship, surroundings)? else {
            continue;
        };
        if payload["host"].is_null() {
            payload["host"] = json!(host(&relationship.name));
        }
        all.insert(relationship.name.clone(), json!([payload]));
    }
    Ok(Value::Object(all))
}

fn payload(
    relationship: &Relationship,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Value>, Error> {
    let Relationship {
        name,
        service: target,
        endpoint,
        ..
    } = relationship;
    let unknown = |endpoint: &str, known: Vec<String>| Error::UnknownEndpoint {
        relationship: name.clone(),
        service: target.clone(),
        endpoint: endpoint.to_owned(),
        known,
    };
    if let Some(service) = surroundings.services.get(target) {
        let Some(default) = service.endpoints.first() else {
            return Ok(None);
        };
        let Some(endpoint) = endpoint else {
            return Ok(Some(default.payload.clone()));
        };
        if service.external {
            let mut payload = default.payload.clone();
            payload["rel"] = json!(endpoint);
            return Ok(Some(payload));
        }
        let found = service
            .endpoints
            .iter()
            .find(|known| known.name == *endpoint);
        let found = found.ok_or_else(|| {
            let known = service.endpoints.iter().map(|known| known.name.clone());
            unknown(endpoint, known.collect())
        });
        return found.map(|found| Some(found.payload.clone()));
    }
    let Some(app) = surroundings.apps.get(target) else {
        let known = surroundings.services.keys().chain(surroundings.apps.keys());
        return Err(Error::UnknownTarget {
            relationship: name.clone(),
            service: target.clone(),
            known: known.cloned().collect(),
        });
    };
    match endpoint.as_deref() {
        Some(APP_ENDPOINT) => Ok(Some(app_payload(app, surroundings))),
        Some(other) => Err(unknown(other, vec![APP_ENDPOINT.to_owned()])),
        None => Err(Error::AppWithoutEndpoint {
            relationship: name.clone(),
            service: target.clone(),
        }),
    }
}

/// The payload of an app: plain HTTP on port 80. **Assumption**: its fields are those of a service that one
/// talks HTTP to; the documentation shows `host` only.
fn app_payload(app: &App, surroundings: &Surroundings<'_>) -> Value {
    let kind = match &app.image {
        Image::Runtime(runtime) => format!("{}:{}", runtime.name, runtime.version),
        Image::Composable { channel, .. } => format!("composable:{channel}"),
    };
    json!({
        "service": app.name,
        "ip": null,
        "hostname": services::service_host(&app.name),
        "cluster": services::cluster(surroundings.project, surroundings.environment),
        "host": null,
        "rel": APP_ENDPOINT,
        "scheme": "http",
        "type": kind,
        "port": 80,
    })
}

/// The names by which a container with these relationships, and no other, reaches the containers behind
/// them: `<relationship>.internal` and the payload's `hostname`.
pub fn links(relationships: &[Relationship], surroundings: &Surroundings<'_>) -> Vec<Link> {
    let mut links = BTreeSet::new();
    for Relationship { name, service, .. } in relationships {
        let container = match surroundings.services.get(service) {
            Some(plan) => match &plan.container {
                Some(container) => container.name.clone(),
                None => continue,
            },
            None if surroundings.apps.contains_key(service) => surroundings
                .project
                .name(&[surroundings.environment, service]),
            None => continue,
        };
        links.insert((host(name), container.clone()));
        links.insert((services::service_host(service), container));
    }
    links
        .into_iter()
        .map(|(alias, container)| Link { container, alias })
        .collect()
}

/// The host name that a relationship gives.
pub fn host(relationship: &str) -> String {
    format!("{relationship}.internal")
}

/// The variables made from the payloads: `<RELATIONSHIP>_<FIELD>`, and `<RELATIONSHIP>_URL`. Null is empty.
/// **Assumption**: lists and maps are JSON; the documentation shows them as JSON for some services and in
/// Python's notation for others, and reads them with `jq`.
///
/// <https://docs.upsun.com/development/variables.html#service-environment-variables>
pub fn variables(payloads: &Value) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (relationship, payloads) in payloads.as_object().into_iter().flatten() {
        let Some(Value::Object(payload)) = payloads.get(0) else {
            continue;
        };
        for (field, value) in payload {
            variables.insert(variable(relationship, field), text(value));
        }
        variables.insert(variable(relationship, "URL"), url(payload));
        // For databases, the documentation shows the path under this name too.
        let is_database = payload
            .get("query")
            .is_some_and(|query| query.get("is_master").is_some());
        if is_database && let Some(path) = payload.get("path") {
            variables.insert(variable(relationship, "NAME"), text(path));
        }
    }
    variables
}

/// `MY_DATABASE_PASSWORD` for the field `password` of `my-database`.
fn variable(relationship: &str, field: &str) -> String {
    format!("{relationship}_{field}")
        .to_uppercase()
        .chars()
        .map(|c| {
            if c.is_ascii_uppercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a URL has to escape in a user's name or password.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &USER.remove(b'/');

/// `pgsql://main:main@database.internal:5432/main`.
pub(crate) fn url(payload: &Map<String, Value>) -> String {
    let field = |name: &str| payload.get(name).and_then(Value::as_str);
    let mut url = format!("{}://", field("scheme").unwrap_or("http"));
    let (username, password) = (field("username"), field("password"));
    if username.is_some() || password.is_some() {
        let username = username.unwrap_or_default();
        url.push_str(&utf8_percent_encode(username, USER).to_string());
        if let Some(password) = password {
            url.push(':');
            url.push_str(&utf8_percent_encode(password, USER).to_string());
        }
        url.push('@');
    }
    url.push_str(field("host").unwrap_or_default());
    if let Some(port) = payload.get("port").filter(|port| !port.is_null()) {
        url.push_str(&format!(":{}", text(port)));
    }
    if let Some(path) = field("path") {
        url.push('/');
        url.push_str(&utf8_percent_encode(path.trim_start_matches('/'), PATH).to_string());
    }
    url
}

#[cfg(test)]
mod tests;
