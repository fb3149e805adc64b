//! Makes activities out of events, as a reporter makes text out of them. A problem with the record is returned once,
//! for the caller to print; the run that is recorded does not notice.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::log::{LIMIT, Log};
use super::store::{Open, Store, Trouble};
use super::{Draft, OnMounts, Place, Ran, Stamp, State, seconds};
use crate::event::{Advice, Build, Cron, Deploy, Envelope, Event, Notice, Outcome, Run, Script};
use crate::mask::Secrets;
use crate::reporter::Reporter;
use crate::reporter::hints;
use crate::reporter::masked::Masked;
use crate::reporter::terminal::Terminal;
use crate::suite::{Status, Verdict};
use crate::text::container_name;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub exit_code: u8,
    /// Whether the user stopped the command.
    pub is_cancelled: bool,
    /// The command's error message, for the log.
    pub message: Option<String>,
}

/// Records one activity after the other.
#[derive(Debug)]
pub struct Recorder {
    store: Store,
    place: Place,
    secrets: Secrets,
    /// The activity that begins with the next event.
    next: Option<Draft>,
    current: Option<Current>,
    /// Whether a problem with the record has been returned already.
    is_told: bool,
}

#[derive(Debug)]
struct Current {
    open: Open,
    text: Masked<Terminal<Log>>,
    /// The path of the log, for messages.
    log: PathBuf,
    draft: Draft,
    began: Instant,
    /// When the activity began to wait for the environment.
    waiting: Option<Instant>,
    build: Clock,
    deploy: Clock,
    execute: Clock,
    has_failed_hook: bool,
}

/// The total duration of a phase that may happen several times.
#[derive(Debug, Default)]
struct Clock {
    total: Option<Duration>,
    since: Option<Instant>,
}

impl Clock {
    fn start(&mut self) {
        self.since = Some(Instant::now());
    }

    /// Adds the duration of a phase that ended.
    fn stop(&mut self, took: Duration) {
        self.since = None;
        self.total = Some(self.total.unwrap_or_default() + took);
    }

    /// The total, including a phase that has not ended.
    fn seconds(&mut self) -> Option<f64> {
        if let Some(since) = self.since {
            self.stop(since.elapsed());
        }
        self.total.map(seconds)
    }
}

impl Recorder {
    /// A recorder for the commands of one process. Sensitive values are always hidden in the log.
    pub fn new(store: Store, place: Place, secrets: Secrets) -> Self {
        Recorder {
            store,
            place,
            secrets,
            next: None,
            current: None,
            is_told: false,
        }
    }

    /// The id of the activity that runs.
    pub fn activity(&self) -> Option<&str> {
        let current = self.current.as_ref()?;
        Some(&current.open.activity.id)
    }

    /// Begins an activity with the next event. The record is then made on the listener's thread, while the engine
    /// already works.
    pub fn expect(&mut self, draft: Draft) {
        self.next = Some(draft);
    }

    /// The file through which another process asks the current activity to stop, if there is an activity.
    pub(super) fn request_file(&self) -> Option<PathBuf> {
        let current = self.current.as_ref()?;
        Some(self.store.request_file(&current.open.activity.id))
    }

    /// Begins the activity that another recorder expects, with the next event.
    pub(super) fn follow(&mut self, other: Recorder) {
        self.next = other.next;
        self.secrets = other.secrets;
    }

    /// Begins the expected activity, if it has not begun.
    pub(super) fn begin_next(&mut self) -> Option<Trouble> {
        let draft = self.next.take()?;
        self.begin(draft)
    }

    /// Begins an activity. If the one before it has not ended, it is recorded as failed.
    pub fn begin(&mut self, draft: Draft) -> Option<Trouble> {
        let before = self.finish(Outcome::Failure);
        let begun = self.store.begin(&draft, &self.place).and_then(|open| {
            let path = self.store.log(&open.activity.id);
            match open.log() {
                Ok(log) => Ok((open, log, path)),
                Err(source) => Err(Trouble {
                    path,
                    source,
                    is_of_log: false,
                }),
            }
        });
        let now = match begun {
            Ok((open, file, log)) => {
                let terminal = Terminal::log(Log::new(file, LIMIT));
                let hides = !self.secrets.is_empty();
                self.current = Some(Current {
                    open,
                    text: Masked::new(terminal, self.secrets.clone(), hides),
                    log,
                    draft,
                    began: Instant::now(),
                    waiting: None,
                    build: Clock::default(),
                    deploy: Clock::default(),
                    execute: Clock::default(),
                    has_failed_hook: false,
                });
                None
            }
            Err(trouble) => Some(trouble),
        };
        self.once(before.or(now))
    }

    /// Records an event.
    pub fn record(&mut self, event: &Event) -> Option<Trouble> {
        let begun = self.begin_next();
        begun.or(self.note(event))
    }

