//! Runs tests one after the other, and puts the mounts back after each.

use std::cell::RefCell;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::context::Context;
use super::super::failure::Failure;
use super::super::mount::snapshots::{BEFORE_RUN, store};
use super::super::run::{listens_at, run_id};
use super::super::workspace::Workspace;
use super::Arguments;
use super::cases::Case;
use crate::activity::Draft;
use crate::engine::Engine;
use crate::engine::spec::Output;
use crate::event::{Event, Events, Outcome, ReadOnlyWrite, Text};
use crate::lifecycle::{Error, ImageRecipe, OperationRun, Report, Sandbox};
use crate::mask::Secrets;
use crate::mount_snapshot::{Index, Store, compare};
use crate::plan::{AppPlan, ContainerPlan};
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suite::{Expected, Observed, Status, Verdict, again, judge};
use crate::variables::UserVariables;

/// How much of each stream of an operation is kept, in bytes: its beginning.
const KEPT: usize = 1 << 20;

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
}

/// Runs them in their order. What is over when it is interrupted is told too.
pub(super) async fn run(
    context: &Context,
    workspace: &Workspace,
    cases: &[Case<'_>],
    arguments: &Arguments,
    shutdown: &Shutdown,
    show: &dyn Fn(&Verdict),
) -> Result<Vec<Verdict>, Failure> {
    let verdicts = RefCell::new(Vec::new());
    let tell = |verdict: Verdict| {
        show(&verdict);
        verdicts.borrow_mut().push(verdict);
    };
    let needs_engine = cases
        .iter()
        .any(|case| case.definition.expect != Expected::Denied && case.is_allowed());
    if !needs_engine {
        for case in cases {
            tell(decided(case).unwrap_or_else(|| skipped(case, "it was not run")));
        }
        return Ok(verdicts.into_inner());
    }
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
    let recording = listening.recording.clone();
    let tell_and_record = |verdict: Verdict| {
        if let Some(warning) = recording.with(|recorder| recorder.verdict(&verdict)) {
            listening.events.offer(warning);
        }
        tell(verdict);
    };
    let sandbox = workspace.sandbox(&engine, &listening.events, shutdown);
    let suite = Suite {
        context,
        workspace,
        tree: &tree,
        prepared: &prepared,
        sandbox: &sandbox,
        arguments,
        secrets: workspace.secrets_in_containers(),
    };
    let result = sandbox.until_left(suite.all(cases, &tell_and_record)).await;
    listening.finish();
    let mut verdicts = verdicts.into_inner();
    let result = match result {
        // Whatever is told by a signal is told by its exit code.
        Err(err) if shutdown.urgency() == Urgency::None => Err(fault(Failure::of(err, shutdown))),
        _ => {
            for case in &cases[verdicts.len()..] {
                let verdict = skipped(case, "interrupted before it began");
                let _ = recording.with(|recorder| recorder.verdict(&verdict));
                show(&verdict);
                verdicts.push(verdict);
            }
            Ok(super::exit_code(&verdicts, shutdown))
        }
    };
    recording.end(context, result.as_ref().copied(), shutdown);
    result.map(|_| verdicts)
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
}

impl<E: Engine> Suite<'_, E> {
    async fn all(&self, cases: &[Case<'_>], tell: &dyn Fn(Verdict)) -> Result<(), Error> {
        let lock = self.sandbox.lock("test").await?;
        let mut befores: BTreeMap<String, Result<Before, Status>> = BTreeMap::new();
        let mut warned = false;
        let mut stopped = false;
        for case in cases {
            if stopped {
                tell(skipped(case, "a test before it failed"));
                continue;
            }
            let verdict = match decided(case) {
                Some(verdict) => verdict,
                None if self.sandbox.shutdown.urgency() > Urgency::None => {
                    skipped(case, "interrupted before it began")
                }
                None => {
                    let place = case.place();
                    if !befores.contains_key(&place) {
                        let before = self.bring_up(case, &mut warned).await;
                        befores.insert(place.clone(), before);
                    }
                    match &befores[&place] {
                        Ok(before) => self.one(case, before).await,
                        Err(status) => verdict(case, status.clone(), Duration::ZERO),
                    }
                }
            };
            stopped = self.arguments.fail_fast
                && matches!(verdict.status, Status::Failed(_) | Status::Error(_));
            tell(verdict);
        }
        for before in befores.values().flatten() {
            before.store.remove(BEFORE_RUN)?;
        }
        if self.sandbox.shutdown.urgency() < Urgency::Leave {
            lock.release();
        }
        Ok(())
    }

    /// Brings a test's container up, and keeps what is on its mounts.
    async fn bring_up(&self, case: &Case<'_>, warned: &mut bool) -> Result<Before, Status> {
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
        let store = store(self.workspace, &place);
        if store.has(BEFORE_RUN) {
            return Err(of(Error::NotUndone {
                container: place,
                snapshot: BEFORE_RUN.to_owned(),
            }));
        }
        let containers = self.sandbox.containers().await.map_err(of)?;
        if !container.is_current(&containers) && !*warned {
            self.workspace.warn(self.sandbox.events, self.tree).await;
            *warned = true;
        }
        let address = listens_at(case.found.app, case.found.worker);
        let containers = self
            .sandbox
            .ensure_reached(&reached, containers)
            .await
            .map_err(of)?;
        let deployed = self
            .sandbox
            .ensure_ready(&planned, container, &containers, address.as_deref())
            .await
            .map_err(of)?;
        let taken = self
            .sandbox
            .take_snapshot(&deployed.id, &container.mounts, &store, BEFORE_RUN)
            .await
            .map_err(of)?;
        Ok(Before {
            index: taken.index,
            store,
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

    async fn one(&self, case: &Case<'_>, before: &Before) -> Verdict {
        let began = Instant::now();
        let mut output = (String::new(), String::new());
        let status = match self.tried(case, before, &mut output).await {
            Ok(wrong) if self.sandbox.shutdown.urgency() > Urgency::None => {
                drop(wrong);
                Status::Skipped("interrupted".to_owned())
            }
            Ok(wrong) if wrong.is_empty() => Status::Passed,
            Ok(wrong) => Status::Failed(wrong.iter().map(|text| self.secrets.mask(text)).collect()),
            Err(err) => self.status(err),
        };
        Verdict {
            output,
            ..verdict(case, status, began.elapsed())
        }
    }

    /// Runs it, once or twice, and puts the mounts back.
    async fn tried(
        &self,
        case: &Case<'_>,
        before: &Before,
        output: &mut (String, String),
    ) -> Result<Vec<String>, Error> {
        let Ok((_, container)) = self.container(case) else {
            return Ok(vec!["the plan lacks a container".to_owned()]);
        };
        let mounts = &container.mounts;
        let first = self.run_once(case).await?;
        let text = |bytes: &[u8]| self.secrets.mask(&String::from_utf8_lossy(bytes));
        *output = (text(&first.stdout), text(&first.stderr));
        let now = self
            .sandbox
            .index_of_mounts(&first.container, mounts)
            .await?;
        let changes = compare(&before.index, &now);
        let mut wrong = judge(
            &case.definition,
            &Observed {
                outcome: first.report.outcome,
                exit_code: first.report.exit_code,
                stdout: &first.stdout,
                stderr: &first.stderr,
                read_only: first.read_only.as_ref(),
                mounts: &now,
                changes: &changes,
            },
        );
        let mut is_changed = !changes.is_empty();
        let mut id = first.container;
        if case.definition.idempotent
            && wrong.is_empty()
            && self.sandbox.shutdown.urgency() == Urgency::None
        {
            let second = self.run_once(case).await?;
            let later = self
                .sandbox
                .index_of_mounts(&second.container, mounts)
                .await?;
            is_changed |= later != now;
            wrong = again(
                &case.definition,
                second.report.exit_code,
                &compare(&now, &later),
            );
            id = second.container;
        }
        if is_changed {
            let (_, archive): (_, File) = before.store.open(BEFORE_RUN)?;
            self.sandbox.restore_snapshot(&id, mounts, archive).await?;
        }
        Ok(wrong)
    }

    async fn run_once(&self, case: &Case<'_>) -> Result<Seen, Error> {
        let place = case.place();
        let prepared = &self.prepared[&place];
        let Ok((plan, container)) = self.container(case) else {
            return Err(Error::NotUp { container: place });
        };
        let (events, receiver) = Events::channel();
        let is_verbose = self.context.global.verbose;
        let forward = is_verbose.then(|| self.sandbox.events.clone());
        let listener = tokio::spawn(listen(receiver, forward));
        let sandbox = self
            .workspace
            .sandbox(self.sandbox.engine, &events, self.sandbox.shutdown);
        let pull = self.arguments.pull.into();
        let planned = self
            .workspace
            .planned(plan, &prepared.image, self.tree, pull, false);
        let found = &case.found;
        let variables = self.workspace.run_variables(
            found.app,
            found.worker,
            self.tree,
            &case.definition.variables,
            container,
        );
        let id = run_id();
        let address = listens_at(found.app, found.worker);
        let actor = case.actor.as_ref();
        let run = OperationRun {
            operation: found.operation,
            role: actor.map_or("", |actor| actor.role.name()),
            user: actor.and_then(|actor| actor.name.as_deref()),
            container,
            variables: &variables,
            timeout: case.definition.timeout.or(found.operation.timeout),
            id: &id,
            listens_at: address.as_deref(),
        };
        // An operation before it may have ended the container.
        let containers = sandbox.containers().await?;
        let result = sandbox.run_operation(&planned, &run, &containers).await;
        drop(events);
        let (stdout, stderr, read_only) = listener.await.unwrap_or_default();
        let report = result?;
        let containers = self.sandbox.containers().await?;
        let current = plan.current_id(container, &containers);
        Ok(Seen {
            report,
            stdout,
            stderr,
            read_only,
            container: current.ok_or(Error::NotUp { container: place })?,
        })
    }
}

/// What was seen of one run.
struct Seen {
    report: Report,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    read_only: Option<ReadOnlyWrite>,
    container: String,
}

/// Keeps what an operation prints, up to a size each.
async fn listen(
    mut receiver: tokio::sync::mpsc::Receiver<Event>,
    forward: Option<Events>,
) -> (Vec<u8>, Vec<u8>, Option<ReadOnlyWrite>) {
    let (mut out, mut errors, mut refused) = (Vec::new(), Vec::new(), None);
    while let Some(event) = receiver.recv().await {
        match &event {
            Event::OperationOutput {
                output: Text(piece),
            } => {
                let (kept, bytes) = match piece {
                    Output::Stdout(bytes) => (&mut out, bytes),
                    Output::Stderr(bytes) => (&mut errors, bytes),
                };
                let room = KEPT.saturating_sub(Vec::len(kept)).min(bytes.len());
                kept.extend_from_slice(&bytes[..room]);
            }
            Event::OperationFinished {
                read_only, result, ..
            } if *result != Outcome::Success => refused = read_only.clone(),
            _ => {}
        }
        if let Some(forward) = &forward
            && !matches!(
                event,
                Event::OperationOutput {
                    output: Text(Output::Stdout(_))
                }
            )
        {
            forward.send(event).await;
        }
    }
    (out, errors, refused)
}

/// What is known without running anything.
fn decided(case: &Case<'_>) -> Option<Verdict> {
    let operation = case.found.operation;
    let who = match &case.actor {
        Some(actor) => match &actor.name {
            Some(name) => format!("`{name}`, who is {},", actor.role),
            None => actor.role.to_string(),
        },
        None => "the user, who has no access,".to_owned(),
    };
    let status = match (case.definition.expect, case.is_allowed()) {
        (Expected::Denied, false) => Status::Passed,
        (Expected::Denied, true) => Status::Failed(vec![format!(
            "{who} may run it: it needs {} only",
            operation.role
        )]),
        (Expected::ExitCode(_), false) => Status::Failed(vec![format!(
            "{who} may not run it: it needs {}",
            operation.role
        )]),
        (Expected::ExitCode(_), true) => return None,
    };
    Some(verdict(case, status, Duration::ZERO))
}

fn skipped(case: &Case<'_>, why: &str) -> Verdict {
    verdict(case, Status::Skipped(why.to_owned()), Duration::ZERO)
}

fn verdict(case: &Case<'_>, status: Status, duration: Duration) -> Verdict {
    Verdict {
        name: case.name.clone(),
        operation: case.found.operation.name.clone(),
        container: case.place(),
        status,
        duration,
        output: (String::new(), String::new()),
    }
}
