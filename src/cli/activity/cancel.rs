//! `activity cancel`: ends an activity that runs in another terminal.

use std::time::Duration;

use clap::Args;

use super::super::context::Context;
use super::{History, Types, not_found};
use upsun_local::activity::{Activity, Selection, State};
use upsun_local::event::Outcome;
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::text::safe;

/// Arguments of `activity cancel`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// Id of the activity, or the beginning or end of it [default: the activity in progress]
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    types: Types,
}

/// How often is looked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// Asks it to end, and waits until it has: with its grace period, and for as long as that takes.
pub(super) fn run(
    context: &Context,
    history: &History,
    arguments: &Arguments,
) -> Result<u8, Failure> {
    let store = &history.store;
    let activity = match &arguments.id {
        Some(id) => store.find(id).map_err(|err| not_found(&err))?,
        None => running(history, &arguments.types)?,
    };
    let id = &activity.id;
    if !activity.state.is_open() {
        let state = activity.state.name();
        return Err(Failure::usage(format!(
            "the activity `{id}` cannot be cancelled: it is {state} already"
        )));
    }
    let request = store.ask_to_end(&activity);
    if request.is_none() && store.is_running(id) {
        return Err(Failure::new(
            CANNOT_MAKE,
            format!("the activity `{id}` cannot be asked to stop: its directory cannot be written"),
        )
        .hint("press Ctrl-C where it runs; `upsun-local down --force` removes its container"));
    }
    let say = |text: String| {
        if !context.global.quiet {
            context.talk(&text);
        }
    };
    say(format!(
        "Cancelling {id}: {}\n",
        safe(&activity.description)
    ));
    if activity.parameters["scheduled"] == true {
        say("`up --crons`, which runs it, ends too\n".to_owned());
    }
    while store.is_running(id) {
        std::thread::sleep(POLL);
    }
    drop(request);
    match store.read(id) {
        Some(ended) if ended.state == State::Complete => {
            let result = ended.result.map(Outcome::name).unwrap_or_default();
            say(format!("It had ended before that, with {result}\n"));
        }
        _ => say("It is cancelled\n".to_owned()),
    }
    Ok(0)
}

/// The newest that runs; where none does, the newest that waits for its turn.
fn running(history: &History, types: &Types) -> Result<Activity, Failure> {
    let environment = &history.environment;
    let selection = Selection {
        states: vec![State::Pending, State::InProgress],
        ..types.selection(environment)
    };
    let mut open = history.newest(usize::MAX, &selection)?;
    let at = open
        .iter()
        .position(|activity| activity.state == State::InProgress)
        .unwrap_or_default();
    if open.is_empty() {
        return Err(
            Failure::usage("there is nothing to cancel: no activity is in progress")
                .hint("`upsun-local activity list --all --incomplete` looks in all environments"),
        );
    }
    Ok(open.swap_remove(at))
}
