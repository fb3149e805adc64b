//! The variables of the project and of an environment. What is set here is kept beside the settings: the file
//! `.upsun-local.yaml` is never changed, and a variable of it that is set here has the new value.

use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result, json, json_with};
use super::super::place::{actor, blocking};
use super::super::request::text;
use super::super::unknown;
use super::account::EPOCH;
use super::{Asked, links, part, project_id};
use crate::activity::Stamp;
use crate::engine::Engine;
use crate::roles::Role;
use crate::user_variables::{UserVariable, is_name};
use crate::variable_store::{Stored, StoredVariable, StoredVariables, VariableStore};
use crate::variables;
use crate::workspace::Workspace;
use crate::workspace::permission::permit;

/// The lowest role that may change variables: they are settings of the environment.
/// Source: <https://docs.upsun.com/administration/users.html>
const CHANGE: Role = Role::Admin;

/// The variables that a call is about.
#[derive(Debug)]
pub(super) struct Variables<'a, E> {
    asked: &'a Asked<'a, E>,
    workspace: &'a Workspace,
    is_of_project: bool,
}

impl<E: Engine + 'static> Asked<'_, E> {
    pub(super) fn variables<'a>(
        &'a self,
        workspace: &'a Workspace,
        is_of_project: bool,
    ) -> Variables<'a, E> {
        Variables {
            asked: self,
            workspace,
            is_of_project,
        }
    }
}

impl<E: Engine + 'static> Variables<'_, E> {
    /// `path` is what follows `variables`.
    pub(super) async fn route(&self, path: &[&str], body: Incoming) -> Result {
        let call = self.asked.call;
        match (&call.method, path) {
            (&Method::GET, []) => {
                let all = self.all().await?;
                let all = all.iter().map(|(name, it)| self.shown(name, it));
                Ok(json(&Value::Array(all.collect())))
            }
            (&Method::GET, [name]) => Ok(json(&self.shown(name, &self.one(name).await?))),
            (&Method::POST, []) => self.create(call.json(body).await?).await,
            (&Method::PATCH, [name]) => self.update(name, call.json(body).await?).await,
            (&Method::DELETE, [name]) => self.delete(name).await,
            _ => Err(unknown(call)),
        }
    }

    fn store(&self) -> VariableStore {
        VariableStore::of(&self.workspace.project.state_dir)
    }

    /// What was set here, of the level of the call.
    async fn stored(&self) -> Result<StoredVariables> {
        let store = self.store();
        let stored = blocking(move || store.read()).await?;
        let mut stored = stored.map_err(|err| failed(&err))?;
        Ok(std::mem::take(self.level(&mut stored)))
    }