    fn note(&mut self, event: &Event) -> Option<Trouble> {
        match event {
            // When the crons begin to run at their times, the environment is up. Each cron's run is an activity of
            // its own.
            Event::Cron(Cron::Planned { .. }) => {
                let failed = self.current.as_ref().is_some_and(|it| it.has_failed_hook);
                let result = if failed {
                    Outcome::Failure
                } else {
                    Outcome::Success
                };
                let trouble = self.finish(result);
                return self.once(trouble);
            }
            Event::Cron(Cron::Started {
                app,
                cron,
                role: None,
                ..
            }) => {
                let draft = Draft::Cron {
                    app: app.clone(),
                    cron: cron.clone(),
                    role: None,
                    user: None,
                };
                let trouble = self.begin(draft);
                return trouble.or_else(|| self.write(event));
            }
            Event::Cron(Cron::Finished {
                role: None, result, ..
            }) => {
                let written = self.write(event);
                let finished = self.finish(*result);
                return written.or_else(|| self.once(finished));
            }
            // The output of tests is recorded with their verdicts.
            Event::Run(_) if self.is_about_tests() => return None,
            _ => {}
        }
        self.write(event)
    }

    fn is_about_tests(&self) -> bool {
        let draft = self.current.as_ref().map(|current| &current.draft);
        matches!(draft, Some(Draft::Tests { .. }))
    }

    fn write(&mut self, event: &Event) -> Option<Trouble> {
        let trouble = self.current.as_mut()?.write(event);
        self.once(trouble)
    }

    /// Records the verdict of a test.
    pub fn verdict(&mut self, verdict: &Verdict) -> Option<Trouble> {
        let begun = self.begin_next();
        begun.or(self.note_verdict(verdict))
    }

    fn note_verdict(&mut self, verdict: &Verdict) -> Option<Trouble> {
        let current = self.current.as_mut()?;
        current.execute.stop(verdict.duration);
        current.open.activity.commands.push(Ran {
            app: verdict.container.clone(),
            kind: "test".to_owned(),
            name: Some(verdict.name.clone()),
            exit_code: match verdict.status {
                Status::Passed => Some(0),
                Status::Failed(_) => Some(1),
                Status::Error(_) => Some(70),
                Status::Skipped(_) => None,
            },
        });
        let mut text = crate::suite::line(verdict, crate::reporter::style::Style::default());
        if verdict.status == Status::Passed {
            let (out, errors) = &verdict.output;
            for line in out.lines().chain(errors.lines()) {
                text.push_str(&format!("      | {line}\n"));
            }
        }
        self.say(&text)
    }

    /// Adds text to the log.
    pub fn say(&mut self, text: &str) -> Option<Trouble> {
        let text = self.secrets.mask(text);
        let current = self.current.as_mut()?;
        // Neither call fails: `trouble` below reports whether the log could be written.
        let _ = current.text.release();
        current.text.inner_mut().note(&text);
        let trouble = current.trouble();
        self.once(trouble)
    }

    /// Ends the activity that runs, with the result of the command.
    pub fn end(&mut self, ending: &Ending) -> Option<Trouble> {
        let begun = self.begin_next();
        let said = ending
            .message
            .as_ref()
            .and_then(|message| self.say(message));
        let outcome = match ending {
            Ending {
                is_cancelled: true, ..
            } => Outcome::Cancelled,
            Ending { exit_code: 0, .. } => Outcome::Success,
            Ending { .. } => Outcome::Failure,
        };
        let finished = self.finish(outcome);
        begun.or(said).or_else(|| self.once(finished))
    }

    fn finish(&mut self, outcome: Outcome) -> Option<Trouble> {
        self.current.take()?.finish(outcome)
    }

    /// Returns only the first problem.
    fn once(&mut self, trouble: Option<Trouble>) -> Option<Trouble> {
        let trouble = trouble.filter(|_| !self.is_told);
        self.is_told |= trouble.is_some();
        trouble
    }
}

impl Current {
    fn log(&mut self) -> &mut Log {
        self.text.inner_mut().screen_mut()
    }

    fn trouble(&mut self) -> Option<Trouble> {
        let why = self.log().trouble()?;
        // An `io::Error` cannot be cloned, so make a new one from its code or kind.
        let source = why
            .raw_os_error()
            .map_or_else(|| why.kind().into(), io::Error::from_raw_os_error);
        Some(Trouble {
            path: self.log.clone(),
            source,
            is_of_log: true,
        })
    }

    fn write(&mut self, event: &Event) -> Option<Trouble> {
        let waited = self.wait(event);
        self.measure(event);
        self.advise(event);
        let kept = self.look_at_mounts(event);
        // The output of an operation may be much longer than a log may be.
        if !self.log().is_closed() {
            // Writing to a log returns no error; `trouble` below reports whether it failed.
            let _ = self.text.report(Envelope::now(event.clone()));
        }
        waited.or(kept).or_else(|| self.trouble())
    }

