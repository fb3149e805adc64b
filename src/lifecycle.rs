//! Carries plans out on an engine: builds, deploys, runs operations, takes everything down again.
//! What happens goes out as [`Event`]s; nothing here prints.

mod abandoned;
mod advice;
mod archive;
mod build;
mod crons;
mod data;
mod decisions;
mod deploy;
mod emptied;
mod everywhere;
mod execute;
mod finished;
mod foreign;
mod image;
mod leftovers;
mod mail;
mod mark;
mod memory;
mod mend;
mod mounts;
mod operation;
mod output;
mod proxy;
mod reached;
mod readiness;
mod redeploy;
mod router;
mod services;
mod snapshots;
pub mod soundness;
mod source_operation;
mod teardown;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use self::advice::{Ended, Source};
pub use self::crons::CronRun;
pub use self::deploy::Deployed;
pub use self::everywhere::{Extent, Sandboxes, everywhere};
pub use self::execute::{Command, End, shell_command};
pub use self::image::Pull;
pub use self::mark::Mark;
pub use self::memory::MEMORY_HINT;
pub use self::mounts::MountUsage;
pub use self::operation::{OperationRun, Report};
pub use self::output::Tail;
pub use self::snapshots::{Restored, Undo};
pub use self::source_operation::{Left, Made, SOURCE_DIRECTORY, SourceReport, SourceRun};
pub use self::teardown::{Down, Kept};
pub use self::trial::{Tried, Trying};

use crate::engine::{self, Engine};
use crate::event::{Event, Events, Step};
use crate::lock::Lock;
use crate::plan::{AppPlan, Environment};
use crate::project::Project;
use crate::shutdown::Shutdown;
use crate::{lock, source};

