//! Commands in running containers. Docker's API does not announce the end of a command, so the command has to be
//! inspected repeatedly.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as Bollard;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;

use super::containers::output;
use super::{CHANGE, DockerEngine, LOOK, trace};
use crate::engine::spec::ExecSpec;
use crate::engine::{Error, Exec, Result};

/// How many bytes of a command's output may wait in memory: a few of the engine's own frames.
const OUTPUT_BUFFER: usize = 256 * 1024;

/// The pause between two inspections of a command while its output is open.
const PAUSE: Duration = Duration::from_millis(500);

/// The first pause between two inspections after the output has ended. The engine knows of the end of the output a
/// little before the end of the command. Each pause is twice as long as the one before,
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// up to this one, because a command may close its output and go on.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// After this many pauses, the container is inspected too.
const LOOKS: u32 = 20;

type Stdout = Pin<Box<dyn Stream<Item = Result<LogOutput, Bollard>> + Send>>;
type Stdin = Pin<Box<dyn AsyncWrite + Send>>;

impl DockerEngine {
    pub(super) async fn start_command(&self, container: &str, spec: &ExecSpec) -> Result<Exec> {
        let (id, stream, input) = self.attach(container, spec).await?;
        let (open, closed) = oneshot::channel();
        let (engine, container, exec) = (self.clone(), container.to_owned(), id.clone());
        let exit = async move {
            let exit = engine.exit_code(&container, &exec, closed);
            trace::told("exit_code", &container, exit).await
        };
        Ok(Exec {
            id,
            output: Box::pin(until_closed(stream.map(output), open)),
            input,
            exit: Box::pin(exit),
        })
    }

