//! Edit apps while they run: bring everything up, then keep a copy of each app in step with the working tree.
//!
//! The lock of the environment is held only while containers are made or removed, so that `run` and other commands
//! can have it in between. A lock of its own keeps a second `dev` away for the whole time.

mod copy;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use self::copy::Copy;
use self::view::View;
use super::Actions;
use super::prepared::planned;
use super::up::{self, Up};
use crate::config::app::App;
use crate::engine::Engine;
use crate::event::Dev as DevEvent;
use crate::failure::{self, Failure};
use crate::lifecycle::{self, Pull, SyncState as State, SyncStore as Store, Synced};
use crate::lock::{self, Lock};
use crate::plan::router::RouterPlan;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::{Tree, TreeId};
use crate::user_variables::UserVariables;
use crate::watch::{Scope, Watch};
use crate::workspace::Workspace;

/// How often to look whether the machine slept.
const TICK: Duration = Duration::from_secs(2);

/// How much more time must have passed than the timer says, for a machine that slept.
const SLEPT: Duration = Duration::from_secs(5);

/// How soon to look again at a file that changed while it was packed, or that could not be written.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The directory and the file at the top of a repository that say how apps are built and run.
const CONFIGURATION: [&str; 2] = [".upsun", crate::project::SETTINGS_FILE];

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

/// What `dev` works with, until the configuration changes.
struct Session<'a, E> {
    actions: Actions<E>,
    request: &'a Request,
    /// The apps that are edited.
    copies: Vec<Copy>,
    /// What the configuration was made from.
    configuration: Configuration,
    view: View,
}

/// The id of the directory of the configuration, and the settings.
type Configuration = (Option<TreeId>, Option<Vec<u8>>);

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
        if !watch.is_told() {
            let message =
                "the kernel takes no more watches of directories: looking every second instead";
            let hint = "raise `fs.inotify.max_user_watches`".to_owned();
            self.events.warn(message, Some(hint)).await;
        }
        let mut session = Session {
            actions: self.again(Arc::clone(&self.workspace)),
            request,
            copies: Vec::new(),
            configuration: configuration(&root, watch.tree()),
            view: View::default(),
        };
        Box::pin(session.make_all(None)).await?;
        let ready = DevEvent::Ready {
            apps: session.names(),
            files: watch.files(),
        };
        self.events.send(ready).await;
        session.keep(&mut watch, reopen).await
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
        Store::of(&self.workspace.project, &self.workspace.environment.name).clear();
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

/// What decides how everything is planned.
fn configuration(root: &std::path::Path, tree: &Tree) -> Configuration {
    // Git may ignore the settings.
    let [directory, settings] = CONFIGURATION;
    (tree.id(directory), std::fs::read(root.join(settings)).ok())
}