/// Why something could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The repository's files.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A step of a build failed.
    #[error("the build of `{app}` failed: `{}` ended with code {exit_code}", .step.key())]
    Build {
        /// The app.
        app: String,
        /// The step.
        step: Step,
        /// Its exit code.
        exit_code: i64,
    },
    /// A step of a build took too long.
    #[error("the build of `{app}` failed: `{}` took longer than {} s", .step.key(), .limit.as_secs())]
    BuildTimeout {
        /// The app.
        app: String,
        /// The step.
        step: Step,
        /// How long it might take.
        limit: std::time::Duration,
    },
    /// Settings of the repository name an image that is not theirs to name.
    #[error("`images` of the repository's settings names `{image}`, which is refused: {reason}")]
    ForeignImage {
        /// Its reference.
        image: String,
        /// Why.
        reason: String,
    },
    /// A build that is to be made again is in use.
    #[error(
        "`{app}` cannot be built again: the environment `{environment}` uses its build and is busy: {holder}"
    )]
    BuildInUse {
        /// The app.
        app: String,
        /// The other environment.
        environment: String,
        /// What runs there.
        holder: String,
    },
    /// The container went away under what ran in it.
    #[error("the container of `{container}` went away while `{what}` ran in it{detail}")]
    ContainerGone {
        /// The app or `app--worker`.
        container: String,
        /// What ran.
        what: String,
        /// What is known of its end.
        detail: String,
    },
    /// The container had used all the memory that it may have, and was killed.
    #[error(
        "the container of `{container}` was killed{}: it had used all the memory that it may have",
        during.as_ref().map(|what| format!(" while `{what}` ran in it")).unwrap_or_default()
    )]
    OutOfMemory {
        /// The app, `app--worker` or service.
        container: String,
        /// What ran in it.
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
    /// Something in the sandbox refused to end, so that its container was removed.
    #[error(
        "processes of `{what}` could not be ended one by one, so that the container of `{container}` was removed with them"
    )]
    Unkillable {
        /// The app or `app--worker`.
        container: String,
        /// What they belong to.
        what: String,
    },
    /// A service's container ended while it was waited for.
    #[error("the service `{service}` does not stay up: it ended with code {exit_code}{log}")]
    ServiceEnded {
        /// The service.
        service: String,
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// A service runs and does not answer.
    #[error("the service `{service}` did not answer within {} s{log}", .limit.as_secs())]
    ServiceNotReady {
        /// The service.
        service: String,
        /// How long it was waited for.
        limit: std::time::Duration,
        /// The end of its log, if there is any.
        log: String,
    },
    /// A database, user or the like could not be made.
    #[error(
        "the service `{service}` could not be set up: {step} ended with code {exit_code}{said}"
    )]
    ServiceSetup {
        /// The service.
        service: String,
        /// What was made.
        step: String,
        /// The command's exit code.
        exit_code: i64,
        /// What the command said.
        said: String,
    },
    /// The web server in front of an app does not start.
    #[error(
        "the web server in front of `{app}` does not start: it ended with code {exit_code}{log}"
    )]
    FrontEnded {
        /// The app.
        app: String,
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// A port on this machine belongs to somebody else.
    #[error("the service `{service}` cannot start: the port {port} of this machine is taken")]
    PortTaken {
        /// The service.
        service: String,
        /// The port.
        port: u16,
    },
    /// Something else listens where the router should.
    #[error("port {port} of this machine is taken")]
    RouterPort {
        /// The port.
        port: u16,
    },
    /// The router ended right after its start, or does not listen.
    #[error("the router does not come up: it ended with code {exit_code}{log}")]
    RouterEnded {
        /// The code of its process.
        exit_code: i64,
        /// The end of its log, if there is any.
        log: String,
    },
    /// The user stopped us.
    #[error("interrupted")]
    Interrupted,
    /// Something is asked of a container that does not run.
    #[error("`{container}` is not up")]
    NotUp {
        /// The app or `app--worker`.
        container: String,
    },
    /// An earlier run did not get to put the mounts back.
    #[error(
        "an earlier test, or `run --undo`, was cut off before it put back what was on the mounts of `{container}`"
    )]
    NotUndone {
        /// The app or `app--worker`.
        container: String,
        /// What was on them.
        snapshot: String,
        /// What says to `upsun-local mount` which container it is of: ` --app one`, or nothing.
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
    /// A snapshot is of mounts that the container does not have.
    #[error("`{container}` has other mounts now")]
    OtherMounts {
        /// The app or `app--worker`.
        container: String,
    },
    /// A snapshot of mounts.
    #[error(transparent)]
    Snapshot(#[from] crate::mount_snapshot::Error),
    /// A source operation left nothing that can be taken.
    #[error("`{operation}` on `{app}` {why}")]
    SourceOperation {
        /// The app.
        app: String,
        /// The operation.
        operation: String,
        /// What is wrong with what it left.
        why: String,
    },
    /// A file on our side.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn listed(mounts: &[String]) -> String {
    let names: Vec<String> = mounts.iter().map(|path| format!("`/{path}`")).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("the mount{plural} {}", names.join(", "))
}

/// What the lifecycle's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How long somebody who reads what we print may not read it while things are to be stopped.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// How long whoever is made to end may take for it.
const FORCE_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// What the name of an environment's lock file begins with.
const LOCK_PREFIX: &str = "environment-";

/// One environment of one project on one engine.
#[derive(Debug, Clone)]
pub struct Sandbox<'a, E> {
    /// The engine.
    pub engine: &'a E,
    /// The project.
    pub project: &'a Project,
    /// The environment.
    pub environment: &'a Environment,
    /// Where events go.
    pub events: &'a Events,
    /// Whether the user wants us to stop.
    pub shutdown: &'a Shutdown,
    /// Images that a stranger may have named.
    pub foreign: &'a BTreeSet<String>,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Waits until this environment is free and takes it. `what` is told to those who find it taken.
    pub async fn lock(&self, what: &str) -> Result<Lock> {
        let mut lock = Lock::take(&self.lock_path(), what, self.events, self.shutdown).await?;
        lock.heed(self.shutdown);
        if lock.was_abandoned() {
            self.end_abandoned().await?;
            self.remove_trials().await?;
            self.clear_unfinished();
        }
        self.mend_running().await?;
        Ok(lock)
    }

    /// Takes the environment or says at once who has it.
    pub fn try_lock(&self, what: &str) -> Result<Lock> {
        let mut lock = Lock::try_take(&self.lock_path(), what)?;
        lock.heed(self.shutdown);
        Ok(lock)
    }

    /// Whether somebody has the environment.
    pub fn is_busy(&self) -> bool {
        Lock::is_taken(&self.lock_path())
    }

    /// Takes the environment away from whoever has it: asks that one to end, then not to take its time, and goes
    /// on without the lock where it does not listen.
    pub async fn lock_by_force(&self, what: &str) -> Result<Option<Lock>> {
        const ASK_AGAIN: [u64; 3] = [0, 2, 4];
        let began = tokio::time::Instant::now();
        let (mut asked, mut requests) = (0, Vec::new());
        while began.elapsed() < FORCE_LIMIT {
            // Whoever waits for it has to wait for this, too.
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

    /// Takes all environments of the project or says at once who has one of them.
    pub fn try_lock_all(&self, what: &str) -> Result<Vec<Lock>> {
        let mut locks = vec![self.try_lock(what)?];
        // A source operation has none of them, but a clone that is not to be taken away from under it.
        for lock in crate::scratch::locks(&self.project.state_dir) {
            locks.push(Lock::try_take(&lock, what)?);
        }
        let own = self.lock_path();
        let found = match std::fs::read_dir(&self.project.state_dir) {
            // It could not be made.
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

    /// Tells it. Once the user wants to stop, a listener that is stuck does not hold us up.
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

    /// Fails when the user wants to stop.
    fn checkpoint(&self) -> Result<()> {
        if self.shutdown.urgency() > crate::shutdown::Urgency::None {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// An app's plan together with what carrying it out needs besides.
#[derive(Debug, Clone)]
pub struct Planned<'a> {
    /// The plan.
    pub plan: &'a AppPlan,
    /// How its image is made.
    pub image: &'a crate::images::Recipe,
    /// The repository's files.
    pub tree: &'a std::sync::Arc<source::Tree>,
    /// When to ask the registry for the image.
    pub pull: Pull,
    /// Build again although the build is there.
    pub rebuild: bool,
    /// Whether this machine sends requests to the app.
    pub routed: bool,
}

impl Planned<'_> {
    /// What Git has of the app.
    pub fn source(&self) -> Source<'_> {
        Source {
            tree: self.tree,
            root: &self.plan.source_root,
        }
    }
}
