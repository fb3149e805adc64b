//! MariaDB (which Upsun also calls `mysql`) and Oracle's MySQL: schemas, endpoints with their privileges,
//! properties.
//!
//! <https://docs.upsun.com/add-services/mysql.html>

use super::configuration::{Configuration, is_word, scalar};
use super::draft::{self, Draft};
use super::payload::{self, Connection};
use super::privileges::{self, Access};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[
    MARIADB_TYPE,
    ServiceType {
        name: "mariadb-replica",
        ..REPLICA
    },
    ServiceType {
        name: "mysql",
        same_as: Some("mariadb"),
        ..MARIADB_TYPE
    },
    ServiceType {
        name: "mysql-replica",
        ..REPLICA
    },
    ServiceType {
        name: "oracle-mysql",
        supported: &["8.4"],
        image: Some("mysql:{}"),
        ..MARIADB_TYPE
    },
];

const MARIADB_TYPE: ServiceType = ServiceType {
    name: "mariadb",
    supported: &["12.3", "11.8", "11.4"],
    deprecated: &[],
    endpoint: "mysql",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: true,
    image: Some("mariadb:{}"),
    exact: &[],
    // `mariadb` stands for `mysql` as well: newer images have the first name only.
    clients: Some((
        "mysql",
        &[
            "mariadb",
            "mariadb-admin",
            "mariadb-check",
            "mariadb-dump",
            "mariadb-import",
            "mysql",
            "mysqladmin",
            "mysqlcheck",
            "mysqldump",
            "mysqlimport",
        ],
    )),
    usual_port: Some(("mysql", PORT)),
    keeps_data: true,
    same_as: None,
    draft,
};

const REPLICA: ServiceType = ServiceType {
    configures_endpoints: false,
    image: None,
    clients: None,
    draft: draft::replica,
    ..MARIADB_TYPE
};

const PORT: u16 = 3306;

/// What Upsun's privileges are called.
const LEVELS: &[&str] = &["ro", "rw", "admin", "replication", "replication-admin"];

/// What each privilege is on a schema, as the documentation lists it.
const READ: &str = "SELECT, CREATE TEMPORARY TABLES, SHOW VIEW";
const WRITE: &str = "INSERT, UPDATE, DELETE, EVENT, EXECUTE, INDEX, TRIGGER, LOCK TABLES";
/// `REFERENCES` is not in the list, but tables with foreign keys cannot be made without.
const ALTER: &str = "CREATE, DROP, ALTER, REFERENCES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE";

/// The longest name of a schema, in characters.
const LONGEST: usize = 64;

/// The differences between the two servers.
struct Flavor {
    /// The prefix of the image's variables.
    prefix: &'static str,
    server: &'static str,
    client: &'static str,
    admin: &'static str,
    /// What managing replicas takes, on top of being one.
    replication_admin: &'static str,
    /// The longest name of a user, in characters.
    longest_user: usize,
}

const MARIADB: Flavor = Flavor {
    prefix: "MARIADB",
    server: "mariadbd",
    client: "mariadb",
    admin: "mariadb-admin",
    replication_admin: "REPLICATION SLAVE ADMIN, SLAVE MONITOR",
    longest_user: 80,
};

const ORACLE: Flavor = Flavor {
    prefix: "MYSQL",
    server: "mysqld",
    client: "mysql",
    admin: "mysqladmin",
    replication_admin: "REPLICATION_SLAVE_ADMIN",
    longest_user: 32,
};

