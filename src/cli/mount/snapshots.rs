//! `mount snapshot|restore|diff`: what is on the mounts at one moment, kept and compared.

use crate::text;
use clap::Args;
use serde_json::json;

use super::super::Target;
use super::super::context::Context;
use super::super::down::confirm;
use super::super::failure::Failure;
use super::super::run::Format;
use super::super::workspace::Workspace;
use super::tell;
use crate::config::app::Mount;
use crate::event::Difference;
use crate::event::Events;
use crate::lifecycle::Error;
use crate::mount_snapshot::{self, DEFAULT_NAME, Index, Store};

pub(in crate::cli) use crate::mount_snapshot::BEFORE_RUN;
use crate::text::safe;

/// Arguments of `mount snapshot`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SnapshotArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Its name; one of that name is replaced
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
    /// The snapshot
    #[arg(value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
}

/// Arguments of `mount diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// The snapshot
    #[arg(value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
    /// Exit with 1 when something is different
    #[arg(long)]
    exit_code: bool,
    /// How to print
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
    workspace: &Workspace,
    act: Act<'_>,
) -> Result<u8, Failure> {
    let target = match act {
        Act::Snapshot(arguments) => &arguments.target,
        Act::Restore(arguments) => &arguments.target,
        Act::Diff(arguments) => &arguments.target,
    };
    let (app, worker) = workspace.target(target)?;
    let mounts = worker.map_or(&app.mounts, |worker| &worker.mounts);
    let paths: Vec<String> = mounts.iter().map(|mount| mount.path.clone()).collect();
    let title = worker.map_or_else(
        || app.name.clone(),
        |worker| format!("{}--{}", app.name, worker.name),
    );
    let store = store(workspace, &title);
    let failed = |err: mount_snapshot::Error| Failure::of_snapshot(&err);
    // What needs no engine, and what would be found wrong only after it did its work.
    let before = match act {
        Act::Snapshot(arguments) if arguments.list => return list(context, &store),
        Act::Snapshot(arguments) if arguments.delete => {
            store.remove(&arguments.name).map_err(failed)?;
            tell(
                context,
                &format!("Deleted the snapshot `{}`", arguments.name),
            );
            return Ok(0);
        }
        Act::Snapshot(arguments) => {
            Store::check(&arguments.name).map_err(failed)?;
            // It may be all that is left of what was there before a run that was cut off.
            if arguments.name == BEFORE_RUN {
                return Err(Failure::usage(format!(
                    "`{BEFORE_RUN}` is the snapshot that `run --undo` and `test` take"
                ))
                .hint("choose another name"));
            }
            None
        }
        Act::Restore(RestoreArguments { name, .. }) => {
            Some(store.open_whole(name).map_err(failed)?)
        }
        Act::Diff(DiffArguments { name, .. }) => Some(store.open(name).map_err(failed)?),
    };
    if mounts.is_empty() {
        context.talk("No mounts are defined: there is nothing to keep.\n");
        return Ok(0);
    }
    if let (Some((taken, _)), Act::Restore(arguments)) = (&before, act) {
        same_mounts(&taken.mounts, &paths, &arguments.name)?;
        let question = format!(
            "Delete what is on {} now, and put back what was there at {}?",
            listed(mounts),
            taken.taken_at.get(..19).unwrap_or(&taken.taken_at)
        );
        confirm(context, &question)?;
    }
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let worker = worker.map(|worker| worker.name.as_str());
    let id = workspace
        .ensure_up(context, &engine, &shutdown, app, worker)
        .await?;
    let listening = context.listen(false, &shutdown);
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let work = async {
        let lock = sandbox.lock(act.title()).await?;
        let index = match (act, before) {
            (Act::Snapshot(arguments), _) => {
                let taken = sandbox
                    .take_snapshot(&id, &title, &paths, &store, &arguments.name)
                    .await?;
                Some((Index::default(), taken.index))
            }
            (Act::Restore(arguments), Some((taken, archive))) => {
                let restored = sandbox
                    .restore_snapshot(&id, &title, taken, archive)
                    .await?;
                let flags = flags(workspace, &app.name, worker);
                sandbox
                    .warn_unlike(&title, &restored, &flags, &arguments.name)
                    .await;
                // Whoever took the lock may have put it back already.
                if store.has(BEFORE_RUN) && arguments.name == BEFORE_RUN && !restored.is_incomplete
                {
                    // A further run may take it again now.
                    store.remove(&arguments.name)?;
                }
                None
            }
            (Act::Diff(_), Some((taken, _))) => {
                let now = sandbox.index_of_mounts(&id, &paths, &taken.index).await?;
                Some((taken.index, now))
            }
            (_, None) => None,
        };
        lock.release();
        Ok::<_, Error>(index)
    };
    let result = sandbox.until_left(work).await;
    listening.finish();
    match (act, result.map_err(|err| Failure::of(err, &shutdown))?) {
        (Act::Snapshot(arguments), Some((_, index))) => {
            let (files, bytes) = index.size();
            let plural = if files == 1 { "" } else { "s" };
            tell(
                context,
                &format!(
                    "Kept {} as `{}`: {files} file{plural}, {}",
                    listed(mounts),
                    arguments.name,
                    text::bytes(bytes)
                ),
            );
            Ok(0)
        }
        (Act::Diff(arguments), Some((before, now))) => {
            let differences = mount_snapshot::compare(&before, &now);
            print(context, &differences, arguments.format)?;
            Ok(u8::from(arguments.exit_code && !differences.is_empty()))
        }
        (Act::Restore(arguments), _) => {
            tell(
                context,
                &format!("Put back {} as of `{}`", listed(mounts), arguments.name),
            );
            Ok(0)
        }
        _ => Ok(0),
    }
}

