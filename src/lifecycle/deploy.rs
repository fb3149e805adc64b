//! Starts the containers of an app: volumes, network, container, hooks. A container whose name ends in `-starting`
//! belongs to a deploy that was cut off, and is replaced.

mod container;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Command, End};
use super::output::Tail;
use super::{Ended, Error, Mark, Planned, Pull, Result, Sandbox, proxy, services};
use crate::engine::Engine;
use crate::engine::spec::{Container, LogRange, Volume};
use crate::event::{self, Event, Step, Text};
use crate::labels::Kind;
use crate::labels::{LABEL_APP, LABEL_DEPLOY, LABEL_WORKER};
use crate::output::Output;
use crate::plan::{AppPlan, BuildStep, ContainerPlan, NetworkPlan};

/// The end of a container's name until the deploy of the container is finished.
pub(super) const STARTING: &str = "-starting";

/// How long the last lines of a log may take to arrive.
const LOG_LIMIT: Duration = Duration::from_secs(10);

/// How much of the end of a container's log is shown, in bytes.
const LONGEST_LOG: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The engine's id.
    pub id: String,
    /// Whether the container was started just now.
    pub fresh: bool,
    /// The hooks that failed.
    pub failed_hooks: Vec<Step>,
    /// The warning if an operation in the container fails: that the app's process accepts no requests.
    pub silence: Option<String>,
}

impl Deployed {
    /// A container that was up before.
    fn kept(plan: &ContainerPlan, id: String) -> Self {
        let name = plan.container.name.as_str();
        let because = "it runs as the plan says";
        tracing::debug!(container = name, because, "a container is kept");
        Deployed {
            id,
            fresh: false,
            failed_hooks: Vec::new(),
            silence: None,
        }
    }
}

