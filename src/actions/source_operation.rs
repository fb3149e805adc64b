//! Run a source operation, in every app that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::prepared::planned;
use super::{Actions, exit_code};
use crate::activity::Draft;
use crate::comparison::access::SOURCE_OPERATION;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::spec::ContainerSpec;
use crate::event::{Event, Events};
use crate::failure::{
    BAD_CONFIGURATION, BAD_FILE, CANNOT_MAKE, FAULT, Failure, OPERATION_FAILED, USAGE,
};
use crate::lifecycle::{self, Left, Pull, Report, SOURCE_DIRECTORY, Sandbox, SourceRun};
use crate::lock::Lock;
use crate::plan::AppPlan;
use crate::project::{hash, plain};
use crate::roles::Actor;
use crate::scratch::{self, Applied, Origin, Place, Scratch};
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

/// What everything that is done has to do with.
struct Run<'a, E> {
    workspace: &'a Workspace,
    sandbox: &'a Sandbox<'a, E>,
    request: &'a Request,
    origin: &'a Origin,
    wanted: &'a [SourceOperation<'a>],
    tree: &'a Arc<Tree>,
    /// Marks its processes and its clone.
    id: &'a str,
}

/// What came of it.
enum Came {
    /// The operation failed in an app, or was ended.
    Failed(Report),
    /// It succeeded in all of them.
    Succeeded {
        /// Whether anything was committed.
        has_news: bool,
        /// What to print, where that is wanted.
        patch: Vec<u8>,
    },
}

/// Why nothing came of it.
enum Trouble {
    Failure(Failure),
    Lifecycle(lifecycle::Error),
    /// The clone cannot be made.
    Clone(scratch::Error),
    /// What an app's operation left cannot be taken.
    Take(String, scratch::Error),
    /// What was made cannot be looked at, or brought here.
    Bring(scratch::Error),
}

impl From<lifecycle::Error> for Trouble {
    fn from(err: lifecycle::Error) -> Self {
        Trouble::Lifecycle(err)
    }
}

