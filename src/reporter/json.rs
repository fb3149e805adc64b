//! Events as JSON, one a line, on standard output.

use std::io::{self, Write};

use bytes::Bytes;

use super::Reporter;
use crate::event::{Event, Text};
use crate::output::Output;

/// Prints every event as one line of JSON.
#[derive(Debug, Default)]
pub struct Json {
    /// Output that ended inside of a character, for each stream: JSON can only hold whole ones.
    held: [Option<Event>; 2],
}

impl Json {
    /// Puts what was held before the output, and holds what is not whole yet. `None` when nothing is whole.
    fn whole(&mut self, mut event: Event) -> Option<Event> {
        let Some(Text(output)) = text(&mut event) else {
            return Some(event);
        };
        let at = usize::from(matches!(output, Output::Stderr(_)));
        let mut bytes = Vec::new();
        if let Some(Text(held)) = self.held[at].take().as_mut().and_then(text) {
            bytes.extend_from_slice(held.bytes());
        }
        bytes.extend_from_slice(output.bytes());
        let rest = bytes.split_off(bytes.len() - unfinished(&bytes));
        if !rest.is_empty() {
            self.held[at] = Some(with(&event, at, rest));
        }
        (!bytes.is_empty()).then(|| with(&event, at, bytes))
    }
}

/// The output that an event carries.
pub(super) fn text(event: &mut Event) -> Option<&mut Text> {
    match event {
        Event::OperationOutput { output }
        | Event::MountCheckOutput { output }
        | Event::StepOutput { output, .. }
        | Event::CronOutput { output, .. } => Some(output),
        _ => None,
    }
}

/// The same event with other output, on standard output (0) or standard error.
pub(super) fn with(event: &Event, stream: usize, bytes: Vec<u8>) -> Event {
    let bytes = Bytes::from(bytes);
    let mut event = event.clone();
    if let Some(text) = text(&mut event) {
        text.0 = if stream == 0 {
            Output::Stdout(bytes)
        } else {
            Output::Stderr(bytes)
        };
    }
    event
}

/// How many bytes at the end begin a character of UTF-8 whose other bytes are still to come.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3).enumerate();
    for (at, byte) in last {
        let length = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if length > at + 1 { at + 1 } else { 0 };
    }
    0
}

fn print(event: &Event) -> io::Result<()> {
    let mut line = crate::json::line(event)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

impl Reporter for Json {
    fn report(&mut self, mut event: Event) -> io::Result<()> {
        if text(&mut event).is_none() {
            for held in &mut self.held {
                held.take().as_ref().map_or(Ok(()), print)?;
            }
        }
        self.whole(event).as_ref().map_or(Ok(()), print)
    }

    fn finish(&mut self) {
        for held in &mut self.held {
            // Nobody is left to tell when standard output is closed.
            let _ = held.take().as_ref().map_or(Ok(()), print);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_still_become_a_character_is_held() {
        for (bytes, held) in [
            (&b"abc"[..], 0),
            (b"", 0),
            ("é".as_bytes(), 0),
            (b"a\xC3", 1),
            (b"\xE2\x86", 2),
            (b"\xF0\x9F\x8E", 3),
            ("🎉".as_bytes(), 0),
            (b"\xFF", 0),
            (b"\x80\x80\x80\x80", 0),
            (b"\xC3a", 0),
        ] {
            assert_eq!(unfinished(bytes), held, "{bytes:?}");
        }
    }
}
