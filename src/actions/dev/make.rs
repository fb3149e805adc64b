//! Makes the edited containers of apps, beside whatever runs, and switches to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::copy::Copy;
use super::follow::Session;
use super::{Actions, Request};
use crate::actions::prepared::planned;
use crate::actions::up::{self, Up};
use crate::config::app::App;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::lifecycle::{self, Synced};
use crate::lock;
use crate::plan::AppPlan;
use crate::plan::router::RouterPlan;
use crate::source::Tree;
use crate::user_variables::UserVariables;
use crate::workspace::Workspace;

/// Edited apps that nothing leads to yet, and the tree that they were built from.
pub(super) struct Made {
    synced: Vec<Synced>,
    tree: Arc<Tree>,
}

/// The names of the containers of edited apps, by app.
pub(super) type Containers = BTreeMap<String, String>;

pub(super) fn containers_of(copies: &[Copy]) -> Containers {
    let names = copies.iter().filter_map(|copy| {
        let container = copy.synced.plan.container()?;
        Some((copy.app.clone(), container.container.name.clone()))
    });
    names.collect()
}

/// Brings everything up as it is deployed, and starts edited apps beside that: all of the request, or only some. `edited`
/// are those that are edited already.
pub(super) async fn make<E: Engine>(
    actions: &Actions<E>,
    request: &Request,
    edited: &Containers,
    only: Option<&[String]>,
) -> Result<Made, Failure> {
    let up = up::Request {
        apps: only.map_or_else(|| request.apps.clone(), <[String]>::to_vec),
        pull: request.pull,
        jobs: request.jobs,
        ..up::Request::default()
    };
    let up = Up::prepare(&actions.workspace, up)?;
    actions.up(&up, || {}).await?;
    let made = make_synced(actions, request, edited.clone(), &up).await;
    made.map_err(|err| Failure::of(err, &actions.shutdown))
}

async fn make_synced<E: Engine>(
    actions: &Actions<E>,
    request: &Request,
    mut containers: Containers,
    up: &Up,
) -> lifecycle::Result<Made> {
    let (workspace, sandbox) = (&actions.workspace, actions.sandbox());
    let lock = sandbox.lock("dev").await?;
    let (project, environment) = (&workspace.project, &workspace.environment.name);
    let mut tokens = Vec::new();
    for (plan, _) in up.wanted_plans() {
        let token = lock::new_token();
        let name = crate::plan::synced::name(project, environment, &plan.app, &token);
        containers.insert(plan.app.clone(), name);
        tokens.push(token);
    }
    let mut synced = Vec::new();
    for ((plan, image), token) in up.wanted_plans().zip(&tokens) {
        let app = workspace.config.apps.get(&plan.app);
        let Some(mut edited) = app.and_then(|app| edited(workspace, app, up.tree())) else {
            continue;
        };
        lead_to(&mut edited, &containers, workspace);
        let planned = planned(plan, image, up.tree(), request.pull);
        synced.push(sandbox.make_synced(&planned, &edited, token).await?);
    }
    lock.release();
    Ok(Made {
        synced,
        tree: Arc::clone(up.tree()),
    })
}

/// Lets the relationships of an app lead to the edited containers of other apps.
fn lead_to(plan: &mut AppPlan, edited: &Containers, workspace: &Workspace) {
    let (project, environment) = (&workspace.project, &workspace.environment.name);
    let networks = plan.containers.iter_mut();
    for network in networks.filter_map(|it| it.container.network.as_mut()) {
        for (app, container) in edited {
            let deployed = project.name(&[environment, app]);
            let links = network.links.iter_mut();
            for link in links.filter(|link| link.container == deployed) {
                link.container.clone_from(container);
            }
        }
    }
}

/// The plan of an app with the command that runs while it is edited.
fn edited(workspace: &Workspace, app: &App, tree: &Tree) -> Option<AppPlan> {
    let mut app = app.clone();
    if let Some(command) = workspace.settings.dev.command_of(&app.name) {
        app.web.commands.start = Some(command.to_owned());
    }
    let none = UserVariables::new();
    workspace.plan(&app, tree, &none).ok().map(|(plan, _)| plan)
}

impl<E: Engine> Session<'_, E> {
    /// Lets the routes lead to what was made, and removes what that takes the place of.
    pub(super) async fn switch(&mut self, made: Made) -> lifecycle::Result<()> {
        let actions = &self.actions;
        let sandbox = actions.sandbox();
        let lock = sandbox.lock("dev").await?;
        let new = made.synced.clone();
        let mut old = Vec::new();
        for synced in made.synced {
            let copy = Copy::new(synced, Arc::clone(&made.tree));
            match self.copies.iter_mut().find(|old| old.app == copy.app) {
                Some(place) => old.push(std::mem::replace(place, copy)),
                None => self.copies.push(copy),
            }
        }
        // One that takes long to start does not listen yet.
        let mut holds = Vec::new();
        for synced in &new {
            holds.push((synced, sandbox.hold_synced(synced).await?));
        }
        let router = match router(&actions.workspace, &self.copies) {
            Some(router) => Some(sandbox.lead_to_synced(&router).await?),
            None => None,
        };
        for (synced, hold) in holds {
            sandbox.release_synced(hold, synced).await;
        }
        for old in old {
            sandbox.remove_synced(&old.synced).await?;
        }
        let containers = sandbox.containers().await?;
        sandbox.remove_swept(&containers).await;
        lock.release();
        self.view
            .follow(sandbox.engine, &containers, &self.copies, router.as_deref());
        Ok(())
    }
}

/// The router that leads to edited apps.
fn router(workspace: &Workspace, copies: &[Copy]) -> Option<RouterPlan> {
    let edited = containers_of(copies);
    // A configuration whose routes cannot be planned has been refused before.
    let router = workspace.router_to(&edited).ok().flatten();
    router.map(|router| router.plan)
}
