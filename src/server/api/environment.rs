//! The environments: the one of the settings or of `--environment`, and those that have containers on the engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::answer::{Answer, Problem, Result, json};
use super::super::place::{Seen, actor};
use super::account::EPOCH;
use super::{Asked, deployment, links, part, project_id};
use crate::engine::Engine;
use crate::labels::LABEL_ENVIRONMENT;
use crate::project::hash;
use crate::workspace::{Workspace, source_operations};

/// An environment as one caller sees it.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) workspace: Arc<Workspace>,
    /// Why the configuration cannot be read, if it cannot.
    broken: Option<String>,
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// The environments, the one of the settings first.
    pub(super) async fn environments(&self, workspace: &Arc<Workspace>) -> Result {
        actor(workspace, &self.caller)?;
        let own = &workspace.environment.name;
        let mut all = vec![Arc::clone(workspace)];
        for name in self.others(workspace).await {
            all.push(self.shared.place.elsewhere(&name).await?);
        }
        let all = all.into_iter().map(|workspace| {
            let is_main = workspace.environment.name == *own;
            shown(&workspace, is_main)
        });
        Ok(json(&Value::Array(all.collect())))
    }

    /// The names of the other environments of the project that have containers. Without an engine there is no other.
    async fn others(&self, workspace: &Workspace) -> BTreeSet<String> {
        let Ok(engine) = self.shared.place.engine(workspace).await else {
            return BTreeSet::new();
        };
        let found = engine.containers(&workspace.project.labels()).await;
        if found.is_err() {
            self.shared.place.forget_engine().await;
        }
        let containers = found.unwrap_or_default();
        let names = containers
            .iter()
            .filter_map(|container| container.labels.get(LABEL_ENVIRONMENT));
        let others = names.filter(|name| **name != workspace.environment.name);
        others.cloned().collect()
    }

    /// The environment of that name.
    pub(super) async fn environment(&self, seen: &Seen, name: &str) -> Result<Environment> {
        let workspace = &seen.workspace;
        let workspace = if workspace.environment.name == name {
            Arc::clone(workspace)
        } else if self.others(workspace).await.contains(name) {
            self.shared.place.elsewhere(name).await?
        } else {
            return Err(Problem::not_found(format!(
                "this sandbox has no environment `{name}`; `upsun-local up --environment {name}` makes one"
            )));
        };
        actor(&workspace, &self.caller)?;
        Ok(Environment {
            workspace,
            broken: seen.broken.as_ref().map(ToString::to_string),
        })
    }
}

impl Environment {
    pub(super) fn get(&self) -> Answer {
        json(&shown(&self.workspace, true))
    }

    /// The path of the API.
    pub(super) fn path(&self) -> String {
        path(&self.workspace)
    }

    /// What Upsun's CLI asks of an environment's settings: a sandbox is deployed when that is needed.
    pub(super) fn settings(&self) -> Answer {
        let own = format!("{}/settings", self.path());
        json(&json!({
            "enable_manual_deployments": false,
            "_links": links([("self", own)]),
        }))
    }

    pub(super) fn deployments(&self) -> Answer {
        json(&json!([deployment::shown(&self.workspace)]))
    }

    pub(super) fn deployment(&self) -> Result {
        match &self.broken {
            None => Ok(json(&deployment::shown(&self.workspace))),
            Some(why) => Err(Problem::new(hyper::StatusCode::CONFLICT, why)),
        }
    }

    pub(super) fn source_operations(&self) -> Answer {
        let path = self.path();
        let all = source_operations(&self.workspace.config);
        let all = all.into_iter().map(|found| {
            let id = format!("{}:{}", found.app.name, found.name);
            json!({
                "id": id,
                "app": found.app.name,
                "operation": found.name,
                "command": found.command,
                "_links": links([("self", format!("{path}/source-operations/{}", part(&id)))]),
            })
        });
        json(&Value::Array(all.collect()))
    }
}

fn path(workspace: &Workspace) -> String {
    let (project, environment) = (project_id(workspace), &workspace.environment.name);
    format!(
        "/projects/{}/environments/{}",
        part(&project),
        part(environment)
    )
}

