//! Runs one script in a container, streams it, and ends it when its time is over or the user says so.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::{Error, Mark, Result, Sandbox};
use crate::engine::spec::ExecSpec;
use crate::engine::{Engine, OutputStream};
use crate::event::{Event, Step, Text};
use crate::output::Output;
use crate::shutdown::Urgency;

const COMMAND: &str = include_str!("scripts/command.sh");
const CANCEL: &str = include_str!("scripts/cancel.sh");

/// The exit code of what SIGKILL ended.
pub(super) const KILLED: i64 = 137;

/// A single argument of a program may be 128 KiB on Linux, with its closing zero. Longer scripts go another way.
const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// How often to look whether the process has ended although somebody keeps its output open.
const LOOK: Duration = Duration::from_millis(500);

/// How long what is on its way may still take once the process has ended.
const DRAIN: Duration = Duration::from_millis(200);

/// How long the engine may take to notice that a container has ended.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// How long processes may take to die after SIGKILL before we give up on them.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// A script and how it is run.
#[derive(Debug, Clone)]
pub struct Command<'a> {
    /// The container's id.
    pub container: &'a str,
    /// What the container is called in messages.
    pub title: &'a str,
    /// What the script is called in messages.
    pub what: &'a str,
    /// The script.
    pub script: &'a str,
    /// Marks its processes; unlike that of any other run.
    pub mark: Mark,
    /// Variables on top of the container's.
    pub variables: &'a BTreeMap<String, String>,
    /// The script that ends it; SIGTERM when there is none.
    pub stop: Option<&'a str>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// How long it may take to end once it is asked to.
    pub grace: Duration,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited(i64),
    /// Because the user wanted it to.
    Cancelled,
    /// Because its time was over.
    TimedOut,
    /// Not at all: the user left.
    Left,
}

type Cancel<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

