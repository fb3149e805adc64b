//! `db sql` and `db dump`: a database's own client, in the container of an app that has a relationship to it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::Context;
use super::down::confirm;
use super::exec::{Access, Invocation, invoke};
use super::opened::open;
use crate::failure::{BAD_FILE, Failure};
use crate::workspace::Workspace;

/// What to do with a database.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run an SQL statement, or open the database's shell
    Sql(SqlArguments),
    /// Write the database to a file of SQL statements
    Dump(DumpArguments),
}

/// Which database.
#[derive(Debug, Args)]
struct Choice {
    #[command(flatten)]
    access: Access,
    /// Relationship of the app that leads to the database
    #[arg(short, long, value_name = "RELATIONSHIP")]
    relationship: Option<String>,
    /// Schema to use [default: the schema of the relationship]
    #[arg(long, value_name = "SCHEMA")]
    schema: Option<String>,
}

/// Arguments of `db sql`.
#[derive(Debug, Args)]
pub(super) struct SqlArguments {
    #[command(flatten)]
    choice: Choice,
    /// Print rows without a table around them
    #[arg(long)]
    raw: bool,
    /// Statement to run; without one, statements are read from standard input
    #[arg(value_name = "QUERY")]
    query: Option<String>,
}

/// Arguments of `db dump`.
#[derive(Debug, Args)]
pub(super) struct DumpArguments {
    #[command(flatten)]
    choice: Choice,
    /// File to write [default: a name made from project, environment and service]
    #[arg(short, long, value_name = "FILE", conflicts_with = "stdout")]
    file: Option<PathBuf>,
    /// Directory to write the file to [default: the current directory]
    #[arg(short, long, value_name = "DIRECTORY", conflicts_with = "stdout")]
    directory: Option<PathBuf>,
    /// Compress the file with gzip
    #[arg(short = 'z', long)]
    gzip: bool,
    /// Add the time to the file's name
    #[arg(short, long)]
    timestamp: bool,
    /// Print the statements instead of writing a file
    #[arg(short = 'o', long)]
    stdout: bool,
    /// Dump only these tables
    #[arg(long, value_name = "TABLE")]
    table: Vec<String>,
    /// Leave out these tables
    #[arg(long, value_name = "TABLE")]
    exclude_table: Vec<String>,
    /// Dump only the definitions of tables, without rows
    #[arg(long)]
    schema_only: bool,
    /// Character set of the file
    #[arg(long, value_name = "CHARSET")]
    charset: Option<String>,
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    let workspace = open(context)?;
    match command {
        Command::Sql(arguments) => sql(context, &workspace, arguments).await,
        Command::Dump(arguments) => dump(context, &workspace, arguments).await,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    MySql,
    PostgreSql,
}

/// A database as an app's relationship describes it.
#[derive(Debug, PartialEq)]
struct Database {
    kind: Kind,
    service: String,
    host: String,
    port: String,
    username: String,
    password: String,
    schema: String,
}

impl Database {
    /// The database behind a relationship's payload, if that is one which SQL is spoken to.
    fn of(payload: &Value) -> Option<Database> {
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

    /// The password, which must not stand on a command line.
    fn variables(&self) -> BTreeMap<String, String> {
        let name = match self.kind {
            Kind::MySql => "MYSQL_PWD",
            Kind::PostgreSql => "PGPASSWORD",
        };
        BTreeMap::from([(name.to_owned(), self.password.clone())])
    }

    /// A client with what it needs to connect.
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

    fn sql(&self, query: Option<&str>, raw: bool) -> Vec<String> {
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
                // Without a schema the database may have none yet.
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

    fn dump(&self, arguments: &DumpArguments) -> Vec<String> {
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
                if arguments.schema_only {
                    words.push("--no-data".to_owned());
                }
                for table in &arguments.exclude_table {
                    words.push(format!("--ignore-table={}.{table}", self.schema));
                }
                let charset = arguments.charset.iter();
                words.extend(charset.map(|name| format!("--default-character-set={name}")));
                words.extend(["--".to_owned(), self.schema.clone()]);
                words.extend(arguments.table.iter().cloned());
            }
            Kind::PostgreSql => {
                words
                    .extend(["--no-owner", "--if-exists", "--clean", "--blobs"].map(str::to_owned));
                if arguments.schema_only {
                    words.push("--schema-only".to_owned());
                }
                words.extend(of_tables("table", &arguments.table));
                words.extend(of_tables("exclude-table", &arguments.exclude_table));
                let charset = arguments.charset.iter();
                words.extend(charset.map(|name| format!("--encoding={name}")));
                words.push(format!("--dbname={}", self.schema));
            }
        }
        words
    }
}

/// The payload of the only relationship that fits, or of the one that is named; `what` says what is looked for.
pub(super) fn find_relationship<T>(
    workspace: &Arc<Workspace>,
    access: &Access,
    named: Option<&str>,
    what: &str,
    fits: impl Fn(&Value) -> Option<T>,
) -> Result<T, Failure> {
    let (app, worker) = workspace.target(&access.target.named())?;
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
        return Ok(found.swap_remove(at).1);
    }
    match found.len() {
        0 => Err(
            Failure::usage(format!("`{}` has no relationship to {what}", app.name))
                .hint("its `relationships` decide; `--app` names another app"),
        ),
        1 => Ok(found.remove(0).1),
        _ => Err(Failure::usage(format!(
            "`{}` has several relationships to {what}; say which one you mean",
            app.name
        ))
        .hint(format!("add `--relationship` with one of: {names}"))),
    }
}

