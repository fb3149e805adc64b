//! Hides sensitive values from a reporter: always in our own words, and, where it is asked for, in what scripts
//! print.

use std::io;

use super::Reporter;
use super::json::{text, with};
use crate::event::Event;
use crate::mask::{Masker, Secrets};
use crate::output::Output;

/// A reporter that never sees the values.
#[derive(Debug)]
pub struct Masked<R> {
    inner: R,
    secrets: Secrets,
    /// Standard output and standard error of scripts; `None` where they go through as they are.
    output: Option<[Stream; 2]>,
}

#[derive(Debug)]
struct Stream {
    masker: Masker,
    /// The event that brought what is held.
    event: Option<Event>,
}

impl<R: Reporter> Masked<R> {
    /// Hides the values in our own words; with `output` also in what scripts print.
    pub fn new(inner: R, secrets: Secrets, output: bool) -> Self {
        let stream = || Stream {
            masker: secrets.masker(),
            event: None,
        };
        let output = output.then(|| [stream(), stream()]);
        Masked {
            inner,
            secrets,
            output,
        }
    }

    /// The reporter that sees what is left.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Lets out what was held.
    pub fn release(&mut self) -> io::Result<()> {
        for (at, stream) in self.output.iter_mut().flatten().enumerate() {
            if let Some(event) = stream.event.take() {
                let bytes = stream.masker.finish();
                if !bytes.is_empty() {
                    self.inner.report(with(&event, at, bytes))?;
                }
            }
        }
        Ok(())
    }
}

impl<R: Reporter> Reporter for Masked<R> {
    fn report(&mut self, mut event: Event) -> io::Result<()> {
        let Some(piece) = text(&mut event) else {
            self.release()?;
            return self.inner.report(reworded(event, &self.secrets));
        };
        let at = usize::from(matches!(piece.0, Output::Stderr(_)));
        let Some(streams) = &mut self.output else {
            return self.inner.report(event);
        };
        let bytes = streams[at].masker.push(piece.0.bytes());
        let shown = (!bytes.is_empty()).then(|| with(&event, at, bytes));
        streams[at].event = Some(event);
        shown.map_or(Ok(()), |shown| self.inner.report(shown))
    }

    fn finish(&mut self) {
        // Nobody is left to tell when standard output is closed.
        let _ = self.release();
        self.inner.finish();
    }
}

/// Our own words without the values.
fn reworded(event: Event, secrets: &Secrets) -> Event {
    match event {
        Event::Warning { message, hint } => Event::Warning {
            message: secrets.mask(&message),
            hint: hint.map(|hint| secrets.mask(&hint)),
        },
        Event::Committed {
            app,
            branch,
            mut commits,
            rewrote_history,
        } => {
            for commit in &mut commits {
                commit.subject = secrets.mask(&commit.subject);
            }
            Event::Committed {
                app,
                branch,
                commits,
                rewrote_history,
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Text;

    /// Keeps what it is told.
    struct Kept(Vec<Event>);

    impl Reporter for Kept {
        fn report(&mut self, event: Event) -> io::Result<()> {
            self.0.push(event);
            Ok(())
        }
    }

    fn masked(output: bool) -> Masked<Kept> {
        let secrets = Secrets::new([("env:TOKEN", "hush-hush".to_owned())]);
        Masked::new(Kept(Vec::new()), secrets, output)
    }

    fn out(text: &'static str) -> Event {
        let output = Text(Output::Stdout(Bytes::from_static(text.as_bytes())));
        Event::OperationOutput { output }
    }

    fn err(text: &'static str) -> Event {
        let output = Text(Output::Stderr(Bytes::from_static(text.as_bytes())));
        Event::OperationOutput { output }
    }

    fn warning(message: &str) -> Event {
        Event::Warning {
            message: message.to_owned(),
            hint: None,
        }
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
            masked.report(event).unwrap();
        }
        masked.report(warning("the token is hush-hush")).unwrap();
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
    }

    #[test]
    fn output_passes_unchanged_unless_asked_for_and_our_words_never_do() {
        let mut masked = masked(false);
        masked.report(out("hush-hush")).unwrap();
        masked.report(warning("hush-hush")).unwrap();
        assert_eq!(masked.inner.0, [out("hush-hush"), warning("******")]);
    }

    #[test]
    fn what_is_held_at_the_end_is_let_out() {
        let mut masked = masked(true);
        masked.report(out("hush-")).unwrap();
        assert_eq!(masked.inner.0, []);
        masked.finish();
        assert_eq!(masked.inner.0, [out("hush-")]);
    }
}
