//! Bring an environment up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Actions;
use super::prepared::planned;
use crate::activity::Draft;
use crate::config::app::App;
use crate::crons::timetable::Entry;
use crate::engine::Engine;
use crate::event::{self, Event, Events};
use crate::failure::Failure;
use crate::images::Recipe;
use crate::lifecycle::{self, Planned, Pull, Sandbox};
use crate::plan::AppPlan;
use crate::relationships;
use crate::services::ServicePlan;
use crate::source::Tree;
use crate::user_variables::UserVariables;
use crate::workspace::entrance::Router;
use crate::workspace::{Running, Workspace, find_app};

/// What is to be brought up.
#[derive(Debug, Clone)]
pub struct Request {
    /// These apps; all where none is named.
    pub apps: Vec<String>,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Build again although the builds are there.
    pub rebuild: bool,
    /// Stay, and run the crons when their time comes.
    pub crons: bool,
}

/// An environment, planned. Nothing was asked of the engine yet.
#[derive(Debug)]
pub struct Up {
    request: Request,
    tree: Arc<Tree>,
    /// The apps that are asked for.
    wanted: BTreeSet<String>,
    /// They and what they reach, each after what it reaches itself.
    plans: Vec<(AppPlan, Recipe)>,
    mail: Option<ServicePlan>,
    router: Option<Router>,
    crons: Crons,
}

impl Up {
    /// Plans the apps that are asked for, and those that they reach.
    pub fn prepare(workspace: &Workspace, request: Request) -> Result<Self, Failure> {
        let wanted: Vec<&App> = if request.apps.is_empty() {
            workspace.config.apps.values().collect()
        } else {
            let names = request.apps.iter();
            names
                .map(|name| find_app(&workspace.config, name))
                .collect::<Result<_, _>>()?
        };
        let tree = workspace.scan()?;
        let plans = relationships::in_order(&wanted, &workspace.config)
            .iter()
            .map(|app| workspace.plan(app, &tree, &UserVariables::new()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut crons = Crons::default();
        if request.crons {
            for (plan, _) in &plans {
                if let Some(app) = wanted.iter().find(|app| app.name == plan.app) {
                    crons.add(workspace, app, plan)?;
                }
            }
        }
        Ok(Up {
            mail: workspace.mail()?,
            router: workspace.router()?,
            wanted: wanted.iter().map(|app| app.name.clone()).collect(),
            request,
            tree,
            plans,
            crons,
        })
    }

    /// The plans of the apps.
    pub fn plans(&self) -> impl Iterator<Item = &AppPlan> {
        self.plans.iter().map(|(plan, _)| plan)
    }

    /// Whether there is a cron to run.
    pub fn has_crons(&self) -> bool {
        !self.crons.entries.is_empty()
    }
}

impl<E: Engine> Actions<E> {
    /// Brings everything up, calls `is_up`, and runs the crons until it is stopped where that is asked for. Returns the
    /// exit code: 1 where a hook failed.
    pub async fn up(&self, up: &Up, is_up: impl FnOnce() + Send) -> Result<u8, Failure> {
        let apps = up.plans().map(|plan| plan.app.clone());
        let _heeding = self.record(Draft::Push {
            apps: apps.filter(|name| up.wanted.contains(name)).collect(),
        });
        self.workspace
            .warn(&self.events, &up.tree, Running::All)
            .await;
        let result = self.carry_out(self.up_locked(up, is_up)).await;
        let result = result.map(|has_failed_hooks| {
            if up.request.crons {
                self.shutdown.exit_code().unwrap_or_default()
            } else {
                u8::from(has_failed_hooks)
            }
        });
        self.finish(result, |code| *code).await
    }

    async fn up_locked(&self, up: &Up, is_up: impl FnOnce() + Send) -> lifecycle::Result<bool> {
        let sandbox = self.sandbox();
        let _right = if up.request.crons {
            Some(sandbox.lock_crons()?)
        } else {
            None
        };
        let lock = sandbox.lock("up").await?;
        self.warn_not_undone().await;
        let mut has_failed_hooks = false;
        for (plan, image) in &up.plans {
            has_failed_hooks |= self.app_up(&sandbox, up, plan, image).await?;
        }
        sandbox.remove_strangers(&self.workspace.config).await?;
        sandbox.settle_mail(up.mail.as_ref()).await?;
        if let Some(router) = &up.router {
            let containers = sandbox.containers().await?;
            let pull = up.request.pull;
            sandbox
                .ensure_router(&router.plan, &router.services, &containers, pull)
                .await?;
            let event = Event::Deploy(event::Deploy::RoutesReady {
                routes: self.workspace.entrance.addresses(),
            });
            self.events.send(event).await;
        }
        lock.release();
        is_up();
        if up.request.crons {
            // The environment is taken for each run only, so that `run` and others have their turn in between.
            up.crons.warn(&self.events).await;
            sandbox
                .run_crons(
                    up.crons.entries.clone(),
                    &up.crons.mounts,
                    jiff::Timestamp::now,
                )
                .await?;
        }
        Ok(has_failed_hooks)
    }

    /// Brings an app up with its workers, or only the app itself where others merely reach it. Says whether a hook
    /// failed.
    async fn app_up(
        &self,
        sandbox: &Sandbox<'_, E>,
        up: &Up,
        plan: &AppPlan,
        image: &Recipe,
    ) -> lifecycle::Result<bool> {
        let whole = up.wanted.contains(&plan.app);
        let rebuild = up.request.rebuild && whole;
        let planned = planned(plan, image, &up.tree, up.request.pull, rebuild);
        let containers = sandbox.containers().await?;
        let count = if whole { plan.containers.len() } else { 1 };
        let mut has_failed_hooks = false;
        for (at, container) in plan.containers.iter().take(count).enumerate() {
            // A rebuild is for all containers of an app, so only the first of them asks for it.
            let planned = Planned {
                rebuild: rebuild && at == 0,
                routed: true,
                ..planned.clone()
            };
            let containers = if up.request.rebuild {
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
            has_failed_hooks |= !deployed.failed_hooks.is_empty();
        }
        Ok(has_failed_hooks)
    }
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
        let entries = workspace.crons(app)?;
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
