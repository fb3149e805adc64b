//! `source-operation run|list`: commands that commit to the repository, tried on a scratch clone.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::failure::{BAD_CONFIGURATION, Failure, USAGE};
use super::run::{self, Format, PullChoice};
use super::workspace::{Workspace, nearest};
use crate::activity::Draft;
use crate::config::app::App;
use crate::engine::spec::ContainerSpec;
use crate::event::Outcome;
use crate::lifecycle::{SOURCE_DIRECTORY, SourceRun};
use crate::plan::AppPlan;
use crate::project::LABEL_KIND;
use crate::reporter::style::safe;
use crate::scratch::{self, Applied, Scratch};

/// What to do with source operations.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a source operation, on a clone of HEAD, in every app that has it
    Run(RunArguments),
    /// List the source operations
    List(ListArguments),
}

/// Arguments of `source-operation run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The source operation
    #[arg(value_name = "OPERATION")]
    operation: String,
    /// A variable for this run, such as `env:NAME=value`
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Print what the commits changed
    #[arg(long)]
    diff: bool,
    /// Bring the commits into this repository: as a branch, and onto the checked-out one where that loses nothing
    #[arg(long)]
    apply: bool,
    /// When to ask the registry for images
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// How to print what happens
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Accepted as Upsun's CLI does: it always waits
    #[arg(long, hide = true)]
    wait: bool,
    /// Accepted as Upsun's CLI does: it always waits
    #[arg(short = 'W', long, hide = true)]
    no_wait: bool,
}

/// Arguments of `source-operation list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    match command {
        Command::Run(arguments) => run_one(context, &workspace, &arguments).await,
        Command::List(arguments) => list(context, &workspace, arguments.format),
    }
}

/// The source operations of an app: name and command.
fn of(app: &App) -> Vec<(String, String)> {
    let operations = app
        .raw
        .get("source")
        .and_then(|source| source.get("operations"))
        .and_then(Value::as_object);
    operations
        .into_iter()
        .flatten()
        .filter_map(|(name, operation)| {
            let command = operation.get("command")?.as_str()?;
            Some((name.clone(), command.to_owned()))
        })
        .collect()
}

