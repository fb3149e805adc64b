//! Tells the router that an app is being deployed, so that requests wait for the new container instead of failing.
//! Where that cannot be told, requests fail as they do for an app that is not up: no deploy fails for that reason.

use super::Sandbox;
use crate::engine::Engine;
use crate::engine::spec::{Container, ExecSpec};
use crate::labels::Kind;
use crate::web::router::hold::{BEGIN, END, mark};

impl<E: Engine> Sandbox<'_, E> {
    /// Lets requests to an app wait from now on. Returns the router that does so, if one is up among these
    /// containers.
    pub(super) async fn hold_requests(
        &self,
        app: &str,
        containers: &[Container],
    ) -> Option<String> {
        let mut running = containers.iter().filter(|found| found.running);
        let router = running.find(|found| Kind::of(&found.labels) == Some(Kind::Router))?;
        self.tell_router(&router.id, app, BEGIN).await;
        Some(router.id.clone())
    }

    /// Ends what `hold_requests` began.
    pub(super) async fn release_requests(&self, router: &str, app: &str) {
        self.tell_router(router, app, END).await;
    }

    async fn tell_router(&self, router: &str, app: &str, script: &str) {
        let spec = ExecSpec {
            command: ["sh", "-c", script, "upsun-local", &mark(app)]
                .map(str::to_owned)
                .to_vec(),
            ..ExecSpec::default()
        };
        if let Err(err) = self.capture(router, &spec).await {
            tracing::debug!(%err, app, "the router is not told about a deploy");
        }
    }
}
