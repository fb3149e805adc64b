//! `up`: builds and starts every app and worker, or only those that are named.

use std::num::NonZeroU8;

use clap::Args;

use super::context::{Context, Hearing};
use super::opened::open_for_builds;
use super::options::{Format, PullChoice, at_once};
use super::plans::print_plans;
use super::tunnel;
use upsun_local::actions::up::{Request, Up, usual_jobs};
use upsun_local::engine::Engine;
use upsun_local::event::Notice;
use upsun_local::failure::Failure;

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Start only these apps
    #[arg(value_name = "APP")]
    apps: Vec<String>,
    /// Build again, even if nothing changed
    #[arg(long)]
    rebuild: bool,
    /// Build again, without build caches and without packages that earlier builds downloaded
    #[arg(long)]
    no_cache: bool,
    /// Number of apps to build and start at once [default: the number of processors, at most 4]
    #[arg(short, long, value_name = "N", value_parser = at_once)]
    jobs: Option<NonZeroU8>,
    /// When to pull images from their registry
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Keep running, and run the crons on schedule, until Ctrl-C
    #[arg(long)]
    crons: bool,
    /// Print what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Open the primary route in a browser when everything is up
    #[arg(long)]
    open: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Brings everything up.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = open_for_builds(context, arguments.no_cache)?;
    let request = Request {
        apps: arguments.apps,
        pull: arguments.pull.into(),
        rebuild: arguments.rebuild || arguments.no_cache,
        jobs: arguments
            .jobs
            .map_or_else(usual_jobs, |jobs| jobs.get().into()),
        crons: arguments.crons,
        opens_tunnels: arguments.open,
    };
    let up = Up::prepare(&workspace, request)?;
    let json = context.wants_json(arguments.format == Format::Json);
    if arguments.dry_run {
        let plans: Vec<_> = up.plans().collect();
        return print_plans(context, &workspace, &plans, json);
    }
    if arguments.crons && !up.has_crons() {
        return Err(
            Failure::usage("`--crons` has nothing to run: no crons are defined")
                .hint(format!("see {}", super::cron::DOCS)),
        );
    }
    let (actions, listening) = context
        .actions(&workspace, Hearing { json, mask: false })
        .await?;
    let events = listening.events.clone();
    let is_elsewhere = actions.engine.other_machine().is_some();
    let open = || {
        if !arguments.open {
            return;
        }
        match workspace.entrance.primary() {
            Some(route) => {
                if is_elsewhere && let Err(failure) = tunnel::open_routes(context, &workspace) {
                    context.say(&failure);
                    return;
                }
                super::browser::open(context, &route.url(workspace.entrance.port));
            }
            None => events.offer(Notice::Warning {
                message: "there is no route to open".to_owned(),
                hint: None,
            }),
        }
    };
    let result = actions.up(&up, open).await;
    listening.finish((actions, events));
    if arguments.crons && result.is_ok() && !context.global.quiet {
        context.talk("The crons have stopped; what is up stays up until `upsun-local down`\n");
    }
    result
}
