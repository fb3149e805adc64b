//! Runs one script in a container, streams its output, and ends it at its time limit or at the user's request.
//! [`supervision`] decides when to do what.

mod supervision;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use self::supervision::{Action, Happening, Reason, Supervision};
use super::{Error, Mark, Result, Sandbox};
use crate::engine::spec::ExecSpec;
use crate::engine::{Engine, Error as EngineError, Exec};
use crate::event::{self, Event, Step, Text};
use crate::output::Output;

const COMMAND: &str = include_str!("scripts/command.sh");
const CANCEL: &str = include_str!("scripts/cancel.sh");

/// The exit code of a process that SIGKILL ended.
pub(super) const KILLED: i64 = 137;

/// On Linux a single argument of a program has at most 128 KiB, with its closing zero. Longer scripts are split.
const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// How long the engine may take to notice that a container has ended.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// How long processes may take to end after SIGKILL before their container is removed.
const KILL_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct Command<'a> {
    pub container: &'a str,
    /// The name of the container in messages.
    pub title: &'a str,
    /// The name of the script in messages.
    pub what: &'a str,
    pub script: &'a str,
    /// Marks the processes of the script. No other run has the same mark.
    pub mark: Mark,
    /// Variables in addition to those of the container.
    pub variables: &'a BTreeMap<String, String>,
    /// The script that ends the run; SIGTERM if there is none.
    pub stop: Option<&'a str>,
    /// How long the script may run.
    pub timeout: Option<Duration>,
    /// How long the script may take to end after a request to end.
    pub grace: Duration,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The script ended by itself, with this exit code.
    Exited(i64),
    /// The user cancelled the script.
    Cancelled,
    /// The script reached its time limit.
    TimedOut,
    /// The script may still run: the user left.
    Left,
}

/// The future that ends everything that a run started.
type Ending<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