fn find(workspace: &Arc<Workspace>, choice: &Choice) -> Result<Database, Failure> {
    let mut database = find_relationship(
        workspace,
        &choice.access,
        choice.relationship.as_deref(),
        "an SQL database",
        Database::of,
    )?;
    if let Some(schema) = &choice.schema {
        database.schema.clone_from(schema);
    }
    Ok(database)
}

async fn sql(
    context: &Context,
    workspace: &Arc<Workspace>,
    arguments: SqlArguments,
) -> Result<u8, Failure> {
    let database = find(workspace, &arguments.choice)?;
    let invocation = Invocation {
        command: database.sql(arguments.query.as_deref(), arguments.raw),
        variables: database.variables(),
        ..Invocation::default()
    };
    invoke(context, workspace, &arguments.choice.access, invocation).await
}

async fn dump(
    context: &Context,
    workspace: &Arc<Workspace>,
    arguments: DumpArguments,
) -> Result<u8, Failure> {
    let database = find(workspace, &arguments.choice)?;
    if database.schema.is_empty() {
        return Err(Failure::usage("the relationship names no schema").hint("add `--schema`"));
    }
    let mut command = database.dump(&arguments);
    if arguments.gzip {
        // A dump that fails must not look like one that went well, which is what a plain pipe would make of it.
        let script = "set -o pipefail; \"$@\" | gzip --stdout";
        let before = ["/bin/bash", "-c", script, "db-dump"].map(str::to_owned);
        command = before.into_iter().chain(command).collect();
    }
    let file = if arguments.stdout {
        None
    } else {
        let path = path(workspace, &database, &arguments)?;
        Some((create(context, &path)?, path))
    };
    if let Some((_, path)) = &file {
        context.talk(&format!("Writing the dump to {}\n", path.display()));
    }
    let (into, path) = file.unzip();
    let invocation = Invocation {
        command,
        variables: database.variables(),
        into,
    };
    let result = invoke(context, workspace, &arguments.choice.access, invocation).await;
    if let (Some(path), true) = (path, !matches!(result, Ok(0))) {
        // Half a dump is worth less than none.
        let _ = std::fs::remove_file(path);
    }
    result
}

fn path(
    workspace: &Arc<Workspace>,
    database: &Database,
    arguments: &DumpArguments,
) -> Result<PathBuf, Failure> {
    if let Some(directory) = arguments.directory.as_deref().filter(|path| !path.is_dir()) {
        let directory = directory.display();
        return Err(Failure::new(
            BAD_FILE,
            format!("`{directory}` is not a directory"),
        ));
    }
    let mut name = arguments
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(usual_name(workspace, database, arguments)));
    if arguments.gzip && arguments.file.is_none() {
        name.as_mut_os_string().push(".gz");
    }
    if arguments.timestamp {
        let time = jiff::Timestamp::now()
            .strftime("%Y%m%d-%H%M%S-UTC")
            .to_string();
        let whole = name.file_name().unwrap_or_default().to_string_lossy();
        let stamped = match whole.split_once('.') {
            Some((stem, rest)) if !stem.is_empty() => format!("{stem}--{time}.{rest}"),
            _ => format!("{whole}--{time}"),
        };
        name.set_file_name(stamped);
    }
    Ok(match &arguments.directory {
        Some(directory) => directory.join(name.file_name().unwrap_or_default()),
        None => name,
    })
}

/// `<project>--<environment>--<service>--dump.sql`, as Upsun's CLI calls it.
fn usual_name(
    workspace: &Arc<Workspace>,
    database: &Database,
    arguments: &DumpArguments,
) -> String {
    let environment = &workspace.environment.name;
    let mut name = format!(
        "{}--{environment}--{}",
        workspace.project.id, database.service
    );
    if database.schema != "main" {
        name.push_str(&format!("--{}", database.schema));
    }
    if arguments.schema_only {
        name.push_str("--schema");
    }
    let name = name.replace(['/', '\0'], "-");
    format!("{name}--dump.sql")
}

/// Creates a file that only this user can read; asks before an existing file is replaced.
fn create(context: &Context, path: &Path) -> Result<File, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    if path.symlink_metadata().is_ok() {
        confirm(
            context,
            &format!("{} is there. Replace it?", path.display()),
        )?;
        std::fs::remove_file(path).map_err(|err| unwritable(path, &err))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(|err| unwritable(path, &err))
}

fn unwritable(path: &Path, err: &std::io::Error) -> Failure {
    Failure::new(
        BAD_FILE,
        format!("cannot write `{}`: {err}", path.display()),
    )
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
