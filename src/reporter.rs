//! Consumers of events. They know terminals and formats; the code that sends events does not know them.

pub mod board;
pub mod hints;
pub mod json;
pub mod lines;
pub mod masked;
pub mod painter;
pub mod printable;
pub mod style;
pub mod terminal;
pub mod wrapped;

use std::io::{self, Write};
use std::sync::mpsc as sync;

use crate::event::{Envelope, Receiver};
use crate::shutdown::Shutdown;

/// The number of SIGPIPE, the signal that ends a program whose reader has closed the pipe.
const SIGPIPE: u8 = 13;

/// A consumer of events.
pub trait Reporter: Send {
    /// Handles one event. An error means that standard output is closed or full.
    fn report(&mut self, envelope: Envelope) -> io::Result<()>;
    /// Handles an event after `report` failed. There is no reader for it, but it may have to be recorded.
    fn unheard(&mut self, _envelope: Envelope) {}
    /// Handles the end of the events.
    fn finish(&mut self) {}
}

/// Feeds a reporter on a thread of its own, so that a slow terminal never delays the code that reacts to Ctrl-C. When
/// standard output is closed, the run is cancelled, as SIGPIPE would end any other program. The returned channel is
/// disconnected once the reporter has handled everything.
pub fn spawn(
    mut reporter: impl Reporter + 'static,
    mut events: Receiver,
    shutdown: Shutdown,
) -> sync::Receiver<()> {
    let (end, ended) = sync::channel();
    std::thread::spawn(move || {
        let _end: sync::Sender<()> = end;
        let mut broken = false;
        while let Some(envelope) = events.blocking_envelope() {
            // The reader does not want further output. Take the other events off the channel all the same, so that no
            // sender waits.
            if broken {
                reporter.unheard(envelope);
                continue;
            }
            if let Err(err) = reporter.report(envelope) {
                broken = true;
                if err.kind() == io::ErrorKind::BrokenPipe {
                    shutdown.press(SIGPIPE);
                } else {
                    talk(format!("error: standard output cannot be written: {err}\n").as_bytes());
                    shutdown.give_up_output();
                }
            }
        }
        reporter.finish();
    });
    ended
}

/// Writes to standard error. A failure is ignored: there is no other place to report it.
fn talk(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes);
}
