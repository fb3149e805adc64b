//! `run`: one operation, in its app's container.

mod found;
mod suggested;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub(super) use self::found::{Found, actor, find};
use self::found::{check_role, choose};
use self::suggested::Written;
use super::context::Context;
use super::failure::Failure;
use super::mount::snapshots;
use super::warnings::Running;
use super::workspace::Workspace;
use crate::activity::Draft;
use crate::config::app::{App, SocketFamily};
use crate::event::NewMount;
use crate::event::Outcome;
use crate::lifecycle::{OperationRun, Pull, Report, Trying, Undo};
use crate::mask::{MASK, Secrets};
use crate::mount_suggestion::Known;
use crate::plan::AppPlan;
use crate::reporter::style::Style;
use crate::roles::Actor;
use crate::shutdown::{Shutdown, Urgency};
use crate::text::safe;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The operation
    #[arg(value_name = "OPERATION")]
    pub(super) operation: Option<String>,
    #[command(flatten)]
    target: super::Target,
    #[command(flatten)]
    acting: super::Acting,
    /// End it after so many seconds [default: the operation's `timeout`]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// A variable for this run, such as `env:NAME=value`
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Build again although the build is there
    #[arg(long)]
    rebuild: bool,
    /// When to ask the registry for images
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Put all mounts back afterwards as they were before, and say what the operation changed on them
    #[arg(long, conflicts_with = "dry_run")]
    undo: bool,
    /// Run it in a throw-away copy in which it can write everywhere, and say which mounts it needs
    #[arg(long, conflicts_with_all = ["dry_run", "undo"])]
    suggest_mounts: bool,
    /// Put those mounts into the configuration, if it passes with them
    #[arg(long, requires = "suggest_mounts")]
    write: bool,
    /// Hide the values of sensitive variables in what it prints
    #[arg(long)]
    mask: bool,
    /// How to print what happens
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Accepted as Upsun's CLI does: it always waits
    #[arg(long, hide = true)]
    wait: bool,
    /// Accepted as Upsun's CLI does, with a warning: it always waits
    #[arg(short = 'W', long, hide = true)]
    no_wait: bool,
}

/// Text for people or JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON event a line; plans and lists as one document
    Json,
}

/// When to ask the registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PullChoice {
    /// When the engine does not have it
    Missing,
    /// Every time
    Always,
    /// Never
    Never,
}

impl From<PullChoice> for Pull {
    fn from(choice: PullChoice) -> Self {
        match choice {
            PullChoice::Missing => Pull::Missing,
            PullChoice::Always => Pull::Always,
            PullChoice::Never => Pull::Never,
        }
    }
}

