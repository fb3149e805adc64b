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

#[derive(Debug, Clone, Copy, Default)]
struct State {
    urgency: Urgency,
    /// The number of the first signal that came.
    signal: Option<u8>,
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
        for (kind, number) in [
            (SignalKind::interrupt(), 2),
            (SignalKind::terminate(), 15),
            (SignalKind::hangup(), 1),
        ] {
            let signals = signal(kind)?;
            tokio::spawn(forward(signals, number, self.clone()));
        }
        Ok(())
    }

    /// One more wish to stop, by the signal of that number.
    pub fn press(&self, signal: u8) {
        self.sender.send_modify(|state| {
            state.urgency = state.urgency.next();
            state.signal.get_or_insert(signal);
        });
    }

    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        self.sender.borrow().urgency
    }

    /// 128 plus the number of the first signal, once one came: 130, 143 or 129.
    pub fn exit_code(&self) -> Option<u8> {
        self.sender.borrow().signal.map(|number| 128 + number)
    }

    /// What the first signal is called by those who sent it.
    pub fn reason(&self) -> &'static str {
        match self.sender.borrow().signal {
            Some(1) => "SIGHUP",
            Some(13) => "a closed standard output",
            Some(15) => "SIGTERM",
            _ => "Ctrl-C",
        }
    }

    /// Waits until it is at least so urgent.
    pub async fn reached(&self, urgency: Urgency) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so this ends by the condition only.
        let _ = receiver.wait_for(|state| state.urgency >= urgency).await;
    }
}

async fn forward(mut signals: Signal, number: u8, shutdown: Shutdown) {
    while signals.recv().await.is_some() {
        shutdown.press(number);
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
