//! What happened in this server, for consoles: the events of all its activities in one stream, each in the envelope of
//! `--format json`. The last part of the stream is kept, so that a console that lost its connection goes on without a
//! gap. Activities never wait for consoles.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use crate::event::{Envelope, Numbering};
use crate::reporter::Reporter;
use crate::reporter::json::WholeCharacters;

/// How many bytes of the stream are kept.
const KEPT: usize = 4 << 20;

/// How many bytes are sent at once.
const PIECE: usize = 64 << 10;

/// How often a stream without events says that it is there: a connection that was lost is noticed then.
const ALIVE: Duration = Duration::from_secs(15);

/// The stream. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The name of this stream: another start of the server has another one.
    name: String,
    ring: Mutex<Ring>,
    /// The number of the last event.
    last: watch::Sender<u64>,
    /// Changes whenever something has happened to an activity of this server.
    stir: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Ring {
    numbering: Numbering,
    /// The kept events, without gaps.
    events: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    line: Arc<str>,
    is_output: bool,
}

/// The place of a console in the stream.
#[derive(Debug)]
struct Reading {
    hub: Hub,
    /// The number of the last event that was sent.
    at: u64,
    last: watch::Receiver<u64>,
    /// Whether to begin with a notice that events are missing.
    is_gap: bool,
    is_new: bool,
    /// Whether the output of scripts is sent too.
    with_output: bool,
}

impl Hub {
    pub(super) fn new(name: String) -> Self {
        Hub(Arc::new(Shared {
            name,
            ring: Mutex::default(),
            last: watch::Sender::new(0),
            stir: watch::Sender::new(()),
        }))
    }

    /// Says that something has happened to an activity of this server.
    pub(super) fn stir(&self) {
        self.0.stir.send_replace(());
    }

    /// Changes whenever something has happened to an activity of this server: its log or its record may be another.
    pub(super) fn stirred(&self) -> watch::Receiver<()> {
        self.0.stir.subscribe()
    }

    /// A reporter that adds the events of one activity.
    pub(super) fn reporter(&self) -> Reported {
        Reported {
            hub: self.clone(),
            whole: WholeCharacters::default(),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // No code that changes the ring can panic halfway, so a poisoned lock does no harm.
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, envelope: Envelope) {
        let mut ring = self.ring();
        let envelope = ring.numbering.next(envelope);
        let number = envelope.sequence;
        let is_output = envelope.event.text().is_some();
        let Ok(line) = crate::json::line(&envelope) else {
            return;
        };
        ring.bytes += line.len();
        ring.events.push_back(Kept {
            number,
            line: line.into(),
            is_output,
        });
        while ring.bytes > KEPT && ring.events.len() > 1 {
            if let Some(dropped) = ring.events.pop_front() {
                ring.bytes -= dropped.line.len();
            }
        }
        self.0.last.send_replace(number);
        drop(ring);
        self.stir();
    }

    /// The stream as server-sent events. `after` is the `Last-Event-ID` of a console that had a connection before;
    /// without one, the stream begins now. Where events are missing in between, an event `reset` says so. Without
    /// `with_output`, the output of scripts is left out: it is in the logs of activities.
    pub(super) fn events(
        &self,
        after: Option<&str>,
        with_output: bool,
    ) -> impl Stream<Item = Bytes> + Send + use<> {
        let mut last = self.0.last.subscribe();
        let now = *last.borrow_and_update();
        let number = after.map(|id| {
            let (name, number) = id.split_once('-').unwrap_or_default();
            let number = number.parse().ok();
            number.filter(|number| name == self.0.name && *number <= now)
        });
        let reading = Reading {
            hub: self.clone(),
            at: number.flatten().unwrap_or(now),
            last,
            is_gap: number == Some(None),
            is_new: true,
            with_output,
        };
        stream::unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Some((piece, reading))
        })
    }
}

impl Reading {
    /// The next piece of the stream; `None` after the end of the server.
    async fn next(&mut self) -> Option<Bytes> {
        let mut text = String::new();
        if std::mem::take(&mut self.is_new) {
            // The id stands for the place, also before the first event.
            text = format!("retry: 500\nid: {}-{}\n", self.hub.0.name, self.at);
            text.push_str("event: hello\ndata: {}\n\n");
        }
        self.collect(&mut text);
        while text.is_empty() {
            match timeout(ALIVE, self.last.changed()).await {
                Ok(changed) => changed.ok()?,
                Err(_) => return Some(Bytes::from_static(b": alive\n\n")),
            }
            self.collect(&mut text);
        }
        Some(text.into())
    }

