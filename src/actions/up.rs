//! Bring an environment up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};

use super::Actions;
use super::prepared::planned;
use crate::activity::Draft;
use crate::config::Config;
use crate::config::app::App;
use crate::crons::timetable::Entry;
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event::{self, Event, Events};
use crate::failure::Failure;
use crate::images::Recipe;
use crate::lifecycle::{self, Planned, Pull, Sandbox};
use crate::plan::AppPlan;
use crate::relationships;
use crate::services::ServicePlan;
use crate::source::Tree;
use crate::tunnels::{ROUTES, Store};
use crate::user_variables::UserVariables;
use crate::workspace::entrance::Router;
use crate::workspace::{Running, Workspace, find_app};

/// What to bring up.
#[derive(Debug, Clone)]
pub struct Request {
    /// The apps to bring up; all apps if empty.
    pub apps: Vec<String>,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Whether to build again although there are builds.
    pub rebuild: bool,
    /// Whether the caller opens tunnels to the routes, if the engine is on another machine.
    pub opens_tunnels: bool,
    /// How many apps may be built, and then started, at once.
    pub jobs: usize,
    /// Whether to stay, and run the crons at their times.
    pub crons: bool,
}

impl Default for Request {
    /// Everything, as it is usually brought up.
    fn default() -> Self {
        Request {
            apps: Vec::new(),
            pull: Pull::Missing,
            rebuild: false,
            opens_tunnels: false,
            jobs: usual_jobs(),
            crons: false,
        }
    }
}

/// The number of processors, but at most four: more builds at once wait for each other's disk and network.
pub fn usual_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(4))
}

/// An environment, planned. The engine has not been called yet.
#[derive(Debug)]
pub struct Up {
    request: Request,
    tree: Arc<Tree>,
    /// The apps that the request names.
    wanted: BTreeSet<String>,
    /// The wanted apps and the apps that they reach. Each app stands after those that it reaches.
    plans: Vec<(AppPlan, Recipe)>,
    mail: Option<ServicePlan>,
    router: Option<Router>,
    crons: Crons,
}

impl Up {
    /// Plans the wanted apps and those that they reach.
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
            .map(|app| {
                // An app that is only reached is not built again.
                let is_wanted = wanted.iter().any(|wanted| wanted.name == app.name);
                let anew = request.rebuild && is_wanted;
                workspace.plan_build(app, &tree, &UserVariables::new(), anew)
            })
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

    pub fn plans(&self) -> impl Iterator<Item = &AppPlan> {
        self.plans.iter().map(|(plan, _)| plan)
    }

    /// The plans of the wanted apps, each with how its image is made.
    pub(super) fn wanted_plans(&self) -> impl Iterator<Item = &(AppPlan, Recipe)> {
        let plans = self.plans.iter();
        plans.filter(|(plan, _)| self.wanted.contains(&plan.app))
    }

    pub(super) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The apps that are to be built or started, if several are and may be at once. `containers` are the containers of
    /// the environment.
    fn stale(&self, containers: &[Container]) -> Vec<Planned<'_>> {
        let Request { pull, jobs, .. } = self.request;
        // A newer image replaces builds and what runs on them, one app after the other.
        if pull == Pull::Always || jobs < 2 {
            return Vec::new();
        }
        let is_stale = |plan: &AppPlan| {
            let mut all = plan.containers.iter();
            all.any(|container| plan.current_id(container, containers).is_none())
        };
        let plans = self.plans.iter().filter(|(plan, _)| is_stale(plan));
        let stale: Vec<Planned<'_>> = plans
            .map(|(plan, image)| planned(plan, image, &self.tree, pull))
            .collect();
        if stale.len() > 1 { stale } else { Vec::new() }
    }

    /// The plans in groups: an app comes in a later group than the apps that it reaches.
    fn levels(&self, config: &Config) -> Vec<Vec<&(AppPlan, Recipe)>> {
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        let mut levels: Vec<Vec<&(AppPlan, Recipe)>> = Vec::new();
        for entry in &self.plans {
            let name = entry.0.app.as_str();
            let app = config.apps.get(name);
            let reached = app.map(|app| relationships::in_order(&[app], config));
            let below = reached.into_iter().flatten().map(|app| app.name.as_str());
            let depth = below
                .filter(|below| *below != name)
                .filter_map(|below| depths.get(below))
                .max()
                .map_or(0, |depth| depth + 1);
            depths.insert(name, depth);
            if levels.len() <= depth {
                levels.resize_with(depth + 1, Vec::new);
            }
            levels[depth].push(entry);
        }
        levels
    }

    pub fn has_crons(&self) -> bool {
        !self.crons.entries.is_empty()
    }
}

