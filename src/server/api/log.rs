//! The log of an activity as lines of JSON: `{"_id":…,"data":{"timestamp":…,"message":…}}`, and `{"seal":true}` when
//! the activity has ended and its record says how. The head of the answer is sent at once.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::super::answer::{self, Answer};
use super::super::place::blocking;
use crate::activity::{Activity, Stamp, Store};
use crate::reporter::lines::Lines;

/// How often the log is looked at while the activity runs.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// How long a client may hear nothing, so that a connection that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(5);

/// How many bytes of the log are read at once.
const PIECE: usize = 64 * 1024;

/// The place of a client in a log. Only this much of a log is in memory.
struct Following {
    store: Store,
    activity: Activity,
    file: Option<File>,
    lines: Lines,
    /// How many messages were sent.
    count: u64,
    is_sealed: bool,
}

/// A piece of the log that was read, and whether the activity ran before that.
struct Piece {
    bytes: Vec<u8>,
    is_running: bool,
}

/// Sends the log of an activity, and follows it until the activity has ended.
pub(super) fn stream(store: Store, activity: Activity) -> Answer {
    let following = Following {
        file: store.open_log(&activity.id).ok(),
        store,
        activity,
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
        let mut silence = Duration::ZERO;
        while !self.is_sealed {
            // Nothing but a broken file system ends the log without a seal.
            let piece = self.read().await?;
            let text = self.messages(&piece);
            if !text.is_empty() {
                return Some(text);
            }
            if silence >= ALIVE {
                // An empty line is no message for a client.
                return Some("\n".to_owned());
            }
            tokio::time::sleep(POLL).await;
            silence += POLL;
        }
        None
    }

    async fn read(&mut self) -> Option<Piece> {
        let (store, id, file) = (
            self.store.clone(),
            self.activity.id.clone(),
            self.file.take(),
        );
        let read = move || {
            // Asked before the log is read: what is written in between is not lost then.
            let is_running = store.is_running(&id);
            let mut file = file.or_else(|| store.open_log(&id).ok());
            let bytes = file.as_mut().map(read_piece).unwrap_or_default();
            (file, Piece { bytes, is_running })
        };
        let (file, piece) = blocking(read).await.ok()?;
        self.file = file;
        Some(piece)
    }

    fn messages(&mut self, piece: &Piece) -> String {
        let mut messages = Vec::new();
        self.lines
            .push(&piece.bytes, |line| messages.push(line + "\n"));
        let is_at_end = piece.bytes.len() < PIECE;
        let has_ended = is_at_end && !piece.is_running;
        if has_ended {
            messages.extend(self.lines.finish());
        } else if is_at_end {
            // A question that a script asks, or how far it is, has no end of a line.
            messages.extend(self.lines.so_far());
        }
        // A log has no times: its lines have the time at which they are read while the activity runs.
        let time = if piece.is_running {
            Stamp::now()
        } else {
            self.activity.completed_at.unwrap_or_else(Stamp::now)
        };
        let mut text = String::new();
        for message in messages {
            let line = json!({
                "_id": format!("{}-{}", self.activity.id, self.count),
                "data": { "timestamp": time, "message": message },
            });
            self.count += 1;
            text.push_str(&format!("{line}\n"));
        }
        if has_ended {
            self.is_sealed = true;
            text.push_str("{\"seal\":true}\n");
        }
        text
    }
}

fn read_piece(file: &mut File) -> Vec<u8> {
    let mut bytes = vec![0; PIECE];
    let mut length = 0;
    while let Ok(more @ 1..) = file.read(&mut bytes[length..]) {
        length += more;
    }
    bytes.truncate(length);
    bytes
}
