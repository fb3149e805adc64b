//! What the engines of a run of tests share: the queue of tests, the verdicts, and what is known of builds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::cases::{Case, verdict};
use super::homes::Home;
use super::{Request, is_bad};
use crate::actions::prepared::Prepared;
use crate::settings::Expected;
use crate::suite::queue::{Queue, Queued};
use crate::suite::{EngineUse, Status, Verdict};

/// The failed build of an app, or nothing.
pub(super) type FailedBuild = Arc<tokio::sync::Mutex<Option<Status>>>;

pub(super) struct Shared<'a, E> {
    pub(super) cases: &'a [Case<'a>],
    pub(super) homes: &'a [Home<E>],
    /// The names of containers by their numbers in the queue.
    places: Vec<String>,
    queue: Mutex<Queue>,
    /// Wakes those who wait for the queue.
    pub(super) changed: Notify,
    /// Whether no further test may begin.
    is_stopped: AtomicBool,
    /// Whether the project's warnings have been sent.
    pub(super) is_warned: AtomicBool,
    /// One engine at a time builds an app.
    builds: Mutex<BTreeMap<String, FailedBuild>>,
    /// What was printed before a container failed to come up.
    printed: Mutex<BTreeMap<String, String>>,
    /// Why each engine was given up.
    lost: Mutex<Vec<Option<String>>>,
    /// How many tests each engine did.
    counts: Mutex<Vec<usize>>,
    request: &'a Request,
    tell: &'a (dyn Fn(usize, Verdict) + Sync),
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a, E> Shared<'a, E> {
    pub(super) fn new(
        cases: &'a [Case<'a>],
        prepared: &BTreeMap<String, Prepared>,
        request: &'a Request,
        homes: &'a [Home<E>],
        tell: &'a (dyn Fn(usize, Verdict) + Sync),
    ) -> Self {
        let places: Vec<String> = prepared.keys().cloned().collect();
        let groups = groups(prepared);
        let tests = cases.iter().map(|case| {
            let place = case.place();
            let at = places.iter().position(|known| *known == place);
            let is_run = case.definition.expect != Expected::Denied && case.is_allowed();
            Queued {
                container: at.filter(|_| is_run),
                group: at.map_or(usize::MAX, |at| groups[at]),
            }
        });
        Shared {
            queue: Mutex::new(Queue::new(tests.collect(), groups, homes.len())),
            cases,
            homes,
            places,
            changed: Notify::new(),
            is_stopped: AtomicBool::new(false),
            is_warned: AtomicBool::new(false),
            builds: Mutex::default(),
            printed: Mutex::default(),
            lost: Mutex::new(vec![None; homes.len()]),
            counts: Mutex::new(vec![0; homes.len()]),
            request,
            tell,
        }
    }

    pub(super) fn is_spread(&self) -> bool {
        self.homes.len() > 1
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }

    pub(super) fn place(&self, container: usize) -> &str {
        &self.places[container]
    }

    pub(super) fn number_of(&self, place: &str) -> Option<usize> {
        self.places.iter().position(|known| known == place)
    }

    /// Changes the queue, and wakes those who wait for it.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let result = change(&mut locked(&self.queue));
        self.changed.notify_waiters();
        result
    }

    /// Asks the queue without an effect on those who wait.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&mut Queue) -> T) -> T {
        ask(&mut locked(&self.queue))
    }

    /// A test has its verdict, which one of the engines found.
    pub(super) fn ended(&self, engine: usize, number: usize, mut verdict: Verdict) {
        let name = &self.homes[engine].name;
        verdict.engine = Some(name.clone()).filter(|name| !name.is_empty());
        if !matches!(verdict.status, Status::Skipped(_)) {
            locked(&self.counts)[engine] += 1;
        }
        if self.request.fail_fast && is_bad(&verdict) {
            self.is_stopped.store(true, Relaxed);
        }
        (self.tell)(number, verdict);
        self.update(|queue| queue.done(number));
    }

    /// Waits until all tests have their verdicts.
    pub(super) async fn all_done(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.ask(|queue| queue.is_done()) {
                return;
            }
            changed.await;
        }
    }

    /// Gives up an engine. Returns how many tests it had begun; `None` if it was given up before.
    pub(super) fn lose(&self, engine: usize, why: &str) -> Option<usize> {
        {
            let mut lost = locked(&self.lost);
            if lost[engine].is_some() {
                return None;
            }
            lost[engine] = Some(why.to_owned());
        }
        Some(self.update(|queue| queue.lose(engine)))
    }

    pub(super) fn is_lost(&self, engine: usize) -> bool {
        locked(&self.lost)[engine].is_some()
    }

    /// By the number of the engine.
    pub(super) fn lost(&self) -> Vec<bool> {
        locked(&self.lost).iter().map(Option::is_some).collect()
    }

    /// Gives the tests that no engine could do the verdict that nobody knows.
    pub(super) fn finish(&self) {
        if !self.lost().iter().all(|is_lost| *is_lost) {
            return;
        }
        while let crate::suite::queue::Next::Test(number) = self.ask(Queue::take_left) {
            let status = Status::Error("all engines were given up before the test ran".to_owned());
            (self.tell)(number, verdict(&self.cases[number], status));
            self.update(|queue| queue.done(number));
        }
    }

    /// The turn to build an app, with the failure of the engine that had it before.
    pub(super) fn build_of(&self, app: &str) -> FailedBuild {
        Arc::clone(locked(&self.builds).entry(app.to_owned()).or_default())
    }

    /// Keeps what was printed before a container failed to come up.
    pub(super) fn keep_printed(&self, place: &str, text: &str) {
        if !text.is_empty() {
            let mut printed = locked(&self.printed);
            printed
                .entry(place.to_owned())
                .or_insert_with(|| text.to_owned());
        }
    }

    pub(super) fn printed(&self, place: &str) -> String {
        locked(&self.printed)
            .get(place)
            .cloned()
            .unwrap_or_default()
    }

    /// What each engine did, if there are several.
    pub(super) fn uses(&self) -> Vec<EngineUse> {
        if self.homes.iter().all(|home| home.name.is_empty()) {
            return Vec::new();
        }
        let (lost, counts) = (locked(&self.lost), locked(&self.counts));
        let all = self.homes.iter().zip(lost.iter()).zip(counts.iter());
        all.map(|((home, lost), tests)| EngineUse {
            name: home.name.clone(),
            tests: *tests,
            lost: lost.clone(),
        })
        .collect()
    }
}

/// The group of each container. The containers of a group share a mount or an app, so that tests of them cannot run
/// side by side on one engine.
fn groups(prepared: &BTreeMap<String, Prepared>) -> Vec<usize> {
    let mut all: Vec<(BTreeSet<&str>, usize)> = Vec::new();
    let mut groups: Vec<usize> = Vec::new();
    for (number, prepared) in prepared.values().enumerate() {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let storage = prepared.container().storage.iter();
        names.extend(storage.map(|volume| volume.name.as_str()));
        // An operation of an app may communicate with the app's worker.
        names.insert(&prepared.plan.app);
        let (same, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(shared, _)| !shared.is_disjoint(&names));
        all = others;
        for (shared, group) in same {
            names.extend(shared);
            for known in &mut groups {
                if *known == group {
                    *known = number;
                }
            }
        }
        groups.push(number);
        all.push((names, number));
    }
    groups
}
