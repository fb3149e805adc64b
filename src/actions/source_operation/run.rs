//! The run of a source operation: on a clone, in one app after the other, until its commits are in the repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::prepared::planned;
use super::Request;
use super::losses::losses;
use super::trouble::Trouble;
use crate::engine::Engine;
use crate::engine::spec::ContainerSpec;
use crate::event::{self, Event};
use crate::labels::Kind;
use crate::lifecycle::{Report, SOURCE_DIRECTORY, Sandbox, SourceRun};
use crate::lock::Lock;
use crate::plan::AppPlan;
use crate::project::{hash, plain};
use crate::scratch::{self, Applied, Origin, Place, Scratch};
use crate::source::Tree;
use crate::workspace::{SourceOperation, Workspace};

/// What all steps of the run need.
pub(super) struct Run<'a, E> {
    pub(super) workspace: &'a Workspace,
    pub(super) sandbox: &'a Sandbox<'a, E>,
    pub(super) request: &'a Request,
    pub(super) origin: &'a Origin,
    pub(super) wanted: &'a [SourceOperation<'a>],
    pub(super) tree: &'a Arc<Tree>,
    /// Identifies the processes and the clone of this run.
    pub(super) id: &'a str,
}

/// The result of a run.
pub(super) enum Came {
    /// The operation failed in an app, or was stopped.
    Failed(Report),
    /// The operation succeeded in all apps.
    Succeeded {
        /// Whether the operation made commits.
        has_news: bool,
        /// The patch to print, if the request asks for one.
        patch: Vec<u8>,
    },
}

impl<E: Engine> Run<'_, E> {
    pub(super) async fn all(&self) -> Result<Came, Trouble> {
        let origin = self.origin;
        let place = self.place().await?;
        match origin.is_dirty().await {
            Ok(true) => {
                self.warn("uncommitted changes are left out: the operation starts from HEAD")
                    .await;
            }
            // Git may refuse to compare, for example because of a broken filter of the user. The clone works without
            // the answer.
            Ok(false) | Err(scratch::Error::Refused { .. }) => {}
            Err(err) => return Err(Trouble::Clone(err)),
        }
        self.tell(event::Source::CloneStarted {
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
            self.tell(event::Source::Patch {
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

    /// Makes the directory for the clone, after removing the clones of processes that were killed.
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

    /// Runs the operation in one app. Returns the report if the operation did not succeed.
    async fn one(
        &self,
        found: &SourceOperation<'_>,
        clone: &mut Scratch,
    ) -> Result<Option<Report>, Trouble> {
        let (plan, image) = self
            .workspace
            .plan(found.app, self.tree, &self.request.variables)
            .map_err(|err| Trouble::Failure(err.into()))?;
        let planned = planned(&plan, &image, self.tree, self.request.pull);
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
        let mut event = Event::Source(event::Source::Committed {
            app: app.clone(),
            branch: clone.branch().to_owned(),
            commits: Vec::new(),
            rewrote_history: false,
        });
        if made.tip != clone.head() {
            let news = clone.take(&made.tip, &inbox).await;
            let news = news.map_err(|err| Trouble::Take(app.clone(), err))?;
            event = Event::Source(event::Source::Committed {
                app: app.clone(),
                branch: clone.branch().to_owned(),
                commits: news.commits,
                rewrote_history: news.rewritten,
            });
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
        self.tell(event::Source::CommitsApplied {
            branch,
            commit: scratch.head().to_owned(),
            because,
        })
        .await;
        Ok(())
    }

    async fn tell(&self, event: impl Into<Event>) {
        self.sandbox.events.send(event).await;
    }

    async fn warn(&self, message: &str) {
        self.sandbox.events.warn(message, None).await;
    }
}

/// The branch that gets the commits if the checked-out branch cannot.
fn branch_name(operation: &str) -> String {
    let mut name = plain(operation, 60);
    if name.is_empty() {
        // The operation's name has no character that a branch's name may have.
        name = format!("operation-{}", &hash(operation.as_bytes())[..8]);
    }
    format!("upsun-local/{name}")
}

/// The container in which an app's source operation runs: the app's image with the variables of a build, in no
/// environment's network.
fn container(workspace: &Workspace, plan: &AppPlan, id: &str) -> ContainerSpec {
    let mut spec = plan.build.container.clone();
    spec.name = workspace
        .project
        .name(&[&workspace.environment.name, &plan.app, "+source", id]);
    spec.labels = workspace.project.new_labels(
        Some(&workspace.environment.name),
        Some(&plan.app),
        Kind::Source,
    );
    spec.volumes.clear();
    spec.variables.insert(
        "PLATFORM_SOURCE_DIR".to_owned(),
        SOURCE_DIRECTORY.to_owned(),
    );
    spec
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
}
