//! Undoes what an ended operation wrote to mounts: the snapshot from before it is put back.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::answer::{self, Problem, Result, json};
use super::super::super::place::blocking;
use super::super::super::unknown;
use super::Asked;
use super::logs::running;
use super::mounts::Chosen;
use crate::actions::{Actions, same_mounts};
use crate::activity::{Activity, OnMounts, Selection, Store};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// How many later activities are looked at.
const LATER: usize = 200;

/// What is put back: the mounts of a container, as of a snapshot.
struct Undo {
    chosen: Chosen,
    snapshot: String,
    taken_at: String,
    /// Descriptions of the later activities of the container: what they wrote is undone too.
    later: Vec<String>,
}

/// Why something cannot be undone, and what to do.
struct Refused {
    why: String,
    hint: Option<String>,
}

impl Refused {
    fn because(why: impl Into<String>) -> Self {
        Refused {
            why: why.into(),
            hint: None,
        }
    }

    fn hint(self, hint: &str) -> Self {
        Refused {
            hint: Some(hint.to_owned()),
            ..self
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Refused {
            why: failure.message,
            hint: failure.hint,
        }
    }
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// `GET activities/<id>/undo` says what undoing the activity does, or why it cannot be undone; with
    /// `differences=yes`, also what differs from the snapshot now. `POST` does it.
    pub(super) async fn undo(&self, id: &str) -> Result {
        let workspace = self.workspace().await?;
        let asked = (Arc::clone(&workspace), id.to_owned());
        let found = blocking(move || found(&asked.0, &asked.1)).await??;
        match (&self.call.method, found) {
            (&Method::GET, Err(refused)) => Ok(json(&json!({
                "can": false, "why": refused.why, "hint": refused.hint,
            }))),
            (&Method::GET, Ok(undo)) => self.shown(undo).await,
            (&Method::POST, Err(refused)) => {
                let problem = Problem::new(StatusCode::CONFLICT, refused.why);
                Err(problem.detail(json!({ "hint": refused.hint })))
            }
            (&Method::POST, Ok(undo)) => {
                let act = move |actions: Actions<E>| async move {
                    let mounts = undo.chosen.mounts()?;
                    actions.restore_snapshot(mounts, &undo.snapshot).await
                };
                self.shared.act(&workspace, act).await?;
                Ok(answer::empty())
            }
            _ => Err(unknown(self.call)),
        }
    }

    async fn shown(&self, undo: Undo) -> Result {
        let mut shown = json!({
            "can": true,
            "container": undo.chosen.service(),
            "snapshot": undo.snapshot,
            "taken_at": undo.taken_at,
            "later": undo.later,
            "differences": Value::Null,
        });
        if self.call.parameter("differences") == Some("yes") {
            let (workspace, service) = (undo.chosen.workspace(), undo.chosen.service());
            let engine = self.shared.place.engine(workspace).await?;
            // The mounts of a container that is not up can be put back, and cannot be looked at without starting it.
            if running(workspace, engine.as_ref(), service).await.is_ok() {
                let workspace = Arc::clone(workspace);
                let compare = move |actions: Actions<E>| async move {
                    let mounts = undo.chosen.mounts()?;
                    actions.differences(mounts, &undo.snapshot).await
                };
                shown["differences"] = json!(self.shared.act(&workspace, compare).await?);
            }
        }
        Ok(json(&shown))
    }
}

fn found(workspace: &Arc<Workspace>, id: &str) -> Result<std::result::Result<Undo, Refused>> {
    let store = Store::of(&workspace.project.state_dir);
    let activity = store.find(id).ok().filter(|activity| activity.id == id);
    let activity =
        activity.ok_or_else(|| Problem::not_found(format!("there is no activity `{id}`")))?;
    Ok(of(workspace, &store, &activity))
}

fn of(
    workspace: &Arc<Workspace>,
    store: &Store,
    activity: &Activity,
) -> std::result::Result<Undo, Refused> {
    if activity.state.is_open() {
        let refused = Refused::because("the activity still runs");
        return Err(refused.hint("wait for its end, or cancel it"));
    }
    let name = &workspace.environment.name;
    if let Some(other) = activity.environments.iter().find(|other| *other != name) {
        let why = format!("the activity is of the environment `{other}`, and this is `{name}`");
        return Err(Refused::because(why).hint("check out its branch"));
    }
    let (container, snapshot) = match &activity.mounts {
        None => {
            let why = "no snapshot of the mounts was taken before this activity";
            let hint = "run the operation with a snapshot: `upsun-local run --snapshot`, or the choice under “Variables and mounts”";
            return Err(Refused::because(why).hint(hint));
        }
        Some(OnMounts { undone: true, .. }) => {
            let why = "what it changed on mounts was put back when it ended";
            return Err(Refused::because(why));
        }
        Some(OnMounts { snapshot: None, .. }) => {
            return Err(Refused::because("it changed nothing on mounts"));
        }
        Some(OnMounts {
            container,
            snapshot: Some(snapshot),
            ..
        }) => (container, snapshot),
    };
    let chosen = Chosen::new(Arc::clone(workspace), container);
    let mounts = chosen.mounts()?;
    let snapshots = workspace.snapshots(&mounts.container());
    if !snapshots.has(snapshot) {
        let why = "the snapshot from before it no longer exists";
        let hint = "a snapshot is deleted once it is put back, and when three later runs of the same container have kept theirs";
        return Err(Refused::because(why).hint(hint));
    }
    let opened = snapshots.open(snapshot);
    let (taken, _) = opened.map_err(|err| Failure::of_snapshot(&err))?;
    same_mounts(&taken.mounts, &mounts.paths(), snapshot)?;
    Ok(Undo {
        later: later(store, activity, container),
        snapshot: snapshot.clone(),
        taken_at: taken.taken_at,
        chosen,
    })
}

/// The activities after this one that may have written to the mounts of the same container.
fn later(store: &Store, activity: &Activity, container: &str) -> Vec<String> {
    let all = store.newest(LATER, &Selection::default());
    let all = all.unwrap_or_default().into_iter();
    let later = all.take_while(|other| other.id != activity.id);
    let here = later.filter(|other| other.environments == activity.environments);
    let app = container.split("--").next().unwrap_or_default();
    let same = here.filter(|other| other.parameters["application"] == app);
    same.map(|other| other.description).collect()
}
