//! Lets any number of listeners hear what one reporter hears. Senders of events wait for the reporter, but not for
//! the listeners: a listener that does not keep up misses events, and learns how many. A server puts this around the
//! reporter of a run, and inside of [`Masked`](super::masked::Masked), so that no listener sees a sensitive value.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};

use super::Reporter;
use crate::event::Envelope;

/// How many events a listener may be behind before it misses the oldest ones.
pub(crate) const BEHIND: usize = 1024;

/// A reporter whose events listeners hear too.
#[derive(Debug)]
pub struct Fanout<R> {
    inner: R,
    listeners: Listeners,
}

/// The place where listeners subscribe.
#[derive(Debug, Clone)]
pub struct Listeners(Arc<Mutex<Option<Sender>>>);

type Sender = broadcast::Sender<Arc<Envelope>>;

#[derive(Debug)]
pub struct Listener(Option<broadcast::Receiver<Arc<Envelope>>>);

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Event(Arc<Envelope>),
    /// The listener did not keep up: it missed this many events before the next one.
    Missed(u64),
}

impl<R: Reporter> Fanout<R> {
    /// Puts a fan-out around a reporter. Each listener may be `BEHIND` events behind.
    pub fn new(inner: R) -> Self {
        Fanout::with_room(inner, BEHIND)
    }

    /// Puts a fan-out around a reporter. Each listener may be this many events behind; 0 counts as 1.
    pub(crate) fn with_room(inner: R, events: usize) -> Self {
        let sender = Sender::new(events.max(1));
        Fanout {
            inner,
            listeners: Listeners(Arc::new(Mutex::new(Some(sender)))),
        }
    }

    /// The place where listeners subscribe.
    pub fn listeners(&self) -> Listeners {
        self.listeners.clone()
    }
}

impl Listeners {
    /// A listener that hears every event from now on. After the end of the events it hears only the end.
    pub fn listen(&self) -> Listener {
        Listener(self.with(|sender| sender.as_ref().map(Sender::subscribe)))
    }

    fn tell(&self, envelope: &Envelope) {
        self.with(|sender| {
            let sender = sender.as_ref();
            if let Some(sender) = sender.filter(|sender| sender.receiver_count() > 0) {
                // An error says that the last listener has just been dropped.
                let _ = sender.send(Arc::new(envelope.clone()));
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Sender>) -> T) -> T {
        // No code that changes the sender can panic halfway, so a poisoned lock does no harm.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener {
    /// The next event; `None` after the end of the events.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.as_mut()?.recv().await {
            Ok(envelope) => Some(Heard::Event(envelope)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl<R: Reporter> Reporter for Fanout<R> {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        self.listeners.tell(&envelope);
        self.inner.report(envelope)
    }

    fn unheard(&mut self, envelope: Envelope) {
        self.listeners.tell(&envelope);
        self.inner.unheard(envelope);
    }

    fn finish(&mut self) {
        self.inner.finish();
        self.listeners.with(Option::take);
    }
}

/// A run may also end without a call of `finish`: when its thread panics.
impl<R> Drop for Fanout<R> {
    fn drop(&mut self) {
        self.listeners.with(Option::take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Events};
    use crate::shutdown::Shutdown;

    /// Counts what it is told, and fails from one event on.
    struct Counted {
        heard: Arc<Mutex<u64>>,
        fails_at: u64,
    }

    impl Reporter for Counted {
        fn report(&mut self, _envelope: Envelope) -> io::Result<()> {
            let mut heard = self.heard.lock().unwrap();
            *heard += 1;
            if *heard >= self.fails_at {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        }
    }

    fn counted(fails_at: u64) -> (Counted, Arc<Mutex<u64>>) {
        let heard = Arc::default();
        let reporter = Counted {
            heard: Arc::clone(&heard),
            fails_at,
        };
        (reporter, heard)
    }

    async fn sequences(mut listener: Listener) -> (Vec<u64>, Vec<u64>) {
        let (mut sequences, mut missed) = (Vec::new(), Vec::new());
        while let Some(heard) = listener.next().await {
            match heard {
                Heard::Event(envelope) => sequences.push(envelope.sequence),
                Heard::Missed(count) => missed.push(count),
            }
        }
        (sequences, missed)
    }

    #[tokio::test]
    async fn a_listener_that_never_reads_holds_nobody_up_and_one_that_lags_learns_how_much_it_missed()
     {
        let (reporter, heard) = counted(u64::MAX);
        let fanout = Fanout::with_room(reporter, 4);
        let listeners = fanout.listeners();
        let (never_reads, lags) = (listeners.listen(), listeners.listen());
        let (events, receiver) = Events::channel();
        let ended = super::super::spawn(fanout, receiver, Shutdown::new());
        // More than all channels hold together.
        for at in 0..200 {
            assert!(events.warn_numbered(at).await);
        }
        events.settled().await;
        assert_eq!(*heard.lock().unwrap(), 200);
        let late = listeners.listen();
        events.warn("the last one", None).await;
        drop(events);
        let _ = ended.recv();
        assert_eq!(sequences(lags).await, ((198..=201).collect(), vec![197]));
        assert_eq!(sequences(late).await, (vec![201], vec![]));
        // Who comes when all is over is not left waiting.
        assert_eq!(sequences(listeners.listen()).await, (vec![], vec![]));
        drop(never_reads);
    }

    #[tokio::test]
    async fn listeners_hear_the_rest_when_the_reader_of_the_output_has_gone() {
        let (reporter, heard) = counted(2);
        let fanout = Fanout::new(reporter);
        let listener = fanout.listeners().listen();
        let (events, receiver) = Events::channel();
        let shutdown = Shutdown::new();
        let ended = super::super::spawn(fanout, receiver, shutdown.clone());
        for at in 0..5 {
            events.warn_numbered(at).await;
        }
        drop(events);
        let _ = ended.recv();
        assert_eq!(*heard.lock().unwrap(), 2);
        assert_eq!(sequences(listener).await, ((1..=5).collect(), vec![]));
        assert!(shutdown.urgency() > crate::shutdown::Urgency::None);
    }

    impl Events {
        async fn warn_numbered(&self, at: usize) -> bool {
            self.send(Event::warning(format!("number {at}"), None))
                .await
        }
    }
}
