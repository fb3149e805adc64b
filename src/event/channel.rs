//! How events get from what happens to whoever listens.

use tokio::sync::{mpsc, oneshot};

use super::Event;

/// What a channel carries.
#[derive(Debug)]
enum Item {
    /// Something happened.
    Event(Box<Event>),
    /// Everything before it is to be dealt with; then this is answered.
    Settled(oneshot::Sender<()>),
}

/// Where events are told.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<Item>,
}

/// Where they are heard. A listener asks for the next event once it has dealt with the one before.
#[derive(Debug)]
pub struct Receiver {
    receiver: mpsc::Receiver<Item>,
}

/// Room for one event.
#[derive(Debug)]
pub struct Permit<'a>(mpsc::Permit<'a, Item>);

impl Permit<'_> {
    /// Tells it.
    pub fn send(self, event: Event) {
        self.0.send(Item::Event(Box::new(event)));
    }
}

impl Events {
    /// A channel for events that holds a few of them, so that a slow listener slows down what it listens to.
    pub fn channel() -> (Events, Receiver) {
        let (sender, receiver) = mpsc::channel(32);
        (Events { sender }, Receiver { receiver })
    }

    /// Tells it, waiting while the listener is busy. Returns false when nobody listens any more.
    pub async fn send(&self, event: Event) -> bool {
        let item = Item::Event(Box::new(event));
        self.sender.send(item).await.is_ok()
    }

    /// Tells it unless the listener is busy: for progress, where the next one says it all again.
    pub fn offer(&self, event: Event) {
        let _ = self.sender.try_send(Item::Event(Box::new(event)));
    }

    /// Waits for room for one event; `None` when nobody listens any more.
    pub async fn reserve(&self) -> Option<Permit<'_>> {
        self.sender.reserve().await.ok().map(Permit)
    }

    /// A warning.
    pub async fn warn(&self, message: impl Into<String>, hint: Option<String>) {
        self.send(Event::Warning {
            message: message.into(),
            hint,
        })
        .await;
    }

    /// Waits until the listener has dealt with everything that was told so far.
    pub async fn settled(&self) {
        let (sender, answered) = oneshot::channel();
        if self.sender.send(Item::Settled(sender)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

impl Receiver {
    /// The next event; `None` when nobody tells any more.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            let item = self.receiver.recv().await?;
            if let Some(event) = heard(item) {
                return Some(event);
            }
        }
    }

    /// The same for a thread of its own.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        loop {
            let item = self.receiver.blocking_recv()?;
            if let Some(event) = heard(item) {
                return Some(event);
            }
        }
    }
}

fn heard(item: Item) -> Option<Event> {
    match item {
        Item::Event(event) => Some(*event),
        Item::Settled(sender) => {
            let _ = sender.send(());
            None
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
}
