//! Run a source operation, in every app that has it.

mod losses;
mod run;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::run::{Came, Run};
use self::trouble::{cannot_clone, failure};
use super::{Actions, exit_code};
use crate::activity::Draft;
use crate::comparison::access::SOURCE_OPERATION;
use crate::config::Config;
use crate::engine::Engine;
use crate::event::Events;
use crate::failure::Failure;
use crate::lifecycle::{self, Pull};
use crate::roles::Actor;
use crate::scratch::Origin;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suggestion::nearest;
use crate::user_variables::UserVariables;
use crate::workspace::permission::permit;
use crate::workspace::{SourceOperation, Workspace, source_operations};

/// Where Upsun explains them.
pub const DOCS: &str = "https://docs.upsun.com/create-apps/source-operations.html";

/// A source operation that is to be run.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name.
    pub operation: String,
    /// Who runs it.
    pub actor: Actor,
    /// When it is ended in each app.
    pub timeout: Option<Duration>,
    /// Variables for this run only.
    pub variables: UserVariables,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Tell what the commits changed as a patch.
    pub diff: bool,
    /// Whether standard output is for the patch, and not for what the operation prints.
    pub is_stdout_taken: bool,
    /// Bring the commits into the repository.
    pub apply: bool,
}

/// A source operation that may run. Nothing was asked of the engine yet.
#[derive(Debug)]
pub struct PlannedSourceOperation {
    /// The repository, with the configuration of its last commit.
    workspace: Arc<Workspace>,
    /// The configuration of the working copy.
    here: Config,
    request: Request,
    origin: Origin,
    tree: Arc<Tree>,
}

/// What came of it, once it ran to its end.
#[derive(Debug, Default)]
pub struct Committed {
    /// The exit code for it.
    pub exit_code: u8,
    /// Whether anything was committed.
    pub has_news: bool,
    /// What to print, where that is wanted.
    pub patch: Vec<u8>,
}

impl PlannedSourceOperation {
    /// Refuses it to a role that is too low, and looks for it in the last commit, whose configuration `committed` reads.
    pub async fn prepare(
        workspace: &Workspace,
        request: Request,
        committed: impl FnOnce(&Path) -> Result<Config, Failure>,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let name = &request.operation;
        let deed = format!("run the source operation `{name}`");
        permit(&request.actor, SOURCE_OPERATION, &deed).map_err(|err| {
            err.hint(format!(
                "try `--role {SOURCE_OPERATION}`: a source operation needs the right to push commits"
            ))
        })?;
        let root = &workspace.project.root;
        let origin = match Origin::open(root, shutdown).await {
            Ok(origin) => origin,
            Err(err) => {
                // A wrong name is wrong whatever Git says.
                find(&workspace.config, &Config::default(), name)?;
                return Err(cannot_clone(&err, shutdown));
            }
        };
        let committed = committed(root)?;
        find(&committed, &workspace.config, name)?;
        let mut workspace = workspace.clone();
        let here = std::mem::replace(&mut workspace.config, committed);
        Ok(PlannedSourceOperation {
            tree: workspace.scan()?,
            here,
            workspace: Arc::new(workspace),
            request,
            origin,
        })
    }

    /// The repository, with the configuration of its last commit.
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }
}

impl<E: Engine> Actions<E> {
    /// Runs a source operation. The actions are to be those of [`PlannedSourceOperation::workspace`].
    pub async fn run_source_operation(
        &self,
        planned: &PlannedSourceOperation,
    ) -> Result<Committed, Failure> {
        let request = &planned.request;
        let wanted = find(&self.workspace.config, &planned.here, &request.operation)?;
        let apps = wanted.iter().map(|found| found.app.name.clone());
        let _heeding = self.record(Draft::SourceOperation {
            apps: apps.collect(),
            operation: request.operation.clone(),
        });
        let sandbox = self.sandbox();
        let run = Run {
            workspace: &self.workspace,
            sandbox: &sandbox,
            request,
            origin: &planned.origin,
            wanted: &wanted,
            tree: &planned.tree,
            id: &run_id(),
        };
        warn_of_differences(&self.events, &planned.here, &wanted, &request.operation).await;
        let result = tokio::select! {
            biased;
            result = run.all() => result,
            () = self.shutdown.reached(Urgency::Leave) => Err(lifecycle::Error::Interrupted.into()),
        };
        let result = match result {
            Ok(Came::Failed(report)) => Ok(Committed {
                exit_code: exit_code(&report, &self.shutdown),
                ..Committed::default()
            }),
            Ok(Came::Succeeded { has_news, patch }) => Ok(Committed {
                exit_code: 0,
                has_news,
                patch,
            }),
            Err(trouble) => Err(failure(trouble, &self.shutdown)),
        };
        self.finish(result, |committed| committed.exit_code).await
    }
}

/// Tells the processes of a run from those of any other, also one that just ended.
fn run_id() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

/// The apps that have an operation of that name in the commit, in the order in which they are written. `here` is the
/// configuration of the working copy.
fn find<'a>(
    config: &'a Config,
    here: &Config,
    name: &str,
) -> Result<Vec<SourceOperation<'a>>, Failure> {
    let all = source_operations(config);
    let names: BTreeSet<String> = all.iter().map(|found| found.name.clone()).collect();
    let wanted: Vec<SourceOperation<'a>> =
        all.into_iter().filter(|found| found.name == name).collect();
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    if source_operations(here)
        .iter()
        .any(|found| found.name == name)
    {
        return Err(Failure::usage(format!(
            "the source operation `{name}` is not committed yet, and Upsun runs only committed ones"
        ))
        .hint("commit it first"));
    }
    let failure = Failure::usage(format!("there is no source operation `{name}`"));
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure.hint(format!(
            "define it under `applications.<app>.source.operations` in .upsun/config.yaml; see {DOCS}"
        )),
        None => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            failure.hint(format!("there are: {}", names.join(", ")))
        }
    })
}

/// Says where the working copy defines an operation otherwise than the commit does.
async fn warn_of_differences(
    events: &Events,
    here: &Config,
    wanted: &[SourceOperation<'_>],
    name: &str,
) {
    let here: BTreeMap<String, String> = source_operations(here)
        .into_iter()
        .filter(|found| found.name == name)
        .map(|found| (found.app.name.clone(), found.command))
        .collect();
    let committed = |app: &str| {
        let mut of_app = wanted.iter().filter(|found| found.app.name == app);
        of_app.next().map(|found| found.command.as_str())
    };
    for (app, command) in &here {
        let told = match committed(app) {
            Some(found) if found == command => continue,
            Some(_) => format!(
                "`{name}` on `{app}` is run as the last commit defines it, not as the working copy does"
            ),
            None => {
                format!("`{name}` is not run on `{app}`, where only the working copy defines it")
            }
        };
        let hint = "Upsun runs what is committed: commit it first".to_owned();
        events.warn(told, Some(hint)).await;
    }
}
