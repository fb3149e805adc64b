//! `upsun`: Upsun's own command, on the sandbox. A `serve` that runs for the repository answers it; without one, a server
//! in this process, which lives as long as the command and the activities that it started.

mod process;

use clap::Args;

use super::context::Context;
use super::opened::open_lenient;
use super::options::Acting;
use super::serve;
use super::upsun_client::{Client, Program, names_app};
use upsun_local::failure::Failure;
use upsun_local::server::{Running, project_id, remember};
use upsun_local::workspace::Workspace;

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
    let workspace = open_lenient(context)?;
    if let Some(running) = running(context, &workspace)? {
        tracing::debug!(address = running.address, "a server that runs is used");
        let client = Client::of(context, &workspace, &program, &running, &caller)?;
        return process::run(&program, &client, &arguments.command, &shutdown).await;
    }
    let root = Some(workspace.project.root.clone());
    let server = serve::open(context, root, false, None).await?;
    let running = server.running(project_id(&workspace));
    let client = Client::of(context, &workspace, &program, &running, &caller)?;
    let closing = server.closing();
    let serving = tokio::spawn(server.serve());
    let code = process::run(&program, &client, &arguments.command, &shutdown).await;
    // The command may have left activities behind (`--no-wait`): they run to their ends here.
    closing.close();
    let _ = serving.await;
    code
}

/// A `serve` of another process that answers as a server of this process would.
fn running(context: &Context, workspace: &Workspace) -> Result<Option<Running>, Failure> {
    // A server for all repositories finds those that it does not know yet by this note.
    let _ = remember(&workspace.project);
    let state = context.state_dir()?;
    Ok(Running::find(
        &state,
        &serve::manner(context),
        &workspace.project.root,
    ))
}
