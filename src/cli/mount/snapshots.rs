//! `mount snapshot|restore|diff`: what is on the mounts at one moment, kept and compared.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::super::context::{Context, Hearing};
use super::super::down::confirm;
use super::super::options::Format;
use super::super::options::Target;
use super::tell;
use upsun_local::actions::{Mounts, check_name, same_mounts};
use upsun_local::config::app::Mount;
use upsun_local::event::Difference;
use upsun_local::failure::Failure;
use upsun_local::mount_snapshot::{self, DEFAULT_NAME, Store};
use upsun_local::workspace::Workspace;

use upsun_local::text::{self, safe};

/// Arguments of `mount snapshot`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SnapshotArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Name of the snapshot; an older one of that name is replaced
    #[arg(value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
    /// List the snapshots instead
    #[arg(long, conflicts_with = "delete")]
    list: bool,
    /// Delete the snapshot instead
    #[arg(long)]
    delete: bool,
}

/// Arguments of `mount restore`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Name of the snapshot
    #[arg(value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
}

/// Arguments of `mount diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Name of the snapshot
    #[arg(value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
    /// Exit with 1 if something differs
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act<'a> {
    /// Keep what is there.
    Snapshot(&'a SnapshotArguments),
    /// Put back what was there.
    Restore(&'a RestoreArguments),
    /// Tell what is different.
    Diff(&'a DiffArguments),
}

/// Does it.
pub(super) async fn run(
    context: &Context,
    workspace: &Arc<Workspace>,
    act: Act<'_>,
) -> Result<u8, Failure> {
    let target = match act {
        Act::Snapshot(arguments) => &arguments.target,
        Act::Restore(arguments) => &arguments.target,
        Act::Diff(arguments) => &arguments.target,
    };
    let (app, worker) = workspace.target(&target.named())?;
    let mounts = Mounts::of(app, worker);
    let store = workspace.snapshots(&mounts.container());
    let failed = |err: mount_snapshot::Error| Failure::of_snapshot(&err);
    // What needs no engine, and what would be found wrong only after it did its work.
    match act {
        Act::Snapshot(arguments) if arguments.list => return list(context, &store),
        Act::Snapshot(arguments) if arguments.delete => {
            store.remove(&arguments.name).map_err(failed)?;
            tell(
                context,
                &format!("Deleted the snapshot `{}`", arguments.name),
            );
            return Ok(0);
        }
        Act::Snapshot(arguments) => check_name(&arguments.name)?,
        Act::Restore(RestoreArguments { name, .. }) => {
            let (taken, _) = store.open_whole(name).map_err(failed)?;
            if !mounts.all.is_empty() {
                same_mounts(&taken.mounts, &mounts.paths(), name)?;
                let question = format!(
                    "Delete the present content of {}, and put back the content of {}?",
                    listed(mounts.all),
                    taken.taken_at.get(..19).unwrap_or(&taken.taken_at)
                );
                confirm(context, &question)?;
            }
        }
        Act::Diff(DiffArguments { name, .. }) => {
            store.open(name).map_err(failed)?;
        }
    }
    if mounts.all.is_empty() {
        context.talk("No mounts are defined: there is nothing to keep.\n");
        return Ok(0);
    }
    let (actions, listening) = context.actions(workspace, Hearing::default()).await?;
    match act {
        Act::Snapshot(SnapshotArguments { name, .. }) => {
            let taken = actions.take_snapshot(mounts, name).await;
            listening.finish(actions);
            let (files, bytes) = taken?.size();
            let kept = listed(mounts.all);
            let files = text::count(usize::try_from(files).unwrap_or(usize::MAX), "file");
            let size = text::bytes(bytes);
            tell(
                context,
                &format!("Kept {kept} as `{name}`: {files}, {size}"),
            );
            Ok(0)
        }
        Act::Restore(RestoreArguments { name, .. }) => {
            let restored = actions.restore_snapshot(mounts, name).await;
            listening.finish(actions);
            restored?;
            tell(
                context,
                &format!("Put back {} as of `{name}`", listed(mounts.all)),
            );
            Ok(0)
        }
        Act::Diff(arguments) => {
            let differences = actions.differences(mounts, &arguments.name).await;
            listening.finish(actions);
            let differences = differences?;
            print(context, &differences, arguments.format)?;
            Ok(u8::from(arguments.exit_code && !differences.is_empty()))
        }
    }
}

/// Prints a warning about mounts that were not put back, for commands that emit no events.
pub(in crate::cli) fn tell_not_undone(context: &Context, workspace: &Workspace) {
    if context.global.quiet {
        return;
    }
    for left in workspace.not_undone() {
        let text = format!("{} ({})", left.message(), left.hint());
        let warning = context.style.warning("warning");
        context.talk(&format!("{warning}: {}\n", safe(&text)));
    }
}

fn listed(mounts: &[Mount]) -> String {
    let names: Vec<String> = mounts
        .iter()
        .map(|mount| format!("/{}", mount.path))
        .collect();
    names.join(", ")
}

fn list(context: &Context, store: &Store) -> Result<u8, Failure> {
    let failed = |err: mount_snapshot::Error| Failure::of_snapshot(&err);
    let names = store.names().map_err(failed)?;
    if names.is_empty() {
        context.talk("There are no snapshots: `upsun-local mount snapshot` takes one.\n");
        return Ok(0);
    }
    let mut table = vec![
        ["Name", "Taken", "Size", "Files"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for name in names {
        let taken = match store.open(&name) {
            Ok((taken, _)) => taken,
            // The others are as good as before.
            Err(err) => {
                table.push(vec![
                    name,
                    format!("broken: {err}"),
                    String::new(),
                    String::new(),
                ]);
                continue;
            }
        };
        let (files, bytes) = taken.index.size();
        let moment = taken.taken_at.get(..19).unwrap_or(&taken.taken_at);
        table.push(vec![
            name,
            format!("{moment}Z"),
            text::bytes(bytes),
            files.to_string(),
        ]);
    }
    let text = super::super::table::aligned(&table, true, true, context.out_style);
    context.print(&text).map(|()| 0)
}

/// Prints differences as Git does: a letter and a path.
pub(in crate::cli) fn print(
    context: &Context,
    differences: &[Difference],
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        let text = upsun_local::json::pretty(&json!(differences));
        return context.print(&format!("{text}\n"));
    }
    let text: String = differences
        .iter()
        .map(|difference| format!("{}\n", safe(&difference.to_string())))
        .collect();
    context.print(&text)
}
