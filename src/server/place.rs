//! What a server serves: one repository, read again whenever that is needed, and the engine, connected when it is
//! first needed and again after it was gone.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::answer::{Problem, Result};
use super::key::Caller;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::roles::Actor;
use crate::workspace::{self, Surroundings, Workspace};

/// Connects to the engine that the settings name, or to the usual one.
pub type Connecting<E> = Box<
    dyn Fn(Option<String>) -> BoxFuture<'static, std::result::Result<E, Failure>> + Send + Sync,
>;

/// A repository and its engine.
pub struct Place<E> {
    root: PathBuf,
    surroundings: Surroundings,
    connect: Connecting<E>,
    engine: tokio::sync::Mutex<Option<Arc<E>>>,
    /// The repository as it was when it could last be read.
    last: Mutex<Option<Arc<Workspace>>>,
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

impl<E: Engine> Place<E> {
    pub fn new(root: PathBuf, surroundings: Surroundings, connect: Connecting<E>) -> Self {
        Place {
            root,
            surroundings,
            connect,
            engine: tokio::sync::Mutex::default(),
            last: Mutex::default(),
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Arc<Workspace>>> {
        // A value is replaced whole, so a poisoned lock does no harm.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the repository; a configuration with errors is a problem.
    pub(super) async fn open(&self) -> Result<Arc<Workspace>> {
        let (root, surroundings) = (self.root.clone(), self.surroundings.clone());
        let opened = blocking(move || Workspace::open(&root, &surroundings)).await?;
        let workspace = Arc::new(opened?);
        *self.last() = Some(Arc::clone(&workspace));
        Ok(workspace)
    }

    /// Reads the repository for what must work with a broken configuration too: it is shown as it was before it
    /// broke.
    pub(super) async fn see(&self) -> Result<Seen> {
        let (root, surroundings) = (self.root.clone(), self.surroundings.clone());
        let opened = blocking(move || Workspace::open(&root, &surroundings)).await?;
        let broken = match opened {
            Ok(workspace) => {
                let workspace = Arc::new(workspace);
                *self.last() = Some(Arc::clone(&workspace));
                return Ok(Seen {
                    workspace,
                    broken: None,
                });
            }
            Err(err) => err,
        };
        let before = self.last().clone();
        let workspace = if let Some(workspace) = before {
            workspace
        } else {
            let (root, surroundings) = (self.root.clone(), self.surroundings.clone());
            let lenient = move || Workspace::open_lenient(&root, &surroundings);
            Arc::new(blocking(lenient).await??)
        };
        Ok(Seen {
            workspace,
            broken: Some(broken),
        })
    }

    /// What the repository is opened with as another environment.
    pub(super) fn surroundings_of(&self, environment: &str) -> Surroundings {
        Surroundings {
            environment: Some(environment.to_owned()),
            ..self.surroundings.clone()
        }
    }

    /// Reads the repository again, as the environment of a workspace that was read before.
    pub(super) async fn open_as(&self, before: &Workspace) -> Result<Arc<Workspace>> {
        let name = &before.environment.name;
        let is_own = self
            .last()
            .as_ref()
            .is_some_and(|last| last.environment.name == *name);
        if is_own {
            return self.open().await;
        }
        let (root, surroundings) = (self.root.clone(), self.surroundings_of(name));
        let opened = blocking(move || Workspace::open(&root, &surroundings)).await?;
        Ok(Arc::new(opened?))
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
