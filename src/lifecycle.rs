//! Carries plans out on an engine: builds, deploys, runs operations, takes everything down again. Progress is sent as
//! [`Event`]s; nothing here prints.

mod abandoned;
mod advice;
mod archive;
mod build;
mod build_caches;
mod carry;
mod copy_on_write;
mod crons;
mod data;
mod decisions;
mod deploy;
mod emptied;
mod engine_trial;
mod everywhere;
mod execute;
mod finished;
mod foreign;
mod hold;
mod image;
mod kept_source;
mod leftovers;
mod mail;
mod mark;
mod memory;
mod mend;
mod mounts;
mod operation;
mod output;
mod proxy;
mod prune;
mod reached;
mod readiness;
mod redeploy;
mod router;
mod services;
mod snapshots;
pub mod soundness;
mod source_operation;
mod sweep;
mod synced;
mod teardown;
#[cfg(test)]
pub(crate) mod tests;
mod together;
mod trial;
mod tunnel;
mod visit;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use self::advice::{Ended, Source};
pub use self::crons::CronRun;
pub use self::deploy::Deployed;
pub use self::engine_trial::{Check, EngineTrial, EngineTried, Verdict, try_engine};
pub use self::everywhere::{Extent, Sandboxes, everywhere, packages_size};
pub use self::execute::{Command, End, shell_command};
pub use self::image::Pull;
pub use self::mark::Mark;
pub use self::memory::MEMORY_HINT;
pub use self::mounts::MountUsage;
pub use self::operation::{OperationRun, Report};
pub use self::output::Tail;
pub use self::snapshots::{Before, Restored};
pub use self::source_operation::{Left, Made, SOURCE_DIRECTORY, SourceReport, SourceRun};
pub(crate) use self::synced::synced_of;
pub use self::synced::{Frame, Session, SyncState, SyncStore, Synced};
pub use self::teardown::{Down, Kept};
pub(crate) use self::together::all_of;
pub use self::trial::{Tried, Trying};
pub use self::tunnel::{Far, Forward, Through};
pub use self::visit::{Found, Visit};

use crate::engine::{self, Engine};
use crate::event::{Event, Events, Step};
use crate::lock::Lock;
use crate::plan::{AppPlan, Environment};
use crate::project::Project;
use crate::shutdown::Shutdown;
use crate::{lock, source};