    fn level<'s>(&self, stored: &'s mut Stored) -> &'s mut StoredVariables {
        if self.is_of_project {
            return &mut stored.project;
        }
        let name = self.workspace.environment.name.clone();
        stored.environments.entry(name).or_default()
    }

    /// All variables of the level: those of the settings, and those that were set here, also where they are disabled.
    async fn all(&self) -> Result<StoredVariables> {
        let of_settings = if self.is_of_project {
            &self.workspace.settings.variables.project
        } else {
            self.workspace.environment_variables()
        };
        let of_settings = of_settings.iter();
        let mut all: StoredVariables = of_settings
            .map(|(name, variable)| (name.clone(), of_setting(variable)))
            .collect();
        all.extend(self.stored().await?);
        Ok(all)
    }

    async fn one(&self, name: &str) -> Result<StoredVariable> {
        let mut all = self.all().await?;
        all.shift_remove(name)
            .ok_or_else(|| Problem::not_found(format!("there is no variable `{name}`")))
    }

    fn permit(&self, name: &str, verb: &str) -> Result<()> {
        let actor = actor(self.workspace, &self.asked.caller)?;
        Ok(permit(
            &actor,
            CHANGE,
            &format!("{verb} the variable `{name}`"),
        )?)
    }

    async fn create(&self, body: Value) -> Result {
        let name = text(&body, "name")
            .ok_or_else(|| Problem::bad("the name of the variable is missing: `name`"))?;
        if !is_name(name) {
            return Err(Problem::bad(format!(
                "`{name}` cannot be the name of a variable"
            )));
        }
        self.permit(name, "set")?;
        if self.all().await?.contains_key(name) {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                format!("there is a variable `{name}` already"),
            ));
        }
        let now = Stamp(Timestamp::now()).short();
        let new = StoredVariable {
            value: "".into(),
            is_json: false,
            is_sensitive: false,
            // As with Upsun: variables of a project are visible in builds, those of an environment only if wanted.
            visible_build: self.is_of_project,
            visible_runtime: true,
            is_enabled: true,
            is_inheritable: true,
            created_at: now.clone(),
            updated_at: now,
        };
        self.set(name, changed(new, &body)?, StatusCode::CREATED)
            .await
    }

    async fn update(&self, name: &str, body: Value) -> Result {
        self.permit(name, "change")?;
        let before = self.one(name).await?;
        let mut after = changed(before, &body)?;
        after.updated_at = Stamp(Timestamp::now()).short();
        self.set(name, after, StatusCode::OK).await
    }

    async fn set(&self, name: &str, variable: StoredVariable, status: StatusCode) -> Result {
        let (key, new) = (name.to_owned(), variable.clone());
        self.change(move |all| {
            all.insert(key, new);
        })
        .await?;
        let entity = self.shown(name, &variable);
        Ok(json_with(status, &done(status, Some(&entity))))
    }

    async fn delete(&self, name: &str) -> Result {
        self.permit(name, "delete")?;
        self.one(name).await?;
        let key = name.to_owned();
        let is_gone = self
            .change(move |all| all.shift_remove(&key).is_some())
            .await?;
        if !is_gone {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                format!(
                    "the variable `{name}` is written in `.upsun-local.yaml`, or in a file that it names"
                ),
            ));
        }
        Ok(json(&done(StatusCode::OK, None)))
    }

    async fn change<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut StoredVariables) -> T + Send + 'static,
    ) -> Result<T> {
        let store = self.store();
        let environment = self.workspace.environment.name.clone();
        let is_of_project = self.is_of_project;
        let changed = blocking(move || {
            store.change(|stored| {
                if is_of_project {
                    act(&mut stored.project)
                } else {
                    act(stored.environments.entry(environment).or_default())
                }
            })
        });
        changed.await?.map_err(|err| failed(&err))
    }

    fn shown(&self, name: &str, variable: &StoredVariable) -> Value {
        let project = part(&project_id(self.workspace));
        let environment = &self.workspace.environment.name;
        let path = if self.is_of_project {
            format!("/projects/{project}/variables/{}", part(name))
        } else {
            let environment = part(environment);
            format!(
                "/projects/{project}/environments/{environment}/variables/{}",
                part(name)
            )
        };
        let mut shown = json!({
            "id": name,
            "name": name,
            "created_at": variable.created_at,
            "updated_at": variable.updated_at,
            "attributes": {},
            "is_json": variable.is_json,
            "is_sensitive": variable.is_sensitive,
            "visible_build": variable.visible_build,
            "visible_runtime": variable.visible_runtime,
            "application_scope": [],
            "_links": links([("self", path.clone()), ("#edit", path.clone()), ("#delete", path)]),
        });
        if !variable.is_sensitive {
            shown["value"] = variables::text_of(&variable.value).into();
        }
        if !self.is_of_project {
            shown["project"] = json!(project_id(self.workspace));
            shown["environment"] = json!(environment);
            shown["inherited"] = false.into();
            shown["is_enabled"] = variable.is_enabled.into();
            shown["is_inheritable"] = variable.is_inheritable.into();
        }
        shown
    }
}

fn of_setting(variable: &UserVariable) -> StoredVariable {
    StoredVariable {
        value: variable.value.clone(),
        is_json: !variable.value.is_string(),
        is_sensitive: variable.sensitive,
        visible_build: variable.visible_build,
        visible_runtime: variable.visible_runtime,
        is_enabled: true,
        is_inheritable: true,
        created_at: EPOCH.to_owned(),
        updated_at: EPOCH.to_owned(),
    }
}

/// The variable with what a request says.
fn changed(mut variable: StoredVariable, body: &Value) -> Result<StoredVariable> {
    if let Some(is_sensitive) = flag(body, "is_sensitive")? {
        if variable.is_sensitive && !is_sensitive {
            return Err(Problem::bad("a sensitive variable stays sensitive"));
        }
        variable.is_sensitive = is_sensitive;
    }
    for (name, field) in [
        ("is_json", &mut variable.is_json),
        ("visible_build", &mut variable.visible_build),
        ("visible_runtime", &mut variable.visible_runtime),
        ("is_enabled", &mut variable.is_enabled),
        ("is_inheritable", &mut variable.is_inheritable),
    ] {
        if let Some(value) = flag(body, name)? {
            *field = value;
        }
    }
    let has_scope = |scope: &Value| scope.as_array().is_some_and(|list| !list.is_empty());
    if body.get("application_scope").is_some_and(has_scope) {
        return Err(Problem::bad(
            "in a sandbox, variables are those of all apps",
        ));
    }
    let written = match body.get("value") {
        None => variables::text_of(&variable.value),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    variable.value = if variable.is_json {
        serde_json::from_str(&written)
            .map_err(|err| Problem::bad(format!("the value is not JSON: {err}")))?
    } else {
        written.into()
    };
    Ok(variable)
}

fn flag(body: &Value, name: &str) -> Result<Option<bool>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Problem::bad(format!("`{name}` must be `true` or `false`"))),
    }
}

fn done(status: StatusCode, entity: Option<&Value>) -> Value {
    let mut body = json!({
        "status": status.canonical_reason(),
        "code": status.as_u16(),
        "_embedded": { "activities": [] },
    });
    if let Some(entity) = entity {
        body["_embedded"]["entity"] = entity.clone();
    }
    body
}

fn failed(err: &std::io::Error) -> Problem {
    Problem::fault(format!("the variables cannot be kept: {err}"))
}
