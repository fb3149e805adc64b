//! `exec`: a command or a shell in an app's container, where `access.ssh` lets the role.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::sync::Arc;

use clap::Args;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::context::{Context, Hearing};
use super::mount::snapshots::tell_not_undone;
use super::opened::open;
use super::options::{Acting, Target};
use upsun_local::actions::advice::{self, Place};
use upsun_local::engine::Engine;
use upsun_local::engine::spec::ExecSpec;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::{Mark, Tail, shell_command};
use upsun_local::output::Output;
use upsun_local::workspace::Workspace;
use upsun_local::workspace::permission::permit;

/// How long to read what a command still prints that is being ended.
const DISCARD: std::time::Duration = std::time::Duration::from_secs(5);

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// Command to run; without one, open a shell
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// The container that a command runs in, and the role that it runs under.
#[derive(Debug, Args)]
pub(super) struct Access {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    acting: Acting,
    /// Hide the values of sensitive variables in the output too; the command then has no terminal
    #[arg(long)]
    mask: bool,
}

/// What runs in the container.
#[derive(Debug, Default)]
pub(super) struct Invocation {
    /// The command; empty for a shell.
    pub(super) command: Vec<String>,
    /// Variables beside those of the container.
    pub(super) variables: BTreeMap<String, String>,
    /// Where its standard output goes instead of to this process's.
    pub(super) into: Option<File>,
}

/// Runs it and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let invocation = Invocation {
        command: arguments.command,
        ..Invocation::default()
    };
    invoke(context, &workspace, &arguments.access, invocation).await
}

/// Runs a command in a container that is brought up for it where it has to be, and returns its exit code.
pub(super) async fn invoke(
    context: &Context,
    workspace: &Arc<Workspace>,
    arguments: &Access,
    invocation: Invocation,
) -> Result<u8, Failure> {
    let (app, worker) = workspace.target(&arguments.target.named())?;
    let actor = arguments.acting.actor(workspace)?;
    let needed = worker.map_or(app.ssh, |worker| worker.ssh);
    permit(&actor, needed, &format!("open a shell on `{}`", app.name)).map_err(|err| {
        err.hint(format!(
            "try `--role {needed}`; `access.ssh` of the app decides"
        ))
    })?;
    if arguments.mask && invocation.command.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "`--mask` needs a command: a shell on a terminal cannot be masked",
        )
        .hint("upsun-local exec --mask -- env"));
    }
    let worker_name = worker.map(|worker| worker.name.as_str());
    let (actions, listening) = context.actions(workspace, Hearing::default()).await?;
    let id = match actions.ensure_up(app, worker_name).await {
        Ok(id) => id,
        Err(failure) => {
            listening.finish(actions);
            return Err(failure);
        }
    };
    let (engine, shutdown) = (Arc::clone(&actions.engine), actions.shutdown.clone());
    let mut maskers = context.maskers(workspace, arguments.mask);
    let into = invocation.into;
    let terminal =
        into.is_none() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // What is typed comes back from a terminal piece by piece, and would be held.
    let interactive = terminal && !arguments.mask;
    let shell = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let is_command = !invocation.command.is_empty();
    let words = invocation.command.join(" ");
    let command: Vec<String> = match invocation.command.as_slice() {
        [] => shell(&["/bin/bash"]),
        // Like `ssh`: a command in one word goes to a shell.
        [script] if script.contains(char::is_whitespace) => shell(&["/bin/bash", "-c", script]),
        _ => invocation.command,
    };
    let mark = Mark::of_shell();
    let mut variables = invocation.variables;
    if interactive {
        variables.extend(
            context
                .variable("TERM")
                .map(|term| ("TERM".to_owned(), term)),
        );
    }
    let spec = ExecSpec {
        command: shell_command(mark, &command),
        terminal: interactive,
        stdin: true,
        variables,
        ..ExecSpec::default()
    };
    let sandbox = actions.sandbox();
    // What a test changes while it runs is put back by it.
    if !sandbox.is_busy() {
        tell_not_undone(context, workspace);
    }
    let exec = engine.exec(&id, &spec).await?;
    let raw = if interactive { RawMode::enter() } else { None };
    let mut input = exec.input;
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
    let mut output = exec.output;
    let mut resized = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())
        .map_err(|err| Failure::fault(format!("signals cannot be caught: {err}")))?;
    if interactive {
        resize(engine.as_ref(), &exec.id).await;
    }
    let mut tail = Tail::default();
    let unheard = loop {
        tokio::select! {
            piece = output.next() => match piece {
                None => break maskers.finish(|piece| write(piece, into.as_ref())).err(),
                Some(piece) => {
                    let piece = piece?;
                    tail.push(piece.bytes());
                    if let Err(failure) = write(&maskers.push(piece), into.as_ref()) {
                        break Some(failure);
                    }
                }
            },
            _ = resized.recv(), if interactive => resize(engine.as_ref(), &exec.id).await,
            () = shutdown.reached(upsun_local::shutdown::Urgency::Cancel) => {
                break Some(Failure::silent(shutdown.exit_code().unwrap_or(130)));
            }
        }
    };
    if let Some(failure) = unheard {
        // The command is ended, because its caller no longer waits for it. Its output is still read, because the
        // engine reports no exit while it cannot deliver output.
        let discard = async { while output.next().await.is_some() {} };
        let ended = sandbox.end_run(&id, &app.name, mark);
        let (ended, ()) = tokio::join!(ended, async {
            let _ = tokio::time::timeout(DISCARD, discard).await;
        });
        ended.map_err(|err| Failure::of(err, &shutdown))?;
        return Err(failure);
    }
    let code = sandbox.ended(exec.exit).await;
    let code = code.map_err(|err| Failure::of(err, &shutdown))?;
    drop(raw);
    // A shell ends with the code of its last command, and that has been seen already.
    if is_command {
        let place = Place {
            app,
            worker,
            container: &id,
        };
        advice::tell(
            &sandbox,
            workspace,
            place,
            "the command",
            &words,
            code,
            &tail,
        )
        .await;
    }
    listening.finish(actions);
    Ok(u8::try_from(code).unwrap_or(255))
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
struct RawMode(rustix::termios::Termios);

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
