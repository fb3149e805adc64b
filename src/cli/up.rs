//! `up`: builds and starts every app and worker, or only those that are named.

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::run::PullChoice;
use super::workspace::{Workspace, find_app};
use crate::config::app::App;

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only these apps
    #[arg(value_name = "APP")]
    apps: Vec<String>,
    /// Build again although the build is there
    #[arg(long)]
    rebuild: bool,
    /// When to ask the registry for images
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: super::run::Format,
}

/// Brings everything up.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    let wanted: Vec<&App> = if arguments.apps.is_empty() {
        workspace.config.apps.values().collect()
    } else {
        arguments
            .apps
            .iter()
            .map(|name| find_app(&workspace.config, name))
            .collect::<Result<_, _>>()?
    };
    let tree = workspace.scan()?;
    // What an app reaches is up before it, also where only that app is asked for.
    let all = crate::relationships::in_order(&wanted, &workspace.config);
    let is_wanted = |name: &str| wanted.iter().any(|app| app.name == name);
    let plans = all
        .iter()
        .map(|app| workspace.plan(app, &tree, &crate::variables::UserVariables::new()))
        .collect::<Result<Vec<_>, _>>()?;
    let json = arguments.format == super::run::Format::Json;
    if arguments.dry_run {
        let plans: Vec<_> = plans.iter().map(|(plan, _)| plan).collect();
        return super::run::print_plans(context, &workspace, &plans, json);
    }
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen(json, &shutdown);
    workspace.warn(&listening.events, &tree).await;
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let act = async {
        let lock = sandbox.lock("up").await?;
        let mut failed = false;
        for (plan, image) in &plans {
            let whole = is_wanted(&plan.app);
            let rebuild = arguments.rebuild && whole;
            let planned = workspace.planned(plan, image, &tree, arguments.pull.into(), rebuild);
            let containers = sandbox.containers().await?;
            let count = if whole { plan.containers.len() } else { 1 };
            for (at, container) in plan.containers.iter().take(count).enumerate() {
                // A rebuild is for all containers of an app, so only the first of them asks for it.
                let planned = crate::lifecycle::Planned {
                    rebuild: planned.rebuild && at == 0,
                    ..planned.clone()
                };
                let containers = if arguments.rebuild {
                    sandbox.containers().await?
                } else {
                    containers.clone()
                };
                let deployed = sandbox
                    .ensure_container(&planned, container, &containers)
                    .await?;
                // What is only reached is not deployed again.
                let deployed = if whole {
                    sandbox.redeploy(&planned, container, deployed).await?
                } else {
                    deployed
                };
                failed |= !deployed.failed_hooks.is_empty();
            }
        }
        sandbox.remove_strangers(&workspace.config).await?;
        lock.release();
        Ok(failed)
    };
    let result = sandbox.until_left(act).await;
    listening.finish();
    match result {
        Ok(failed) => Ok(u8::from(failed)),
        Err(err) => Err(Failure::of(err, &shutdown)),
    }
}
