//! `source-operation run|list`: commands that commit to the repository, tried on a scratch clone.

mod list;
mod run;

use clap::Subcommand;

use super::context::Context;
use upsun_local::failure::Failure;

use upsun_local::actions::source_operation::DOCS;

/// What to do with source operations.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a source operation on a clone of HEAD, in every app that has it
    Run(run::Arguments),
    /// List the source operations
    List(list::Arguments),
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => Box::pin(run::run(context, &arguments)).await,
        Command::List(arguments) => list::run(context, &arguments),
    }
}
