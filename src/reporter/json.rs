//! Events as JSON, one per line: on standard output, or wherever a front end sends them.

use std::io::{self, Write};

use bytes::Bytes;

use super::Reporter;
use crate::event::{Envelope, Numbering};
use crate::output::Output;

/// Prints every event as one line of JSON.
#[derive(Debug, Default)]
pub struct Json {
    whole: WholeCharacters,
    numbering: Numbering,
}

/// Makes JSON possible of output that arrives in pieces: JSON can only hold complete characters.
#[derive(Debug, Default)]
pub(crate) struct WholeCharacters {
    /// Output that ended inside of a character, for each stream.
    held: [Option<Envelope>; 2],
}

impl WholeCharacters {
    /// The events to print for one that has arrived: those that were held back go first.
    pub(crate) fn take(&mut self, envelope: Envelope) -> impl Iterator<Item = Envelope> + use<> {
        let released = match envelope.event.text() {
            Some(_) => [None, None],
            None => self.release(),
        };
        let whole = self.whole(envelope);
        released.into_iter().flatten().chain(whole)
    }

    /// What is left at the end, or before an event that is not output.
    pub(crate) fn release(&mut self) -> [Option<Envelope>; 2] {
        std::mem::take(&mut self.held)
    }

    /// Puts the held bytes in front of the output, and holds back an incomplete character at its end. `None` if no
    /// complete character is left.
    fn whole(&mut self, envelope: Envelope) -> Option<Envelope> {
        let Some(text) = envelope.event.text() else {
            return Some(envelope);
        };
        let at = usize::from(matches!(text.0, Output::Stderr(_)));
        let mut bytes = Vec::new();
        if let Some(held) = &self.held[at].take()
            && let Some(text) = held.event.text()
        {
            bytes.extend_from_slice(text.0.bytes());
        }
        bytes.extend_from_slice(text.0.bytes());
        let rest = bytes.split_off(bytes.len() - unfinished(&bytes));
        if !rest.is_empty() {
            self.held[at] = Some(with(&envelope, at, rest));
        }
        (!bytes.is_empty()).then(|| with(&envelope, at, bytes))
    }
}

impl Json {
    fn print(&mut self, envelope: Envelope) -> io::Result<()> {
        let mut line = crate::json::line(&self.numbering.next(envelope))?;
        line.push('\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.flush()
    }
}

/// The same event with other output: `stream` is 0 for standard output, 1 for standard error.
pub(super) fn with(envelope: &Envelope, stream: usize, bytes: Vec<u8>) -> Envelope {
    let bytes = Bytes::from(bytes);
    let mut event = envelope.event.clone();
    if let Some(text) = event.text_mut() {
        text.0 = if stream == 0 {
            Output::Stdout(bytes)
        } else {
            Output::Stderr(bytes)
        };
    }
    envelope.around(event)
}

/// How many bytes at the end begin a UTF-8 character whose other bytes have not arrived yet.
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

impl Reporter for Json {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        for envelope in self.whole.take(envelope) {
            self.print(envelope)?;
        }
        Ok(())
    }

    fn finish(&mut self) {
        for envelope in self.whole.release().into_iter().flatten() {
            // If standard output is closed, there is no place to report the failure.
            let _ = self.print(envelope);
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
