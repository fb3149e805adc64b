//! Brings the environment up as the configuration says it now: `POST …/redeploy`.

use std::sync::Arc;

use super::super::answer::Result;
use super::super::place::{actor, blocking};
use super::environment::Environment;
use super::{Asked, accepted};
use crate::actions::up::{Request, Up, usual_jobs};
use crate::engine::Engine;
use crate::lifecycle::Pull;
use crate::roles::Role;
use crate::workspace::permission::permit;

/// The lowest role that may deploy: the one that may push.
const DEPLOY: Role = Role::Contributor;

impl<E: Engine + 'static> Asked<'_, E> {
    pub(super) async fn redeploy(&self, environment: &Environment) -> Result {
        let workspace = self.shared.place.open_as(&environment.workspace).await?;
        permit(
            &actor(&workspace, &self.caller)?,
            DEPLOY,
            "redeploy the environment",
        )?;
        let request = Request {
            apps: Vec::new(),
            pull: Pull::Missing,
            rebuild: false,
            jobs: usual_jobs(),
            crons: false,
            opens_tunnels: false,
        };
        let planned = {
            let workspace = Arc::clone(&workspace);
            blocking(move || Up::prepare(&workspace, request)).await??
        };
        let act = move |actions: crate::actions::Actions<E>| async move {
            actions.up(&planned, || {}).await
        };
        let activity = self.shared.start(&workspace, act).await?;
        Ok(accepted(&[activity]))
    }
}
