//! The users of the project: those of the settings.

use serde_json::{Value, json};

use super::super::answer::{Answer, Problem, Result, json};
use super::account::{EPOCH, ORGANIZATION, User, permissions};
use super::{links, part, project_id};
use crate::roles::Grants;
use crate::workspace::Workspace;

pub(super) fn list(workspace: &Workspace) -> Answer {
    let items: Vec<Value> = User::all(workspace)
        .map(|(user, grants)| shown(workspace, &user, grants))
        .collect();
    let ids: Vec<String> = User::all(workspace).map(|(user, _)| user.id()).collect();
    json(&json!({
        "items": items,
        "_links": links([
            ("self", path(workspace)),
            ("ref:users:0", format!("/ref/users?in={}", ids.join(","))),
        ]),
    }))
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result {
    let mut all = User::all(workspace);
    let found = all.find(|(user, _)| user.id() == id);
    let (user, grants) =
        found.ok_or_else(|| Problem::not_found(format!("there is no user `{id}`")))?;
    let mut shown = shown(workspace, &user, grants);
    shown["_links"]["ref:users:0"] = json!({ "href": format!("/ref/users?in={id}") });
    Ok(json(&shown))
}

fn path(workspace: &Workspace) -> String {
    format!("/projects/{}/user-access", part(&project_id(workspace)))
}

fn shown(workspace: &Workspace, user: &User, grants: &Grants) -> Value {
    json!({
        "user_id": user.id(),
        "project_id": project_id(workspace),
        "organization_id": ORGANIZATION,
        "permissions": permissions(Some(grants)),
        "granted_at": EPOCH,
        "updated_at": EPOCH,
        "_links": links([("self", format!("{}/{}", path(workspace), user.id()))]),
    })
}
