//! `run`: one operation, in its app's container.

mod suggested;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::suggested::Written;
use super::context::{Context, variable};
use super::failure::{DENIED, Failure};
use super::list::operations;
use super::mount::snapshots;
use super::workspace::{Workspace, find_app, nearest};
use crate::activity::Draft;
use crate::config::app::{App, Operation, SocketFamily};
use crate::event::Outcome;
use crate::lifecycle::{OperationRun, Pull, Report, Trying, Undo};
use crate::mask::{MASK, Secrets};
use crate::mount_suggestion::{Known, NewMount};
use crate::plan::AppPlan;
use crate::reporter::style::{Style, safe};
use crate::roles::{self, Actor};
use crate::shutdown::{Shutdown, Urgency};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The operation
    #[arg(value_name = "OPERATION")]
    pub(super) operation: Option<String>,
    #[command(flatten)]
    target: super::Target,
    /// The role to run it under: `viewer`, `contributor`, `admin`, or `production:viewer,development:admin`
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The user of .upsun-local.yaml to run it as
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
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

/// An operation and where it is defined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// Its app.
    pub app: &'a App,
    /// Its worker, for an operation of one.
    pub worker: Option<&'a str>,
    /// The operation.
    pub operation: &'a Operation,
}

impl Found<'_> {
    /// The app, or `app--worker`.
    pub(super) fn place(&self) -> String {
        self.worker.map_or_else(
            || self.app.name.clone(),
            |worker| format!("{}--{worker}", self.app.name),
        )
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
        arguments.role.as_deref(),
        arguments.user.as_deref(),
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
    let (plan, image) =
        workspace.plan(found.app, &tree, &crate::variables::UserVariables::new())?;
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
    let id = run_id();
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
            workspace.warn(&listening.events, &tree).await;
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
            id: &id,
            listens_at: address.as_deref(),
        };
        let mut tried = None;
        let report = if arguments.suggest_mounts {
            let is_tracked = |path: &str| suggested::is_tracked(&tree, found.app, path);
            let known = Known::of(&workspace.config, found.app, found.worker, &is_tracked);
            let with_mounts = |mounts: &[NewMount]| {
                let app = suggested::with_mounts(&found, mounts);
                let none = crate::variables::UserVariables::new();
                let (mut plan, _) = workspace.plan(&app, &tree, &none).ok()?;
                (at < plan.containers.len()).then(|| plan.containers.swap_remove(at))
            };
            let trying = Trying {
                known: &known,
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
                let _ = listening.events.send(event).await;
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
    if arguments.undo && shutdown.urgency() == Urgency::Leave {
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

/// The one operation of that name.
pub(super) fn find<'a>(
    workspace: &'a Workspace,
    target: &super::Target,
    name: &str,
) -> Result<Found<'a>, Failure> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all = all_operations(&apps);
    let candidates: Vec<Found<'_>> = all
        .iter()
        .copied()
        .filter(|found| found.operation.name == name)
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    // An operation of an app comes before one of the same name on its own worker, as `--worker` is how one asks for that.
    let of_apps: Vec<Found<'_>> = candidates
        .iter()
        .copied()
        .filter(|found| found.worker.is_none())
        .collect();
    match (candidates.as_slice(), of_apps.as_slice()) {
        ([only], _) => Ok(*only),
        ([], _) => Err(unknown(name, &all, target)),
        (_, [only])
            if candidates
                .iter()
                .all(|found| found.app.name == only.app.name) =>
        {
            Ok(*only)
        }
        _ => {
            let places: String = candidates
                .iter()
                .map(|found| {
                    let worker = found
                        .worker
                        .map(|worker| format!(" --worker {worker}"))
                        .unwrap_or_default();
                    format!(
                        "\n  upsun-local run {name} --app {}{worker}",
                        found.app.name
                    )
                })
                .collect();
            Err(Failure::usage(format!(
                "the operation `{name}` is defined more than once; say which one you mean:{places}"
            )))
        }
    }
}

fn all_operations<'a>(apps: &[&'a App]) -> Vec<Found<'a>> {
    apps.iter()
        .flat_map(|app| {
            operations(app)
                .into_iter()
                .map(|(_, worker, operation)| Found {
                    app,
                    worker,
                    operation,
                })
        })
        .collect()
}

