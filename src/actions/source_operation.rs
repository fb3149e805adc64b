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
use crate::lock;
use crate::roles::Actor;
use crate::scratch::Origin;
use crate::shutdown::Shutdown;
use crate::source::Tree;
use crate::suggestion::nearest;
use crate::user_variables::UserVariables;
use crate::workspace::permission::permit;
use crate::workspace::{SourceOperation, Workspace, source_operations};

/// Upsun's documentation of source operations.
pub const DOCS: &str = "https://docs.upsun.com/create-apps/source-operations.html";

/// A source operation that is to be run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The source operation's name.
    pub operation: String,
    /// The role and the user who run the source operation.
    pub actor: Actor,
    /// The time limit in each app.
    pub timeout: Option<Duration>,
    /// Variables for this run only.
    pub variables: UserVariables,
    /// When to ask the registry for images.
    pub pull: Pull,
    /// Whether to send an event with the changes of the commits as a patch.
    pub diff: bool,
    /// Whether standard output is for the patch; the output of the operation then goes to standard error.
    pub is_stdout_taken: bool,
    /// Whether to bring the commits into the repository.
    pub apply: bool,
}

/// A source operation that may run. The engine has not been called yet.
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

/// Refuses a role that is too low for a source operation.
pub fn permit_source_operation(actor: &Actor, name: &str) -> Result<(), Failure> {
    let deed = format!("run the source operation `{name}`");
    let permitted = permit(actor, SOURCE_OPERATION, &deed).map_err(|err| {
        err.hint(format!(
            "try `--role {SOURCE_OPERATION}`: a source operation needs the right to push commits"
        ))
    });
    Ok(permitted?)
}

/// The result of a source operation that ran to its end.
#[derive(Debug, Default)]
pub struct Committed {
    /// The exit code of the command.
    pub exit_code: u8,
    /// Whether the operation made commits.
    pub has_news: bool,
    /// The patch to print, if the request asks for one.
    pub patch: Vec<u8>,
}

impl PlannedSourceOperation {
    /// Refuses a role that is too low, and finds the operation in the last commit. `committed` reads the
    /// configuration of that commit.
    pub async fn prepare(
        workspace: &Workspace,
        request: Request,
        committed: impl FnOnce(&Path) -> Result<Config, Failure>,
        shutdown: &Shutdown,
    ) -> Result<Self, Failure> {
        let name = &request.operation;
        permit_source_operation(&request.actor, name)?;
        let root = &workspace.project.root;
        let origin = match Origin::open(root, shutdown).await {
            Ok(origin) => origin,
            Err(err) => {
                // Without a readable commit, check the name against the working copy alone, to report a wrong name
                // first.
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
    /// Runs a source operation, with the configuration of the last commit.
    pub async fn run_source_operation(
        &self,
        planned: &PlannedSourceOperation,
    ) -> Result<Committed, Failure> {
        let request = &planned.request;
        let wanted = find(&planned.workspace.config, &planned.here, &request.operation)?;
        let apps = wanted.iter().map(|found| found.app.name.clone());
        let _heeding = self.record(Draft::SourceOperation {
            apps: apps.collect(),
            operation: request.operation.clone(),
        });
        let sandbox = self.sandbox();
        let run = Run {
            workspace: &planned.workspace,
            sandbox: &sandbox,
            request,
            origin: &planned.origin,
            wanted: &wanted,
            tree: &planned.tree,
            id: &lock::new_token(),
        };
        warn_of_differences(&self.events, &planned.here, &wanted, &request.operation).await;
        let result = self.shutdown.unless_left(run.all()).await;
        let result = match result.unwrap_or(Err(lifecycle::Error::Interrupted.into())) {
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

/// The apps that define this operation in the commit, in the order of the configuration. `here` is the configuration
/// of the working copy.
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

/// Warns where the working copy defines an operation differently from the commit.
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