fn list(context: &Context, workspace: &Workspace, format: Format) -> Result<u8, Failure> {
    let all: Vec<(&str, String, String)> = workspace
        .config
        .apps
        .values()
        .flat_map(|app| {
            of(app)
                .into_iter()
                .map(|(name, command)| (app.name.as_str(), name, command))
        })
        .collect();
    if format == Format::Json {
        let list: Vec<_> = all
            .iter()
            .map(
                |(app, name, command)| json!({ "app": app, "operation": name, "command": command }),
            )
            .collect();
        let text = serde_json::to_string_pretty(&list).unwrap_or_default();
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if all.is_empty() {
        context.talk("No source operations are defined.\n");
        return Ok(0);
    }
    let header = ["App", "Operation name", "Command"]
        .map(str::to_owned)
        .to_vec();
    let rows = all.iter().map(|(app, name, command)| {
        vec![
            (*app).to_owned(),
            name.clone(),
            super::describe::first_line(command),
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

async fn run_one(
    context: &Context,
    workspace: &Workspace,
    arguments: &RunArguments,
) -> Result<u8, Failure> {
    let name = &arguments.operation;
    let wanted = find(workspace, name)?;
    let command_line = workspace.parse_variables(&arguments.variables)?;
    let mut scratch = Scratch::of(&workspace.project.root).map_err(|err| cannot_clone(&err))?;
    if scratch.is_dirty() && !context.global.quiet {
        context.talk(&format!(
            "{}: changes that are not committed are not part of it: it starts from HEAD\n",
            context.style.warning("warning")
        ));
    }
    // The image and the variables are those of the configuration as it is here.
    let tree = workspace.scan()?;
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen(arguments.format == Format::Json, &shutdown);
    let apps = wanted.iter().map(|(app, _)| app.name.clone());
    listening.record(
        workspace,
        Draft::SourceOperation {
            apps: apps.collect(),
            operation: name.clone(),
        },
    );
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let id = run::run_id();
    let mut told = String::new();
    let act = async {
        for (app, command) in &wanted {
            let (plan, image) = workspace
                .plan(app, &tree, &command_line)
                .map_err(Trouble::Plan)?;
            let planned = workspace.planned(&plan, &image, &tree, arguments.pull.into(), false);
            let inbox = scratch.inbox();
            let run = SourceRun {
                name,
                command,
                parent: scratch.parent(),
                branch: scratch.branch(),
                head: scratch.head(),
                inbox: &inbox,
                variables: &BTreeMap::new(),
                id: &id,
            };
            let container = container(workspace, &plan, &id);
            let report = sandbox
                .run_source_operation(&planned, &run, &container)
                .await
                .map_err(Trouble::Lifecycle)?;
            if report.report.outcome != Outcome::Success {
                return Ok(Some(report.report));
            }
            if !report.has_commits {
                told.push_str(&format!("{} made no commit\n", safe(&app.name)));
                continue;
            }
            let news = scratch
                .take(&inbox.join("bundle"))
                .map_err(Trouble::Scratch)?;
            for commit in &news.commits {
                told.push_str(&format!(
                    "{}: {} {}\n",
                    safe(&app.name),
                    commit.id,
                    safe(&commit.subject)
                ));
            }
            if news.rewritten {
                told.push_str(&format!(
                    "{} rewrote history: `{}` no longer holds what it held\n",
                    safe(&app.name),
                    safe(scratch.branch())
                ));
            }
        }
        Ok(None)
    };
    let result = act.await;
    let result = result
        .map(|failed| failed.map_or(0, |report| run::exit_code(&report, &shutdown)))
        .map_err(|trouble| match trouble {
            Trouble::Plan(failure) => failure,
            Trouble::Lifecycle(err) => Failure::of(err, &shutdown),
            Trouble::Scratch(err) => Failure::fault(err.to_string()),
        });
    let code = listening.end(context, result)?;
    if code != 0 {
        if !context.global.quiet {
            context.talk("Nothing is kept of it, as on Upsun.\n");
        }
        return Ok(code);
    }
    if !context.global.quiet {
        context.talk(&told);
    }
    if arguments.diff {
        context.print(
            &scratch
                .diff()
                .map_err(|err| Failure::fault(err.to_string()))?,
        )?;
    }
    if !scratch.has_news() {
        return Ok(0);
    }
    if arguments.apply {
        apply(context, &scratch, name)?;
    } else if !context.global.quiet {
        context.talk("Nothing of it is in this repository; `--apply` brings it here.\n");
    }
    Ok(0)
}

fn apply(context: &Context, scratch: &Scratch, name: &str) -> Result<(), Failure> {
    let branch = format!("upsun-local/{}", crate::project::plain(name, 60));
    let applied = scratch
        .apply(&branch)
        .map_err(|err| Failure::new(USAGE, format!("the commits cannot be brought here: {err}")))?;
    let told = match applied {
        Applied::FastForward { branch } => format!("`{branch}` has the new commits\n"),
        Applied::Branch { branch, because } => format!(
            "The branch `{branch}` has the new commits; the checked-out one was left alone, as {because}\n"
        ),
    };
    if !context.global.quiet {
        context.talk(&told);
    }
    Ok(())
}

enum Trouble {
    Plan(Failure),
    Lifecycle(crate::lifecycle::Error),
    Scratch(scratch::Error),
}

/// The apps that have an operation of that name, with its command, in the order in which they are written.
fn find<'a>(workspace: &'a Workspace, name: &str) -> Result<Vec<(&'a App, String)>, Failure> {
    let all: Vec<(&App, String, String)> = workspace
        .config
        .apps
        .values()
        .flat_map(|app| {
            of(app)
                .into_iter()
                .map(move |(name, command)| (app, name, command))
        })
        .collect();
    let wanted: Vec<(&App, String)> = all
        .iter()
        .filter(|(_, found, _)| found == name)
        .map(|(app, _, command)| (*app, command.clone()))
        .collect();
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    let names: std::collections::BTreeSet<&str> =
        all.iter().map(|(_, name, _)| name.as_str()).collect();
    let failure = Failure::usage(format!("there is no source operation `{name}`"));
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.hint(
            "define it under `applications.<app>.source.operations` in .upsun/config.yaml; see https://docs.upsun.com/create-apps/source-operations.html",
        ),
        None => {
            let names: Vec<&str> = names.into_iter().collect();
            failure.hint(format!("there are: {}", names.join(", ")))
        }
    })
}

/// The container of an app for this: its image, and the variables of a build. It is in no environment's network.
fn container(workspace: &Workspace, plan: &AppPlan, id: &str) -> ContainerSpec {
    let mut spec = plan.build.container.clone();
    spec.name = workspace
        .project
        .name(&[&workspace.environment.name, &plan.app, "+source", id]);
    spec.labels =
        workspace
            .project
            .new_labels(Some(&workspace.environment.name), Some(&plan.app), "source");
    debug_assert!(spec.labels.contains_key(LABEL_KIND));
    spec.volumes.clear();
    spec.variables.insert(
        "PLATFORM_SOURCE_DIR".to_owned(),
        SOURCE_DIRECTORY.to_owned(),
    );
    spec
}

fn cannot_clone(err: &scratch::Error) -> Failure {
    let code = match err {
        scratch::Error::NoRepository(_) | scratch::Error::NoCommit => USAGE,
        scratch::Error::Below { .. } => BAD_CONFIGURATION,
        scratch::Error::Io(_) | scratch::Error::Refused { .. } => super::failure::CANNOT_MAKE,
    };
    let failure = Failure::new(code, format!("the repository cannot be cloned: {err}"));
    match err {
        scratch::Error::NoCommit | scratch::Error::NoRepository(_) => failure.hint(
            "a source operation works on a commit: `git init`, `git add` and `git commit` make one",
        ),
        _ => failure,
    }
}
