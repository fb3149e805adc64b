//! `activity log`: the messages of an activity and the output of its scripts. Control sequences are removed, so
//! that a script cannot fake a message when its log is shown later.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::time::Duration;

use clap::Args;

use super::super::context::Context;
use super::{Dates, Filter, History, warn};
use upsun_local::failure::{BAD_FILE, Failure};
use upsun_local::reporter::lines::Lines;

/// Arguments of `activity log`.
#[derive(Debug, Args)]
// Upsun's `-t` is another one here.
#[command(mut_arg("wanted", |arg| arg.short(None)))]
pub(in super::super) struct Arguments {
    /// Id of the activity, or the beginning or end of it [default: the newest activity]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Follow until the activity ends
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: Filter,
    /// Accepted as Upsun's CLI does, with a warning: a log has no times
    #[arg(short, long, hide = true)]
    timestamps: bool,
    #[command(flatten)]
    dates: Dates,
    /// Accepted as Upsun's CLI does: `--follow` looks as often as it takes
    #[arg(long, value_name = "SECONDS", hide = true)]
    refresh: Option<f64>,
}

/// How often `--follow` looks for new lines.
const POLL: Duration = Duration::from_millis(50);

/// Prints it.
pub(super) fn run(
    context: &Context,
    history: &History,
    arguments: &Arguments,
) -> Result<u8, Failure> {
    let activity = history.one(arguments.id.as_deref(), &arguments.filter)?;
    let id = &activity.id;
    let path = history.store.log(id);
    let failed = |err| Failure::new(BAD_FILE, format!("{}: {err}", path.display()));
    let mut log = history.store.open_log(id).map_err(|err| {
        if err.kind() == ErrorKind::NotFound {
            let failure = Failure::new(BAD_FILE, format!("the log of the activity `{id}` is gone"));
            return match &activity.note {
                Some(note) => failure.hint(note),
                None => failure.hint(format!("it was {}", path.display())),
            };
        }
        failed(err)
    })?;
    if arguments.timestamps {
        warn(
            context,
            "`--timestamps` has no effect: a log has no times here",
        );
    }
    arguments.dates.warn(context);
    let mut lines = Lines::default();
    loop {
        // Asked before the rest is read: what is written in between is not lost then.
        let goes_on = arguments.follow && history.store.is_running(id);
        while let Some(piece) = more(&mut log).map_err(failed)? {
            let mut text = String::new();
            lines.push(&piece, |line| text.extend([&line, "\n"]));
            context.print(&text)?;
        }
        if !goes_on {
            break;
        }
        // A question that a script asks, or how far it is, has no end of a line.
        if let Some(text) = lines.so_far() {
            context.print(&text)?;
        }
        std::thread::sleep(POLL);
    }
    if let Some(text) = lines.finish() {
        context.print(&text)?;
    }
    // What it ended with may be known only now.
    let ended = history.store.read(id).and_then(|activity| activity.note);
    if let Some(note) = ended.filter(|_| !context.global.quiet) {
        warn(context, &note);
    }
    Ok(0)
}

/// The next piece; `None` at the end of what is there.
fn more(log: &mut File) -> std::io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; 64 * 1024];
    let length = log.read(&mut piece)?;
    piece.truncate(length);
    Ok((length > 0).then_some(piece))
}
