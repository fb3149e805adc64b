//! `down`: takes away an environment's containers.

use std::io::{IsTerminal, Write};

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::workspace::Workspace;
use crate::lifecycle::{Down, Error};
use crate::lock::Lock;

/// Arguments of `down`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Delete the data of mounts too
    #[arg(short = 'V', long)]
    volumes: bool,
    /// Do not wait for what runs: end it
    #[arg(long)]
    force: bool,
}

/// Takes an environment down.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    // A configuration that is broken must not keep anybody from taking down what an earlier one started.
    let workspace = Workspace::open_lenient(context)?;
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
    take_down(context, &workspace, down, arguments.force).await
}

async fn take_down(
    context: &Context,
    workspace: &Workspace,
    down: Down,
    force: bool,
) -> Result<u8, Failure> {
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen(false, &shutdown);
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let act = async {
        let lock = match sandbox.try_lock("down") {
            Err(Error::Lock(crate::lock::Error::Busy { .. })) if force => {
                sandbox.lock_by_force("down").await?
            }
            lock => Some(lock?),
        };
        let kept = sandbox.down(down).await?;
        lock.into_iter().for_each(Lock::release);
        Ok(kept)
    };
    let result = sandbox.until_left(act).await;
    listening.finish();
    let kept = result.map_err(|err| busy(Failure::of(err, &shutdown)))?;
    if kept.removed == 0 && !context.global.quiet {
        context.talk("Nothing was up.\n");
    }
    Ok(0)
}

/// How to go on where somebody else is at it.
pub(super) fn busy(failure: Failure) -> Failure {
    if failure.code == super::failure::BUSY {
        failure.hint("wait for it, or end it with `upsun-local down --force`")
    } else {
        failure
    }
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
        return Err(
            Failure::usage(format!("not done without an answer: {question}")).hint("add `--yes`"),
        );
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
