//! Run tests of operations, and restore the mounts after each test. Tests of one container run one after the other.

mod cases;
mod one;
mod parts;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};

pub use self::cases::{Case, cases};
use self::cases::{decided, skipped, verdict};
pub use self::parts::{identity_of, part_of, shares};
use super::Actions;
use super::prepared::Prepared;
use crate::activity::Draft;
use crate::engine::Engine;
use crate::event::{self, Event, Events, Text};
use crate::failure::{FAULT, Failure};
use crate::lifecycle::{Error, Pull, Restored, Sandbox};
use crate::mask::Secrets;
use crate::mount_snapshot::{BEFORE_RUN, Index, Store};
use crate::settings::Expected;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suite::{Printed, Status, Verdict};
use crate::workspace::{Running, Workspace};

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
    let state = State::default();
    let mut verdicts = Vec::new();
    for case in cases {
        let verdict = match decided(case) {
            Some(verdict) if !state.is_stopped.load(Relaxed) => verdict,
            _ => skipped(case, "a test before it failed"),
        };
        state.note(&verdict, request);
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
}

impl<E: Engine> Actions<E> {
    /// Runs tests and reports each verdict as soon as it is known, including those of tests that were skipped or cut
    /// off. A failure of `upsun-local` itself is reported once, and all tests that did not run get it as their
    /// verdict.
    pub async fn test(
        &self,
        planned: &PlannedTests,
        cases: &[Case<'_>],
        request: &Request,
        audience: &dyn Audience,
    ) -> (Vec<Verdict>, Result<(), Failure>) {
        let count = cases.len();
        let _heeding = self.record(Draft::Tests { count });
        let verdicts: Verdicts = Mutex::new(vec![None; count]);
        let tell = |number: usize, verdict: Verdict| {
            audience.makes_room();
            if let Some(warning) = self.recording.with(|recorder| recorder.verdict(&verdict)) {
                self.events.offer(warning);
            }
            audience.ended(&verdict);
            verdicts.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(verdict);
        };
        let sandbox = self.sandbox();
        let suite = Suite {
            workspace: &self.workspace,
            tree: &planned.tree,
            prepared: &planned.prepared,
            sandbox: &sandbox,
            request,
            secrets: self.workspace.secrets_in_containers(),
            audience,
        };
        let result = self.carry_out(suite.all(cases, &tell)).await;
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
        (verdicts, result)
    }
}

/// Gives the failure an exit code of `upsun-local`, so that it is never taken for a failure of an operation.
pub fn fault(mut failure: Failure) -> Failure {
    failure.code = FAULT;
    failure
}

struct Suite<'a, E> {
    workspace: &'a Workspace,
    tree: &'a Arc<Tree>,
    prepared: &'a BTreeMap<String, Prepared>,
    sandbox: &'a Sandbox<'a, E>,
    request: &'a Request,
    secrets: Secrets,
    audience: &'a dyn Audience,
}

/// What the tests of all containers share.
#[derive(Debug, Default)]
struct State {
    /// Whether no further test may begin.
    is_stopped: AtomicBool,
    /// Whether the project's warnings have been sent.
    is_warned: AtomicBool,
    /// Only one container starts at a time, because containers share services and images.
    coming_up: tokio::sync::Mutex<()>,
}

impl State {
    fn note(&self, verdict: &Verdict, request: &Request) {
        let is_bad = matches!(verdict.status, Status::Failed(_) | Status::Error(_));
        if request.fail_fast && is_bad {
            self.is_stopped.store(true, Relaxed);
        }
    }
}

