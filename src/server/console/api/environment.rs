//! What the environment consists of, as the console shows it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::answer::{Result, json};
use super::super::super::api::project_id;
use super::super::super::key::Caller;
use super::super::super::place::{Seen, blocking};
use super::Asked;
use crate::actions::source_operation::permit_source_operation;
use crate::activity::{Activity, Selection};
use crate::comparison::access::SOURCE_OPERATION;
use crate::config::app::App;
use crate::crons;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::project::hash;
use crate::roles::{Actor, EnvironmentType, Grants, Role};
use crate::workspace::permission::permit;
use crate::workspace::{Found, SourceOperation, Workspace, all_operations, source_operations};

/// How many activities the console has at hand.
const ACTIVITIES: usize = 100;

impl<E: Engine + 'static> Asked<'_, E> {
    pub(super) async fn environment(&self) -> Result {
        let seen = self.shared.place.see().await?;
        Ok(json(&shown(&seen, &self.caller)))
    }

    /// `environment` and `activities`, each with its `tag`. One whose tag is the parameter of that name is left out.
    pub(super) async fn now(&self) -> Result {
        let seen = self.shared.place.see().await?;
        let (shared, workspace) = (Arc::clone(self.shared), Arc::clone(&seen.workspace));
        let newest = move || {
            let all = Selection::default();
            shared.records.newest(&workspace, ACTIVITIES, &all)
        };
        let activities = blocking(newest).await??;
        let all = [
            ("environment", shown(&seen, &self.caller)),
            (
                "activities",
                activities.iter().map(|it| activity(it)).collect::<Value>(),
            ),
        ];
        let mut now = json!({});
        for (name, content) in all {
            let tag = hash(content.to_string().as_bytes())[..16].to_owned();
            if self.call.parameter(name) != Some(&tag) {
                now[name] = json!({ "tag": tag, "content": content });
            }
        }
        Ok(json(&now))
    }
}

/// An activity: its record, without what the console does not show.
pub(super) fn activity(activity: &Activity) -> Value {
    let mut shown = json!(activity);
    if let Value::Object(fields) = &mut shown {
        for name in ["payload", "project", "process", "text", "updated_at"] {
            fields.remove(name);
        }
    }
    shown
}

/// The user or role who acts, or why the user may do nothing.
type Acting = std::result::Result<Actor, Value>;

fn acting(workspace: &Workspace, caller: &Caller) -> Acting {
    let actor = workspace.actor(caller.role.as_deref(), caller.user.as_deref());
    actor.map_err(refusal)
}

fn refusal(err: impl Into<Failure>) -> Value {
    let failure = err.into();
    json!({ "why": failure.message, "hint": failure.hint })
}

fn shown(seen: &Seen, caller: &Caller) -> Value {
    let workspace = &seen.workspace;
    let config = &workspace.config;
    let acting = acting(workspace, caller);
    let apps: Vec<&App> = config.apps.values().collect();
    let operations = all_operations(&apps).into_iter();
    let operations = operations.map(|found| operation(&found, &acting));
    let routes = workspace.entrance.payload();
    let routes = routes.as_object().into_iter().flatten();
    let source_operations = source_operations(config);
    let settings = &workspace.settings;
    json!({
        "project": workspace.project.id,
        "id": project_id(workspace),
        "name": workspace.environment.name,
        "type": workspace.environment.kind,
        "root": workspace.project.root,
        "problem": seen.broken.as_ref().map(ToString::to_string),
        "actor": actor(&acting),
        "users": settings.users.iter().map(|(name, grants)| json!({
            "name": name,
            "role": grants.role_on(workspace.environment_type).map(Role::name),
            "roles": roles(grants),
        })).collect::<Vec<_>>(),
        "apps": apps.iter().map(|app| shown_app(app)).collect::<Vec<_>>(),
        "services": config.services.values().map(|service| json!({
            "name": service.name, "type": service.r#type,
        })).collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
        "source_operations": source_operations.iter().map(|found| {
            source_operation(found, &acting)
        }).collect::<Vec<_>>(),
        "crons": crons(workspace, &apps, &acting),
        "routes": routes.map(|(url, route)| json!({
            "url": url, "type": route["type"], "upstream": route["upstream"], "to": route["to"],
            "original_url": route["original_url"], "primary": route["primary"],
        })).collect::<Vec<_>>(),
    })
}