/// Why a plan could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Lock(#[from] lock::Error),
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A step of a build failed.
    #[error("the build of `{app}` failed: `{}` ended with code {exit_code}", .step.key())]
    Build {
        app: String,
        step: Step,
        exit_code: i64,
    },
    /// A step of a build took too long.
    #[error("the build of `{app}` failed: `{}` took longer than {} s", .step.key(), .limit.as_secs())]
    BuildTimeout {
        app: String,
        step: Step,
        limit: std::time::Duration,
    },
    /// Several apps failed at once.
    #[error("{} apps failed:{}", .0.len(), lines(.0))]
    Several(Vec<Error>),
    /// The repository's settings name an image that they may not name.
    #[error("`images` of the repository's settings names `{image}`, which is refused: {reason}")]
    ForeignImage { image: String, reason: String },
    /// A build that is to be replaced is in use.
    #[error(
        "`{app}` cannot be built again: the environment `{environment}` uses its build and is busy: {holder}"
    )]
    BuildInUse {
        app: String,
        /// The other environment.
        environment: String,
        /// The command that keeps the environment busy.
        holder: String,
    },
    /// The container disappeared while a command ran in it.
    #[error("the container of `{container}` went away while `{what}` ran in it{detail}")]
    ContainerGone {
        /// The app or `app--worker`.
        container: String,
        what: String,
        /// What is known about the end of the container.
        detail: String,
    },
    /// The container was killed because it had used all the memory that it may have.
    #[error(
        "the container of `{container}` was killed{}: it had used all the memory that it may have",
        during.as_ref().map(|what| format!(" while `{what}` ran in it")).unwrap_or_default()
    )]
    OutOfMemory {
        /// The app, `app--worker` or service.
        container: String,
        /// The command that ran in it.
        during: Option<String>,
    },
    /// The container ended right after its start.
    #[error("the container of `{container}` does not stay up: it ended with code {exit_code}{log}")]
    ContainerEnded {
        /// The app or `app--worker`.
        container: String,
        /// The code of its main process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// Processes in the container did not end when they were killed, so the container was removed.
    #[error(
        "processes of `{what}` could not be ended one by one, so that the container of `{container}` was removed with them"
    )]
    Unkillable {
        /// The app or `app--worker`.
        container: String,
        /// The command that the processes belong to.
        what: String,
    },
    /// The container of a service ended before the service was ready.
    #[error("the service `{service}` does not stay up: it ended with code {exit_code}{log}")]
    ServiceEnded {
        service: String,
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// A service runs but does not answer.
    #[error("the service `{service}` did not answer within {} s{log}", .limit.as_secs())]
    ServiceNotReady {
        service: String,
        /// How long `upsun-local` waited.
        limit: std::time::Duration,
        /// The end of its log, if there is any.
        log: String,
    },
    /// A database, user or similar object of a service could not be created.
    #[error(
        "the service `{service}` could not be set up: {step} ended with code {exit_code}{said}"
    )]
    ServiceSetup {
        service: String,
        /// The object that was to be created.
        step: String,
        exit_code: i64,
        /// The output of the command.
        said: String,
    },
    /// The web server in front of an app does not start.
    #[error(
        "the web server in front of `{app}` does not start: it ended with code {exit_code}{log}"
    )]
    FrontEnded {
        app: String,
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// Another program uses a port of this machine that the service needs.
    #[error("the service `{service}` cannot start: the port {port} of this machine is taken")]
    PortTaken { service: String, port: u16 },
    /// Another program uses the port of this machine on which a tunnel should begin.
    #[error("{address} is taken: another program listens there")]
    TunnelPort {
        address: std::net::SocketAddr,
        /// Whether the user named the port.
        is_named: bool,
    },
    /// Another program uses the router's port of this machine.
    #[error("port {port} of this machine is taken")]
    RouterPort { port: u16 },
    /// The router ended right after its start, or does not listen.
    #[error("the router does not come up: it ended with code {exit_code}{log}")]
    RouterEnded {
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// The user interrupted the command.
    #[error("interrupted")]
    Interrupted,
    /// The command needs a container that does not run.
    #[error("`{container}` is not up")]
    NotUp {
        /// The app or `app--worker`.
        container: String,
    },
    /// An earlier run was killed before it restored the content of the mounts.
    #[error(
        "an earlier test, or `run --undo`, was cut off before it put back what was on the mounts of `{container}`"
    )]
    NotUndone {
        /// The app or `app--worker`.
        container: String,
        /// The snapshot with the content of the mounts.
        snapshot: String,
        /// The options by which `upsun-local mount` finds the container: ` --app one`, or nothing.
        flags: String,
    },
    /// The directories of mounts in other mounts were deleted, and with them the mounts.
    #[error(
        "`{container}` has lost {}: something outside of it deleted the directory",
        listed(mounts)
    )]
    MountsLost {
        /// The app or `app--worker`.
        container: String,
        /// The mounts, relative to the app's root.
        mounts: Vec<String>,
    },
    /// The app as it is edited is wanted, and `dev` does not run for it.
    #[error("`{container}` is not being edited")]
    NotEdited {
        /// The app or `app--worker`.
        container: String,
    },
    /// The copy of an app is not in step with the working tree.
    #[error("what was edited is not in the container of `{app}`: {why}")]
    NotInStep { app: String, why: String },
    /// A snapshot belongs to mounts that the container does not have.
    #[error("`{container}` has other mounts now")]
    OtherMounts {
        /// The app or `app--worker`.
        container: String,
    },
    #[error(transparent)]
    Snapshot(#[from] crate::mount_snapshot::Error),
    /// The result of a source operation cannot be used.
    #[error("`{operation}` on `{app}` {why}")]
    SourceOperation {
        app: String,
        operation: String,
        /// What is wrong with the result.
        why: String,
    },
    /// A file on the machine of the user.
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}

fn listed(mounts: &[String]) -> String {
    let names: Vec<String> = mounts.iter().map(|path| format!("`/{path}`")).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("the mount{plural} {}", names.join(", "))
}

/// Errors, each on lines of its own below what comes before.
fn lines(errors: &[Error]) -> String {
    let lines = errors
        .iter()
        .map(|err| format!("\n  {}", err.to_string().replace('\n', "\n  ")));
    lines.collect()
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How long a stalled consumer of events may delay the end of the program.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// How long `down --force` waits for the holder of the lock to end.
const FORCE_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// The start of the name of an environment's lock file.
const LOCK_PREFIX: &str = "environment-";

/// One environment of one project on one engine.
#[derive(Debug)]
pub struct Sandbox<'a, E> {
    pub engine: &'a E,
    pub project: &'a Project,
    pub environment: &'a Environment,
    /// The recipient of the events.
    pub events: &'a Events,
    /// Whether the user wants `upsun-local` to stop.
    pub shutdown: &'a Shutdown,
    /// The images that an untrusted author of the repository may have chosen.
    pub foreign: &'a BTreeSet<String>,
}

