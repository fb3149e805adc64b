//! How a user stops `upsun-local`: the first Ctrl-C cancels with a grace period, the second kills now, the third
//! leaves.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How urgently the user wants `upsun-local` to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// The user does not want to stop.
    #[default]
    None,
    /// Cancel the running commands and give them their grace period.
    Cancel,
    /// Kill the running commands now.
    Kill,
    /// Leave, even if commands still run.
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

/// Why `upsun-local` is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The signal with this number.
    Signal(u8),
    /// `activity cancel`.
    Request,
    /// `down --force`.
    Force,
    /// `watch` is to start its command again.
    Change,
    /// The output cannot be written.
    Unwritable,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    urgency: Urgency,
    /// The cause of the first request.
    cause: Option<Cause>,
}

/// Says to all tasks that wait for it that the user wants to stop. Clones share one state.
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
    /// Starts without any request to stop.
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

    /// Counts one request to stop, by the signal with this number.
    pub fn press(&self, signal: u8) {
        self.press_for(Cause::Signal(signal));
    }

    /// Counts one request of `activity cancel`.
    pub fn request(&self) {
        self.press_for(Cause::Request);
    }

    /// Counts one request of `down --force`.
    pub fn force(&self) {
        self.press_for(Cause::Force);
    }

    /// Stops because a file has changed that the running work depends on.
    pub fn change(&self) {
        self.press_for(Cause::Change);
    }

    /// Counts every request that another activity gets. Never ends.
    pub(crate) async fn follow(&self, other: &Shutdown) {
        let mut receiver = other.sender.subscribe();
        loop {
            let state = *receiver.borrow_and_update();
            if let Some(cause) = state.cause {
                while self.urgency() < state.urgency {
                    self.press_for(cause);
                }
            }
            // The sender lives in `other`.
            if receiver.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Stops because the output cannot be written, after the error was reported.
    pub(crate) fn give_up_output(&self) {
        self.press_for(Cause::Unwritable);
    }

    fn press_for(&self, cause: Cause) {
        self.sender.send_modify(|state| {
            state.urgency = state.urgency.next();
            state.cause.get_or_insert(cause);
        });
    }

    pub fn urgency(&self) -> Urgency {
        self.sender.borrow().urgency
    }

    /// 128 plus the number of the first signal, once a signal came: 130, 143 or 129. A request that stands for a
    /// signal has the code of that signal. Output that cannot be written is a fault.
    pub fn exit_code(&self) -> Option<u8> {
        let cause = self.sender.borrow().cause?;
        Some(match cause {
            Cause::Signal(number) => 128 + number,
            Cause::Request | Cause::Force => 143,
            Cause::Change => 130,
            Cause::Unwritable => 70,
        })
    }

    /// The signal by which this process is to end, so that a shell that runs the process in a loop ends too. `None`
    /// for a request that only stands for a signal, and after the reader of the output is gone.
    pub fn signal(&self) -> Option<u8> {
        match self.sender.borrow().cause? {
            Cause::Signal(number) if number != 13 => Some(number),
            _ => None,
        }
    }

    /// Whether no message is needed: the reader of the output is gone, the reason was already reported, or `watch`
    /// starts again.
    pub(crate) fn is_explained(&self) -> bool {
        let cause = self.sender.borrow().cause;
        matches!(
            cause,
            Some(Cause::Signal(13) | Cause::Unwritable | Cause::Change)
        )
    }

    /// Whether the output could not be written.
    pub fn is_unwritten(&self) -> bool {
        self.sender.borrow().cause == Some(Cause::Unwritable)
    }

    /// How messages name the first request to stop.
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

    /// Waits until the urgency is at least `urgency`.
    pub async fn reached(&self, urgency: Urgency) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so the wait ends only when the condition holds.
        let _ = receiver.wait_for(|state| state.urgency >= urgency).await;
    }

    /// Runs `act` to its end; `None` if the user leaves before that. An engine that does not answer must not keep the
    /// user waiting.
    pub(crate) async fn unless_left<T>(&self, act: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // If `act` itself notices the interruption, the result of `act` says more.
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
