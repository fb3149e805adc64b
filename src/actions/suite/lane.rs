//! The work of one engine: it takes tests from the queue, brings up their containers, and runs them.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::cases::{Case, decided, skipped, verdict};
use super::homes::{Home, lost};
use super::shared::{Shared, locked};
use super::{Audience, Before, Request};
use crate::actions::prepared::Prepared;
use crate::engine::{self, Engine};
use crate::event::{self, Event, Events, Text};
use crate::failure::Failure;
use crate::lifecycle::{Error, Sandbox};
use crate::mask::Secrets;
use crate::mount_snapshot::BEFORE_RUN;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Tree;
use crate::suite::queue::Next;
use crate::suite::{Printed, Status, Verdict};
use crate::workspace::{Running, Workspace};

/// How often one of several engines is asked whether it is still there.
const PULSE: Duration = Duration::from_secs(5);

/// How long its answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A container that is up with its mounts as they were, or why it is not, with what was printed before.
type Standing = Result<Arc<Before>, (Status, String)>;

pub(super) struct Lane<'a, E> {
    pub(super) number: usize,
    pub(super) home: &'a Home<E>,
    pub(super) workspace: &'a Workspace,
    pub(super) tree: &'a Arc<Tree>,
    pub(super) prepared: &'a BTreeMap<String, Prepared>,
    pub(super) sandbox: Sandbox<'a, E>,
    pub(super) request: &'a Request,
    pub(super) secrets: &'a Secrets,
    pub(super) audience: &'a dyn Audience,
    pub(super) shared: &'a Shared<'a, E>,
    /// Stops the work on all engines.
    pub(super) stop: &'a Shutdown,
    /// Only one container starts at a time, because containers share services and images.
    pub(super) coming_up: tokio::sync::Mutex<()>,
    pub(super) befores: Mutex<BTreeMap<String, Standing>>,
    /// Why the engine is given up.
    pub(super) gone: watch::Sender<Option<String>>,
}

