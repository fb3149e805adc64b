//! The destination of the text.

use std::io::{self, IsTerminal, Write};

use super::super::talk;

/// Gets the text: the streams of this process, or a log.
pub trait Screen: Send {
    /// Writes what an operation prints on its standard output.
    fn output(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes messages, and what goes to standard error.
    fn talk(&mut self, bytes: &[u8]);
    /// Whether a reader sees both streams in one place. Messages must then begin on a line of their own.
    fn is_one(&self) -> bool;
}

/// The standard streams of this process.
#[derive(Debug)]
pub struct Streams {
    is_one: bool,
}

impl Streams {
    /// The standard streams of this process as it was started.
    pub fn of_process() -> Self {
        Streams {
            is_one: io::stderr().is_terminal() && io::stdout().is_terminal(),
        }
    }
}

impl Screen for Streams {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        // Line buffering would hold back a prompt or a progress line.
        stdout.flush()
    }

    fn talk(&mut self, bytes: &[u8]) {
        talk(bytes);
    }

    fn is_one(&self) -> bool {
        self.is_one
    }
}
