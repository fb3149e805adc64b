//! Runs crons: one by hand, or all of an environment on their schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::execute::Command;
use super::operation::Report;
use super::{Error, Mark, Result, Sandbox, Source};
use crate::crons::timetable::{Entry, Skipped, Timetable};
use crate::crons::{self, Cron};
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event::{self, Event, Text};
use crate::labels::Kind;
use crate::labels::LABEL_APP;
use crate::lock::Lock;
use crate::shutdown::Urgency;

/// The longest that is waited at a stretch: the clock that this waits by stands still while the machine sleeps,
/// and does not follow when somebody sets the time.
const STRETCH: Duration = Duration::from_secs(30);

/// A cron and how it is to run.
#[derive(Debug, Clone, Copy)]
pub struct CronRun<'a> {
    /// The app.
    pub app: &'a str,
    /// The cron.
    pub cron: &'a Cron,
    /// The id of the app's web container.
    pub container: &'a str,
    /// The paths of its mounts, relative to the app's root.
    pub mounts: &'a [String],
    /// What Git has of the app; `None` where that is not known.
    pub source: Option<Source<'a>>,
    /// The role under which it runs; `None` when its time has come.
    pub role: Option<&'a str>,
    /// The user who runs it.
    pub user: Option<&'a str>,
    /// Variables for this run only.
    pub variables: &'a BTreeMap<String, String>,
    /// How long it may run: the caller's limit or its own.
    pub timeout: Duration,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs a cron in its app's container, which is up.
    pub async fn run_cron(&self, run: &CronRun<'_>) -> Result<Report> {
        let cron = run.cron;
        self.emit(event::Cron::Started {
            app: run.app.to_owned(),
            cron: cron.name.clone(),
            role: run.role.map(str::to_owned),
            user: run.user.map(str::to_owned),
            command: cron.start.clone(),
        })
        .await;
        let command = Command {
            container: run.container,
            title: run.app,
            what: &cron.name,
            script: &cron.start,
            mark: Mark::of_run(),
            variables: run.variables,
            stop: cron.stop.as_deref(),
            timeout: Some(run.timeout),
            grace: cron.grace,
        };
        let by_hand = run.role.is_some();
        // Who runs one wants its output as it is; of those that run by themselves one must see which says what.
        let event = |output| {
            let output = Text(output);
            if by_hand {
                Event::Run(event::Run::Output { output })
            } else {
                Event::Cron(event::Cron::Output {
                    app: run.app.to_owned(),
                    cron: cron.name.clone(),
                    output,
                })
            }
        };
        let done = self
            .carry_out(&command, run.mounts, run.source, event)
            .await?;
        self.emit(event::Cron::Finished {
            app: run.app.to_owned(),
            cron: cron.name.clone(),
            role: run.role.map(str::to_owned),
            exit_code: done.exit_code,
            result: done.outcome,
            duration: done.duration,
            read_only: done.advice.read_only,
            not_started: done.advice.not_started,
            known: done.advice.known,
        })
        .await;
        Ok(Report {
            outcome: done.outcome,
            exit_code: done.exit_code,
            hooks_failed: false,
        })
    }

    /// Takes the right to run this environment's crons by themselves, or says at once who has it: each is to
    /// run once.
    pub fn lock_crons(&self) -> Result<Lock> {
        let name = crate::project::hash(self.environment.name.as_bytes());
        let path = format!("crons-{}.lock", &name[..12]);
        let path = self.project.state_dir.join(path);
        Ok(Lock::try_take(&path, "up --crons")?)
    }

    /// Runs crons whenever their time comes, until the user wants to stop: then what runs is cancelled first.
    /// `now` is the clock; `mounts` are those of each app's web container.
    pub async fn run_crons(
        &self,
        entries: Vec<Entry>,
        mounts: &BTreeMap<String, Vec<String>>,
        now: impl Fn() -> Timestamp,
    ) -> Result<()> {
        // The table changes while what it started runs, so that has a list of its own.
        let all = entries.clone();
        let mut timetable = Timetable::new(entries, now());
        for (entry, next) in timetable.entries() {
            self.emit(event::Cron::Planned {
                app: entry.app.clone(),
                cron: entry.cron.name.clone(),
                next: next.map(crons::shown),
            })
            .await;
        }
        let nothing = BTreeMap::new();
        let mut running = None;
        loop {
            let stopping = self.shutdown.urgency() > Urgency::None;
            if running.is_none() && stopping {
                return Ok(());
            }
            if running.is_none()
                && let Some(entry) = timetable.start().and_then(|at| all.get(at))
            {
                let mounts = mounts.get(&entry.app).map_or(&[][..], Vec::as_slice);
                running = Some(Box::pin(self.run_due(entry, mounts, &nothing)));
            }
            let wait = timetable.next().map_or(STRETCH, |next| {
                Duration::try_from(next.duration_since(now()))
                    .unwrap_or_default()
                    .min(STRETCH)
            });
            tokio::select! {
                biased;
                result = done(&mut running), if running.is_some() => {
                    running = None;
                    timetable.ended();
                    result?;
                }
                () = self.shutdown.reached(Urgency::Cancel), if running.is_none() => {}
                () = tokio::time::sleep(wait), if !stopping => {
                    for skipped in timetable.tick(now()) {
                        self.tell_skipped(&all, skipped).await;
                    }
                }
            }
        }
    }

    async fn tell_skipped(&self, all: &[Entry], skipped: Skipped) {
        let Some(entry) = all.get(skipped.entry) else {
            return;
        };
        let reason = if skipped.runs {
            "it still runs"
        } else {
            "it still waits for its turn"
        };
        self.skip(entry, reason).await;
    }

    async fn skip(&self, entry: &Entry, reason: &str) {
        self.emit(event::Cron::Skipped {
            app: entry.app.clone(),
            cron: entry.cron.name.clone(),
            reason: reason.to_owned(),
        })
        .await;
    }

    /// Runs a cron whose time has come. What goes wrong with one app does not end the others' crons.
    async fn run_due(
        &self,
        entry: &Entry,
        mounts: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<()> {
        let lock = match self.lock(&format!("cron run {}", entry.cron.name)).await {
            Err(Error::Lock(crate::lock::Error::Interrupted { .. })) => return Ok(()),
            other => other?,
        };
        let containers = self.containers().await?;
        let Some(container) = web_container(&containers, &entry.app) else {
            lock.release();
            let reason = format!("`{}` is not up", entry.app);
            self.skip(entry, &reason).await;
            return Ok(());
        };
        let run = CronRun {
            app: &entry.app,
            cron: &entry.cron,
            container: &container.id,
            mounts,
            source: None,
            role: None,
            user: None,
            variables,
            timeout: entry.cron.timeout,
        };
        match self.run_cron(&run).await {
            Ok(_) => {
                // Whoever leaves without waiting leaves the cron to the next one to end.
                if self.shutdown.urgency() < Urgency::Leave {
                    lock.release();
                }
                Ok(())
            }
            // `down`, or a redeploy of the app, took its container away.
            Err(err @ Error::ContainerGone { .. }) => {
                lock.release();
                self.events.warn(err.to_string(), None).await;
                Ok(())
            }
            Err(err) => Err(err),
        }
    }
}

/// The container in which an app's crons run: on Upsun too, never that of a worker.
fn web_container<'a>(containers: &'a [Container], app: &str) -> Option<&'a Container> {
    containers.iter().find(|found| {
        let is = |label: &str, value: &str| found.labels.get(label).is_some_and(|at| at == value);
        found.running && is(LABEL_APP, app) && Kind::of(&found.labels) == Some(Kind::Web)
    })
}

/// Waits for what runs; for ever where nothing does.
async fn done<F: Future<Output = Result<()>> + Unpin>(running: &mut Option<F>) -> Result<()> {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