impl<E: Engine> Lane<'_, E> {
    /// Works until there is nothing left to do, or until the engine is lost.
    pub(super) async fn run(&self) -> Result<(), Error> {
        let workers = join_all((0..self.request.jobs.get()).map(|_| self.work()));
        let follow = self.sandbox.shutdown.follow(self.stop);
        if !self.shared.is_spread() {
            tokio::select! {
                biased;
                _ = workers => {}
                () = follow => {}
            }
            return self.put_away().await;
        }
        let gone = tokio::select! {
            biased;
            _ = workers => None,
            why = self.gone() => Some(why),
            () = follow => None,
        };
        match gone {
            None => self.put_away().await,
            Some(why) => {
                self.tell_lost(&why).await;
                Ok(())
            }
        }
    }

    async fn work(&self) {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let is_over =
                self.shared.is_stopped() || self.sandbox.shutdown.urgency() > Urgency::None;
            let next = self.shared.ask(|queue| {
                if is_over {
                    queue.skip(self.number)
                } else {
                    queue.next(self.number)
                }
            });
            match next {
                Next::Done => return,
                Next::Wait => changed.await,
                Next::BringUp(container) => self.bring(container).await,
                Next::Test(number) | Next::Hopeless(number) => self.test(number).await,
            }
        }
    }

    /// Finds the verdict of a test.
    async fn test(&self, number: usize) {
        let case = &self.shared.cases[number];
        let place = case.place();
        let standing = locked(&self.befores).get(&place).cloned();
        let verdict = if self.shared.is_stopped() {
            skipped(case, "a test before it failed")
        } else if let Some(verdict) = decided(case) {
            verdict
        } else if self.sandbox.shutdown.urgency() > Urgency::None {
            skipped(case, "interrupted before it began")
        } else {
            match standing {
                Some(Ok(before)) => {
                    let verdict = self.one(case, &before).await;
                    if verdict.status != Status::Passed {
                        self.stand_by().await;
                    }
                    self.spoil(&place, &before);
                    verdict
                }
                Some(Err((status, printed))) => {
                    let printed = if printed.is_empty() {
                        self.shared.printed(&place)
                    } else {
                        printed
                    };
                    Verdict {
                        output: (String::new(), printed),
                        ..verdict(case, status)
                    }
                }
                None => verdict(
                    case,
                    Status::Error("the container was not started".to_owned()),
                ),
            }
        };
        self.shared.ended(self.number, number, verdict);
    }

    /// If the mounts of a container could not be restored, no further test may use them.
    fn spoil(&self, place: &str, before: &Before) {
        if !before.is_lost.load(Relaxed) {
            return;
        }
        let why = "the mounts are not as they were before the tests".to_owned();
        let mut befores = locked(&self.befores);
        befores.insert(place.to_owned(), Err((Status::Skipped(why), String::new())));
        if let Some(container) = self.shared.number_of(place) {
            self.shared
                .update(|queue| queue.spoil(self.number, container));
        }
    }

    /// Brings up a container, unless all tests are done before.
    async fn bring(&self, container: usize) {
        let place = self.shared.place(container);
        let cases = self.shared.cases.iter();
        let mut of_place = cases.filter(|case| case.place() == place && decided(case).is_none());
        let Some(case) = of_place.next() else {
            self.shared
                .update(|queue| queue.came_up(self.number, container, false));
            return;
        };
        let mut first = pin!(self.first(case));
        let standing = if self.shared.is_spread() {
            tokio::select! {
                biased;
                standing = &mut first => standing,
                () = self.shared.all_done() => {
                    // Nobody needs the container any longer. It ends in order, so that nothing half-made is left.
                    self.home.shutdown.change();
                    first.await
                }
            }
        } else {
            first.await
        };
        if let Err((status, printed)) = &standing {
            self.stand_by().await;
            self.shared.keep_printed(place, printed);
            if self.shared.is_spread() && matches!(status, Status::Error(_)) {
                let why = status.messages().join("; ");
                let message = format!("`{place}` cannot be tested on `{}`: {why}", self.home.name);
                self.sandbox.events.warn(message, None).await;
            }
        }
        let is_usable = standing.is_ok();
        locked(&self.befores).insert(place.to_owned(), standing.map(Arc::new));
        self.shared
            .update(|queue| queue.came_up(self.number, container, is_usable));
    }

    /// Goes on only if the engine is still there. What went wrong on an engine that is gone says nothing of a test,
    /// which another engine then runs.
    async fn stand_by(&self) {
        if !self.shared.is_spread() || self.sandbox.shutdown.urgency() > Urgency::None {
            return;
        }
        if let Err(why) = self.answers().await {
            self.gone.send_replace(Some(why));
            // `run` drops this work.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the engine answers; the reason if it does not.
    pub(super) async fn answers(&self) -> Result<(), String> {
        let labels = self.workspace.project.labels();
        match tokio::time::timeout(PATIENCE, self.sandbox.engine.networks(&labels)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(err)) => Err(reason(&err)),
            Err(_) => Err(format!("it did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    /// Waits until the engine is gone. An engine on a machine that was cut off refuses nothing: it is only silent.
    async fn gone(&self) -> String {
        let mut gone = self.gone.subscribe();
        let pulse = async {
            loop {
                tokio::time::sleep(PULSE).await;
                if let Err(why) = self.answers().await {
                    return why;
                }
            }
        };
        tokio::select! {
            why = pulse => why,
            _ = gone.wait_for(Option::is_some) => self.gone.borrow().clone().unwrap_or_default(),
        }
    }

    async fn tell_lost(&self, why: &str) {
        let Some(begun) = self.shared.lose(self.number, why) else {
            return;
        };
        let hint = match begun {
            0 => "the other engines go on".to_owned(),
            _ => "the other engines do its tests".to_owned(),
        };
        let message = lost(&self.home.name, why);
        self.sandbox.events.warn(message, Some(hint)).await;
    }

    /// Removes the snapshots of mounts once no test needs them.
    async fn put_away(&self) -> Result<(), Error> {
        let befores = std::mem::take(&mut *locked(&self.befores));
        for (place, before) in befores {
            let Ok(before) = before else { continue };
            let restored = std::mem::take(&mut *locked(&before.restored));
            if before.is_lost.load(Relaxed) {
                // Keep the snapshot: the next command tries again to restore it.
                continue;
            }
            self.sandbox
                .warn_unlike(&place, &restored, &before.flags, BEFORE_RUN)
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
    async fn first(&self, case: &Case<'_>) -> Result<Before, (Status, String)> {
        let _turn = self.coming_up.lock().await;
        let (events, mut receiver) = Events::channel();
        let brought = async move {
            let engine = self.sandbox.engine;
            let sandbox = self
                .workspace
                .sandbox(engine, &events, self.sandbox.shutdown);
            self.bring_up(case, &sandbox).await
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
    async fn bring_up(&self, case: &Case<'_>, sandbox: &Sandbox<'_, E>) -> Result<Before, Status> {
        let of = |err: Error| self.status(err);
        let place = case.place();
        let prepared = &self.prepared[&place];
        let container = prepared.container();
        let planned = prepared.planned(self.request.pull);
        let reached = prepared.reached(self.request.pull);
        let containers = sandbox.containers().await.map_err(of)?;
        let is_up = prepared.is_synced || container.is_current(&containers);
        if !is_up && !self.shared.is_warned.swap(true, Relaxed) {
            self.workspace
                .warn(sandbox.events, self.tree, Running::All)
                .await;
        }
        if self.shared.is_spread() {
            let all: Vec<_> = reached.iter().chain([&planned]).collect();
            self.ensure_builds(sandbox, &all).await?;
        }
        // `dev` keeps up what an edited app reaches.
        let containers = if prepared.is_synced {
            containers
        } else {
            sandbox
                .ensure_reached(&reached, containers)
                .await
                .map_err(of)?
        };
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
            container: deployed.id,
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
    pub(super) fn status(&self, err: Error) -> Status {
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

/// Why an engine is given up, without the words that the message around it has already.
fn reason(err: &engine::Error) -> String {
    match err {
        engine::Error::Lost(why) => format!("it stopped answering: {why}"),
        err => err.to_string(),
    }
}
