//! What runs on the fake: containers' first processes, execs, and their output on its way.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::process::{Living, Process, Program, Sink, run};
use super::{FakeEngine, Fault, Store, locked};
use crate::engine::spec::{ExecSpec, LogRange};
use crate::engine::{Error, Exec, ExitCode, OutputStream, Result};
use crate::output::Output;

/// How many pieces of output may wait for their reader, as in a pipe.
pub(super) const PIPE: usize = 16;

/// How often a log that is followed is looked at.
const FOLLOW: Duration = Duration::from_millis(100);

impl FakeEngine {
    fn find_program(&self, command: &[String]) -> Option<Program> {
        let programs = locked(&self.programs);
        let found = programs.iter().rev().find(|(matches, _)| matches(command));
        found.map(|(_, program)| program.clone())
    }

    fn launch(&self, process: Process) -> Pin<Box<dyn Future<Output = i64> + Send>> {
        match self.find_program(process.command()) {
            Some(program) => program(process),
            None => Box::pin(missing(process)),
        }
    }

    pub(super) fn start(&self, id: &str) -> Result<()> {
        let mut store = self.store();
        let Some((living, number)) = store.start_container(id)? else {
            return Ok(());
        };
        let id = store.find(id).unwrap_or_default();
        drop(store);
        let process = Process {
            living: living.clone(),
            store: self.store.clone(),
            container: id.clone(),
            sink: Sink::Log,
            input: None,
        };
        let program = self.launch(process);
        let store = self.store.clone();
        tokio::spawn(async move {
            let code = run(living, program).await;
            locked(&store).container_ended(&id, number, code);
        });
        Ok(())
    }

    pub(super) async fn stop(&self, id: &str) -> Result<()> {
        let Some((first, grace)) = self.store().first_process(id) else {
            return Ok(());
        };
        first.terminate();
        if tokio::time::timeout(grace, first.ended()).await.is_err() {
            first.kill();
            first.ended().await;
        }
        // What the end of its first process brings along has happened when this returns.
        while self
            .store()
            .container_state(id)
            .is_some_and(|state| state.running)
        {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    pub(super) fn start_exec(
        &self,
        container: &str,
        spec: &ExecSpec,
    ) -> Result<(Exec, mpsc::Sender<Result<Output>>)> {
        let (id, container, living) = self.store().create_exec(container, spec)?;
        let (sender, receiver) = mpsc::channel(PIPE);
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let process = Process {
            living: living.clone(),
            store: self.store.clone(),
            container,
            sink: Sink::Stream(sender.clone()),
            input: spec.stdin.then_some(theirs),
        };
        tokio::spawn(run(living.clone(), self.launch(process)));
        let exec = Exec {
            exit: self.exit(&id, living),
            id,
            output: self.listen(receiver),
            input: Box::pin(ours),
        };
        Ok((exec, sender))
    }

    /// The exit code of a command, once it has ended.
    fn exit(&self, exec: &str, living: Arc<Living>) -> ExitCode {
        let (store, tape, hung) = (self.store.clone(), self.tape.clone(), self.hung.clone());
        let (gone, exec) = (self.gone.clone(), exec.to_owned());
        Box::pin(async move {
            let lost = || Error::Lost("connection refused".to_owned());
            let mut left = gone.subscribe();
            let code = tokio::select! {
                biased;
                _ = left.wait_for(|gone| *gone) => return Err(lost()),
                code = living.ended() => code,
            };
            // Others may run in between, as they do while an answer is on its way.
            tokio::task::yield_now().await;
            let fault = locked(&tape).record("exit_code", &exec);
            match fault {
                None | Some(Fault::Cut(_)) => locked(&store).exec_ended(&exec, code),
                Some(Fault::Refuse(error) | Fault::LoseAnswer(error)) => Err(error()),
                Some(Fault::Hang | Fault::HangAfter) => {
                    hung.notify_one();
                    std::future::pending().await
                }
                Some(Fault::Gone) => {
                    gone.send_replace(true);
                    Err(lost())
                }
            }
        })
    }

    /// What arrives, until the engine is gone.
    pub(super) fn listen(&self, mut receiver: mpsc::Receiver<Result<Output>>) -> OutputStream {
        let mut gone = self.gone.subscribe();
        let mut lost = Box::pin(async move { gone.wait_for(|gone| *gone).await.map(drop) });
        let mut broken = false;
        Box::pin(futures_util::stream::poll_fn(move |context| {
            use std::task::Poll;
            if broken {
                return Poll::Ready(None);
            }
            if let Poll::Ready(Ok(())) = lost.as_mut().poll(context) {
                broken = true;
                let reason = "unexpected end of file".to_owned();
                return Poll::Ready(Some(Err(Error::Lost(reason))));
            }
            receiver.poll_recv(context)
        }))
    }

    /// Sends the asked part of a container's log from a task of its own.
    pub(super) fn send_log(&self, id: &str, range: LogRange, sender: mpsc::Sender<Result<Output>>) {
        let (store, id) = (self.store.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(err) = send_log(&store, &id, range, &sender).await {
                // Nobody is left to hear it.
                let _ = sender.send(Err(err)).await;
            }
        });
    }
}

/// Sends the asked part of a container's log, a line at a time, without what is not there yet unless it
/// is followed.
async fn send_log(
    store: &Mutex<Store>,
    id: &str,
    range: LogRange,
    sender: &mpsc::Sender<Result<Output>>,
) -> Result<()> {
    let (pieces, mut more) = locked(store).log(id, 0)?;
    let mut seen = pieces.len();
    let skipped = range.tail.map_or(0, |lines| {
        pieces
            .len()
            .saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX))
    });
    for piece in pieces.into_iter().skip(skipped) {
        if sender.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
    while range.follow && more {
        tokio::time::sleep(FOLLOW).await;
        // A container that is removed ends its log.
        let Ok((pieces, running)) = locked(store).log(id, seen) else {
            break;
        };
        more = running;
        seen += pieces.len();
        for piece in pieces {
            if sender.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What becomes of a command that no image has. A container's first process has a parent that says so; for
/// the others, the engine does.
async fn missing(process: Process) -> i64 {
    let name = process.command().first().cloned().unwrap_or_default();
    if matches!(process.sink, Sink::Log) {
        let text = format!("exec {name} failed: No such file or directory\n");
        process.complain(text).await;
        return 127;
    }
    let text = format!(
        "OCI runtime exec failed: exec failed: \"{name}\": executable file not found in $PATH: unknown\r\n"
    );
    process.print(text).await;
    126
}
