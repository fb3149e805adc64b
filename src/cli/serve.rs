//! `serve`: Upsun's API and the console, for as long as the command runs.

use clap::Args;

use super::context::Context;
use super::opened::root;
use super::options::Acting;
use super::upsun_client::Client;
use upsun_local::engine::docker::DockerEngine;
use upsun_local::failure::Failure;
use upsun_local::server::{Caller, Connecting, Place, Server};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Port of this machine [default: any that is free]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Open the console in a browser
    #[arg(long)]
    open: bool,
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
    let server = open(context, arguments.port).await?;
    let console = format!("{}/#{}", server.address(), server.token(&Caller::default()));
    if arguments.print_env {
        let caller = arguments.acting.caller(false);
        let client = Client::for_a_shell(context, &server, &caller)?;
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

/// A server for the repository at hand.
pub(super) async fn open(
    context: &Context,
    port: Option<u16>,
) -> Result<Server<DockerEngine>, Failure> {
    let shutdown = context.shutdown()?;
    let state = context.surroundings.home.state_dir();
    let state = state.map_err(|err| Failure::no_state(&err))?.path;
    let connecting = context.connecting()?;
    let connect: Connecting<DockerEngine> = Box::new(move |setting| connecting(setting));
    let place = Place::new(root(context)?, context.surroundings.clone(), connect);
    Server::open(place, &state, port, shutdown).await
}
