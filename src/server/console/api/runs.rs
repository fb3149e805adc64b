//! What the console starts: operations, crons, and the environment itself.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::super::answer::{Answer, Problem, Result, json, json_with};
use super::super::super::api::{parameters, target};
use super::super::super::place::{actor, blocking};
use super::super::super::request::text;
use super::{Asked, environment};
use crate::actions::Actions;
use crate::actions::cron::{self, PlannedCron};
use crate::actions::operation::{Mounts, Request};
use crate::actions::source_operation;
use crate::actions::up;
use crate::activity::Activity;
use crate::engine::Engine;
use crate::lifecycle::{Down, Pull};
use crate::user_variables::UserVariables;

impl<E: Engine + 'static> Asked<'_, E> {
    /// `POST operations` with `service`, `operation`, `parameters`, and with `mounts`: `keep` what the operation
    /// writes, keep a `snapshot` from before too, `undo` it, or `suggest` the mounts that it needs.
    pub(super) async fn run_operation(&self, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let workspace = self.shared.place.open().await?;
        let target = target(&workspace, named(&body, "service")?);
        let actor = actor(&workspace, &self.caller)?;
        let request = Request {
            variables: parameters(&body)?,
            mounts: match text(&body, "mounts") {
                None | Some("keep") => Mounts::Keep,
                Some("snapshot") => Mounts::Snapshot,
                Some("undo") => Mounts::Undo,
                Some("suggest") => Mounts::Suggest { write: false },
                Some(other) => {
                    return Err(Problem::bad(format!(
                        "`mounts` is `keep`, `snapshot`, `undo` or `suggest`, and not `{other}`"
                    )));
                }
            },
            ..Request::new(target, named(&body, "operation")?, actor)
        };
        let activity = self.shared.start_operation(&workspace, request).await?;
        Ok(started(&activity))
    }

    /// `POST source-operations` with `operation` and `parameters`; with `apply`, brings the commits into the repository.
    pub(super) async fn run_source_operation(&self, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let workspace = self.shared.place.open().await?;
        let request = source_operation::Request {
            operation: named(&body, "operation")?.to_owned(),
            actor: actor(&workspace, &self.caller)?,
            timeout: None,
            variables: parameters(&body)?,
            pull: Pull::Missing,
            // The log shows the changes of the commits.
            diff: true,
            is_stdout_taken: false,
            apply: body["apply"] == true,
        };
        let activity = self
            .shared
            .start_source_operation(&workspace, request)
            .await?;
        Ok(started(&activity))
    }

    /// `POST crons` with `app` and `cron`.
    pub(super) async fn run_cron(&self, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let workspace = self.shared.place.open().await?;
        let request = cron::Request {
            app: text(&body, "app").map(str::to_owned),
            cron: named(&body, "cron")?.to_owned(),
            actor: actor(&workspace, &self.caller)?,
            timeout: None,
            variables: UserVariables::new(),
            pull: Pull::Missing,
            rebuild: false,
        };
        let planned = {
            let workspace = Arc::clone(&workspace);
            blocking(move || PlannedCron::prepare(&workspace, request)).await??
        };
        let run = move |actions: Actions<E>| async move { actions.run_cron(&planned).await };
        Ok(started(&self.shared.start(&workspace, run).await?))
    }

    /// `POST up`; with `rebuild`, builds again although there are builds.
    pub(super) async fn up(&self, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let workspace = self.shared.place.open().await?;
        let request = up::Request {
            rebuild: body["rebuild"] == true,
            ..up::Request::default()
        };
        let activity = self.shared.start_up(&workspace, request).await?;
        Ok(started(&activity))
    }

    /// `POST down`; with `force`, ends what runs first. The data of mounts stay.
    pub(super) async fn down(&self, body: Incoming) -> Result {
        let body = self.call.json(body).await?;
        let force = body["force"] == true;
        // A broken configuration keeps nobody from taking down what an earlier one started.
        let seen = self.shared.place.see().await?;
        let down =
            move |actions: Actions<E>| async move { actions.down(Down::KeepVolumes, force).await };
        let kept = self.shared.act(&seen.workspace, down).await?;
        Ok(json(&json!({ "removed": kept.removed })))
    }
}

fn named<'a>(body: &'a Value, key: &str) -> Result<&'a str> {
    text(body, key).ok_or_else(|| Problem::bad(format!("`{key}` is missing")))
}

/// The answer to a call that has started an activity.
fn started(activity: &Activity) -> Answer {
    let body = json!({ "activity": environment::activity(activity) });
    json_with(StatusCode::ACCEPTED, &body)
}
