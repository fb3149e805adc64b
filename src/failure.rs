//! What a use case ends with when it cannot do what it was asked: a code, a message, a hint. The codes are those of
//! sysexits, so that they hardly collide with an operation's own.

use std::io::Write;

use crate::known_cause::is_kept_from_the_network;
use crate::mask::Secrets;
use crate::reporter::style::Style;
use crate::text::safe;
use crate::{engine, lifecycle, lock, project, revision, shutdown, source, workspace};

/// Unknown, missing or ambiguous words on the command line.
pub const USAGE: u8 = 64;
/// A file is invalid.
pub const BAD_FILE: u8 = 65;
/// No engine, or it went away.
pub const NO_ENGINE: u8 = 69;
/// A fault of `upsun-local`.
pub const FAULT: u8 = 70;
/// An image, volume or container cannot be made.
pub const CANNOT_MAKE: u8 = 73;
/// Busy; try again.
pub const BUSY: u8 = 75;
/// The role may not.
pub const DENIED: u8 = 77;
/// The configuration is invalid.
pub const BAD_CONFIGURATION: u8 = 78;
/// An operation did what it must not.
pub const OPERATION_FAILED: u8 = 1;
pub const BUILD_FAILED: u8 = 1;

/// Hints about `--synced`.
const NOT_EDITED: &str = "`--synced` needs `upsun-local dev` in another terminal; it keeps the app's own container in step, not those of workers";
const NOT_IN_STEP: &str =
    "the terminal of `upsun-local dev` says more; without `--synced`, a clean build is used";

/// The end of a command that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What went wrong; lower case, no full stop. Empty when everything was said already.
    pub message: String,
    /// How to go on.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with an exit code and a message.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(USAGE, message)
    }

    /// A fault of `upsun-local` itself.
    pub fn fault(message: impl Into<String>) -> Self {
        Failure::new(FAULT, message)
    }

    /// What is printed cannot be written. A reader that is gone needs no word.
    pub fn unwritten(err: &std::io::Error) -> Self {
        if err.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::silent(141);
        }
        Failure::fault(format!("standard output cannot be written: {err}"))
    }

    /// There is no place for state that is this user's alone.
    pub fn no_state(err: &std::io::Error) -> Self {
        Failure::new(
            CANNOT_MAKE,
            format!("there is no directory for state that only this user can enter: {err}"),
        )
        .hint("set `HOME`, or `XDG_STATE_HOME`, to a directory of your own")
    }

    /// Nothing more to say.
    pub fn silent(code: u8) -> Self {
        Failure::new(code, "")
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it before the options are read that say how to print.
    pub fn print_plainly(&self) {
        if !self.message.is_empty() {
            let text = format!("error: {}\n", safe(&self.message));
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// What is printed; nothing where nothing is left to say.
    pub fn text(&self, style: Style, secrets: Option<&Secrets>) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        // The message may quote an engine, a service or a script.
        let said = |text: &str| match secrets {
            Some(secrets) => safe(&secrets.mask(text)),
            None => safe(text),
        };
        let mut text = format!("{}: {}\n", style.error("error"), said(&self.message));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n{}: {}\n", style.hint("hint"), said(hint)));
        }
        text
    }
}

impl From<engine::Error> for Failure {
    fn from(err: engine::Error) -> Self {
        use engine::Error as E;
        let message = err.to_string();
        match err {
            E::Unavailable { tried, hint } => {
                let tried: String = tried.iter().map(|line| format!("\n  {line}")).collect();
                Failure::new(NO_ENGINE, format!("{message}; tried:{tried}")).hint(hint)
            }
            E::Lost(_) => Failure::new(NO_ENGINE, message).hint("check that the engine is running; `upsun-local doctor` tells more"),
            E::TooOld { hint, .. } => Failure::new(NO_ENGINE, message).hint(hint),
            E::Unusable { hint, .. } => Failure {
                hint,
                ..Failure::new(NO_ENGINE, message)
            },
            E::ImageNotFound { hint, .. } => Failure::new(CANNOT_MAKE, message).hint(format!(
                "name another image in .upsun-local.yaml: `images: {{ \"<type>\": <image> }}`{}",
                hint.map(|hint| format!(", or {hint}")).unwrap_or_default()
            )),
            E::Registry { hint, .. } => Failure {
                hint,
                ..Failure::new(CANNOT_MAKE, message)
            },
            E::ImageBuild { reason, .. } => {
                let proxy = "behind a company proxy, set `ca_certificates` in .upsun-local.yaml, and `proxy: {credentials: true}` in ~/.config/upsun-local/settings.yaml if it asks for a password; ";
                let proxy = if is_kept_from_the_network(&reason) { proxy } else { "" };
                Failure::new(CANNOT_MAKE, message)
                    .hint(format!("{proxy}`-v` shows everything the build prints"))
            }
            E::PortTaken(_) => Failure::new(CANNOT_MAKE, message)
                .hint("`port:` in .upsun-local.yaml, or `UPSUN_LOCAL_PORT`, names another one"),
            E::DiskFull { hint, .. } => Failure::new(CANNOT_MAKE, message).hint(format!(
                "free some: `upsun-local clean`{}",
                hint.map(|hint| format!(", {hint}")).unwrap_or_default()
            )),
            E::NotFound(_) | E::Conflict(_) | E::ContainerEnded => Failure::new(CANNOT_MAKE, message)
                .hint("something else changed the sandbox in between; try again, or `upsun-local down` first"),
            E::Io(_) => Failure::new(CANNOT_MAKE, message),
            E::Other(_) => Failure::new(CANNOT_MAKE, message),
        }
    }
}

