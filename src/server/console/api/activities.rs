//! The logs of activities, as bytes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::header::{HeaderName, HeaderValue};

use super::super::super::answer::{self, Problem, Result};
use super::super::super::place::blocking;
use super::Asked;
use crate::activity::Store;
use crate::engine::Engine;

/// How often the log is looked at while the activity runs.
const POLL: Duration = Duration::from_millis(40);

/// How many bytes are sent at once.
const PIECE: usize = 64 << 10;

/// Header with the place of the first byte of the answer in the log.
const BEGINS: HeaderName = HeaderName::from_static("x-log-begins");

/// A reader of a log.
struct Following {
    store: Store,
    id: String,
    file: Option<File>,
    /// How many bytes of the log were read or passed over.
    at: u64,
    has_ended: bool,
}

impl<E: Engine + 'static> Asked<'_, E> {
    /// The log of an activity as it is written, up to the end of the activity. `from` is where to begin, in bytes: a
    /// reader that lost its connection goes on where it was. With `tail`, an answer from the beginning passes over all
    /// but about that many bytes at the end.
    pub(super) async fn log(&self, id: &str) -> Result {
        let seen = self.shared.place.see().await?;
        let store = Store::of(&seen.workspace.project.state_dir);
        let found = store.find(id).ok().filter(|activity| activity.id == id);
        let activity =
            found.ok_or_else(|| Problem::not_found(format!("there is no activity `{id}`")))?;
        let from = self.number("from")?.unwrap_or_default();
        let tail = self.number("tail")?;
        let mut following = Following {
            file: None,
            store,
            id: activity.id,
            at: from,
            has_ended: false,
        };
        if let (0, Some(tail)) = (from, tail) {
            following.at = following.length().saturating_sub(tail);
        }
        let begins = HeaderValue::from(following.at);
        let pieces = stream::unfold(following, |mut following| async move {
            let piece = following.next().await?;
            Some((Bytes::from(piece), following))
        });
        let mut answer = answer::stream("text/plain; charset=utf-8", pieces);
        answer.headers_mut().insert(BEGINS, begins);
        Ok(answer)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let number = self.call.parameter(name).map(str::parse).transpose();
        number.map_err(|_| Problem::bad(format!("`{name}` is not a number")))
    }
}

impl Following {
    fn length(&self) -> u64 {
        let log = self.store.open_log(&self.id);
        log.and_then(|log| log.metadata())
            .map_or(0, |log| log.len())
    }

    /// The next piece; `None` at the end of a log whose activity has ended.
    async fn next(&mut self) -> Option<Vec<u8>> {
        while !self.has_ended {
            let (store, id, at) = (self.store.clone(), self.id.clone(), self.at);
            let file = self.file.take();
            let read = move || {
                // Asked before the log is read: what is written in between is not lost then.
                let is_running = store.is_running(&id);
                let mut file = file.or_else(|| store.open_log(&id).ok());
                let piece = file.as_mut().map(|file| read_piece(file, at));
                (file, piece.unwrap_or_default(), is_running)
            };
            let (file, piece, is_running) = blocking(read).await.ok()?;
            self.file = file;
            self.at += piece.len() as u64;
            self.has_ended = !is_running && piece.len() < PIECE;
            if !piece.is_empty() {
                return Some(piece);
            }
            if !self.has_ended {
                tokio::time::sleep(POLL).await;
            }
        }
        None
    }
}

fn read_piece(file: &mut File, at: u64) -> Vec<u8> {
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    if file.seek(SeekFrom::Start(at)).is_ok() {
        while let Ok(more @ 1..) = file.read(&mut piece[length..]) {
            length += more;
        }
    }
    piece.truncate(length);
    piece
}
