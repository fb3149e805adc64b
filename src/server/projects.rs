//! The repositories that a server serves: the one at hand, or all of this user that have something on the engine or for
//! which a server was started before.
//!
//! Which repositories have something on the engine is in the labels of its objects. A server that is started for a
//! repository leaves the path in the state directory of the project. A repository that is gone or cannot be read is in
//! the list too, with the reason.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::answer::{Problem, Result};
use super::api::{plain, project_id};
use super::hub::Hub;
use super::place::{Connecting, Place, Seen, blocking};
use super::records::Records;
use super::runs::Runs;
use super::{Shared, stream_name};
use crate::actions::Actions;
use crate::engine::Engine;
use crate::lifecycle::{self, Sandboxes};
use crate::private;
use crate::project::Project;
use crate::workspace::Surroundings;

/// The file with the path of a repository, in the state directory of its project.
const REPOSITORY: &str = "repository";

/// The longest path that is read, in bytes.
const LONGEST: u64 = 16 << 10;

/// What a server is started for.
pub struct Serving<E> {
    /// The repository at hand.
    pub root: Option<PathBuf>,
    /// Whether to serve all other repositories too.
    pub everywhere: bool,
    pub surroundings: Surroundings,
    pub connect: Connecting<E>,
}

impl<E> std::fmt::Debug for Serving<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving")
            .field("root", &self.root)
            .field("everywhere", &self.everywhere)
            .finish_non_exhaustive()
    }
}

/// All repositories of a server.
#[derive(Debug)]
pub(super) struct Projects<E> {
    serving: Serving<E>,
    known: Mutex<Vec<Known<E>>>,
    /// The connection to the engine that is asked for sandboxes.
    engine: tokio::sync::Mutex<Option<Arc<E>>>,
}

/// A repository that was found.
#[derive(Debug)]
struct Known<E> {
    shared: Arc<Shared<E>>,
    /// The key of the project when it was found.
    key: String,
    /// The id in the API, once the repository was listed.
    id: Option<String>,
    /// How many containers run.
    running: usize,
}

impl<E> Clone for Known<E> {
    fn clone(&self) -> Self {
        Known {
            shared: Arc::clone(&self.shared),
            key: self.key.clone(),
            id: self.id.clone(),
            running: self.running,
        }
    }
}

/// A project in a list.
#[derive(Debug)]
pub(super) struct Listed {
    /// The id in the API. No other project of the server has it.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) root: PathBuf,
    /// The repository; `None` if it could never be read.
    pub(super) seen: Option<Seen>,
    /// Why the repository cannot be read.
    pub(super) problem: Option<String>,
    running: usize,
}

impl Listed {
    /// The project as the console has it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "root": self.root.to_string_lossy(),
            "running": self.running,
            "problem": self.problem,
        })
    }
}

