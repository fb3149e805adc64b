//! Turns errors of bollard and messages of the engine into [`Error`].

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error as Bollard;

use super::transport::TooLong;
use crate::engine::Error;

/// Errors that only say which library met another error.
const WRAPPERS: [&str; 2] = ["Error in the hyper legacy client", "client error (Connect)"];

/// An error and its causes in one line, without repetition.
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

/// The innermost cause of an error: the errors around it only say which library met it.
fn cause(err: &dyn StdError) -> String {
    let mut last = err;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}

/// The text without the operating system's error number and without line breaks.
pub(super) fn plain(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The `major.minor` that a text begins with.
pub(super) fn number(text: &str) -> Option<(usize, usize)> {
    let (major, rest) = text.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let minor = &rest[..end.unwrap_or(rest.len())];
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether an engine's message says that its disk is full.
pub(super) fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("No space left on device")
}

/// Whether an engine's message says that another process listens on a port.
fn is_port_taken(message: &str) -> bool {
    message.contains("port is already allocated") || message.contains("address already in use")
}

/// What Podman means by an error for which it has no code: it answers 500 where Docker answers 404 or 409.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Missing,
    InUse,
}

/// The fixed texts of Podman's errors. <https://github.com/containers/podman/blob/main/libpod/define/errors.go>
const MEANINGS: [(&str, Meaning); 14] = [
    ("no such container", Meaning::Missing),
    ("no such volume", Meaning::Missing),
    ("image not known", Meaning::Missing),
    ("layer not known", Meaning::Missing),
    ("network not found", Meaning::Missing),
    ("no such exec session", Meaning::Missing),
    ("name is already in use", Meaning::InUse),
    // Of its database, for the new name of a container.
    ("UNIQUE constraint failed", Meaning::InUse),
    ("container state improper", Meaning::InUse),
    ("has dependent containers", Meaning::InUse),
    ("network is being used", Meaning::InUse),
    ("volume is being used", Meaning::InUse),
    ("volume already exists", Meaning::InUse),
    ("image used by", Meaning::InUse),
];

fn meaning(message: &str) -> Option<Meaning> {
    let found = MEANINGS.iter().find(|(text, _)| message.contains(text));
    found.map(|(_, meaning)| *meaning)
}

/// Whether the error says that an answer was longer than the limit.
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

/// The error for an engine that does not answer properly.
pub(super) fn unusable(call: &'static str, what: String) -> Error {
    let hint = "`docker ps` shows whether it answers at all; restart it, or name another one with `--engine` or `DOCKER_HOST`";
    Error::Unusable {
        call,
        what,
        hint: Some(hint.to_owned()),
    }
}

/// The error for an engine whose disk is full.
pub(super) fn disk_full(reason: String) -> Error {
    let hint = "`docker system df`, `docker system prune`";
    Error::DiskFull {
        reason,
        hint: Some(hint.to_owned()),
    }
}

/// The error for an image that neither the engine nor the registry has.
pub(super) fn image_not_found(image: String, reason: String) -> Error {
    let hint = Some(fetch_hint(&image));
    Error::ImageNotFound {
        image,
        reason,
        hint,
    }
}

/// The command with which a user pulls an image.
pub(super) fn fetch_hint(image: &str) -> String {
    format!("fetch this one with `docker pull {image}`")
}

/// The error for a registry that does not answer.
pub(super) fn registry(image: String, reason: String) -> Error {
    let hint = "check the network; behind a proxy, the engine itself must know the proxy: https://docs.docker.com/engine/daemon/proxy/";
    Error::Registry {
        image,
        reason,
        hint: Some(hint.to_owned()),
    }
}

impl From<Bollard> for Error {
    fn from(err: Bollard) -> Self {
        if is_too_long(&err) {
            return unusable("do something", TooLong.to_string());
        }
        match err {
            Bollard::DockerResponseServerError {
                status_code,
                message,
            } => {
                if is_disk_full(&message) {
                    return disk_full(plain(&message));
                }
                if is_port_taken(&message) {
                    return Error::PortTaken(plain(&message));
                }
                let told = match plain(&message) {
                    nothing if nothing.is_empty() => {
                        format!("code {status_code}, without a reason")
                    }
                    told => told,
                };
                match (status_code, meaning(&message)) {
                    (404, _) | (500, Some(Meaning::Missing)) => Error::NotFound(told),
                    (409, _) | (500, Some(Meaning::InUse)) => Error::Conflict(told),
                    _ => Error::Other(told),
                }
            }
            Bollard::DockerStreamError { error } if is_disk_full(&error) => {
                disk_full(plain(&error))
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

/// Turns the error for an object that does not exist into success.
pub(super) fn gone_is_fine(result: Result<(), Bollard>) -> Result<(), Error> {
    match result {
        Err(Bollard::DockerResponseServerError {
            status_code: 404 | 304,
            ..
        }) => Ok(()),
        // Two removals at the same time: the other one continues.
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

    #[test]
    fn what_can_be_mended_comes_with_what_docker_users_can_do() {
        let answer = |status_code, message: &str| {
            Error::from(Bollard::DockerResponseServerError {
                status_code,
                message: message.to_owned(),
            })
        };
        let full = answer(500, "write /var/lib/docker: no space left on device");
        assert!(
            matches!(&full, Error::DiskFull { hint: Some(hint), .. } if hint.contains("docker system prune")),
            "{full:?}"
        );
        let silent = unusable("list containers", "did not answer".to_owned());
        assert!(
            matches!(&silent, Error::Unusable { hint: Some(hint), .. } if hint.contains("`docker ps`")),
            "{silent:?}"
        );
        let missing = image_not_found("node:99".to_owned(), "manifest unknown".to_owned());
        assert!(
            matches!(&missing, Error::ImageNotFound { hint: Some(hint), .. } if hint.contains("`docker pull node:99`")),
            "{missing:?}"
        );
        let offline = registry("node:24".to_owned(), "no such host".to_owned());
        assert!(
            matches!(&offline, Error::Registry { hint: Some(hint), .. } if hint.contains("docs.docker.com")),
            "{offline:?}"
        );
    }

    #[test]
    fn an_error_of_podman_means_what_its_text_says() {
        let answer = |status_code, message: &str| {
            Error::from(Bollard::DockerResponseServerError {
                status_code,
                message: message.to_owned(),
            })
        };
        for (message, kind) in [
            (
                "creating container storage: the container name \"a\" is already in use by 8e. You have to remove that container to be able to reuse that name: that name is already in use",
                "conflict",
            ),
            (
                "can only create exec sessions on running containers: container state improper",
                "conflict",
            ),
            (
                "container create: unable to find network with name or ID a: network not found",
                "not found",
            ),
            ("crun: something else", "refused"),
        ] {
            assert_eq!(answer(500, message).kind(), kind, "{message}");
        }
        // Docker's own codes count.
        assert_eq!(answer(400, "no such container").kind(), "refused");
    }

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