impl<E: Engine> Sandbox<'_, E> {
    pub async fn containers(&self) -> Result<Vec<Container>> {
        Ok(self
            .engine
            .containers(&self.project.environment_labels(&self.environment.name))
            .await?)
    }

    /// Makes sure that one container of an app is up as the plan says. `containers` are the containers of the
    /// environment.
    pub(crate) async fn ensure_container(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
    ) -> Result<Deployed> {
        if planned.pull != Pull::Always {
            let deployed = self
                .ensure_with(planned, plan, containers, planned.pull)
                .await?;
            return self.let_others_follow(planned, plan, deployed).await;
        }
        // `Pull::Always` asks for the newest image, also for a container that is already up.
        let is_newer = self.ensure_image(planned.image, Pull::Always).await?;
        let planned = Planned {
            pull: Pull::Missing,
            rebuild: planned.rebuild || is_newer,
            ..planned.clone()
        };
        let deployed = self
            .ensure_with(&planned, plan, containers, Pull::Always)
            .await?;
        self.let_others_follow(&planned, plan, deployed).await
    }

    /// Upsun deploys all containers of an app together, so containers that are up and unchanged are deployed again
    /// with the changed container.
    async fn let_others_follow(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        mut deployed: Deployed,
    ) -> Result<Deployed> {
        if !deployed.fresh || planned.plan.containers.len() == 1 {
            return Ok(deployed);
        }
        let containers = self.containers().await?;
        let planned = Planned {
            rebuild: false,
            ..planned.clone()
        };
        for other in &planned.plan.containers {
            let is_up_as_it_was = |found: &Container| {
                found.running
                    && is_of(other, &planned.plan.app, found)
                    && found.labels.get(LABEL_DEPLOY) != Some(&other.id)
            };
            if other.container.name != plan.container.name && containers.iter().any(is_up_as_it_was)
            {
                let followed = self
                    .ensure_with(&planned, other, &containers, Pull::Missing)
                    .await?;
                deployed.failed_hooks.extend(followed.failed_hooks);
            }
        }
        Ok(deployed)
    }

    async fn ensure_with(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
        pull_services: Pull,
    ) -> Result<Deployed> {
        let needed = planned.plan.services_of(plan);
        let is_web = plan.worker.is_none();
        let front_is_up = || {
            let front = planned.plan.front.as_ref();
            front.is_none_or(|front| proxy::is_current(&front.proxy, containers))
        };
        let current = planned
            .plan
            .current_id(plan, containers)
            .filter(|_| !planned.rebuild)
            .filter(|_| !(is_web && planned.routed) || front_is_up());
        if let Some(id) = current {
            return Ok(Deployed::kept(plan, id));
        }
        self.checkpoint()?;
        // Ask again: the deploy of another container may have made objects in the meantime, services above all.
        let containers = &self.containers().await?;
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        let around = services::Surroundings {
            network: &planned.plan.network,
            containers,
            volumes: &volumes,
            pull: pull_services,
        };
        // The build and the services start side by side, since a build cannot reach services.
        let (built, up) = tokio::join!(
            self.ensure_build(planned, &volumes),
            self.ensure_services(&needed, around),
        );
        let surplus = built?;
        up?;
        self.checkpoint()?;
        // Old builds go while the container starts.
        let (deployed, ()) = tokio::join!(
            Box::pin(self.ensure_up(planned, plan, containers, &volumes)),
            self.prune_builds(planned, surplus),
        );
        if deployed.is_ok() {
            self.discard_replaced(planned).await;
        }
        deployed
    }

    /// Makes sure that a container is up whose build and services are there. `containers` are the containers of the
    /// environment, `volumes` the volumes of the project.
    async fn ensure_up(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
        volumes: &[Volume],
    ) -> Result<Deployed> {
        let is_web = plan.worker.is_none();
        // An existing web server stays, since a user may have its address open in a browser.
        let wants_front = is_web
            && planned.plan.front.as_ref().is_some_and(|front| {
                !front.on_demand
                    || planned.routed
                    || proxy::has_front(&planned.plan.app, containers)
            });
        if let Some(id) = up_to_date(plan, containers).filter(|_| !planned.rebuild) {
            if wants_front {
                self.ensure_front(planned.plan, &id, containers, false, planned.pull)
                    .await?;
            }
            return Ok(Deployed::kept(plan, id));
        }
        self.deploy(planned, plan, containers, volumes, wants_front)
            .await
    }

    /// Starts a container again, or a new one, and lets requests in. `containers` are the containers of the
    /// environment, `volumes` the volumes of the project.
    async fn deploy(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
        volumes: &[Volume],
        wants_front: bool,
    ) -> Result<Deployed> {
        let app = planned.plan.app.as_str();
        let hold = match plan.worker {
            None => self.hold_requests(app, containers).await,
            Some(_) => None,
        };
        let held = self.deploy_held(planned, plan, containers, volumes, wants_front);
        let deployed = Box::pin(held).await;
        if let Some(hold) = hold {
            hold.release().await;
        }
        deployed
    }

    /// Deploys while the router lets requests wait.
    async fn deploy_held(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
        volumes: &[Volume],
        wants_front: bool,
    ) -> Result<Deployed> {
        let is_web = plan.worker.is_none();
        let began = Instant::now();
        let title = plan.title(&planned.plan.app);
        self.emit(event::Deploy::Started {
            container: title.clone(),
        })
        .await;

        if is_web {
            self.remove_front(&planned.plan.app, containers).await?;
        }
        let restarted = self.restart(planned, plan, &title, containers).await?;
        let made = restarted.is_none();
        let id = match restarted {
            Some(id) => id,
            None => {
                self.make_anew(planned, plan, &title, containers, volumes)
                    .await?
            }
        };
        self.mend(&id, &title, Some(&plan.mounts)).await?;
        if !is_web {
            self.wait_until_ready(&id, &title, None).await?;
        }
        let hooks: &[BuildStep] = if made { &plan.hooks } else { &[] };
        let failed_hooks = self.let_in(planned, plan, &id, hooks, wants_front).await?;
        self.emit(event::Deploy::Finished {
            container: title,
            duration: began.elapsed(),
        })
        .await;
        Ok(Deployed {
            id,
            fresh: true,
            failed_hooks,
            silence: None,
        })
    }

    /// Runs the hooks of a container, and lets requests in after the first hook. Returns the hooks that failed.
    async fn let_in(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        id: &str,
        hooks: &[BuildStep],
        wants_front: bool,
    ) -> Result<Vec<Step>> {
        let (before, after): (Vec<_>, Vec<_>) =
            hooks.iter().partition(|hook| hook.step == Step::DeployHook);
        let mut failed = self.run_hooks(planned, plan, id, &before).await?;
        if wants_front {
            let none = [];
            self.ensure_front(planned.plan, id, &none, true, planned.pull)
                .await?;
        }
        failed.extend(self.run_hooks(planned, plan, id, &after).await?);
        if !hooks.is_empty() {
            self.engine
                .rename_container(id, &plan.container.name)
                .await?;
        }
        Ok(failed)
    }

    /// Runs hooks, and returns those that failed.
    async fn run_hooks(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        container: &str,
        hooks: &[&BuildStep],
    ) -> Result<Vec<Step>> {
        let mut failed = Vec::new();
        for hook in hooks {
            if !self.hook(planned, plan, container, hook).await? {
                failed.push(hook.step);
            }
        }
        Ok(failed)
    }

    pub(super) async fn log_tail(&self, id: &str) -> String {
        use futures_util::StreamExt;
        let mut log = Vec::new();
        let mut stream = self.engine.logs(
            id,
            LogRange {
                tail: Some(10),
                ..LogRange::default()
            },
        );
        let read = async {
            while let Some(Ok(piece)) = stream.next().await {
                log.extend_from_slice(piece.bytes());
                // A line may be endless, so keep only its last bytes: they say why the container ended.
                if log.len() > 2 * LONGEST_LOG {
                    log.drain(..log.len() - LONGEST_LOG);
                }
            }
        };
        // The log belongs to an error that must be reported, even if the engine sends nothing further.
        let _ = tokio::time::timeout(LOG_LIMIT, read).await;
        let text = String::from_utf8_lossy(&log);
        text.lines().map(|line| format!("\n  {line}")).collect()
    }

    pub(super) async fn ensure_network(&self, network: &NetworkPlan) -> Result<()> {
        let there = self.engine.networks(&self.project.labels()).await?;
        // A crash may have left two networks of this name; creating the network repairs that as well.
        if there
            .iter()
            .filter(|found| found.name == network.name)
            .count()
            != 1
        {
            self.engine
                .create_network(&network.name, &network.labels)
                .await?;
        }
        Ok(())
    }

    /// Runs a hook. Returns false if the hook failed, which does not undo the deploy.
    pub(super) async fn hook(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        container: &str,
        hook: &BuildStep,
    ) -> Result<bool> {
        let BuildStep { step, script } = hook;
        let (step, app) = (*step, plan.title(&planned.plan.app));
        let began = Instant::now();
        self.emit(event::Script::Started {
            app: app.clone(),
            step,
        })
        .await;
        let command = Command {
            container,
            title: &app,
            what: step.key(),
            script,
            mark: Mark::of_run(),
            variables: &BTreeMap::new(),
            stop: None,
            timeout: None,
            grace: Duration::from_secs(10),
        };
        let event = |output: Output| {
            Event::Script(event::Script::Output {
                app: app.clone(),
                step,
                output: Text(output),
            })
        };
        let mut tail = Tail::default();
        let end = self.execute(&command, event, |piece| tail.push(piece.bytes()));
        match end.await? {
            End::Exited(exit_code) => {
                self.emit(event::Script::Finished {
                    app: app.clone(),
                    step,
                    exit_code,
                    duration: began.elapsed(),
                })
                .await;
                let ended = Ended {
                    container,
                    mounts: &plan.mounts,
                    source: Some(planned.source()),
                    script,
                    exit_code,
                    output: &tail.text(),
                };
                let subject = format!("`{}` of `{app}`", step.key());
                self.tell_advice(&app, &subject, &ended).await;
                Ok(exit_code == 0)
            }
            End::Cancelled | End::TimedOut | End::Left => Err(Error::Interrupted),
        }
    }
}

