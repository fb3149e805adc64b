//! `db sql` and `db dump`: a database's own client, in the container of an app that has a relationship to it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::context::Context;
use super::down::confirm;
use super::exec::{Access, Invocation, invoke};
use super::opened::open;
use upsun_local::actions::database::{Database, Dump, find_relationship};
use upsun_local::failure::{BAD_FILE, Failure};
use upsun_local::workspace::Workspace;

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

fn find(workspace: &Arc<Workspace>, choice: &Choice) -> Result<Database, Failure> {
    let (_, mut database) = find_relationship(
        workspace,
        &choice.access.target.named(),
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
    let dump = Dump {
        table: arguments.table.clone(),
        exclude_table: arguments.exclude_table.clone(),
        schema_only: arguments.schema_only,
        charset: arguments.charset.clone(),
    };
    let mut command = database.dump(&dump);
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
        synced: false,
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
