//! Turns what bollard and the engine say into [`Error`].

use std::error::Error as StdError;

use bollard::errors::Error as Bollard;

use crate::engine::Error;

/// An error and its causes in one line, without saying anything twice.
pub(super) fn reason(err: &dyn StdError) -> String {
    let mut text = plain(&err.to_string());
    let mut source = err.source();
    while let Some(cause) = source {
        let cause_text = plain(&cause.to_string());
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What is at the bottom of an error: what wraps it only says which library met it.
fn cause(err: &dyn StdError) -> String {
    let mut last = err;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}

/// Without the operating system's number and without line breaks.
fn plain(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an engine's message is about its disk.
pub(super) fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("No space left on device")
}

/// Whether an engine's message is about a port that something else listens on.
fn is_port_taken(message: &str) -> bool {
    message.contains("port is already allocated") || message.contains("address already in use")
}

impl From<Bollard> for Error {
    fn from(err: Bollard) -> Self {
        match err {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => {
                if is_disk_full(&message) {
                    return Error::DiskFull(plain(&message));
                }
                if is_port_taken(&message) {
                    return Error::PortTaken(plain(&message));
                }
                match status_code {
                    404 => Error::NotFound(plain(&message)),
                    409 => Error::Conflict(plain(&message)),
                    _ => Error::Other(plain(&message)),
                }
            }
            Bollard::DockerStreamError { error } if is_disk_full(&error) => {
                Error::DiskFull(plain(&error))
            }
            Bollard::DockerStreamError { error } => Error::Other(plain(&error)),
            Bollard::RequestTimeoutError => Error::Lost("it took too long to answer".to_owned()),
            err @ (Bollard::IOError { .. }
            | Bollard::HyperResponseError { .. }
            | Bollard::HyperLegacyError { .. }) => Error::Lost(cause(&err)),
            err => Error::Other(reason(&err)),
        }
    }
}

/// `Ok(())` where the object was gone already.
pub(super) fn gone_is_fine(result: Result<(), Bollard>) -> Result<(), Error> {
    match result {
        Err(Bollard::DockerResponseServerError {
            status_code: 404 | 304,
            ..
        }) => Ok(()),
        // Two removals at once: the other one does it.
        Err(Bollard::DockerResponseServerError {
            status_code: 409,
            message,
        }) if message.contains("already in progress") => Ok(()),
        other => Ok(other?),
    }
}
