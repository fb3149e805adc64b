//! `logs`: what an app's processes print.

use clap::Args;
use futures_util::StreamExt;

use super::context::Context;
use super::opened::open;
use upsun_local::actions::advice::{self, Place};
use upsun_local::config::app::{App, Worker};
use upsun_local::engine::Engine;
use upsun_local::engine::spec::LogRange;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::Tail;
use upsun_local::output::Output;
use upsun_local::shutdown::Urgency;
use upsun_local::workspace::Workspace;

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// App, `app--worker` or service, or the name of a log file on Upsun, such as `app`
    #[arg(value_name = "LOG", conflicts_with = "service")]
    name: Option<String>,
    #[command(flatten)]
    target: super::options::Target,
    /// Show the output of this service instead of an app
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["app", "worker"])]
    service: Option<String>,
    /// Follow: print new lines as they come
    #[arg(short, long, visible_alias = "tail")]
    follow: bool,
    /// Print only this number of lines from the end
    #[arg(short = 'n', long, value_name = "LINES")]
    lines: Option<u64>,
    /// Hide the values of sensitive variables in the output
    #[arg(long)]
    mask: bool,
    /// Print the time before each line
    #[arg(short, long)]
    timestamps: bool,
}

/// Prints a container's log.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let shutdown = context.shutdown()?;
    let source = source(&workspace, arguments)?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let container = match source {
        Source::App(app, worker) => workspace.find_container(&engine, app, worker).await?,
        Source::Service(name) => workspace.find_service(&engine, name).await?,
    };
    let range = LogRange {
        follow: arguments.follow,
        tail: arguments.lines,
        timestamps: arguments.timestamps,
    };
    let mut maskers = context.maskers(&workspace, arguments.mask);
    let mut stream = engine.logs(&container.id, range);
    let mut tail = Tail::default();
    loop {
        tokio::select! {
            () = shutdown.reached(Urgency::Cancel) => return Ok(shutdown.exit_code().unwrap_or(130)),
            piece = stream.next() => match piece {
                None => break,
                Some(piece) => {
                    let piece = piece?;
                    tail.push(piece.bytes());
                    write(&maskers.push(piece))?;
                }
            }
        }
    }
    maskers.finish(write)?;
    if let Source::App(app, worker) = source
        && container.running
    {
        let listening = context.listen_masked(&workspace, false, arguments.mask, &shutdown);
        let sandbox = workspace.sandbox(&engine, &listening.events, &shutdown);
        let place = Place {
            app,
            worker,
            container: &container.id,
        };
        advice::tell_of_log(&sandbox, &workspace, place, &tail).await;
        listening.finish(());
    }
    Ok(0)
}

/// Whose log it is.
enum Source<'a> {
    App(&'a App, Option<&'a Worker>),
    Service(&'a str),
}

/// Upsun's log files whose lines are in the log of the app's processes here.
const OF_THE_APP: [&str; 5] = ["app", "cron", "error", "php", "php.error"];

/// Upsun's log files that nothing here writes, with where to look instead.
const ELSEWHERE: [(&str, &str); 6] = [
    (
        "access",
        "the web server in front of the app keeps no log of requests here",
    ),
    ("php.access", "FPM keeps no log of requests here"),
    (
        "deploy",
        "`upsun-local activity log` shows what a deploy printed",
    ),
    (
        "post_deploy",
        "`upsun-local activity log` shows what a deploy printed",
    ),
    (
        "post-deploy",
        "`upsun-local activity log` shows what a deploy printed",
    ),
    (
        "nginx",
        "the web server in front of the app keeps no log of requests here",
    ),
];

/// A name is first what the configuration calls so, and then a log file on Upsun.
fn source<'a>(workspace: &'a Workspace, arguments: &'a Arguments) -> Result<Source<'a>, Failure> {
    if let Some(service) = &arguments.service {
        return Ok(Source::Service(service));
    }
    let of = |target: &super::options::Target| {
        let (app, worker) = workspace.target(&target.named())?;
        Ok(Source::App(app, worker))
    };
    let Some(name) = arguments.name.as_deref() else {
        return of(&arguments.target);
    };
    if arguments.target.app.is_none() && arguments.target.worker.is_none() {
        let app = name.split("--").next().unwrap_or_default();
        if workspace.config.apps.contains_key(app) {
            return of(&super::options::Target {
                app: Some(name.to_owned()),
                worker: None,
            });
        }
        if workspace.config.services.contains_key(name) {
            return Ok(Source::Service(name));
        }
    }
    // Upsun's CLI takes the name of the file, too.
    let file = name.strip_prefix("/var/log/").unwrap_or(name);
    let file = file.strip_suffix(".log").unwrap_or(file);
    if OF_THE_APP.contains(&file) {
        return of(&arguments.target);
    }
    let failure = Failure::usage(format!("there is no log `{name}`"));
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(known, _)| *known == file) {
        return Err(failure.hint(*hint));
    }
    let apps = workspace.config.apps.keys();
    let names: Vec<&str> = apps
        .chain(workspace.config.services.keys())
        .map(String::as_str)
        .collect();
    Err(failure.hint(format!("there are: {}", names.join(", "))))
}

/// Writes both streams of the log to standard output, so that it can be searched.
fn write(piece: &Output) -> Result<(), Failure> {
    use std::io::Write;
    let (Output::Stdout(bytes) | Output::Stderr(bytes)) = piece;
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|err| Failure::unwritten(&err))
}
