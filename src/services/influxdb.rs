//! InfluxDB, versions 2 and 3.
//!
//! <https://docs.upsun.com/add-services/influxdb.html>

use serde_json::json;

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "influxdb",
    supported: &["3", "2.7", "2.3"],
    deprecated: &[],
    endpoint: "influxdb",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: Some("influxdb:{}"),
    exact: &[("3", "influxdb:3-core")],
    clients: None,
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
}];

/// Upsun's organisation and bucket.
const MAIN: &str = "main";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let version = inputs.kind().1;
    let configuration = Configuration::of(inputs)?;
    let password = inputs.password("admin");
    let token = inputs.password("token");
    let endpoint = payload::full(
        inputs,
        "influxdb",
        Connection {
            username: Some("admin".to_owned()),
            password: Some(password.clone()),
            query: json!({ "org": MAIN, "bucket": MAIN, "api_token": token }),
            ..Connection::open("http", 8086)
        },
    );
    let draft = Draft::container(inputs)?
        .endpoints(vec![endpoint])
        .warn(configuration.ignored(&[]));
    let major = version.split('.').next().unwrap_or_default();
    if major == "2" {
        // The image's first start runs a server of its own on another port.
        return Ok(draft
            .steps_down()
            .variable("DOCKER_INFLUXDB_INIT_MODE", "setup")
            .variable("DOCKER_INFLUXDB_INIT_USERNAME", "admin")
            .variable("DOCKER_INFLUXDB_INIT_PASSWORD", password)
            .variable("DOCKER_INFLUXDB_INIT_ORG", MAIN)
            .variable("DOCKER_INFLUXDB_INIT_BUCKET", MAIN)
            .variable("DOCKER_INFLUXDB_INIT_ADMIN_TOKEN", token)
            .data("/var/lib/influxdb2", "influxdb:2".to_owned())
            .ready(["influx", "ping", "--host", "http://127.0.0.1:8086"]));
    }
    // Version 3 makes its tokens itself; without authorization it takes the payload's like any other. The volume is one
    // level above the data: the image has that directory only, and a volume at a path without one belongs to root.
    let server = "http://127.0.0.1:8086";
    let show = format!("influxdb3 show databases --host {server}");
    Ok(draft
        .command([
            "influxdb3",
            "serve",
            "--node-id=main",
            "--object-store=file",
            "--data-dir=/var/lib/influxdb3/data",
            "--http-bind=0.0.0.0:8086",
            "--without-auth",
        ])
        .data("/var/lib/influxdb3", "influxdb:3".to_owned())
        .ready(["sh", "-c", &format!("{show} >/dev/null")])
        .step(
            "database main",
            [
                "sh",
                "-c",
                &format!(
                    "{show} | grep -qw {MAIN} || influxdb3 create database --host {server} {MAIN}"
                ),
            ],
        ))
}
