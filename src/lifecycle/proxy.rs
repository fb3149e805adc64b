//! Starts the web servers of `upsun-local`: the front of an app, which shares the app's network, and all other
//! containers with a [`ProxyPlan`].

use super::{Error, Pull, Result, Sandbox, archive};
use crate::engine::spec::{Container, ContainerSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::labels::Kind;
use crate::labels::{LABEL_APP, LABEL_DEPLOY};
use crate::plan::AppPlan;
use crate::plan::front::ProxyPlan;
use crate::web::FRONT_PORT;

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that a web server is up that was made from exactly this plan. Returns the id of its container if it
    /// was made now. `anew` also replaces a running server, which has lost the network that it shared.
    pub(crate) async fn ensure_proxy(
        &self,
        plan: &ProxyPlan,
        containers: &[Container],
        anew: bool,
        pull: Pull,
    ) -> Result<Option<String>> {
        if !anew && is_current(plan, containers) {
            return Ok(None);
        }
        self.checkpoint()?;
        let name = &plan.container.name;
        for old in containers.iter().filter(|found| found.name == *name) {
            self.engine.remove_container(&old.id).await?;
        }
        self.ensure_base(&plan.container.image, pull).await?;
        self.checkpoint()?;
        let id = self.create_anew(&plan.container).await?;
        let started = self.fill_and_start(plan, &id).await;
        if started.is_err() {
            // A web server without its configuration is useless, so remove it.
            let _ = self.engine.remove_container(&id).await;
        }
        started.map(|()| Some(id))
    }

    async fn fill_and_start(&self, plan: &ProxyPlan, id: &str) -> Result<()> {
        self.put_files(plan, id).await?;
        Ok(self.engine.start_container(id).await?)
    }

    /// Puts the files of a web server into its container.
    pub(super) async fn put_files(&self, plan: &ProxyPlan, id: &str) -> Result<()> {
        let files = plan
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.content.as_bytes(), file.mode));
        let bytes = archive::files(files).map_err(EngineError::from)?;
        Ok(self.engine.upload(id, "/", archive::whole(bytes)).await?)
    }

    /// Makes sure that the front of an app is up, if the app has one. `container` is the running container of the
    /// app; `anew` says that this container was started just now.
    pub(super) async fn ensure_front(
        &self,
        app: &AppPlan,
        container: &str,
        containers: &[Container],
        anew: bool,
        pull: Pull,
    ) -> Result<()> {
        let Some(front) = &app.front else {
            return Ok(());
        };
        if let Some(address) = front.listens_at.as_deref().filter(|_| anew) {
            self.wait_until_ready(container, &app.app, Some(address))
                .await?;
        }
        let proxy = ProxyPlan {
            container: ContainerSpec {
                // The container of the app may not have its final name yet, so use its id.
                network_of: Some(container.to_owned()),
                ..front.proxy.container.clone()
            },
            ..front.proxy.clone()
        };
        let Some(id) = self.ensure_proxy(&proxy, containers, anew, pull).await? else {
            return Ok(());
        };
        // Look for the listener in the app's container: both containers share their network, and the app's image
        // certainly has a shell.
        if self.listens(container, &FRONT_PORT.to_string()).await? {
            return Ok(());
        }
        let state = self.engine.container_state(&id).await?;
        let log = self.log_tail(&id).await;
        let _ = self.engine.remove_container(&id).await;
        Err(Error::FrontEnded {
            app: app.app.clone(),
            exit_code: state.map_or(0, |state| state.exit_code),
            log,
        })
    }

    /// Removes the front of an app, whatever plan it was made from. A front cannot outlive the container whose
    /// network it shares.
    pub(super) async fn remove_front(&self, app: &str, containers: &[Container]) -> Result<()> {
        for front in containers.iter().filter(|found| is_front_of(found, app)) {
            self.engine.remove_container(&front.id).await?;
        }
        Ok(())
    }
}

/// Whether a web server is up that was made from exactly this plan.
pub(super) fn is_current(plan: &ProxyPlan, containers: &[Container]) -> bool {
    containers.iter().any(|found| {
        found.running
            && found.name == plan.container.name
            && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
    })
}

/// Whether an app has a front, whatever plan the front was made from.
pub(super) fn has_front(app: &str, containers: &[Container]) -> bool {
    containers.iter().any(|found| is_front_of(found, app))
}

fn is_front_of(found: &Container, app: &str) -> bool {
    Kind::of(&found.labels) == Some(Kind::Front)
        && found
            .labels
            .get(LABEL_APP)
            .is_some_and(|label| label == app)
}
