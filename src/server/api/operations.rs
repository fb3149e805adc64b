//! Runs operations.

use std::sync::Arc;

use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result};
use super::super::place::{actor, blocking};
use super::super::request::text;
use super::environment::Environment;
use super::{Asked, accepted};
use crate::actions::operation::{Mounts, Operation, Request};
use crate::engine::Engine;
use crate::lifecycle::Pull;
use crate::user_variables::{UserVariable, UserVariables};
use crate::workspace::{Target, Workspace, all_operations};

impl<E: Engine + 'static> Asked<'_, E> {
    /// `POST …/operations` with `operation`, `service` and `parameters`.
    pub(super) async fn run_operation(&self, environment: &Environment, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let operation = text(&body, "operation")
            .ok_or_else(|| Problem::bad("the name of the operation is missing: `operation`"))?;
        let workspace = self.shared.place.open_as(&environment.workspace).await?;
        let service = text(&body, "service");
        let target = match service {
            Some(service) => {
                self.refuse_ambiguous(&workspace, operation, service)?;
                target(&workspace, service)
            }
            None => Target::default(),
        };
        let request = Request {
            target,
            operation: operation.to_owned(),
            actor: actor(&workspace, &self.caller)?,
            timeout: None,
            variables: parameters(&body)?,
            pull: Pull::Missing,
            rebuild: false,
            mounts: Mounts::Keep,
        };
        let planned = {
            let workspace = Arc::clone(&workspace);
            blocking(move || Operation::prepare(&workspace, request)).await??
        };
        let run =
            move |actions: crate::actions::Actions<E>| async move { actions.run(&planned).await };
        let activity = self.shared.start(&workspace, run).await?;
        Ok(accepted(&[activity]))
    }

    /// Refuses the last of several apps that have an operation of this name, unless the caller has named the app:
    /// Upsun's CLI takes the last one silently.
    fn refuse_ambiguous(
        &self,
        workspace: &Workspace,
        operation: &str,
        service: &str,
    ) -> Result<()> {
        let apps: Vec<_> = workspace.config.apps.values().collect();
        let all = all_operations(&apps);
        let named = all.iter().filter(|found| found.operation.name == operation);
        let (of_workers, of_apps): (Vec<String>, Vec<String>) = {
            let places = named.map(|found| (found.worker.is_some(), found.place()));
            let (workers, apps): (Vec<_>, Vec<_>) = places.partition(|(is_worker, _)| *is_worker);
            let names = |all: Vec<(bool, String)>| all.into_iter().map(|(_, name)| name).collect();
            (names(workers), names(apps))
        };
        // The CLI goes through the apps, then through the workers.
        let places: Vec<String> = of_apps.into_iter().chain(of_workers).collect();
        let is_last = places.last().is_some_and(|last| last == service);
        if self.caller.names_app || places.len() < 2 || !is_last {
            return Ok(());
        }
        let quoted: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
        let message = format!(
            "the operation `{operation}` is defined on {}; say which one: `upsun-local upsun -- operation:run {operation} --app {service}`",
            quoted.join(" and ")
        );
        Err(Problem::bad(message).detail(json!({ "service": places })))
    }
}

/// What Upsun's API calls a service: the app, or `app--worker`.
fn target(workspace: &Workspace, service: &str) -> Target {
    let is_app = workspace.config.apps.contains_key(service);
    let worker = service.split_once("--").filter(|_| !is_app);
    match worker {
        Some((app, worker)) => Target {
            app: Some(app.to_owned()),
            worker: Some(worker.to_owned()),
        },
        None => Target {
            app: Some(service.to_owned()),
            worker: None,
        },
    }
}

/// `parameters`: names with values, or a list of `name=value`. Each is a variable of the run.
fn parameters(body: &Value) -> Result<UserVariables> {
    let mut all = UserVariables::new();
    let mut add = |name: &str, value: Value| {
        if !crate::user_variables::is_name(name) {
            return Err(Problem::bad(format!(
                "`{name}` cannot be the name of a variable"
            )));
        }
        let name = if name.contains(':') {
            name.to_owned()
        } else {
            format!("env:{name}")
        };
        all.insert(name, UserVariable::new(value));
        Ok(())
    };
    match body.get("parameters") {
        None | Some(Value::Null) => {}
        Some(Value::Object(map)) => {
            for (name, value) in map {
                add(name, value.clone())?;
            }
        }
        Some(Value::Array(list)) => {
            for entry in list {
                let pair = entry.as_str().and_then(|text| text.split_once('='));
                let (name, value) =
                    pair.ok_or_else(|| Problem::bad("a parameter is a text `name=value`"))?;
                add(name, value.into())?;
            }
        }
        Some(_) => return Err(Problem::bad("`parameters` must be a list or an object")),
    }
    Ok(all)
}
