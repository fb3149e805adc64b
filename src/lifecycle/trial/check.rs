//! Checks whether an operation passes with the suggested mounts: runs it where only they can be written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::super::execute::Command;
use super::super::operation::{Done, GRACE};
use super::super::{Deployed, Mark, OperationRun, Planned, Result, Sandbox};
use super::Trying;
use super::copies::{Copies, Method};
use crate::engine::Engine;
use crate::event::{self, Event, MountCheck, Outcome, Text, Trouble};
use crate::event::{NewMount, Suggestion};
use crate::mount_suggestion::{Listings, suggest_another};
use crate::output::Output;
use crate::plan::ContainerPlan;

/// How often to try again with a mount whose need only showed when the other mounts existed.
const ROUNDS: usize = 4;

/// How much of the output is searched for the cause of a failure, in bytes.
const SEARCHED: usize = 16 * 1024;

/// What all checks of one trial have in common.
pub(super) struct Checking<'a> {
    pub(super) planned: &'a Planned<'a>,
    pub(super) run: &'a OperationRun<'a>,
    pub(super) deployed: &'a Deployed,
    pub(super) trying: &'a Trying<'a>,
    pub(super) listings: &'a Listings<'a>,
    /// How to copy the files of the app.
    pub(super) method: Method,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs the operation with the suggested mounts and, if it does not pass, with smaller and with larger mounts.
    /// `None` if the plan of the container with these mounts cannot be made.
    pub(super) async fn check_mounts(
        &self,
        checking: &Checking<'_>,
        suggestion: &mut Suggestion,
    ) -> Result<Option<MountCheck>> {
        let own = self.check_layout(checking, &mut suggestion.mounts).await?;
        let Some(own) = own else { return Ok(None) };
        if own.result != Outcome::Failure || suggestion.is_hopeless(&own) {
            return Ok(Some(own));
        }
        for mut mounts in std::mem::take(&mut suggestion.alternatives) {
            let check = self.check_layout(checking, &mut mounts).await?;
            let Some(check) = check else { continue };
            if matches!(check.result, Outcome::Success | Outcome::Cancelled) {
                suggestion.mounts = mounts;
                return Ok(Some(check));
            }
        }
        Ok(Some(own))
    }

    /// Checks one set of mounts, and adds mounts that the operation turns out to need as well.
    async fn check_layout(
        &self,
        checking: &Checking<'_>,
        mounts: &mut Vec<NewMount>,
    ) -> Result<Option<MountCheck>> {
        let (listings, known) = (checking.listings, checking.trying.known);
        let mut round = 1;
        loop {
            let Some(plan) = (checking.trying.with_mounts)(mounts) else {
                return Ok(None);
            };
            let check = self.check_once(checking, &plan, mounts.len()).await?;
            let another = check
                .read_only
                .as_ref()
                .filter(|_| check.result == Outcome::Failure && round < ROUNDS)
                .and_then(|write| suggest_another(write, mounts, listings, known));
            let Some(another) = another else {
                return Ok(Some(check));
            };
            mounts.push(another);
            mounts.sort_by(|one, other| one.path.cmp(&other.path));
            round += 1;
        }
    }

    async fn check_once(
        &self,
        checking: &Checking<'_>,
        plan: &ContainerPlan,
        mounts: usize,
    ) -> Result<MountCheck> {
        let Checking { planned, run, .. } = *checking;
        let title = plan.title(&planned.plan.app);
        self.emit(event::Mounts::CheckStarted {
            container: title.clone(),
            operation: run.operation.name.clone(),
            mounts,
        })
        .await;
        let user = planned.plan.build.user;
        let read_only = |method| Copies::read_only(run.container, plan, user, method);
        let (_, filled) = self.copy_app(&title, checking.method, &read_only).await?;
        let id = filled.container;
        self.engine.start_container(&id).await?;
        let said = Mutex::new(Vec::new());
        let event = |output: Output| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend_from_slice(output.bytes());
            // Cut only when the text has twice the size, so that cutting is rare.
            if said.len() > 2 * SEARCHED {
                let excess = said.len() - SEARCHED;
                said.drain(..excess);
            }
            Event::Mounts(event::Mounts::CheckOutput {
                output: Text(output),
            })
        };
        self.run_failed_hooks(&id, plan, checking, event).await?;
        if let Some(address) = run.listens_at {
            self.listens(&id, address).await?;
        }
        self.checkpoint()?;
        let command = Command {
            container: &id,
            title: &title,
            what: &run.operation.name,
            script: &run.operation.start,
            mark: Mark::of_run(),
            variables: run.variables,
            stop: run.operation.stop.as_deref(),
            timeout: run.timeout,
            grace: GRACE,
        };
        let done = self
            .carry_out(&command, &plan.mounts, Some(planned.source()), event)
            .await?;
        let said = String::from_utf8_lossy(&said.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned();
        let check = judge(done, &plan.mounts, &said);
        self.emit(event::Mounts::CheckFinished {
            container: title,
            check: check.clone(),
        })
        .await;
        Ok(check)
    }

    /// Runs the hooks that failed where the app could not write.
    async fn run_failed_hooks(
        &self,
        id: &str,
        plan: &ContainerPlan,
        checking: &Checking<'_>,
        event: impl Fn(Output) -> Event,
    ) -> Result<()> {
        let title = plan.title(&checking.planned.plan.app);
        let none = BTreeMap::new();
        let hooks = plan.hooks.iter();
        let failed = &checking.deployed.failed_hooks;
        for hook in hooks.filter(|hook| failed.contains(&hook.step)) {
            let command = Command {
                container: id,
                title: &title,
                what: hook.step.key(),
                script: &hook.script,
                mark: Mark::of_run(),
                variables: &none,
                stop: None,
                timeout: None,
                grace: GRACE,
            };
            self.execute(&command, &event, |_| ()).await?;
        }
        Ok(())
    }
}

/// The result of a run with `mounts` that printed `said`.
fn judge(done: Done, mounts: &[String], said: &str) -> MountCheck {
    // An operation that succeeded does not need the paths that it could not write to.
    let refused = done.advice.read_only.as_ref();
    let refused = refused.filter(|_| done.outcome == Outcome::Failure);
    let refused = refused.and_then(|write| write.path.as_deref());
    let is_mount = refused.is_some_and(|path| {
        let mut mounts = mounts.iter();
        mounts.any(|mount| path.strip_prefix("/app/") == Some(mount))
    });
    let trouble = match done.outcome {
        // The operation tried to replace the mount itself, and the directory that contains the mount is read-only.
        Outcome::Failure if is_mount => Some(Trouble::Stays),
        Outcome::Failure if refused.is_none() => Trouble::of(said),
        _ => None,
    };
    MountCheck {
        result: done.outcome,
        exit_code: done.exit_code,
        duration: done.duration,
        read_only: done
            .advice
            .read_only
            .filter(|_| done.outcome == Outcome::Failure && !is_mount),
        trouble,
    }
}
