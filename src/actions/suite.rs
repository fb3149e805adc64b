//! Run tests of operations, and restore the mounts after each test. On one engine, tests of one container run one after
//! the other. On several engines, each has containers of its own, and a test goes to the engine that is free.

mod builds;
mod cases;
mod homes;
mod lane;
mod one;
mod parts;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::btree_map::{BTreeMap, Entry};
use std::num::NonZeroU8;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::cases::{Case, cases};
use self::cases::{decided, skipped, verdict};
use self::lane::Lane;
pub use self::parts::{identity_of, part_of, shares};
use self::shared::Shared;
use super::Actions;
use super::prepared::Prepared;
use crate::activity::Draft;
use crate::engine::Engine;
use crate::failure::{FAULT, Failure};
use crate::lifecycle::{Error, Pull, Restored};
use crate::mount_snapshot::{Index, Store};
use crate::settings::Expected;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suite::{EngineUse, Status, Verdict};
use crate::workspace::Workspace;

/// How to run the tests.
#[derive(Debug, Clone)]
pub struct Request {
    /// When to ask the registry for images.
    pub pull: Pull,
    /// How many containers to test at the same time.
    pub jobs: NonZeroU8,
    /// Whether to stop after the first test that fails.
    pub fail_fast: bool,
    /// The time limit of tests for which neither the test nor its operation has one.
    pub timeout: Option<Duration>,
    /// Whether to report everything that happens in a test.
    pub is_verbose: bool,
}

/// One of several engines, and the address or docker context by which the user names it.
#[derive(Debug, Clone)]
pub struct Named<E> {
    pub name: String,
    pub engine: Arc<E>,
}

/// What became of tests.
#[derive(Debug)]
pub struct Tested {
    /// In the order of the tests.
    pub verdicts: Vec<Verdict>,
    /// What each engine did, if there were several.
    pub engines: Vec<EngineUse>,
    /// A failure of `upsun-local` itself.
    pub result: Result<(), Failure>,
}

/// Gets the progress of the tests, beside the listener to events.
pub trait Audience: Sync {
    /// Called when a test begins.
    fn begins(&self, name: &str);
    /// Called before other text is printed, so that a progress line can be removed.
    fn makes_room(&self);
    /// Called when a test ended, or was skipped.
    fn ended(&self, verdict: &Verdict);
}

/// The content of a container's mounts before the first test.
struct Before {
    /// The engine's id of the container.
    container: String,
    index: Index,
    store: Store,
    /// Keeps other processes from restoring this snapshot in the meantime.
    _held: Option<std::fs::File>,
    /// Whether the mounts could not be restored after a test.
    is_lost: AtomicBool,
    /// What still differed after the last restore.
    restored: Mutex<Restored>,
    /// The options that name this container in an `upsun-local mount` command.
    flags: String,
}

/// The verdicts so far, by the number of the test; `None` for a test without one yet.
type Verdicts = Mutex<Vec<Option<Verdict>>>;

