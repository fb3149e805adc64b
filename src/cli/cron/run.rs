//! `cron run`: one cron now, in its app's container.

use std::time::Duration;

use clap::Args;

use super::super::context::Context;
use super::super::failure::{DENIED, Failure};
use super::super::run::{self, Format, PullChoice};
use super::super::warnings::Running;
use super::super::workspace::{Workspace, find_app, nearest};
use crate::activity::Draft;
use crate::config::app::App;
use crate::crons::{self, Cron};
use crate::lifecycle::CronRun;
use crate::roles::Actor;
use crate::shutdown::Urgency;
use crate::user_variables::UserVariables;

/// Arguments of `cron run`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// The cron
    #[arg(value_name = "CRON")]
    cron: String,
    /// The app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    #[command(flatten)]
    acting: super::super::Acting,
    /// End it after so many seconds [default: the cron's `timeout`]
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
    /// Hide the values of sensitive variables in what it prints
    #[arg(long)]
    mask: bool,
    /// How to print what happens
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Accepted as Upsun's CLI does: it always waits
    #[arg(long, hide = true)]
    wait: bool,
}

/// Runs a cron and returns its exit code.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    let (app, cron) = find(&workspace, arguments)?;
    let actor = run::actor(
        &workspace,
        arguments.acting.role.as_deref(),
        arguments.acting.user.as_deref(),
    )?;
    check_role(&actor, app, &cron)?;
    let timeout = match arguments.timeout {
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::usage("`--timeout` takes a number of seconds"))?,
        None => cron.timeout,
    };
    let command_line = workspace.parse_variables(&arguments.variables)?;
    let tree = workspace.scan()?;
    let (plan, image) = workspace.plan(app, &tree, &UserVariables::new())?;
    let reached = workspace.reached(app, None, &tree)?;
    let container = plan
        .containers
        .first()
        .ok_or_else(|| Failure::fault("the plan lacks a container"))?;
    let json = arguments.format == Format::Json;
    if arguments.dry_run {
        let mut shown = plan.clone();
        shown.containers = vec![container.clone()];
        return run::print_plans(context, &workspace, &[&shown], json);
    }
    let variables = workspace.run_variables(app, None, &tree, &command_line, container);
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen_masked(&workspace, json, arguments.mask, &shutdown);
    listening.record(
        &workspace,
        Draft::Cron {
            app: app.name.clone(),
            cron: cron.name.clone(),
            role: Some(actor.role.name().to_owned()),
            user: actor.name.clone(),
        },
    );
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let address = run::listens_at(app, None);
    let act = async {
        let lock = sandbox.lock(&format!("cron run {}", cron.name)).await?;
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
                .warn(&listening.events, &tree, Running::Other)
                .await;
        }
        let reached: Vec<_> = reached
            .iter()
            .map(|(plan, image)| {
                workspace.planned(plan, image, &tree, arguments.pull.into(), false)
            })
            .collect();
        let containers = sandbox.ensure_reached(&reached, containers).await?;
        let deployed = sandbox
            .ensure_ready(&planned, container, &containers, address.as_deref())
            .await?;
        let run = CronRun {
            app: &app.name,
            cron: &cron,
            container: &deployed.id,
            mounts: &container.mounts,
            source: Some(planned.source()),
            role: Some(actor.role.name()),
            user: actor.name.as_deref(),
            variables: &variables,
            timeout,
        };
        let report = sandbox.run_cron(&run).await?;
        // Whoever leaves without waiting leaves the cron to the next one to end.
        if shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(report)
    };
    let result = sandbox.until_left(act).await;
    let result = result
        .map(|report| run::exit_code(&report, &shutdown))
        .map_err(|err| Failure::of(err, &shutdown));
    listening.end(context, result)
}

/// The cron of that name, and its app.
fn find<'a>(workspace: &'a Workspace, arguments: &Arguments) -> Result<(&'a App, Cron), Failure> {
    let name = &arguments.cron;
    let apps: Vec<&App> = match &arguments.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<(&App, Cron)> = apps
        .into_iter()
        .flat_map(|app| crons::of(app).into_iter().map(move |cron| (app, cron)))
        .collect();
    let mut found: Vec<(&App, Cron)> = all
        .iter()
        .filter(|(_, cron)| cron.name == *name)
        .cloned()
        .collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let place = match &arguments.app {
                Some(app) => format!(" on `{app}`"),
                None => String::new(),
            };
            let failure = Failure::usage(format!("there is no cron `{name}`{place}"));
            let names: Vec<&str> = all.iter().map(|(_, cron)| cron.name.as_str()).collect();
            Err(match nearest(name, names.iter().copied()) {
                Some(near) => failure.hint(format!(
                    "did you mean `{near}`? `upsun-local cron list` shows all"
                )),
                None if names.is_empty() => {
                    failure.hint("define it under `applications.<app>.crons` in .upsun/config.yaml")
                }
                None => failure.hint(format!("there are: {}", names.join(", "))),
            })
        }
        _ => {
            let places: String = found
                .iter()
                .map(|(app, _)| format!("\n  upsun-local cron run {name} --app {}", app.name))
                .collect();
            Err(Failure::usage(format!(
                "the cron `{name}` is defined more than once; say which one you mean:{places}"
            )))
        }
    }
}

/// Refused before anything is done, as an operation is.
fn check_role(actor: &Actor, app: &App, cron: &Cron) -> Result<(), Failure> {
    let needed = crons::ROLE;
    if actor.role.may(needed) {
        return Ok(());
    }
    let who = match &actor.name {
        Some(name) => format!("`{name}`, who is `{}`,", actor.role),
        None => format!("the role `{}`", actor.role),
    };
    Err(Failure::new(
        DENIED,
        format!(
            "{who} may not run the cron `{}` on `{}`: it needs `{needed}`",
            cron.name, app.name
        ),
    )
    .hint(format!("try `--role {needed}`")))
}
