//! Runs tests, and puts the mounts back after each. Tests of one container run one after the other.

mod one;
mod progress;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use self::progress::Progress;
use super::super::context::Context;
use super::super::failure::Failure;
use super::super::mount::snapshots::{BEFORE_RUN, flags, store, tell_not_undone};
use super::super::recording::Recording;
use super::super::run::listens_at;
use super::super::warnings::Running;
use super::super::workspace::Workspace;
use super::Arguments;
use super::cases::{Case, decided, skipped, verdict};
use crate::activity::Draft;
use crate::engine::Engine;
use crate::event::{Event, Events, Text};
use crate::lifecycle::{Error, ImageRecipe, Restored, Sandbox};
use crate::mask::Secrets;
use crate::mount_snapshot::{Index, Store};
use crate::plan::{AppPlan, ContainerPlan};
use crate::settings::Expected;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suite::{Printed, Status, Verdict};
use crate::user_variables::UserVariables;

/// What an app's tests start from.
struct Prepared {
    plan: AppPlan,
    image: ImageRecipe,
    reached: Vec<(AppPlan, ImageRecipe)>,
}

/// What is on the mounts of a container before any test.
struct Before {
    index: Index,
    store: Store,
    /// What keeps others from putting it back meanwhile.
    _held: Option<std::fs::File>,
    /// Whether what is there now could not be put back to that.
    is_lost: Cell<bool>,
    /// What was not as before after the last test, although it was put back.
    restored: RefCell<Restored>,
    /// What says to `upsun-local mount` which container it is.
    flags: String,
}

