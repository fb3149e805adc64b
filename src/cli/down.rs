//! `down`: takes away an environment's containers.

use std::io::{IsTerminal, Write};

use clap::Args;

use super::context::{Context, Hearing};
use super::opened::open_lenient;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::Down;

/// Arguments of `down`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Delete the data of mounts too
    #[arg(short = 'V', long)]
    volumes: bool,
    /// End running activities instead of waiting for them
    #[arg(long)]
    force: bool,
}

/// Takes an environment down.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    // A configuration that is broken must not keep anybody from taking down what an earlier one started.
    let workspace = open_lenient(context)?;
    if arguments.volumes {
        let question = format!(
            "Delete the data of all mounts of `{}` in the environment `{}`?",
            workspace.project.id, workspace.environment.name
        );
        confirm(context, &question)?;
    }
    let down = if arguments.volumes {
        Down::WithVolumes
    } else {
        Down::KeepVolumes
    };
    let (actions, listening) = context.actions(&workspace, Hearing::default()).await?;
    let result = actions.down(down, arguments.force).await;
    listening.finish(actions);
    if result?.removed == 0 && !context.global.quiet {
        context.talk("Nothing was up.\n");
    }
    Ok(0)
}

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on a terminal; without one, only `--yes` will do.
pub(super) fn confirm(context: &Context, question: &str) -> Result<(), Failure> {
    if context.global.yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Failure::usage(format!("this needs an answer: {question}")).hint("add `--yes`"));
    }
    context.talk(&format!("{question} [y/N] "));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::usage("not done"))
    }
}
