//! `serve`: Upsun's API and the console, for as long as the command runs.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::context::Context;
use super::opened::{open_lenient, root};
use super::options::Acting;
use super::upsun_client::Client;
use upsun_local::engine::docker::DockerEngine;
use upsun_local::failure::Failure;
use upsun_local::server::{Caller, Connecting, Manner, Server, Serving, project_id, remember};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Port of this machine [default: any that is free]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Open the console in a browser
    #[arg(long)]
    open: bool,
    /// Serve all sandboxes of this user on the engine, and the repositories that were served before
    #[arg(long)]
    all: bool,
    /// Print the variables that lead the `upsun` command here, for a shell
    #[arg(long)]
    print_env: bool,
    #[command(flatten)]
    acting: Acting,
}

/// Serves until Ctrl-C.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    if !arguments.print_env && arguments.acting.is_given() {
        return Err(Failure::usage(
            "`--role` and `--as` say who the `upsun` command of `--print-env` is",
        )
        .hint("the console lets you choose who you are"));
    }
    let root = match root(context) {
        Ok(root) => Some(root),
        // All sandboxes are served from any directory.
        Err(_) if arguments.all && context.global.dir.is_none() => None,
        Err(failure) => return Err(failure),
    };
    let workspace = match root.as_ref().map(|_| open_lenient(context)) {
        Some(Err(failure)) if arguments.print_env => return Err(failure),
        // The console shows what is wrong with a repository that cannot be read.
        opened => opened.and_then(Result::ok),
    };
    let mut server = open(context, root, arguments.all, arguments.port).await?;
    server.announce(&context.state_dir()?, &manner(context))?;
    if let Some(workspace) = &workspace {
        // The note is no more than a help for `--all`.
        let _ = remember(&workspace.project);
    }
    let console = format!("{}/#{}", server.address(), server.token(&Caller::default()));
    if arguments.print_env {
        let caller = arguments.acting.caller(false);
        let project = workspace.as_ref().map(|workspace| project_id(workspace));
        let running = server.running(project.unwrap_or_default());
        let client = Client::for_a_shell(context, workspace.as_deref(), &running, &caller)?;
        context.print(&client.for_shell())?;
        // A shell that reads the variables goes on at the end of this output: `source <(upsun-local serve --print-env)`.
        close_stdout()?;
    }
    if !context.global.quiet {
        context.talk_as_it_is(&format!("The console is at {console}\n"));
    }
    if arguments.open {
        super::browser::open(context, &console);
    }
    server.serve().await;
    // Ctrl-C is how a server ends.
    Ok(0)
}

/// Gives up standard output.
fn close_stdout() -> Result<(), Failure> {
    let null = std::fs::File::options().write(true).open("/dev/null");
    let closed = null.and_then(|null| Ok(rustix::stdio::dup2_stdout(null)?));
    closed.map_err(|err| Failure::unwritten(&err))
}

/// A server for a repository, or for all.
pub(super) async fn open(
    context: &Context,
    root: Option<PathBuf>,
    everywhere: bool,
    port: Option<u16>,
) -> Result<Server<DockerEngine>, Failure> {
    let shutdown = context.shutdown()?;
    let connecting = context.connecting()?;
    let connect: Connecting<DockerEngine> = Arc::new(connecting);
    let serving = Serving {
        root,
        everywhere,
        surroundings: context.surroundings.clone(),
        connect,
    };
    Server::open(serving, port, shutdown).await
}

/// What a server of this process answers by, besides its repository.
pub(super) fn manner(context: &Context) -> Manner {
    let engine = context.global.engines.first().map(String::as_str);
    Manner::of(&context.surroundings, engine)
}
