//! The log of an activity as lines of JSON: `{"_id":…,"data":{"timestamp":…,"message":…}}`, and `{"seal":true}` when
//! the activity has ended and its record says how. The head of the answer is sent at once.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::super::answer::{self, Answer};
use super::super::place::blocking;
use crate::activity::{Activity, Stamp, Store};
use crate::reporter::lines::Lines;

/// How often the log of an activity of another process is looked at while the activity runs.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// How long to wait after something has happened in this process: more may follow at once.
const SOON: Duration = Duration::from_millis(2);

/// How long a client may hear nothing, so that a connection that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(5);

/// How many bytes of the log are read at once.
const PIECE: usize = 32 * 1024;

/// How many bytes of the log become messages before it is asked how many there are: lines may be short.
const PART: usize = 1024;

/// How many bytes of messages are sent at once, about.
const LARGEST: usize = 32 * 1024;

/// How many streams read at the same time: each needs a thread for it.
static READERS: Semaphore = Semaphore::const_new(4);

/// The place of a client in a log. Only this much of a log is in memory.
struct Following {
    store: Store,
    activity: Activity,
    file: Option<File>,
    /// Changes whenever something has happened to an activity of this process.
    stirred: watch::Receiver<()>,
    piece: Piece,
    lines: Lines,
    /// How many messages were sent.
    count: u64,
    is_sealed: bool,
}

/// A piece of the log that was read, and whether the activity ran before that.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    /// How many of the bytes are messages already.
    at: usize,
    is_running: bool,
}

/// Sends the log of an activity, and follows it until the activity has ended.
pub(super) fn stream(store: Store, activity: Activity, stirred: watch::Receiver<()>) -> Answer {
    let following = Following {
        file: store.open_log(&activity.id).ok(),
        store,
        activity,
        stirred,
        piece: Piece::default(),
        lines: Lines::default(),
        count: 0,
        is_sealed: false,
    };
    let pieces = stream::unfold(following, |mut following| async move {
        let text = following.next().await?;
        Some((Bytes::from(text), following))
    });
    answer::stream("application/x-ndjson", pieces)
}

impl Following {
    /// The next messages; `None` after the seal.
    async fn next(&mut self) -> Option<String> {
        let began = Instant::now();
        while !self.is_sealed {
            if self.piece.at == self.piece.bytes.len() {
                self.stirred.borrow_and_update();
                // Nothing but a broken file system ends the log without a seal.
                self.read().await?;
            }
            let text = self.messages();
            if !text.is_empty() {
                return Some(text);
            }
            if self.piece.bytes.len() == PIECE {
                // The beginning of a long line, and there is more.
                continue;
            }
            if began.elapsed() >= ALIVE {
                // An empty line is no message for a client.
                return Some("\n".to_owned());
            }
            if let Ok(Ok(())) = timeout(POLL, self.stirred.changed()).await {
                sleep(SOON).await;
            }
        }
        None
    }

    async fn read(&mut self) -> Option<()> {
        let permit = READERS.acquire().await.ok()?;
        let (store, id) = (self.store.clone(), self.activity.id.clone());
        let (file, mut bytes) = (self.file.take(), std::mem::take(&mut self.piece.bytes));
        let read = move || {
            // Asked before the log is read: what is written in between is not lost then.
            let is_running = store.is_running(&id);
            let mut file = file.or_else(|| store.open_log(&id).ok());
            bytes.clear();
            if let Some(file) = &mut file {
                // What was read before an error is sent, and the rest is tried again.
                let _ = file.take(PIECE as u64).read_to_end(&mut bytes);
            }
            (file, bytes, is_running)
        };
        let (file, bytes, is_running) = blocking(read).await.ok()?;
        drop(permit);
        self.file = file;
        self.piece = Piece {
            bytes,
            at: 0,
            is_running,
        };
        Some(())
    }

    /// Messages from the piece, until they are many.
    fn messages(&mut self) -> String {
        // A log has no times: its lines have the time at which they are read while the activity runs.
        let is_running = self.piece.is_running;
        let time = if is_running {
            Stamp::now()
        } else {
            self.activity.completed_at.unwrap_or_else(Stamp::now)
        };
        let time = serde_json::to_string(&time).unwrap_or_default();
        let mut text = String::new();
        let (id, count) = (&self.activity.id, &mut self.count);
        let mut say = |text: &mut String, message: &str| {
            let message = serde_json::to_string(message).unwrap_or_default();
            let data = format!("{{\"timestamp\":{time},\"message\":{message}}}");
            text.push_str(&format!("{{\"_id\":\"{id}-{count}\",\"data\":{data}}}\n"));
            *count += 1;
        };
        let length = self.piece.bytes.len();
        while self.piece.at < length && text.len() < LARGEST {
            let end = (self.piece.at + PART).min(length);
            let part = &self.piece.bytes[self.piece.at..end];
            self.lines.push(part, |line| say(&mut text, &(line + "\n")));
            self.piece.at = end;
        }
        if self.piece.at < length || length == PIECE {
            return text;
        }
        if is_running {
            // A question that a script asks, or how far it is, has no end of a line.
            if let Some(line) = self.lines.so_far() {
                say(&mut text, &line);
            }
        } else {
            if let Some(line) = self.lines.finish() {
                say(&mut text, &line);
            }
            self.is_sealed = true;
            text.push_str("{\"seal\":true}\n");
        }
        text
    }
}