fn unknown(name: &str, all: &[Found<'_>], target: &super::Target) -> Failure {
    let place = match (&target.app, &target.worker) {
        (Some(app), Some(worker)) => format!(" on `{app}--{worker}`"),
        (Some(app), None) => format!(" on `{app}`"),
        (None, Some(worker)) => format!(" on a worker `{worker}`"),
        (None, None) => String::new(),
    };
    let failure = Failure::usage(format!("there is no operation `{name}`{place}"));
    let names: Vec<&str> = all
        .iter()
        .map(|found| found.operation.name.as_str())
        .collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!(
            "did you mean `{near}`? `upsun-local list` shows all"
        )),
        None if names.is_empty() => {
            failure.hint("define it under `applications.<app>.operations` in .upsun/config.yaml")
        }
        None => failure.hint(format!("there are: {}", names.join(", "))),
    }
}

/// Offers the operations on a terminal; elsewhere lists them and fails.
fn choose<'a>(
    context: &Context,
    workspace: &'a Workspace,
    target: &super::Target,
) -> Result<Found<'a>, Failure> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<Found<'a>> = all_operations(&apps)
        .into_iter()
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    let lines: Vec<String> = all
        .iter()
        .map(|found| {
            let command = found
                .operation
                .start
                .trim()
                .lines()
                .next()
                .unwrap_or_default();
            crate::reporter::style::safe(&format!(
                "{} on {} ({}): {command}",
                found.operation.name,
                found.place(),
                found.operation.role
            ))
        })
        .collect();
    if all.is_empty() {
        return Err(Failure::usage("no operations are defined")
            .hint("define one under `applications.<app>.operations` in .upsun/config.yaml; see https://docs.upsun.com/create-apps/runtime-operations.html"));
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || context.global.yes {
        let list: String = lines.iter().map(|line| format!("\n  {line}")).collect();
        return Err(Failure::usage(format!("which operation? There are:{list}"))
            .hint("upsun-local run <OPERATION>"));
    }
    // Longer lines would wrap, and the list would be drawn over itself.
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col).max(40));
    let items = lines.iter().map(|line| cut(line, width - 4));
    let chosen = dialoguer::Select::new()
        .with_prompt("Which operation")
        .items(items)
        .default(0)
        .interact_opt()
        .map_err(|err| Failure::usage(format!("no operation was chosen: {err}")))?;
    chosen
        .and_then(|at| all.get(at).copied())
        .ok_or_else(|| Failure::usage("no operation was chosen"))
}

/// At most so many characters of a line.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Who acts, by flags, the environment and the settings.
pub(super) fn actor(
    workspace: &Workspace,
    role: Option<&str>,
    user: Option<&str>,
) -> Result<Actor, Failure> {
    let from_environment = variable("UPSUN_LOCAL_ROLE");
    roles::resolve(&roles::Question {
        flag: role,
        user,
        variable: from_environment.as_deref(),
        default: workspace.settings.role.as_ref(),
        users: Some(&workspace.settings.users),
        environment_type: workspace.environment_type,
    })
    .map_err(|err| {
        let code = if matches!(err, roles::Error::NoAccess { .. }) {
            DENIED
        } else {
            super::failure::USAGE
        };
        let failure = Failure::new(code, err.to_string());
        match err.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Upsun refuses before anything is done, and so do we.
fn check_role(actor: &Actor, found: &Found<'_>) -> Result<(), Failure> {
    let operation = found.operation;
    if actor.role.may(operation.role) {
        return Ok(());
    }
    let who = match &actor.name {
        Some(name) => format!("`{name}`, who is `{}`,", actor.role),
        None => format!("the role `{}`", actor.role),
    };
    let place = operation.role_place.as_ref().unwrap_or(&operation.place);
    let (key, verb) = if operation.role_place.is_some() {
        ("lower", "in")
    } else {
        ("set", "at")
    };
    let try_it = format!("try `--role {}`", operation.role);
    Err(Failure::new(
        DENIED,
        format!(
            "{who} may not run `{}` on `{}`: it needs `{}`",
            operation.name,
            found.place(),
            operation.role
        ),
    )
    .hint(format!(
        "{try_it}, or {key} `operations.{}.role` {verb} {}:{}",
        operation.name, place.file, place.line
    )))
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
        let text = serde_json::to_string_pretty(&document)
            .map_err(|err| Failure::fault(err.to_string()))?;
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let text: String = plans
        .iter()
        .map(|plan| super::describe::plan(plan, context.out_style))
        .collect();
    context.print(&text).map(|()| 0)
}