impl Act<'_> {
    fn title(self) -> &'static str {
        match self {
            Act::Snapshot(_) => "mount snapshot",
            Act::Restore(_) => "mount restore",
            Act::Diff(_) => "mount diff",
        }
    }
}

/// The snapshots of a container.
pub(in crate::cli) fn store(workspace: &Workspace, title: &str) -> Store {
    Store::of(
        &workspace.project.state_dir,
        &workspace.environment.name,
        title,
    )
}

/// What says to `upsun-local mount` which container is meant: ` --app one --worker mailer`, or nothing.
pub(in crate::cli) fn flags(workspace: &Workspace, app: &str, worker: Option<&str>) -> String {
    let mut flags = String::new();
    if workspace.config.apps.len() > 1 {
        flags.push_str(&format!(" --app {app}"));
    }
    if let Some(worker) = worker {
        flags.push_str(&format!(" --worker {worker}"));
    }
    flags
}

/// The containers whose mounts are not as they were before a test or `run --undo` that was cut off, each with its
/// flags.
pub(in crate::cli) fn not_undone(workspace: &Workspace) -> Vec<(String, String)> {
    let state = &workspace.project.state_dir;
    if !Store::directory_of(state, &workspace.environment.name).exists() {
        return Vec::new();
    }
    let containers = workspace.config.apps.values().flat_map(|app| {
        let workers = app.workers.iter().map(|worker| Some(worker.name.as_str()));
        std::iter::once(None)
            .chain(workers)
            .map(|worker| (app.name.as_str(), worker))
    });
    containers
        .map(|(app, worker)| {
            let title = worker.map_or_else(|| app.to_owned(), |worker| format!("{app}--{worker}"));
            (title, flags(workspace, app, worker))
        })
        .filter(|(title, _)| store(workspace, title).has(BEFORE_RUN))
        .collect()
}

/// Warns of mounts that are not as they were, before something goes on with them.
pub(in crate::cli) async fn warn_not_undone(
    context: &Context,
    workspace: &Workspace,
    events: &Events,
) {
    if context.global.quiet {
        return;
    }
    for (title, flags) in not_undone(workspace) {
        // The others are put back as soon as their containers are up.
        if !store(workspace, &title).is_pending(BEFORE_RUN) {
            events
                .warn(not_undone_message(&title), Some(not_undone_hint(&flags)))
                .await;
        }
    }
}

/// Says the same where nobody listens to events.
pub(in crate::cli) fn tell_not_undone(context: &Context, workspace: &Workspace) {
    for (title, flags) in not_undone(workspace) {
        if context.global.quiet {
            return;
        }
        let hint = if store(workspace, &title).is_pending(BEFORE_RUN) {
            "the next command that uses them puts them back".to_owned()
        } else {
            not_undone_hint(&flags)
        };
        let text = format!("{} ({hint})", not_undone_message(&title));
        let warning = context.style.warning("warning");
        context.talk(&format!("{warning}: {}\n", safe(&text)));
    }
}

fn not_undone_message(title: &str) -> String {
    format!("the mounts of `{title}` were not put back: a test, or `run --undo`, was cut off")
}

fn not_undone_hint(flags: &str) -> String {
    format!("`upsun-local mount restore{flags} {BEFORE_RUN}` puts them back")
}

/// A snapshot can only be put back onto the mounts that it was taken of.
fn same_mounts(taken: &[String], now: &[String], name: &str) -> Result<(), Failure> {
    let (mut taken, mut now) = (taken.to_vec(), now.to_vec());
    taken.sort();
    now.sort();
    if taken == now {
        return Ok(());
    }
    let all = |paths: &[String]| match paths {
        [] => "none".to_owned(),
        paths => paths
            .iter()
            .map(|path| format!("/{path}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Err(Failure::usage(format!(
        "the snapshot `{name}` was taken of other mounts: {}; there are now: {}",
        all(&taken),
        all(&now)
    ))
    .hint("`upsun-local mount upload` fills single mounts"))
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
        let text = crate::json::pretty(&json!(differences));
        return context.print(&format!("{text}\n"));
    }
    let text: String = differences
        .iter()
        .map(|difference| format!("{}\n", safe(&difference.to_string())))
        .collect();
    context.print(&text)
}
