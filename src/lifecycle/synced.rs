//! Apps as they are edited, while `dev` runs: a writable copy of an app's build, a container that runs on it, and a
//! helper that writes into it what was edited. The deployed containers stay as they are. Everything here carries a
//! kind of its own ([`Kind::is_of_dev`]) and goes when `dev` ends; if `dev` was killed, with the next command.

mod session;
mod state;

use std::time::Duration;

pub use self::session::{Frame, Session};
pub use self::state::{SyncState, SyncStore};
use super::copy_on_write::{is_overlay, not_copied, same_root, writable_copy};
use super::hold::Hold;
use super::{Deployed, Error, Planned, Result, Sandbox};
use crate::engine::spec::{Container, ExecSpec, VolumeSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::labels::{Kind, LABEL_APP};
use crate::lock::{self, Lock};
use crate::plan::AppPlan;
use crate::plan::router::RouterPlan;
use crate::plan::synced::{self, FROM, SyncedPlan};

pub(super) const SYNC: &str = include_str!("scripts/sync.sh");

/// How long nginx may take over its new configuration.
const RELOAD: Duration = Duration::from_secs(10);

/// The objects of an app that is edited.
#[derive(Debug, Clone)]
pub struct Synced {
    pub plan: SyncedPlan,
    /// The id of the container in which the app runs.
    pub container: String,
    /// The id of the container that writes the files.
    pub helper: String,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Locks the right to run `dev` in this environment, or fails immediately with the description of the holder.
    pub(crate) fn lock_dev(&self) -> Result<Lock> {
        Ok(Lock::try_take(&self.dev_lock_path(), "dev")?)
    }

    /// Whether `dev` runs in this environment.
    pub fn is_dev_running(&self) -> bool {
        Lock::is_taken(&self.dev_lock_path())
    }

    fn dev_lock_path(&self) -> std::path::PathBuf {
        let name = crate::project::hash(self.environment.name.as_bytes());
        let path = format!("dev-{}.lock", &name[..12]);
        self.project.state_dir.join(path)
    }

    /// Removes what a killed `dev` left, and lets the routes lead to the deployed apps again. The caller must hold the
    /// lock of the environment.
    pub(super) async fn end_old_dev(&self) -> Result<()> {
        // In almost all cases this is the only step: `dev` empties the file at its end.
        let path = self.dev_lock_path();
        if !std::fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
            return Ok(());
        }
        let lock = match Lock::try_take(&path, "dev") {
            Ok(lock) => lock,
            Err(lock::Error::Busy { .. }) => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        SyncStore::of(self.project, &self.environment.name).clear();
        if self.leave_dev().await? {
            let message = "`dev` was cut off: what it left is removed";
            self.events.warn(message, None).await;
        }
        lock.release();
        Ok(())
    }

    /// Removes all objects of `dev` in this environment, and starts the router of the deployed apps again. Returns
    /// whether there was anything.
    pub(crate) async fn leave_dev(&self) -> Result<bool> {
        let containers = self.containers().await?;
        let found = self.remove_of_dev(&containers, &|_| true).await?;
        let router = containers
            .iter()
            .find(|found| Kind::of(&found.labels) == Some(Kind::Router) && !found.running);
        if let Some(router) = router.filter(|_| found) {
            self.engine.start_container(&router.id).await?;
        }
        Ok(found)
    }

    /// Removes objects of `dev`: those containers and volumes whose names `is_unwanted` accepts. `containers` are the
    /// containers of the environment.
    async fn remove_of_dev(
        &self,
        containers: &[Container],
        is_unwanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<bool> {
        let mut old: Vec<&Container> = containers
            .iter()
            .filter(|found| Kind::of(&found.labels).is_some_and(Kind::is_of_dev))
            .filter(|found| is_unwanted(&found.name))
            .collect();
        // A front shares the network of the app's container, which some engines remove only after the front.
        old.sort_by_key(|found| Kind::of(&found.labels) != Some(Kind::SyncedFront));
        for container in &old {
            self.engine.remove_container(&container.id).await?;
        }
        let mut labels = self.project.environment_labels(&self.environment.name);
        labels.extend([Kind::Synced.label()]);
        let volumes = self.engine.volumes(&labels).await?;
        let volumes: Vec<_> = volumes
            .iter()
            .filter(|volume| is_unwanted(&volume.name))
            .collect();
        let is_any = !old.is_empty() || !volumes.is_empty();
        let (showing, volumes): (Vec<_>, Vec<_>) = volumes
            .into_iter()
            .partition(|volume| is_overlay(&volume.name));
        for volume in showing {
            self.engine.remove_volume(&volume.name).await?;
        }
        let volumes = self.not_swept(volumes).await.into_iter();
        self.discard(None, volumes.map(|volume| volume.name.clone()).collect())
            .await;
        Ok(is_any)
    }

    /// Removes the objects of an edited app, which others have taken the place of.
    pub(crate) async fn remove_synced(&self, synced: &Synced) -> Result<()> {
        let containers = self.containers().await?;
        let plan = &synced.plan;
        let mut names = vec![plan.helper.name.as_str()];
        names.extend(plan.volumes.iter().map(|volume| volume.name.as_str()));
        if let Some(container) = plan.container() {
            names.push(&container.container.name);
            names.extend(container.socket.as_ref().map(|socket| socket.name.as_str()));
        }
        let front = plan.app.front.as_ref();
        names.extend(front.map(|front| front.proxy.container.name.as_str()));
        self.remove_of_dev(&containers, &|name| names.contains(&name))
            .await?;
        Ok(())
    }

    /// Makes a writable copy of a build that is there, and starts the app on it. `planned` is the plan of the deployed
    /// app, `edited` that of the app with the command that runs while it is edited.
    pub(crate) async fn make_synced(
        &self,
        planned: &Planned<'_>,
        edited: &AppPlan,
        token: &str,
    ) -> Result<Synced> {
        let title = &edited.app;
        let (plan, helper) = self.copied(edited, token).await?;
        self.checkpoint()?;
        let Some(web) = plan.container() else {
            return Err(without_container(title));
        };
        if let Some(socket) = &web.socket {
            self.engine.create_volume(socket).await?;
        }
        let container = self.create_anew(&web.container).await?;
        self.start_checked(&container, title).await?;
        if let Some(address) = &plan.listens_at {
            self.wait_until_listening(&container, title, address)
                .await?;
        }
        if plan.app.front.is_some() {
            self.ensure_front(&plan.app, &container, &[], true, planned.pull)
                .await?;
        }
        Ok(Synced {
            plan,
            container,
            helper,
        })
    }

    /// Makes the copy and starts its helper: a layer above the build where the engine can have that, else a copy of
    /// every file.
    async fn copied(&self, edited: &AppPlan, token: &str) -> Result<(SyncedPlan, String)> {
        let environment = &self.environment.name;
        let name = synced::name(self.project, environment, &edited.app, token);
        let labels = synced::volume_labels(self.project, environment, &edited.app);
        let plan_with = |volumes| {
            let plan = synced::plan(self.project, environment, edited, token, volumes);
            plan.ok_or_else(|| without_container(&edited.app))
        };
        let layered = plan_with(writable_copy(&name, &labels, &edited.build.volume.name).into())?;
        match self.fill_copy(&layered, &same_root(FROM, "/app")).await {
            Ok(helper) => return Ok((layered, helper)),
            Err(Error::Engine(because @ EngineError::Other(_))) => {
                tracing::debug!(%because, "the app is copied: the engine cannot lay volumes over each other");
                self.remove_named(&layered.helper.name).await?;
            }
            Err(err) => return Err(err),
        }
        let whole = plan_with(vec![VolumeSpec {
            name,
            labels,
            directory_of: None,
            memory: None,
            layers: None,
        }])?;
        let script = format!("cp -a --reflink=auto {FROM}/. /app/");
        let helper = self.fill_copy(&whole, &script).await?;
        Ok((whole, helper))
    }

    /// Makes the volumes of a copy and runs a script in its helper.
    async fn fill_copy(&self, plan: &SyncedPlan, script: &str) -> Result<String> {
        let title = &plan.app.app;
        for volume in &plan.volumes {
            self.engine.create_volume(volume).await?;
        }
        let helper = self.create_anew(&plan.helper).await?;
        self.engine.start_container(&helper).await?;
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", script].map(str::to_owned).to_vec(),
            ..ExecSpec::default()
        };
        let (code, _, errors) = self.capture(&helper, &spec).await?;
        if code == 0 {
            return Ok(helper);
        }
        Err(not_copied(&format!("`{title}` cannot be copied"), &errors).into())
    }

    /// Starts the container of an edited app again, with its front, which has lost the network that it shared. Requests
    /// wait for it.
    pub(crate) async fn start_synced(&self, synced: &Synced) -> Result<()> {
        let hold = self.hold_synced(synced).await?;
        let started = self.start_ended(synced).await;
        self.release_synced(hold, synced).await;
        started
    }

    async fn start_ended(&self, synced: &Synced) -> Result<()> {
        let plan = &synced.plan.app;
        let containers = self.containers().await?;
        self.start_checked(&synced.container, &plan.app).await?;
        let pull = super::Pull::Missing;
        self.ensure_front(plan, &synced.container, &containers, true, pull)
            .await
    }

    /// The container of an app as it is edited, which is up.
    pub(super) fn deployed_as_edited(
        &self,
        planned: &Planned<'_>,
        containers: &[Container],
    ) -> Result<Deployed> {
        let app = &planned.plan.app;
        let found = synced_of(app, containers).ok_or_else(|| Error::NotEdited {
            container: app.clone(),
        })?;
        Ok(Deployed {
            id: found.id.clone(),
            fresh: false,
            failed_hooks: Vec::new(),
            silence: None,
        })
    }

    /// Starts to write what is edited. A helper that was killed is started again.
    pub(crate) async fn begin_session(&self, synced: &Synced) -> Result<Session> {
        let state = self.engine.container_state(&synced.helper).await?;
        if state.is_some_and(|state| !state.running) {
            self.engine.start_container(&synced.helper).await?;
        }
        let user = synced.plan.app.build.user;
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", SYNC].map(str::to_owned).to_vec(),
            user: Some(user.spec()),
            stdin: true,
            ..ExecSpec::default()
        };
        Ok(Session::new(self.engine.exec(&synced.helper, &spec).await?))
    }

    /// Lets requests to an edited app wait from now on, if the app gets any.
    pub(crate) async fn hold_synced(&self, synced: &Synced) -> Result<Option<Hold>> {
        if synced.plan.listens_at.is_none() {
            return Ok(None);
        }
        let containers = self.containers().await?;
        Ok(self.hold_requests(&synced.plan.app.app, &containers).await)
    }

    /// Lets requests go to an edited app again once it listens. Does not wait for that.
    pub(crate) async fn release_synced(&self, hold: Option<Hold>, synced: &Synced) {
        if let (Some(hold), Some(address)) = (hold, &synced.plan.listens_at) {
            self.release_when_listening(hold, &synced.container, address)
                .await;
        }
    }

    /// Ends the app's process, so that it is started again with what was edited; requests wait for it. Returns false if
    /// there was none.
    pub(crate) async fn restart_web(&self, synced: &Synced) -> Result<bool> {
        let hold = self.hold_synced(synced).await?;
        let restarted = self.end_process(synced).await;
        self.release_synced(hold, synced).await;
        restarted
    }

    async fn end_process(&self, synced: &Synced) -> Result<bool> {
        const RESTART: &str = include_str!("scripts/restart.sh");
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", RESTART].map(str::to_owned).to_vec(),
            ..ExecSpec::default()
        };
        let (code, ..) = self.capture(&synced.container, &spec).await?;
        Ok(code == 0)
    }

    /// Lets the routes lead to the edited apps: stops the router of the deployed apps, and starts another one at its
    /// port. A router that is there already takes over the new configuration, and no request is lost: those that are under
    /// way are answered first.
    pub(crate) async fn lead_to_synced(&self, plan: &RouterPlan) -> Result<String> {
        let containers = self.containers().await?;
        let of = |kind: Kind| {
            let mut found = containers.iter();
            found.find(move |found| Kind::of(&found.labels) == Some(kind) && found.running)
        };
        if let Some(own) = of(Kind::SyncedRouter) {
            if own.name == plan.proxy.container.name && self.reload(plan, &own.id).await.is_ok() {
                return Ok(own.id.clone());
            }
            self.engine.remove_container(&own.id).await?;
        }
        if let Some(router) = of(Kind::Router) {
            self.engine.stop_container(&router.id).await?;
        }
        let pull = super::Pull::Missing;
        let id = self.start_router(plan, &containers, true, pull).await?;
        Ok(id.unwrap_or_default())
    }

    async fn reload(&self, plan: &RouterPlan, id: &str) -> Result<()> {
        self.put_files(&plan.proxy, id).await?;
        let mut command = plan.proxy.container.command.clone();
        // The configuration is where the start of the router says; the last word starts it.
        if let Some(last) = command.last_mut() {
            crate::plan::router::RELOAD.clone_into(last);
        }
        let spec = ExecSpec {
            command,
            ..ExecSpec::default()
        };
        let reloaded = tokio::time::timeout(RELOAD, self.capture(id, &spec)).await;
        match reloaded {
            Ok(Ok((0, ..))) => Ok(()),
            Ok(Ok((_, _, errors))) => Err(EngineError::Other(errors).into()),
            Ok(Err(err)) => Err(err),
            Err(_) => Err(EngineError::Other("the router does not answer".to_owned()).into()),
        }
    }
}

fn without_container(app: &str) -> Error {
    let message = format!("`{app}` has no container that could be edited");
    EngineError::Other(message).into()
}

/// The running container of an app as it is edited. `containers` are the containers of the environment.
pub(crate) fn synced_of<'c>(app: &str, containers: &'c [Container]) -> Option<&'c Container> {
    containers.iter().find(|found| {
        found.running
            && Kind::of(&found.labels) == Some(Kind::Synced)
            && found.labels.get(LABEL_APP).is_some_and(|name| name == app)
    })
}