    fn collect(&mut self, text: &mut String) {
        let name = &self.hub.0.name;
        let ring = self.hub.ring();
        let first = ring.events.front().map_or(self.at + 1, |kept| kept.number);
        if first > self.at + 1 {
            (self.is_gap, self.at) = (true, first - 1);
        }
        if std::mem::take(&mut self.is_gap) {
            text.push_str(&format!(
                "id: {name}-{}\nevent: reset\ndata: {{}}\n\n",
                self.at
            ));
        }
        let begin = usize::try_from(self.at + 1 - first).unwrap_or(usize::MAX);
        for kept in ring.events.iter().skip(begin) {
            let (number, line) = (kept.number, &kept.line);
            self.at = number;
            if kept.is_output && !self.with_output {
                continue;
            }
            text.push_str(&format!("id: {name}-{number}\ndata: {line}\n\n"));
            if text.len() > PIECE {
                break;
            }
        }
    }
}

/// Adds the events of one activity to the stream.
#[derive(Debug)]
pub(super) struct Reported {
    hub: Hub,
    whole: WholeCharacters,
}

impl Reporter for Reported {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        for envelope in self.whole.take(envelope) {
            self.hub.add(envelope);
        }
        Ok(())
    }

    fn finish(&mut self) {
        for envelope in self.whole.release().into_iter().flatten() {
            self.hub.add(envelope);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;
    use crate::event::Event;

    async fn next(stream: &mut (impl Stream<Item = Bytes> + Unpin)) -> String {
        let piece = stream.next().await.unwrap();
        String::from_utf8(piece.to_vec()).unwrap()
    }

    fn say(hub: &Hub, text: &str) {
        let mut reporter = hub.reporter();
        reporter
            .report(Envelope::now(Event::warning(text, None)))
            .unwrap();
        reporter.finish();
    }

    /// The ids of the events in a piece.
    fn ids(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| line.strip_prefix("id: "))
            .collect()
    }

    #[tokio::test]
    async fn a_console_that_comes_back_hears_everything_in_between_once() {
        let hub = Hub::new("a".to_owned());
        say(&hub, "before");
        let mut events = Box::pin(hub.events(None, true));
        assert_eq!(ids(&next(&mut events).await), ["a-1"]);
        say(&hub, "one");
        let heard = next(&mut events).await;
        assert_eq!(ids(&heard), ["a-2"]);
        assert!(
            heard.contains("\"sequence\":2") && heard.contains("one"),
            "{heard}"
        );
        drop(events);
        say(&hub, "two");
        say(&hub, "three");
        let mut events = Box::pin(hub.events(Some("a-2"), true));
        let heard = next(&mut events).await;
        assert_eq!(ids(&heard), ["a-2", "a-3", "a-4"]);
        assert!(!heard.contains("reset"));
    }

    #[tokio::test]
    async fn a_console_of_an_earlier_server_or_of_long_ago_hears_that_events_are_missing() {
        let hub = Hub::new("b".to_owned());
        let long = "x".repeat(KEPT / 4);
        (0..8).for_each(|_| say(&hub, &long));
        for id in ["a-1", "b-1", "b-99", "nonsense", "b-"] {
            let mut events = Box::pin(hub.events(Some(id), true));
            let heard = next(&mut events).await;
            assert!(heard.contains("event: reset"), "{id}: {}", &heard[..200]);
        }
        let mut events = Box::pin(hub.events(Some("b-8"), true));
        assert!(!next(&mut events).await.contains("reset"));
    }

    #[tokio::test]
    async fn output_is_left_out_for_a_console_that_reads_it_in_the_logs() {
        use crate::event::{Run, Text};
        use crate::output::Output;
        let hub = Hub::new("c".to_owned());
        let mut events = Box::pin(hub.events(None, false));
        next(&mut events).await;
        let mut reporter = hub.reporter();
        let output = Text(Output::Stdout("loud\n".into()));
        let loud = Envelope::now(Event::Run(Run::Output { output }));
        reporter.report(loud).unwrap();
        reporter.finish();
        say(&hub, "quiet");
        let heard = next(&mut events).await;
        assert_eq!(ids(&heard), ["c-2"]);
        assert!(!heard.contains("loud"), "{heard}");
    }
}
