//! The databases that an app has relationships to, and the command lines of their clients.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::Failure;
use crate::workspace::{Target, Workspace};

/// Which part of a database to dump, and how.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    /// Only these tables; all if empty.
    pub table: Vec<String>,
    /// All tables except these.
    pub exclude_table: Vec<String>,
    /// Only the definitions of tables, without rows.
    pub schema_only: bool,
    pub charset: Option<String>,
}

/// The protocol and SQL dialect of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `mysql`: MariaDB and Oracle MySQL.
    MySql,
    /// `pgsql`: PostgreSQL.
    PostgreSql,
}

/// A database as an app's relationship describes it.
#[derive(Debug, PartialEq)]
pub struct Database {
    kind: Kind,
    pub service: String,
    host: String,
    port: String,
    username: String,
    password: String,
    /// The schema; empty if the relationship has no schema yet.
    pub schema: String,
}

impl Database {
    /// The database behind a relationship's payload, if the service speaks SQL.
    pub fn of(payload: &Value) -> Option<Database> {
        let text = |name: &str| match &payload[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let kind = match text("scheme").as_str() {
            "mysql" => Kind::MySql,
            "pgsql" => Kind::PostgreSql,
            _ => return None,
        };
        Some(Database {
            kind,
            service: text("service"),
            host: text("host"),
            port: text("port"),
            username: text("username"),
            password: text("password"),
            schema: text("path"),
        })
    }

    /// The variables that pass the password to the client: on a command line, other processes could read it.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let name = match self.kind {
            Kind::MySql => "MYSQL_PWD",
            Kind::PostgreSql => "PGPASSWORD",
        };
        BTreeMap::from([(name.to_owned(), self.password.clone())])
    }

    /// The client's name and the options that it needs to connect.
    fn client(&self, mysql: &str, postgresql: &str) -> Vec<String> {
        let (program, user) = match self.kind {
            Kind::MySql => (mysql, "--user"),
            Kind::PostgreSql => (postgresql, "--username"),
        };
        vec![
            program.to_owned(),
            format!("--host={}", self.host),
            format!("--port={}", self.port),
            format!("{user}={}", self.username),
        ]
    }

    /// The client's command line for one statement, or for the statements on standard input.
    pub fn sql(&self, query: Option<&str>, raw: bool) -> Vec<String> {
        let mut words = self.client("mysql", "psql");
        match self.kind {
            Kind::MySql => {
                words.push("--no-auto-rehash".to_owned());
                if raw {
                    words.extend(["--batch", "--raw"].map(str::to_owned));
                } else if query.is_some() {
                    words.push("--table".to_owned());
                }
                words.extend(query.map(|query| format!("--execute={query}")));
                // Without a schema, the database may not have one yet.
                if !self.schema.is_empty() {
                    words.extend(["--".to_owned(), self.schema.clone()]);
                }
            }
            Kind::PostgreSql => {
                if raw {
                    words.extend(["--tuples-only", "--no-align"].map(str::to_owned));
                }
                words.extend(query.map(|query| format!("--command={query}")));
                words.push("--set=ON_ERROR_STOP=1".to_owned());
                if !self.schema.is_empty() {
                    words.push(format!("--dbname={}", self.schema));
                }
            }
        }
        words
    }

    /// The command line that prints the database as SQL statements.
    pub fn dump(&self, dump: &Dump) -> Vec<String> {
        let mut words = self.client("mysqldump", "pg_dump");
        let of_tables = |option: &'static str, tables: &[String]| {
            let words = tables
                .iter()
                .map(move |table| format!("--{option}={table}"));
            words.collect::<Vec<_>>()
        };
        match self.kind {
            Kind::MySql => {
                words.extend(["--single-transaction", "--no-tablespaces"].map(str::to_owned));
                if dump.schema_only {
                    words.push("--no-data".to_owned());
                }
                for table in &dump.exclude_table {
                    words.push(format!("--ignore-table={}.{table}", self.schema));
                }
                let charset = dump.charset.iter();
                words.extend(charset.map(|name| format!("--default-character-set={name}")));
                words.extend(["--".to_owned(), self.schema.clone()]);
                words.extend(dump.table.iter().cloned());
            }
            Kind::PostgreSql => {
                words
                    .extend(["--no-owner", "--if-exists", "--clean", "--blobs"].map(str::to_owned));
                if dump.schema_only {
                    words.push("--schema-only".to_owned());
                }
                words.extend(of_tables("table", &dump.table));
                words.extend(of_tables("exclude-table", &dump.exclude_table));
                let charset = dump.charset.iter();
                words.extend(charset.map(|name| format!("--encoding={name}")));
                words.push(format!("--dbname={}", self.schema));
            }
        }
        words
    }
}

/// Name and payload of the named relationship, or of the only one that fits; `what` names in errors what the command
/// needs.
pub fn find_relationship<T>(
    workspace: &Workspace,
    target: &Target,
    named: Option<&str>,
    what: &str,
    fits: impl Fn(&Value) -> Option<T>,
) -> Result<(String, T), Failure> {
    let (app, worker) = workspace.target(target)?;
    let services = workspace.services(app)?;
    let payloads = workspace.payloads(app, worker, &services)?;
    let mut found: Vec<(String, T)> = payloads
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, payload)| Some((name.clone(), fits(&payload[0])?)))
        .collect();
    let names: Vec<String> = found.iter().map(|(name, _)| format!("`{name}`")).collect();
    let names = names.join(", ");
    if let Some(named) = named {
        let at = found.iter().position(|(name, _)| name == named);
        let Some(at) = at else {
            let failure = Failure::usage(format!(
                "`{}` has no relationship `{named}` to {what}",
                app.name
            ));
            return Err(if names.is_empty() {
                failure
            } else {
                failure.hint(format!("there are: {names}"))
            });
        };
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        0 => Err(
            Failure::usage(format!("`{}` has no relationship to {what}", app.name))
                .hint("its `relationships` decide; `--app` names another app"),
        ),
        1 => Ok(found.remove(0)),
        _ => Err(Failure::usage(format!(
            "`{}` has several relationships to {what}; say which one you mean",
            app.name
        ))
        .hint(format!("add `--relationship` with one of: {names}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn database(scheme: &str) -> Database {
        Database::of(&json!({
            "scheme": scheme, "service": "db", "host": "main.internal", "port": 5432,
            "username": "u", "password": "p", "path": "main",
        }))
        .unwrap()
    }

    #[test]
    fn the_password_stands_on_no_command_line() {
        for (scheme, query, expected) in [
            (
                "pgsql",
                Some("select 1"),
                "psql --host=main.internal --port=5432 --username=u --command=select 1 --set=ON_ERROR_STOP=1 --dbname=main",
            ),
            (
                "mysql",
                Some("select 1"),
                "mysql --host=main.internal --port=5432 --user=u --no-auto-rehash --table --execute=select 1 -- main",
            ),
            (
                "mysql",
                None,
                "mysql --host=main.internal --port=5432 --user=u --no-auto-rehash -- main",
            ),
        ] {
            let database = database(scheme);
            assert_eq!(database.sql(query, false).join(" "), expected);
            assert_eq!(
                database.variables().into_values().collect::<Vec<_>>(),
                ["p"]
            );
        }
    }

    #[test]
    fn only_sql_databases_are_databases() {
        for scheme in ["redis", "mongodb", "http"] {
            assert_eq!(Database::of(&json!({"scheme": scheme})), None);
        }
    }
}