impl<E: Engine> Sandbox<'_, E> {
    /// Runs a script. `event` wraps each piece of output, and `look` sees the piece before that.
    pub async fn execute(
        &self,
        command: &Command<'_>,
        event: impl Fn(Output) -> Event,
        mut look: impl FnMut(&Output),
    ) -> Result<End> {
        let mut state = Supervision::new(Instant::now(), command.timeout);
        let Exec {
            mut output,
            mut exit,
            ..
        } = self.start(command).await?;
        let mut untold: Option<Event> = None;
        let mut ending: Option<Ending<'_>> = None;
        let end = loop {
            let happening = tokio::select! {
                biased;
                () = self.shutdown.reached(state.next_urgency()) => {
                    Happening::Wanted(self.shutdown.urgency())
                }
                () = until(state.alarm()) => Happening::Alarm,
                result = ended(&mut ending), if ending.is_some() => {
                    ending = None;
                    result?;
                    Happening::Ended
                }
                permit = self.events.reserve(), if untold.is_some() => {
                    if let (Some(permit), Some(event)) = (permit, untold.take()) {
                        permit.send(event);
                    }
                    Happening::Told
                }
                item = output.next(), if state.reads() => match item {
                    Some(Ok(piece)) => {
                        look(&piece);
                        untold = Some(event(piece));
                        Happening::Printed
                    }
                    Some(Err(err)) => return Err(self.gone(command, err).await),
                    None => Happening::Closed,
                },
                code = &mut exit, if state.awaits_exit() => match code {
                    Ok(code) => Happening::Exited(code),
                    Err(err) if state.ends_by_itself() => return Err(self.gone(command, err).await),
                    // Ending the run may remove its container, so this error says nothing new.
                    Err(_) => Happening::Lost,
                },
                () = until(state.drained()) => Happening::Drained,
            };
            match state.on(happening, Instant::now()) {
                Action::Wait | Action::Tell => {}
                Action::Drop => untold = None,
                Action::End(reason) => {
                    self.tell_ending(command, reason);
                    ending = Some(Box::pin(self.end(command, command.grace)));
                }
                Action::Kill => ending = Some(Box::pin(self.end(command, Duration::ZERO))),
                Action::Finish(end) => break end,
            }
        };
        if end == End::Exited(KILLED) {
            self.explain_kill(command.container, command.title).await;
        }
        Ok(end)
    }

    fn tell_ending(&self, command: &Command<'_>, reason: Reason) {
        let reason = match reason {
            Reason::User => self.shutdown.reason().to_owned(),
            Reason::Time => {
                let limit = command.timeout.unwrap_or_default().as_secs_f64();
                format!("the time limit of {limit} s")
            }
        };
        let grace = command.grace;
        self.events
            .offer(event::Notice::Cancelling { reason, grace });
    }

    async fn start(&self, command: &Command<'_>) -> Result<Exec> {
        let mut words = ["/bin/dash", "-c", COMMAND, "/bin/dash"]
            .map(str::to_owned)
            .to_vec();
        words.push(command.mark.to_string());
        words.extend(chunks(command.script));
        let spec = ExecSpec {
            command: words,
            variables: command.variables.clone(),
            ..ExecSpec::default()
        };
        match self.engine.exec(command.container, &spec).await {
            Ok(exec) => Ok(exec),
            Err(err @ (EngineError::Conflict(_) | EngineError::NotFound(_))) => {
                Err(self.gone(command, err).await)
            }
            Err(err) => Err(err.into()),
        }
    }

    /// Whether a container, which may have ended just now, still runs commands.
    async fn is_alive(&self, container: &str) -> bool {
        let spec = ExecSpec {
            command: vec!["true".to_owned()],
            ..ExecSpec::default()
        };
        matches!(self.capture(container, &spec).await, Ok((0, _, _)))
    }

    async fn is_running(&self, container: &str) -> Result<bool> {
        Ok(self
            .engine
            .container_state(container)
            .await?
            .is_some_and(|state| state.running))
    }

    /// The error if a container disappeared, or if the container runs and the engine has another problem.
    async fn gone(&self, command: &Command<'_>, err: EngineError) -> Error {
        let is_over = matches!(err, EngineError::ContainerEnded);
        if !is_over && self.is_alive(command.container).await {
            return err.into();
        }
        let began = Instant::now();
        let mut state = self.engine.container_state(command.container).await;
        while began.elapsed() < GONE_LIMIT && matches!(&state, Ok(Some(state)) if state.running) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            state = self.engine.container_state(command.container).await;
        }
        let detail = match state {
            Ok(Some(state)) if state.running => String::new(),
            Ok(Some(state)) if state.out_of_memory => {
                return Error::OutOfMemory {
                    container: command.title.to_owned(),
                    during: Some(command.what.to_owned()),
                };
            }
            Ok(Some(state)) => format!(": it ended with code {}", state.exit_code),
            Ok(None) => ": it was removed".to_owned(),
            Err(err) => return err.into(),
        };
        Error::ContainerGone {
            container: command.title.to_owned(),
            what: command.what.to_owned(),
            detail,
        }
    }

    /// Ends everything that a run started, within the grace period or by force. If processes do not end, their
    /// container is removed.
    pub(super) async fn end(&self, command: &Command<'_>, grace: Duration) -> Result<()> {
        let words = [
            "/bin/dash",
            "-c",
            CANCEL,
            "upsun-local",
            &command.mark.lowest().to_string(),
            &command.mark.to_string(),
            &grace.as_secs().to_string(),
            command.stop.unwrap_or_default(),
        ];
        let spec = ExecSpec {
            command: words.map(str::to_owned).to_vec(),
            // A stop command gets the variables of the container. The scripts of `upsun-local` do not, since such
            // variables could mislead them.
            variables: match command.stop {
                Some(_) if !grace.is_zero() => BTreeMap::new(),
                _ => undeceived(),
            },
            ..ExecSpec::default()
        };
        let exec = match self.engine.exec(command.container, &spec).await {
            Ok(exec) => exec,
            // In a container that does not run, all processes have ended.
            Err(_) if !self.is_running(command.container).await? => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        let mut output = exec.output;
        let drain = async {
            while let Some(Ok(piece)) = output.next().await {
                self.emit(event::Script::Output {
                    app: command.title.to_owned(),
                    step: Step::StopCommand,
                    output: Text(piece),
                })
                .await;
            }
        };
        if tokio::time::timeout(grace + KILL_LIMIT, drain)
            .await
            .is_err()
        {
            return Err(self.end_container(command).await);
        }
        match tokio::time::timeout(GONE_LIMIT, exec.exit).await {
            // The stop command ran with the variables of the container, so check again without them.
            Ok(Ok(0)) if command.stop.is_some() && !grace.is_zero() => {
                Box::pin(self.end(command, Duration::ZERO)).await
            }
            Ok(Ok(0)) | Err(_) => Ok(()),
            Ok(Ok(_)) => {
                if self.is_running(command.container).await? {
                    Err(self.end_container(command).await)
                } else {
                    Ok(())
                }
            }
            Ok(Err(EngineError::NotFound(_) | EngineError::ContainerEnded)) => Ok(()),
            Ok(Err(err)) => Err(err.into()),
        }
    }

    /// Removes the container whose processes do not end one by one. The next command makes a new container.
    async fn end_container(&self, command: &Command<'_>) -> Error {
        match self.engine.remove_container(command.container).await {
            Ok(()) => Error::Unkillable {
                container: command.title.to_owned(),
                what: command.what.to_owned(),
            },
            Err(err) => err.into(),
        }
    }
}

