//! The Mercure hub.
//!
//! <https://docs.upsun.com/add-services/mercure.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "mercure",
    supported: &["0"],
    deprecated: &[],
    endpoint: "mercure",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: None,
    exact: &[("0", "dunglas/mercure:v0.24.2")],
    clients: None,
    usual_port: None,
    keeps_data: false,
    same_as: None,
    draft,
}];

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    // The payload's password is the key that tokens are signed with.
    let key = inputs.password("token");
    Ok(Draft::container(inputs)?
        .variable("SERVER_NAME", ":3000")
        .variable("MERCURE_PUBLISHER_JWT_KEY", key.clone())
        .variable("MERCURE_SUBSCRIBER_JWT_KEY", key.clone())
        .variable("MERCURE_EXTRA_DIRECTIVES", "anonymous\ncors_origins *")
        .data("/data", "mercure:0".to_owned())
        .ready([
            "wget",
            "-q",
            "-O",
            "/dev/null",
            "http://127.0.0.1:3000/healthz",
        ])
        .endpoints(vec![payload::full(
            inputs,
            "mercure",
            Connection {
                password: Some(key),
                ..Connection::open("http", 3000)
            },
        )])
        .warn(configuration.ignored(&[])))
}