impl<E: Engine + 'static> Projects<E> {
    pub(super) fn new(mut serving: Serving<E>) -> Self {
        // Paths are compared with those of labels, which have no links in them.
        let root = serving.root.take();
        serving.root = root.map(|root| std::fs::canonicalize(&root).unwrap_or(root));
        let projects = Projects {
            known: Mutex::default(),
            engine: tokio::sync::Mutex::default(),
            serving,
        };
        if let Some(root) = projects.serving.root.clone() {
            let own = projects.found(root, String::new());
            projects.known().push(own);
        }
        projects
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known<E>>> {
        // Entries are added and removed whole, so a poisoned lock does no harm.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self, root: PathBuf, key: String) -> Known<E> {
        let Serving {
            surroundings,
            connect,
            ..
        } = &self.serving;
        let shared = Shared {
            place: Place::new(root, surroundings.clone(), Arc::clone(connect)),
            hub: Hub::new(stream_name()),
            runs: Runs::default(),
            records: Records::default(),
        };
        Known {
            shared: Arc::new(shared),
            key,
            id: None,
            running: 0,
        }
    }

    /// What all repositories share that are known so far.
    pub(super) fn all(&self) -> Vec<Arc<Shared<E>>> {
        let known = self.known();
        known.iter().map(|one| Arc::clone(&one.shared)).collect()
    }

    /// The repository at hand, or else the first of all.
    pub(super) async fn first(&self) -> Result<Arc<Shared<E>>> {
        let first = || self.all().into_iter().next();
        if let Some(shared) = first() {
            return Ok(shared);
        }
        self.list().await;
        first().ok_or_else(|| Problem::not_found("no repository has a sandbox on the engine"))
    }

    /// The repository of the project that has this id in the API.
    pub(super) async fn find(&self, id: &str) -> Result<Arc<Shared<E>>> {
        if !self.serving.everywhere {
            // The answer says that another id belongs to no project of this server.
            return self.first().await;
        }
        let id = plain(id);
        let with_id = || {
            let known = self.known();
            let mut fitting = known.iter().filter(|one| one.id.as_ref() == Some(&id));
            fitting.next().map(|one| Arc::clone(&one.shared))
        };
        if let Some(shared) = with_id() {
            return Ok(shared);
        }
        self.list().await;
        with_id().ok_or_else(|| {
            Problem::not_found(format!("no sandbox of this server is the project `{id}`"))
        })
    }

    /// Ends what servers and commands left running that were killed. Without an engine there is nothing to end.
    pub(super) async fn take_up(&self) {
        if self.serving.everywhere {
            self.list().await;
        }
        for shared in self.all() {
            let Ok(seen) = shared.place.see().await else {
                continue;
            };
            let take_up = |actions: Actions<E>| async move { actions.take_up().await };
            if let Err(problem) = shared.act(&seen.workspace, take_up).await {
                tracing::debug!(why = problem.message(), "nothing was taken up");
            }
        }
    }

    /// All projects, as they are now. The one at hand is the first.
    pub(super) async fn list(&self) -> Vec<Listed> {
        if self.serving.everywhere {
            self.look().await;
        }
        let known = self.known().clone();
        let seen = known.iter().map(|one| one.shared.place.see());
        let seen = join_all(seen).await;
        let mut taken = BTreeSet::new();
        let listed: Vec<Listed> = known
            .iter()
            .zip(seen)
            .map(|(one, seen)| listed(one, seen, &mut taken, self.serving.everywhere))
            .collect();
        for one in self.known().iter_mut() {
            let now = listed
                .iter()
                .find(|now| now.root == one.shared.place.root());
            one.id = now.map(|now| now.id.clone()).or(one.id.take());
        }
        listed
    }

    /// Looks for repositories. Without an engine, those that are known stay.
    async fn look(&self) {
        let remembered = self.remembered().await;
        let sandboxes = self.sandboxes().await;
        let mut known = self.known();
        for one in known.iter_mut() {
            one.running = 0;
        }
        for (root, key) in &remembered {
            self.add(&mut known, root, key);
        }
        let Some(sandboxes) = sandboxes else { return };
        for sandbox in &sandboxes {
            let one = self.add(&mut known, Path::new(&sandbox.repository), &sandbox.key);
            let extents = sandbox.environments.values();
            one.running += extents.map(|extent| extent.running).sum::<usize>();
        }
        // What is gone, and left nothing behind, is no project any longer.
        known.retain(|one| {
            let root = one.shared.place.root();
            root.exists()
                || Some(root) == self.serving.root.as_deref()
                || sandboxes.iter().any(|it| Path::new(&it.repository) == root)
        });
    }

    fn add<'a>(&self, known: &'a mut Vec<Known<E>>, root: &Path, key: &str) -> &'a mut Known<E> {
        let at = known.iter().position(|one| one.shared.place.root() == root);
        let at = at.unwrap_or_else(|| {
            known.push(self.found(root.to_owned(), key.to_owned()));
            known.len() - 1
        });
        &mut known[at]
    }

    /// What this user has on the engine, by path; `None` if the engine does not say.
    async fn sandboxes(&self) -> Option<Vec<Sandboxes>> {
        let owner = self.serving.surroundings.home.owner().ok()?;
        let mut engine = self.engine.lock().await;
        if engine.is_none() {
            let own = self
                .serving
                .root
                .as_ref()
                .and(self.all().into_iter().next());
            let setting = match own {
                Some(own) => own
                    .place
                    .see()
                    .await
                    .ok()?
                    .workspace
                    .settings
                    .engine
                    .clone(),
                None => None,
            };
            let connected = (self.serving.connect)(setting).await;
            *engine = Some(Arc::new(connected.ok()?));
        }
        let found = lifecycle::everywhere(engine.as_ref()?.as_ref(), false).await;
        let Ok(mut found) = found else {
            *engine = None;
            return None;
        };
        found.retain(|it| it.is_of(&owner) && Path::new(&it.repository).is_absolute());
        found.sort_by(|one, other| one.repository.cmp(&other.repository));
        Some(found)
    }

    /// The repositories for which a server was started before, and that are still there, with their keys.
    async fn remembered(&self) -> Vec<(PathBuf, String)> {
        let home = self.serving.surroundings.home.clone();
        let read = move || {
            let state = home.state_dir().map(|state| state.path);
            let entries = state.and_then(std::fs::read_dir).into_iter().flatten();
            let mut all: Vec<(PathBuf, String)> = entries
                .filter_map(std::io::Result::ok)
                .filter_map(|entry| {
                    let key = entry.file_name().into_string().ok()?;
                    Some((recall(&entry.path())?, key))
                })
                .collect();
            all.sort();
            all
        };
        blocking(read).await.unwrap_or_default()
    }
}

/// Gives a project an id that no other one has.
fn listed<E: Engine>(
    one: &Known<E>,
    seen: Result<Seen>,
    taken: &mut BTreeSet<String>,
    is_one_of_several: bool,
) -> Listed {
    let root = one.shared.place.root().to_owned();
    let running = one.running;
    let mut seen = match seen {
        Ok(seen) => seen,
        Err(problem) => {
            let folder = root.file_name().unwrap_or_default().to_string_lossy();
            let (title, id) = (folder.into_owned(), plain(&one.key));
            taken.insert(id.clone());
            return Listed {
                id,
                title,
                root,
                seen: None,
                problem: Some(problem.message().to_owned()),
                running,
            };
        }
    };
    let mut id = project_id(&seen.workspace);
    if taken.contains(&id) {
        id = plain(&seen.workspace.project.key);
    }
    taken.insert(id.clone());
    if is_one_of_several {
        one.shared.place.serve_as(id.clone());
        Arc::make_mut(&mut seen.workspace).served_as = Some(id.clone());
    }
    Listed {
        id,
        title: seen.workspace.project.id.clone(),
        root,
        problem: seen.broken.as_ref().map(ToString::to_string),
        seen: Some(seen),
        running,
    }
}

/// Notes that a server was started for a repository, so that a server for all repositories lists it.
pub fn remember(project: &Project) -> std::io::Result<()> {
    private::directory(&project.state_dir).map_err(std::io::Error::other)?;
    let path = project.state_dir.join(REPOSITORY);
    let text = project.root.as_os_str().as_bytes();
    if std::fs::read(&path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let mut file = private::file(&path)?;
    file.set_len(0)?;
    file.write_all(text)
}

/// The repository of the project with this state directory, if it is still there.
fn recall(state_dir: &Path) -> Option<PathBuf> {
    let file = private::read(&state_dir.join(REPOSITORY)).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let root = PathBuf::from(OsString::from_vec(bytes));
    (root.is_absolute() && root.is_dir()).then_some(root)
}
