//! `dev`: everything up, and the apps in step with the working tree.

use std::num::NonZeroU8;

use clap::Args;

use super::context::{Context, Hearing};
use super::opened::{open, open_again};
use super::options::{Format, PullChoice, at_once};
use upsun_local::actions::dev::Request;
use upsun_local::failure::Failure;

/// Arguments of `dev`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Edit only these apps
    #[arg(value_name = "APP")]
    apps: Vec<String>,
    /// Number of apps to build and start at once [default: the number of processors, at most 4]
    #[arg(short, long, value_name = "N", value_parser = at_once)]
    jobs: Option<NonZeroU8>,
    /// When to pull images from their registry
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Brings everything up, and writes what is edited into the apps until Ctrl-C.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let request = Request {
        apps: arguments.apps,
        pull: arguments.pull.into(),
        jobs: arguments
            .jobs
            .map_or_else(upsun_local::actions::up::usual_jobs, |jobs| {
                jobs.get().into()
            }),
    };
    let json = arguments.format == Format::Json;
    let (actions, listening) = context
        .actions(&workspace, Hearing { json, mask: false })
        .await?;
    let result = actions.dev(&request, &|| open_again(context)).await;
    listening.finish(actions);
    result
}