/// Whether tests need an engine: a role's denial is known without one.
pub fn needs_engine(cases: &[Case<'_>]) -> bool {
    cases
        .iter()
        .any(|case| case.definition.expect != Expected::Denied && case.is_allowed())
}

/// The verdicts of tests that need no engine.
pub fn decide(cases: &[Case<'_>], request: &Request, audience: &dyn Audience) -> Vec<Verdict> {
    let mut is_stopped = false;
    let mut verdicts = Vec::new();
    for case in cases {
        let verdict = match decided(case) {
            Some(verdict) if !is_stopped => verdict,
            _ => skipped(case, "a test before it failed"),
        };
        is_stopped |= request.fail_fast && is_bad(&verdict);
        audience.ended(&verdict);
        verdicts.push(verdict);
    }
    verdicts
}

/// The verdicts after a failure of `upsun-local` itself: the same for all tests that did not run.
pub fn all_failed(cases: &[Case<'_>], failure: &Failure) -> Vec<Verdict> {
    let status = Status::Error(failure.message.clone());
    cases
        .iter()
        .map(|case| verdict(case, status.clone()))
        .collect()
}

/// The exit code for verdicts: 1 if a test failed, 70 if `upsun-local` could not run a test.
pub fn exit_code(verdicts: &[Verdict], shutdown: &Shutdown) -> u8 {
    let any = |of: fn(&Status) -> bool| verdicts.iter().any(|verdict| of(&verdict.status));
    if let Some(code) = shutdown.exit_code() {
        code
    } else if any(|status| matches!(status, Status::Error(_))) {
        FAULT
    } else {
        u8::from(any(|status| matches!(status, Status::Failed(_))))
    }
}

/// The exit code for verdicts of several jobs. Nothing failed in a job that was interrupted, and nothing is known of
/// its other tests.
pub fn exit_code_of_merged(verdicts: &[Verdict]) -> u8 {
    match exit_code(verdicts, &Shutdown::new()) {
        0 if verdicts
            .iter()
            .any(|it| matches!(it.status, Status::Skipped(_))) =>
        {
            FAULT
        }
        code => code,
    }
}

/// Tests with the plans of their containers.
#[derive(Debug)]
pub struct PlannedTests {
    tree: Arc<Tree>,
    /// By the container's name: the app, or `app--worker`.
    prepared: BTreeMap<String, Prepared>,
}

impl PlannedTests {
    /// Plans the containers of tests.
    pub fn prepare(workspace: &Workspace, cases: &[Case<'_>]) -> Result<Self, Failure> {
        let tree = workspace.scan()?;
        let mut prepared = BTreeMap::new();
        for case in cases {
            if let Entry::Vacant(entry) = prepared.entry(case.place()) {
                let found = &case.found;
                entry.insert(Prepared::of(workspace, found.app, found.worker, &tree)?);
            }
        }
        Ok(PlannedTests { tree, prepared })
    }

    /// The same tests in the apps as they are edited.
    #[must_use]
    pub fn synced(mut self) -> Self {
        let prepared = self.prepared.into_iter();
        self.prepared = prepared
            .map(|(place, prepared)| (place, prepared.synced()))
            .collect();
        self
    }
}

impl<E: Engine> Actions<E> {
    /// Runs tests and reports each verdict as soon as it is known, including those of tests that were skipped or cut
    /// off. A failure of `upsun-local` itself is reported once, and all tests that did not run get it as their
    /// verdict. With several `engines`, the tests are spread over them, and what they make there is removed afterwards.
    pub async fn test(
        &self,
        planned: &PlannedTests,
        cases: &[Case<'_>],
        request: &Request,
        audience: &dyn Audience,
        engines: &[Named<E>],
    ) -> Tested {
        let count = cases.len();
        let synced = planned.prepared.values().any(|it| it.is_synced);
        let _heeding = self.record(Draft::Tests { count, synced });
        let verdicts: Verdicts = Mutex::new(vec![None; count]);
        let tell = |number: usize, verdict: Verdict| {
            audience.makes_room();
            if let Some(warning) = self.recording.with(|recorder| recorder.verdict(&verdict)) {
                self.events.offer(warning);
            }
            audience.ended(&verdict);
            verdicts.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(verdict);
        };
        let uses: Mutex<Vec<EngineUse>> = Mutex::default();
        let all = self.test_all(planned, (cases, request, audience), engines, &tell, &uses);
        let result = self.carry_out(all).await;
        audience.makes_room();
        let result = match result {
            Ok(()) => Ok(()),
            // If a signal ended the tests, the exit code says so.
            Err(_) if self.shutdown.urgency() > Urgency::None => Ok(()),
            Err(failure) => Err(fault(failure)),
        };
        for (number, case) in cases.iter().enumerate() {
            let is_known =
                verdicts.lock().unwrap_or_else(PoisonError::into_inner)[number].is_some();
            match &result {
                _ if is_known => {}
                Ok(()) => tell(number, skipped(case, "interrupted before it ended")),
                Err(failure) => {
                    let status = Status::Error(failure.message.clone());
                    let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                    verdicts[number] = Some(verdict(case, status));
                }
            }
        }
        let verdicts = verdicts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let verdicts: Vec<Verdict> = verdicts.into_iter().flatten().collect();
        let code = exit_code(&verdicts, &self.shutdown);
        let result = self.finish(result, |()| code).await;
        Tested {
            verdicts,
            engines: uses.into_inner().unwrap_or_else(PoisonError::into_inner),
            result,
        }
    }

    async fn test_all(
        &self,
        planned: &PlannedTests,
        (cases, request, audience): (&[Case<'_>], &Request, &dyn Audience),
        engines: &[Named<E>],
        tell: &(dyn Fn(usize, Verdict) + Sync),
        uses: &Mutex<Vec<EngineUse>>,
    ) -> Result<(), Error> {
        for prepared in planned.prepared.values() {
            if prepared.is_synced {
                self.wait_until_synced(prepared).await?;
            }
        }
        let lock = self.sandbox().lock("test").await?;
        let homes = self.homes(engines, uses).await?;
        let shared = Shared::new(cases, &planned.prepared, request, &homes, tell);
        let secrets = self.workspace.secrets_in_containers();
        let lanes = homes.iter().enumerate().map(|(number, home)| Lane {
            number,
            home,
            workspace: &home.workspace,
            tree: &planned.tree,
            prepared: &planned.prepared,
            sandbox: home.sandbox(&self.events),
            request,
            secrets: &secrets,
            audience,
            shared: &shared,
            stop: &self.shutdown,
            coming_up: tokio::sync::Mutex::default(),
            befores: Mutex::default(),
            gone: tokio::sync::watch::Sender::new(None),
        });
        let lanes: Vec<Lane<'_, E>> = lanes.collect();
        let results = futures_util::future::join_all(lanes.iter().map(Lane::run)).await;
        drop(lanes);
        shared.finish();
        self.leave(&homes, &shared.lost()).await;
        uses.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(shared.uses());
        results.into_iter().collect::<Result<(), Error>>()?;
        if self.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(())
    }
}

/// Whether a test says that something is wrong.
fn is_bad(verdict: &Verdict) -> bool {
    matches!(verdict.status, Status::Failed(_) | Status::Error(_))
}

/// Gives the failure an exit code of `upsun-local`, so that it is never taken for a failure of an operation.
pub fn fault(mut failure: Failure) -> Failure {
    failure.code = FAULT;
    failure
}
