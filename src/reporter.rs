//! Consumers of events. They know terminals and formats; what happens does not know them.

pub mod fanout;
pub mod hints;
pub mod json;
pub mod lines;
pub mod masked;
pub mod printable;
pub mod style;
pub mod terminal;
pub mod wrapped;

use std::io::{self, Write};
use std::sync::mpsc as sync;

use crate::event::{Envelope, Receiver};
use crate::shutdown::Shutdown;

/// The number of SIGPIPE: what ends a program whose reader has gone.
const SIGPIPE: u8 = 13;

/// Something that consumes events.
pub trait Reporter: Send {
    /// Takes note of one event. An error means that standard output is closed or full.
    fn report(&mut self, envelope: Envelope) -> io::Result<()>;
    /// Takes note of one event after `report` failed, when nobody can be told any more.
    fn unheard(&mut self, _envelope: Envelope) {}
    /// Nothing more comes.
    fn finish(&mut self) {}
}

/// Feeds a reporter on a thread of its own, so that a slow terminal never holds up whoever must hear a Ctrl-C.
/// When standard output is closed the run is cancelled, as SIGPIPE would end any other program. What is returned
/// is disconnected once everything is said.
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
            // Whoever closed it does not want to hear more; the rest is taken off so that nobody waits.
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

/// Writes to standard error, for good or not: there is nowhere to tell a failure.
fn talk(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes);
}
