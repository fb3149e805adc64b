//! `upsun`: Upsun's own command, on the sandbox. The server that answers it lives in this process, and as long as the
//! command and the activities that it started.

mod process;

use clap::Args;

use super::context::Context;
use super::options::Acting;
use super::serve;
use super::upsun_client::{Client, Program, names_app};
use upsun_local::failure::Failure;

/// Arguments of `upsun`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    acting: Acting,
    /// Command of Upsun's CLI with its arguments, after `--`
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Runs the command, and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let program = Program::find(context)?;
    let caller = arguments.acting.caller(names_app(&arguments.command));
    // From here on signals are counted. The command gets them too: from the terminal, or from `process`.
    let shutdown = context.shutdown()?;
    let server = serve::open(context, None).await?;
    let client = Client::of(context, &program, &server, &caller)?;
    let closing = server.closing();
    let serving = tokio::spawn(server.serve());
    let code = process::run(&program, &client, &arguments.command, &shutdown).await;
    // The command may have left activities behind (`--no-wait`): they run to their ends here.
    closing.close();
    let _ = serving.await;
    code
}