impl<E: Engine> Sandbox<'_, E> {
    /// Runs a script. `event` wraps each piece of output; `look` sees it first.
    pub async fn execute(
        &self,
        command: &Command<'_>,
        event: impl Fn(Output) -> Event,
        mut look: impl FnMut(&Output),
    ) -> Result<End> {
        let began = Instant::now();
        let deadline = command.timeout.map(|timeout| began + timeout);
        let exec = self.start(command).await?;
        let mut output: OutputStream = exec.output;
        let mut pending: Option<Event> = None;
        let mut open = true;
        let mut reason: Option<End> = None;
        let mut cancel: Option<Cancel<'_>> = None;
        let mut heard = Urgency::None;
        let mut look_again = tokio::time::interval_at(began + LOOK, LOOK);
        let mut exited: Option<(i64, Instant)> = None;
        // Once it is to end, its output is read on although nobody takes it: the engine tells no end of
        // anything in a container while it cannot get rid of output.
        let mut read_at = began;
        let mut deaf = false;

        // Whoever closes all its streams may still be on its way out, and somebody may want that sooner.
        while open || pending.is_some() || cancel.is_some() {
            let next_urgency = match heard {
                Urgency::None => Urgency::Cancel,
                Urgency::Cancel => Urgency::Kill,
                Urgency::Kill | Urgency::Leave => Urgency::Leave,
            };
            tokio::select! {
                biased;
                () = self.shutdown.reached(next_urgency), if heard < Urgency::Leave => {
                    heard = self.shutdown.urgency();
                    let under_way = reason.is_some();
                    reason.get_or_insert(End::Cancelled);
                    match heard {
                        Urgency::Leave => return Ok(End::Left),
                        Urgency::Kill => cancel = Some(Box::pin(self.end(command, Duration::ZERO))),
                        // Its time was over already; asking again would run its stop command twice.
                        _ if under_way => {}
                        _ => {
                            let reason = self.shutdown.reason().to_owned();
                            self.events.offer(Event::Cancelling { reason, grace: command.grace });
                            cancel = Some(Box::pin(self.end(command, command.grace)));
                        }
                    }
                }
                () = until(deadline), if deadline.is_some() && reason.is_none() => {
                    reason = Some(End::TimedOut);
                    let limit = command.timeout.unwrap_or_default().as_secs_f64();
                    self.events.offer(Event::Cancelling { reason: format!("the time limit of {limit} s"), grace: command.grace });
                    cancel = Some(Box::pin(self.end(command, command.grace)));
                }
                result = ended(&mut cancel), if cancel.is_some() => {
                    cancel = None;
                    result?;
                    // All of it has ended; what is left to read is on its way already.
                    exited.get_or_insert((0, Instant::now() + DRAIN));
                }
                sent = self.events.reserve(), if pending.is_some() => {
                    if let (Some(permit), Some(event)) = (sent, pending.take()) { permit.send(event) }
                }
                () = tokio::time::sleep_until(read_at + super::PATIENCE), if reason.is_some() && pending.is_some() => {
                    deaf = true;
                    pending = None;
                }
                item = output.next(), if open && pending.is_none() => match item {
                    Some(Ok(piece)) => {
                        look(&piece);
                        pending = (!deaf).then(|| event(piece));
                        read_at = Instant::now();
                        if let Some((_, drained)) = &mut exited {
                            *drained = Instant::now() + DRAIN;
                        }
                    }
                    Some(Err(err)) => return Err(self.gone(command, Some(err)).await),
                    None => open = false,
                },
                () = until(exited.map(|(_, at)| at)), if open && exited.is_some() && pending.is_none() => open = false,
                _ = look_again.tick(), if open && exited.is_none() && pending.is_none() => {
                    let asked = tokio::time::timeout(LOOK, self.engine.exec_exit_code(&exec.id)).await;
                    match asked {
                        Ok(Ok(Some(code))) => exited = Some((code, Instant::now() + DRAIN)),
                        Ok(Err(crate::engine::Error::NotFound(_))) => return Err(self.gone(command, None).await),
                        _ => {}
                    }
                }
            }
        }
        if let Some(end) = reason {
            return Ok(end);
        }
        let code = self.exit_code(command, &exec.id).await?;
        if code == KILLED {
            self.explain_kill(command.container, command.title).await;
        }
        Ok(End::Exited(code))
    }

    async fn start(&self, command: &Command<'_>) -> Result<crate::engine::Exec> {
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
            Err(err @ (crate::engine::Error::Conflict(_) | crate::engine::Error::NotFound(_))) => {
                Err(self.gone(command, Some(err)).await)
            }
            Err(err) => Err(err.into()),
        }
    }

    /// The exit code of a script whose streams have ended.
    async fn exit_code(&self, command: &Command<'_>, exec: &str) -> Result<i64> {
        let mut pause = Duration::from_millis(2);
        for _ in 0..200 {
            match self.engine.exec_exit_code(exec).await {
                Ok(Some(code)) => {
                    // A container that is killed takes its commands along, and they seem to end with 137,
                    // or with 126 when they were about to start.
                    if matches!(code, 126 | 137) && !self.is_alive(command.container).await {
                        return Err(self.gone(command, None).await);
                    }
                    return Ok(code);
                }
                Ok(None) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Err(err) => return Err(self.gone(command, Some(err)).await),
            }
        }
        Err(self.gone(command, None).await)
    }

    /// Whether commands can still be run in a container. The engine says that it is running for a moment after
    /// its first process was killed, and everything else in it with that.
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

    /// What to say when a container is not there any more, or is there and the engine has another trouble.
    async fn gone(&self, command: &Command<'_>, err: Option<crate::engine::Error>) -> Error {
        if let Some(err) = err
            && self.is_alive(command.container).await
        {
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

    /// Ends everything that a run started, within the grace period or by force. What cannot be ended otherwise goes
    /// with its container.
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
            // What stops it has the container's variables; nothing else is to be led astray by them.
            variables: match command.stop {
                Some(_) if !grace.is_zero() => BTreeMap::new(),
                _ => undeceived(),
            },
            ..ExecSpec::default()
        };
        let exec = match self.engine.exec(command.container, &spec).await {
            Ok(exec) => exec,
            // Nothing of it is left in a container that does not run.
            Err(_) if !self.is_running(command.container).await? => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        let mut output = exec.output;
        let drain = async {
            while let Some(Ok(piece)) = output.next().await {
                self.emit(Event::StepOutput {
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
        match self.engine.exec_exit_code(&exec.id).await {
            // That was with the container's variables.
            Ok(Some(0)) if command.stop.is_some() && !grace.is_zero() => {
                Box::pin(self.end(command, Duration::ZERO)).await
            }
            Ok(Some(0) | None) => Ok(()),
            Ok(Some(_)) => {
                if self.is_running(command.container).await? {
                    Err(self.end_container(command).await)
                } else {
                    Ok(())
                }
            }
            Err(crate::engine::Error::NotFound(_)) => Ok(()),
            Err(err) => Err(err.into()),
        }
    }

    /// Removes the container in which processes do not end one by one. The next command makes it again.
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

/// Variables for a script that looks for processes: without those by which an app has libraries of its own loaded into
/// each program. They would count before such a script can take them away.
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

/// Waits for a cancellation that is under way; for ever where there is none.
async fn ended(cancel: &mut Option<Cancel<'_>>) -> Result<()> {
    match cancel {
        Some(cancel) => cancel.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A command with its arguments, run in the app's root after `.environment`, as a shell on Upsun is.
pub fn shell_command(mark: Mark, words: &[String]) -> Vec<String> {
    let script = "ulimit -w \"$1\"\nshift\ncd /app || exit 1\nif [ -r ./.environment ]; then . ./.environment >&2; fi\nexec \"$@\"";
    // Under its own name, what the shell says of a missing command does not look like a fault of this program.
    let mut command = ["/bin/dash", "-c", script, "/bin/dash", &mark.to_string()]
        .map(str::to_owned)
        .to_vec();
    command.extend(words.iter().cloned());
    command
}

/// A script as arguments that the kernel takes; the script that runs them puts them together again.
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
