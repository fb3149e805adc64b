//! How a user stops us: the first Ctrl-C cancels with grace, the second kills now, the third leaves.

use std::os::fd::AsFd;

use rustix::process;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// What `activity cancel` sends, so that what ends can say why.
pub const REQUEST: process::Signal = process::Signal::USR2;

/// What `watch` writes to the standard input of what it runs when a file has changed; what else it writes there are
/// the numbers of signals that it heard.
pub const CHANGED: u8 = 0;

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
    /// What `watch` runs is out of date.
    Change,
    /// `watch` is gone.
    Orphaned,
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

    /// Counts SIGINT, SIGTERM, SIGHUP and [`REQUEST`] from now on. Must be called on a tokio runtime.
    pub fn listen(&self) -> std::io::Result<()> {
        self.count(SignalKind::interrupt(), Cause::Signal(2))?;
        self.count(SignalKind::hangup(), Cause::Signal(1))?;
        self.listen_to_others()
    }

    /// The same for what `watch` runs. It shares a terminal with `watch`, which passes on over standard input what
    /// comes from there: it would count two else.
    pub fn listen_to_watch(&self) -> std::io::Result<()> {
        // A signal that has a handler once keeps it: nobody need read what it hears.
        let _ = signal(SignalKind::interrupt())?;
        let _ = signal(SignalKind::hangup())?;
        let input = std::io::stdin().as_fd().try_clone_to_owned()?;
        tokio::spawn(follow(Receiver::from_owned_fd(input)?, self.clone()));
        self.listen_to_others()
    }

    fn listen_to_others(&self) -> std::io::Result<()> {
        self.count(SignalKind::terminate(), Cause::Signal(15))?;
        self.count(SignalKind::from_raw(REQUEST.as_raw()), Cause::Request)
    }

    fn count(&self, kind: SignalKind, cause: Cause) -> std::io::Result<()> {
        tokio::spawn(forward(signal(kind)?, cause, self.clone()));
        Ok(())
    }

    /// One more wish to stop, by the signal of that number.
    pub fn press(&self, signal: u8) {
        self.press_for(Cause::Signal(signal));
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
            Cause::Request => 143,
            Cause::Change => 130,
            Cause::Orphaned => 129,
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
            Some(Cause::Orphaned) => "the end of `watch`",
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

async fn forward(mut signals: Signal, cause: Cause, shutdown: Shutdown) {
    while signals.recv().await.is_some() {
        shutdown.press_for(cause);
    }
}

/// Hears what `watch` has to say. Its end closes the pipe, however it ends.
async fn follow(mut input: Receiver, shutdown: Shutdown) {
    loop {
        let Ok(said) = input.read_u8().await else {
            return shutdown.press_for(Cause::Orphaned);
        };
        shutdown.press_for(match said {
            CHANGED => Cause::Change,
            number => Cause::Signal(number),
        });
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

    #[tokio::test]
    async fn what_watch_says_counts_and_so_does_its_silence() {
        use tokio::io::AsyncWriteExt;
        let (mut sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
        let shutdown = Shutdown::new();
        tokio::spawn(follow(receiver, shutdown.clone()));
        sender.write_all(&[CHANGED]).await.unwrap();
        shutdown.reached(Urgency::Cancel).await;
        assert_eq!(shutdown.urgency(), Urgency::Cancel);
        assert_eq!(shutdown.reason(), "a changed file");
        assert_eq!(shutdown.exit_code(), Some(130));
        sender.write_all(&[2]).await.unwrap();
        shutdown.reached(Urgency::Kill).await;

        let (sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
        let shutdown = Shutdown::new();
        tokio::spawn(follow(receiver, shutdown.clone()));
        drop(sender);
        shutdown.reached(Urgency::Cancel).await;
        assert_eq!(shutdown.reason(), "the end of `watch`");
    }
}
