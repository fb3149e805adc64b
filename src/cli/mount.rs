//! `mount list|size|upload|download|reset`, and with `snapshots` `mount snapshot|restore|diff`.

pub(super) mod snapshots;

use super::opened::open;
use std::path::PathBuf;
use upsun_local::text;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::{Context, Hearing};
use super::down::confirm;
use super::options::Format;
use upsun_local::actions::Mounts;
use upsun_local::config::app::{Mount, MountSource};
use upsun_local::failure::Failure;
use upsun_local::lifecycle::MountUsage;

/// What to do with mounts.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the mounts
    List(ListArguments),
    /// Show how much data is on the mounts
    Size(ListArguments),
    /// Copy the content of a directory to a mount
    Upload(CopyArguments),
    /// Copy the content of a mount to a directory
    Download(CopyArguments),
    /// Delete everything on a mount
    Reset(ResetArguments),
    /// Keep a copy of all mounts
    Snapshot(snapshots::SnapshotArguments),
    /// Restore all mounts from a snapshot
    Restore(snapshots::RestoreArguments),
    /// Compare the mounts with a snapshot
    Diff(snapshots::DiffArguments),
}

/// Arguments of `mount list` and `mount size`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    target: super::options::Target,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Arguments of `mount upload` and `mount download`.
#[derive(Debug, Args)]
pub(super) struct CopyArguments {
    #[command(flatten)]
    target: super::options::Target,
    /// Path of the mount, as in the configuration
    #[arg(short, long, value_name = "MOUNT")]
    mount: String,
    /// Directory on this machine
    #[arg(long = "local", visible_aliases = ["source", "target"], value_name = "DIR")]
    local: PathBuf,
}

/// Arguments of `mount reset`.
#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    #[command(flatten)]
    target: super::options::Target,
    /// Path of the mount, as in the configuration; without it, all mounts
    #[arg(short, long, value_name = "MOUNT")]
    mount: Option<String>,
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let target = match &command {
        Command::List(arguments) | Command::Size(arguments) => &arguments.target,
        Command::Upload(arguments) | Command::Download(arguments) => &arguments.target,
        Command::Reset(arguments) => &arguments.target,
        Command::Snapshot(arguments) => {
            return snapshots::run(context, &workspace, snapshots::Act::Snapshot(arguments)).await;
        }
        Command::Restore(arguments) => {
            return snapshots::run(context, &workspace, snapshots::Act::Restore(arguments)).await;
        }
        Command::Diff(arguments) => {
            return snapshots::run(context, &workspace, snapshots::Act::Diff(arguments)).await;
        }
    };
    let (app, worker) = workspace.target(&target.named())?;
    let mounts = Mounts::of(app, worker);
    let chosen = match &command {
        Command::List(arguments) => return list(context, mounts.all, arguments.format),
        Command::Upload(arguments) | Command::Download(arguments) => {
            vec![mounts.find(&arguments.mount)?]
        }
        Command::Reset(ResetArguments {
            mount: Some(mount), ..
        }) => vec![mounts.find(mount)?],
        _ => mounts.paths(),
    };
    let names: Vec<String> = chosen.iter().map(|path| format!("/{path}")).collect();
    let names = names.join(", ");
    if let Command::Reset(_) = &command {
        confirm(context, &format!("Delete everything on {names}?"))?;
    }
    let (actions, listening) = context.actions(&workspace, Hearing::default()).await?;
    let said = match &command {
        Command::Size(arguments) => {
            let sizes = actions.mount_sizes(mounts, &chosen).await;
            listening.finish(actions);
            return print_sizes(context, &sizes?, arguments.format);
        }
        Command::Upload(arguments) => {
            let done = actions.upload_to_mount(mounts, &chosen[0], &arguments.local);
            let said = format!("Copied {} to {names}", arguments.local.display());
            done.await.map(|()| said)
        }
        Command::Download(arguments) => {
            let done = actions.download_from_mount(mounts, &chosen[0], &arguments.local);
            let said = format!("Copied {names} to {}", arguments.local.display());
            done.await.map(|()| said)
        }
        _ => {
            let done = actions.empty_mounts(mounts, &chosen).await;
            done.map(|()| format!("Emptied {names}"))
        }
    };
    listening.finish(actions);
    tell(context, &said?);
    Ok(0)
}

fn print_sizes(context: &Context, sizes: &[MountUsage], format: Format) -> Result<u8, Failure> {
    if format == Format::Json {
        let text = upsun_local::json::pretty(&sizes);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let header = vec!["Mount".to_owned(), "Size".to_owned(), "Files".to_owned()];
    let rows = sizes.iter().map(|usage| {
        vec![
            format!("/{}", usage.mount),
            text::bytes(usage.bytes),
            usage.files.to_string(),
        ]
    });
    let table: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let text = super::table::aligned(&table, true, true, context.out_style);
    context.print(&text).map(|()| 0)
}

fn tell(context: &Context, message: &str) {
    if !context.global.quiet {
        context.talk(&format!("{}\n", text::safe(message)));
    }
}

fn source(mount: &Mount) -> (&'static str, String) {
    match &mount.source {
        MountSource::Storage { app } => ("storage", app.clone()),
        MountSource::Instance => ("instance", String::new()),
        MountSource::Temporary => ("tmp", String::new()),
        MountSource::Service { service } => ("service", service.clone()),
    }
}

fn list(context: &Context, mounts: &[Mount], format: Format) -> Result<u8, Failure> {
    if format == Format::Json {
        let list: Vec<_> = mounts
            .iter()
            .map(|mount| {
                let (source, owner) = source(mount);
                json!({ "mount": mount.path, "source": source, "owner": owner, "source_path": mount.source_path })
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if mounts.is_empty() {
        context.talk("No mounts are defined: everything but /tmp is read-only at run time.\n");
        return Ok(0);
    }
    let header = ["Mount", "Source", "Of", "Source path"]
        .map(str::to_owned)
        .to_vec();
    let rows = mounts.iter().map(|mount| {
        let (source, owner) = source(mount);
        vec![
            format!("/{}", mount.path),
            source.to_owned(),
            owner,
            mount.source_path.clone(),
        ]
    });
    let table: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    context
        .print(&super::table::aligned(
            &table,
            true,
            true,
            context.out_style,
        ))
        .map(|()| 0)
}
