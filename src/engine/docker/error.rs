//! Turns what bollard and the engine say into [`Error`].

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error as Bollard;

use super::transport::TooLong;
use crate::engine::Error;

/// What says only which library met an error.
const WRAPPERS: [&str; 2] = ["Error in the hyper legacy client", "client error (Connect)"];

/// An error and its causes in one line, without saying anything twice.
pub(super) fn reason(err: &dyn StdError) -> String {
    let mut text = String::new();
    let mut next = Some(err);
    while let Some(cause) = next {
        next = cause.source();
        let part = plain(&cause.to_string());
        let part = WRAPPERS.iter().fold(part.as_str(), |part, wrapper| {
            let rest = part.strip_prefix(wrapper);
            rest.map_or(part, |rest| rest.trim_start_matches([':', ' ']))
        });
        if part.is_empty() || text.contains(part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(part);
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

/// Whether an answer was given up as it had no end.
fn is_too_long(err: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(err);
    while let Some(err) = next {
        let inner = err.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(inner) = inner
            && inner.is::<TooLong>()
        {
            return true;
        }
        next = err.source();
    }
    false
}

impl From<Bollard> for Error {
    fn from(err: Bollard) -> Self {
        if is_too_long(&err) {
            return Error::Unusable {
                call: "do something",
                what: TooLong.to_string(),
            };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn an_error_is_told_without_its_wrappers_and_nothing_twice() {
        let layers = [
            "Error in the hyper legacy client: client error (Connect)",
            "client error (Connect)",
            "tcp connect error",
            "tcp connect error",
            "Connection refused (os error 111)",
        ];
        let chain = layers
            .into_iter()
            .rev()
            .fold(None, |source, text| Some(Box::new(Layer { text, source })));
        let text = reason(&*chain.unwrap());
        assert_eq!(text, "tcp connect error: Connection refused");
    }
}
