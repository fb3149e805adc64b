//! What goes between this process and a command in a container: what is typed, what is printed, and the size of the
//! terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::pin::Pin;

use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::super::masking::Maskers;
use upsun_local::engine::{Engine, Exec, ExitCode, OutputStream};
use upsun_local::failure::Failure;
use upsun_local::lifecycle::Tail;
use upsun_local::output::Output;
use upsun_local::shutdown::{Shutdown, Urgency};

/// How long to read what a command still prints that is being ended.
const DISCARD: std::time::Duration = std::time::Duration::from_secs(5);

/// Where what a command prints goes.
pub(super) struct Outlet {
    /// Hides what must not be shown.
    pub(super) maskers: Maskers,
    /// Takes its standard output instead of this process's.
    pub(super) into: Option<File>,
}

impl Outlet {
    fn write(&mut self, piece: Output) -> Result<(), Failure> {
        write(&self.maskers.push(piece), self.into.as_ref())
    }

    /// Writes what was held; nothing more comes.
    fn finish(&mut self) -> Result<(), Failure> {
        self.maskers
            .finish(|piece| write(piece, self.into.as_ref()))
    }
}

/// A command that runs in a container, on this process's terminal or beside it.
pub(super) struct Conversation<'a, E> {
    engine: &'a E,
    /// The engine's id of the command.
    id: String,
    output: OutputStream,
    outlet: Outlet,
    /// Whether the command has this process's terminal.
    interactive: bool,
    /// Gives the terminal back when it is dropped.
    pub(super) raw: Option<RawMode>,
    /// The end of what the command printed.
    pub(super) tail: Tail,
    /// The command's exit code.
    pub(super) exit: ExitCode,
}

impl<'a, E: Engine> Conversation<'a, E> {
    /// Passes what is typed on from now on.
    pub(super) fn begin(engine: &'a E, exec: Exec, interactive: bool, outlet: Outlet) -> Self {
        let raw = if interactive { RawMode::enter() } else { None };
        pass_input_on(exec.input);
        Conversation {
            engine,
            id: exec.id,
            output: exec.output,
            outlet,
            interactive,
            raw,
            tail: Tail::default(),
            exit: exec.exit,
        }
    }

    /// Passes on what the command prints until it has ended. Returns why, where that is not heard to its end.
    pub(super) async fn hear(&mut self, shutdown: &Shutdown) -> Result<Option<Failure>, Failure> {
        let mut resized = signal(SignalKind::window_change())
            .map_err(|err| Failure::fault(format!("signals cannot be caught: {err}")))?;
        if self.interactive {
            resize(self.engine, &self.id).await;
        }
        loop {
            tokio::select! {
                piece = self.output.next() => match piece {
                    None => return Ok(self.outlet.finish().err()),
                    Some(piece) => {
                        let piece = piece?;
                        self.tail.push(piece.bytes());
                        if let Err(failure) = self.outlet.write(piece) {
                            return Ok(Some(failure));
                        }
                    }
                },
                _ = resized.recv(), if self.interactive => resize(self.engine, &self.id).await,
                () = shutdown.reached(Urgency::Cancel) => {
                    return Ok(Some(Failure::silent(shutdown.exit_code().unwrap_or(130))));
                }
            }
        }
    }

    /// Reads on what a command prints that is being ended, because the engine tells no end of anything while it cannot
    /// get rid of that.
    pub(super) async fn discard(&mut self) {
        let discard = async { while self.output.next().await.is_some() {} };
        let _ = tokio::time::timeout(DISCARD, discard).await;
    }
}

/// Passes everything that this process reads on to the command, for as long as it reads.
fn pass_input_on(mut input: Pin<Box<dyn AsyncWrite + Send>>) {
    let (keys, mut typed) = tokio::sync::mpsc::channel::<Vec<u8>>(8);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            if keys.blocking_send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(bytes) = typed.recv().await {
            if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
                return;
            }
        }
        let _ = input.shutdown().await;
    });
}

fn write(piece: &Output, into: Option<&File>) -> Result<(), Failure> {
    let written = match (piece, into) {
        (Output::Stdout(bytes), Some(mut file)) => {
            return file
                .write_all(bytes)
                .map_err(|err| Failure::fault(format!("the file cannot be written: {err}")));
        }
        (Output::Stdout(bytes), None) => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        (Output::Stderr(bytes), _) => std::io::stderr().lock().write_all(bytes),
    };
    written.map_err(|err| Failure::unwritten(&err))
}

async fn resize(engine: &impl Engine, exec: &str) {
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout()) {
        // The command may have ended in between; then its size does not matter.
        let _ = engine.resize_exec(exec, size.ws_col, size.ws_row).await;
    }
}

/// The terminal passes every key on until this is dropped.
pub(super) struct RawMode(rustix::termios::Termios);

impl RawMode {
    fn enter() -> Option<Self> {
        let before = rustix::termios::tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(
            std::io::stdin(),
            rustix::termios::OptionalActions::Now,
            &raw,
        )
        .ok()?;
        Some(RawMode(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(
            std::io::stdin(),
            rustix::termios::OptionalActions::Now,
            &self.0,
        );
    }
}
