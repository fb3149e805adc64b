//! `watch`: repeats a command whenever the files that it depends on have changed.

mod turn;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;
use upsun_local::text;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::turn::{Turn, Work};
use super::context::Context;
use super::opened::root;
use upsun_local::failure::Failure;
use upsun_local::project::Project;
use upsun_local::shutdown::{Shutdown, Urgency};
use upsun_local::watch::{Scope, Watch};
use upsun_local::workspace::operations;
use upsun_local::workspace::settings;

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(
    override_usage = "upsun-local watch [OPERATION] [OPTIONS of run]\n       upsun-local watch --test [TEXT] [OPTIONS of test]"
)]
pub(super) struct Arguments {
    /// Rerun the operation tests whose names contain the text, or all tests
    #[arg(long)]
    test: bool,
    /// Operation to rerun, with options of `run` such as `--role viewer`; without one, rerun the check of the
    /// configuration
    #[arg(
        value_name = "OPERATION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    rest: Vec<OsString>,
}

/// Watches until Ctrl-C.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let work = match Work::of(&context.global, &arguments) {
        Ok(work) => work,
        Err(err) => return Ok(super::refuse(&err)),
    };
    // Options that every command takes may stand before `watch` or after it.
    let outer = context;
    let context = &outer.with_options(work.global.clone());
    let root = root(context)?;
    let root = std::fs::canonicalize(&root)
        .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
    if let Scope::Operation(name) = &work.scope {
        refuse_commands(&root, name)?;
    }
    // Each turn reports settings that cannot be read, and the user may correct them while `watch` runs.
    let named = settings::of(&root, &context.surroundings)
        .ok()
        .and_then(|settings| settings.project);
    let cache = Project::of(&root, named.as_deref(), &context.surroundings.home)
        .map(|project| project.state_dir)
        .or_else(|_| {
            context
                .surroundings
                .home
                .state_dir()
                .map(|state| state.path)
        })
        .map_err(|err| Failure::no_state(&err))?;
    let shutdown = context.shutdown()?;
    outer.heed(&shutdown);
    let (at, scope) = (root.clone(), work.scope.clone());
    let mut watch = Watch::start(
        &root,
        &cache,
        Box::new(move |settings, tree| scope.fingerprint(&at, settings, tree)),
    )?;
    refuse_own_output(&root, &watch)?;
    if let Some((warning, hint)) = watch.warning() {
        warn(context, warning, hint);
    }
    let mut before = None;
    loop {
        clear(context, before.as_deref());
        let began = Instant::now();
        let mut turn = Turn::start(context, &work)?;
        let ended = tokio::select! {
            // The turn may end by the same Ctrl-C, so check for the signal first.
            biased;
            () = shutdown.reached(Urgency::Cancel) => return Ok(stop(&shutdown, turn).await),
            code = turn.ended() => Some(code),
            () = changed(context, &mut watch) => None,
        };
        if let Some(code) = ended {
            let result = result(&work.title, code, began);
            if !context.global.quiet {
                let files = text::count(watch.files(), "file");
                context.talk(&format!("{result}; watching {files}, until Ctrl-C\n"));
            }
            before = Some(result);
            tokio::select! {
                () = changed(context, &mut watch) => {}
                () = shutdown.reached(Urgency::Cancel) => {
                    return Ok(shutdown.exit_code().unwrap_or(130));
                }
            }
        } else {
            // The turn works on files that have changed since, so it is to end.
            turn.change();
            tokio::select! {
                _ = turn.ended() => {}
                () = shutdown.reached(Urgency::Cancel) => return Ok(stop(&shutdown, turn).await),
            }
        }
    }
}

/// Refuses standard output in a watched file: with `watch > inside-of-it.log`, each turn would cause the next one.
fn refuse_own_output(root: &Path, watch: &Watch) -> Result<(), Failure> {
    let is_deployed = |number: u32| {
        let path = std::fs::canonicalize(format!("/dev/fd/{number}")).ok()?;
        let path = path.strip_prefix(root).ok()?.to_string_lossy().into_owned();
        watch.has(&path).then_some(path)
    };
    match [1, 2].into_iter().find_map(is_deployed) {
        None => Ok(()),
        Some(path) => Err(Failure::usage(format!(
            "the output goes to `{path}`, which Git would deploy: each line would start a turn"
        ))
        .hint("write it outside of the repository, or have Git ignore it")),
    }
}

/// Refuses `test` and `check`, unless the app has an operation of that name: `watch` repeats them in another way.
fn refuse_commands(root: &Path, name: &str) -> Result<(), Failure> {
    let hint = match name {
        "test" => "did you mean `watch --test`?",
        "check" => "did you mean `watch` alone?",
        _ => return Ok(()),
    };
    let Some(config) = upsun_local::config::load_errors(root).config else {
        return Ok(());
    };
    let mut all = config.apps.values().flat_map(operations);
    if all.any(|(_, _, operation)| operation.name == name) {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no operation `{name}`")).hint(hint))
}

fn warn(context: &Context, message: &str, hint: &str) {
    context.talk(&format!(
        "{}: {message}\n\n{}: {hint}\n",
        context.style.warning("warning"),
        context.style.hint("hint"),
    ));
}

/// Waits until a watched file has changed. While the repository cannot be read, the wait goes on.
async fn changed(context: &Context, watch: &mut Watch) {
    while let Err(err) = watch.changed().await {
        let message = text::safe(&err.to_string());
        let hint = "checking again every second; press Ctrl-C to stop";
        warn(context, &message, hint);
    }
}

/// Ends the turn that runs, and passes each further signal on to it.
async fn stop(shutdown: &Shutdown, mut turn: Turn) -> u8 {
    let code = shutdown.exit_code().unwrap_or(130);
    let mut wishes = [Urgency::Cancel, Urgency::Kill, Urgency::Leave].into_iter();
    let mut next = wishes.next();
    while let Some(urgency) = next {
        tokio::select! {
            _ = turn.ended() => return code,
            () = shutdown.reached(urgency) => {
                turn.press(code.saturating_sub(128));
                next = wishes.next();
            }
        }
    }
    turn.leave().await;
    code
}

/// Begins a turn at the top of the screen, if standard error is a terminal, below the result of the turn before. The
/// earlier text stays in the terminal's scroll-back.
fn clear(context: &Context, before: Option<&str>) {
    if !std::io::stderr().is_terminal() || !std::io::stdout().is_terminal() {
        return;
    }
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let rows = size.map_or(0, |size| usize::from(size.ws_row));
    context.talk_as_it_is(&format!("{}\x1b[H\x1b[2J", "\n".repeat(rows)));
    if let Some(before) = before.filter(|_| !context.global.quiet) {
        let before = format!("before: {before}");
        context.talk(&format!("{}\n", context.style.faint(before)));
    }
}

/// The result of a turn as one line.
fn result(title: &str, code: u8, began: Instant) -> String {
    let result = match code {
        0 => "succeeded".to_owned(),
        code => format!("ended with code {code}"),
    };
    let took = text::duration(began.elapsed());
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    format!(
        "`{title}` {result} after {took}, at {}",
        now.strftime("%H:%M:%S")
    )
}
