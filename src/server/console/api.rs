//! What only the console asks for, below `/console/api/`. All of it needs the cookie of the console. The parameters
//! `user` and `role` say who acts, as `--as` and `--role` do.
//!
//! - `GET environment` is what the environment consists of, and what the actor may run in it.
//! - `GET now` has the same, and the activities, each only if it is not what the console has already.
//! - `GET projects` lists the projects of the server; the parameter `project` of all calls names one of them.
//! - `…/upsun/<path>` is Upsun's API at `/<path>`.
//!
//! The other paths are those of the modules.

mod access;
mod activities;
mod configuration;
mod environment;
mod logs;
mod mounts;
mod plan;
mod runs;
mod undo;

use std::sync::Arc;

use hyper::Method;
use hyper::body::Incoming;

use super::super::answer::Result;
use super::super::key::Caller;
use super::super::request::Call;
use super::super::{Shared, unknown};
use crate::engine::Engine;
use crate::workspace::Workspace;

/// A call of the console.
struct Asked<'a, E> {
    shared: &'a Arc<Shared<E>>,
    call: &'a Call,
    caller: Caller,
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// The repository. A call that changes something needs a configuration without errors; one that looks gets the last
    /// good state.
    async fn workspace(&self) -> Result<Arc<Workspace>> {
        let place = &self.shared.place;
        if self.call.method == Method::POST {
            return place.open().await;
        }
        Ok(place.see().await?.workspace)
    }
}

/// Who acts, as the parameters say.
pub(super) fn caller(call: &Call) -> Caller {
    let parameter = |name| call.parameter(name).map(str::to_owned);
    Caller {
        role: parameter("role"),
        user: parameter("user"),
        names_app: true,
    }
}

/// `path` is what follows `/console/api`.
pub(super) async fn route<E: Engine + 'static>(
    shared: &Arc<Shared<E>>,
    call: &Call,
    path: &[&str],
    body: Incoming,
) -> Result {
    let asked = Asked {
        shared,
        call,
        caller: caller(call),
    };
    match (&call.method, path) {
        (&Method::GET, ["environment"]) => asked.environment().await,
        (&Method::GET, ["now"]) => asked.now().await,
        (&Method::GET, ["containers"]) => asked.containers().await,
        (&Method::GET, ["logs", service]) => asked.logs(service).await,
        (&Method::GET, ["access"]) => asked.access().await,
        (&Method::GET, ["plan"]) => asked.plan().await,
        (&Method::GET, ["configuration"]) => asked.configuration().await,
        (&Method::GET, ["variables", service]) => asked.variables(service).await,
        (_, ["mounts", service, rest @ ..]) => asked.mounts(service, rest, body).await,
        (&Method::GET, ["activities", id, "log"]) => asked.log(id).await,
        (&Method::POST, ["operations"]) => asked.run_operation(body).await,
        (&Method::POST, ["source-operations"]) => asked.run_source_operation(body).await,
        (_, ["activities", id, "undo"]) => asked.undo(id).await,
        (&Method::POST, ["crons"]) => asked.run_cron(body).await,
        (&Method::POST, ["up"]) => asked.up(body).await,
        (&Method::POST, ["down"]) => asked.down(body).await,
        _ => Err(unknown(call)),
    }
}
