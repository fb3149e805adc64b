//! `logs`: what an app's processes print.

use clap::Args;
use futures_util::StreamExt;

use super::context::Context;
use super::failure::Failure;
use super::workspace::Workspace;
use crate::engine::Engine;
use crate::engine::spec::{LogRange, Output};
use crate::shutdown::Urgency;

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: super::Target,
    /// What a service prints, instead of an app
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["app", "worker"])]
    service: Option<String>,
    /// Go on with what comes
    #[arg(short, long, visible_alias = "tail")]
    follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "LINES")]
    lines: Option<u64>,
    /// Hide the values of sensitive variables
    #[arg(long)]
    mask: bool,
    /// Put the time before each line
    #[arg(short, long)]
    timestamps: bool,
}

/// Prints a container's log.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    let shutdown = context.shutdown()?;
    let container = match &arguments.service {
        None => Some(workspace.target(&arguments.target)?),
        Some(_) => None,
    };
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let container = match (container, &arguments.service) {
        (Some((app, worker)), _) => workspace.find_container(&engine, app, worker).await?,
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            workspace.find_service(&engine, name).await?
        }
    };
    let range = LogRange {
        follow: arguments.follow,
        tail: arguments.lines,
        timestamps: arguments.timestamps,
    };
    let mut maskers = context.maskers(&workspace, arguments.mask);
    let mut stream = engine.logs(&container.id, range);
    loop {
        tokio::select! {
            () = shutdown.reached(Urgency::Cancel) => return Ok(shutdown.exit_code().unwrap_or(130)),
            piece = stream.next() => match piece {
                None => return maskers.finish(write).map(|()| 0),
                Some(piece) => write(&maskers.push(piece?))?,
            }
        }
    }
}

/// A container's standard output and error go to ours.
fn write(piece: &Output) -> Result<(), Failure> {
    use std::io::Write;
    let written = match piece {
        Output::Stdout(bytes) => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Output::Stderr(bytes) => std::io::stderr().lock().write_all(bytes),
    };
    written.map_err(|_| Failure::silent(141))
}
