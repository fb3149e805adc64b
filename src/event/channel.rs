//! The channel between the code that sends events and their listener.

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::envelope::to_the_millisecond;
use super::{Envelope, Event, Numbering};

/// An entry of the channel.
#[derive(Debug)]
enum Item {
    /// An event with the time at which it happened.
    Event(Timestamp, Box<Event>),
    /// A request to answer as soon as the listener has handled every event before it.
    Settled(oneshot::Sender<()>),
}

/// The sending end of the channel.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<Item>,
}

/// The receiving end of the channel. A listener asks for the next event after it has handled the one before.
#[derive(Debug)]
pub struct Receiver {
    receiver: mpsc::Receiver<Item>,
    numbering: Numbering,
}

/// Reserved room for one event.
#[derive(Debug)]
pub struct Permit<'a>(mpsc::Permit<'a, Item>);

impl Item {
    fn now(event: Event) -> Self {
        Item::Event(Timestamp::now(), Box::new(event))
    }
}

impl Permit<'_> {
    /// Sends an event into the reserved room.
    pub fn send(self, event: impl Into<Event>) {
        self.0.send(Item::now(event.into()));
    }
}

impl Events {
    /// A channel that holds only a few events, so that a slow listener slows down the sender.
    pub fn channel() -> (Events, Receiver) {
        let (sender, receiver) = mpsc::channel(32);
        let numbering = Numbering::default();
        let receiver = Receiver {
            receiver,
            numbering,
        };
        (Events { sender }, receiver)
    }

    /// Sends an event, waiting while the channel is full. Returns false if there is no listener.
    pub async fn send(&self, event: impl Into<Event>) -> bool {
        // Take the time now, because the listener may handle the event much later.
        let item = Item::now(event.into());
        self.sender.send(item).await.is_ok()
    }

    /// Sends an event unless the channel is full: for progress, where the next event replaces the one before.
    pub fn offer(&self, event: impl Into<Event>) {
        let _ = self.sender.try_send(Item::now(event.into()));
    }

    /// Waits for room for one event; `None` if there is no listener.
    pub(crate) async fn reserve(&self) -> Option<Permit<'_>> {
        self.sender.reserve().await.ok().map(Permit)
    }

    /// Sends a warning.
    pub async fn warn(&self, message: impl Into<String>, hint: Option<String>) {
        self.send(Event::warning(message, hint)).await;
    }

    /// Waits until the listener has handled every event that was sent so far.
    pub async fn settled(&self) {
        let (sender, answered) = oneshot::channel();
        if self.sender.send(Item::Settled(sender)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

impl Receiver {
    /// The next event without its envelope; `None` if all senders are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        self.envelope().await.map(|envelope| envelope.event)
    }

    /// The next event in its envelope; `None` if all senders are gone.
    pub async fn envelope(&mut self) -> Option<Envelope> {
        loop {
            let item = self.receiver.recv().await?;
            if let Some(envelope) = self.heard(item) {
                return Some(envelope);
            }
        }
    }

    /// The next event in its envelope, for a thread that may block.
    pub(crate) fn blocking_envelope(&mut self) -> Option<Envelope> {
        loop {
            let item = self.receiver.blocking_recv()?;
            if let Some(envelope) = self.heard(item) {
                return Some(envelope);
            }
        }
    }

    fn heard(&mut self, item: Item) -> Option<Envelope> {
        match item {
            Item::Event(time, event) => {
                let envelope = Envelope::at(to_the_millisecond(time), *event);
                Some(self.numbering.next(envelope))
            }
            Item::Settled(sender) => {
                let _ = sender.send(());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_settled_once_the_listener_asks_for_more() {
        let (events, mut receiver) = Events::channel();
        events.warn("one", None).await;
        let telling = events.clone();
        let mut settled = Box::pin(async move { telling.settled().await });
        let is_pending = |settled: std::pin::Pin<&mut _>| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            Future::poll(settled, &mut context).is_pending()
        };
        assert!(is_pending(settled.as_mut()));
        assert!(receiver.recv().await.is_some());
        assert!(is_pending(settled.as_mut()));
        let listen = tokio::spawn(async move { receiver.recv().await });
        settled.as_mut().await;
        drop(settled);
        drop(events);
        assert_eq!(listen.await.unwrap(), None);
    }

    #[tokio::test]
    async fn events_are_counted_from_one_and_carry_when_they_happened() {
        let (events, mut receiver) = Events::channel();
        let before = to_the_millisecond(Timestamp::now());
        events.warn("one", None).await;
        events.offer(Event::warning("two", None));
        events
            .reserve()
            .await
            .unwrap()
            .send(Event::warning("three", None));
        let after = Timestamp::now();
        drop(events);
        let mut told = Vec::new();
        while let Some(envelope) = receiver.envelope().await {
            assert!(before <= envelope.time && envelope.time <= after);
            assert_eq!((envelope.version, &envelope.activity), (1, &None));
            told.push((envelope.sequence, envelope.event));
        }
        let expected = [(1, "one"), (2, "two"), (3, "three")];
        assert_eq!(
            told,
            expected.map(|(at, text)| (at, Event::warning(text, None)))
        );
    }
}