impl From<workspace::Error> for Failure {
    fn from(err: workspace::Error) -> Self {
        use workspace::Kind as K;
        let message = err.to_string();
        match err {
            workspace::Error::Invalid(_) => Failure::new(BAD_CONFIGURATION, message)
                .hint("`upsun-local check` shows the errors"),
            workspace::Error::Refused {
                kind,
                message,
                hint,
            } => {
                let code = match kind {
                    K::Request => USAGE,
                    K::File => BAD_FILE,
                    K::Configuration => BAD_CONFIGURATION,
                    K::Denied => DENIED,
                    K::NotUp => BUSY,
                    K::Fault => FAULT,
                };
                Failure {
                    code,
                    message,
                    hint,
                }
            }
            workspace::Error::Project(err) => err.into(),
            workspace::Error::Source(err) => err.into(),
            workspace::Error::Engine(err) => err.into(),
        }
    }
}

impl From<project::Error> for Failure {
    fn from(err: project::Error) -> Self {
        match err {
            project::Error::Root { .. } => Failure::new(BAD_FILE, err.to_string()),
            project::Error::State(err) => Failure::no_state(&err),
        }
    }
}

impl From<lock::Error> for Failure {
    fn from(err: lock::Error) -> Self {
        let message = err.to_string();
        match err {
            lock::Error::File { .. } => Failure::new(CANNOT_MAKE, message)
                .hint("`XDG_STATE_HOME` can name another directory"),
            lock::Error::Busy { .. } => Failure::new(BUSY, message),
            lock::Error::Interrupted { .. } => Failure::new(BUSY, message),
        }
    }
}

impl From<source::Error> for Failure {
    fn from(err: source::Error) -> Self {
        Failure::new(BAD_FILE, err.to_string())
    }
}

impl Failure {
    /// What is wrong with a snapshot of mounts.
    pub fn of_snapshot(err: &crate::mount_snapshot::Error) -> Self {
        use crate::mount_snapshot::Error as E;
        let message = err.to_string();
        match err {
            E::File { .. } => Failure::new(BAD_FILE, message),
            E::Damaged { .. } => {
                Failure::new(BAD_FILE, message).hint("nothing was touched; take another one")
            }
            E::Write { .. } => Failure::new(FAULT, message)
                .hint("check that the disk has room; `XDG_STATE_HOME` can name another directory"),
            E::Name(_) | E::Length(_) => Failure::usage(message),
            E::Unknown { others, .. } if others.is_empty() => {
                Failure::usage(message).hint("`upsun-local mount snapshot` takes one")
            }
            E::Unknown { others, .. } => {
                Failure::usage(message).hint(format!("there are: {}", others.join(", ")))
            }
        }
    }

    /// What a failure of the lifecycle means. An interruption has the code of the signal that came.
    pub fn of(err: lifecycle::Error, shutdown: &shutdown::Shutdown) -> Self {
        use lifecycle::Error as E;
        let message = err.to_string();
        if let (E::Interrupted | E::Lock(lock::Error::Interrupted { .. }), Some(code)) =
            (&err, shutdown.exit_code())
        {
            // Stay silent if stdout is closed, or if `watch` is about to run this again.
            return if shutdown.is_explained() {
                Failure::silent(code)
            } else {
                Failure::new(code, message)
            };
        }
        // What goes wrong while the user ends it is worth a word, but it is not what ended it.
        let failure = Failure::of_lifecycle(err, message);
        match shutdown.exit_code() {
            Some(code) => Failure { code, ..failure },
            None => failure,
        }
    }