impl ContainerPlan {
    /// Whether a container that was made from exactly this plan is up.
    pub(crate) fn is_current(&self, containers: &[Container]) -> bool {
        up_to_date(self, containers).is_some()
    }
}

impl AppPlan {
    /// The id of the container that was made from exactly this plan, if it is up, and the services and the web server
    /// of the app are up too.
    pub(crate) fn current_id(
        &self,
        plan: &ContainerPlan,
        containers: &[Container],
    ) -> Option<String> {
        let front = self.front.as_ref();
        let front = front.filter(|front| plan.worker.is_none() && !front.on_demand);
        let front_is_up = front.is_none_or(|front| proxy::is_current(&front.proxy, containers));
        self.services_of(plan)
            .iter()
            .all(|service| services::is_current(service, containers))
            .then_some(())
            .filter(|()| front_is_up)
            .and_then(|()| up_to_date(plan, containers))
    }
}

/// The id of the running container that was made from exactly this plan.
pub(super) fn up_to_date(plan: &ContainerPlan, containers: &[Container]) -> Option<String> {
    containers
        .iter()
        .find(|found| {
            found.running
                && found.name == plan.container.name
                && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
        })
        .map(|found| found.id.clone())
}

/// Whether a container is the web container of the app, or the worker, in whatever state.
fn is_of(plan: &ContainerPlan, app: &str, found: &Container) -> bool {
    found
        .labels
        .get(LABEL_APP)
        .is_some_and(|label| label == app)
        && found.labels.get(LABEL_WORKER) == plan.worker.as_ref()
        && matches!(Kind::of(&found.labels), Some(Kind::Web | Kind::Worker))
}
