//! What only the console asks for, below `/console/api/`. All of it needs the cookie of the console.
//!
//! - `GET environment` is what the environment consists of.
//! - `…/upsun/<path>` is Upsun's API at `/<path>`, for the user or role of the parameters `user` and `role`.

use std::sync::Arc;

use hyper::Method;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::answer::{Result, json};
use super::super::api;
use super::super::key::Caller;
use super::super::request::Call;
use super::super::{Shared, unknown};
use crate::engine::Engine;
use crate::workspace::{Workspace, all_operations};

/// `path` is what follows `/console/api`.
pub(super) async fn route<E: Engine + 'static>(
    shared: &Arc<Shared<E>>,
    call: &Call,
    path: &[&str],
    body: Incoming,
) -> Result {
    match (&call.method, path) {
        (&Method::GET, ["environment"]) => environment(shared).await,
        (_, ["upsun", rest @ ..]) => {
            let parameter = |name| call.parameter(name).map(str::to_owned);
            let caller = Caller {
                role: parameter("role"),
                user: parameter("user"),
                names_app: true,
            };
            api::route(shared, call, rest, caller, body).await
        }
        _ => Err(unknown(call)),
    }
}

async fn environment<E: Engine>(shared: &Shared<E>) -> Result {
    let seen = shared.place.see().await?;
    let mut shown = shown(&seen.workspace);
    shown["problem"] = json!(seen.broken.map(|err| err.to_string()));
    Ok(json(&shown))
}

fn shown(workspace: &Workspace) -> Value {
    let config = &workspace.config;
    let apps: Vec<_> = config.apps.values().collect();
    let operations = all_operations(&apps).into_iter().map(|found| {
        json!({
            "service": found.place(),
            "name": found.operation.name,
            "role": found.operation.role.name(),
        })
    });
    let routes = workspace.entrance.payload();
    let routes = routes.as_object().into_iter().flatten();
    json!({
        "project": workspace.project.id,
        "name": workspace.environment.name,
        "type": workspace.environment.kind,
        "apps": apps.iter().map(|app| json!({ "name": app.name, "type": app.raw["type"] })).collect::<Vec<_>>(),
        "services": config.services.values().map(|service| json!({ "name": service.name, "type": service.r#type })).collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
        "routes": routes.map(|(url, route)| {
            json!({ "url": url, "type": route["type"], "upstream": route["upstream"], "to": route["to"] })
        }).collect::<Vec<_>>(),
    })
}
