//! The project.

use serde_json::{Value, json};

use super::super::Shared;
use super::super::answer::{Problem, Result, json};
use crate::engine::Engine;
use crate::workspace::Workspace;

pub(super) async fn get<E: Engine>(shared: &Shared<E>, id: &str) -> Result {
    let seen = shared.place.see().await?;
    if seen.workspace.project.id != id {
        return Err(Problem::not_found(format!(
            "this sandbox is no project `{id}`"
        )));
    }
    Ok(json(&project(&seen.workspace)))
}

fn project(workspace: &Workspace) -> Value {
    let id = &workspace.project.id;
    json!({ "id": id, "title": id })
}