    /// Starts a command. Returns its id, its output and its input.
    async fn attach(&self, container: &str, spec: &ExecSpec) -> Result<(String, Stdout, Stdin)> {
        let options = CreateExecOptions {
            attach_stdin: Some(spec.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.terminal),
            env: Some(
                spec.variables
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            cmd: Some(spec.command.clone()),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
            ..CreateExecOptions::default()
        };
        let id = self.docker.create_exec(container, options).await?.id;
        let start = StartExecOptions {
            detach: false,
            tty: spec.terminal,
            output_capacity: Some(OUTPUT_BUFFER),
        };
        match self.docker.start_exec(&id, Some(start)).await? {
            StartExecResults::Attached { output, input } => Ok((id, output, input)),
            StartExecResults::Detached => {
                Err(Error::Other("the command was started detached".to_owned()))
            }
        }
    }

    /// The exit code of a command. `closed` resolves when the command's output has ended.
    async fn exit_code(
        &self,
        container: &str,
        exec: &str,
        closed: oneshot::Receiver<()>,
    ) -> Result<i64> {
        let look = || {
            let answer = self.look_at_command(exec);
            self.patience.within("look at a command", LOOK, answer)
        };
        let code = wait(look, || self.runs(container), closed).await?;
        // When a container is killed, its commands seem to end with 137, or with 126 if they were about to start. For
        // a moment after the end of its first process, the engine still reports the container as running.
        if matches!(code, 126 | 137) && !self.takes_commands(container).await {
            return Err(Error::ContainerEnded);
        }
        Ok(code)
    }

    async fn look_at_command(&self, exec: &str) -> Result<Option<i64>> {
        let found = self.docker.inspect_exec(exec).await?;
        Ok(if found.running.unwrap_or_default() {
            None
        } else {
            found.exit_code
        })
    }

    async fn runs(&self, container: &str) -> Result<bool> {
        let answer = self.state(container);
        let state = self.patience.within("look at a container", LOOK, answer);
        Ok(state.await?.is_some_and(|state| state.running))
    }

    /// Whether a container can run another command.
    async fn takes_commands(&self, container: &str) -> bool {
        let spec = ExecSpec {
            command: vec!["true".to_owned()],
            ..ExecSpec::default()
        };
        let succeeds = async {
            let (exec, mut stream, _) = self.attach(container, &spec).await?;
            while stream.next().await.transpose()?.is_some() {}
            loop {
                if let Some(code) = self.look_at_command(&exec).await? {
                    return Ok(code == 0);
                }
                tokio::time::sleep(FIRST_PAUSE).await;
            }
        };
        let succeeds = self
            .patience
            .within("run a command in a container", CHANGE, succeeds);
        matches!(succeeds.await, Ok(true))
    }

    pub(super) async fn resize(&self, exec: &str, width: u16, height: u16) -> Result<()> {
        Ok(self
            .docker
            .resize_exec(exec, ResizeExecOptions { width, height })
            .await?)
    }
}

/// Output that drops `open` when the output has ended, or when the reader drops it.
fn until_closed<T>(
    output: impl Stream<Item = T>,
    open: oneshot::Sender<()>,
) -> impl Stream<Item = T> {
    let mut open = Some(open);
    output.chain(futures_util::stream::poll_fn(move |_| {
        drop(open.take());
        Poll::Ready(None)
    }))
}

/// Inspects a command until it has ended: rarely while its output is open, and more often afterwards. `runs` says
/// whether the command's container runs.
async fn wait<Looked, Ran>(
    look: impl Fn() -> Looked,
    runs: impl Fn() -> Ran,
    mut closed: oneshot::Receiver<()>,
) -> Result<i64>
where
    Looked: Future<Output = Result<Option<i64>>>,
    Ran: Future<Output = Result<bool>>,
{
    loop {
        let looked = async {
            tokio::time::sleep(PAUSE).await;
            tokio::time::timeout(PAUSE, look()).await
        };
        tokio::select! {
            biased;
            _ = &mut closed => break,
            looked = looked => match looked {
                Ok(Ok(Some(code))) => return Ok(code),
                Ok(Err(err @ Error::NotFound(_))) => return Err(err),
                // An inspection that timed out is repeated. If the engine has gone, reading the output fails.
                _ => {}
            }
        }
    }
    let mut pause = FIRST_PAUSE;
    for count in 1.. {
        if let Some(code) = look().await? {
            return Ok(code);
        }
        // The engine may miss the end of a command that was caused by the end of its container.
        if count % LOOKS == 0 && !runs().await? {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(Error::ContainerEnded)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use tokio::time::Instant;

    use super::*;

    type Answer = fn() -> Result<Option<i64>>;

    const RUNNING: Answer = || Ok(None);
    const BUSY: Answer = || Err(Error::Other("busy".to_owned()));
    const GONE: Answer = || Err(Error::NotFound("no such exec".to_owned()));
    const ENDED: Answer = || Ok(Some(3));

    /// Answers one after another; the last one is given for ever.
    fn answers<const N: usize>(
        all: [Answer; N],
    ) -> impl Fn() -> std::future::Ready<Result<Option<i64>>> {
        let asked = Cell::new(0);
        move || {
            let nth = asked.replace(asked.get() + 1);
            ready(all[nth.min(N - 1)]())
        }
    }

    fn open() -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        oneshot::channel()
    }

    fn closed() -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_whose_output_stays_open_is_looked_at_now_and_then() {
        let (_open, closed) = open();
        let began = Instant::now();
        let code = wait(answers([RUNNING, BUSY, ENDED]), || ready(Ok(true)), closed).await;
        assert_eq!(code.unwrap(), 3);
        assert_eq!(began.elapsed(), 3 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_given_up() {
        let (_open, closed) = open();
        let asked = Cell::new(0);
        let look = || {
            let nth = asked.replace(asked.get() + 1);
            async move {
                if nth == 0 {
                    std::future::pending::<()>().await;
                }
                ENDED()
            }
        };
        let code = wait(look, || ready(Ok(true)), closed).await;
        assert_eq!(code.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_is_gone_is_not_waited_for() {
        let (_open, closed) = open();
        let err = wait(answers([RUNNING, GONE]), || ready(Ok(true)), closed).await;
        assert!(matches!(err, Err(Error::NotFound(_))), "{err:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_output_is_a_reason_to_look_at_once_and_often() {
        let began = Instant::now();
        let code = wait(
            answers([RUNNING, RUNNING, ENDED]),
            || ready(Ok(true)),
            closed(),
        )
        .await;
        assert_eq!(code.unwrap(), 3);
        assert_eq!(began.elapsed(), 3 * FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_output_has_ended_an_engine_that_refuses_is_believed() {
        let err = wait(answers([RUNNING, BUSY]), || ready(Ok(true)), closed()).await;
        assert!(matches!(err, Err(Error::Other(_))), "{err:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_closed_its_output_may_go_on_for_as_long_as_its_container() {
        let began = Instant::now();
        let look = || {
            let is_over = began.elapsed() > Duration::from_secs(3600);
            ready(if is_over { ENDED() } else { RUNNING() })
        };
        let code = wait(look, || ready(Ok(true)), closed()).await;
        assert_eq!(code.unwrap(), 3);
        let err = wait(answers([RUNNING]), || ready(Ok(false)), closed()).await;
        assert!(matches!(err, Err(Error::ContainerEnded)), "{err:?}");
    }

    #[tokio::test]
    async fn output_is_closed_when_it_has_ended_or_nobody_reads_it() {
        let (sender, mut closed) = open();
        let mut output = Box::pin(until_closed(futures_util::stream::iter([1]), sender));
        assert_eq!(output.next().await, Some(1));
        assert!(
            closed
                .try_recv()
                .is_err_and(|err| err == oneshot::error::TryRecvError::Empty)
        );
        assert_eq!(output.next().await, None);
        assert!(
            closed
                .try_recv()
                .is_err_and(|err| err == oneshot::error::TryRecvError::Closed)
        );

        let (sender, mut closed) = open();
        drop(until_closed(futures_util::stream::iter([1]), sender));
        assert!(
            closed
                .try_recv()
                .is_err_and(|err| err == oneshot::error::TryRecvError::Closed)
        );
    }
}
