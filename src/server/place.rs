//! A repository that a server serves, read again whenever that is needed, and its engine, connected when it is first
//! needed and again after it was gone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::answer::{Problem, Result};
use super::key::Caller;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::roles::Actor;
use crate::workspace::{self, Surroundings, Workspace};

/// Connects to the engine that the settings name, or to the usual one.
pub type Connecting<E> = Arc<
    dyn Fn(Option<String>) -> BoxFuture<'static, std::result::Result<E, Failure>> + Send + Sync,
>;

/// A repository and its engine.
pub(super) struct Place<E> {
    root: PathBuf,
    surroundings: Surroundings,
    connect: Connecting<E>,
    engine: tokio::sync::Mutex<Option<Arc<E>>>,
    memory: Mutex<Memory>,
}

/// What is known from before.
#[derive(Debug, Default)]
struct Memory {
    /// The repository as it was when it could last be read.
    last: Option<Arc<Workspace>>,
    /// The id in the API, where the server has several projects.
    served_as: Option<String>,
}

impl<E> fmt::Debug for Place<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// The repository as it is now.
#[derive(Debug)]
pub(super) struct Seen {
    /// The repository; as it was before where it cannot be read now.
    pub(super) workspace: Arc<Workspace>,
    /// Why the repository cannot be read.
    pub(super) broken: Option<workspace::Error>,
}

/// Whether a configuration with errors is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Strict,
    Lenient,
}

type Read = std::result::Result<Arc<Workspace>, workspace::Error>;

impl<E: Engine> Place<E> {
    pub(super) fn new(root: PathBuf, surroundings: Surroundings, connect: Connecting<E>) -> Self {
        Place {
            root,
            surroundings,
            connect,
            engine: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Values are replaced whole, so a poisoned lock does no harm.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the project an id in the API that no other project has.
    pub(super) fn serve_as(&self, id: String) {
        self.memory().served_as = Some(id);
    }

    /// Reads the repository as its own environment, or as the named one.
    async fn read(&self, environment: Option<&str>, reading: Reading) -> Result<Read> {
        let (root, mut surroundings) = (self.root.clone(), self.surroundings.clone());
        if let Some(name) = environment {
            surroundings.environment = Some(name.to_owned());
        }
        let read = blocking(move || match reading {
            Reading::Strict => Workspace::open(&root, &surroundings),
            Reading::Lenient => Workspace::open_lenient(&root, &surroundings),
        });
        let mut read = read.await?;
        let mut memory = self.memory();
        if let Ok(workspace) = &mut read {
            workspace.served_as.clone_from(&memory.served_as);
        }
        let read = read.map(Arc::new);
        if let (Ok(workspace), None, Reading::Strict) = (&read, environment, reading) {
            memory.last = Some(Arc::clone(workspace));
        }
        Ok(read)
    }

    /// Reads the repository; a configuration with errors is a problem.
    pub(super) async fn open(&self) -> Result<Arc<Workspace>> {
        Ok(self.read(None, Reading::Strict).await??)
    }

    /// Reads the repository for what must work with a broken configuration too: it is shown as it was before it
    /// broke.
    pub(super) async fn see(&self) -> Result<Seen> {
        let broken = match self.read(None, Reading::Strict).await? {
            Ok(workspace) => {
                return Ok(Seen {
                    workspace,
                    broken: None,
                });
            }
            Err(err) => err,
        };
        let before = self.memory().last.clone();
        let workspace = match before {
            Some(workspace) => workspace,
            None => self.read(None, Reading::Lenient).await??,
        };
        Ok(Seen {
            workspace,
            broken: Some(broken),
        })
    }

    /// Reads the repository again, as the environment of a workspace that was read before.
    pub(super) async fn open_as(&self, before: &Workspace) -> Result<Arc<Workspace>> {
        let name = &before.environment.name;
        let last = self.memory().last.clone();
        let is_own = last.is_some_and(|last| last.environment.name == *name);
        let environment = Some(name.as_str()).filter(|_| !is_own);
        Ok(self.read(environment, Reading::Strict).await??)
    }

    /// The same repository with another environment, also where its configuration has errors.
    pub(super) async fn elsewhere(&self, environment: &str) -> Result<Arc<Workspace>> {
        Ok(self.read(Some(environment), Reading::Lenient).await??)
    }

    /// The engine. It is asked each time whether it is still there, by the call that needs it.
    pub(super) async fn engine(&self, workspace: &Workspace) -> Result<Arc<E>> {
        let mut engine = self.engine.lock().await;
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let connected = (self.connect)(workspace.settings.engine.clone()).await;
        let connected = Arc::new(connected?);
        *engine = Some(Arc::clone(&connected));
        Ok(connected)
    }

    /// Connects anew for the next call that needs the engine.
    pub(super) async fn forget_engine(&self) {
        *self.engine.lock().await = None;
    }
}

/// The user and role of a caller, in this repository.
pub(super) fn actor(workspace: &Workspace, caller: &Caller) -> Result<Actor> {
    Ok(workspace.actor(caller.role.as_deref(), caller.user.as_deref())?)
}

/// Runs what reads files on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(act)
        .await
        .map_err(|_| Problem::fault("a thread of the server ended early"))
}
