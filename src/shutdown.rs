//! How a user stops us: the first Ctrl-C cancels with grace, the second kills now, the third leaves.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How urgently the user wants us to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// Not at all.
    #[default]
    None,
    /// Cancel what runs, with its grace period.
    Cancel,
    /// Kill what runs now.
    Kill,
    /// Leave, whatever still runs.
    Leave,
}

impl Urgency {
    fn next(self) -> Self {
        match self {
            Urgency::None => Urgency::Cancel,
            Urgency::Cancel => Urgency::Kill,
            Urgency::Kill | Urgency::Leave => Urgency::Leave,
        }
    }
}

/// Why we are to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The signal of that number.
    Signal(u8),
    /// `activity cancel`.
    Request,
    /// `down --force`.
    Force,
    /// What `watch` runs is out of date.
    Change,
    /// Standard output cannot be written.
    Unwritable,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    urgency: Urgency,
    /// What came first.
    cause: Option<Cause>,
}

/// Tells everybody who waits that the user wants to stop. Clones share one state.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: watch::Sender<State>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nobody wants to stop yet.
    pub fn new() -> Self {
        Shutdown {
            sender: watch::Sender::new(State::default()),
        }
    }

    /// Counts SIGINT, SIGTERM and SIGHUP from now on. Must be called on a tokio runtime.
    pub fn listen(&self) -> std::io::Result<()> {
        self.count(SignalKind::interrupt(), Cause::Signal(2))?;
        self.count(SignalKind::hangup(), Cause::Signal(1))?;
        self.count(SignalKind::terminate(), Cause::Signal(15))
    }

    fn count(&self, kind: SignalKind, cause: Cause) -> std::io::Result<()> {
        tokio::spawn(forward(signal(kind)?, cause, self.clone()));
        Ok(())
    }

    /// One more wish to stop, by the signal of that number.
    pub fn press(&self, signal: u8) {
        self.press_for(Cause::Signal(signal));
    }

    /// One more request of `activity cancel`.
    pub fn request(&self) {
        self.press_for(Cause::Request);
    }

    /// One more request of `down --force`.
    pub fn force(&self) {
        self.press_for(Cause::Force);
    }

    /// What is done is out of date, as a file has changed that it depends on.
    pub fn change(&self) {
        self.press_for(Cause::Change);
    }

    /// What is printed cannot be written, and that was said.
    pub fn give_up_output(&self) {
        self.press_for(Cause::Unwritable);
    }

    fn press_for(&self, cause: Cause) {
        self.sender.send_modify(|state| {
            state.urgency = state.urgency.next();
            state.cause.get_or_insert(cause);
        });
    }

    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        self.sender.borrow().urgency
    }

    /// 128 plus the number of the first signal, once one came: 130, 143 or 129. What stands for a signal has the
    /// code of that one; output that cannot be written is a fault.
    pub fn exit_code(&self) -> Option<u8> {
        let cause = self.sender.borrow().cause?;
        Some(match cause {
            Cause::Signal(number) => 128 + number,
            Cause::Request | Cause::Force => 143,
            Cause::Change => 130,
            Cause::Unwritable => 70,
        })
    }

    /// The signal that this process is to end by, so that a shell that runs it in a loop ends too. What only stands for
    /// a signal is none, nor is a reader that is gone.
    pub fn signal(&self) -> Option<u8> {
        match self.sender.borrow().cause? {
            Cause::Signal(number) if number != 13 => Some(number),
            _ => None,
        }
    }

    /// Whether nobody needs a word about it: what is read no more, what was told, what `watch` does again.
    pub fn is_explained(&self) -> bool {
        let cause = self.sender.borrow().cause;
        matches!(
            cause,
            Some(Cause::Signal(13) | Cause::Unwritable | Cause::Change)
        )
    }

    /// Whether what is printed could not be written.
    pub fn is_unwritten(&self) -> bool {
        self.sender.borrow().cause == Some(Cause::Unwritable)
    }

    /// What the first wish to stop is called by those who had it.
    pub fn reason(&self) -> &'static str {
        match self.sender.borrow().cause {
            Some(Cause::Signal(1)) => "SIGHUP",
            Some(Cause::Signal(13)) => "a closed standard output",
            Some(Cause::Unwritable) => "a standard output that cannot be written",
            Some(Cause::Signal(15)) => "SIGTERM",
            Some(Cause::Request) => "`activity cancel`",
            Some(Cause::Change) => "a changed file",
            Some(Cause::Force) => "`down --force`",
            _ => "Ctrl-C",
        }
    }

    /// Waits until it is at least so urgent.
    pub async fn reached(&self, urgency: Urgency) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so this ends by the condition only.
        let _ = receiver.wait_for(|state| state.urgency >= urgency).await;
    }

    /// Does something until it is done; `None` where the user leaves before that, whatever it waits for: an engine that
    /// does not answer must hold nobody.
    pub async fn unless_left<T>(&self, act: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // Where `act` notices the interruption itself, its result says more.
            biased;
            result = act => Some(result),
            () = self.reached(Urgency::Leave) => None,
        }
    }
}

async fn forward(mut signals: Signal, cause: Cause, shutdown: Shutdown) {
    while signals.recv().await.is_some() {
        shutdown.press_for(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_press_is_more_urgent_and_the_first_signal_names_the_exit_code() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.exit_code(), None);
        shutdown.press(15);
        shutdown.reached(Urgency::Cancel).await;
        assert_eq!(shutdown.urgency(), Urgency::Cancel);
        shutdown.press(2);
        shutdown.reached(Urgency::Kill).await;
        shutdown.press(2);
        shutdown.press(2);
        assert_eq!(shutdown.urgency(), Urgency::Leave);
        assert_eq!(shutdown.exit_code(), Some(143));
        assert_eq!(shutdown.reason(), "SIGTERM");
    }
}
