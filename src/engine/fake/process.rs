//! Processes of the fake's containers: a program is an async function that is given its process, and a
//! signal ends it unless it catches it. Time is tokio's, so that a test can pause it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};

use super::store::Store;
use crate::engine::Result;
use crate::output::Output;

/// What a command does; the number is its exit code.
pub(crate) type Program =
    Arc<dyn Fn(Process) -> Pin<Box<dyn Future<Output = i64> + Send>> + Send + Sync>;

/// The signals that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Signal {
    None,
    Term,
    Kill,
}

/// A process as others see it.
#[derive(Debug)]
pub(crate) struct Living {
    /// Its command with its arguments.
    pub(crate) command: Vec<String>,
    /// Its environment.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where it was started.
    pub(crate) working_dir: String,
    /// `uid:gid`.
    pub(crate) user: String,
    signal: watch::Sender<Signal>,
    catches: AtomicBool,
    code: watch::Sender<Option<i64>>,
}

impl Living {
    pub(super) fn new(
        command: Vec<String>,
        variables: BTreeMap<String, String>,
        working_dir: String,
        user: String,
    ) -> Arc<Self> {
        Arc::new(Living {
            command,
            variables,
            working_dir,
            user,
            signal: watch::Sender::new(Signal::None),
            catches: AtomicBool::new(false),
            code: watch::Sender::new(None),
        })
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.raise(Signal::Term);
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        self.raise(Signal::Kill);
    }

    fn raise(&self, signal: Signal) {
        self.signal.send_modify(|now| *now = signal.max(*now));
    }

    /// Its exit code, once it has ended.
    pub(crate) fn exit_code(&self) -> Option<i64> {
        *self.code.borrow()
    }

    /// Whether SIGKILL has come, which it may not have noticed yet.
    pub(super) fn is_killed(&self) -> bool {
        *self.signal.borrow() == Signal::Kill
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> i64 {
        let mut code = self.code.subscribe();
        match code.wait_for(Option::is_some).await {
            Ok(code) => code.unwrap_or_default(),
            Err(_) => 137,
        }
    }

    async fn reached(&self, wanted: Signal) {
        let mut signal = self.signal.subscribe();
        // The sender lives in `self`, so this ends by the condition only.
        let _ = signal.wait_for(|now| *now >= wanted).await;
    }

    /// Waits for the signal that ends it.
    async fn struck(&self) -> i64 {
        self.reached(Signal::Term).await;
        if self.catches.load(Ordering::Relaxed) {
            self.reached(Signal::Kill).await;
        }
        if self.is_killed() { 137 } else { 143 }
    }
}

/// Where a process writes.
#[derive(Clone)]
pub(super) enum Sink {
    /// To whoever started it.
    Stream(mpsc::Sender<Result<Output>>),
    /// Into its container's log.
    Log,
}

/// A process as its own program sees it.
pub(crate) struct Process {
    pub(super) living: Arc<Living>,
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) container: String,
    pub(super) sink: Sink,
    /// Its standard input, where it has one.
    pub(crate) input: Option<DuplexStream>,
}

impl Process {
    /// Its command with its arguments.
    pub(crate) fn command(&self) -> &[String] {
        &self.living.command
    }

    /// What it and others know of it.
    pub(crate) fn living(&self) -> &Living {
        &self.living
    }

    /// Its container's id.
    pub(crate) fn container(&self) -> &str {
        &self.container
    }

    /// The container's objects, and those around it.
    pub(crate) fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        super::locked(&self.store)
    }

    /// Writes to standard output. Waits while nobody reads.
    pub(crate) async fn print(&self, text: impl Into<Bytes>) {
        self.write(Output::Stdout(text.into())).await;
    }

    /// Writes to standard error. Waits while nobody reads.
    pub(crate) async fn complain(&self, text: impl Into<Bytes>) {
        self.write(Output::Stderr(text.into())).await;
    }

    async fn write(&self, output: Output) {
        match &self.sink {
            // Whoever listened may have left; that does not end a process.
            Sink::Stream(sender) => drop(sender.send(Ok(output)).await),
            Sink::Log => self.store().append_log(&self.container, output),
        }
    }

    /// From now on SIGTERM does not end it.
    pub(crate) fn catch_term(&self) {
        self.living.catches.store(true, Ordering::Relaxed);
    }

    /// Every living process of its container, itself included.
    pub(crate) fn neighbours(&self) -> Vec<Arc<Living>> {
        self.store().processes(&self.container)
    }

    /// Starts a child that shares its environment and its output, and may outlive it.
    pub(crate) fn fork<F, T>(&self, program: F) -> Arc<Living>
    where
        F: FnOnce(Process) -> T + Send + 'static,
        T: Future<Output = i64> + Send + 'static,
    {
        let living = Living::new(
            self.living.command.clone(),
            self.living.variables.clone(),
            self.living.working_dir.clone(),
            self.living.user.clone(),
        );
        self.store().add_process(&self.container, living.clone());
        let child = Process {
            living,
            store: self.store.clone(),
            container: self.container.clone(),
            sink: self.sink.clone(),
            input: None,
        };
        let living = child.living.clone();
        tokio::spawn(run(living.clone(), program(child)));
        living
    }
}

/// Lets a program run until it ends or is ended, and keeps its exit code.
pub(super) async fn run(living: Arc<Living>, program: impl Future<Output = i64>) -> i64 {
    let code = tokio::select! {
        biased;
        code = living.struck() => code,
        code = program => code,
    };
    living.code.send_replace(Some(code));
    code
}
