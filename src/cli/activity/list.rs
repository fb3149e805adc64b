//! `activity list`: a line for each.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::super::columns::Columns;
use super::super::context::Context;
use super::super::options::ListFormat as Format;
use super::super::table;
use super::{Dates, Filter, History};
use upsun_local::activity::{Activity, Selection, Stamp};
use upsun_local::failure::Failure;

/// Arguments of `activity list`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Maximum number of activities to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Show only activities that began before this time (UTC unless it names a time zone)
    #[arg(long, value_name = "DATE")]
    start: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    dates: Dates,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
}

/// A column of the list, by the names of Upsun's CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Column {
    /// Its id
    Id,
    /// When it was asked for
    Created,
    /// When it ended
    Completed,
    /// What it is
    Description,
    /// How much of it is done
    Progress,
    /// How far it is
    State,
    /// How it ended
    Result,
    /// Where
    #[value(alias = "environment")]
    Environments,
    /// What kind of activity it is
    Type,
    /// Seconds of waiting
    TimeWait,
    /// Seconds of building
    TimeBuild,
    /// Seconds of deploying
    TimeDeploy,
    /// Seconds of its script
    TimeExecute,
}

impl Column {
    const USUAL: [Column; 6] = [
        Column::Id,
        Column::Created,
        Column::Description,
        Column::Progress,
        Column::State,
        Column::Result,
    ];

    fn title(self) -> &'static str {
        match self {
            Column::Id => "ID",
            Column::Created => "Created",
            Column::Completed => "Completed",
            Column::Description => "Description",
            Column::Progress => "Progress",
            Column::State => "State",
            Column::Result => "Result",
            Column::Environments => "Environment(s)",
            Column::Type => "Type",
            Column::TimeWait => "Wait time (s)",
            Column::TimeBuild => "Build time (s)",
            Column::TimeDeploy => "Deploy time (s)",
            Column::TimeExecute => "Exec time (s)",
        }
    }

    fn cell(self, activity: &Activity) -> String {
        let seconds = |time: Option<f64>| time.map(|time| time.to_string()).unwrap_or_default();
        let timings = &activity.timings;
        match self {
            Column::Id => activity.id.clone(),
            Column::Created => activity.created_at.short(),
            Column::Completed => activity.completed_at.map(Stamp::short).unwrap_or_default(),
            Column::Description => activity.description.clone(),
            Column::Progress => format!("{}%", activity.completion_percent),
            Column::State => activity.state.name().to_owned(),
            Column::Result => activity
                .result
                .map(|result| result.name().to_owned())
                .unwrap_or_default(),
            Column::Environments => activity.environments.join(", "),
            Column::Type => activity.kind.clone(),
            Column::TimeWait => seconds(Some(timings.wait)),
            Column::TimeBuild => seconds(timings.build),
            Column::TimeDeploy => seconds(timings.deploy),
            Column::TimeExecute => seconds(timings.execute),
        }
    }
}

/// Prints them.
pub(super) fn run(
    context: &Context,
    history: &History,
    arguments: &Arguments,
) -> Result<u8, Failure> {
    let mut usual = Column::USUAL.to_vec();
    usual.extend(arguments.filter.types.all.then_some(Column::Environments));
    let columns = arguments.columns.choose(&usual)?;
    arguments.dates.warn(context);
    let before = arguments.start.as_deref().map(time).transpose()?;
    let selection = Selection {
        before,
        ..arguments.filter.selection(&history.environment)
    };
    let found = history.newest(arguments.limit, &selection)?;
    if arguments.format == Format::Json {
        let text = upsun_local::json::pretty(&found);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if found.is_empty() && arguments.format == Format::Table {
        if !context.global.quiet {
            context.talk("No activities found\n");
        }
        return Ok(0);
    }
    let header = (!arguments.no_header).then(|| {
        let titles = columns.iter().map(|column| column.title().to_owned());
        titles.collect()
    });
    let rows = found.iter().map(|activity| {
        let cells = columns.iter().map(|column| column.cell(activity));
        cells.collect()
    });
    let rows: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
    let text = match arguments.format {
        Format::Csv => table::separated(&rows, ','),
        Format::Tsv => table::separated(&rows, '\t'),
        Format::Plain => table::plain(&rows),
        Format::Table | Format::Json => {
            table::aligned(&rows, !arguments.no_header, true, context.out_style)
        }
    };
    context.print(&text).map(|()| 0)
}

/// A time with its zone, or a date with or without a time, which is in UTC.
fn time(text: &str) -> Result<Timestamp, Failure> {
    let local = || {
        let date: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(date).ok()
    };
    text.parse().ok().or_else(local).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no time"))
            .hint("write it as in `--start 2026-01-31` or `--start 2026-01-31T12:00:00Z`")
    })
}