/// Written out, because a derived one would ask for an engine that can be cloned.
impl<E> Clone for Sandbox<'_, E> {
    fn clone(&self) -> Self {
        Sandbox { ..*self }
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// Waits until this environment is free and locks it. Processes that find the lock taken display `what`.
    pub async fn lock(&self, what: &str) -> Result<Lock> {
        let mut lock = Lock::take(&self.lock_path(), what, self.events, self.shutdown).await?;
        lock.heed(self.shutdown);
        if lock.was_abandoned() {
            self.end_abandoned().await?;
            self.remove_trials().await?;
            self.clear_unfinished();
        }
        self.end_old_visits().await?;
        self.end_old_dev().await?;
        self.mend_running().await?;
        Ok(lock)
    }

    /// Locks the environment, or fails immediately with the description of the holder.
    pub(crate) fn try_lock(&self, what: &str) -> Result<Lock> {
        let mut lock = Lock::try_take(&self.lock_path(), what)?;
        lock.heed(self.shutdown);
        Ok(lock)
    }

    /// Whether a process holds the lock of the environment.
    pub fn is_busy(&self) -> bool {
        Lock::is_taken(&self.lock_path())
    }

    /// Takes the lock of the environment away from its holder: asks the holder to end, then to hurry, and continues
    /// without the lock if the holder does not react.
    pub(crate) async fn lock_by_force(&self, what: &str) -> Result<Option<Lock>> {
        const ASK_AGAIN: [u64; 3] = [0, 2, 4];
        let began = tokio::time::Instant::now();
        let (mut asked, mut requests) = (0, Vec::new());
        while began.elapsed() < FORCE_LIMIT {
            // Take the lock ahead of all processes that wait for it: they have to wait for this command, too.
            match Lock::snatch(&self.lock_path(), what) {
                Err(lock::Error::Busy { .. }) => {}
                other => return Ok(Some(other?)),
            }
            if ASK_AGAIN
                .get(asked)
                .is_some_and(|at| began.elapsed().as_secs() >= *at)
            {
                // The holder may have changed since the first request.
                requests.extend(Lock::ask_to_end(&self.lock_path()));
                asked += 1;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(None)
    }

    /// Locks all environments of the project, or fails immediately with the description of a holder.
    pub(crate) fn try_lock_all(&self, what: &str) -> Result<Vec<Lock>> {
        let mut locks = vec![self.try_lock(what)?];
        // A source operation locks no environment, but its clone must not be deleted while it runs.
        for lock in crate::scratch::locks(&self.project.state_dir) {
            locks.push(Lock::try_take(&lock, what)?);
        }
        let own = self.lock_path();
        let found = match std::fs::read_dir(&self.project.state_dir) {
            // The state directory was never created.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
            found => Some(found.map_err(|source| lock::Error::File {
                path: self.project.state_dir.clone(),
                source,
            })?),
        };
        for entry in found.into_iter().flatten().flatten() {
            let is_lock = entry.file_name().to_string_lossy().starts_with(LOCK_PREFIX);
            if is_lock && entry.path() != own {
                locks.push(Lock::try_take(&entry.path(), what)?);
            }
        }
        Ok(locks)
    }

    fn lock_path(&self) -> PathBuf {
        self.lock_path_of(&self.environment.name)
    }

    fn lock_path_of(&self, environment: &str) -> PathBuf {
        let name = crate::project::hash(environment.as_bytes());
        self.project
            .state_dir
            .join(format!("{LOCK_PREFIX}{}.lock", &name[..12]))
    }

    /// Sends an event. Once the user wants to stop, a listener that is stuck does not delay the end.
    async fn emit(&self, event: impl Into<Event>) {
        tokio::select! {
            biased;
            _ = self.events.send(event) => {}
            () = async {
                self.shutdown.reached(crate::shutdown::Urgency::Cancel).await;
                tokio::time::sleep(PATIENCE).await;
            } => {}
        }
    }

    fn checkpoint(&self) -> Result<()> {
        if self.shutdown.urgency() > crate::shutdown::Urgency::None {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// The plan of an app, and everything else that its execution needs.
#[derive(Debug, Clone)]
pub struct Planned<'a> {
    pub plan: &'a AppPlan,
    /// How the image of the app is made.
    pub image: &'a crate::images::Recipe,
    /// The files of the repository.
    pub tree: &'a std::sync::Arc<source::Tree>,
    /// When to ask the registry for the image.
    pub pull: Pull,
    /// Whether to build again although the build exists.
    pub rebuild: bool,
    /// Whether this machine sends requests to the app.
    pub routed: bool,
    /// Whether this command has made sure of the build already.
    pub is_built: bool,
    /// Whether the app as it is edited is meant, which `dev` keeps up.
    pub is_synced: bool,
}

impl Planned<'_> {
    /// The plan once its build was made: another step of the same command does not build again.
    pub(crate) fn built(&self) -> Self {
        Planned {
            rebuild: false,
            ..self.clone()
        }
    }

    /// The files of the app that Git would deploy.
    pub fn source(&self) -> Source<'_> {
        Source {
            tree: self.tree,
            root: &self.plan.source_root,
        }
    }
}