    fn of_lifecycle(err: lifecycle::Error, message: String) -> Self {
        use lifecycle::Error as E;
        match err {
            E::Engine(err) => err.into(),
            E::Lock(err) => err.into(),
            E::Source(err) => err.into(),
            E::Several(errors) => {
                let first = errors.into_iter().next().map(|first| {
                    let message = first.to_string();
                    Failure::of_lifecycle(first, message)
                });
                let first = first.unwrap_or_else(|| Failure::fault(""));
                Failure { message, ..first }
            }
            E::Build { .. } | E::BuildTimeout { .. } => Failure::new(BUILD_FAILED, message)
                .hint("a build that fails aborts the deploy on Upsun too; nothing was deployed"),
            E::ForeignImage { .. } => Failure::new(BAD_FILE, message).hint(format!(
                "name it in {} or in `UPSUN_LOCAL_IMAGES`, where you trust the repository with what is in that image",
                crate::settings::load::OWN_NAME
            )),
            E::BuildInUse { environment, .. } => Failure::new(BUSY, message).hint(format!(
                "wait until it is done, or end it: `upsun-local down --environment {environment}`"
            )),
            E::ContainerGone { .. } => {
                Failure::new(NO_ENGINE, message).hint("`upsun-local up` starts it again")
            }
            E::OutOfMemory { during, .. } => {
                let code = if during.is_some() { NO_ENGINE } else { CANNOT_MAKE };
                Failure::new(code, message).hint(lifecycle::MEMORY_HINT)
            }
            E::ContainerEnded { .. } => {
                Failure::new(CANNOT_MAKE, message).hint("`upsun-local doctor` checks the engine")
            }
            E::ServiceEnded { service, .. } | E::ServiceNotReady { service, .. } => {
                Failure::new(CANNOT_MAKE, message).hint(format!(
                    "`upsun-local logs --service {service}` shows its whole output"
                ))
            }
            E::PortTaken { .. } => Failure::new(CANNOT_MAKE, message)
                .hint("name another one in .upsun-local.yaml: `mail: { port: 8025 }`"),
            E::ServiceSetup { .. } => Failure::new(CANNOT_MAKE, message)
                .hint("check its `configuration` in .upsun/config.yaml"),
            // nginx names the file and line of a setting that it does not accept.
            E::FrontEnded { ref log, .. } if log.contains(".conf:") => {
                Failure::new(CANNOT_MAKE, message).hint(
                    "check that every rule in its `web.locations` is a regular expression that nginx accepts",
                )
            }
            E::FrontEnded { .. } => {
                Failure::new(CANNOT_MAKE, message).hint("`upsun-local doctor` checks the engine")
            }
            E::TunnelPort { is_named, .. } => Failure::new(CANNOT_MAKE, message).hint(if is_named {
                "end what listens there, or name another port with `--port`"
            } else {
                "end what listens there, or name another one with `port:` in .upsun-local.yaml or `UPSUN_LOCAL_PORT` and run `upsun-local up` again"
            }),
            E::RouterPort { .. } => Failure::new(CANNOT_MAKE, message).hint(
                "end what listens there, or name another one with `port:` in .upsun-local.yaml or `UPSUN_LOCAL_PORT`",
            ),
            E::RouterEnded { .. } => {
                Failure::new(CANNOT_MAKE, message).hint("check `routes` in .upsun/config.yaml")
            }
            E::Unkillable { .. } => Failure::new(FAULT, message)
                .hint("no action is needed: the next command makes the container again"),
            E::Interrupted => Failure::new(130, message),
            E::NotUp { .. } => Failure::new(BUSY, message).hint("`upsun-local up` starts it"),
            E::NotEdited { .. } => Failure::new(BUSY, message).hint(NOT_EDITED),
            E::NotInStep { .. } => Failure::new(BUSY, message).hint(NOT_IN_STEP),
            E::NotUndone { snapshot, flags, .. } => Failure::new(BUSY, message).hint(format!(
                "`upsun-local mount restore{flags} {snapshot}` puts them back; `upsun-local mount snapshot{flags} --delete {snapshot}` leaves them as they are"
            )),
            E::MountsLost { .. } => Failure::new(CANNOT_MAKE, message).hint(
                "the rest was put back; `upsun-local down` and `upsun-local up` mount it again, with the data that is on it",
            ),
            E::OtherMounts { .. } => Failure::new(BUSY, message),
            E::Snapshot(err) => Failure::of_snapshot(&err),
            E::SourceOperation { .. } => Failure::new(OPERATION_FAILED, message),
            E::File { .. } => Failure::new(BAD_FILE, message),
        }
    }
}

impl From<revision::Error> for Failure {
    fn from(err: revision::Error) -> Self {
        let is_fault = matches!(&err, revision::Error::Process(error)
            if error.kind() != std::io::ErrorKind::NotFound);
        let code = if is_fault { FAULT } else { USAGE };
        Failure {
            hint: err.hint(),
            ..Failure::new(code, err.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rule_that_nginx_refuses_is_to_be_checked() {
        for (log, is_rule) in [
            (
                "nginx: [emerg] pcre2_compile() failed in /etc/nginx/upsun-local.conf:31",
                true,
            ),
            (
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)",
                false,
            ),
        ] {
            let error = lifecycle::Error::FrontEnded {
                app: "app".to_owned(),
                exit_code: 1,
                log: log.to_owned(),
            };
            let hint = Failure::of_lifecycle(error, String::new()).hint;
            let hint = hint.unwrap_or_default();
            assert_eq!(hint.contains("web.locations"), is_rule, "{log}: {hint}");
        }
    }
}
