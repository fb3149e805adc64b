//! Keeps the copies of the apps in step with the working tree.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::copy::Copy;
use super::make::{Containers, containers_of, make};
use super::view::{Said, View};
use super::{Actions, Reopen, Request};
use crate::bounded::{self, MEBIBYTE};
use crate::engine::Engine;
use crate::event::Dev as DevEvent;
use crate::failure::{self, Failure};
use crate::lifecycle::{SyncState, SyncStore};
use crate::relationships;
use crate::shutdown::Urgency;
use crate::source::{Tree, TreeId};
use crate::watch::Watch;
use crate::workspace::Workspace;

/// How often to look whether the machine slept.
const TICK: Duration = Duration::from_secs(2);

/// How much more time must have passed than the timer says, for a machine that slept.
const SLEPT: Duration = Duration::from_secs(5);

/// How soon to look again at a file that changed while it was packed, and at one that could not be written.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The directory and the file at the top of a repository that say how apps are built and run.
const CONFIGURATION: [&str; 2] = [".upsun", crate::project::SETTINGS_FILE];

/// The id of the directory of the configuration, the settings, and the file of variables.
type Configuration = (Option<TreeId>, Option<Vec<u8>>, Option<Vec<u8>>);

/// What `dev` works with.
pub(super) struct Session<'a, E> {
    /// Those of the configuration as it is now.
    pub(super) actions: Actions<E>,
    pub(super) request: &'a Request,
    /// The apps that are edited.
    pub(super) copies: Vec<Copy>,
    /// What the actions were made from.
    configuration: Configuration,
    pub(super) view: View,
    /// Containers that ended while something else was done.
    ended: VecDeque<String>,
}

impl<'a, E: Engine> Session<'a, E> {
    pub(super) fn new(actions: Actions<E>, request: &'a Request, watch: &Watch) -> Self {
        let configuration = configuration(&actions.workspace, watch.tree());
        Session {
            actions,
            request,
            copies: Vec::new(),
            configuration,
            view: View::default(),
            ended: VecDeque::new(),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.copies.iter().map(|copy| copy.app.clone()).collect()
    }

    /// Brings everything up for the first time.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        let sandbox = self.actions.sandbox();
        let left = async {
            let lock = sandbox.lock("dev").await?;
            // A file that says that an earlier one was killed may have been deleted.
            sandbox.leave_dev().await?;
            lock.release();
            Ok(())
        };
        left.await
            .map_err(|err| Failure::of(err, &self.actions.shutdown))?;
        let made = make(&self.actions, self.request, &Containers::new(), None).await?;
        let switched = self.switch(made).await;
        switched.map_err(|err| Failure::of(err, &self.actions.shutdown))
    }

