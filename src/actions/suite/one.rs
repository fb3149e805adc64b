//! Runs one test.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Before;
use super::cases::{Case, verdict};
use super::lane::Lane;
use crate::engine::Engine;
use crate::event::{self, Advice, Event, Events, Receiver, Text};
use crate::failure::Failure;
use crate::lifecycle::{Error, OperationRun, Planned, Report, Restored, synced_of};
use crate::mount_snapshot::{BEFORE_RUN, Index, compare, is_same};
use crate::output::Output;
use crate::plan::ContainerPlan;
use crate::shutdown::Urgency;
use crate::suite::{Observed, Printed, Status, Verdict, again, judge, notes};

impl<E: Engine> Lane<'_, E> {
    pub(super) async fn one(&self, case: &Case<'_>, before: &Before) -> Verdict {
        let began = Instant::now();
        self.audience.begins(&case.name);
        let mut output = (String::new(), String::new());
        let tried = self.tried(case, before, &mut output).await;
        let notes = tried.as_ref().map_or_else(
            |_| Vec::new(),
            |tried| {
                let mask = |text: &String| self.secrets.mask(text);
                tried.notes.iter().map(mask).collect()
            },
        );
        let after = tried.as_ref().ok().map(|tried| &tried.after);
        let restored = self.put_back(case, before, after).await;
        let status = match (tried, restored) {
            (tried, Err(lost)) => self.not_put_back(tried, &lost),
            (Ok(_), Ok(())) if self.sandbox.shutdown.urgency() > Urgency::None => {
                Status::Skipped("interrupted".to_owned())
            }
            (Ok(Tried { wrong, .. }), Ok(())) if wrong.is_empty() => Status::Passed,
            (Ok(Tried { wrong, .. }), Ok(())) => self.failed(&wrong),
            (Err(err), Ok(())) => self.status(err),
        };
        Verdict {
            output,
            duration: began.elapsed(),
            notes,
            ..verdict(case, status)
        }
    }

    /// Runs the operation once or twice, and compares the result with the test's definition.
    async fn tried(
        &self,
        case: &Case<'_>,
        before: &Before,
        output: &mut (String, String),
    ) -> Result<Tried, Error> {
        let mut first = self.run_once(case, &before.index).await?;
        let (out, errors) = (first.stdout.text(), first.stderr.text());
        *output = (self.secrets.mask(&out), self.secrets.mask(&errors));
        let changes = compare(&before.index, &first.mounts);
        let mut seen = Observed {
            outcome: first.report.outcome,
            exit_code: first.report.exit_code,
            stdout: first.stdout,
            stderr: first.stderr,
            timeout: self.timeout(case),
            advice: &first.advice,
            mounts: &first.mounts,
            changes: &changes,
        };
        let mut wrong = judge(&case.definition, &mut seen);
        let notes = notes(&seen);
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
        Ok(Tried {
            wrong,
            notes,
            after,
        })
    }

    fn failed(&self, wrong: &[String]) -> Status {
        Status::Failed(wrong.iter().map(|text| self.secrets.mask(text)).collect())
    }

    /// The status if the mounts could not be restored. It keeps what went wrong in the test before that.
    fn not_put_back(&self, tried: Result<Tried, Error>, lost: &Status) -> Status {
        let before = match tried {
            Ok(tried) => self.failed(&tried.wrong),
            Err(err) => self.status(err),
        };
        let all = [before.messages(), lost.messages()].concat();
        Status::Error(all.join("\n"))
    }

    /// Restores the mounts. If the run failed because of `upsun-local`, the state of the mounts is unknown, so they
    /// are always restored.
    async fn put_back(
        &self,
        case: &Case<'_>,
        before: &Before,
        after: Option<&After>,
    ) -> Result<(), Status> {
        if after.is_some_and(|after| !after.is_changed) {
            *before
                .restored
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Restored::default();
            return Ok(());
        }
        let restore = async |id: &str| {
            let (taken, archive) = before.store.open(BEFORE_RUN)?;
            let restored = self
                .sandbox
                .restore_snapshot(id, &case.place(), taken, archive)
                .await?;
            *before
                .restored
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = restored;
            Ok::<_, Error>(())
        };
        let work = async {
            // A run that was cut off says of no container. It was in the one that was there before.
            let container = after.map_or(&before.container, |after| &after.container);
            if restore(container).await.is_ok() {
                return Ok(());
            }
            // The operation, or something else, may have stopped the container.
            restore(&self.up_again(case).await?).await
        };
        work.await.map_err(|err: Error| {
            before.is_lost.store(true, Relaxed);
            let failure = Failure::of(err, self.sandbox.shutdown);
            Status::Error(format!(
                "the mounts of {} could not be put back: {}; the next command that uses them tries again",
                case.place(),
                failure.message
            ))
        })
    }

    fn planned(&self, case: &Case<'_>) -> (Planned<'_>, &ContainerPlan) {
        let prepared = &self.prepared[&case.place()];
        (prepared.planned(self.request.pull), prepared.container())
    }

    /// The id of a test's container, which is started if it does not run.
    async fn up_again(&self, case: &Case<'_>) -> Result<String, Error> {
        let (planned, container) = self.planned(case);
        let containers = self.sandbox.containers().await?;
        let deployed = self
            .sandbox
            .ensure_ready(&planned, container, &containers, self.listens_at(case))
            .await?;
        Ok(deployed.id)
    }

    fn listens_at(&self, case: &Case<'_>) -> Option<&str> {
        self.prepared[&case.place()].listens_at()
    }

    /// The time limit of a test: the test's own, that of its operation, or that of the command line.
    fn timeout(&self, case: &Case<'_>) -> Option<Duration> {
        let own = case.definition.timeout.or(case.found.operation.timeout);
        own.or(self.request.timeout)
    }

    async fn run_once(&self, case: &Case<'_>, known: &Index) -> Result<Seen, Error> {
        let (planned, container) = self.planned(case);
        let place = case.place();
        let found = &case.found;
        let variables = self.workspace.run_variables(
            found.app,
            found.worker,
            self.tree,
            &case.definition.variables,
            container,
        );
        let actor = case.actor.as_ref();
        let run = OperationRun {
            operation: found.operation,
            role: actor.map_or("", |actor| actor.role.name()),
            user: actor.and_then(|actor| actor.name.as_deref()),
            container,
            variables: &variables,
            timeout: self.timeout(case),
            // A process that goes on in the background would disturb the next tests.
            ends_the_rest: true,
            listens_at: self.listens_at(case),
        };
        let (events, receiver) = Events::channel();
        let running = async move {
            let sandbox =
                self.workspace
                    .sandbox(self.sandbox.engine, &events, self.sandbox.shutdown);
            // The operation of an earlier test may have stopped the container.
            let containers = sandbox.containers().await?;
            let report = sandbox.run_operation(&planned, &run, &containers).await?;
            let containers = sandbox.containers().await?;
            let current = if planned.is_synced {
                synced_of(&planned.plan.app, &containers).map(|found| found.id.clone())
            } else {
                planned.plan.current_id(container, &containers)
            };
            let id = current.ok_or(Error::NotUp { container: place })?;
            Ok::<_, Error>((report, id))
        };
        let (report, (stdout, stderr, advice)) = tokio::join!(running, self.listen(receiver));
        let (report, id) = report?;
        let mounts = &container.mounts;
        Ok(Seen {
            report,
            stdout,
            stderr,
            advice,
            mounts: self.sandbox.index_of_mounts(&id, mounts, known).await?,
            container: id,
        })
    }

    /// Collects the output of an operation, and passes on the events that the user wants to see at once.
    async fn listen(&self, mut receiver: Receiver) -> (Printed, Printed, Advice) {
        let (mut out, mut errors) = (Printed::default(), Printed::default());
        let mut advice = Advice::default();
        while let Some(event) = receiver.recv().await {
            let is_told = match &event {
                Event::Run(event::Run::Output {
                    output: Text(piece),
                }) => {
                    let (kept, bytes) = match piece {
                        Output::Stdout(bytes) => (&mut out, bytes),
                        Output::Stderr(bytes) => (&mut errors, bytes),
                    };
                    kept.push(bytes);
                    // Standard output is for the test results.
                    self.request.is_verbose && matches!(piece, Output::Stderr(_))
                }
                Event::Run(event::Run::Finished {
                    read_only,
                    not_started,
                    known,
                    ..
                }) => {
                    advice.read_only.clone_from(read_only);
                    advice.not_started.clone_from(not_started);
                    advice.known.clone_from(known);
                    self.request.is_verbose
                }
                Event::Notice(event::Notice::Cancelling { .. }) => {
                    self.sandbox.shutdown.urgency() > Urgency::None
                }
                Event::Notice(event::Notice::Warning { .. }) => true,
                _ => self.request.is_verbose,
            };
            if is_told {
                self.audience.makes_room();
                self.sandbox.events.send(event).await;
            }
        }
        (out, errors, advice)
    }
}

/// The result of a test's runs.
struct Tried {
    wrong: Vec<String>,
    /// Problems that did not keep the operation from succeeding.
    notes: Vec<String>,
    after: After,
}

/// What has to be restored after a test.
struct After {
    is_changed: bool,
    container: String,
}

/// What was observed in one run.
struct Seen {
    report: Report,
    stdout: Printed,
    stderr: Printed,
    advice: Advice,
    mounts: Index,
    container: String,
}