/// Runs an operation and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    let found = match &arguments.operation {
        Some(name) => find(&workspace, &arguments.target, name)?,
        None => choose(context, &workspace, &arguments.target)?,
    };
    let actor = actor(
        &workspace,
        arguments.acting.role.as_deref(),
        arguments.acting.user.as_deref(),
    )?;
    check_role(&actor, &found)?;
    if arguments.no_wait {
        context.talk(&format!(
            "{}: `--no-wait` has no effect: operations are always waited for here\n",
            context.style.warning("warning")
        ));
    }
    let timeout = match arguments.timeout {
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| Failure::usage("`--timeout` takes a number of seconds"))?,
        ),
        None => found.operation.timeout,
    };
    let command_line = workspace.parse_variables(&arguments.variables)?;
    let tree = workspace.scan()?;
    let (plan, image) = workspace.plan(
        found.app,
        &tree,
        &crate::user_variables::UserVariables::new(),
    )?;
    let reached = workspace.reached(found.app, found.worker, &tree)?;
    let at = found.worker.map_or(0, |name| {
        1 + found
            .app
            .workers
            .iter()
            .position(|worker| worker.name == name)
            .unwrap_or_default()
    });
    let container = plan
        .containers
        .get(at)
        .ok_or_else(|| Failure::fault("the plan lacks a container"))?;
    let json = arguments.format == Format::Json;
    if arguments.dry_run {
        let mut shown = plan.clone();
        shown.containers = vec![container.clone()];
        let plans = print_plans(context, &workspace, &[&shown], json)?;
        if !json {
            context.print(&describe_run(&found, &actor, timeout, context.out_style))?;
        }
        return Ok(plans);
    }
    let variables =
        workspace.run_variables(found.app, found.worker, &tree, &command_line, container);
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen_masked(&workspace, json, arguments.mask, &shutdown);
    listening.record(
        &workspace,
        Draft::Operation {
            app: found.app.name.clone(),
            worker: found.worker.map(str::to_owned),
            operation: found.operation.name.clone(),
            role: actor.role.name().to_owned(),
            user: actor.name.clone(),
        },
    );
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let address = listens_at(found.app, found.worker);
    let act = async {
        let lock = sandbox
            .lock(&format!("run {}", found.operation.name))
            .await?;
        if !arguments.undo {
            snapshots::warn_not_undone(context, &workspace, &listening.events).await;
        }
        let planned = workspace.planned(
            &plan,
            &image,
            &tree,
            arguments.pull.into(),
            arguments.rebuild,
        );
        let containers = sandbox.containers().await?;
        // Said when something is made, and not again with every run.
        if arguments.rebuild || !container.is_current(&containers) {
            workspace
                .warn(
                    &listening.events,
                    &tree,
                    Running::Operation(found.operation),
                )
                .await;
        }
        let reached: Vec<_> = reached
            .iter()
            .map(|(plan, image)| {
                workspace.planned(plan, image, &tree, arguments.pull.into(), false)
            })
            .collect();
        let containers = sandbox.ensure_reached(&reached, containers).await?;
        let run = OperationRun {
            operation: found.operation,
            role: actor.role.name(),
            user: actor.name.as_deref(),
            container,
            variables: &variables,
            timeout,
            ends_the_rest: false,
            listens_at: address.as_deref(),
        };
        let mut tried = None;
        let report = if arguments.suggest_mounts {
            let is_tracked = |path: &str| suggested::is_tracked(&tree, found.app, path);
            let known = Known::of(&workspace.config, found.app, found.worker, &is_tracked);
            let with_mounts = |mounts: &[NewMount]| {
                let app = suggested::with_mounts(&found, mounts);
                let none = crate::user_variables::UserVariables::new();
                let (mut plan, _) = workspace.plan(&app, &tree, &none).ok()?;
                (at < plan.containers.len()).then(|| plan.containers.swap_remove(at))
            };
            let trying = Trying {
                known: &known,
                must_pass: arguments.write,
                with_mounts: &with_mounts,
            };
            let found = sandbox
                .try_writable(&planned, &run, &containers, &trying)
                .await?;
            let report = found.report.clone();
            tried = Some(found);
            report
        } else if arguments.undo {
            let title = container.title(&plan.app);
            let undo = Undo {
                store: snapshots::store(&workspace, &title),
                name: snapshots::BEFORE_RUN,
                flags: snapshots::flags(&workspace, &plan.app, found.worker),
            };
            sandbox
                .run_and_undo(&planned, &run, &containers, &undo)
                .await?
        } else {
            sandbox.run_operation(&planned, &run, &containers).await?
        };
        // Whoever leaves without waiting leaves the operation to the next one to end.
        if shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok((report, tried))
    };
    let result = sandbox.until_left(act).await;
    let mut result = result.map_err(|err| Failure::of(err, &shutdown));
    let mut kept = None;
    if let Ok((report, Some(tried))) = &result
        && arguments.write
    {
        match suggested::write(&workspace, &found, tried) {
            Ok(Written::Nothing) => {}
            Ok(Written::Added(event)) => {
                let _ = listening.events.send(*event).await;
            }
            Ok(Written::Kept { why, report: own }) => {
                kept = Some(why);
                result = Ok((own.unwrap_or_else(|| report.clone()), None));
            }
            Err(failure) => result = Err(failure),
        }
    }
    // What is said of mounts comes before what is done about them.
    let recording = listening.recording.clone();
    listening.finish();
    if arguments.undo && shutdown.urgency() > Urgency::None {
        snapshots::tell_not_undone(context, &workspace);
    }
    if let Some(why) = kept {
        context.talk(&format!("\n{why}\n"));
    }
    let result = result.map(|(report, _)| exit_code(&report, &shutdown));
    recording.end(context, result.as_ref().copied(), &shutdown);
    result
}

/// What we end with after it.
pub(super) fn exit_code(report: &Report, shutdown: &Shutdown) -> u8 {
    match report.outcome {
        Outcome::Timeout => 124,
        Outcome::Cancelled => shutdown.exit_code().unwrap_or(130),
        Outcome::Success => 0,
        // Codes outside a byte do not exist on Linux; a failure must never look like a success.
        Outcome::Failure => u8::try_from(report.exit_code).unwrap_or(255),
    }
}

/// What would run, as whom and for how long at most.
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

/// Where requests would reach the app: its port or its socket. `None` for what nobody reaches.
pub(super) fn listens_at(app: &App, worker: Option<&str>) -> Option<String> {
    if worker.is_some() || app.web.commands.start.is_none() {
        return None;
    }
    Some(match app.web.socket_family {
        SocketFamily::Tcp => "8888".to_owned(),
        SocketFamily::Unix => "/run/app.sock".to_owned(),
    })
}

/// Tells the processes of this run from those of any other, also one that just ended.
pub(super) fn run_id() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

/// Hides the values of sensitive variables wherever a plan holds variables, and wherever else they stand.
fn mask(document: &mut serde_json::Value, sensitive: &BTreeSet<String>, secrets: &Secrets) {
    use serde_json::Value;
    match document {
        Value::Object(map) => {
            for (key, value) in map {
                if let (Value::Object(variables), "variables") = (&mut *value, key.as_str()) {
                    for (name, value) in variables {
                        if sensitive.contains(name) {
                            *value = MASK.into();
                        } else {
                            mask(value, sensitive, secrets);
                        }
                    }
                } else {
                    mask(value, sensitive, secrets);
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                mask(value, sensitive, secrets);
            }
        }
        Value::String(text) => *text = secrets.mask(text),
        _ => {}
    }
}

/// Prints plans: as one JSON document, or as text.
pub(super) fn print_plans(
    context: &Context,
    workspace: &Workspace,
    plans: &[&AppPlan],
    json: bool,
) -> Result<u8, Failure> {
    if json {
        let mut document =
            serde_json::to_value(plans).map_err(|err| Failure::fault(err.to_string()))?;
        let (names, secrets) = (workspace.sensitive_names(), workspace.secrets());
        mask(&mut document, &names, &secrets);
        let text = crate::json::pretty(&document);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let text: String = plans
        .iter()
        .map(|plan| super::describe::plan(plan, context.out_style))
        .collect();
    context.print(&text).map(|()| 0)
}