/// A property: its name in Upsun's configuration, the server's option, its value without one, and the unit
/// of its numbers.
const PROPERTIES: &[(&str, &str, &str, &str)] = &[
    ("max_allowed_packet", "max-allowed-packet", "16", "M"),
    ("default_charset", "character-set-server", "utf8mb4", ""),
    (
        "default_collation",
        "collation-server",
        "utf8mb4_unicode_ci",
        "",
    ),
    ("optimizer_switch", "optimizer-switch", "", ""),
    (
        "optimizer_use_condition_selectivity",
        "optimizer-use-condition-selectivity",
        "",
        "",
    ),
    (
        "innodb_adaptive_hash_index",
        "innodb-adaptive-hash-index",
        "",
        "",
    ),
    ("max_heap_table_size", "max-heap-table-size", "32", "M"),
    (
        "table_definition_cache",
        "table-definition-cache",
        "400",
        "",
    ),
    ("table_open_cache", "table-open-cache", "400", ""),
];

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let (kind, version) = inputs.kind();
    let (flavor, data) = match kind {
        "oracle-mysql" => (ORACLE, "oracle-mysql"),
        _ => (MARIADB, "mariadb"),
    };
    let configuration = Configuration::of(inputs)?;
    let given_schemas = configuration.list("schemas")?;
    let schemas = given_schemas
        .clone()
        .unwrap_or_else(|| vec!["main".to_owned()]);
    let given = privileges::read(&configuration, "default_schema", LEVELS, &schemas)?;
    let own_users = given.is_some();
    let accesses = given.unwrap_or_else(|| vec![default_access(&schemas)]);
    check_names(&configuration, &flavor, &schemas, &accesses)?;
    let (properties, warnings) = properties(&configuration, kind)?;
    let replicates = accesses
        .iter()
        .flat_map(|access| &access.privileges)
        .any(|(_, level)| level.starts_with("replication"));
    let mut command = vec![flavor.server.to_owned()];
    command.extend(properties);
    if replicates {
        command.extend(["--log-bin".to_owned(), "--server-id=1".to_owned()]);
    } else if kind == "oracle-mysql" {
        command.push("--skip-log-bin".to_owned());
    }
    let mut endpoints = Vec::new();
    let mut sql = String::new();
    for schema in &schemas {
        sql.push_str(&format!(
            "CREATE DATABASE IF NOT EXISTS {};\n",
            identifier(schema)
        ));
    }
    for access in &accesses {
        // Configured endpoints have users of their own, the default one is `user` without a password.
        let (user, password) = if own_users {
            (access.name.clone(), inputs.password(&access.name))
        } else {
            ("user".to_owned(), String::new())
        };
        sql.push_str(&grants(&flavor, access, &user, &password));
        let path = access.default.clone();
        endpoints.push(payload::full(
            inputs,
            &access.name,
            Connection::database("mysql", PORT, &user, &password, path),
        ));
    }
    let Flavor {
        prefix,
        client,
        admin,
        ..
    } = flavor;
    // The script is an argument, so that nothing in it is the shell's; the password is in the container's
    // own variables.
    let run = format!(
        "MYSQL_PWD=${prefix}_ROOT_PASSWORD exec {client} --user=root --protocol=socket --batch --execute \"$1\""
    );
    Ok(Draft::container(inputs)?
        .user("mysql")
        .command(command)
        .variable(&format!("{prefix}_ROOT_PASSWORD"), inputs.password("root"))
        .variable(&format!("{prefix}_ROOT_HOST"), "localhost")
        .data("/var/lib/mysql", format!("{data}:{version}"))
        // The image's first start runs a server of its own that listens on the socket only.
        .ready([
            admin,
            "--host=127.0.0.1",
            "--protocol=tcp",
            "--silent",
            "ping",
        ])
        .step("schemas and users", ["sh", "-c", &run, "sh", &sql])
        .endpoints(privileges::default_first(endpoints, "mysql"))
        .warn(warnings)
        // Passwords never change here, so there is nothing to switch off.
        .warn(configuration.ignored(&["schemas", "endpoints", "properties", "rotate_passwords"])))
}

/// What the documentation says is meant without `endpoints`.
fn default_access(schemas: &[String]) -> Access {
    Access {
        name: "mysql".to_owned(),
        default: schemas.first().cloned(),
        privileges: schemas
            .iter()
            .map(|schema| (schema.clone(), "admin".to_owned()))
            .collect(),
        replicates: false,
        port: None,
    }
}

