//! The destination of the text.

use std::io::{self, IsTerminal, Write};

use crate::event::Event;
use crate::reporter::board::Text;
use crate::reporter::painter::{Painter, Part};
use crate::reporter::style::Style;
use crate::reporter::{talk, wrapped};

/// Gets the text: the streams of this process, or a log.
pub trait Screen: Send {
    /// Writes what an operation prints on its standard output.
    fn output(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes messages, and what goes to standard error.
    fn talk(&mut self, bytes: &[u8]);
    /// Whether a reader sees both streams in one place. Messages must then begin on a line of their own.
    fn is_one(&self) -> bool;
    /// Moves the lines that show what is in progress, if there are any.
    fn hear(&mut self, _event: &Event) -> Text {
        Text::Printed
    }
    /// How far the work on an app has come, if a line shows it.
    fn state_of(&self, _app: &str) -> Option<String> {
        None
    }
    /// The number of columns at this moment, if it can change.
    fn columns(&self) -> Option<usize> {
        None
    }
    /// Takes away the lines that move.
    fn end(&mut self) {}
}

/// The standard streams of this process.
#[derive(Debug)]
pub struct Streams {
    is_one: bool,
    /// What is in progress, if lines show it.
    moving: Option<(Painter, Part)>,
}

impl Streams {
    /// The standard streams of this process as it was started, on which `painter` may draw.
    pub(super) fn of_process(painter: Option<&Painter>, style: Style) -> Self {
        Streams {
            is_one: io::stderr().is_terminal() && io::stdout().is_terminal(),
            moving: painter.map(|painter| (painter.clone(), painter.part(style))),
        }
    }
}

impl Screen for Streams {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            // Line buffering would hold back a prompt or a progress line.
            stdout.flush()
        };
        match &self.moving {
            Some((painter, _)) if self.is_one => painter.around(bytes, write),
            _ => write(),
        }
    }

    fn talk(&mut self, bytes: &[u8]) {
        match &self.moving {
            Some((painter, _)) => painter.talk(bytes),
            None => talk(bytes),
        }
    }

    fn is_one(&self) -> bool {
        self.is_one
    }

    fn hear(&mut self, event: &Event) -> Text {
        let part = self.moving.as_ref();
        part.map_or(Text::Printed, |(_, part)| part.hear(event))
    }

    fn state_of(&self, app: &str) -> Option<String> {
        self.moving.as_ref()?.1.state_of(app)
    }

    fn columns(&self) -> Option<usize> {
        self.moving.as_ref()?;
        wrapped::width_of(&io::stderr())
    }

    fn end(&mut self) {
        if let Some((_, part)) = &self.moving {
            part.end();
        }
    }
}
