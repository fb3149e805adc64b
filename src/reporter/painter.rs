//! Draws lines that move at the end of a terminal, and takes them away before anything else is written there.
//!
//! The cursor stays visible, at the beginning of the first of these lines. So they are erased by clearing the screen
//! from the cursor on, however a resized terminal has wrapped them; a shell that gets the terminal back writes over
//! them; and nothing has to be put right after a SIGKILL.

mod stopping;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::board::{Board, Size, Text};
use super::style::Style;
use crate::event::Event;

/// How often the lines are drawn.
const PERIOD: Duration = Duration::from_millis(100);

/// How long the end of the process waits for a terminal that takes no output.
const PATIENCE: Duration = Duration::from_millis(200);

/// Begins a line, and clears everything from there on.
const ERASE: &str = "\r\x1b[J";

/// What leaves the cursor at the beginning of an empty line: a line break, a cleared line, a cleared screen.
const ENDS: [&[u8]; 3] = [b"\n", b"\r\x1b[K", b"\x1b[H\x1b[2J"];

/// The size of a terminal that does not tell it.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// Draws on standard error. Clones share one drawing.
#[derive(Debug, Clone, Default)]
pub struct Painter(Arc<Shared>);

/// The lines of one listener to events.
#[derive(Debug)]
pub struct Part {
    painter: Painter,
    number: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether lines are on the screen. It is beside the state for a panic, which may hold the state.
    is_drawn: Arc<AtomicBool>,
}

#[derive(Debug)]
struct State {
    boards: BTreeMap<u64, Board>,
    /// How many boards there have been.
    count: u64,
    style: Style,
    /// The moment from which times count.
    origin: Instant,
    drawn_at: Option<Instant>,
    /// How many writers have the terminal at this moment.
    writers: usize,
    /// Whether the last line that was written has not ended.
    is_midline: bool,
    is_started: bool,
    is_closed: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            boards: BTreeMap::new(),
            count: 0,
            style: Style::default(),
            origin: Instant::now(),
            drawn_at: None,
            writers: 0,
            is_midline: false,
            is_started: false,
            is_closed: false,
        }
    }
}

impl Painter {
    /// A place for lines. From the first call on, a thread draws, and Ctrl-Z erases the lines before it stops the
    /// process. Where that thread cannot be had, nothing is drawn.
    pub fn part(&self, style: Style) -> Part {
        let mut state = self.state();
        if !state.is_started && stopping::erase_before_stop(self).is_ok() {
            state.is_started = true;
            self.erase_before_panic();
            let painter = self.clone();
            std::thread::spawn(move || painter.draw_on());
        }
        state.style = style;
        state.count += 1;
        let number = state.count;
        if state.is_started {
            state.boards.insert(number, Board::default());
        }
        drop(state);
        Part {
            painter: self.clone(),
            number,
        }
    }

    /// Writes something else to the terminal, at whose end the lines are drawn again. `bytes` are what is written.
    pub fn around<T>(&self, bytes: &[u8], write: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        self.erase(&state);
        state.writers += 1;
        // The write may block, and must not block the end of the process.
        drop(state);
        let result = write();
        let mut state = self.state();
        state.writers -= 1;
        if !bytes.is_empty() {
            state.is_midline = !ENDS.iter().any(|end| bytes.ends_with(end));
        }
        let is_due = state.drawn_at.is_none_or(|at| at.elapsed() >= PERIOD);
        if is_due {
            self.draw(&mut state);
        } else {
            self.0.changed.notify_all();
        }
        result
    }

    /// Writes text to standard error. A failure is ignored: there is no other place to report it.
    pub fn talk(&self, bytes: &[u8]) {
        self.around(bytes, || super::talk(bytes));
    }

