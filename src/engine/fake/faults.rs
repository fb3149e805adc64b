//! What the fake was asked, call by call, and what is to go wrong with which call.

use crate::engine::Error;

/// Makes the error of a fault, anew for every call that it hits.
pub(crate) type MakeError = fn() -> Error;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is refused and has no effect.
    Refuse(MakeError),
    /// It has its effect, and the answer is lost.
    LoseAnswer(MakeError),
    /// It never answers and has no effect.
    Hang,
    /// It has its effect and never answers.
    HangAfter,
    /// It succeeds, and the stream that it returns breaks where it should have ended.
    Cut(MakeError),
    /// This call and every later one finds no engine, and all streams break.
    Gone,
}

/// One call of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The trait's function, or `exit_code` when a command has ended and its code is asked for.
    pub(crate) name: &'static str,
    /// The name or id it is about; the script's words for an exec.
    pub(crate) subject: String,
}

/// Which call a fault is for.
#[derive(Debug)]
enum Place {
    /// That one of all calls, counted from 0.
    Any(usize),
    /// That one of the calls of this function, counted from 0.
    Named(&'static str, usize),
}

/// The calls so far, and the faults to come.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    calls: Vec<Call>,
    faults: Vec<(Place, Fault)>,
    gone: bool,
}

impl Tape {
    /// Notes a call and says what goes wrong with it.
    pub(crate) fn record(&mut self, name: &'static str, subject: &str) -> Option<Fault> {
        let at = self.calls.len();
        let nth = self.calls.iter().filter(|call| call.name == name).count();
        self.calls.push(Call {
            name,
            subject: subject.to_owned(),
        });
        if self.gone {
            return Some(Fault::Gone);
        }
        let found = self.faults.iter().position(|(place, _)| match place {
            Place::Any(wanted) => *wanted == at,
            Place::Named(wanted, number) => *wanted == name && *number == nth,
        })?;
        let (_, fault) = self.faults.remove(found);
        self.gone = matches!(fault, Fault::Gone);
        Some(fault)
    }

    /// Lets the nth call from now on go wrong.
    pub(crate) fn add(&mut self, nth: usize, fault: Fault) {
        self.faults
            .push((Place::Any(self.calls.len() + nth), fault));
    }

    /// Lets the nth call of one function from now on go wrong.
    pub(crate) fn add_named(&mut self, name: &'static str, nth: usize, fault: Fault) {
        let so_far = self.calls.iter().filter(|call| call.name == name).count();
        self.faults.push((Place::Named(name, so_far + nth), fault));
    }

    /// Every call from now on finds no engine.
    pub(crate) fn go_away(&mut self) {
        self.gone = true;
    }

    /// Nothing goes wrong any more.
    pub(crate) fn mend(&mut self) {
        self.faults.clear();
        self.gone = false;
    }

    /// All calls since the last time this was asked.
    pub(crate) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }
}