fn roles(grants: &Grants) -> Value {
    let of_type = |kind: EnvironmentType| {
        let role = grants.role_on(kind).map(Role::name);
        (kind.name().to_owned(), json!(role))
    };
    Value::Object(EnvironmentType::ALL.into_iter().map(of_type).collect())
}

fn actor(acting: &Acting) -> Value {
    match acting {
        Ok(actor) => json!({ "name": actor.name, "role": actor.role.name() }),
        Err(refusal) => json!({ "problem": refusal["why"], "hint": refusal["hint"] }),
    }
}

fn shown_app(app: &App) -> Value {
    let workers = app.workers.iter().map(|worker| {
        json!({
            "name": worker.name,
            "relationships": worker.relationships.iter().map(|it| &it.service).collect::<Vec<_>>(),
            "mounts": worker.mounts.iter().map(|mount| &mount.path).collect::<Vec<_>>(),
        })
    });
    json!({
        "name": app.name,
        "type": app.raw["type"],
        "workers": workers.collect::<Vec<_>>(),
        "relationships": app.relationships.iter().map(|it| &it.service).collect::<Vec<_>>(),
        "mounts": app.mounts.iter().map(|mount| &mount.path).collect::<Vec<_>>(),
    })
}

/// An operation, and whether the actor may run it.
fn operation(found: &Found<'_>, acting: &Acting) -> Value {
    let operation = found.operation;
    let denied = match acting {
        Ok(actor) => found.permit(actor).map_err(refusal).err(),
        Err(refusal) => Some(refusal.clone()),
    };
    let place = &operation.place;
    json!({
        "service": found.place(),
        "app": found.app.name,
        "worker": found.worker,
        "name": operation.name,
        "role": operation.role.name(),
        "command": operation.start,
        "stop": operation.stop,
        "timeout": operation.timeout.map(|limit| limit.as_secs()),
        "place": format!("{}:{}", place.file, place.line),
        "denied": denied,
    })
}

fn source_operation(found: &SourceOperation<'_>, acting: &Acting) -> Value {
    let denied = match acting {
        Ok(actor) => permit_source_operation(actor, &found.name)
            .map_err(refusal)
            .err(),
        Err(refusal) => Some(refusal.clone()),
    };
    json!({
        "app": found.app.name,
        "name": found.name,
        "role": SOURCE_OPERATION.name(),
        "command": found.command,
        "denied": denied,
    })
}

fn crons(workspace: &Workspace, apps: &[&App], acting: &Acting) -> Value {
    let mut all = Vec::new();
    for app in apps {
        // Which cron has a schedule that cannot be, `check` says.
        for entry in workspace.crons(app).unwrap_or_default() {
            let cron = &entry.cron;
            let deed = format!("run the cron `{}` on `{}`", cron.name, app.name);
            let denied = match acting {
                Ok(actor) => permit(actor, crons::ROLE, &deed).map_err(refusal).err(),
                Err(refusal) => Some(refusal.clone()),
            };
            let next = entry.schedule.next(&crons::now(&entry.zone));
            all.push(json!({
                "app": app.name,
                "name": cron.name,
                "spec": cron.spec,
                "schedule": entry.schedule.to_string(),
                "next": next.map(|at| crons::shown(&at)),
                "command": cron.start,
                "role": crons::ROLE.name(),
                "denied": denied,
            }));
        }
    }
    Value::Array(all)
}
