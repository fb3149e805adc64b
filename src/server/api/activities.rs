//! The activities of the project or of an environment, of this process and of all others: they come from the records.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result, json, json_text, json_with};
use super::super::place::{actor, blocking};
use super::super::unknown;
use super::{Asked, links, log, part, project};
use crate::activity::{Activity, Selection, State, Store};
use crate::engine::Engine;
use crate::event::Outcome;
use crate::roles::Role;
use crate::workspace::Workspace;
use crate::workspace::permission::permit;

/// How many activities are listed unless the caller says it.
const COUNT: usize = 10;

/// The lowest role that may cancel an activity. **Assumption**: the role that may start most activities may end
/// them.
const CANCEL: Role = Role::Contributor;

/// The activities that a call is about.
#[derive(Debug)]
pub(super) struct Activities<'a, E> {
    asked: &'a Asked<'a, E>,
    workspace: &'a Arc<Workspace>,
    environment: Option<&'a str>,
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// The activities of the project, or of one environment.
    pub(super) fn activities<'a>(
        &'a self,
        workspace: &'a Arc<Workspace>,
        environment: Option<&'a str>,
    ) -> Activities<'a, E> {
        Activities {
            asked: self,
            workspace,
            environment,
        }
    }
}

impl<E: Engine + 'static> Activities<'_, E> {
    /// `path` is what follows `activities`.
    pub(super) async fn route(&self, path: &[&str]) -> Result {
        match (&self.asked.call.method, path) {
            (&Method::GET, []) => self.list().await,
            (&Method::GET, [id]) => Ok(json(&shown(self.workspace, &self.one(id)?))),
            (&Method::GET, [id, "log"]) => {
                let activity = self.one(id)?;
                Ok(log::stream(
                    self.store(),
                    activity,
                    self.asked.shared.hub.stirred(),
                ))
            }
            (&Method::POST, [id, "cancel"]) => self.cancel(id),
            _ => Err(unknown(self.asked.call)),
        }
    }

    fn store(&self) -> Store {
        Store::of(&self.workspace.project.state_dir)
    }

    fn one(&self, id: &str) -> Result<Activity> {
        let missing = || Problem::not_found(format!("there is no activity `{id}`"));
        let activity = self.store().find(id).map_err(|_| missing())?;
        let is_here = |name| activity.environments.iter().any(|it| it == name);
        if activity.id != id || !self.environment.is_none_or(is_here) {
            return Err(missing());
        }
        Ok(activity)
    }

    async fn list(&self) -> Result {
        let selection = self.selection()?;
        let count = self.asked.call.parameter("count");
        let count = count.map_or(Ok(COUNT), str::parse);
        let count = count.map_err(|_| Problem::bad("`count` is not a number"))?;
        let (shared, workspace) = (Arc::clone(self.asked.shared), Arc::clone(self.workspace));
        let list = move || shared.records.list(&workspace, count, &selection);
        Ok(json_text(blocking(list).await??))
    }

    fn selection(&self) -> Result<Selection> {
        let call = self.asked.call;
        let texts = |name| {
            call.parameters(name)
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let states = call.parameters("state").into_iter().map(|name| {
            let state = State::of_name(name);
            state.ok_or_else(|| Problem::bad(format!("`{name}` is not a state of an activity")))
        });
        let result = match call.parameter("result") {
            None => None,
            Some(name) => Some(
                [Outcome::Success, Outcome::Failure]
                    .into_iter()
                    .find(|result| result.name() == name)
                    .ok_or_else(|| Problem::bad(format!("`{name}` is not a result")))?,
            ),
        };
        let before = match call.parameter("starts_at") {
            None => None,
            Some(text) => Some(
                // A form has a space for the sign of `+00:00` that a client did not encode.
                text.replace(' ', "+")
                    .parse()
                    .map_err(|_| Problem::bad(format!("`{text}` is not a time")))?,
            ),
        };
        Ok(Selection {
            types: texts("type"),
            excluded: texts("exclude_type"),
            states: states.collect::<Result<_>>()?,
            result,
            environment: self.environment.map(str::to_owned),
            before,
        })
    }

    /// Asks an activity to stop, as Ctrl-C does. The answer comes at once: the activity gets its grace period.
    fn cancel(&self, id: &str) -> Result {
        let actor = actor(self.workspace, &self.asked.caller)?;
        permit(&actor, CANCEL, "cancel an activity")?;
        let activity = self.one(id)?;
        if !activity.state.is_open() {
            return Err(Problem::bad(format!(
                "the activity `{id}` cannot be cancelled: it is {} already",
                activity.state.name()
            )));
        }
        let store = self.store();
        let request = store.ask_to_end(&activity);
        if request.is_none() && store.is_running(id) {
            return Err(Problem::fault("the activity cannot be asked to stop"));
        }
        let id = activity.id.clone();
        // The request holds until the activity has ended, so the server stays that long.
        self.asked.shared.runs.stay(async move {
            while store.is_running(&id) {
                tokio::time::sleep(log::POLL).await;
            }
            drop(request);
        });
        let body = json!({ "status": "OK", "code": 200 });
        Ok(json_with(hyper::StatusCode::OK, &body))
    }
}

/// An activity as Upsun's API has it.
pub(in crate::server) fn shown(workspace: &Workspace, activity: &Activity) -> Value {
    let project = project::id(workspace);
    let own = format!("/projects/{}/activities/{}", part(&project), activity.id);
    let mut all = vec![("self", own.clone()), ("log", format!("{own}/log"))];
    if activity.state.is_open() {
        all.push(("#cancel", format!("{own}/cancel")));
    }
    let commands = activity.commands.iter().map(|ran| {
        json!({ "app": ran.app, "type": ran.kind, "exit_code": ran.exit_code.unwrap_or_default() })
    });
    let is_failure = activity
        .result
        .is_some_and(|result| result.name() == "failure");
    json!({
        "id": activity.id,
        "created_at": activity.created_at,
        "updated_at": activity.updated_at,
        "type": activity.kind,
        "parameters": activity.parameters,
        "project": project,
        "environments": activity.environments,
        "state": activity.state,
        "result": activity.result,
        "failure_reason": is_failure.then_some("error"),
        "started_at": activity.started_at,
        "completed_at": activity.completed_at,
        "completion_percent": activity.completion_percent,
        "cancelled_at": activity.cancelled_at,
        "timings": activity.timings,
        "log": "",
        "payload": activity.payload,
        "description": escaped(&activity.description),
        "text": activity.text,
        "expires_at": null,
        "commands": commands.collect::<Vec<_>>(),
        "_links": links(all),
    })
}

/// A text as HTML: descriptions are HTML in Upsun's API.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}
