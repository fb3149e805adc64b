//! The apps that another app has relationships to: they are brought up before it, each with the web server
//! in front of it.

use super::{Planned, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::Container;

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that the web containers of these apps are up, in this order. Returns the environment's
    /// containers as they are then; `containers` are those before.
    pub async fn ensure_reached(
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