impl<E: Engine> Suite<'_, E> {
    async fn all(
        &self,
        cases: &[Case<'_>],
        tell: &(dyn Fn(usize, Verdict) + Sync),
    ) -> Result<(), Error> {
        let lock = self.sandbox.lock("test").await?;
        let state = State::default();
        let results: Vec<Result<(), Error>> = stream::iter(self.groups(cases))
            .map(|group| self.group(cases, group, &state, tell))
            .buffer_unordered(self.request.jobs.get().into())
            .collect()
            .await;
        results.into_iter().collect::<Result<(), Error>>()?;
        if self.sandbox.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(())
    }

    /// Groups the tests, by their numbers: tests of a group run one after the other, because their containers share a
    /// mount. Without `--jobs` there is one group, in the order of the configuration.
    fn groups(&self, cases: &[Case<'_>]) -> Vec<Vec<usize>> {
        if self.request.jobs.get() == 1 {
            return vec![(0..cases.len()).collect()];
        }
        let mut groups: Vec<(BTreeSet<&str>, Vec<usize>)> = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let mut volumes: BTreeSet<&str> = BTreeSet::new();
            let prepared = &self.prepared[&case.place()];
            let storage = prepared.container().storage.iter();
            volumes.extend(storage.map(|volume| volume.name.as_str()));
            // An operation of an app may communicate with the app's worker.
            volumes.insert(&prepared.plan.app);
            let mut numbers = vec![number];
            let (same, others): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|(shared, _)| !shared.is_disjoint(&volumes));
            groups = others;
            for (shared, of) in same {
                volumes.extend(shared);
                numbers.extend(of);
            }
            numbers.sort_unstable();
            groups.push((volumes, numbers));
        }
        let mut groups: Vec<_> = groups.into_iter().map(|(_, numbers)| numbers).collect();
        groups.sort_unstable();
        groups
    }

    /// Runs tests one after the other.
    async fn group(
        &self,
        cases: &[Case<'_>],
        numbers: Vec<usize>,
        state: &State,
        tell: &(dyn Fn(usize, Verdict) + Sync),
    ) -> Result<(), Error> {
        let mut befores: BTreeMap<String, Result<Before, (Status, String)>> = BTreeMap::new();
        for number in numbers {
            let case = &cases[number];
            let verdict = if state.is_stopped.load(Relaxed) {
                skipped(case, "a test before it failed")
            } else if let Some(verdict) = decided(case) {
                verdict
            } else if self.sandbox.shutdown.urgency() > Urgency::None {
                skipped(case, "interrupted before it began")
            } else {
                let before = match befores.entry(case.place()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(self.first(case, state).await),
                };
                match before {
                    Ok(before) if before.is_lost.load(Relaxed) => {
                        skipped(case, "the mounts are not as they were before the tests")
                    }
                    Ok(before) => self.one(case, before).await,
                    Err((status, printed)) => Verdict {
                        output: (String::new(), printed.clone()),
                        ..verdict(case, status.clone())
                    },
                }
            };
            state.note(&verdict, self.request);
            tell(number, verdict);
        }
        for (place, before) in &befores {
            let Ok(before) = before else { continue };
            let restored = std::mem::take(
                &mut *before
                    .restored
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            );
            if before.is_lost.load(Relaxed) {
                // Keep the snapshot: the next command tries again to restore it.
                continue;
            }
            self.sandbox
                .warn_unlike(place, &restored, &before.flags, BEFORE_RUN)
                .await;
            if restored.is_incomplete {
                before.store.give_up(BEFORE_RUN);
            } else {
                before.store.remove(BEFORE_RUN)?;
            }
        }
        Ok(())
    }

    /// Brings up the container of a test, and sends the events of that. A failure comes with the output of hooks.
    async fn first(&self, case: &Case<'_>, state: &State) -> Result<Before, (Status, String)> {
        let _turn = state.coming_up.lock().await;
        let (events, mut receiver) = Events::channel();
        let brought = async move {
            let engine = self.sandbox.engine;
            let sandbox = self
                .workspace
                .sandbox(engine, &events, self.sandbox.shutdown);
            self.bring_up(case, state, &sandbox).await
        };
        let mut printed = Printed::default();
        let tell = async {
            while let Some(event) = receiver.recv().await {
                if let Event::Script(event::Script::Output {
                    output: Text(piece),
                    ..
                }) = &event
                {
                    printed.push(piece.bytes());
                }
                self.audience.makes_room();
                self.sandbox.events.send(event).await;
            }
        };
        let (brought, ()) = tokio::join!(brought, tell);
        brought.map_err(|status| (status, self.secrets.mask(&printed.text())))
    }

    /// Brings up the container of a test, and takes a snapshot of its mounts.
    async fn bring_up(
        &self,
        case: &Case<'_>,
        state: &State,
        sandbox: &Sandbox<'_, E>,
    ) -> Result<Before, Status> {
        let of = |err: Error| self.status(err);
        let place = case.place();
        let prepared = &self.prepared[&place];
        let container = prepared.container();
        let planned = prepared.planned(self.request.pull, false);
        let reached = prepared.reached(self.request.pull);
        let containers = sandbox.containers().await.map_err(of)?;
        if !container.is_current(&containers) && !state.is_warned.swap(true, Relaxed) {
            self.workspace
                .warn(sandbox.events, self.tree, Running::All)
                .await;
        }
        let containers = sandbox
            .ensure_reached(&reached, containers)
            .await
            .map_err(of)?;
        let deployed = sandbox
            .ensure_ready(&planned, container, &containers, prepared.listens_at())
            .await
            .map_err(of)?;
        let store = self.workspace.snapshots(&place);
        if store.has(BEFORE_RUN) {
            return Err(of(Error::NotUndone {
                container: place,
                snapshot: BEFORE_RUN.to_owned(),
                flags: self
                    .workspace
                    .mount_flags(&case.found.app.name, case.found.worker),
            }));
        }
        let taken = sandbox
            .take_snapshot(&deployed.id, &place, &container.mounts, &store, BEFORE_RUN)
            .await
            .map_err(of)?;
        Ok(Before {
            index: taken.index,
            _held: store.hold(BEFORE_RUN),
            store,
            is_lost: AtomicBool::new(false),
            restored: Mutex::default(),
            flags: self
                .workspace
                .mount_flags(&case.found.app.name, case.found.worker),
        })
    }

    /// A build that fails here fails on Upsun too. Any other error is one of `upsun-local` or of the engine.
    fn status(&self, err: Error) -> Status {
        match err {
            Error::Interrupted => Status::Skipped("interrupted".to_owned()),
            err @ (Error::Build { .. } | Error::BuildTimeout { .. }) => {
                Status::Failed(vec![err.to_string()])
            }
            err => {
                let failure = Failure::of(err, self.sandbox.shutdown);
                let hint = failure.hint.map(|hint| format!("; {hint}"));
                Status::Error(format!("{}{}", failure.message, hint.unwrap_or_default()))
            }
        }
    }
}
