//! `watch`: does something again whenever what it depends on has changed.

mod depends;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitStatus;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use self::depends::Scope;
use super::context::Context;
use super::failure::Failure;
use super::workspace::{root, settings};
use crate::project::Project;
use crate::reporter::style;
use crate::shutdown::{Shutdown, Urgency};
use crate::watch::Watch;

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The operation to run again; without one, the configuration is checked again
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
    /// Run the operation tests again: those whose names contain the text, or all
    #[arg(long)]
    test: bool,
    /// What else `run` takes, such as `--role viewer`, or `test`
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    rest: Vec<OsString>,
}

/// Watches until Ctrl-C.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let root = root(context)?;
    let root = std::fs::canonicalize(&root)
        .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
    // Settings that cannot be read are told with every turn, and may be mended while we watch.
    let named = settings(&root).ok().and_then(|settings| settings.project);
    let cache = Project::of(&root, named.as_deref(), &context.home)
        .map_or_else(|_| context.home.state_dir(), |project| project.state_dir);
    let shutdown = context.shutdown()?;
    let scope = match &arguments.operation {
        Some(name) if !arguments.test => Scope::Operation(name.clone()),
        _ => Scope::Everything,
    };
    let at = root.clone();
    let mut watch = Watch::start(
        &root,
        &cache,
        Box::new(move |settings, tree| scope.fingerprint(&at, settings, tree)),
    )?;
    if !watch.is_told() {
        context.talk(&format!(
            "{}: the kernel takes no more watches of directories: looking every second instead\n\n{}: raise `fs.inotify.max_user_watches`\n",
            context.style.warning("warning"),
            context.style.hint("hint"),
        ));
    }
    let words = words(&arguments);
    let title: Vec<String> = words
        .iter()
        .map(|word| style::safe(&word.to_string_lossy()))
        .collect();
    let title = title.join(" ");
    let mut before = None;
    loop {
        clear(context, before.as_deref());
        let began = Instant::now();
        let mut child = start(&words)?;
        let ended = tokio::select! {
            status = child.wait() => Some(status),
            changed = watch.changed() => {
                changed?;
                None
            }
            () = shutdown.reached(Urgency::Cancel) => {
                return Ok(stop(&shutdown, child).await);
            }
        };
        let Some(status) = ended else {
            // What it does is out of date: it ends as by a Ctrl-C.
            interrupt(&child);
            tokio::select! {
                _ = child.wait() => {}
                () = shutdown.reached(Urgency::Cancel) => return Ok(stop(&shutdown, child).await),
            }
            continue;
        };
        let status = status.map_err(|err| Failure::fault(err.to_string()))?;
        let result = result(&title, status, began);
        if !context.global.quiet {
            let files = style::count(watch.files(), "file");
            context.talk(&format!("{result}; watching {files}, until Ctrl-C\n"));
        }
        before = Some(result);
        tokio::select! {
            changed = watch.changed() => changed?,
            () = shutdown.reached(Urgency::Cancel) => {
                return Ok(shutdown.exit_code().unwrap_or(130));
            }
        }
    }
}

/// What is done again and again, as arguments of ours.
fn words(arguments: &Arguments) -> Vec<OsString> {
    let command = match &arguments.operation {
        _ if arguments.test => "test",
        Some(_) => "run",
        None => "check",
    };
    let mut words: Vec<OsString> = vec![command.into()];
    words.extend(arguments.operation.iter().map(Into::into));
    words.extend(arguments.rest.iter().cloned());
    words
}

/// Starts ourselves, with the options that came before `watch`.
fn start(words: &[OsString]) -> Result<Child, Failure> {
    let own: Vec<OsString> = std::env::args_os().collect();
    let at = super::upsun_names::position(&own);
    let program = std::env::current_exe()
        .map_err(|err| Failure::fault(format!("our own program cannot be found: {err}")))?;
    Command::new(program)
        .args(own.get(1..at).unwrap_or_default())
        .args(words)
        .stdin(std::process::Stdio::null())
        // A Ctrl-C comes to us, and from us to it: it would count two else.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|err| Failure::fault(format!("our own program cannot be started: {err}")))
}

fn interrupt(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::INT);
    }
}

/// Ends what runs, each Ctrl-C being passed on.
async fn stop(shutdown: &Shutdown, mut child: Child) -> u8 {
    let mut heard = Urgency::None;
    loop {
        let next = match heard {
            Urgency::None => Urgency::Cancel,
            Urgency::Cancel => Urgency::Kill,
            Urgency::Kill | Urgency::Leave => Urgency::Leave,
        };
        tokio::select! {
            _ = child.wait() => break,
            () = shutdown.reached(next), if heard < Urgency::Leave => {
                heard = shutdown.urgency();
                interrupt(&child);
            }
        }
    }
    shutdown.exit_code().unwrap_or(130)
}

/// A new turn begins at the top of the screen, where it is one, below how the last one ended.
fn clear(context: &Context, before: Option<&str>) {
    if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() {
        context.talk("\x1b[2J\x1b[3J\x1b[H");
        if let Some(before) = before.filter(|_| !context.global.quiet) {
            let before = format!("before: {before}");
            context.talk(&format!("{}\n", context.style.faint(before)));
        }
    }
}

/// How a turn ended, in a line.
fn result(title: &str, status: ExitStatus, began: Instant) -> String {
    let result = match status.code() {
        Some(0) => "succeeded".to_owned(),
        Some(code) => format!("ended with code {code}"),
        None => "was killed".to_owned(),
    };
    let took = style::duration(began.elapsed());
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    format!(
        "`{title}` {result} after {took}, at {}",
        now.strftime("%H:%M:%S")
    )
}
