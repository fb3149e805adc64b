//! Activities that a server started. Each runs by itself, whether or not a client still waits for it.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::Shared;
use super::answer::{Problem, Result};
use super::api::committed;
use super::place::blocking;
use crate::actions::Actions;
use crate::actions::operation::{self, Operation};
use crate::actions::source_operation::{self, PlannedSourceOperation};
use crate::actions::up::{self, Up};
use crate::activity::{Activity, Recorded, Recording, Store};
use crate::engine::Engine;
use crate::event::Events;
use crate::failure::Failure;
use crate::reporter;
use crate::reporter::masked::Masked;
use crate::shutdown::{Shutdown, Urgency};
use crate::workspace::Workspace;

/// The activities that run.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<Vec<Run>>);

#[derive(Debug)]
struct Run {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Runs {
    fn add(&self, run: Run) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|run| !run.task.is_finished());
        all.push(run);
    }

    /// Keeps the server until something has ended that is not an activity of this server.
    pub(super) fn stay(&self, until: impl Future<Output = ()> + Send + 'static) {
        let shutdown = Shutdown::new();
        let stopping = shutdown.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = until => {}
                () = stopping.reached(Urgency::Cancel) => {}
            }
        });
        self.add(Run { shutdown, task });
    }

    /// Passes the requests to stop the server on to all activities, and waits until they have ended.
    pub(super) async fn end(&self, server: &Shutdown) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let ending = all.into_iter().map(|run| async move {
            tokio::select! {
                biased;
                _ = run.task => {}
                () = run.shutdown.follow(server) => {}
            }
        });
        let ending = futures_util::future::join_all(ending);
        tokio::select! {
            _ = ending => {}
            () = server.reached(Urgency::Leave) => {}
        }
    }
}

impl<E: Engine + 'static> Shared<E> {
    /// What a use case is called with. Consoles hear its events; the channel is closed when they have all been heard.
    async fn actions(&self, workspace: &Arc<Workspace>) -> Result<(Actions<E>, Receiver<()>)> {
        let engine = self.place.engine(workspace).await?;
        let shutdown = Shutdown::new();
        let (events, receiver) = Events::channel();
        let recording = Recording::default();
        let reporter = Masked::new(self.hub.reporter(), workspace.secrets(), true);
        let reporter = Recorded::new(reporter, recording.clone());
        let ended = reporter::spawn(reporter, receiver, shutdown.clone());
        let actions = Actions {
            workspace: Arc::clone(workspace),
            engine,
            events,
            recording,
            shutdown,
            is_quiet: false,
        };
        Ok((actions, ended))
    }

    /// Does something that is no activity, and waits for it. It goes on to its end also if the caller does not wait.
    pub(super) async fn act<T: Send + 'static, F>(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        act: impl FnOnce(Actions<E>) -> F + Send + 'static,
    ) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, Failure>> + Send + 'static,
    {
        let (actions, _ended) = self.actions(workspace).await?;
        let shutdown = actions.shutdown.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        let acting = act(actions);
        let task = tokio::spawn(async move {
            let _ = tell.send(acting.await);
        });
        self.runs.add(Run { shutdown, task });
        let result = told.await;
        let result = result.map_err(|_| Problem::fault("a task of the server ended early"))?;
        if let Err(failure) = &result
            && failure.code == crate::failure::NO_ENGINE
        {
            self.place.forget_engine().await;
        }
        Ok(result?)
    }

    /// Starts an operation, and returns its record.
    pub(super) async fn start_operation(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        request: operation::Request,
    ) -> Result<Activity> {
        let place = Arc::clone(workspace);
        let planned = blocking(move || Operation::prepare(&place, request)).await??;
        let run = move |actions: Actions<E>| async move { actions.run(&planned).await };
        self.start(workspace, run).await
    }

    /// Starts a source operation, and returns its record.
    pub(super) async fn start_source_operation(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        request: source_operation::Request,
    ) -> Result<Activity> {
        let shutdown = Shutdown::new();
        let planned =
            PlannedSourceOperation::prepare(workspace, request, committed, &shutdown).await?;
        let workspace = Arc::clone(planned.workspace());
        let run =
            move |actions: Actions<E>| async move { actions.run_source_operation(&planned).await };
        self.start(&workspace, run).await
    }

    /// Starts to bring apps up, and returns the record of that.
    pub(super) async fn start_up(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        request: up::Request,
    ) -> Result<Activity> {
        let place = Arc::clone(workspace);
        let planned = blocking(move || Up::prepare(&place, request)).await??;
        let run = move |actions: Actions<E>| async move { actions.up(&planned, || {}).await };
        self.start(workspace, run).await
    }

    /// Starts an activity, and returns its record as soon as there is one. `act` is the use case; what it returns is
    /// in the record.
    pub(super) async fn start<T: Send, F>(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        act: impl FnOnce(Actions<E>) -> F + Send + 'static,
    ) -> Result<Activity>
    where
        F: Future<Output = std::result::Result<T, Failure>> + Send + 'static,
    {
        let (actions, ended) = self.actions(workspace).await?;
        let (recording, shutdown) = (actions.recording.clone(), actions.shutdown.clone());
        let shared = Arc::clone(self);
        let (tell, failed) = tokio::sync::oneshot::channel();
        let acting = act(actions);
        let task = tokio::spawn(async move {
            if let Err(failure) = acting.await {
                if failure.code == crate::failure::NO_ENGINE {
                    shared.place.forget_engine().await;
                }
                let _ = tell.send(failure);
            }
            // The reporter has a thread of its own, which ends with the last sender of events.
            let _ = tokio::task::spawn_blocking(move || ended.recv()).await;
            shared.hub.stir();
        });
        self.runs.add(Run { shutdown, task });
        let id = tokio::select! {
            biased;
            id = recording.begun() => id,
            Ok(failure) = failed => return Err(failure.into()),
        };
        let store = Store::of(&workspace.project.state_dir);
        let activity = id.map(|id| store.read(&id));
        activity.ok().flatten().ok_or_else(|| {
            Problem::fault(
                "the activity runs, but its record cannot be written; the console shows why",
            )
        })
    }
}
