//! Tells the router that an app is being deployed or started again, so that requests wait for the app instead of failing.
//! Where that cannot be told, requests fail as they do for an app that is not up: no deploy fails for that reason.
//!
//! A command in the router does it as long as its standard input is open. So requests stop waiting when this process
//! ends, in whatever way.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::{Sandbox, readiness};
use crate::engine::spec::{Container, ExecSpec};
use crate::engine::{Engine, Exec};
use crate::labels::Kind;
use crate::output::Output;
use crate::web::router::hold::{HELD, HOLD, mark};

/// How long the router may take to let requests wait, or to end that.
const LIMIT: Duration = Duration::from_secs(5);

/// How long requests wait for an app that is started again, in seconds. nginx gives up a little earlier.
const START_LIMIT: u32 = 20;

/// Requests to an app wait as long as this exists.
pub(crate) struct Hold {
    exec: Exec,
}

impl Hold {
    /// Lets requests go to the app again.
    pub(crate) async fn release(mut self) {
        let end = async {
            let _ = self.exec.input.shutdown().await;
            let _ = self.exec.exit.await;
        };
        let _ = tokio::time::timeout(LIMIT, end).await;
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// Lets requests to an app wait from now on, if a router is up among these containers: that of the deployed apps, or
    /// that of `dev`.
    pub(super) async fn hold_requests(&self, app: &str, containers: &[Container]) -> Option<Hold> {
        let is_router = |found: &&Container| {
            let kind = Kind::of(&found.labels);
            found.running && matches!(kind, Some(Kind::Router | Kind::SyncedRouter))
        };
        let router = containers.iter().find(is_router)?;
        let spec = ExecSpec {
            command: ["sh", "-c", HOLD, "upsun-local", &mark(app)]
                .map(str::to_owned)
                .to_vec(),
            stdin: true,
            ..ExecSpec::default()
        };
        let begin = async {
            let mut exec = self.engine.exec(&router.id, &spec).await.ok()?;
            let mut said = Vec::new();
            while !said.ends_with(b"\n") {
                match exec.output.next().await? {
                    Ok(Output::Stdout(bytes)) => said.extend_from_slice(&bytes),
                    Ok(Output::Stderr(_)) => {}
                    Err(_) => return None,
                }
            }
            (said.trim_ascii() == HELD.as_bytes()).then_some(Hold { exec })
        };
        let held = tokio::time::timeout(LIMIT, begin).await.ok().flatten();
        if held.is_none() {
            tracing::debug!(app, "the router does not let requests wait");
        }
        held
    }

    /// Lets requests go to an app again once it listens in a container, or after a while. Does not wait for that.
    pub(crate) async fn release_when_listening(&self, hold: Hold, container: &str, address: &str) {
        let limit = START_LIMIT.to_string();
        let spec = ExecSpec {
            command: [
                "/bin/dash",
                "-c",
                readiness::LISTENS,
                "upsun-local",
                address,
                &limit,
            ]
            .map(str::to_owned)
            .to_vec(),
            ..ExecSpec::default()
        };
        let waiting = self.engine.exec(container, &spec).await;
        tokio::spawn(async move {
            if let Ok(waiting) = waiting {
                let limit = Duration::from_secs(START_LIMIT.into());
                let _ = tokio::time::timeout(limit, waiting.exit).await;
            }
            hold.release().await;
        });
    }
}
