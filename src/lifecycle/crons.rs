//! Runs crons: one cron on request, or all crons of an environment on schedule.

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

/// The longest wait at a stretch. The clock of the timer stops while the machine sleeps, and does not change when a
/// user sets the time.
const STRETCH: Duration = Duration::from_secs(30);

/// A cron and how it is to run.
#[derive(Debug, Clone, Copy)]
pub struct CronRun<'a> {
    pub app: &'a str,
    pub cron: &'a Cron,
    /// The id of the app's web container.
    pub container: &'a str,
    /// The paths of the container's mounts, relative to the app's root.
    pub mounts: &'a [String],
    /// The files of the app that Git would deploy; `None` if they are not known.
    pub source: Option<Source<'a>>,
    /// The role under which the cron runs; `None` if the schedule started it.
    pub role: Option<&'a str>,
    pub user: Option<&'a str>,
    /// Variables for this run only.
    pub variables: &'a BTreeMap<String, String>,
    /// How long the cron may run: the limit of the caller or of the cron.
    pub timeout: Duration,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs a cron in the container of its app, which must be up.
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
        // A user who runs one cron wants its output unchanged. The output of scheduled crons needs the name of each
        // cron.
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

    /// Locks the schedule of this environment, or fails immediately with the description of the holder. Two schedules
    /// would run each cron twice.
    pub(crate) fn lock_crons(&self) -> Result<Lock> {
        let name = crate::project::hash(self.environment.name.as_bytes());
        let path = format!("crons-{}.lock", &name[..12]);
        let path = self.project.state_dir.join(path);
        Ok(Lock::try_take(&path, "up --crons")?)
    }

    /// Runs crons on schedule until the user wants to stop, and then first cancels the crons that run. `now` is the
    /// clock; `mounts` are the mounts of each app's web container.
    pub(crate) async fn run_crons(
        &self,
        entries: Vec<Entry>,
        mounts: &BTreeMap<String, Vec<String>>,
        now: impl Fn() -> Timestamp,
    ) -> Result<()> {
        // The timetable changes while the crons that it started run, so the crons need a list of their own.
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

    /// Runs a cron whose time has come. An error in one app does not end the crons of other apps.
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
                // If the user leaves without waiting, keep the lock marked: the next command then ends what still
                // runs.
                if self.shutdown.urgency() < Urgency::Leave {
                    lock.release();
                }
                Ok(())
            }
            // `down`, or a redeploy of the app, removed the container.
            Err(err @ Error::ContainerGone { .. }) => {
                lock.release();
                self.events.warn(err.to_string(), None).await;
                Ok(())
            }
            Err(err) => Err(err),
        }
    }
}

/// The container in which an app's crons run. On Upsun too, crons never run in the container of a worker.
fn web_container<'a>(containers: &'a [Container], app: &str) -> Option<&'a Container> {
    containers.iter().find(|found| {
        let is = |label: &str, value: &str| found.labels.get(label).is_some_and(|at| at == value);
        found.running && is(LABEL_APP, app) && Kind::of(&found.labels) == Some(Kind::Web)
    })
}

/// Waits for `running`; forever if it is `None`.
async fn done<F: Future<Output = Result<()>> + Unpin>(running: &mut Option<F>) -> Result<()> {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
