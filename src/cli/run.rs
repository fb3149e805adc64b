//! `run`: one operation, in its app's container.

mod found;

use std::time::Duration;

use clap::Args;

use self::found::choose;
use super::context::{Context, Hearing};
use super::mount::snapshots::tell_not_undone;
use super::opened::open_for_builds;
use super::options::{Acting, Running, Target, seconds};
use super::plans::print_plans;
use upsun_local::actions::operation::{Mounts, Operation, Request};
use upsun_local::failure::Failure;
use upsun_local::reporter::style::Style;
use upsun_local::roles::Actor;
use upsun_local::shutdown::Urgency;
use upsun_local::text::safe;
use upsun_local::workspace::{Found, find};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the operation
    #[arg(value_name = "OPERATION")]
    pub(super) operation: Option<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    acting: Acting,
    /// Stop the operation after this many seconds [default: the operation's `timeout`]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Build again, even if nothing changed
    #[arg(long)]
    rebuild: bool,
    /// Build again, without build caches and without packages that earlier builds downloaded
    #[arg(long)]
    no_cache: bool,
    /// Restore all mounts afterwards, and list what the operation changed on them
    #[arg(long, conflicts_with = "dry_run")]
    undo: bool,
    /// Keep a snapshot of all mounts from before the operation, and list what the operation changed on them
    #[arg(long, conflicts_with_all = ["dry_run", "undo", "suggest_mounts", "synced"])]
    snapshot: bool,
    /// Run the operation in a throw-away copy of the app where every path is writable, and suggest the mounts that
    /// it needs
    #[arg(long, conflicts_with_all = ["dry_run", "undo"])]
    suggest_mounts: bool,
    /// Add the suggested mounts to the configuration if the operation passes with them
    #[arg(long, requires = "suggest_mounts")]
    write: bool,
    /// Run the operation in the app as it is edited, beside `upsun-local dev`, not in a clean build
    #[arg(long, conflicts_with_all = ["rebuild", "no_cache", "undo", "suggest_mounts", "dry_run"])]
    synced: bool,
    /// Hide the values of sensitive variables in the output of scripts too
    #[arg(long)]
    mask: bool,
    #[command(flatten)]
    running: Running,
}

/// Runs an operation and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = open_for_builds(context, arguments.no_cache)?;
    let target = arguments.target.named();
    let found = match &arguments.operation {
        Some(name) => find(&workspace, &target, name)?,
        None => choose(context, &workspace, &target)?,
    };
    let actor = arguments.acting.actor(&workspace)?;
    let running = &arguments.running;
    let json = running.json(context);
    let request = Request {
        target: found.target(),
        operation: found.operation.name.clone(),
        timeout: arguments.timeout,
        variables: running.variables(&workspace)?,
        pull: running.pull(),
        rebuild: arguments.rebuild || arguments.no_cache,
        mounts: match (arguments.undo, arguments.suggest_mounts) {
            (true, _) => Mounts::Undo,
            (_, true) => Mounts::Suggest {
                write: arguments.write,
            },
            _ if arguments.snapshot => Mounts::Snapshot,
            _ => Mounts::Keep,
        },
        synced: arguments.synced,
        actor: actor.clone(),
    };
    let operation = Operation::prepare(&workspace, request)?;
    running.warn(context);
    if arguments.dry_run {
        print_plans(context, &workspace, &[&operation.prepared().shown()], json)?;
        if !json {
            let timeout = operation.timeout();
            context.print(&describe_run(&found, &actor, timeout, context.out_style))?;
        }
        return Ok(0);
    }
    let hearing = Hearing {
        json,
        mask: arguments.mask,
    };
    let (actions, listening) = context.actions(&workspace, hearing).await?;
    let result = actions.run(&operation).await;
    let shutdown = listening.finish(actions);
    if arguments.undo && shutdown.urgency() > Urgency::None {
        tell_not_undone(context, &workspace);
    }
    let ran = result?;
    if let Some(why) = ran.kept {
        context.talk(&format!("\n{why}\n"));
    }
    Ok(ran.exit_code)
}

/// The operation, the role and the time limit of a dry run.
fn describe_run(
    found: &Found<'_>,
    actor: &Actor,
    timeout: Option<Duration>,
    style: Style,
) -> String {
    let operation = found.operation;
    let who = match &actor.name {
        Some(name) => format!("{} ({})", safe(name), actor.role),
        None => actor.role.to_string(),
    };
    let mut text = format!("{}\n", style.strong(safe(&operation.name)));
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<8} {value}\n"));
    line("on", &safe(&found.place()));
    line("as", &format!("{who}; it needs {}", operation.role));
    line("command", &super::describe::first_line(&operation.start));
    if let Some(stop) = &operation.stop {
        line("stop", &super::describe::first_line(stop));
    }
    if let Some(limit) = timeout {
        line("timeout", &format!("{} s", limit.as_secs_f64()));
    }
    text
}
