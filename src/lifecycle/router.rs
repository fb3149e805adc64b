//! Starts the router of an environment: the only container that publishes a port for the web on this machine.

use super::{Error, Pull, Result, Sandbox, readiness, services};
use crate::engine::spec::{Container, ExecSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::plan::router::RouterPlan;
use crate::services::ServicePlan;

/// How long the router may take to listen, in seconds.
const LIMIT: &str = "10";

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that the router is up as exactly this plan says, and the services to which it leads. `containers`
    /// are the containers of the environment.
    pub(crate) async fn ensure_router(
        &self,
        plan: &RouterPlan,
        routed: &[ServicePlan],
        containers: &[Container],
        pull: Pull,
    ) -> Result<()> {
        self.ensure_routed(plan, routed, containers, pull).await?;
        self.start_router(plan, containers, false, pull).await?;
        Ok(())
    }

    /// Makes sure that the services are up to which a router leads.
    pub(crate) async fn ensure_routed(
        &self,
        plan: &RouterPlan,
        routed: &[ServicePlan],
        containers: &[Container],
        pull: Pull,
    ) -> Result<()> {
        self.ensure_network(&plan.network).await?;
        if routed.is_empty() {
            return Ok(());
        }
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        let around = services::Surroundings {
            network: &plan.network,
            containers,
            volumes: &volumes,
            pull,
        };
        let routed: Vec<&ServicePlan> = routed.iter().collect();
        self.ensure_services(&routed, around).await
    }

    /// Starts a router and waits until it listens. Returns the id of its container if it was made now.
    pub(super) async fn start_router(
        &self,
        plan: &RouterPlan,
        containers: &[Container],
        anew: bool,
        pull: Pull,
    ) -> Result<Option<String>> {
        let started = self.ensure_proxy(&plan.proxy, containers, anew, pull).await;
        let id = match started {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(None),
            Err(Error::Engine(EngineError::PortTaken(_))) => {
                return Err(Error::RouterPort { port: plan.port });
            }
            Err(err) => return Err(err),
        };
        let port = plan.port.to_string();
        let spec = ExecSpec {
            command: ["sh", "-c", readiness::LISTENS, "upsun-local", &port, LIMIT]
                .map(str::to_owned)
                .to_vec(),
            ..ExecSpec::default()
        };
        if matches!(self.capture(&id, &spec).await, Ok((0, ..))) {
            return Ok(Some(id));
        }
        let state = self.engine.container_state(&id).await?;
        let log = self.log_tail(&id).await;
        let _ = self.engine.remove_container(&id).await;
        Err(Error::RouterEnded {
            exit_code: state.map_or(0, |state| state.exit_code),
            log,
        })
    }
}
