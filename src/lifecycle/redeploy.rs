//! A deploy without any change: on Upsun it runs the post-deploy hook only.
//! Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html#post-deploy-hook>

use super::{Deployed, Planned, Result, Sandbox};
use crate::engine::Engine;
use crate::event::Step;
use crate::plan::ContainerPlan;

impl<E: Engine> Sandbox<'_, E> {
    /// Runs the post-deploy hook of a container that was already up.
    pub async fn redeploy(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        mut deployed: Deployed,
    ) -> Result<Deployed> {
        if deployed.fresh {
            return Ok(deployed);
        }
        for hook in plan
            .hooks
            .iter()
            .filter(|hook| hook.step == Step::PostDeployHook)
        {
            if !self.hook(planned, plan, &deployed.id, hook).await? {
                deployed.failed_hooks.push(hook.step);
            }
        }
        Ok(deployed)
    }
}
