//! What an activity in the container of an app or a worker starts from.

use std::sync::Arc;

use super::Actions;
use crate::config::app::{App, SocketFamily};
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::images::Recipe;
use crate::layout::{PORT, SOCKET};
use crate::lifecycle::{self, Planned, Pull, Sandbox};
use crate::plan::{AppPlan, ContainerPlan};
use crate::source::Tree;
use crate::user_variables::UserVariables;
use crate::workspace::{Error, Running, Workspace};

/// The plan of an app, the position of the wanted container in it, and the plans of the apps that this container
/// reaches.
#[derive(Debug)]
pub struct Prepared {
    pub tree: Arc<Tree>,
    pub plan: AppPlan,
    image: Recipe,
    reached: Vec<(AppPlan, Recipe)>,
    /// The position of the container in the plan.
    at: usize,
    /// Where the app accepts requests: a port or a socket.
    listens_at: Option<String>,
    /// Whether the app as it is edited is meant.
    pub is_synced: bool,
}

impl Prepared {
    /// Plans an app for an activity in the app's own container or in that of a worker.
    pub fn of(
        workspace: &Workspace,
        app: &App,
        worker: Option<&str>,
        tree: &Arc<Tree>,
    ) -> Result<Self, Error> {
        Self::built(workspace, app, worker, tree, false)
    }

    /// Plans an app as `of` does. `anew` says that it is to be built again although there may be a build.
    pub(super) fn built(
        workspace: &Workspace,
        app: &App,
        worker: Option<&str>,
        tree: &Arc<Tree>,
        anew: bool,
    ) -> Result<Self, Error> {
        let none = UserVariables::new();
        let (plan, image) = workspace.plan_build(app, tree, &none, anew)?;
        let reached = workspace.reached(app, worker, tree)?;
        let containers = plan.containers.iter();
        let mut fitting = containers
            .enumerate()
            .filter(|(_, container)| container.worker.as_deref() == worker);
        let at = fitting.next().map(|(at, _)| at);
        let at = at.ok_or_else(|| Error::fault("the plan lacks a container"))?;
        Ok(Prepared {
            tree: Arc::clone(tree),
            plan,
            image,
            reached,
            at,
            listens_at: listens_at(app, worker),
            is_synced: false,
        })
    }

    /// The same for the app as it is edited.
    #[must_use]
    pub(crate) fn synced(self) -> Self {
        Prepared {
            is_synced: true,
            ..self
        }
    }

    pub fn container(&self) -> &ContainerPlan {
        &self.plan.containers[self.at]
    }

    /// The position of the container in the plan of the app.
    pub fn number(&self) -> usize {
        self.at
    }

    /// Where the app accepts requests: a port or a socket; `None` for a worker, and for an app without a start command.
    pub(crate) fn listens_at(&self) -> Option<&str> {
        self.listens_at.as_deref()
    }

    /// The app's plan without its other containers, for output.
    pub fn shown(&self) -> AppPlan {
        AppPlan {
            containers: vec![self.container().clone()],
            ..self.plan.clone()
        }
    }

    /// The plan together with the options that carrying it out needs.
    pub fn planned(&self, pull: Pull) -> Planned<'_> {
        Planned {
            is_synced: self.is_synced,
            ..planned(&self.plan, &self.image, &self.tree, pull)
        }
    }

    /// The plans of the apps that the container reaches.
    pub fn reached(&self, pull: Pull) -> Vec<Planned<'_>> {
        let reached = self.reached.iter();
        reached
            .map(|(plan, image)| planned(plan, image, &self.tree, pull))
            .collect()
    }
}

/// An app's plan together with the options that carrying it out needs.
pub(super) fn planned<'a>(
    plan: &'a AppPlan,
    image: &'a Recipe,
    tree: &'a Arc<Tree>,
    pull: Pull,
) -> Planned<'a> {
    Planned {
        plan,
        image,
        tree,
        pull,
        // A build that is to be made again has an id of its own.
        rebuild: false,
        routed: false,
        is_built: false,
        is_synced: false,
    }
}

/// Where an app accepts requests: a port or a socket; `None` if no route or relationship leads to the app.
fn listens_at(app: &App, worker: Option<&str>) -> Option<String> {
    if worker.is_some() || app.web.commands.start.is_none() {
        return None;
    }
    Some(match app.web.socket_family {
        SocketFamily::Tcp => PORT.to_owned(),
        SocketFamily::Unix => SOCKET.to_owned(),
    })
}

impl<E: Engine> Actions<E> {
    /// Brings up what the container reaches, and returns what runs. `containers` are those that run before that. The
    /// project's warnings are sent only when something is about to be made, not with every run.
    pub(super) async fn reach(
        &self,
        sandbox: &Sandbox<'_, E>,
        prepared: &Prepared,
        containers: Vec<Container>,
        pull: Pull,
        running: Running<'_>,
    ) -> lifecycle::Result<Vec<Container>> {
        if !prepared.container().is_current(&containers) {
            self.workspace
                .warn(&self.events, &prepared.tree, running)
                .await;
        }
        sandbox
            .ensure_reached(&prepared.reached(pull), containers)
            .await
    }
}
