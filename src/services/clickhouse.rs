//! ClickHouse: databases, endpoints with their privileges.
//!
//! <https://docs.upsun.com/add-services/clickhouse.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::privileges::{self, Access};
use super::{Endpoint, Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "clickhouse",
    supported: &["26.3", "25.8"],
    deprecated: &["25.3", "24.3", "23.8"],
    endpoint: "clickhouse",
    // One for each protocol.
    endpoints: Endpoints::Only(&["clickhouse-http"]),
    configures_endpoints: true,
    image: Some("clickhouse/clickhouse-server:{}"),
    exact: &[],
    clients: None,
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
}];

/// What Upsun's privileges are called.
const LEVELS: &[&str] = &["ro", "rw", "admin"];

/// The ports of the native protocol and of HTTP.
const NATIVE: u16 = 9000;
const HTTP: u16 = 8123;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let databases = configuration
        .list("databases")?
        .unwrap_or_else(|| vec!["main".to_owned()]);
    let given = privileges::read(&configuration, "default_database", LEVELS, &databases)?;
    let own_users = given.is_some();
    let accesses = given.unwrap_or_else(|| default_accesses(&databases));
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut sql = String::new();
    for database in &databases {
        sql.push_str(&format!(
            "CREATE DATABASE IF NOT EXISTS {};\n",
            identifier(database)
        ));
    }
    for access in &accesses {
        let user = if own_users {
            access.name.as_str()
        } else {
            "main"
        };
        let password = inputs.password(user);
        // The default endpoints are of one user.
        if own_users || endpoints.is_empty() {
            sql.push_str(&grants(access, user, &password));
        }
        let port = access.port.unwrap_or(NATIVE);
        let scheme = if port == HTTP { "http" } else { "https" };
        let path = access.default.clone();
        let connection = Connection::database(scheme, port, user, &password, path);
        endpoints.push(payload::full(inputs, &access.name, connection));
    }
    let client = "clickhouse-client --user default --password \"$CLICKHOUSE_PASSWORD\"";
    Ok(Draft::container(inputs)?
        .user("101:101")
        .variable("CLICKHOUSE_USER", "default")
        .variable("CLICKHOUSE_PASSWORD", inputs.password("default"))
        .variable("CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT", "1")
        .data(
            "/var/lib/clickhouse",
            format!("clickhouse:{}", inputs.kind().1),
        )
        .ready([
            "sh",
            "-c",
            &format!("{client} --host 127.0.0.1 --query 'SELECT 1' >/dev/null"),
        ])
        .step(
            "databases and users",
            [
                "sh",
                "-c",
                &format!("{client} --host 127.0.0.1 --multiquery --query \"$1\""),
                "sh",
                &sql,
            ],
        )
        .endpoints(privileges::default_first(endpoints, "clickhouse"))
        .warn(configuration.ignored(&["databases", "endpoints"])))
}

/// The endpoints that there are without `endpoints`: one for each protocol.
fn default_accesses(databases: &[String]) -> Vec<Access> {
    [("clickhouse", NATIVE), ("clickhouse-http", HTTP)]
        .map(|(name, port)| Access {
            name: name.to_owned(),
            default: databases.first().cloned(),
            privileges: databases
                .iter()
                .map(|database| (database.clone(), "admin".to_owned()))
                .collect(),
            replicates: false,
            port: Some(port),
        })
        .into()
}

/// Makes a user and gives it its privileges and no others.
fn grants(access: &Access, user: &str, password: &str) -> String {
    let user = identifier(user);
    let password = literal(password);
    let mut sql = format!(
        "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password};\nALTER USER {user} IDENTIFIED BY {password};\nREVOKE ALL ON *.* FROM {user};\n"
    );
    for (database, level) in &access.privileges {
        let rights = match level.as_str() {
            "admin" => "ALL",
            "rw" => "SELECT, INSERT, ALTER UPDATE, ALTER DELETE, SHOW, dictGet",
            _ => "SELECT, SHOW, dictGet",
        };
        sql.push_str(&format!(
            "GRANT {rights} ON {}.* TO {user};\n",
            identifier(database)
        ));
    }
    sql
}

/// A name as SQL.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A text as SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
