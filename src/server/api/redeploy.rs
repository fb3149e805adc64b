//! Brings the environment up as the configuration says it now: `POST …/redeploy`.

use super::super::answer::Result;
use super::super::place::actor;
use super::environment::Environment;
use super::{Asked, accepted};
use crate::actions::up::Request;
use crate::engine::Engine;
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
        let activity = self.shared.start_up(&workspace, Request::default());
        let activity = activity.await?;
        Ok(accepted(&workspace, &activity))
    }
}
