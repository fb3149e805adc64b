//! Finds out whether a process that was just started is ready: whether it listens, waits, or ends again and again.

use super::{Error, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;
use crate::event;
use crate::shutdown::Urgency;

const PROCESS: &str = include_str!("scripts/process.sh");
/// A script that waits for a number of seconds until a process listens at an address. It runs in images that have
/// only a shell.
pub(super) const LISTENS: &str = include_str!("scripts/ready.sh");

/// How many seconds to wait for an app to listen before the work continues anyway.
const LIMIT: u32 = 5;

/// The state of the process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Readiness {
    /// The process listens where requests go, or it is up and accepts no requests.
    Ready,
    /// No process listens there.
    Silent,
    /// No process listens there, and the app's process waits for something else.
    Waits,
    /// The command ended, and is started again each time.
    Ended {
        /// The key of the command in the configuration: `web.commands.start`.
        command: String,
        /// The last exit code.
        code: i64,
        /// How often the command ended.
        times: u32,
    },
}

/// What the caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enough {
    /// The process is up.
    Process,
    /// Requests are accepted.
    Port,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Waits a little until an app that was just started accepts requests, as the router on Upsun does, and warns if
    /// it does not. A process without an address, such as a worker's, only has to stay up.
    pub(super) async fn wait_until_ready(
        &self,
        container: &str,
        title: &str,
        address: Option<&str>,
    ) -> Result<()> {
        self.emit(event::Deploy::ReadyAwaited {
            container: title.to_owned(),
        })
        .await;
        let readiness = self.readiness(container, address, Enough::Port).await?;
        self.tell_unready(container, title, address, &readiness)
            .await;
        Ok(())
    }

    /// Waits a little until an app listens, and warns only if its command ended: the log of the app is on the screen.
    pub(super) async fn wait_until_listening(
        &self,
        container: &str,
        title: &str,
        address: &str,
    ) -> Result<()> {
        let address = Some(address);
        let readiness = self.readiness(container, address, Enough::Port).await?;
        if let Readiness::Ended { .. } = readiness {
            self.tell_unready(container, title, address, &readiness)
                .await;
        }
        Ok(())
    }

    /// Waits until the process that was just started is up, and warns if it ended. Returns the warning for an
    /// operation that fails in the same container.
    pub(super) async fn wait_until_up(
        &self,
        container: &str,
        title: &str,
        address: Option<&str>,
    ) -> Result<Option<String>> {
        let readiness = self.readiness(container, address, Enough::Process).await?;
        if let Readiness::Ended { .. } = readiness {
            self.tell_unready(container, title, address, &readiness)
                .await;
        }
        Ok(silence(title, address, &readiness))
    }

    async fn tell_unready(
        &self,
        container: &str,
        title: &str,
        address: Option<&str>,
        readiness: &Readiness,
    ) {
        let (message, hint) = match readiness {
            Readiness::Ready => return,
            Readiness::Ended {
                command,
                code,
                times,
            } => {
                let log = self.log_tail(container).await;
                let times = match times {
                    1 => "once already".to_owned(),
                    times => format!("{times} times already"),
                };
                (
                    format!(
                        "`{command}` of `{title}` ended with code {code}, {times}; Upsun would start it again each time, too{log}"
                    ),
                    "it must stay in the foreground; `upsun-local logs` shows all it said",
                )
            }
            Readiness::Silent | Readiness::Waits => {
                let Some(message) = silence(title, address, readiness) else {
                    return;
                };
                (
                    format!("{message}; going on"),
                    "that is fine if it is to wait; `upsun-local logs` shows what it says",
                )
            }
        };
        self.events.warn(message, Some(hint.to_owned())).await;
    }

    async fn readiness(
        &self,
        container: &str,
        address: Option<&str>,
        enough: Enough,
    ) -> Result<Readiness> {
        let enough = match enough {
            Enough::Process => "process",
            Enough::Port => "port",
        };
        let spec = ExecSpec {
            command: [
                "/bin/dash",
                "-c",
                PROCESS,
                "upsun-local",
                address.unwrap_or_default(),
                &LIMIT.to_string(),
                enough,
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Default::default()
        };
        tokio::select! {
            result = self.capture(container, &spec) => {
                let (code, out, _) = result?;
                Ok(match code {
                    0 => Readiness::Ready,
                    2 => ended(&out).unwrap_or(Readiness::Silent),
                    3 => Readiness::Waits,
                    _ => Readiness::Silent,
                })
            }
            () = self.shutdown.reached(Urgency::Cancel) => Err(Error::Interrupted),
        }
    }

    /// Which command of a running container ended a short while ago, with its exit code and how often it ended.
    /// `None` if no command ended, or if the container does not answer.
    pub async fn keeps_ending(&self, container: &str) -> Option<(String, i64, u32)> {
        let script = "if [ -n \"$(find /run/upsun-local/ended -mmin -2 2>/dev/null)\" ]; then cat /run/upsun-local/ended; fi";
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", script].map(str::to_owned).to_vec(),
            ..Default::default()
        };
        let (_, out, _) = self.capture(container, &spec).await.ok()?;
        match ended(&out)? {
            Readiness::Ended {
                command,
                code,
                times,
            } => Some((command, code, times)),
            _ => None,
        }
    }

    /// Waits a little until a process listens on a port or socket in a container of an app's image. Returns false if
    /// no process does.
    pub(super) async fn listens(&self, container: &str, address: &str) -> Result<bool> {
        let spec = ExecSpec {
            command: [
                "/bin/dash",
                "-c",
                LISTENS,
                "upsun-local",
                address,
                &LIMIT.to_string(),
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Default::default()
        };
        tokio::select! {
            result = self.capture(container, &spec) => Ok(result?.0 == 0),
            () = self.shutdown.reached(Urgency::Cancel) => Err(Error::Interrupted),
        }
    }
}

/// The warning about a process that accepts no requests.
fn silence(title: &str, address: Option<&str>, readiness: &Readiness) -> Option<String> {
    let address = address?;
    match readiness {
        Readiness::Silent => Some(format!(
            "nothing in `{title}` listens on {address} after {LIMIT} s"
        )),
        Readiness::Waits => Some(format!(
            "nothing in `{title}` listens on {address}: its process is up and waits"
        )),
        Readiness::Ready | Readiness::Ended { .. } => None,
    }
}

/// Reads `<code> <times> <command>`, which the supervisor of a container writes.
fn ended(text: &str) -> Option<Readiness> {
    let mut words = text.trim().splitn(3, ' ');
    Some(Readiness::Ended {
        code: words.next()?.parse().ok()?,
        times: words.next()?.parse().ok()?,
        command: words.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_supervisor_writes_is_read() {
        assert_eq!(
            ended("127 3 workers.queue.commands.start\n"),
            Some(Readiness::Ended {
                command: "workers.queue.commands.start".to_owned(),
                code: 127,
                times: 3
            })
        );
        assert_eq!(ended(""), None);
    }
}
