//! The payloads of relationships, field by field as Upsun's.
//!
//! Two shapes exist: services that one logs in to have all fields, plain ones have nine. `host` is filled in
//! by `relationships`, which knows the name.

use serde_json::{Value, json};

use super::{Endpoint, Inputs, cluster, service_host};

/// What a client needs to know.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) scheme: &'static str,
    pub(super) port: u16,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) path: Option<String>,
    pub(super) query: Value,
}

impl Connection {
    /// Without user, password and path.
    pub(super) fn open(scheme: &'static str, port: u16) -> Connection {
        Connection {
            scheme,
            port,
            username: None,
            password: None,
            path: None,
            query: json!([]),
        }
    }

    /// To a database: Upsun says of each that it is the master.
    pub(super) fn database(
        scheme: &'static str,
        port: u16,
        username: &str,
        password: &str,
        path: Option<String>,
    ) -> Connection {
        Connection {
            username: Some(username.to_owned()),
            password: Some(password.to_owned()),
            path,
            query: json!({ "is_master": true }),
            ..Connection::open(scheme, port)
        }
    }
}

/// An endpoint with all fields.
pub(super) fn full(inputs: &Inputs<'_>, endpoint: &str, connection: Connection) -> Endpoint {
    let mut payload = common(inputs, endpoint, connection.scheme, connection.port);
    payload["username"] = json!(connection.username);
    payload["password"] = json!(connection.password);
    payload["path"] = json!(connection.path);
    payload["query"] = connection.query;
    payload["fragment"] = Value::Null;
    payload["public"] = json!(false);
    payload["host_mapped"] = json!(false);
    Endpoint {
        name: endpoint.to_owned(),
        payload,
    }
}

/// An endpoint with the nine fields of plain services.
pub(super) fn plain(inputs: &Inputs<'_>, endpoint: &str, scheme: &str, port: u16) -> Endpoint {
    Endpoint {
        name: endpoint.to_owned(),
        payload: common(inputs, endpoint, scheme, port),
    }
}

/// The fields that every payload has. Upsun's addresses are of its own network, so `ip` is null here.
fn common(inputs: &Inputs<'_>, endpoint: &str, scheme: &str, port: u16) -> Value {
    json!({
        "service": inputs.service.name,
        "ip": null,
        "hostname": service_host(inputs.service.name),
        "cluster": cluster(inputs.project, inputs.environment),
        "host": null,
        "rel": endpoint,
        "scheme": scheme,
        "type": inputs.service.r#type,
        "port": port,
    })
}
