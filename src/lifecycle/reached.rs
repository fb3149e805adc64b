//! Brings up the apps to which another app has relationships before that app, each with the web server in front of
//! it.

use super::{Planned, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::Container;

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that the web containers of these apps are up, in this order. `containers` are the containers of the
    /// environment before that; the result is the containers after it.
    pub(crate) async fn ensure_reached(
        &self,
        reached: &[Planned<'_>],
        mut containers: Vec<Container>,
    ) -> Result<Vec<Container>> {
        for planned in reached {
            let Some(web) = planned.plan.containers.first() else {
                continue;
            };
            if planned.plan.current_id(web, &containers).is_some() {
                continue;
            }
            self.ensure_container(planned, web, &containers).await?;
            containers = self.containers().await?;
        }
        Ok(containers)
    }
}
