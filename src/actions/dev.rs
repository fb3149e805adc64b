//! Edit apps while they run: bring everything up, then keep a copy of each app in step with the working tree.
//!
//! The lock of the environment is held only while containers are made or removed, so that `run` and other commands
//! can have it in between. A lock of its own keeps a second `dev` away for the whole time.

mod copy;
mod follow;
mod make;
mod view;

use std::sync::Arc;

use self::follow::Session;
use super::Actions;
use crate::engine::Engine;
use crate::event::Dev as DevEvent;
use crate::failure::{self, Failure};
use crate::lifecycle::{self, Pull, SyncStore};
use crate::lock;
use crate::shutdown::{Shutdown, Urgency};
use crate::suggestion::quoted_list;
use crate::watch::{Scope, Watch};
use crate::workspace::Workspace;

/// What to edit.
#[derive(Debug, Clone)]
pub struct Request {
    /// The apps; all apps if empty.
    pub apps: Vec<String>,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// How many apps may be built, and then started, at once.
    pub jobs: usize,
}

/// Opens the repository again, after a change of its configuration.
pub type Reopen<'a> = &'a (dyn Fn() -> Result<Arc<Workspace>, Failure> + Send + Sync);

impl<E: Engine> Actions<E> {
    /// Brings everything up and keeps the apps in step with the working tree until the user stops. `reopen` opens the
    /// repository again. Returns the exit code.
    pub async fn dev(&self, request: &Request, reopen: Reopen<'_>) -> Result<u8, Failure> {
        let right = self
            .sandbox()
            .lock_dev()
            .map_err(|err| is_second(err, &self.shutdown))?;
        let result = Box::pin(self.dev_with_right(request, reopen)).await;
        let has_left = Box::pin(self.leave_edited(request)).await;
        match (&result, has_left) {
            // What is left is for the next command, which finds the lock marked.
            (_, Err(None)) => {}
            (Ok(_), Err(Some(failure))) => return Err(failure),
            _ => right.release(),
        }
        result
    }

    async fn dev_with_right(&self, request: &Request, reopen: Reopen<'_>) -> Result<u8, Failure> {
        let root = self.workspace.project.root.clone();
        let at = root.clone();
        // Events from now on are kept, so that nothing is missed while everything is brought up.
        let mut watch = Watch::start(
            &root,
            &self.workspace.project.state_dir,
            Box::new(move |settings, tree| Scope::Everything.fingerprint(&at, settings, tree)),
        )?;
        if let Some((warning, hint)) = watch.warning() {
            self.events.warn(warning, Some(hint.to_owned())).await;
        }
        let mut session = Session::new(self.again(Arc::clone(&self.workspace)), request, &watch);
        Box::pin(session.begin()).await?;
        self.tell_workers(&session.names()).await;
        let ready = DevEvent::Ready {
            apps: session.names(),
            files: watch.files(),
        };
        self.events.send(ready).await;
        session.keep(&mut watch, reopen).await
    }

    /// Says that the workers of these apps do not run what is edited.
    async fn tell_workers(&self, apps: &[String]) {
        let apps = apps
            .iter()
            .filter_map(|app| self.workspace.config.apps.get(app));
        let with_workers = apps.filter(|app| !app.workers.is_empty());
        let names: Vec<&str> = with_workers.map(|app| app.name.as_str()).collect();
        if !names.is_empty() {
            let names = quoted_list(names);
            let message = format!(
                "the workers of {names} run as deployed: what is edited does not reach them"
            );
            let hint = "`upsun-local up` in another terminal deploys them with what is saved";
            self.events.warn(message, Some(hint.to_owned())).await;
        }
    }

    /// These actions with a workspace that was opened again. What they do is recorded as activities of their own.
    fn again(&self, workspace: Arc<Workspace>) -> Actions<E> {
        Actions {
            workspace,
            engine: Arc::clone(&self.engine),
            events: self.events.clone(),
            recording: self.recording.clone(),
            shutdown: self.shutdown.clone(),
            is_quiet: self.is_quiet,
        }
    }

    /// Removes what `dev` made, and lets the routes lead to the deployed apps. Without an inner failure, the user did
    /// not want to wait for that.
    async fn leave_edited(&self, request: &Request) -> Result<(), Option<Failure>> {
        SyncStore::of(&self.workspace.project, &self.workspace.environment.name).clear();
        // The wish to stop has been heard; only a further one makes this hurry.
        let shutdown = Shutdown::new();
        let sandbox = self
            .workspace
            .sandbox(self.engine.as_ref(), &self.events, &shutdown);
        let act = async {
            let lock = sandbox.lock("dev (leaving)").await?;
            let had_any = sandbox.leave_dev().await?;
            let router = self.workspace.router().ok().flatten();
            if let Some(router) = router.filter(|_| had_any) {
                let containers = sandbox.containers().await?;
                sandbox
                    .ensure_router(&router.plan, &router.services, &containers, request.pull)
                    .await?;
            }
            lock.release();
            Ok(had_any)
        };
        tokio::select! {
            left = act => match left {
                Ok(true) => {
                    self.events.send(DevEvent::Finished {}).await;
                    Ok(())
                }
                Ok(false) => Ok(()),
                Err(err) => Err(Some(Failure::of(err, &shutdown))),
            },
            () = self.shutdown.reached(Urgency::Kill) => Err(None),
        }
    }
}

/// The failure of a `dev` that is not alone.
fn is_second(err: lifecycle::Error, shutdown: &Shutdown) -> Failure {
    match err {
        lifecycle::Error::Lock(lock::Error::Busy { holder }) => Failure::new(
            failure::BUSY,
            format!("`dev` runs in this environment already: {holder}"),
        )
        .hint("`--environment` names another environment, with containers of its own"),
        err => Failure::of(err, shutdown),
    }
}
