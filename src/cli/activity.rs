//! `activity`: what was run, built and deployed here, its log, and a way to end what still runs.

mod cancel;
mod get;
mod list;
mod log;

use clap::{Args, Subcommand, ValueEnum};

use super::context::Context;
use super::opened::open_lenient;
use upsun_local::activity::{Activity, Error, Selection, State, Store, Trouble};
use upsun_local::event::Outcome;
use upsun_local::failure::{BAD_FILE, Failure};

/// What to do with activities.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the activities, newest first
    List(list::Arguments),
    /// Show one activity
    Get(get::Arguments),
    /// Print the log of an activity: messages and the output of its scripts
    Log(log::Arguments),
    /// Cancel a running activity, as Ctrl-C in its terminal does
    Cancel(cancel::Arguments),
}

/// Which types.
#[derive(Debug, Default, Args)]
pub(super) struct Types {
    /// Show only this type, such as `operation`, `push`, `cron`, `source-operation` or `test`; `*` matches any text
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    wanted: Vec<String>,
    /// Leave out this type
    #[arg(
        short = 'x',
        long = "exclude-type",
        value_name = "TYPE",
        value_delimiter = ','
    )]
    excluded: Vec<String>,
    /// Include all environments
    #[arg(short, long)]
    all: bool,
}

/// Which activities.
#[derive(Debug, Default, Args)]
pub(super) struct Filter {
    #[command(flatten)]
    types: Types,
    /// Show only activities in this state
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<StateChoice>,
    /// Show only activities with this result
    #[arg(long, value_name = "RESULT")]
    result: Option<ResultChoice>,
    /// Show only unfinished activities: `--state pending,in_progress`
    #[arg(short, long)]
    incomplete: bool,
}

/// How to write dates.
#[derive(Debug, Default, Args)]
pub(super) struct Dates {
    /// Accepted as Upsun's CLI does, with a warning: dates are always written in one way
    #[arg(long, value_name = "FORMAT", hide = true)]
    date_fmt: Option<String>,
}

impl Dates {
    /// Says so where one is given.
    fn warn(&self, context: &Context) {
        if self.date_fmt.is_some() {
            warn(
                context,
                "`--date-fmt` has no effect: dates are always written as `2026-01-31T12:00:00+00:00`",
            );
        }
    }
}

fn warn(context: &Context, message: &str) {
    context.talk(&format!(
        "{}: {message}\n",
        context.style.warning("warning")
    ));
}

/// A state, by Upsun's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateChoice {
    /// Waiting until the environment is free
    Pending,
    /// Running
    #[value(name = "in_progress", alias = "in-progress")]
    InProgress,
    /// Finished, with success or failure
    Complete,
    /// Stopped by the user
    Cancelled,
}

impl From<StateChoice> for State {
    fn from(choice: StateChoice) -> Self {
        match choice {
            StateChoice::Pending => State::Pending,
            StateChoice::InProgress => State::InProgress,
            StateChoice::Complete => State::Complete,
            StateChoice::Cancelled => State::Cancelled,
        }
    }
}

/// A result, by Upsun's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ResultChoice {
    /// Succeeded
    Success,
    /// Failed
    Failure,
}

impl From<ResultChoice> for Outcome {
    fn from(choice: ResultChoice) -> Self {
        match choice {
            ResultChoice::Success => Outcome::Success,
            ResultChoice::Failure => Outcome::Failure,
        }
    }
}

impl Types {
    /// The activities of these types, in an environment or in all.
    fn selection(&self, environment: &str) -> Selection {
        Selection {
            types: self.wanted.clone(),
            excluded: self.excluded.clone(),
            environment: (!self.all).then(|| environment.to_owned()),
            ..Selection::default()
        }
    }
}

impl Filter {
    fn selection(&self, environment: &str) -> Selection {
        let states = if self.incomplete {
            vec![State::Pending, State::InProgress]
        } else {
            self.state.iter().map(|it| State::from(*it)).collect()
        };
        Selection {
            states,
            result: self.result.map(Outcome::from),
            ..self.types.selection(environment)
        }
    }
}

/// Does it.
pub(super) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    // Finished activities must stay readable while the configuration is broken.
    let workspace = open_lenient(context)?;
    let history = History {
        store: Store::of(&workspace.project.state_dir),
        environment: workspace.environment.name.clone(),
    };
    match command {
        Command::List(arguments) => list::run(context, &history, arguments),
        Command::Get(arguments) => get::run(context, &history, arguments),
        Command::Log(arguments) => log::run(context, &history, arguments),
        Command::Cancel(arguments) => cancel::run(context, &history, arguments),
    }
}

/// What happened in a project, seen from one of its environments.
#[derive(Debug)]
struct History {
    store: Store,
    environment: String,
}

impl History {
    /// The newest activities that match, at most `limit`.
    fn newest(&self, limit: usize, selection: &Selection) -> Result<Vec<Activity>, Failure> {
        self.store.newest(limit, selection).map_err(unreadable)
    }

    /// The one that is named, or the newest that fits.
    fn one(&self, id: Option<&str>, filter: &Filter) -> Result<Activity, Failure> {
        if let Some(id) = id {
            return self.store.find(id).map_err(|err| not_found(&err));
        }
        let mut newest = self.newest(1, &filter.selection(&self.environment))?;
        newest.pop().ok_or_else(|| {
            Failure::usage("there is no such activity yet").hint(
                "`upsun-local activity list --all` shows those of all environments; `run`, `up`, `cron run` and `test` make one",
            )
        })
    }
}

fn unreadable(trouble: Trouble) -> Failure {
    not_found(&Error::Directory(trouble))
}

fn not_found(err: &Error) -> Failure {
    let message = err.to_string();
    match err {
        Error::Directory(_) => Failure::new(BAD_FILE, message),
        Error::Unknown(_) => Failure::usage(message)
            .hint("`upsun-local activity list --all` shows all; only the last 200 are kept"),
        Error::Damaged { .. } => Failure::new(BAD_FILE, message)
            .hint("`activity list` leaves it out too; it is removed once it is among the oldest"),
        Error::Ambiguous { .. } => Failure::usage(message).hint("give more of its id"),
    }
}
