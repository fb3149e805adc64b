//! `hook run`: what the installed hook runs for each project, for every other tool that looks after hooks too.

use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::context::{Context, IN_HOOK};
use upsun_local::config;
use upsun_local::failure::Failure;
use upsun_local::push_hook::place;
use upsun_local::source::Git;

/// Arguments of `hook run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Arguments that Git passes to the hook: the name of the remote and its URL
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

const SCRIPT: &str = include_str!("run.sh");

/// Becomes the script, with the refs that Git gives on standard input.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::usage(
            "what is pushed is read from standard input, as Git gives it to its pre-push hook",
        )
        .hint("pass the standard input of the hook on: with lefthook, set `use_stdin: true`"));
    }
    let Some(root) = root(context)? else {
        // Other branches may have nothing for Upsun.
        context.talk("upsun-local: the project is not checked out, so this push is not checked\n");
        return Ok(0);
    };
    let (git, top, directory) = found(&root)?;
    let git = git
        .guarded(&top)
        .map_err(|reason| Failure::usage(format!("Git cannot read this repository: {reason}")))?;
    let overrides = git.overrides.as_deref().unwrap_or_default();
    let script = [&Git::shell_function(overrides), "\n", SCRIPT].concat();
    let err = git
        .beside("sh", &top)
        .args(["-c", &script, "upsun-local"])
        .arg(program())
        .arg(directory)
        .args(&arguments.arguments)
        .env(IN_HOOK, "1")
        .exec();
    Err(Failure::fault(format!("`sh` cannot be run: {err}")))
}

/// The project, if there is a directory for it. What is checked out may have nothing for Upsun, and what is pushed may.
fn root(context: &Context) -> Result<Option<PathBuf>, Failure> {
    if let Some(directory) = &context.global.dir {
        return Ok(directory.is_dir().then(|| directory.clone()));
    }
    let here = std::env::current_dir()
        .map_err(|err| Failure::usage(format!("the current directory is not there: {err}")))?;
    Ok(Some(config::find_root(&here).unwrap_or(here)))
}

/// The Git to ask about a project, with the top of the work tree and the project relative to it.
fn found(root: &Path) -> Result<(Git, PathBuf, String), Failure> {
    let git = Git::of_process();
    match (place::within(&git, root), Git::of_variables()) {
        (Ok((top, directory)), _) => Ok((git, top, directory)),
        // `GIT_DIR` alone can name the repository of a work tree without `.git`.
        (Err(_), Some(git)) => {
            place::within(&git, root).map(|(top, directory)| (git, top, directory))
        }
        (Err(failure), None) => Err(failure),
    }
}

/// This program, by the name that it was started by.
fn program() -> PathBuf {
    let name = std::env::args_os().next().map(PathBuf::from);
    match name {
        // `PATH` has it.
        Some(name) if name.components().count() == 1 && !name.has_root() => name,
        _ => std::env::current_exe().unwrap_or_else(|_| PathBuf::from("upsun-local")),
    }
}
