//! Containers, and what their processes print. Sensitive values are hidden in it.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::super::super::answer::{self, Problem, Result, json};
use super::super::super::api::target;
use super::Asked;
use crate::actions::status::status;
use crate::engine::spec::{Container, LogRange};
use crate::engine::{Engine, OutputStream};
use crate::event::Events;
use crate::failure::{BUSY, Failure, NO_ENGINE};
use crate::mask::Masker;
use crate::shutdown::Shutdown;
use crate::workspace::Workspace;

/// How many lines of the past are sent unless the caller says it.
const LINES: u64 = 2000;

impl<E: Engine + 'static> Asked<'_, E> {
    /// `GET containers`: what is up in this environment.
    pub(super) async fn containers(&self) -> Result {
        let workspace = self.shared.place.see().await?.workspace;
        let engine = self.shared.place.engine(&workspace).await?;
        let (events, _receiver) = Events::channel();
        let name = Some(workspace.environment.name.as_str());
        let found = status(&workspace, engine.as_ref(), name, &events, &Shutdown::new()).await;
        let found = self.noted(found).await?;
        Ok(json(&json!(found.containers)))
    }

    /// Connects anew for the next call if the engine is gone.
    pub(super) async fn noted<T>(&self, result: std::result::Result<T, Failure>) -> Result<T> {
        if let Err(failure) = &result
            && failure.code == NO_ENGINE
        {
            self.shared.place.forget_engine().await;
        }
        Ok(result?)
    }

    /// `GET logs/<service>`: the last lines, and those that come. `lines` says how many.
    pub(super) async fn logs(&self, service: &str) -> Result {
        let workspace = self.shared.place.see().await?.workspace;
        let engine = self.shared.place.engine(&workspace).await?;
        let container = container(&workspace, engine.as_ref(), service).await;
        let container = self.noted(container).await?;
        let range = LogRange {
            follow: true,
            tail: Some(self.number("lines")?.unwrap_or(LINES)),
            timestamps: false,
        };
        let secrets = workspace.secrets_in_containers();
        let masked = Masked {
            output: engine.logs(&container.id, range),
            maskers: Some([secrets.masker(), secrets.masker()]),
        };
        let pieces = stream::unfold(masked, |mut masked| async move {
            let piece = masked.next().await?;
            Some((piece, masked))
        });
        Ok(answer::stream("text/plain; charset=utf-8", pieces))
    }
}

/// The container of an app, a worker or a service.
pub(super) async fn container<E: Engine>(
    workspace: &Workspace,
    engine: &E,
    service: &str,
) -> std::result::Result<Container, Failure> {
    let is_app = workspace.config.apps.contains_key(service);
    if !is_app && !service.contains("--") {
        return Ok(workspace.find_service(engine, service).await?);
    }
    let (app, worker) = workspace.target(&target(workspace, service))?;
    Ok(workspace.find_container(engine, app, worker).await?)
}

/// The container of an app or a worker, which has to run.
pub(super) async fn running<E: Engine>(
    workspace: &Workspace,
    engine: &E,
    service: &str,
) -> Result<Container> {
    match container(workspace, engine, service).await {
        Ok(container) if container.running => return Ok(container),
        // The container does not exist, or has stopped.
        Ok(_) => {}
        Err(failure) if failure.code == BUSY => {}
        Err(failure) => return Err(failure.into()),
    }
    let message = format!("`{service}` is not running");
    Err(Problem::new(hyper::StatusCode::CONFLICT, message)
        .detail(json!({ "hint": "bring the environment up" })))
}

/// The output of a container without sensitive values.
struct Masked {
    output: OutputStream,
    /// For standard output and standard error; `None` at the end.
    maskers: Option<[Masker; 2]>,
}

impl Masked {
    async fn next(&mut self) -> Option<Bytes> {
        use crate::output::Output;
        let [out, err] = self.maskers.as_mut()?;
        while let Some(Ok(piece)) = self.output.next().await {
            let shown = match piece {
                Output::Stdout(bytes) => out.push(&bytes),
                Output::Stderr(bytes) => err.push(&bytes),
            };
            if !shown.is_empty() {
                return Some(shown.into());
            }
        }
        let mut held = out.finish();
        held.extend(err.finish());
        self.maskers = None;
        (!held.is_empty()).then(|| held.into())
    }
}