    /// Keeps what the operation changed on mounts. The name of the snapshot is written at once: if this process is
    /// killed, the operation can still be undone.
    fn look_at_mounts(&mut self, event: &Event) -> Option<Trouble> {
        let Event::Mounts(event) = event else {
            return None;
        };
        let has_run = self.execute.total.is_some();
        self.open.activity.mounts = Some(OnMounts::of(event, has_run)?);
        self.open.save().err()
    }

    /// Records the time that the activity waits for its turn. It is pending in that time, as on Upsun.
    fn wait(&mut self, event: &Event) -> Option<Trouble> {
        let activity = &mut self.open.activity;
        match (event, self.waiting) {
            (Event::Notice(Notice::Waiting { .. }), None) => {
                self.waiting = Some(Instant::now());
                activity.state = State::Pending;
                activity.started_at = None;
            }
            (Event::Notice(Notice::Waiting { .. }), Some(_)) | (_, None) => return None,
            (_, Some(since)) => {
                self.waiting = None;
                activity.state = State::InProgress;
                activity.started_at = Some(Stamp::now());
                activity.timings.wait += seconds(since.elapsed());
            }
        }
        self.open.save().err()
    }

    fn measure(&mut self, event: &Event) {
        match event {
            Event::Build(Build::Started { .. }) => self.build.start(),
            Event::Build(Build::Finished { duration, .. }) => self.build.stop(*duration),
            Event::Deploy(Deploy::Started { .. }) => self.deploy.start(),
            Event::Deploy(Deploy::Finished { duration, .. }) => self.deploy.stop(*duration),
            Event::Run(Run::Started { .. }) | Event::Cron(Cron::Started { .. }) => {
                self.execute.start();
            }
            Event::Script(Script::Finished {
                app,
                step,
                exit_code,
                ..
            }) => {
                self.has_failed_hook |= *exit_code != 0;
                self.ran(app, step.key(), None, *exit_code);
            }
            Event::Run(Run::Finished {
                app,
                worker,
                operation,
                exit_code,
                duration,
                ..
            }) => {
                self.execute.stop(*duration);
                let kind = match self.draft {
                    Draft::SourceOperation { .. } => "source_operation",
                    _ => "operation",
                };
                let at = container_name(app, worker.as_deref());
                self.ran(&at, kind, Some(operation), *exit_code);
            }
            Event::Cron(Cron::Finished {
                app,
                cron,
                exit_code,
                duration,
                ..
            }) => {
                self.execute.stop(*duration);
                self.ran(app, "cron", Some(cron), *exit_code);
            }
            _ => {}
        }
    }

    /// Keeps what helps with a failure, or with a write that was refused although the script succeeded.
    fn advise(&mut self, event: &Event) {
        let (subject, result, advice) = match event {
            Event::Run(Run::Finished {
                result,
                read_only,
                not_started,
                known,
                ..
            }) => ("the operation", result, (read_only, not_started, known)),
            Event::Cron(Cron::Finished {
                result,
                read_only,
                not_started,
                known,
                ..
            }) => ("the cron", result, (read_only, not_started, known)),
            Event::Notice(Notice::Advice {
                subject,
                result,
                read_only,
                not_started,
                known,
                ..
            }) => (subject.as_str(), result, (read_only, not_started, known)),
            _ => return,
        };
        let subject = match result {
            Outcome::Success => Some(subject),
            Outcome::Failure => None,
            Outcome::Cancelled | Outcome::Timeout => return,
        };
        let advice = Advice {
            read_only: advice.0.clone(),
            not_started: advice.1.clone(),
            known: advice.2.clone().filter(|_| subject.is_none()),
        };
        let texts = hints::texts(&advice, subject);
        self.open.activity.hints.extend(texts);
    }

    fn ran(&mut self, app: &str, kind: &str, name: Option<&String>, exit_code: i64) {
        self.open.activity.commands.push(Ran {
            app: app.to_owned(),
            kind: kind.to_owned(),
            name: name.cloned(),
            exit_code: Some(exit_code),
        });
    }

    fn finish(mut self, outcome: Outcome) -> Option<Trouble> {
        self.text.finish();
        let trouble = self.trouble();
        let now = Stamp::now();
        let activity = &mut self.open.activity;
        if let Some(since) = self.waiting {
            activity.timings.wait += seconds(since.elapsed());
        }
        activity.timings.build = self.build.seconds();
        activity.timings.deploy = self.deploy.seconds();
        activity.timings.execute = self.execute.seconds();
        // A monotonic clock measures the duration, because the system's clock may be set during the run.
        let took = jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        let end = Stamp(activity.created_at.0.checked_add(took).unwrap_or(now.0));
        activity.completed_at = Some(end);
        activity.completion_percent = 100;
        activity.result = Some(outcome.plain());
        activity.state = State::Complete;
        if outcome == Outcome::Cancelled {
            activity.state = State::Cancelled;
            activity.cancelled_at = Some(end);
        }
        if let Some(trouble) = &trouble {
            activity.note = Some(format!("its log is not whole: {}", trouble.source));
        }
        let saved = self.open.save().err();
        trouble.or(saved)
    }
}