/// Variables for a script that looks for processes. They override the variables by which an app has its own libraries
/// loaded into each program: the script itself could unset them only after its shell had loaded the libraries.
pub(super) fn undeceived() -> BTreeMap<String, String> {
    let names = [
        "LD_PRELOAD",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
        "GCONV_PATH",
        "LOCPATH",
    ];
    let mut variables: BTreeMap<String, String> =
        names.map(|name| (name.to_owned(), String::new())).into();
    variables.insert("LC_ALL".to_owned(), "C".to_owned());
    variables
}

/// Waits for an end that is under way; forever if there is none.
async fn ended(ending: &mut Option<Ending<'_>>) -> Result<()> {
    match ending {
        Some(ending) => ending.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A command with its arguments, run in the app's root after `.environment`, as a shell on Upsun runs it.
pub fn shell_command(mark: Mark, words: &[String]) -> Vec<String> {
    let script = "ulimit -w \"$1\"\nshift\ncd /app || exit 1\nif [ -r ./.environment ]; then . ./.environment >&2; fi\nexec \"$@\"";
    // With its own name as `$0`, the shell's message about a missing command does not look like a fault of
    // `upsun-local`.
    let mut command = ["/bin/dash", "-c", script, "/bin/dash", &mark.to_string()]
        .map(str::to_owned)
        .to_vec();
    command.extend(words.iter().cloned());
    command
}

/// Splits a script into arguments that the kernel accepts. The script that runs them joins them again.
fn chunks(script: &str) -> Vec<String> {
    let mut rest = script;
    let mut out = Vec::new();
    while rest.len() > LONGEST_ARGUMENT {
        let mut at = LONGEST_ARGUMENT;
        while !rest.is_char_boundary(at) {
            at -= 1;
        }
        out.push(rest[..at].to_owned());
        rest = &rest[at..];
    }
    out.push(rest.to_owned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_scripts_are_cut_between_characters_and_lose_nothing() {
        let script = "é".repeat(200_000);
        let parts = chunks(&script);
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.len() <= LONGEST_ARGUMENT));
        assert_eq!(parts.concat(), script);
        assert_eq!(chunks("true"), ["true"]);
    }
}
