//! Bytes that travel in pieces between blocking code and tasks.

use std::io::{self, Read, Write};
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::mpsc;

/// How many bytes are collected before they are sent.
const PIECE: usize = 512 * 1024;

/// The sender of a channel of pieces. An error ends the bytes.
pub(crate) type Sender = mpsc::Sender<io::Result<Bytes>>;

/// The receiver of a channel of pieces.
pub(crate) type Receiver = mpsc::Receiver<io::Result<Bytes>>;

/// The pieces that arrive through a channel, as a stream.
pub(crate) fn stream(receiver: Receiver) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
    Box::pin(futures_util::stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) },
    ))
}

/// Reads bytes that arrive through a channel. Reading blocks, so it belongs on a thread that may block.
pub(crate) struct Received {
    receiver: Receiver,
    rest: Bytes,
}

impl Received {
    pub(crate) fn new(receiver: Receiver) -> Self {
        Received {
            receiver,
            rest: Bytes::new(),
        }
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// Sends what is written into it through a channel. Writing blocks, so it belongs on a thread that may block.
pub(crate) struct Sink {
    sender: Sender,
    buffer: BytesMut,
}

impl Sink {
    pub(crate) fn new(sender: Sender) -> Self {
        Sink {
            sender,
            buffer: BytesMut::with_capacity(PIECE),
        }
    }

    /// Sends the rest. An error of the writer is sent too, so that the reader does not take the bytes for whole.
    pub(crate) fn finish(mut self, written: io::Result<()>) {
        if let Err(err) = written.and_then(|()| self.flush()) {
            // The receiver is gone if the engine refused the bytes. The engine then reports the reason itself.
            let _ = self.sender.blocking_send(Err(err));
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(PIECE)).freeze();
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
