//! `mount list|size|upload|download|reset`, and with `snapshots` `mount snapshot|restore|diff`.

pub(super) mod snapshots;

use crate::text;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::Context;
use super::down::confirm;
use super::failure::Failure;
use super::run::Format;
use super::workspace::{Workspace, nearest};
use crate::config::app::{Mount, MountSource};
use crate::plan::User;

/// What to do with mounts.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the mounts
    List(ListArguments),
    /// Show how much is on them
    Size(ListArguments),
    /// Copy a directory's content onto a mount
    Upload(CopyArguments),
    /// Copy what is on a mount into a directory
    Download(CopyArguments),
    /// Delete everything on a mount
    Reset(ResetArguments),
    /// Keep what is on all mounts now
    Snapshot(snapshots::SnapshotArguments),
    /// Put back what was on all mounts when a snapshot was taken
    Restore(snapshots::RestoreArguments),
    /// Show what is different from a snapshot
    Diff(snapshots::DiffArguments),
}

/// Arguments of `mount list` and `mount size`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    target: super::Target,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Arguments of `mount upload` and `mount download`.
#[derive(Debug, Args)]
pub(super) struct CopyArguments {
    #[command(flatten)]
    target: super::Target,
    /// The mount's path, as in the configuration
    #[arg(short, long, value_name = "MOUNT")]
    mount: String,
    /// The directory on this machine
    #[arg(long = "local", visible_aliases = ["source", "target"], value_name = "DIR")]
    local: PathBuf,
}

/// Arguments of `mount reset`.
#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    #[command(flatten)]
    target: super::Target,
    /// The mount's path, as in the configuration; all of them when none is given
    #[arg(short, long, value_name = "MOUNT")]
    mount: Option<String>,
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
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
    let (app, worker) = workspace.target(target)?;
    let mounts = worker.map_or(&app.mounts, |worker| &worker.mounts);
    if let Command::List(arguments) = &command {
        return list(context, mounts, arguments.format);
    }
    let paths: Vec<String> = mounts.iter().map(|mount| mount.path.clone()).collect();
    let all = paths.clone();
    let chosen = match &command {
        Command::Upload(arguments) | Command::Download(arguments) => {
            vec![find(mounts, &arguments.mount)?]
        }
        Command::Reset(ResetArguments {
            mount: Some(mount), ..
        }) => vec![find(mounts, mount)?],
        _ => paths,
    };
    if let Command::Reset(_) = &command {
        let names: Vec<String> = chosen.iter().map(|path| format!("/{path}")).collect();
        confirm(
            context,
            &format!("Delete everything on {}?", names.join(", ")),
        )?;
    }
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let id = workspace
        .ensure_up(
            context,
            &engine,
            &shutdown,
            app,
            worker.map(|worker| worker.name.as_str()),
        )
        .await?;
    let listening = context.listen(false, &shutdown);
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let user = User {
        uid: workspace.settings.user.uid,
        gid: workspace.settings.user.gid,
    };
    let act = async {
        match &command {
            Command::List(_) | Command::Snapshot(_) | Command::Restore(_) | Command::Diff(_) => {
                Ok(None)
            }
            Command::Size(_) => Ok(Some(sandbox.mount_sizes(&id, &chosen).await?)),
            Command::Upload(arguments) => sandbox
                .upload_to_mount(&id, &chosen[0], &arguments.local, user)
                .await
                .map(|()| None),
            Command::Download(arguments) => sandbox
                .download_from_mount(&id, &chosen[0], &arguments.local)
                .await
                .map(|()| None),
            Command::Reset(_) => {
                let lock = sandbox.lock("mount reset").await?;
                for mount in &chosen {
                    sandbox.empty_mount(&id, mount, &all).await?;
                }
                lock.release();
                Ok(None)
            }
        }
    };
    let act = sandbox.interruptible(&id, std::time::Duration::ZERO, act);
    let result = sandbox.until_left(act).await;
    listening.finish();
    match (result.map_err(|err| Failure::of(err, &shutdown))?, &command) {
        (Some(sizes), Command::Size(arguments)) => {
            if arguments.format == Format::Json {
                let text = crate::json::pretty(&sizes);
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
            context
                .print(&super::table::aligned(
                    &table,
                    true,
                    true,
                    context.out_style,
                ))
                .map(|()| 0)
        }
        (_, Command::Upload(arguments)) => {
            let to = format!("{} to /{}", arguments.local.display(), chosen[0]);
            tell(context, &format!("Copied {to}"));
            Ok(0)
        }
        (_, Command::Download(arguments)) => {
            let to = format!("/{} to {}", chosen[0], arguments.local.display());
            tell(context, &format!("Copied {to}"));
            Ok(0)
        }
        (_, Command::Reset(_)) => {
            let names: Vec<String> = chosen.iter().map(|mount| format!("/{mount}")).collect();
            tell(context, &format!("Emptied {}", names.join(", ")));
            Ok(0)
        }
        _ => Ok(0),
    }
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
        let text = crate::json::pretty(&list);
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

fn find(mounts: &[Mount], wanted: &str) -> Result<String, Failure> {
    let path = wanted.trim_matches('/');
    if mounts.iter().any(|mount| mount.path == path) {
        return Ok(path.to_owned());
    }
    let names: Vec<&str> = mounts.iter().map(|mount| mount.path.as_str()).collect();
    let failure = Failure::usage(format!("there is no mount `{wanted}`"));
    Err(match nearest(path, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `/{near}`?")),
        None => failure.hint(format!("there are: {}", names.join(", "))),
    })
}
