//! Which engine does which test next. Plain data: the caller asks for work, carries it out and says how it ended.
//!
//! A test goes to the engine that is free. An engine prefers tests of containers that it has up already, then tests of
//! containers that no other engine has, so that few containers are built and started more than once. With one engine,
//! tests run in their order.

use std::collections::BTreeSet;

/// A test, as far as the queue depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The number of its container; `None` if the test needs no container.
    pub container: Option<usize>,
    /// Tests of one group share a mount, so an engine runs one of them at a time.
    pub group: usize,
}

/// What an engine is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Bring up the container of this number.
    BringUp(usize),
    /// Run the test of this number.
    Test(usize),
    /// The test of this number cannot run: no engine can use its container.
    Hopeless(usize),
    /// Ask again when something has changed.
    Wait,
    /// There is nothing left to do.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// The number of the engine.
    On(usize),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Down,
    Coming,
    Up,
    Unusable,
}

#[derive(Debug)]
struct Engine {
    is_lost: bool,
    /// By the number of the container.
    containers: Vec<Standing>,
    /// The groups of which something is in progress.
    busy: BTreeSet<usize>,
}

/// The tests and the engines.
#[derive(Debug)]
pub struct Queue {
    tests: Vec<(Queued, State)>,
    /// The group of each container.
    groups: Vec<usize>,
    engines: Vec<Engine>,
}

impl Queue {
    /// A queue for this many engines. `groups` are those of the containers.
    pub fn new(tests: Vec<Queued>, groups: Vec<usize>, engines: usize) -> Self {
        let engine = || Engine {
            is_lost: false,
            containers: vec![Standing::Down; groups.len()],
            busy: BTreeSet::new(),
        };
        Queue {
            engines: (0..engines).map(|_| engine()).collect(),
            tests: tests
                .into_iter()
                .map(|test| (test, State::Waiting))
                .collect(),
            groups,
        }
    }

    /// What an engine is to do next. The work counts as begun.
    pub fn next(&mut self, engine: usize) -> Next {
        if self.engines[engine].is_lost || self.is_done() {
            return Next::Done;
        }
        let waiting = self.tests.iter().enumerate();
        let best = waiting
            .filter(|(_, (_, state))| *state == State::Waiting)
            .filter_map(|(number, (test, _))| Some((self.rank(engine, test)?, number)))
            .min();
        let Some((_, number)) = best else {
            return Next::Wait;
        };
        let Queued { container, group } = self.tests[number].0;
        let standing = container.map(|container| self.engines[engine].containers[container]);
        match (container, standing) {
            (Some(container), Some(Standing::Down)) => {
                self.engines[engine].containers[container] = Standing::Coming;
                self.engines[engine].busy.insert(group);
                Next::BringUp(container)
            }
            (Some(_), Some(Standing::Unusable)) => {
                self.engines[engine].busy.insert(group);
                self.tests[number].1 = State::On(engine);
                Next::Hopeless(number)
            }
            _ => {
                if container.is_some() {
                    self.engines[engine].busy.insert(group);
                }
                self.tests[number].1 = State::On(engine);
                Next::Test(number)
            }
        }
    }

    /// How well a test suits an engine; `None` if the engine cannot begin it now. Lower is better.
    fn rank(&self, engine: usize, test: &Queued) -> Option<u8> {
        let Some(container) = test.container else {
            return Some(0);
        };
        let own = &self.engines[engine];
        if own.busy.contains(&test.group) {
            return None;
        }
        let mut others = self
            .living()
            .filter(|(number, _)| *number != engine)
            .peekable();
        if others.peek().is_none() {
            return Some(0);
        }
        let mut others = others.map(|(_, other)| other.containers[container]);
        match own.containers[container] {
            Standing::Up => Some(0),
            Standing::Coming => None,
            Standing::Down => {
                let has = |standing| matches!(standing, Standing::Up | Standing::Coming);
                Some(if others.any(has) { 2 } else { 1 })
            }
            Standing::Unusable => others
                .all(|standing| standing == Standing::Unusable)
                .then_some(0),
        }
    }

    fn living(&self) -> impl Iterator<Item = (usize, &Engine)> {
        self.engines
            .iter()
            .enumerate()
            .filter(|(_, engine)| !engine.is_lost)
    }

    /// A test that nobody has begun. Its verdict is known without running it.
    pub fn skip(&mut self, engine: usize) -> Next {
        if self.engines[engine].is_lost || self.is_done() {
            return Next::Done;
        }
        let waiting = self
            .tests
            .iter()
            .position(|(_, state)| *state == State::Waiting);
        let Some(number) = waiting else {
            return Next::Wait;
        };
        self.tests[number].1 = State::On(engine);
        Next::Test(number)
    }

    /// A test that is left when all engines are lost.
    pub fn take_left(&mut self) -> Next {
        let waiting = self
            .tests
            .iter()
            .position(|(_, state)| *state == State::Waiting);
        waiting.map_or(Next::Done, Next::Test)
    }

    /// A container is up on an engine, or cannot be used there.
    pub fn came_up(&mut self, engine: usize, container: usize, is_usable: bool) {
        let group = self.groups[container];
        let own = &mut self.engines[engine];
        own.containers[container] = if is_usable {
            Standing::Up
        } else {
            Standing::Unusable
        };
        own.busy.remove(&group);
    }

    /// A container that was up on an engine can no longer be used there.
    pub fn spoil(&mut self, engine: usize, container: usize) {
        self.engines[engine].containers[container] = Standing::Unusable;
    }

    /// A test has its verdict.
    pub fn done(&mut self, number: usize) {
        self.end(number, State::Done);
    }

    /// A test ended without a verdict that counts, and is to run again.
    pub fn give_back(&mut self, number: usize) {
        self.end(number, State::Waiting);
    }

    fn end(&mut self, number: usize, now: State) {
        let (test, state) = &mut self.tests[number];
        if let State::On(engine) = *state
            && test.container.is_some()
        {
            self.engines[engine].busy.remove(&test.group);
        }
        *state = now;
    }

    /// An engine is gone; the others do its tests. Returns how many tests it had begun.
    pub fn lose(&mut self, engine: usize) -> usize {
        self.engines[engine].is_lost = true;
        let mut begun = 0;
        for (_, state) in &mut self.tests {
            if *state == State::On(engine) {
                *state = State::Waiting;
                begun += 1;
            }
        }
        begun
    }

    /// Whether all tests have their verdicts.
    pub fn is_done(&self) -> bool {
        self.tests.iter().all(|(_, state)| *state == State::Done)
    }
}

#[cfg(test)]
mod tests;
