//! Runs operations and source operations.

use std::path::Path;
use std::rc::Rc;

use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result};
use super::super::place::actor;
use super::super::request::text;
use super::environment::Environment;
use super::{Asked, accepted};
use crate::actions::operation::Request;
use crate::actions::source_operation;
use crate::config::{self, Config};
use crate::engine::Engine;
use crate::failure::{BAD_CONFIGURATION, Failure};
use crate::lifecycle::Pull;
use crate::revision::Revision;
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
        let actor = actor(&workspace, &self.caller)?;
        let request = Request {
            variables: parameters(&body)?,
            ..Request::new(target, operation, actor)
        };
        let activity = self.shared.start_operation(&workspace, request).await?;
        Ok(accepted(&workspace, &activity))
    }

    /// `POST …/source-operation` with `operation` and `variables`. The repository stays as it is: the commits are
    /// discarded, as without `--apply`.
    pub(super) async fn run_source_operation(
        &self,
        environment: &Environment,
        body: Incoming,
    ) -> Result {
        let body = self.call.json(body).await?;
        let operation = text(&body, "operation").ok_or_else(|| {
            Problem::bad("the name of the source operation is missing: `operation`")
        })?;
        let workspace = self.shared.place.open_as(&environment.workspace).await?;
        let request = source_operation::Request {
            operation: operation.to_owned(),
            actor: actor(&workspace, &self.caller)?,
            timeout: None,
            variables: variables_by_prefix(&body)?,
            pull: Pull::Missing,
            diff: false,
            is_stdout_taken: false,
            apply: false,
        };
        let activity = self
            .shared
            .start_source_operation(&workspace, request)
            .await?;
        Ok(accepted(&workspace, &activity))
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
            "the operation `{operation}` is defined on {}; say which one, as in `upsun-local upsun -- operation:run {operation} {}`",
            quoted.join(" and "),
            options(&target(workspace, service))
        );
        Err(Problem::bad(message).detail(json!({ "service": places })))
    }
}

/// What Upsun's API calls a service: the app, or `app--worker`.
pub(in crate::server) fn target(workspace: &Workspace, service: &str) -> Target {
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

/// The configuration of the last commit.
pub(in crate::server) fn committed(root: &Path) -> std::result::Result<Config, Failure> {
    let revision = Revision::named(root, "HEAD")?;
    if !revision.is_configured()? {
        return Ok(Config::default());
    }
    let loaded = config::load_files(Rc::new(revision));
    let count = loaded
        .problems
        .iter()
        .filter(|problem| problem.is_error())
        .count();
    loaded.config.ok_or_else(|| {
        let count = crate::text::count(count, "error");
        let message = format!("the configuration at `HEAD` has {count}; Upsun would refuse it");
        Failure::new(BAD_CONFIGURATION, message)
            .hint("commit a configuration that `upsun-local check` accepts")
    })
}

/// The options by which Upsun's CLI takes a target.
fn options(target: &Target) -> String {
    let app = target.app.as_ref().map(|app| format!("--app {app}"));
    let worker = target.worker.as_ref();
    let worker = worker.map(|worker| format!("--worker {worker}"));
    let all: Vec<String> = app.into_iter().chain(worker).collect();
    all.join(" ")
}

/// `variables`: by prefix, then by name, as `{"env": {"NAME": "value"}}`.
fn variables_by_prefix(body: &Value) -> Result<UserVariables> {
    let mut all = UserVariables::new();
    let by_prefix = match body.get("variables") {
        None | Some(Value::Null) => return Ok(all),
        // PHP writes an empty object as a list.
        Some(Value::Array(list)) if list.is_empty() => return Ok(all),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(Problem::bad("`variables` must be an object")),
    };
    for (prefix, names) in by_prefix {
        let names = names
            .as_object()
            .ok_or_else(|| Problem::bad(format!("`variables.{prefix}` must be an object")))?;
        for (name, value) in names {
            let name = format!("{prefix}:{name}");
            if !crate::user_variables::is_name(&name) {
                return Err(Problem::bad(format!(
                    "`{name}` cannot be the name of a variable"
                )));
            }
            all.insert(name, UserVariable::new(value.clone()));
        }
    }
    Ok(all)
}

/// `parameters`: names with values, or a list of `name=value`. Each is a variable of the run.
pub(in crate::server) fn parameters(body: &Value) -> Result<UserVariables> {
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
