//! `exec`: a command or a shell in an app's container, where `access.ssh` lets the role.

mod terminal;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::Arc;

use clap::Args;

use self::terminal::{Conversation, Outlet};
use super::context::{Context, Hearing};
use super::mount::snapshots::tell_not_undone;
use super::opened::open;
use super::options::{Acting, Target};
use upsun_local::actions::Actions;
use upsun_local::actions::advice::{self, Place};
use upsun_local::config::app::{App, Worker};
use upsun_local::engine::Engine;
use upsun_local::engine::spec::ExecSpec;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::{Mark, shell_command};
use upsun_local::workspace::Workspace;
use upsun_local::workspace::permission::permit;

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// Use the app as it is edited, beside `upsun-local dev`, not a clean build
    #[arg(long)]
    synced: bool,
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
    /// Whether it runs in the app as it is edited.
    pub(super) synced: bool,
    /// Where its standard output goes instead of to this process's.
    pub(super) into: Option<File>,
}

impl Invocation {
    /// Whether the user types what the command reads, and reads what it prints.
    fn is_on_terminal(&self) -> bool {
        self.into.is_none() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }
}

/// Runs it and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let invocation = Invocation {
        command: arguments.command,
        synced: arguments.synced,
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
    refuse(workspace, arguments, &invocation, app, worker)?;
    let (actions, listening) = context.actions(workspace, Hearing::default()).await?;
    let id = match container(&actions, app, worker, invocation.synced).await {
        Ok(id) => id,
        Err(failure) => {
            listening.finish(actions);
            return Err(failure);
        }
    };
    let (engine, shutdown) = (Arc::clone(&actions.engine), actions.shutdown.clone());
    let maskers = context.maskers(workspace, arguments.mask);
    // What is typed comes back from a terminal piece by piece, and would be held.
    let interactive = invocation.is_on_terminal() && !arguments.mask;
    let is_command = !invocation.command.is_empty();
    let words = invocation.command.join(" ");
    let mark = Mark::of_shell();
    let spec = spec(
        context,
        invocation.command,
        invocation.variables,
        interactive,
        mark,
    );
    let sandbox = actions.sandbox();
    // What a test changes while it runs is put back by it.
    if !sandbox.is_busy() {
        tell_not_undone(context, workspace);
    }
    listening.settled().await;
    let exec = engine.exec(&id, &spec).await?;
    let outlet = Outlet {
        maskers,
        into: invocation.into,
    };
    let mut conversation = Conversation::begin(engine.as_ref(), exec, interactive, outlet);
    if let Some(failure) = conversation.hear(&shutdown).await? {
        // The command is ended, because its caller no longer waits for it. Its output is still read, because the
        // engine reports no exit while it cannot deliver output.
        let ended = sandbox.end_run(&id, &app.name, mark);
        let (ended, ()) = tokio::join!(ended, conversation.discard());
        ended.map_err(|err| Failure::of(err, &shutdown))?;
        return Err(failure);
    }
    let Conversation {
        exit, raw, tail, ..
    } = conversation;
    let code = sandbox.ended(exit).await;
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
    say_edited(context, invocation.synced && is_command);
    Ok(u8::try_from(code).unwrap_or(255))
}

/// The id of the container, as it is deployed or as it is edited.
async fn container<E: Engine>(
    actions: &Actions<E>,
    app: &App,
    worker: Option<&Worker>,
    synced: bool,
) -> Result<String, Failure> {
    let worker = worker.map(|worker| worker.name.as_str());
    if synced {
        actions.synced_container(app, worker).await
    } else {
        actions.ensure_up(app, worker).await
    }
}

fn say_edited(context: &Context, synced: bool) {
    if synced && !context.global.quiet {
        context.talk("That ran in the app as edited, not in a clean build\n");
    }
}

/// Refuses what the role may not do, and what cannot be done.
fn refuse(
    workspace: &Workspace,
    arguments: &Access,
    invocation: &Invocation,
    app: &App,
    worker: Option<&Worker>,
) -> Result<(), Failure> {
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
    Ok(())
}

/// What the engine is to run.
fn spec(
    context: &Context,
    command: Vec<String>,
    mut variables: BTreeMap<String, String>,
    interactive: bool,
    mark: Mark,
) -> ExecSpec {
    let shell = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let command: Vec<String> = match command.as_slice() {
        [] => shell(&["/bin/bash"]),
        // Like `ssh`: a command in one word goes to a shell.
        [script] if script.contains(char::is_whitespace) => shell(&["/bin/bash", "-c", script]),
        _ => command,
    };
    if interactive {
        variables.extend(
            context
                .variable("TERM")
                .map(|term| ("TERM".to_owned(), term)),
        );
    }
    ExecSpec {
        command: shell_command(mark, &command),
        terminal: interactive,
        stdin: true,
        variables,
        ..ExecSpec::default()
    }
}
