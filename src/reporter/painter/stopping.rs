//! Ctrl-Z: the lines are erased before the process stops, and drawn again once it goes on.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::pipe;

use super::Painter;

/// How long the kernel may take to stop the process after the signal was sent.
const STOPPING: Duration = Duration::from_millis(20);

/// Catches SIGTSTP from now on.
pub(super) fn erase_before_stop(painter: &Painter) -> io::Result<()> {
    let (mut signals, sender) = UnixStream::pair()?;
    pipe::register(SIGTSTP, sender)?;
    let painter = painter.clone();
    std::thread::spawn(move || {
        let mut signal = [0];
        while signals.read_exact(&mut signal).is_ok() {
            let state = painter.state();
            painter.erase(&state);
            // A signal that is not caught, so that the kernel stops the process, and does not where no shell would
            // let it go on: in an orphaned process group.
            let _ = kill_process(getpid(), Signal::TTOU);
            // Nothing is drawn in between, because the state is locked.
            std::thread::sleep(STOPPING);
        }
    });
    Ok(())
}
