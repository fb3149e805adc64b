//! `up`: builds and starts every app and worker, or only those that are named.

use std::collections::BTreeMap;

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::mount::snapshots::warn_not_undone;
use super::run::PullChoice;
use super::warnings::Running;
use super::workspace::{Workspace, find_app};
use crate::activity::Draft;
use crate::config::app::App;
use crate::crons::timetable::Entry;
use crate::event::Event;
use crate::event::Events;
use crate::plan::AppPlan;

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
    /// Stay, and run the crons when their time comes, until Ctrl-C
    #[arg(long)]
    crons: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Open the primary route in a browser once everything is up
    #[arg(long)]
    open: bool,
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
        .map(|app| workspace.plan(app, &tree, &crate::user_variables::UserVariables::new()))
        .collect::<Result<Vec<_>, _>>()?;
    let json = arguments.format == super::run::Format::Json;
    if arguments.dry_run {
        let plans: Vec<_> = plans.iter().map(|(plan, _)| plan).collect();
        return super::run::print_plans(context, &workspace, &plans, json);
    }
    let mail = workspace.mail()?;
    let router = workspace.router()?;
    let crons = if arguments.crons {
        let mut crons = Crons::default();
        for (plan, _) in &plans {
            if let Some(app) = wanted.iter().find(|app| app.name == plan.app) {
                crons.add(&workspace, app, plan)?;
            }
        }
        if crons.entries.is_empty() {
            return Err(
                Failure::usage("`--crons` has nothing to run: no crons are defined")
                    .hint(format!("see {}", super::cron::DOCS)),
            );
        }
        Some(crons)
    } else {
        None
    };
    let shutdown = context.shutdown()?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let listening = context.listen(json, &shutdown);
    let names = wanted.iter().map(|app| app.name.clone());
    listening.record(
        &workspace,
        Draft::Push {
            apps: names.collect(),
        },
    );
    workspace.warn(&listening.events, &tree, Running::All).await;
    let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
    let act = async {
        let _right = match &crons {
            Some(_) => Some(sandbox.lock_crons()?),
            None => None,
        };
        let lock = sandbox.lock("up").await?;
        warn_not_undone(context, &workspace, &listening.events).await;
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
                    routed: true,
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
        sandbox.settle_mail(mail.as_ref()).await?;
        if let Some(router) = &router {
            let containers = sandbox.containers().await?;
            sandbox
                .ensure_router(
                    &router.plan,
                    &router.services,
                    &containers,
                    arguments.pull.into(),
                )
                .await?;
            let event = Event::RoutesReady {
                routes: workspace.entrance.addresses(),
            };
            let _ = listening.events.send(event).await;
        }
        lock.release();
        if arguments.open {
            if let Some(route) = workspace.entrance.primary() {
                super::entrance::open(context, &route.url(workspace.entrance.port));
            } else {
                let message = "there is no route to open".to_owned();
                listening.events.warn(message, None).await;
            }
        }
        if let Some(crons) = &crons {
            // Taken for each run only, so that `run` and others have their turn in between.
            crons.warn(&listening.events).await;
            sandbox
                .run_crons(crons.entries.clone(), &crons.mounts, jiff::Timestamp::now)
                .await?;
        }
        Ok(failed)
    };
    let result = sandbox.until_left(act).await;
    let have_stopped = crons.is_some() && result.is_ok();
    let result = match result {
        Ok(_) if crons.is_some() => Ok(shutdown.exit_code().unwrap_or_default()),
        Ok(failed) => Ok(u8::from(failed)),
        Err(err) => Err(Failure::of(err, &shutdown)),
    };
    let result = listening.end(context, result);
    if have_stopped && !context.global.quiet {
        context.talk("The crons have stopped; what is up stays up until `upsun-local down`\n");
    }
    result
}

/// The crons to run, and what running them needs.
#[derive(Debug, Default)]
struct Crons {
    entries: Vec<Entry>,
    /// The mounts of each app's web container.
    mounts: BTreeMap<String, Vec<String>>,
    /// The apps whose time zone is not known here, and that time zone.
    unknown_zones: Vec<(String, String)>,
}

impl Crons {
    fn add(&mut self, workspace: &Workspace, app: &App, plan: &AppPlan) -> Result<(), Failure> {
        let entries = super::cron::entries(workspace, app)?;
        if !entries.is_empty() && crate::crons::time_zone(&app.timezone).is_none() {
            let zone = (app.name.clone(), app.timezone.clone());
            self.unknown_zones.push(zone);
        }
        self.entries.extend(entries);
        if let Some(web) = plan.containers.first() {
            self.mounts.insert(app.name.clone(), web.mounts.clone());
        }
        Ok(())
    }

    async fn warn(&self, events: &Events) {
        for (app, zone) in &self.unknown_zones {
            let message = format!(
                "this machine does not know `{app}`'s time zone `{zone}`: its crons run in UTC"
            );
            let hint = "the package `tzdata` has time zones";
            events.warn(message, Some(hint.to_owned())).await;
        }
    }
}
