//! `source-operation run|list`: commands that commit to the repository, tried on a scratch clone.

mod list;
mod run;

use clap::Subcommand;
use serde_json::Value;

use super::context::Context;
use super::failure::Failure;
use crate::config::Config;
use crate::config::app::App;

/// Where Upsun explains them.
const DOCS: &str = "https://docs.upsun.com/create-apps/source-operations.html";

/// What to do with source operations.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a source operation, on a clone of HEAD, in every app that has it
    Run(run::Arguments),
    /// List the source operations
    List(list::Arguments),
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => run::run(context, &arguments).await,
        Command::List(arguments) => list::run(context, &arguments),
    }
}

/// A source operation of an app.
#[derive(Debug, Clone)]
struct Found<'a> {
    app: &'a App,
    name: String,
    command: String,
}

/// All source operations, in the order in which they are written.
fn all(config: &Config) -> Vec<Found<'_>> {
    config.apps.values().flat_map(of).collect()
}

fn of(app: &App) -> Vec<Found<'_>> {
    let operations = app
        .raw
        .get("source")
        .and_then(|source| source.get("operations"))
        .and_then(Value::as_object);
    operations
        .into_iter()
        .flatten()
        .filter_map(|(name, operation)| {
            let command = operation.get("command")?.as_str()?;
            Some(Found {
                app,
                name: name.clone(),
                command: command.to_owned(),
            })
        })
        .collect()
}