    /// Erases the lines, and draws none again.
    pub fn close(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut state = match self.0.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() > until => return,
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(PERIOD / 20);
                    continue;
                }
            };
            state.is_closed = true;
            return self.erase(&state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that changes the state can panic halfway, so a poisoned lock does no harm.
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws at intervals, as long as there is something to draw.
    fn draw_on(&self) {
        let mut state = self.state();
        while !state.is_closed {
            state = if state.has_lines() {
                self.draw(&mut state);
                let since = state.drawn_at.map(|at| at.elapsed());
                // The lines may have been erased a moment after they were drawn.
                let pause = since.map_or(PERIOD, |since| PERIOD.saturating_sub(since));
                let pause = if pause.is_zero() { PERIOD } else { pause };
                let waited = self.0.changed.wait_timeout(state, pause);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                let waited = self.0.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    fn draw(&self, state: &mut State) {
        let is_free = state.writers == 0 && !state.is_midline && !state.is_closed;
        let is_early = state.drawn_at.is_some_and(|at| at.elapsed() < PERIOD);
        if !is_free || is_early || !state.has_lines() || !is_in_foreground() {
            return;
        }
        let now = state.origin.elapsed();
        let size = size();
        let boards = state.boards.values();
        let lines: Vec<String> = boards
            .flat_map(|board| board.lines(now, size, state.style))
            .collect();
        self.0.is_drawn.store(true, Ordering::SeqCst);
        super::talk(frame(&lines).as_bytes());
        state.drawn_at = Some(Instant::now());
    }

    fn erase(&self, _state: &State) {
        if self.0.is_drawn.swap(false, Ordering::SeqCst) && is_in_foreground() {
            super::talk(ERASE.as_bytes());
        }
    }

    /// Keeps the message of a panic from standing between the lines.
    fn erase_before_panic(&self) {
        let is_drawn = Arc::clone(&self.0.is_drawn);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if is_drawn.swap(false, Ordering::SeqCst) {
                super::talk(ERASE.as_bytes());
            }
            before(panic);
        }));
    }
}

impl State {
    fn has_lines(&self) -> bool {
        self.boards.values().any(|board| !board.is_empty())
    }
}

/// A listener may also end by a panic.
impl Drop for Part {
    fn drop(&mut self) {
        self.end();
    }
}

impl Part {
    /// Takes an event.
    pub fn hear(&self, event: &Event) -> Text {
        let mut state = self.painter.state();
        let now = state.origin.elapsed();
        let Some(board) = state.boards.get_mut(&self.number) else {
            return Text::Printed;
        };
        let text = board.hear(event, now);
        if state.has_lines() {
            self.painter.0.changed.notify_all();
        } else {
            // What comes next may write to the terminal by itself.
            self.painter.erase(&state);
        }
        text
    }

    /// How far the work on an app has come.
    pub fn state_of(&self, app: &str) -> Option<String> {
        let state = self.painter.state();
        let now = state.origin.elapsed();
        state.boards.get(&self.number)?.state_of(app, now)
    }

    /// Shows no further lines.
    pub fn end(&self) {
        let mut state = self.painter.state();
        state.boards.remove(&self.number);
        self.painter.erase(&state);
    }
}

/// Lines over what is there, with the cursor at their beginning. The terminal does not wrap them, whatever it takes
/// for their width.
fn frame(lines: &[String]) -> String {
    let mut text = "\r\x1b[?7l".to_owned();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text.push_str("\r\n");
        }
        text.push_str(line);
        text.push_str("\x1b[K");
    }
    text.push_str("\x1b[J\x1b[?7h\r");
    if lines.len() > 1 {
        text.push_str(&format!("\x1b[{}A", lines.len() - 1));
    }
    text
}

fn size() -> Size {
    let size = tcgetwinsize(io::stderr()).ok();
    let size = size.map(|size| Size {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
    });
    size.filter(|size| size.columns > 0 && size.rows > 0)
        .unwrap_or(USUAL)
}

/// Whether the terminal is this process's to write on: after `bg` it is the shell's.
fn is_in_foreground() -> bool {
    // Of a terminal that does not control this process, there is no foreground.
    tcgetpgrp(io::stderr()).map_or(true, |group| group == getpgrp())
}

/// Whether lines can move on standard error.
pub fn is_possible(term: Option<&str>) -> bool {
    io::stderr().is_terminal() && !matches!(term, None | Some("" | "dumb"))
}