impl From<crate::lock::Error> for Trouble {
    fn from(err: crate::lock::Error) -> Self {
        Trouble::Lifecycle(err.into())
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

impl<E: Engine> Run<'_, E> {
    async fn all(&self) -> Result<Came, Trouble> {
        let origin = self.origin;
        let place = self.place().await?;
        match origin.is_dirty().await {
            Ok(true) => {
                self.warn("uncommitted changes are left out: the operation starts from HEAD")
                    .await;
            }
            // Where Git cannot tell, as a filter of the user's is broken, the clone is none the worse.
            Ok(false) | Err(scratch::Error::Refused { .. }) => {}
            Err(err) => return Err(Trouble::Clone(err)),
        }
        self.tell(Event::CloneStarted {
            branch: origin.branch().to_owned(),
            commit: origin.head().to_owned(),
        })
        .await;
        let mut scratch = Scratch::of(origin, place, self.sandbox.shutdown)
            .await
            .map_err(Trouble::Clone)?;
        if scratch.has_submodules().await.map_err(Trouble::Clone)? {
            self.warn("submodules are empty directories in the clone: the operation does not see what is in them")
                .await;
        }
        for found in self.wanted {
            if let Some(failed) = self.one(found, &mut scratch).await? {
                return Ok(Came::Failed(failed));
            }
        }
        let mut patch = Vec::new();
        if self.request.diff {
            patch = scratch.diff().await.map_err(Trouble::Bring)?;
            self.tell(Event::Patch {
                patch: String::from_utf8_lossy(&patch).into_owned(),
            })
            .await;
        }
        if self.request.apply && scratch.has_news() {
            self.apply(&scratch).await?;
        }
        Ok(Came::Succeeded {
            has_news: scratch.has_news(),
            patch,
        })
    }

    /// A place for the clone. What others left who were killed goes first.
    async fn place(&self) -> Result<Place, Trouble> {
        let what = format!("source-operation run {}", self.request.operation);
        let state = &self.workspace.project.state_dir;
        let Sandbox {
            events, shutdown, ..
        } = self.sandbox;
        let guard = Lock::take(&scratch::guard(state), &what, events, shutdown).await?;
        let alive = scratch::clear(state);
        self.sandbox.remove_abandoned_sources(&alive).await?;
        let place = Place::make(state, self.id, &what)?;
        guard.release();
        Ok(place)
    }

    /// Runs it in one app. Returns how it ended where it did not end well.
    async fn one(
        &self,
        found: &SourceOperation<'_>,
        clone: &mut Scratch,
    ) -> Result<Option<Report>, Trouble> {
        let (plan, image) = self
            .workspace
            .plan(found.app, self.tree, &self.request.variables)
            .map_err(|err| Trouble::Failure(err.into()))?;
        let planned = planned(&plan, &image, self.tree, self.request.pull, false);
        let inbox = clone.inbox();
        let run = SourceRun {
            name: &found.name,
            command: &found.command,
            role: self.request.actor.role.name(),
            user: self.request.actor.name.as_deref(),
            parent: clone.parent(),
            branch: clone.branch(),
            head: clone.head(),
            inbox: &inbox,
            variables: &BTreeMap::new(),
            timeout: self.request.timeout,
            is_stdout_taken: self.request.is_stdout_taken,
            id: self.id,
        };
        let container = container(self.workspace, &plan, self.id);
        let done = self
            .sandbox
            .run_source_operation(&planned, &run, &container)
            .await?;
        let Some(made) = done.made else {
            return Ok(Some(done.report));
        };
        let app = &found.app.name;
        let mut event = Event::Committed {
            app: app.clone(),
            branch: clone.branch().to_owned(),
            commits: Vec::new(),
            rewrote_history: false,
        };
        if made.tip != clone.head() {
            let news = clone.take(&made.tip, &inbox).await;
            let news = news.map_err(|err| Trouble::Take(app.clone(), err))?;
            event = Event::Committed {
                app: app.clone(),
                branch: clone.branch().to_owned(),
                commits: news.commits,
                rewrote_history: news.rewritten,
            };
        }
        self.tell(event).await;
        for warning in losses(app, clone.branch(), &made.left) {
            self.warn(&warning).await;
        }
        Ok(None)
    }

    async fn apply(&self, scratch: &Scratch) -> Result<(), Trouble> {
        let name = branch_name(&self.request.operation);
        let applied = self.origin.apply(scratch, &name).await;
        let (branch, because) = match applied.map_err(Trouble::Bring)? {
            Applied::FastForward { branch } => (branch, None),
            Applied::Branch { branch, because } => (branch, Some(because)),
        };
        self.tell(Event::CommitsApplied {
            branch,
            commit: scratch.head().to_owned(),
            because,
        })
        .await;
        Ok(())
    }

    async fn tell(&self, event: Event) {
        self.sandbox.events.send(event).await;
    }

    async fn warn(&self, message: &str) {
        self.sandbox.events.warn(message, None).await;
    }
}

/// The branch that commits of an operation are brought to where the checked-out one cannot take them.
fn branch_name(operation: &str) -> String {
    let mut name = plain(operation, 60);
    if name.is_empty() {
        // Nothing of it may be part of a branch's name.
        name = format!("operation-{}", &hash(operation.as_bytes())[..8]);
    }
    format!("upsun-local/{name}")
}

/// What an operation left that Upsun would not keep either.
fn losses(app: &str, branch: &str, left: &[Left]) -> Vec<String> {
    let mut all = Vec::new();
    let list = |names: &[&String], count: usize| {
        let mut text: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if count > names.len() {
            text.push(format!("and {} more", count - names.len()));
        }
        text.join(", ")
    };
    let mut tags = Vec::new();
    for left in left {
        match left {
            Left::Files(count, names) => {
                let names: Vec<&String> = names.iter().collect();
                let (are, them) = if *count == 1 { ("file is", "is") } else { ("files are", "are") };
                all.push(format!(
                    "{app}: {count} {are} changed but not committed, and {them} gone: {}",
                    list(&names, *count)
                ));
            }
            Left::Detached(count) => {
                let plural = if *count == 1 { "" } else { "s" };
                all.push(format!(
                    "{app} left {count} commit{plural} on no branch: they are not taken, as Upsun pushes the branch that was checked out, `{branch}`"
                ));
            }
            Left::Branch(other) => all.push(format!(
                "{app} left commits on the branch `{other}`: they are not taken, as Upsun pushes the branch that was checked out, `{branch}`"
            )),
            Left::Tag(tag) => tags.push(tag),
            Left::Unfinished(what) => {
                all.push(format!("{app} left a {what} that is not finished, and it is gone"));
            }
        }
    }
    if !tags.is_empty() {
        let shown = &tags[..tags.len().min(5)];
        all.push(format!(
            "{app} made tags, and they are not taken: {}",
            list(shown, tags.len())
        ));
    }
    all
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

/// The container of an app for this: its image, and the variables of a build. It is in no environment's network.
fn container(workspace: &Workspace, plan: &AppPlan, id: &str) -> ContainerSpec {
    let mut spec = plan.build.container.clone();
    spec.name = workspace
        .project
        .name(&[&workspace.environment.name, &plan.app, "+source", id]);
    spec.labels =
        workspace
            .project
            .new_labels(Some(&workspace.environment.name), Some(&plan.app), "source");
    spec.volumes.clear();
    spec.variables.insert(
        "PLATFORM_SOURCE_DIR".to_owned(),
        SOURCE_DIRECTORY.to_owned(),
    );
    spec
}

fn failure(trouble: Trouble, shutdown: &Shutdown) -> Failure {
    match trouble {
        Trouble::Failure(failure) => failure,
        Trouble::Lifecycle(err) => Failure::of(err, shutdown),
        Trouble::Clone(err) => cannot_clone(&err, shutdown),
        Trouble::Take(_, scratch::Error::Interrupted)
        | Trouble::Bring(scratch::Error::Interrupted) => {
            Failure::of(lifecycle::Error::Interrupted, shutdown)
        }
        Trouble::Take(app, err) => {
            let code = match &err {
                scratch::Error::Io(_) => FAULT,
                _ => OPERATION_FAILED,
            };
            Failure::new(
                code,
                format!("what `{app}` committed cannot be taken: {err}"),
            )
        }
        Trouble::Bring(err) => {
            let code = match &err {
                scratch::Error::Io(_) => FAULT,
                _ => BAD_FILE,
            };
            Failure::new(code, format!("the commits cannot be brought here: {err}"))
        }
    }
}

fn cannot_clone(err: &scratch::Error, shutdown: &Shutdown) -> Failure {
    use scratch::Error as E;
    if matches!(err, E::Interrupted) {
        return Failure::of(lifecycle::Error::Interrupted, shutdown);
    }
    let code = match err {
        E::NoRepository(_) | E::NoCommit => USAGE,
        E::Below { .. } => BAD_CONFIGURATION,
        E::AnothersRepository(_) | E::Refused { .. } | E::NotWhole(_) => BAD_FILE,
        E::Io(_) | E::Interrupted => CANNOT_MAKE,
    };
    let failure = Failure::new(code, format!("the repository cannot be cloned: {err}"));
    match err {
        E::NoCommit | E::NoRepository(_) => failure.hint(
            "a source operation works on a commit: `git init`, `git add` and `git commit` make one",
        ),
        E::AnothersRepository(root) => failure.hint(format!(
            "`git config --global --add safe.directory {}` lets it",
            root.display()
        )),
        E::Io(err) if err.kind() == std::io::ErrorKind::NotFound => {
            failure.hint("install Git, or add it to `PATH`")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_has_a_name_whatever_the_operation_is_called() {
        assert_eq!(branch_name("Update deps"), "upsun-local/update-deps");
        assert_eq!(branch_name("更新"), branch_name("更新"));
        for name in ["更新", "-", "..", ""] {
            let branch = branch_name(name);
            assert!(branch.starts_with("upsun-local/operation-"), "{branch}");
        }
    }

    #[test]
    fn what_is_lost_is_said_by_name() {
        let text = |text: &str| text.to_owned();
        let left = [
            Left::Files(7, vec![text("a"), text("b")]),
            Left::Detached(1),
            Left::Branch(text("x")),
            Left::Tag(text("v1")),
            Left::Unfinished(text("merge")),
            Left::Tag(text("v2")),
        ];
        insta::assert_snapshot!(losses("web", "main", &left).join("\n"), @r#"
        web: 7 files are changed but not committed, and are gone: `a`, `b`, and 5 more
        web left 1 commit on no branch: they are not taken, as Upsun pushes the branch that was checked out, `main`
        web left commits on the branch `x`: they are not taken, as Upsun pushes the branch that was checked out, `main`
        web left a merge that is not finished, and it is gone
        web made tags, and they are not taken: `v1`, `v2`
        "#);
    }
}