impl<E: Engine> Actions<E> {
    /// Brings everything up, calls `is_up` and, if the request asks for crons, runs them until the user stops.
    /// Returns the exit code: 1 if a hook failed.
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
        let containers = sandbox.containers().await?;
        let stale = up.stale(&containers);
        let jobs = if stale.is_empty() { 1 } else { up.request.jobs };
        let surplus = sandbox.build_together(&stale, &containers, jobs).await?;
        let old_builds = async {
            for (at, surplus) in surplus {
                sandbox.prune_builds(&stale[at], Some(surplus)).await;
            }
        };
        let apps = Box::pin(self.apps_up(&sandbox, up, &stale, jobs));
        let (has_failed_hooks, ()) = tokio::join!(apps, old_builds);
        let has_failed_hooks = has_failed_hooks?;
        sandbox.remove_strangers(&self.workspace.config).await?;
        sandbox.settle_mail(up.mail.as_ref()).await?;
        if let Some(router) = &up.router {
            let containers = sandbox.containers().await?;
            let pull = up.request.pull;
            let (plan, services) = (&router.plan, &router.services);
            if sandbox.is_dev_running() {
                // `dev` has another router at the same port, and puts this one back at its end.
                sandbox
                    .ensure_routed(plan, services, &containers, pull)
                    .await?;
            } else {
                sandbox
                    .ensure_router(plan, services, &containers, pull)
                    .await?;
            }
            sandbox.remove_swept(&containers).await;
            let event = Event::Deploy(event::Deploy::RoutesReady {
                routes: self.workspace.entrance.addresses(),
            });
            self.events.send(event).await;
            if !up.request.opens_tunnels {
                self.say_where().await;
            }
        }
        lock.release();
        is_up();
        if up.request.crons {
            // The lock on the environment is held only during each run, so that `run` and other commands can have it
            // in between.
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

    /// Says that the addresses of the routes do not answer on this machine, unless they do.
    async fn say_where(&self) {
        let Some(machine) = self.engine.other_machine() else {
            return;
        };
        let store = Store::of(&self.workspace.project.state_dir);
        if store.leads_to(&self.workspace.environment.name, ROUTES) {
            return;
        }
        let message = format!("the addresses answer on {machine}, where the engine is");
        let hint = "`upsun-local tunnel open` makes them answer on this machine too";
        self.events.warn(message, Some(hint.to_owned())).await;
    }

    /// Brings the apps up, at most `jobs` at once, and each after those that it reaches. `built` are those whose builds
    /// are there. Returns whether a hook failed.
    async fn apps_up(
        &self,
        sandbox: &Sandbox<'_, E>,
        up: &Up,
        built: &[Planned<'_>],
        jobs: usize,
    ) -> lifecycle::Result<bool> {
        let mut has_failed_hooks = false;
        for level in up.levels(&self.workspace.config) {
            let mut apps: Vec<BoxFuture<'_, lifecycle::Result<bool>>> = Vec::new();
            for (plan, image) in level {
                let is_built = built.iter().any(|built| built.plan.app == plan.app);
                apps.push(self.app_up(sandbox, up, plan, image, is_built).boxed());
            }
            let results = stream::iter(apps).buffer_unordered(jobs).collect().await;
            has_failed_hooks |= lifecycle::all_of(results)?.contains(&true);
        }
        Ok(has_failed_hooks)
    }

    /// Brings an app up with its workers, or without them if only other apps need it. Returns whether a hook failed.
    async fn app_up(
        &self,
        sandbox: &Sandbox<'_, E>,
        up: &Up,
        plan: &AppPlan,
        image: &Recipe,
        is_built: bool,
    ) -> lifecycle::Result<bool> {
        let whole = up.wanted.contains(&plan.app);
        let planned = planned(plan, image, &up.tree, up.request.pull);
        let containers = sandbox.containers().await?;
        let count = if whole { plan.containers.len() } else { 1 };
        let mut has_failed_hooks = false;
        for container in plan.containers.iter().take(count) {
            let planned = Planned {
                routed: true,
                is_built,
                ..planned.clone()
            };
            let deployed = sandbox
                .ensure_container(&planned, container, &containers)
                .await?;
            // An app that is only reached is not deployed again.
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

/// The crons to run, with the data that their runs need.
#[derive(Debug, Default)]
struct Crons {
    entries: Vec<Entry>,
    /// The mounts of each app's web container.
    mounts: BTreeMap<String, Vec<String>>,
    /// The apps whose time zone is unknown to this machine, with the name of that time zone.
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
