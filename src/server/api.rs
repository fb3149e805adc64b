//! Upsun's API, as far as the `upsun` command and the console use it. Paths, names and shapes are those of
//! <https://docs.upsun.com/api/>; a sandbox is one project.

mod account;
mod activities;
mod deployment;
mod environment;
mod log;
mod operations;
mod project;
mod redeploy;
mod users;
mod variables;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

pub(super) use self::activities::shown;
use self::environment::Environment;
pub use self::environment::{GIT_HOST, SSH_HOST};
pub(super) use self::operations::{committed, parameters, target};
pub use self::project::id as project_id;
pub(super) use self::project::plain;
use super::answer::{Answer, Problem, Result, json_with};
use super::key::Caller;
use super::request::Call;
use super::{All, Shared, unknown};
use crate::activity::Activity;
use crate::engine::Engine;
use crate::workspace::Workspace;

/// A call with its caller.
#[derive(Debug)]
pub(super) struct Asked<'a, E> {
    shared: &'a Arc<Shared<E>>,
    call: &'a Call,
    caller: Caller,
}

/// `path` is the path of the API, in parts.
pub(super) async fn route<E: Engine + 'static>(
    all: &All<E>,
    call: &Call,
    path: &[&str],
    caller: Caller,
    body: Incoming,
) -> Result {
    let ["projects", id, rest @ ..] = path else {
        return account::route(&all.projects, call, path, &caller).await;
    };
    let shared = all.projects.find(id).await?;
    let asked = Asked {
        shared: &shared,
        call,
        caller,
    };
    asked.project(id, rest, body).await
}

impl<E: Engine + 'static> Asked<'_, E> {
    async fn project(&self, id: &str, path: &[&str], body: Incoming) -> Result {
        let seen = self.shared.place.see().await?;
        let workspace = &seen.workspace;
        if project_id(workspace) != plain(id) {
            return Err(Problem::not_found(format!(
                "this sandbox is the project `{}`, and not `{id}`",
                project_id(workspace)
            )));
        }
        match (&self.call.method, path) {
            (&Method::GET, []) => Ok(super::answer::json(&project::get(workspace))),
            (&Method::GET, ["capabilities"]) => Ok(project::capabilities()),
            (&Method::GET, ["settings"]) => Ok(project::settings()),
            (&Method::GET, ["environment-types"]) => Ok(project::environment_types(id)),
            (_, ["activities", rest @ ..]) => {
                let activities = self.activities(workspace, None);
                activities.route(rest).await
            }
            (_, ["variables", rest @ ..]) => {
                let variables = self.variables(workspace, true);
                variables.route(rest, body).await
            }
            (&Method::GET, ["user-access"]) => Ok(users::list(workspace)),
            (&Method::GET, ["user-access", id]) => users::get(workspace, id),
            (&Method::GET, ["environments"]) => self.environments(workspace).await,
            (_, ["environments", name, rest @ ..]) => {
                let environment = self.environment(&seen, name).await?;
                self.of_environment(&environment, rest, body).await
            }
            _ => Err(unknown(self.call)),
        }
    }

    async fn of_environment(
        &self,
        environment: &Environment,
        path: &[&str],
        body: Incoming,
    ) -> Result {
        match (&self.call.method, path) {
            (&Method::GET, []) => Ok(environment.get()),
            (&Method::GET, ["deployments"]) => Ok(environment.deployments()),
            (&Method::GET, ["deployments", "current"]) => environment.deployment(),
            (&Method::POST, ["deployments", "current", "operations"] | ["operations"]) => {
                self.run_operation(environment, body).await
            }
            (&Method::GET, ["settings"]) => Ok(environment.settings()),
            (_, ["variables", rest @ ..]) => {
                let variables = self.variables(&environment.workspace, false);
                variables.route(rest, body).await
            }
            (&Method::POST, ["source-operation"]) => {
                self.run_source_operation(environment, body).await
            }
            (&Method::POST, ["redeploy"]) => self.redeploy(environment).await,
            (&Method::GET, ["source-operations"]) => Ok(environment.source_operations()),
            (&Method::GET, ["tasks"]) => Ok(super::answer::json(&json!([]))),
            (_, ["activities", rest @ ..]) => {
                let name = &environment.workspace.environment.name;
                let activities = self.activities(&environment.workspace, Some(name));
                activities.route(rest).await
            }
            _ => Err(unknown(self.call)),
        }
    }
}

/// Links as Upsun's API has them: relations with their paths.
fn links<'a>(all: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    let all = all.into_iter();
    let all = all.map(|(name, href)| (name.to_owned(), json!({ "href": href })));
    Value::Object(all.collect())
}

/// A part of a path, which may be any name.
fn part(name: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(name, PLAIN).to_string()
}

/// The answer to a call that has started an activity.
fn accepted(workspace: &Workspace, activity: &Activity) -> Answer {
    let activities = [activities::shown(workspace, activity)];
    let body = json!({
        "status": "Accepted",
        "code": 202,
        "_embedded": { "activities": activities },
    });
    json_with(StatusCode::ACCEPTED, &body)
}

/// An object from names and values.
fn object(all: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(all.into_iter().collect::<Map<String, Value>>())
}
