//! Starts the services that an app reaches: image, data volume, container, readiness, databases and users. A
//! container whose name ends in `-starting` belongs to a start that was cut off, and is replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::deploy::STARTING;
use super::{Error, Pull, Result, Sandbox, archive, decisions};
use crate::engine::spec::{Container, ContainerSpec, ExecSpec, Volume, VolumeSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event;
use crate::labels::{
    LABEL_DATA_VERSION, LABEL_DEPLOY, LABEL_ENVIRONMENT, LABEL_KIND, LABEL_SERVICE,
};
use crate::plan::NetworkPlan;
use crate::services::{Ready, ServicePlan, SetupStep};

/// How long a service may take until it answers. On its first start, a database server writes a whole database.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// How often to check whether a service answers.
const LOOK: Duration = Duration::from_millis(100);

/// A script that checks repeatedly: a new command for each check would cost the engine more than the check itself.
const ANSWERS: &str = include_str!("scripts/answers.sh");

/// The facts about the environment that the start of a service needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The network that the services join.
    pub(super) network: &'a NetworkPlan,
    pub(super) containers: &'a [Container],
    pub(super) volumes: &'a [Volume],
    pub(super) pull: Pull,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that all these services are up. They start side by side.
    pub(super) async fn ensure_services(
        &self,
        plans: &[&ServicePlan],
        around: Surroundings<'_>,
    ) -> Result<()> {
        for plan in plans {
            let change = decisions::of_service(plan, around.containers);
            let because = change.unwrap_or("it runs as the plan says, or is external");
            let is_kept = change.is_none();
            tracing::debug!(service = plan.name, is_kept, because, "a service");
        }
        let missing: Vec<_> = plans
            .iter()
            .filter(|plan| !is_current(plan, around.containers))
            .filter_map(|plan| Some((*plan, plan.container.as_ref()?)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.ensure_network(around.network).await?;
        let starts = missing
            .into_iter()
            .map(|(plan, spec)| self.start_service(plan, spec, around));
        // Wait for all of them, even after a failure: a service that is up need not be started again.
        join_all(starts).await.into_iter().collect()
    }

    async fn start_service(
        &self,
        plan: &ServicePlan,
        spec: &ContainerSpec,
        around: Surroundings<'_>,
    ) -> Result<()> {
        let began = Instant::now();
        self.emit(event::Deploy::ServiceStarted {
            service: plan.name.clone(),
            kind: plan.r#type.clone(),
        })
        .await;
        for warning in &plan.warnings {
            self.events.warn(warning.clone(), None).await;
        }
        let starting = format!("{}{STARTING}", spec.name);
        let stopped = around
            .containers
            .iter()
            .find(|found| found.name == spec.name && is_of(plan, found));
        let id = match stopped {
            Some(stopped) if stopped.labels.get(LABEL_DEPLOY) == Some(&plan.id) => {
                self.engine.rename_container(&stopped.id, &starting).await?;
                stopped.id.clone()
            }
            _ => self.create_service(plan, spec, &starting, around).await?,
        };
        if let Err(err) = self.engine.start_container(&id).await {
            let taken = spec.ports.first();
            let taken = taken.filter(|_| matches!(err, EngineError::PortTaken(_)));
            let Some(port) = taken else {
                return Err(err.into());
            };
            return Err(Error::PortTaken {
                service: plan.name.clone(),
                port: port.host,
            });
        }
        self.wait_for_service(plan, &id).await?;
        for step in &plan.setup {
            self.set_up_service(plan, &id, step).await?;
        }
        self.engine.rename_container(&id, &spec.name).await?;
        self.emit(event::Deploy::ServiceFinished {
            service: plan.name.clone(),
            duration: began.elapsed(),
        })
        .await;
        Ok(())
    }

    async fn create_service(
        &self,
        plan: &ServicePlan,
        spec: &ContainerSpec,
        name: &str,
        around: Surroundings<'_>,
    ) -> Result<String> {
        let old = around.containers.iter().filter(|found| {
            found.labels.get(LABEL_SERVICE) == Some(&plan.name)
                || found.name == spec.name
                || found.name == name
        });
        for old in old {
            self.engine.stop_container(&old.id).await?;
            self.engine.remove_container(&old.id).await?;
        }
        if let Some(volume) = &plan.volume {
            let there = |found: &Volume| found.name == volume.name;
            if !around.volumes.iter().any(there) {
                self.tell_of_other_data(plan, volume, around.volumes).await;
                self.engine.create_volume(volume).await?;
            }
        }
        self.checkpoint()?;
        self.ensure_base(&spec.image, around.pull).await?;
        self.checkpoint()?;
        let spec = ContainerSpec {
            name: name.to_owned(),
            known_as: spec.name.clone(),
            ..spec.clone()
        };
        let id = self.create_anew(&spec).await?;
        if !plan.files.is_empty() {
            let files = plan
                .files
                .iter()
                .map(|file| (file.path.as_str(), file.content.as_bytes(), file.mode));
            let bytes = archive::files(files).map_err(EngineError::from)?;
            self.engine.upload(&id, "/", archive::whole(bytes)).await?;
        }
        Ok(id)
    }

    /// Warns that data of another version exist, which are kept but not used: hardly any server can read the data of
    /// another version.
    async fn tell_of_other_data(&self, plan: &ServicePlan, volume: &VolumeSpec, all: &[Volume]) {
        let label = |found: &Volume, name: &str| found.labels.get(name).cloned();
        let other = all.iter().find_map(|found| {
            let same = [LABEL_SERVICE, LABEL_ENVIRONMENT, LABEL_KIND]
                .iter()
                .all(|name| found.labels.get(*name) == volume.labels.get(*name));
            label(found, LABEL_DATA_VERSION).filter(|_| same)
        });
        if let Some(version) = other {
            let message = format!(
                "`{}` starts empty: its data were written by {version}, and are kept",
                plan.name
            );
            let hint = format!("go back to {version} to export them");
            self.events.warn(message, Some(hint)).await;
        }
    }

    /// Waits until a service answers, for as long as its container runs.
    async fn wait_for_service(&self, plan: &ServicePlan, id: &str) -> Result<()> {
        let command = match &plan.ready {
            Ready::Runs => return self.check_service_runs(plan, id).await,
            Ready::Command(command) => ["sh", "-c", ANSWERS, "upsun-local"]
                .map(str::to_owned)
                .into_iter()
                .chain(command.clone())
                .collect(),
            Ready::Listens(port) => [
                "sh",
                "-c",
                super::readiness::LISTENS,
                "upsun-local",
                &port.to_string(),
                "1",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        self.emit(event::Deploy::ReadyAwaited {
            container: plan.name.clone(),
        })
        .await;
        let spec = ExecSpec {
            command,
            ..ExecSpec::default()
        };
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            self.checkpoint()?;
            let answer = tokio::select! {
                answer = self.capture(id, &spec) => Some(answer),
                // A check that hangs counts as no answer.
                () = tokio::time::sleep_until(deadline) => None,
                () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(Error::Interrupted),
            };
            if matches!(answer, Some(Ok((0, ..)))) {
                return Ok(());
            }
            self.check_service_runs(plan, id).await?;
            if Instant::now() >= deadline {
                return Err(Error::ServiceNotReady {
                    service: plan.name.clone(),
                    limit: READY_LIMIT,
                    log: self.log_tail(id).await,
                });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(Error::Interrupted),
            }
        }
    }

    async fn check_service_runs(&self, plan: &ServicePlan, id: &str) -> Result<()> {
        match self.engine.container_state(id).await? {
            Some(state) if state.running => Ok(()),
            Some(state) if state.out_of_memory => Err(Error::OutOfMemory {
                container: plan.name.clone(),
                during: None,
            }),
            state => Err(Error::ServiceEnded {
                service: plan.name.clone(),
                exit_code: state.map_or(0, |state| state.exit_code),
                log: self.log_tail(id).await,
            }),
        }
    }

    async fn set_up_service(&self, plan: &ServicePlan, id: &str, step: &SetupStep) -> Result<()> {
        self.checkpoint()?;
        let spec = ExecSpec {
            command: step.command.clone(),
            user: (!step.user.is_empty()).then(|| step.user.clone()),
            variables: BTreeMap::new(),
            ..ExecSpec::default()
        };
        let (code, out, errors) = self.capture(id, &spec).await?;
        if code == 0 {
            return Ok(());
        }
        let said: String = format!("{out}\n{errors}")
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("\n  {line}"))
            .collect();
        Err(Error::ServiceSetup {
            service: plan.name.clone(),
            step: step.title.clone(),
            exit_code: code,
            said,
        })
    }
}

/// Whether a service is up that was made from exactly this plan. A service without a container always is.
pub(super) fn is_current(plan: &ServicePlan, containers: &[Container]) -> bool {
    plan.container.as_ref().is_none_or(|spec| {
        containers.iter().any(|found| {
            found.running
                && found.name == spec.name
                && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
        })
    })
}

fn is_of(plan: &ServicePlan, found: &Container) -> bool {
    found.labels.get(LABEL_SERVICE) == Some(&plan.name)
}
