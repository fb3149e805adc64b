//! What is edited, on its way into a container: one command there reads it from its standard input. That is quicker
//! than an upload, for which an engine starts a program of its own each time.

#[cfg(test)]
mod tests;

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::engine::{Error, Exec};
use crate::output::Output;
use crate::source::Changes;

/// The command that writes.
pub struct Session {
    exec: Exec,
    /// What was printed since the last answer.
    printed: Vec<u8>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What is to be removed and written at once.
#[derive(Debug, Default)]
pub struct Frame {
    names: [Vec<u8>; 3],
    pub archive: Vec<u8>,
}

impl Frame {
    /// A frame that removes what changes remove, and writes an archive.
    pub fn new(changes: &Changes, archive: Vec<u8>) -> Self {
        let listed = |names: &[Vec<u8>]| {
            let mut all = Vec::new();
            for name in names {
                // A name cannot be taken for an option.
                all.extend_from_slice(b"./");
                all.extend_from_slice(name);
                all.push(0);
            }
            all
        };
        Frame {
            names: [&changes.removed, &changes.replaced, &changes.emptied]
                .map(|names| listed(names)),
            archive,
        }
    }
}

impl Session {
    pub(crate) fn new(exec: Exec) -> Self {
        Session {
            exec,
            printed: Vec::new(),
        }
    }

    /// Sends a frame and waits until it is written. An inner error is what could not be written; an outer one means
    /// that the command has gone.
    pub async fn apply(&mut self, frame: &Frame) -> Result<Result<(), String>, Error> {
        let [removed, replaced, emptied] = &frame.names;
        let sizes = [removed, replaced, emptied, &frame.archive].map(|part| part.len().to_string());
        let mut whole = sizes.join(" ").into_bytes();
        whole.push(b'\n');
        for part in [removed, replaced, emptied] {
            whole.extend_from_slice(part);
        }
        let input = &mut self.exec.input;
        let write = async {
            input.write_all(&whole).await?;
            input.write_all(&frame.archive).await?;
            input.flush().await
        };
        let (output, printed) = (&mut self.exec.output, &mut self.printed);
        let read = async {
            loop {
                if let Some(end) = printed.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = printed.drain(..=end).collect();
                    return Ok::<_, Error>(String::from_utf8_lossy(&line).trim().to_owned());
                }
                match output.next().await {
                    Some(Ok(Output::Stdout(bytes))) => printed.extend_from_slice(&bytes),
                    Some(Ok(Output::Stderr(_))) => {}
                    Some(Err(err)) => return Err(err),
                    None => return Err(Error::ContainerEnded),
                }
            }
        };
        // The command may end while it is written to: then its output says so, and the input may never be taken.
        let written = async {
            match write.await {
                Ok(()) => std::future::pending::<io::Error>().await,
                Err(err) => err,
            }
        };
        let answer = tokio::select! {
            answer = read => answer?,
            err = written => return Err(err.into()),
        };
        Ok(match answer.strip_prefix("failed") {
            Some(said) => Err(said_in(said.trim())),
            None => Ok(()),
        })
    }
}

/// How programs say that there is no room. GNU tar says how much it could write.
const NO_ROOM: [&str; 3] = [
    "No space left on device",
    "Disk quota exceeded",
    ": Wrote only ",
];

/// What `tar` says after anything else.
const LAST_WORDS: &str = "tar: Exiting with failure status due to previous errors";

/// What a program of the container said, in base64.
fn said_in(text: &str) -> String {
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| *line != LAST_WORDS);
    let text = lines.collect::<Vec<_>>().join("\n");
    if NO_ROOM.iter().any(|words| text.contains(words)) {
        format!("the container engine's disk is full: {}", text.trim())
    } else if text.trim().is_empty() {
        "a program in the container failed without a word".to_owned()
    } else {
        text.trim().to_owned()
    }
}
