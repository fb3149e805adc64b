//! Runs one test.

use std::time::Instant;

use tokio::sync::mpsc::Receiver;

use super::super::super::failure::Failure;
use super::super::super::run::{listens_at, run_id};
use super::super::cases::{Case, verdict};
use super::{BEFORE_RUN, Before, Suite, flags};
use crate::engine::Engine;
use crate::engine::spec::Output;
use crate::event::{Event, Events, Outcome, ReadOnlyWrite, Text};
use crate::lifecycle::{Error, OperationRun, Report};
use crate::mount_snapshot::{Index, compare, is_same};
use crate::shutdown::Urgency;
use crate::suite::{Observed, Status, Verdict, again, judge};

/// How much of each stream of an operation is kept, in bytes: its beginning.
const KEPT: usize = 1 << 20;

impl<E: Engine> Suite<'_, E> {
    pub(super) async fn one(&self, case: &Case<'_>, before: &Before) -> Verdict {
        let began = Instant::now();
        self.progress.show(&case.name);
        let mut output = (String::new(), String::new());
        let tried = self.tried(case, before, &mut output).await;
        let after = tried.as_ref().ok().map(|tried| &tried.after);
        let restored = self.put_back(case, before, after).await;
        let status = match (tried, restored) {
            (_, Err(status)) => status,
            (Ok(_), Ok(())) if self.sandbox.shutdown.urgency() > Urgency::None => {
                Status::Skipped("interrupted".to_owned())
            }
            (Ok(Tried { wrong, .. }), Ok(())) if wrong.is_empty() => Status::Passed,
            (Ok(Tried { wrong, .. }), Ok(())) => {
                Status::Failed(wrong.iter().map(|text| self.secrets.mask(text)).collect())
            }
            (Err(err), Ok(())) => self.status(err),
        };
        Verdict {
            output,
            duration: began.elapsed(),
            ..verdict(case, status)
        }
    }

    /// Runs it, once or twice, and judges it.
    async fn tried(
        &self,
        case: &Case<'_>,
        before: &Before,
        output: &mut (String, String),
    ) -> Result<Tried, Error> {
        let first = self.run_once(case, &before.index).await?;
        let text = |bytes: &[u8]| self.secrets.mask(&String::from_utf8_lossy(bytes));
        *output = (text(&first.stdout), text(&first.stderr));
        let changes = compare(&before.index, &first.mounts);
        let mut wrong = judge(
            &case.definition,
            &Observed {
                outcome: first.report.outcome,
                exit_code: first.report.exit_code,
                stdout: &first.stdout,
                stderr: &first.stderr,
                read_only: first.read_only.as_ref(),
                mounts: &first.mounts,
                changes: &changes,
            },
        );
        let mut after = After {
            is_changed: !is_same(&before.index, &first.mounts),
            container: first.container,
        };
        if case.definition.idempotent
            && wrong.is_empty()
            && self.sandbox.shutdown.urgency() == Urgency::None
        {
            let second = self.run_once(case, &first.mounts).await?;
            let changes = compare(&first.mounts, &second.mounts);
            wrong = again(&case.definition, second.report.exit_code, &changes);
            after.is_changed |= !is_same(&before.index, &second.mounts);
            after.container = second.container;
        }
        Ok(Tried { wrong, after })
    }

    /// Puts the mounts back as they were. Nothing is known of them after a run that went wrong with us.
    async fn put_back(
        &self,
        case: &Case<'_>,
        before: &Before,
        after: Option<&After>,
    ) -> Result<(), Status> {
        if after.is_some_and(|after| !after.is_changed) {
            return Ok(());
        }
        let (plan, container) = self.container(case)?;
        let work = async {
            let id = match after {
                Some(after) => Some(after.container.clone()),
                None => plan.current_id(container, &self.sandbox.containers().await?),
            };
            let id = id.ok_or_else(|| Error::NotUp {
                container: case.place(),
            })?;
            let (taken, archive) = before.store.open(BEFORE_RUN)?;
            self.sandbox
                .restore_snapshot(&id, &case.place(), taken, archive)
                .await
        };
        work.await.map_err(|err| {
            before.is_lost.set(true);
            let failure = Failure::of(err, self.sandbox.shutdown);
            Status::Error(format!(
                "the mounts of {} could not be put back: {}; `upsun-local mount restore{} {BEFORE_RUN}` tries again",
                case.place(),
                failure.message,
                flags(self.workspace, &plan.app, case.found.worker)
            ))
        })
    }

    async fn run_once(&self, case: &Case<'_>, known: &Index) -> Result<Seen, Error> {
        let place = case.place();
        let prepared = &self.prepared[&place];
        let Ok((plan, container)) = self.container(case) else {
            return Err(Error::NotUp { container: place });
        };
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
        let (events, receiver) = Events::channel();
        let running = async move {
            let sandbox =
                self.workspace
                    .sandbox(self.sandbox.engine, &events, self.sandbox.shutdown);
            // An operation before it may have ended the container.
            let containers = sandbox.containers().await?;
            sandbox.run_operation(&planned, &run, &containers).await
        };
        let (report, (stdout, stderr, read_only)) = tokio::join!(running, self.listen(receiver));
        let report = report?;
        let containers = self.sandbox.containers().await?;
        let current = plan.current_id(container, &containers);
        let id = current.ok_or(Error::NotUp { container: place })?;
        let mounts = &container.mounts;
        Ok(Seen {
            report,
            stdout,
            stderr,
            read_only,
            mounts: self.sandbox.index_of_mounts(&id, mounts, known).await?,
            container: id,
        })
    }

    /// Keeps what an operation prints, up to a size each, and tells what people want to know at once.
    async fn listen(
        &self,
        mut receiver: Receiver<Event>,
    ) -> (Vec<u8>, Vec<u8>, Option<ReadOnlyWrite>) {
        let (mut out, mut errors, mut refused) = (Vec::new(), Vec::new(), None);
        while let Some(event) = receiver.recv().await {
            let is_told = match &event {
                Event::OperationOutput {
                    output: Text(piece),
                } => {
                    let (kept, bytes) = match piece {
                        Output::Stdout(bytes) => (&mut out, bytes),
                        Output::Stderr(bytes) => (&mut errors, bytes),
                    };
                    let room = KEPT.saturating_sub(Vec::len(kept)).min(bytes.len());
                    kept.extend_from_slice(&bytes[..room]);
                    // Standard output is for the results.
                    self.context.global.verbose && matches!(piece, Output::Stderr(_))
                }
                Event::OperationFinished {
                    read_only, result, ..
                } => {
                    if *result != Outcome::Success {
                        refused.clone_from(read_only);
                    }
                    self.context.global.verbose
                }
                Event::Cancelling { .. } => self.sandbox.shutdown.urgency() > Urgency::None,
                Event::Warning { .. } => true,
                _ => self.context.global.verbose,
            };
            if is_told {
                self.progress.hide();
                self.sandbox.events.send(event).await;
            }
        }
        (out, errors, refused)
    }
}

/// What came of a test.
struct Tried {
    wrong: Vec<String>,
    after: After,
}

/// What is to be put back after it.
struct After {
    is_changed: bool,
    container: String,
}

/// What was seen of one run.
struct Seen {
    report: Report,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    read_only: Option<ReadOnlyWrite>,
    mounts: Index,
    container: String,
}
