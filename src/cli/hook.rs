//! `hook`: checks and operation tests in front of every push, as Git's pre-push hook.

mod run;

use std::path::PathBuf;

use clap::Subcommand;

use super::context::Context;
use super::opened::root;
use upsun_local::failure::Failure;
use upsun_local::push_hook::place::{self, Place};
use upsun_local::push_hook::{install, uninstall};

/// What to do with the hook.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run `check` and `test` before every push; a hook that is already there runs first
    Install,
    /// Check and test what is pushed; call it from a hook that another tool manages
    Run(run::Arguments),
    /// Remove the hook, and restore the hook that was there before
    Uninstall,
}

/// Installs, uninstalls, or does what the hook does.
pub(super) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let words = match command {
        Command::Run(arguments) => return run::run(context, arguments),
        Command::Install => {
            place::refuse_bare(&directory(context)?)?;
            let root = root(context)?;
            let root = root
                .canonicalize()
                .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
            install(&Place::of(&root)?)?
        }
        Command::Uninstall => {
            // The project may be gone already.
            let directory = directory(context)?;
            place::refuse_bare(&directory)?;
            uninstall(&Place::of(&directory)?)?
        }
    };
    if !context.global.quiet {
        context.talk(&words);
    }
    Ok(0)
}

fn directory(context: &Context) -> Result<PathBuf, Failure> {
    let asked = context.global.dir.clone();
    let directory = asked.map_or_else(std::env::current_dir, Ok);
    let directory = directory.and_then(|directory| directory.canonicalize());
    directory.map_err(|err| Failure::usage(format!("no such directory: {err}")))
}
