//! The endpoints of a database service: who they are, and what they may do in which database.

use serde_json::Value;

use super::configuration::Configuration;
use super::{Endpoint, Error};

/// An endpoint of a database service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// The endpoint's name, and the user's where Upsun makes one for it.
    pub(super) name: String,
    /// The database that the payload names.
    pub(super) default: Option<String>,
    /// Database to privilege.
    pub(super) privileges: Vec<(String, String)>,
    /// Whether it is for replicas (`replication: true`).
    pub(super) replicates: bool,
    /// `port`, which chooses the protocol (ClickHouse).
    pub(super) port: Option<u16>,
}

/// Reads `endpoints`. `default_key` is `default_database` or `default_schema`; `levels` are the privileges
/// that there are.
pub(super) fn read(
    configuration: &Configuration<'_>,
    default_key: &str,
    levels: &[&str],
    databases: &[String],
) -> Result<Option<Vec<Access>>, Error> {
    let Some(endpoints) = configuration.map("endpoints")? else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for (name, value) in endpoints {
        let wrong = |message: &str| configuration.error(&format!("`endpoints.{name}` {message}"));
        let map = match value {
            Value::Null => None,
            Value::Object(map) => Some(map),
            _ => return Err(wrong("has to be a map")),
        };
        let mut access = Access {
            name: name.clone(),
            default: None,
            privileges: Vec::new(),
            replicates: false,
            port: None,
        };
        let given = map
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        for (key, value) in given {
            match (key.as_str(), value) {
                ("privileges", Value::Object(privileges)) => {
                    for (database, level) in privileges {
                        access.privileges.push(
                            privilege(database, level, levels, databases)
                                .map_err(|message| wrong(&message))?,
                        );
                    }
                }
                ("privileges", _) => return Err(wrong("needs a map as `privileges`")),
                ("replication", Value::Bool(on)) => access.replicates = *on,
                ("port", Value::Number(port)) => {
                    let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
                    access.port = Some(port.ok_or_else(|| wrong("has no port as `port`"))?);
                }
                (key, Value::String(database)) if key == default_key => {
                    if !databases.contains(database) {
                        return Err(wrong(&format!(
                            "has `{database}` as `{default_key}`, which is not among the databases"
                        )));
                    }
                    access.default = Some(database.clone());
                }
                (key, _) => return Err(wrong(&format!("cannot have `{key}` like this"))),
            }
        }
        all.push(access);
    }
    Ok(Some(all))
}

fn privilege(
    database: &str,
    level: &Value,
    levels: &[&str],
    databases: &[String],
) -> Result<(String, String), String> {
    let level = level.as_str().unwrap_or_default();
    if !levels.contains(&level) {
        return Err(format!(
            "has `{level}` as privilege on `{database}`; there are {}",
            crate::suggestion::quoted_list(levels.iter().copied())
        ));
    }
    if !databases.iter().any(|known| known == database) {
        return Err(format!(
            "has a privilege on `{database}`, which is not among the databases"
        ));
    }
    Ok((database.to_owned(), level.to_owned()))
}

/// Puts the endpoint first that a relationship gets when it names none.
pub(super) fn default_first(mut endpoints: Vec<Endpoint>, default: &str) -> Vec<Endpoint> {
    endpoints.sort_by_key(|endpoint| endpoint.name != default);
    endpoints
}
