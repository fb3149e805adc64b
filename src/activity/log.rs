//! The log of an activity: every message and all output, in the order of arrival.

use std::fs::File;
use std::io::{self, Write};

use crate::reporter::terminal::Screen;

/// The maximum size of a log, in bytes. What comes after that is not kept.
pub const LIMIT: u64 = 100_000_000;

/// A log that is being written. Each piece is written at once, so that `activity log` can follow the log. The log is
/// never forced to the disk, so that the run does not wait for the disk.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// How many bytes of `limit` are left.
    left: u64,
    limit: u64,
    is_full: bool,
    trouble: Option<io::Error>,
}

impl Log {
    /// A log in an empty file, with a maximum size in bytes.
    pub fn new(file: File, limit: u64) -> Self {
        Log {
            file,
            left: limit,
            limit,
            is_full: false,
            trouble: None,
        }
    }

    /// Whether the log takes nothing further: it is full, or could not be written.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_full || self.trouble.is_some()
    }

    /// Why the log could not be written.
    pub fn trouble(&self) -> Option<&io::Error> {
        self.trouble.as_ref()
    }

    /// Writes a piece, or as much of it as the limit allows.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.is_closed() || bytes.is_empty() {
            return;
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        let mut written = self.file.write_all(kept);
        self.left -= kept.len() as u64;
        if kept.len() < bytes.len() {
            self.is_full = true;
            let size = crate::text::bytes(self.limit);
            let told = format!("\n[the rest is not kept: a log has at most {size}]\n");
            written = written.and_then(|()| self.file.write_all(told.as_bytes()));
        }
        self.trouble = written.err();
    }
}

impl Screen for Log {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A failure to write the log must not fail the run, so it is kept in the log instead of returned.
        self.write(bytes);
        Ok(())
    }

    fn talk(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    fn is_one(&self) -> bool {
        true
    }
}
