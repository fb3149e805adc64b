//! `cron run`: one cron now, in its app's container.

use std::time::Duration;

use clap::Args;

use super::super::context::{Context, Hearing};
use super::super::opened::open;
use super::super::options::{Acting, Running, seconds};
use super::super::plans::print_plans;
use upsun_local::actions::cron::{PlannedCron, Request};
use upsun_local::failure::Failure;

/// Arguments of `cron run`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// Name of the cron
    #[arg(value_name = "CRON")]
    cron: String,
    /// Name of the app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    #[command(flatten)]
    acting: Acting,
    /// Stop the cron after this many seconds [default: the cron's `timeout`]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Build again, even if nothing changed
    #[arg(long)]
    rebuild: bool,
    /// Hide the values of sensitive variables in the output of scripts too
    #[arg(long)]
    mask: bool,
    #[command(flatten)]
    running: Running,
}

/// Runs a cron and returns its exit code.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let running = &arguments.running;
    let request = Request {
        app: arguments.app.clone(),
        cron: arguments.cron.clone(),
        actor: arguments.acting.actor(&workspace)?,
        timeout: arguments.timeout,
        variables: running.variables(&workspace)?,
        pull: running.pull(),
        rebuild: arguments.rebuild,
    };
    let cron = PlannedCron::prepare(&workspace, request)?;
    running.warn(context);
    let json = running.json(context);
    if arguments.dry_run {
        return print_plans(context, &workspace, &[&cron.prepared().shown()], json);
    }
    let hearing = Hearing {
        json,
        mask: arguments.mask,
    };
    let (actions, listening) = context.actions(&workspace, hearing).await?;
    let result = actions.run_cron(&cron).await;
    listening.finish(actions);
    result
}
