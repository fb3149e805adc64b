//! Bytes that a process printed, with the stream that they came from.

use bytes::Bytes;

/// A piece of output, exactly as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// From standard output.
    Stdout(Bytes),
    /// From standard error.
    Stderr(Bytes),
}

impl Output {
    /// The bytes, whichever stream they came from.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Output::Stdout(bytes) | Output::Stderr(bytes) => bytes,
        }
    }
}
