//! MongoDB.
//!
//! <https://docs.upsun.com/add-services/mongodb.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[
    MONGODB,
    ServiceType {
        name: "mongodb-enterprise",
        supported: &["7.0"],
        ..MONGODB
    },
];

const MONGODB: ServiceType = ServiceType {
    name: "mongodb",
    supported: &["4.0"],
    deprecated: &[],
    endpoint: "mongodb",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: false,
    image: Some("mongo:{}"),
    exact: &[],
    clients: Some((
        "mongodb",
        &[
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
        ],
    )),
    usual_port: Some(("mongodb", PORT)),
    keeps_data: true,
    same_as: None,
    draft,
};

const PORT: u16 = 27017;

/// Upsun's user, password and database.
const MAIN: &str = "main";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let (kind, version) = inputs.kind();
    let configuration = Configuration::of(inputs)?;
    // Version 5 came with a new shell.
    let old = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major < 5);
    let shell = if old { "mongo" } else { "mongosh" };
    // The image's first start runs a server of its own that listens on the loopback address only.
    let ready = format!(
        "{shell} --quiet --host \"$(hostname -i | cut -d ' ' -f 1)\" --eval 'db.runCommand({{ping: 1}}).ok || quit(1)'"
    );
    let setup = format!(
        "{shell} --quiet --username root --password \"$MONGO_INITDB_ROOT_PASSWORD\" --authenticationDatabase admin --eval \"$1\" {MAIN}"
    );
    let script = "db.getUser('main') || db.createUser({user: 'main', pwd: 'main', roles: [{role: 'dbOwner', db: 'main'}]})";
    let mut draft = Draft::container(inputs)?
        .user("mongodb")
        .command(["mongod", "--wiredTigerCacheSizeGB", "0.25", "--bind_ip_all"])
        .variable("MONGO_INITDB_ROOT_USERNAME", "root")
        .variable("MONGO_INITDB_ROOT_PASSWORD", inputs.password("root"))
        .data("/data/db", format!("{kind}:{version}"))
        .ready(["sh", "-c", &ready])
        .step("database and user", ["sh", "-c", &setup, "sh", script])
        .endpoints(vec![endpoint(inputs)])
        .warn(configuration.ignored(&[]));
    if kind == "mongodb-enterprise" {
        draft.warnings.push(format!(
            "`{}` runs as MongoDB's community edition: what only the enterprise edition has is missing",
            inputs.service.name
        ));
    }
    Ok(draft)
}

/// Upsun's payload has no `fragment`, `public` and `host_mapped` here.
fn endpoint(inputs: &Inputs<'_>) -> super::Endpoint {
    let path = Some(MAIN.to_owned());
    let connection = Connection::database("mongodb", PORT, MAIN, MAIN, path);
    let mut endpoint = payload::full(inputs, "mongodb", connection);
    if let Some(fields) = endpoint.payload.as_object_mut() {
        for name in ["fragment", "public", "host_mapped"] {
            fields.remove(name);
        }
    }
    endpoint
}