    /// Writes what is edited into the apps until the user stops.
    pub(super) async fn keep(
        &mut self,
        watch: &mut Watch,
        reopen: Reopen<'_>,
    ) -> Result<u8, Failure> {
        let shutdown = self.actions.shutdown.clone();
        let moment = |pause: Option<Duration>| pause.map(|pause| Instant::now() + pause);
        let mut again = moment(self.follow_tree(watch, reopen).await?);
        let (mut ticked, mut clock) = (Instant::now(), SystemTime::now());
        loop {
            while let Some(container) = self.ended.pop_front() {
                self.has_ended(&container).await?;
            }
            // Requests and output may come more often than this pause is long.
            let retry = async {
                match again {
                    Some(moment) => tokio::time::sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.reached(Urgency::Cancel) => {
                    return Ok(shutdown.exit_code().unwrap_or(130));
                }
                changed = watch.changed() => match changed {
                    Ok(()) => again = moment(self.follow_tree(watch, reopen).await?),
                    Err(err) => {
                        let hint = "checking again every second".to_owned();
                        self.actions.events.warn(err.to_string(), Some(hint)).await;
                    }
                },
                () = retry => {
                    watch.look_again()?;
                    again = moment(self.follow_tree(watch, reopen).await?);
                }
                said = self.view.next() => match said {
                    Said::Event(event) => {
                        self.actions.events.send(event).await;
                    }
                    Said::Ended(container) => self.ended.push_back(container),
                },
                () = tokio::time::sleep_until(ticked + TICK) => {
                    let (expected, real) = (ticked.elapsed(), clock.elapsed().unwrap_or_default());
                    (ticked, clock) = (Instant::now(), SystemTime::now());
                    if real > expected + SLEPT && watch.look_again()? {
                        again = moment(self.follow_tree(watch, reopen).await?);
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
            let mut stale = self.configured_anew(&tree, reopen).await;
            for copy in &self.copies {
                if let Some(path) = self.rebuilds(copy, &tree) {
                    stale.entry(copy.app.clone()).or_insert(path);
                }
            }
            self.add_dependents(&mut stale);
            if stale.is_empty() || !self.rebuild(stale, &tree, watch).await? {
                return Ok(write_all(&self.actions, &mut self.copies, &tree, &[]).await);
            }
            // Files may have been edited while the apps were built.
            watch.look_again()?;
        }
    }

    /// Takes over a configuration that has changed. Returns all apps, each with the path that changed.
    async fn configured_anew(
        &mut self,
        tree: &Tree,
        reopen: Reopen<'_>,
    ) -> BTreeMap<String, String> {
        let now = configuration(&self.actions.workspace, tree);
        if now == self.configuration {
            return BTreeMap::new();
        }
        let [directory, settings] = CONFIGURATION;
        let env_file = self.actions.workspace.settings.env_file.as_ref();
        let env_file = env_file.map_or_else(String::new, |path| path.display().to_string());
        let path = if now.0 != self.configuration.0 {
            directory
        } else if now.1 != self.configuration.1 {
            settings
        } else {
            &env_file
        };
        self.configuration = now;
        match reopen() {
            Ok(workspace) => {
                self.actions = self.actions.again(workspace);
                // The settings may name another file of variables.
                self.configuration = configuration(&self.actions.workspace, tree);
                let names = self.names().into_iter();
                names.map(|app| (app, path.to_owned())).collect()
            }
            Err(failure) => {
                tell(&self.actions, &failure).await;
                BTreeMap::new()
            }
        }
    }

    /// The file because of which an app is to be built anew: one of `dev.rebuild`, or any after a build that failed.
    fn rebuilds(&self, copy: &Copy, tree: &Tree) -> Option<String> {
        let dev = &self.actions.workspace.settings.dev;
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        if let Some(changes) = copy.changes_since_failure(tree) {
            return changes.paths().next().map(text);
        }
        let changes = copy.changes(tree);
        let mut paths = changes.paths().map(text);
        paths.find(|path| dev.rebuilds(&copy.app, path))
    }

    /// Adds the edited apps that reach one that is made anew: they find it by the name of its container, which changes.
    fn add_dependents(&self, stale: &mut BTreeMap<String, String>) {
        let config = &self.actions.workspace.config;
        for copy in &self.copies {
            let app = config.apps.get(&copy.app);
            let reached = app.map(|app| relationships::in_order(&[app], config));
            let mut reached = reached.into_iter().flatten();
            if let Some(path) = reached.find_map(|app| stale.get(&app.name).cloned()) {
                stale.entry(copy.app.clone()).or_insert(path);
            }
        }
    }

    /// Builds apps anew and switches to the new builds. What is edited meanwhile is written into those that run.
    /// Returns false if that failed: then the apps go on as they are.
    async fn rebuild(
        &mut self,
        apps: BTreeMap<String, String>,
        tree: &Arc<Tree>,
        watch: &mut Watch,
    ) -> Result<bool, Failure> {
        let began = Instant::now();
        let mut names = Vec::new();
        for (app, path) in apps {
            store(&self.actions).write(&app, &SyncState::Building);
            names.push(app.clone());
            let event = DevEvent::Rebuilding { app, path };
            self.actions.events.send(event).await;
        }
        let made = {
            let (actions, copies) = (&self.actions, &mut self.copies);
            let edited = containers_of(copies);
            let mut work = Box::pin(make(actions, self.request, &edited, Some(&names)));
            loop {
                tokio::select! {
                    biased;
                    made = &mut work => break made,
                    // The next look reports an error.
                    changed = watch.changed() => if changed.is_ok() {
                        let tree = Arc::clone(watch.tree());
                        let _ = write_all(actions, copies, &tree, &names).await;
                    },
                    said = self.view.next() => match said {
                        Said::Event(event) => {
                            actions.events.send(event).await;
                        }
                        Said::Ended(container) => self.ended.push_back(container),
                    },
                }
            }
        };
        let switched = match made {
            Ok(made) => {
                let switched = self.switch(made).await;
                switched.map_err(|err| Failure::of(err, &self.actions.shutdown))
            }
            Err(failure) => Err(failure),
        };
        match switched {
            Ok(()) => {}
            Err(failure) if self.actions.shutdown.urgency() > Urgency::None => return Err(failure),
            Err(failure) => {
                tell(&self.actions, &failure).await;
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

    /// Starts a container again that has ended, or ends `dev` if something removed it.
    async fn has_ended(&mut self, container: &str) -> Result<(), Failure> {
        let found = self
            .copies
            .iter()
            .find(|copy| copy.synced.container == container)
            .map(|copy| (copy.app.clone(), copy.synced.clone()));
        let Some((app, synced)) = found else {
            return Ok(());
        };
        let sandbox = self.actions.sandbox();
        let result = async {
            if self
                .actions
                .engine
                .container_state(container)
                .await?
                .is_none()
            {
                return Ok(None);
            }
            // Whatever stopped the container may be about to remove it, as `down` does.
            let lock = sandbox.lock("dev").await?;
            match self.actions.engine.container_state(container).await? {
                None => {
                    lock.release();
                    return Ok(None);
                }
                Some(state) if state.running => {}
                Some(_) => {
                    let message =
                        format!("the container of `{app}` has ended, and is started again");
                    self.actions.events.warn(message, None).await;
                    sandbox.start_synced(&synced).await?;
                }
            }
            lock.release();
            sandbox.containers().await.map(Some)
        };
        let containers = result
            .await
            .map_err(|err| Failure::of(err, &self.actions.shutdown))?;
        let Some(containers) = containers else {
            return Err(Failure::new(
                failure::CANNOT_MAKE,
                format!("something removed the container of `{app}` while it was edited"),
            )
            .hint("`upsun-local down` does that, for example; `upsun-local dev` starts again"));
        };
        self.view
            .follow(sandbox.engine, &containers, &self.copies, None);
        Ok(())
    }
}

/// What decides how everything is planned.
fn configuration(workspace: &Workspace, tree: &Tree) -> Configuration {
    // Git may ignore the settings.
    let [directory, settings] = CONFIGURATION;
    let root = &workspace.project.root;
    let read = |path: &Path| bounded::read_named(root, path, MEBIBYTE).ok();
    let env_file = workspace.settings.env_file.as_deref();
    (
        tree.id(directory),
        read(Path::new(settings)),
        env_file.and_then(read),
    )
}

fn store<E: Engine>(actions: &Actions<E>) -> SyncStore {
    let workspace = &actions.workspace;
    SyncStore::of(&workspace.project, &workspace.environment.name)
}

async fn tell<E: Engine>(actions: &Actions<E>, failure: &Failure) {
    let secrets = actions.workspace.secrets();
    let text = failure.text(crate::reporter::style::Style::default(), Some(&secrets));
    let text = text.trim().trim_start_matches("error: ").to_owned();
    let hint = "the apps go on as they are; the next change tries again".to_owned();
    actions.events.warn(text, Some(hint)).await;
}

/// Writes what was edited into all apps. Returns how soon that has to be done again, because something could not be
/// written. `rebuilt` are the apps that are being built anew.
async fn write_all<E: Engine>(
    actions: &Actions<E>,
    copies: &mut [Copy],
    tree: &Arc<Tree>,
    rebuilt: &[String],
) -> Option<Duration> {
    let mut again = None;
    let (dev, store, sandbox) = (
        &actions.workspace.settings.dev,
        store(actions),
        actions.sandbox(),
    );
    for copy in copies {
        let began = Instant::now();
        let changes = copy.changes(tree);
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let paths: Vec<String> = changes.paths().map(text).collect();
        let written = copy.write(&sandbox, &changes, tree).await;
        let app = copy.app.clone();
        let is_rebuilt = rebuilt.contains(&app);
        // It is tried again and again, and said once.
        let news = copy.news(&written);
        if let Some(message) = news {
            let app = app.clone();
            let event = DevEvent::Failed { app, message };
            actions.events.send(event).await;
        }
        if let Err(message) = written {
            if !is_rebuilt {
                store.write(&app, &SyncState::Failed(message));
            }
            again = Some(AGAIN_AFTER_FAILURE);
            continue;
        }
        if !copy.is_in_step() {
            again = Some(again.map_or(AGAIN, |again: Duration| again.min(AGAIN)));
        } else if !is_rebuilt {
            store.write(&app, &SyncState::of(tree, &copy.root));
        }
        let Some(path) = paths.first().cloned() else {
            continue;
        };
        let event = DevEvent::Synced {
            app: app.clone(),
            files: changes.written.len(),
            deleted: changes.deleted,
            path,
            duration: began.elapsed(),
        };
        actions.events.send(event).await;
        let mut paths = paths.into_iter();
        if let Some(path) = paths.find(|path| dev.restarts(&app, path))
            && sandbox.restart_web(&copy.synced).await.unwrap_or(false)
        {
            let event = DevEvent::Restarted { app, path };
            actions.events.send(event).await;
        }
    }
    again
}