impl<E: Engine> Session<'_, E> {
    fn names(&self) -> Vec<String> {
        self.copies.iter().map(|copy| copy.app.clone()).collect()
    }

    fn workspace(&self) -> &Workspace {
        &self.actions.workspace
    }

    fn store(&self) -> Store {
        let workspace = self.workspace();
        Store::of(&workspace.project, &workspace.environment.name)
    }

    /// Brings everything up as it is deployed, and starts the edited apps beside that: all, or only some of them.
    async fn make_all(&mut self, only: Option<&[String]>) -> Result<(), Failure> {
        let request = up::Request {
            apps: only.map_or_else(|| self.request.apps.clone(), <[String]>::to_vec),
            pull: self.request.pull,
            rebuild: false,
            opens_tunnels: false,
            jobs: self.request.jobs,
            crons: false,
        };
        let up = Up::prepare(self.workspace(), request)?;
        self.actions.up(&up, || {}).await?;
        let result = self.make_copies(&up).await;
        result.map_err(|err| Failure::of(err, &self.actions.shutdown))
    }

    async fn make_copies(&mut self, up: &Up) -> lifecycle::Result<()> {
        let workspace = Arc::clone(&self.actions.workspace);
        let sandbox = workspace.sandbox(
            self.actions.engine.as_ref(),
            &self.actions.events,
            &self.actions.shutdown,
        );
        let lock: Lock = sandbox.lock("dev").await?;
        let mut made: Vec<Synced> = Vec::new();
        for (plan, image) in up.wanted_plans() {
            let Some(app) = workspace.config.apps.get(&plan.app) else {
                continue;
            };
            let Some(edited) = edited(&workspace, app, up.tree()) else {
                continue;
            };
            let planned = planned(plan, image, up.tree(), self.request.pull, false);
            let token = lock::new_token();
            made.push(sandbox.make_synced(&planned, &edited, &token).await?);
        }
        let mut old = Vec::new();
        for synced in made {
            let copy = Copy::new(synced, Arc::clone(up.tree()));
            match self.copies.iter_mut().find(|old| old.app == copy.app) {
                Some(place) => old.push(std::mem::replace(place, copy)),
                None => self.copies.push(copy),
            }
        }
        let router = match self.router() {
            Some(router) => Some(sandbox.lead_to_synced(&router).await?),
            None => None,
        };
        for old in old {
            sandbox.remove_synced(&old.synced).await?;
        }
        lock.release();
        let containers = sandbox.containers().await?;
        self.view
            .follow(sandbox.engine, &containers, &self.copies, router.as_deref());
        Ok(())
    }

    /// The router that leads to the edited apps.
    fn router(&self) -> Option<RouterPlan> {
        let edited: BTreeMap<String, String> = self
            .copies
            .iter()
            .filter_map(|copy| {
                let container = copy.synced.plan.container()?;
                Some((copy.app.clone(), container.container.name.clone()))
            })
            .collect();
        // A configuration whose routes cannot be planned has been refused before.
        let router = self.workspace().router_to(&edited).ok().flatten();
        router.map(|router| router.plan)
    }

    /// Writes what is edited into the apps until the user stops.
    async fn keep(&mut self, watch: &mut Watch, reopen: Reopen<'_>) -> Result<u8, Failure> {
        let shutdown = self.actions.shutdown.clone();
        let mut again = self.follow_tree(watch, reopen).await?;
        let (mut ticked, mut clock) = (Instant::now(), SystemTime::now());
        loop {
            let retry = async {
                match again {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.reached(Urgency::Cancel) => {
                    return Ok(shutdown.exit_code().unwrap_or(130));
                }
                changed = watch.changed() => {
                    match changed {
                        Ok(()) => again = self.follow_tree(watch, reopen).await?,
                        Err(err) => {
                            let hint = "checking again every second".to_owned();
                            self.actions.events.warn(err.to_string(), Some(hint)).await;
                        }
                    }
                }
                () = retry => {
                    watch.look_again()?;
                    again = self.follow_tree(watch, reopen).await?;
                }
                said = self.view.next() => match said {
                    view::Said::Event(event) => {
                        self.actions.events.send(event).await;
                    }
                    view::Said::Ended(container) => self.has_ended(&container).await?,
                },
                () = tokio::time::sleep_until(ticked + TICK) => {
                    let (expected, real) = (ticked.elapsed(), clock.elapsed().unwrap_or_default());
                    (ticked, clock) = (Instant::now(), SystemTime::now());
                    if real > expected + SLEPT && watch.look_again()? {
                        again = self.follow_tree(watch, reopen).await?;
                    }
                }
            }
        }
    }

    /// Brings all edited apps to the state of the working tree. Returns how soon that has to be done again, because
    /// something could not be written.
    async fn follow_tree(
        &mut self,
        watch: &mut Watch,
        reopen: Reopen<'_>,
    ) -> Result<Option<Duration>, Failure> {
        loop {
            let tree = Arc::clone(watch.tree());
            let root = self.workspace().project.root.clone();
            let now = configuration(&root, &tree);
            let mut rebuilt: BTreeMap<String, String> = BTreeMap::new();
            if now != self.configuration {
                let directory = CONFIGURATION[usize::from(now.0 == self.configuration.0)];
                self.configuration = now;
                match reopen() {
                    Ok(workspace) => {
                        self.actions = self.actions.again(workspace);
                        rebuilt = self
                            .names()
                            .into_iter()
                            .map(|app| (app, directory.to_owned()))
                            .collect();
                    }
                    Err(failure) => self.tell(&failure).await,
                }
            }
            for copy in &self.copies {
                if let Some(path) = self.rebuilds(copy, &tree) {
                    rebuilt.entry(copy.app.clone()).or_insert(path);
                }
            }
            if !rebuilt.is_empty() && self.rebuild(rebuilt, &tree).await? {
                // Files may have been edited while the apps were built.
                watch.look_again()?;
                continue;
            }
            return self.write_all(&tree).await;
        }
    }

    /// The file because of which an app is to be built anew: one of `dev.rebuild`, or any after a build that failed.
    fn rebuilds(&self, copy: &Copy, tree: &Tree) -> Option<String> {
        let dev = &self.workspace().settings.dev;
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        if let Some(changes) = copy.changes_since_failure(tree) {
            return changes.paths().next().map(text);
        }
        let changes = copy.changes(tree);
        let mut paths = changes.paths().map(text);
        paths.find(|path| dev.rebuilds(&copy.app, path))
    }

    /// Builds apps anew and switches to the new builds. Returns false if that failed: then the apps go on as they are.
    async fn rebuild(
        &mut self,
        apps: BTreeMap<String, String>,
        tree: &Arc<Tree>,
    ) -> Result<bool, Failure> {
        let began = Instant::now();
        let mut names = Vec::new();
        for (app, path) in apps {
            self.store().write(&app, &State::Building);
            names.push(app.clone());
            self.actions
                .events
                .send(DevEvent::Rebuilding { app, path })
                .await;
        }
        match Box::pin(self.make_all(Some(&names))).await {
            Ok(()) => {}
            Err(failure) if self.actions.shutdown.urgency() > Urgency::None => return Err(failure),
            Err(failure) => {
                self.tell(&failure).await;
                for copy in &mut self.copies {
                    if names.contains(&copy.app) {
                        copy.has_failed(tree);
                    }
                }
                return Ok(false);
            }
        }
        for app in names {
            let duration = began.elapsed();
            let event = DevEvent::Switched { app, duration };
            self.actions.events.send(event).await;
        }
        Ok(true)
    }

    /// Writes what was edited into all apps.
    async fn write_all(&mut self, tree: &Arc<Tree>) -> Result<Option<Duration>, Failure> {
        let mut again = None;
        let workspace = Arc::clone(&self.actions.workspace);
        let store = self.store();
        let sandbox = workspace.sandbox(
            self.actions.engine.as_ref(),
            &self.actions.events,
            &self.actions.shutdown,
        );
        for copy in &mut self.copies {
            let began = Instant::now();
            let changes = copy.changes(tree);
            let paths: Vec<String> = changes
                .paths()
                .map(|path| String::from_utf8_lossy(path).into_owned())
                .collect();
            let written = copy.write(&sandbox, &changes, tree).await;
            let app = copy.app.clone();
            match written {
                Ok(()) if copy.is_in_step() => store.write(&app, &State::of(tree, &copy.root)),
                Ok(()) => again = Some(AGAIN),
                Err(message) => {
                    store.write(&app, &State::Failed(message.clone()));
                    let event = DevEvent::Failed { app, message };
                    self.actions.events.send(event).await;
                    again = Some(AGAIN_AFTER_FAILURE);
                    continue;
                }
            }
            let Some(first) = paths.first() else {
                continue;
            };
            let event = DevEvent::Synced {
                app: app.clone(),
                files: changes.written.len(),
                deleted: changes.deleted,
                path: first.clone(),
                duration: began.elapsed(),
            };
            self.actions.events.send(event).await;
            let dev = &workspace.settings.dev;
            let mut paths = paths.into_iter();
            if let Some(path) = paths.find(|path| dev.restarts(&app, path))
                && sandbox.restart_web(&copy.synced).await.unwrap_or(false)
            {
                let event = DevEvent::Restarted { app, path };
                self.actions.events.send(event).await;
            }
        }
        Ok(again)
    }

    async fn tell(&mut self, failure: &Failure) {
        let secrets = self.workspace().secrets();
        let text = failure.text(crate::reporter::style::Style::default(), Some(&secrets));
        let text = text.trim().trim_start_matches("error: ").to_owned();
        let hint = "the apps go on as they are; the next change tries again".to_owned();
        self.actions.events.warn(text, Some(hint)).await;
    }

    /// Starts a container again that has ended, or ends `dev` if something removed it.
    async fn has_ended(&mut self, container: &str) -> Result<(), Failure> {
        let Some(at) = self
            .copies
            .iter()
            .position(|copy| copy.synced.container == container)
        else {
            return Ok(());
        };
        let app = self.copies[at].app.clone();
        let workspace = Arc::clone(&self.actions.workspace);
        let engine = Arc::clone(&self.actions.engine);
        let state = engine.container_state(container).await?;
        if state.is_none() {
            return Err(Failure::new(
                failure::CANNOT_MAKE,
                format!("something removed the container of `{app}` while it was edited"),
            )
            .hint("`upsun-local down`, for example; `upsun-local dev` starts again"));
        }
        let message = format!("the container of `{app}` has ended, and is started again");
        self.actions.events.warn(message, None).await;
        let sandbox = workspace.sandbox(
            engine.as_ref(),
            &self.actions.events,
            &self.actions.shutdown,
        );
        let result = async {
            let lock = sandbox.lock("dev").await?;
            let copy = &mut self.copies[at];
            sandbox.start_synced(&copy.synced).await?;
            lock.release();
            let containers = sandbox.containers().await?;
            Ok(containers)
        };
        let containers = result
            .await
            .map_err(|err| Failure::of(err, &self.actions.shutdown))?;
        self.view
            .follow(sandbox.engine, &containers, &self.copies, None);
        Ok(())
    }
}

/// The plan of an app with the command that runs while it is edited.
fn edited(workspace: &Workspace, app: &App, tree: &Tree) -> Option<crate::plan::AppPlan> {
    let mut app = app.clone();
    if let Some(command) = workspace.settings.dev.command_of(&app.name) {
        app.web.commands.start = Some(command.to_owned());
    }
    let none = UserVariables::new();
    workspace.plan(&app, tree, &none).ok().map(|(plan, _)| plan)
}
