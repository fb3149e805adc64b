//! The log of an activity: everything that was said and printed, in the order in which it came.

use std::fs::File;
use std::io::{self, Write};

use crate::reporter::terminal::Screen;

/// How much of a log is kept, in bytes: its beginning.
pub const LIMIT: u64 = 100_000_000;

/// A log that is being written. Each piece is written at once, so that somebody who follows it sees it; it is
/// never forced to the disk, so that nobody waits for that.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// How much of `limit` is left.
    left: u64,
    limit: u64,
    is_full: bool,
    trouble: Option<io::Error>,
}

impl Log {
    /// In a file that is empty, up to a size.
    pub fn new(file: File, limit: u64) -> Self {
        Log {
            file,
            left: limit,
            limit,
            is_full: false,
            trouble: None,
        }
    }

    /// Whether nothing more will be kept: it is full, or could not be written.
    pub fn is_closed(&self) -> bool {
        self.is_full || self.trouble.is_some()
    }

    /// Why it could not be written.
    pub fn trouble(&self) -> Option<&io::Error> {
        self.trouble.as_ref()
    }

    /// Writes a piece, or as much of it as there is room for.
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
        // What becomes of the log is nothing that the run is to hear of.
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
