//! Starts an app's containers: volumes, network, container, hooks. A container whose name ends in
//! `-starting` was left in the middle of that and is made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Command, End};
use super::{Error, Planned, Result, Sandbox, archive};
use crate::engine::spec::{Container, ContainerSpec, LogRange, Output, Volume, VolumeMount};
use crate::engine::{Engine, Error as EngineError};
use crate::event::{Event, Step, Text};
use crate::plan::{ContainerPlan, User};
use crate::project::{LABEL_APP, LABEL_DEPLOY, LABEL_KIND, LABEL_WORKER};

/// What the name of a container ends with until its deploy is through.
const STARTING: &str = "-starting";

/// How long to wait for an app's first process to listen.
const READY_LIMIT: u64 = 5;

const READY: &str = include_str!("scripts/ready.sh");

/// A container that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The engine's id.
    pub id: String,
    /// Whether it was started just now.
    pub fresh: bool,
    /// The hooks that failed.
    pub failed_hooks: Vec<Step>,
}

impl<E: Engine> Sandbox<'_, E> {
    /// The containers of this environment.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        Ok(self
            .engine
            .containers(&self.project.environment_labels(&self.environment.name))
            .await?)
    }

    /// Makes sure that one container of an app is up with what the plan says. `containers` are those of
    /// the environment.
    pub async fn ensure_container(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        containers: &[Container],
    ) -> Result<Deployed> {
        if let Some(id) = up_to_date(plan, containers).filter(|_| !planned.rebuild) {
            return Ok(Deployed {
                id,
                fresh: false,
                failed_hooks: Vec::new(),
            });
        }
        self.checkpoint()?;
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        self.ensure_build(planned, &volumes).await?;
        self.checkpoint()?;
        let began = Instant::now();
        let title = plan.title(&planned.plan.app);
        self.emit(Event::DeployStarted {
            container: title.clone(),
        })
        .await;

        let stopped = containers.iter().find(|found| {
            found.name == plan.container.name
                && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
                && !planned.rebuild
        });
        let id = if let Some(stopped) = stopped {
            self.start_checked(&stopped.id, &title).await?;
            stopped.id.clone()
        } else {
            for old in containers
                .iter()
                .filter(|found| is_of(plan, &planned.plan.app, found))
            {
                self.engine.stop_container(&old.id).await?;
                self.engine.remove_container(&old.id).await?;
            }
            self.ensure_volumes(planned, plan, &volumes).await?;
            self.ensure_network(planned).await?;
            self.checkpoint()?;
            let id = self.create(planned, plan).await?;
            self.start_checked(&id, &title).await?;
            id
        };
        let mut failed_hooks = Vec::new();
        if stopped.is_none() && !plan.hooks.is_empty() {
            for hook in &plan.hooks {
                if !self
                    .hook(&planned.plan.app, &id, hook.step, &hook.script)
                    .await?
                {
                    failed_hooks.push(hook.step);
                }
            }
            self.engine
                .rename_container(&id, &plan.container.name)
                .await?;
        }
        self.emit(Event::DeployFinished {
            container: title,
            duration: began.elapsed(),
        })
        .await;
        Ok(Deployed {
            id,
            fresh: true,
            failed_hooks,
        })
    }

    async fn create(&self, planned: &Planned<'_>, plan: &ContainerPlan) -> Result<String> {
        let mut spec = plan.container.clone();
        if !plan.hooks.is_empty() {
            spec.name.push_str(STARTING);
        }
        match self.engine.create_container(&spec).await {
            Err(EngineError::ImageNotFound { .. }) => {
                self.ensure_image(planned.image, planned.pull).await?;
                Ok(self.engine.create_container(&spec).await?)
            }
            other => Ok(other?),
        }
    }

    async fn start_checked(&self, id: &str, title: &str) -> Result<()> {
        if let Err(err) = self.engine.start_container(id).await {
            // A container that never ran is of no use to anybody.
            let _ = self.engine.remove_container(id).await;
            return Err(err.into());
        }
        match self.engine.container_state(id).await? {
            Some(state) if !state.running => {
                let log = self.log_tail(id).await;
                let _ = self.engine.remove_container(id).await;
                Err(Error::ContainerEnded {
                    container: title.to_owned(),
                    exit_code: state.exit_code,
                    log,
                })
            }
            _ => Ok(()),
        }
    }

    async fn log_tail(&self, id: &str) -> String {
        use futures_util::StreamExt;
        let mut log = Vec::new();
        let mut stream = self.engine.logs(
            id,
            LogRange {
                tail: Some(10),
                ..LogRange::default()
            },
        );
        while let Some(Ok(piece)) = stream.next().await {
            log.extend_from_slice(piece.bytes());
        }
        let text = String::from_utf8_lossy(&log);
        text.lines().map(|line| format!("\n  {line}")).collect()
    }

    async fn ensure_network(&self, planned: &Planned<'_>) -> Result<()> {
        let network = &planned.plan.network;
        let there = self
            .engine
            .networks(&self.project.environment_labels(&self.environment.name))
            .await?;
        if !there.contains(&network.name) {
            self.engine
                .create_network(&network.name, &network.labels)
                .await?;
        }
        Ok(())
    }

    /// The volumes behind a container's mounts, with their directories owned by the app's user.
    async fn ensure_volumes(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        volumes: &[Volume],
    ) -> Result<()> {
        // A helper that a crash left holds the volumes, and one of a `tmp` mount could not be emptied.
        self.engine.remove_container(&helper_name(plan)).await?;
        let mut there: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
        // A `tmp` mount starts empty in every new container.
        for volatile in &plan.volatile {
            let directories = plan.directories.iter().filter(|directory| {
                directory
                    .directory_of
                    .as_ref()
                    .is_some_and(|of| of.volume == *volatile)
            });
            for name in directories
                .map(|directory| &directory.name)
                .chain([volatile])
            {
                self.engine.remove_volume(name).await?;
                there.retain(|known| known != name);
            }
        }
        let missing: Vec<_> = plan
            .directories
            .iter()
            .filter(|directory| !there.contains(&directory.name.as_str()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for volume in plan
            .storage
            .iter()
            .filter(|volume| !there.contains(&volume.name.as_str()))
        {
            self.engine.create_volume(volume).await?;
        }
        self.make_directories(planned, plan, planned.plan.build.user)
            .await?;
        for directory in missing {
            self.engine.create_volume(directory).await?;
        }
        Ok(())
    }

    /// Makes directories in volumes by way of a container that is never started.
    async fn make_directories(
        &self,
        planned: &Planned<'_>,
        plan: &ContainerPlan,
        user: User,
    ) -> Result<()> {
        let mut paths = Vec::new();
        let mut mounts = Vec::new();
        for (at, volume) in plan.storage.iter().enumerate() {
            mounts.push(VolumeMount {
                volume: volume.name.clone(),
                target: format!("/mnt/{at}"),
                read_only: false,
            });
            paths.push(at.to_string());
            for directory in plan
                .directories
                .iter()
                .filter_map(|directory| directory.directory_of.as_ref())
            {
                if directory.volume == volume.name && !directory.path.is_empty() {
                    paths.push(format!("{at}/{}", directory.path));
                }
            }
        }
        let helper = ContainerSpec {
            name: helper_name(plan),
            image: planned.plan.image.clone(),
            command: vec!["true".to_owned()],
            user: user.spec(),
            working_dir: "/".to_owned(),
            labels: self.project.new_labels(
                Some(&self.environment.name),
                Some(&planned.plan.app),
                "helper",
            ),
            volumes: mounts,
            ..ContainerSpec::default()
        };
        let id = match self.engine.create_container(&helper).await {
            Err(EngineError::ImageNotFound { .. }) => {
                self.ensure_image(planned.image, planned.pull).await?;
                self.engine.create_container(&helper).await?
            }
            other => other?,
        };
        let archive = archive::directories(paths.iter().map(String::as_str), user.uid, user.gid);
        let result = match archive {
            Ok(bytes) => self.engine.upload(&id, "/mnt", archive::whole(bytes)).await,
            Err(err) => Err(err.into()),
        };
        let removed = self.engine.remove_container(&id).await;
        result?;
        Ok(removed?)
    }

    /// Runs a hook; false when it failed, which does not undo the deploy.
    async fn hook(&self, app: &str, container: &str, step: Step, script: &str) -> Result<bool> {
        let began = Instant::now();
        self.emit(Event::StepStarted {
            app: app.to_owned(),
            step,
        })
        .await;
        let command = Command {
            container,
            title: app,
            what: step.key(),
            script,
            run: "hook",
            variables: &BTreeMap::new(),
            stop: None,
            timeout: None,
            grace: Duration::from_secs(10),
        };
        let event = |output: Output| Event::StepOutput {
            app: app.to_owned(),
            step,
            output: Text(output),
        };
        match self.execute(&command, event, |_| ()).await? {
            End::Exited(exit_code) => {
                self.emit(Event::StepFinished {
                    app: app.to_owned(),
                    step,
                    exit_code,
                    duration: began.elapsed(),
                })
                .await;
                Ok(exit_code == 0)
            }
            End::Cancelled | End::TimedOut | End::Left => Err(Error::Interrupted),
        }
    }

    /// Waits a little until an app that was just started listens, as the router on Upsun does.
    pub(super) async fn wait_until_ready(&self, container: &str, address: &str) -> Result<()> {
        let spec = crate::engine::spec::ExecSpec {
            command: [
                "/bin/dash",
                "-c",
                READY,
                "upsun-local",
                address,
                &READY_LIMIT.to_string(),
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Default::default()
        };
        tokio::select! {
            result = self.capture(container, &spec) => result.map(|_| ()),
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => Err(Error::Interrupted),
        }
    }
}

impl ContainerPlan {
    /// Whether a container is up with just this plan.
    pub fn is_current(&self, containers: &[Container]) -> bool {
        up_to_date(self, containers).is_some()
    }
}

/// The id of the container that is up with just this plan.
fn up_to_date(plan: &ContainerPlan, containers: &[Container]) -> Option<String> {
    containers
        .iter()
        .find(|found| {
            found.running
                && found.name == plan.container.name
                && found.labels.get(LABEL_DEPLOY) == Some(&plan.id)
        })
        .map(|found| found.id.clone())
}

/// The name of the container by way of which directories are made in volumes.
fn helper_name(plan: &ContainerPlan) -> String {
    format!("{}-directories", plan.container.name)
}

/// Whether a container is this app's web container or this worker, in whatever state.
fn is_of(plan: &ContainerPlan, app: &str, found: &Container) -> bool {
    found
        .labels
        .get(LABEL_APP)
        .is_some_and(|label| label == app)
        && found.labels.get(LABEL_WORKER) == plan.worker.as_ref()
        && found
            .labels
            .get(LABEL_KIND)
            .is_some_and(|kind| kind == "web" || kind == "worker")
}