fn check_names(
    configuration: &Configuration<'_>,
    flavor: &Flavor,
    schemas: &[String],
    accesses: &[Access],
) -> Result<(), Error> {
    let names = accesses
        .iter()
        .map(|access| (&access.name, flavor.longest_user));
    for (name, longest) in schemas.iter().map(|name| (name, LONGEST)).chain(names) {
        // A null byte ends an argument, and the server cuts off a blank at the end of a name.
        if name.is_empty()
            || name.chars().count() > longest
            || name.contains('\0')
            || name.ends_with(char::is_whitespace)
        {
            return Err(configuration.error(&format!(
                "`{}` cannot be a name: the server takes 1 to {longest} characters",
                name.escape_debug()
            )));
        }
    }
    let own = ["mysql", "information_schema", "performance_schema", "sys"];
    if let Some(name) = schemas.iter().find(|name| own.contains(&name.as_str())) {
        return Err(configuration.error(&format!("the schema `{name}` is the server's own")));
    }
    let own = [
        "root",
        "mysql.sys",
        "mysql.session",
        "mariadb.sys",
        "healthcheck",
    ];
    if let Some(access) = accesses
        .iter()
        .find(|access| own.contains(&access.name.as_str()))
    {
        let name = &access.name;
        return Err(configuration.error(&format!("the user `{name}` is the server's own")));
    }
    Ok(())
}

/// The server's options for `properties`, and warnings about those that it does not take.
fn properties(
    configuration: &Configuration<'_>,
    kind: &str,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let given = configuration.map("properties")?;
    let value = |name: &str| given.and_then(|given| given.get(name));
    let mut options = Vec::new();
    for (name, option, default, unit) in PROPERTIES {
        let text = match value(name) {
            // A collation belongs to one character set only, and each set has its own default.
            None if *name == "default_collation" && value("default_charset").is_some() => {
                String::new()
            }
            None => (*default).to_owned(),
            // Upsun does not take properties for Oracle's server.
            Some(_) if kind == "oracle-mysql" => (*default).to_owned(),
            Some(value) => scalar(value)
                .map(|text| match text.as_str() {
                    "true" => "1".to_owned(),
                    "false" => "0".to_owned(),
                    _ => text,
                })
                .filter(|text| text.split([',', '=']).all(is_word))
                .filter(|text| unit.is_empty() || text.parse::<u32>().is_ok())
                .ok_or_else(|| {
                    configuration.error(&format!("`properties.{name}` cannot be `{value}`"))
                })?,
        };
        if !text.is_empty() {
            options.push(format!("--{option}={text}{unit}"));
        }
    }
    let warnings = given
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .filter(|name| {
            kind == "oracle-mysql" || !PROPERTIES.iter().any(|(known, ..)| known == name)
        })
        .map(|name| configuration.not_applied(&format!("properties.{name}")))
        .collect();
    Ok((options, warnings))
}

/// Makes a user and gives it its privileges and no others.
fn grants(flavor: &Flavor, access: &Access, user: &str, password: &str) -> String {
    let user = format!("{}@'%'", literal(user));
    let password = literal(password);
    let mut sql = format!(
        "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password};\n\
         ALTER USER {user} IDENTIFIED BY {password};\n\
         REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user};\n"
    );
    for (schema, level) in &access.privileges {
        let (on_schema, on_all) = match level.as_str() {
            "ro" => (READ.to_owned(), None),
            "rw" => (format!("{READ}, {WRITE}"), None),
            "admin" => (format!("{READ}, {WRITE}, {ALTER}"), None),
            level => {
                let all = "REPLICATION SLAVE, REPLICATION CLIENT, RELOAD";
                let all = match level {
                    "replication-admin" => format!("{all}, {}", flavor.replication_admin),
                    _ => all.to_owned(),
                };
                (format!("{READ}, LOCK TABLES"), Some(all))
            }
        };
        sql.push_str(&format!(
            "GRANT {on_schema} ON {}.* TO {user};\n",
            // In this place alone `_` and `%` stand for any characters.
            identifier(
                &schema
                    .replace('\\', "\\\\")
                    .replace('_', "\\_")
                    .replace('%', "\\%")
            )
        ));
        if let Some(all) = on_all {
            sql.push_str(&format!("GRANT {all} ON *.* TO {user};\n"));
        }
    }
    sql
}

/// A name as SQL.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