/// Runs them, and tells of each as it ends: also of those that were not run, or not to their end. Where the emulator
/// fails as a whole, that is told once, and stands in the verdicts of all that were not run.
pub(super) async fn run(
    context: &Context,
    workspace: &Workspace,
    cases: &[Case<'_>],
    arguments: &Arguments,
    shutdown: &Shutdown,
    show: &dyn Fn(&Verdict),
) -> (Vec<Verdict>, Result<(), Failure>) {
    let verdicts: Vec<_> = cases.iter().map(|_| RefCell::new(None)).collect();
    let tell = |case: usize, verdict: Verdict| {
        show(&verdict);
        *verdicts[case].borrow_mut() = Some(verdict);
    };
    let needs_engine = cases
        .iter()
        .any(|case| case.definition.expect != Expected::Denied && case.is_allowed());
    let mut recording = Recording::default();
    let result = if needs_engine {
        let recording = &mut recording;
        on_engine(
            context, workspace, cases, arguments, shutdown, recording, &tell,
        )
        .await
    } else {
        let state = State::default();
        for (number, case) in cases.iter().enumerate() {
            let verdict = match decided(case) {
                Some(verdict) if !state.is_stopped.get() => verdict,
                _ => skipped(case, "a test before it failed"),
            };
            state.note(&verdict, arguments);
            tell(number, verdict);
        }
        Ok(())
    };
    for (number, case) in cases.iter().enumerate() {
        if verdicts[number].borrow().is_some() {
            continue;
        }
        if let Err(failure) = &result {
            let status = Status::Error(failure.message.clone());
            *verdicts[number].borrow_mut() = Some(verdict(case, status));
            continue;
        }
        let verdict = skipped(case, "interrupted before it ended");
        let _ = recording.with(|recorder| recorder.verdict(&verdict));
        tell(number, verdict);
    }
    let verdicts: Vec<Verdict> = verdicts
        .into_iter()
        .filter_map(RefCell::into_inner)
        .collect();
    let code = result
        .as_ref()
        .map(|()| super::exit_code(&verdicts, shutdown));
    recording.end(context, code, shutdown);
    (verdicts, result)
}

async fn on_engine(
    context: &Context,
    workspace: &Workspace,
    cases: &[Case<'_>],
    arguments: &Arguments,
    shutdown: &Shutdown,
    recording: &mut Recording,
    tell: &dyn Fn(usize, Verdict),
) -> Result<(), Failure> {
    let tree = workspace.scan()?;
    let mut prepared = BTreeMap::new();
    for case in cases {
        let app = case.found.app;
        if let Entry::Vacant(entry) = prepared.entry(case.place()) {
            let (plan, image) = workspace.plan(app, &tree, &UserVariables::new())?;
            let reached = workspace.reached(app, case.found.worker, &tree)?;
            entry.insert(Prepared {
                plan,
                image,
                reached,
            });
        }
    }
    let listening = context.listen(false, shutdown);
    let engine = match context.engine(workspace.settings.engine.as_deref()).await {
        Ok(engine) => engine,
        Err(failure) => return Err(fault(failure)),
    };
    let count = cases.len();
    listening.record(workspace, Draft::Tests { count });
    recording.clone_from(&listening.recording);
    let sandbox = workspace.sandbox(&engine, &listening.events, shutdown);
    let progress = Progress::new(context, arguments.jobs);
    let tell = |case: usize, verdict: Verdict| {
        progress.hide();
        if let Some(warning) = recording.with(|recorder| recorder.verdict(&verdict)) {
            listening.events.offer(warning);
        }
        tell(case, verdict);
    };
    let suite = Suite {
        context,
        workspace,
        tree: &tree,
        prepared: &prepared,
        sandbox: &sandbox,
        arguments,
        secrets: workspace.secrets_in_containers(),
        progress: &progress,
    };
    let result = sandbox.until_left(suite.all(cases, &tell)).await;
    progress.hide();
    listening.finish();
    if shutdown.urgency() == Urgency::Leave {
        tell_not_undone(context, workspace);
    }
    match result {
        Ok(()) => Ok(()),
        // Whatever is told by a signal is told by its exit code.
        Err(_) if shutdown.urgency() > Urgency::None => Ok(()),
        Err(err) => Err(fault(Failure::of(err, shutdown))),
    }
}

/// A trouble of the emulator must never look like one of an operation.
fn fault(mut failure: Failure) -> Failure {
    failure.code = super::FAULT;
    failure
}

struct Suite<'a, E> {
    context: &'a Context,
    workspace: &'a Workspace,
    tree: &'a Arc<Tree>,
    prepared: &'a BTreeMap<String, Prepared>,
    sandbox: &'a Sandbox<'a, E>,
    arguments: &'a Arguments,
    secrets: Secrets,
    progress: &'a Progress<'a>,
}

/// What the tests of all containers share.
#[derive(Debug, Default)]
struct State {
    /// Nothing more is to begin.
    is_stopped: Cell<bool>,
    /// What the project's warnings are was told.
    is_warned: Cell<bool>,
    /// One container comes up at a time: they share services and images.
    coming_up: Mutex<()>,
}

impl State {
    fn note(&self, verdict: &Verdict, arguments: &Arguments) {
        let is_bad = matches!(verdict.status, Status::Failed(_) | Status::Error(_));
        if arguments.fail_fast && is_bad {
            self.is_stopped.set(true);
        }
    }
}

impl<E: Engine> Suite<'_, E> {
    async fn all(&self, cases: &[Case<'_>], tell: &dyn Fn(usize, Verdict)) -> Result<(), Error> {
        let lock = self.sandbox.lock("test").await?;
        let state = State::default();
        let results: Vec<Result<(), Error>> = stream::iter(self.groups(cases))
            .map(|group| self.group(cases, group, &state, tell))
            .buffer_unordered(self.arguments.jobs.get().into())
            .collect()
            .await;
        results.into_iter().collect::<Result<(), Error>>()?;
        if self.sandbox.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(())
    }

    /// The numbers of the tests that must not run at the same time, because their containers share a mount. Without
    /// `--jobs` all are one group, in the order in which they are written.
    fn groups(&self, cases: &[Case<'_>]) -> Vec<Vec<usize>> {
        if self.arguments.jobs.get() == 1 {
            return vec![(0..cases.len()).collect()];
        }
        let mut groups: Vec<(BTreeSet<&str>, Vec<usize>)> = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let mut volumes: BTreeSet<&str> = BTreeSet::new();
            if let Ok((plan, container)) = self.container(case) {
                let storage = container.storage.iter().map(|volume| volume.name.as_str());
                volumes.extend(storage);
                // An operation of an app may well talk to its worker.
                volumes.insert(&plan.app);
            }
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
        tell: &dyn Fn(usize, Verdict),
    ) -> Result<(), Error> {
        let mut befores: BTreeMap<String, Result<Before, (Status, String)>> = BTreeMap::new();
        for number in numbers {
            let case = &cases[number];
            let verdict = if state.is_stopped.get() {
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
                    Ok(before) if before.is_lost.get() => {
                        skipped(case, "the mounts are not as they were before the tests")
                    }
                    Ok(before) => self.one(case, before).await,
                    Err((status, printed)) => Verdict {
                        output: (String::new(), printed.clone()),
                        ..verdict(case, status.clone())
                    },
                }
            };
            state.note(&verdict, self.arguments);
            tell(number, verdict);
        }
        for (place, before) in &befores {
            let Ok(before) = before else { continue };
            let restored = before.restored.take();
            if before.is_lost.get() {
                // The next command tries again.
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

    /// Brings a test's container up, and tells what goes on as it does so; with a failure comes what hooks printed.
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
                if let Event::StepOutput {
                    output: Text(piece),
                    ..
                } = &event
                {
                    printed.push(piece.bytes());
                }
                self.progress.hide();
                self.sandbox.events.send(event).await;
            }
        };
        let (brought, ()) = tokio::join!(brought, tell);
        brought.map_err(|status| (status, self.secrets.mask(&printed.text())))
    }

    /// Brings a test's container up, and keeps what is on its mounts.
    async fn bring_up(
        &self,
        case: &Case<'_>,
        state: &State,
        sandbox: &Sandbox<'_, E>,
    ) -> Result<Before, Status> {
        let of = |err: Error| self.status(err);
        let place = case.place();
        let (plan, container) = self.container(case)?;
        let prepared = &self.prepared[&place];
        let pull = self.arguments.pull.into();
        let planned = self
            .workspace
            .planned(plan, &prepared.image, self.tree, pull, false);
        let reached: Vec<_> = prepared
            .reached
            .iter()
            .map(|(plan, image)| self.workspace.planned(plan, image, self.tree, pull, false))
            .collect();
        let containers = sandbox.containers().await.map_err(of)?;
        if !container.is_current(&containers) && !state.is_warned.replace(true) {
            self.workspace
                .warn(sandbox.events, self.tree, Running::All)
                .await;
        }
        let address = listens_at(case.found.app, case.found.worker);
        let containers = sandbox
            .ensure_reached(&reached, containers)
            .await
            .map_err(of)?;
        let deployed = sandbox
            .ensure_ready(&planned, container, &containers, address.as_deref())
            .await
            .map_err(of)?;
        let store = store(self.workspace, &place);
        if store.has(BEFORE_RUN) {
            return Err(of(Error::NotUndone {
                container: place,
                snapshot: BEFORE_RUN.to_owned(),
                flags: flags(self.workspace, &plan.app, case.found.worker),
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
            is_lost: Cell::new(false),
            restored: RefCell::default(),
            flags: flags(self.workspace, &plan.app, case.found.worker),
        })
    }

    fn container(&self, case: &Case<'_>) -> Result<(&AppPlan, &ContainerPlan), Status> {
        let plan = &self.prepared[&case.place()].plan;
        plan.containers
            .iter()
            .find(|container| container.worker.as_deref() == case.found.worker)
            .map(|container| (plan, container))
            .ok_or_else(|| Status::Error("the plan lacks a container".to_owned()))
    }

    /// A build that fails would fail on Upsun; all else is ours.
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