/// What stands for the commit. Upsun's CLI keeps a deployment for as long as the commit stays, so this changes with
/// everything that a deployment shows.
pub(super) fn head_commit(workspace: &Workspace) -> String {
    hash(deployment::shown(workspace).to_string().as_bytes())
}

/// The name of an environment as a host name has it.
pub(super) fn machine_name(workspace: &Workspace) -> String {
    crate::project::plain(&workspace.environment.name, 40)
}

fn shown(workspace: &Workspace, is_main: bool) -> Value {
    let name = &workspace.environment.name;
    json!({
        "id": name,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "name": name,
        "machine_name": machine_name(workspace),
        "title": name,
        "attributes": {},
        "type": workspace.environment_type.name(),
        "parent": null,
        "default_domain": workspace.entrance.host,
        "has_domains": false,
        "clone_parent_on_create": false,
        "deployment_target": "local",
        "is_pr": false,
        "has_remote": false,
        "status": "active",
        "http_access": { "is_enabled": false, "addresses": [], "basic_auth": {} },
        "enable_smtp": workspace.settings.mail.is_some(),
        "restrict_robots": true,
        "edge_hostname": workspace.entrance.host,
        "deployment_state": null,
        "sizing": null,
        "resources_overrides": {},
        "max_instance_count": 1,
        "last_active_at": null,
        "last_backup_at": null,
        "project": project_id(workspace),
        "is_main": is_main,
        "is_dirty": false,
        "has_staged_activities": false,
        "can_rolling_deploy": false,
        "supports_rolling_deployments": false,
        "has_code": true,
        "head_commit": head_commit(workspace),
        "merge_info": { "commits_ahead": null, "commits_behind": null, "parent_ref": null },
        "has_deployment": true,
        "supports_restrict_robots": false,
        "_links": links_of(workspace),
    })
}

fn links_of(workspace: &Workspace) -> Value {
    let path = path(workspace);
    let below = |name: &str| format!("{path}/{name}");
    let mut all: Vec<(String, String)> = [
        ("self", path.clone()),
        ("#activities", below("activities")),
        ("#operations", below("deployments/current/operations")),
        ("#source-operations", below("source-operations")),
        ("#source-operation", below("source-operation")),
        ("#variables", below("variables")),
        ("#manage-variables", below("variables")),
        ("#deployments", below("deployments")),
        ("#tasks", below("tasks")),
        ("#redeploy", below("redeploy")),
    ]
    .map(|(name, href)| (name.to_owned(), href))
    .into();
    if let Some(route) = workspace.entrance.primary() {
        all.push(("public-url".to_owned(), route.url(workspace.entrance.port)));
    }
    for app in workspace.config.apps.values() {
        let workers = app.workers.iter().map(|worker| Some(worker.name.as_str()));
        for worker in std::iter::once(None).chain(workers) {
            let name = crate::text::container_name(&app.name, worker);
            let address = ssh_address(workspace, &app.name, worker);
            all.push((format!("pf:ssh:{name}"), address));
        }
    }
    links(all.iter().map(|(name, href)| (name.as_str(), href.clone())))
}

/// The host name of the repository, where nothing can be pushed.
pub const GIT_HOST: &str = "git.sandbox.localhost";

/// The host name of all containers, for `ssh`.
pub const SSH_HOST: &str = "ssh.sandbox.localhost";

/// The address by which `ssh` on this machine finds a container: `upsun-local ssh-bridge` reads it. Two hyphens stand
/// between its parts, so that the parts have none.
fn ssh_address(workspace: &Workspace, app: &str, worker: Option<&str>) -> String {
    let name = |text: &str| part(text).replace("--", "-%2D");
    let environment = name(&workspace.environment.name);
    let worker = worker.map(|worker| format!("--{}", name(worker)));
    // Where a server has several projects, the host says which one.
    let project = workspace.served_as.as_ref();
    let project = project.map(|_| format!("{}.", project_id(workspace)));
    format!(
        "ssh://{environment}--{}{}@{}{SSH_HOST}",
        name(app),
        worker.unwrap_or_default(),
        project.unwrap_or_default(),
    )
}
