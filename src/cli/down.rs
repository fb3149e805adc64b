//! `down` and `clean`: take away what was made.

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::workspace::Workspace;
use crate::lifecycle::Down;
use crate::lock::Lock;
use crate::scratch;

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

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub(super) struct CleanArguments {
    /// Remove derived images too, of all repositories, unless a container uses them
    #[arg(long)]
    images: bool,
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
    take_down(context, &workspace, down, arguments.force, false).await
}

/// Removes everything of a project.
pub(super) async fn clean(context: &Context, arguments: &CleanArguments) -> Result<u8, Failure> {
    let workspace = Workspace::open_lenient(context)?;
    let question = format!(
        "Delete containers, mount data, builds and caches of `{}` in all environments?",
        workspace.project.id
    );
    confirm(context, &question)?;
    take_down(
        context,
        &workspace,
        Down::Everything,
        false,
        arguments.images,
    )
    .await
}

async fn take_down(
    context: &Context,
    workspace: &Workspace,
    down: Down,
    force: bool,
    images: bool,
) -> Result<u8, Failure> {
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen(false, &shutdown);
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let act = async {
        let what = if down == Down::Everything {
            "clean"
        } else {
            "down"
        };
        let state = &workspace.project.state_dir;
        let mut guard = None;
        let taken = if down == Down::Everything {
            // Clones whose holders were killed go with everything else.
            guard = Some(Lock::try_take(&scratch::guard(state), what)?);
            scratch::clear(state);
            sandbox.try_lock_all(what)
        } else {
            sandbox.try_lock(what).map(|lock| vec![lock])
        };
        let locks = match taken {
            Ok(locks) => locks,
            Err(crate::lifecycle::Error::Lock(crate::lock::Error::Busy { .. })) if force => {
                sandbox.lock_by_force(what).await?.into_iter().collect()
            }
            Err(err) => return Err(err),
        };
        let mut kept = sandbox.down(down).await?;
        if images {
            kept.removed += sandbox.remove_images().await?;
        }
        if down == Down::Everything {
            forget(state);
        }
        for lock in locks.into_iter().chain(guard) {
            lock.release();
        }
        Ok(kept)
    };
    let result = sandbox.until_left(act).await;
    listening.finish();
    let kept = result.map_err(|err| {
        let failure = Failure::of(err, &shutdown);
        if failure.code == super::failure::BUSY {
            failure.hint("wait for it, or end it with `upsun-local down --force`")
        } else {
            failure
        }
    })?;
    if kept.removed == 0 && !context.global.quiet {
        context.talk("Nothing was up.\n");
    }
    Ok(0)
}

/// Removes what is remembered of a project. Its lock files stay, as somebody may wait for one: whoever locked a
/// file that is no more would not be seen by the next one.
fn forget(state: &Path) {
    for entry in std::fs::read_dir(state).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // What cannot be removed is worth no more than a cache.
        let _ = if is_directory {
            std::fs::remove_dir_all(&path)
        } else if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            Ok(())
        } else {
            std::fs::remove_file(&path)
        };
    }
}

/// Asks on a terminal; without one, only `--yes` will do.
pub(super) fn confirm(context: &Context, question: &str) -> Result<(), Failure> {
    if context.global.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
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
