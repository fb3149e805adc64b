//! `source-operation run`: one source operation, in every app that has it.

use std::time::Duration;

use clap::Args;

use super::super::against;
use super::super::context::{Context, Hearing};
use super::super::opened::open;
use super::super::options::{Acting, Running, seconds};
use upsun_local::actions::source_operation::{PlannedSourceOperation, Request};
use upsun_local::failure::Failure;

/// Arguments of `source-operation run`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// Name of the source operation
    #[arg(value_name = "OPERATION")]
    operation: String,
    #[command(flatten)]
    acting: Acting,
    /// Stop the operation in each app after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print the commits as a patch on standard output; the operation's own output then goes to standard error
    #[arg(long)]
    diff: bool,
    /// Bring the commits into this repository: onto the checked-out branch if that loses nothing, otherwise as a
    /// new branch
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    running: Running,
}

/// Runs it and returns its exit code.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let shutdown = context.shutdown()?;
    let workspace = open(context)?;
    let running = &arguments.running;
    let json = running.json(context);
    let request = Request {
        operation: arguments.operation.clone(),
        actor: arguments.acting.actor(&workspace)?,
        timeout: arguments.timeout,
        variables: running.variables(&workspace)?,
        pull: running.pull(),
        diff: arguments.diff,
        is_stdout_taken: arguments.diff && !json,
        apply: arguments.apply,
    };
    let committed = |root: &std::path::Path| against::committed(context, root);
    let planned =
        PlannedSourceOperation::prepare(&workspace, request, committed, &shutdown).await?;
    let hearing = Hearing { json, mask: false };
    let (actions, listening) = context
        .actions_until(planned.workspace(), hearing, shutdown)
        .await?;
    let result = actions.run_source_operation(&planned).await;
    listening.finish(actions);
    let is_kept = result
        .as_ref()
        .is_ok_and(|committed| committed.exit_code == 0);
    if !is_kept && !context.global.quiet {
        context.talk("The commits were discarded, as on Upsun.\n");
    }
    let committed = result?;
    if !json {
        context.print_bytes(&committed.patch)?;
    }
    if committed.has_news && !arguments.apply && !context.global.quiet {
        context.talk(
            "Nothing was changed in this repository; run it again with `--apply` to bring the commits in.\n",
        );
    }
    Ok(committed.exit_code)
}
