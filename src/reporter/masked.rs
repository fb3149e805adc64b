//! Hides sensitive values from a reporter: always in messages of `upsun-local`, and optionally in the output of
//! scripts.

use std::io;

use super::Reporter;
use super::json::with;
use crate::event::{Envelope, Event, Notice, Numbering, Source};
use crate::mask::{Masker, Secrets};
use crate::output::Output;

/// A reporter that gets events without the sensitive values.
#[derive(Debug)]
pub struct Masked<R> {
    inner: R,
    secrets: Secrets,
    /// Standard output and standard error of scripts; `None` if the output passes unchanged.
    output: Option<[Stream; 2]>,
    numbering: Numbering,
}

#[derive(Debug)]
struct Stream {
    masker: Masker,
    /// The event that the held bytes came with.
    envelope: Option<Envelope>,
}

impl<R: Reporter> Masked<R> {
    /// Hides the values in messages, and with `output` also in the output of scripts.
    pub fn new(inner: R, secrets: Secrets, output: bool) -> Self {
        let stream = || Stream {
            masker: secrets.masker(),
            envelope: None,
        };
        let output = output.then(|| [stream(), stream()]);
        Masked {
            inner,
            secrets,
            output,
            numbering: Numbering::default(),
        }
    }

    /// The reporter that gets the masked events.
    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Passes on the bytes that were held back because they may begin a sensitive value.
    pub fn release(&mut self) -> io::Result<()> {
        let held = self.held();
        self.pass(held)
    }

    fn pass(&mut self, envelopes: Vec<Envelope>) -> io::Result<()> {
        for envelope in envelopes {
            self.inner.report(self.numbering.next(envelope))?;
        }
        Ok(())
    }

    fn held(&mut self) -> Vec<Envelope> {
        let mut envelopes = Vec::new();
        for (at, stream) in self.output.iter_mut().flatten().enumerate() {
            if let Some(envelope) = stream.envelope.take() {
                let bytes = stream.masker.finish();
                if !bytes.is_empty() {
                    envelopes.push(with(&envelope, at, bytes));
                }
            }
        }
        envelopes
    }

    /// The masked event, after the output that was held back before it.
    fn shown(&mut self, mut envelope: Envelope) -> Vec<Envelope> {
        let Some(piece) = envelope.event.text() else {
            let mut shown = self.held();
            envelope.event = reworded(envelope.event, &self.secrets);
            shown.push(envelope);
            return shown;
        };
        let Some(streams) = &mut self.output else {
            return vec![envelope];
        };
        let at = usize::from(matches!(piece.0, Output::Stderr(_)));
        let bytes = streams[at].masker.push(piece.0.bytes());
        let shown = (!bytes.is_empty()).then(|| with(&envelope, at, bytes));
        streams[at].envelope = Some(envelope);
        shown.into_iter().collect()
    }
}

impl<R: Reporter> Reporter for Masked<R> {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        let shown = self.shown(envelope);
        self.pass(shown)
    }

    fn unheard(&mut self, envelope: Envelope) {
        for envelope in self.shown(envelope) {
            self.inner.unheard(self.numbering.next(envelope));
        }
    }

    fn finish(&mut self) {
        // If standard output is closed, there is no place to report the failure.
        let _ = self.release();
        self.inner.finish();
    }
}

/// The event without sensitive values in its messages.
fn reworded(mut event: Event, secrets: &Secrets) -> Event {
    match &mut event {
        Event::Notice(Notice::Warning { message, hint }) => {
            *message = secrets.mask(message);
            *hint = hint.as_ref().map(|hint| secrets.mask(hint));
        }
        Event::Source(Source::Committed { commits, .. }) => {
            for commit in commits {
                commit.subject = secrets.mask(&commit.subject);
            }
        }
        _ => {}
    }
    event
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::{Run, Text};

    /// Keeps what it is told.
    struct Kept(Vec<Event>, Vec<u64>);

    impl Reporter for Kept {
        fn report(&mut self, envelope: Envelope) -> io::Result<()> {
            self.0.push(envelope.event);
            self.1.push(envelope.sequence);
            Ok(())
        }
    }

    fn masked(output: bool) -> Masked<Kept> {
        let secrets = Secrets::new([("env:TOKEN", "hush-hush".to_owned())]);
        Masked::new(Kept(Vec::new(), Vec::new()), secrets, output)
    }

    fn out(text: &'static str) -> Event {
        let output = Text(Output::Stdout(Bytes::from_static(text.as_bytes())));
        Event::Run(Run::Output { output })
    }

    fn err(text: &'static str) -> Event {
        let output = Text(Output::Stderr(Bytes::from_static(text.as_bytes())));
        Event::Run(Run::Output { output })
    }

    fn warning(message: &str) -> Event {
        Event::warning(message, None)
    }

    #[test]
    fn both_streams_are_masked_each_for_itself() {
        let mut masked = masked(true);
        for event in [
            out("a hush"),
            err("b hu"),
            out("-hush c"),
            err("sh-hush"),
            out(" hu"),
        ] {
            masked.report(Envelope::now(event)).unwrap();
        }
        masked
            .report(Envelope::now(warning("the token is hush-hush")))
            .unwrap();
        masked.finish();
        let expected = [
            out("a "),
            err("b "),
            out("****** c"),
            err("******"),
            out(" "),
            // What was held comes before whatever else happens.
            out("hu"),
            warning("the token is ******"),
        ];
        assert_eq!(masked.inner.0, expected);
        // Some were joined and others cut in two; the reporter counts what it is told.
        assert_eq!(masked.inner.1, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn output_passes_unchanged_unless_asked_for_and_our_words_never_do() {
        let mut masked = masked(false);
        masked.report(Envelope::now(out("hush-hush"))).unwrap();
        masked.report(Envelope::now(warning("hush-hush"))).unwrap();
        assert_eq!(masked.inner.0, [out("hush-hush"), warning("******")]);
    }

    #[test]
    fn what_is_held_at_the_end_is_let_out() {
        let mut masked = masked(true);
        masked.report(Envelope::now(out("hush-"))).unwrap();
        assert_eq!(masked.inner.0, []);
        masked.finish();
        assert_eq!(masked.inner.0, [out("hush-")]);
    }
}
