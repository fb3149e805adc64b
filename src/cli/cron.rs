//! `cron`: the crons of every app and when they run next.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use super::list::Format;
use super::workspace::{Workspace, find_app};
use crate::config::app::App;
use crate::crons::{self, Schedule};

/// What to do with crons.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the crons, with when they run next on Upsun; none runs on its own here
    List(ListArguments),
}

/// Arguments of `cron list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only of this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Leave out the header
    #[arg(long)]
    no_header: bool,
    /// Print commands whole
    #[arg(long)]
    full: bool,
}

/// One cron, as the configuration has it.
struct Cron<'a> {
    app: &'a App,
    name: &'a str,
    spec: &'a str,
    start: &'a str,
}

/// The crons of an app. The reader has made sure that each has a valid spec and a command.
fn crons(app: &App) -> Vec<Cron<'_>> {
    let all = app.raw.get("crons").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .map(|(name, cron)| {
            let text = |value: Option<&'static str>, key: &str| {
                value
                    .map_or_else(|| cron.get(key), |outer| cron.get(outer)?.get(key))
                    .and_then(Value::as_str)
            };
            Cron {
                app,
                name,
                spec: text(None, "spec").unwrap_or_default(),
                start: text(Some("commands"), "start")
                    .or_else(|| text(None, "cmd"))
                    .unwrap_or_default(),
            }
        })
        .collect()
}

/// Does it.
pub(super) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let Command::List(arguments) = command;
    let workspace = Workspace::open(context)?;
    let apps: Vec<&App> = match &arguments.app {
        Some(name) => vec![find_app(&workspace.config, name)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<Cron<'_>> = apps.into_iter().flat_map(crons).collect();
    if all.is_empty() && arguments.format == Format::Table {
        context.talk("No crons are defined; see https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#crons\n");
        return Ok(0);
    }
    let mut rows = Vec::new();
    let mut list = Vec::new();
    for cron in &all {
        let seed = format!("{}/{}/{}", workspace.project.id, cron.app.name, cron.name);
        let schedule = Schedule::parse(cron.spec, &seed)
            .map_err(|why| Failure::fault(format!("the cron `{}`: {why}", cron.name)))?;
        let now = crons::now(&crons::time_zone(&cron.app.timezone));
        let next = schedule
            .next(&now)
            .map(|at| at.strftime("%Y-%m-%d %H:%M %Z").to_string());
        list.push(json!({
            "app": cron.app.name,
            "name": cron.name,
            "spec": cron.spec,
            "schedule": schedule.to_string(),
            "next": next,
            "start": cron.start,
        }));
        rows.push(vec![
            cron.app.name.clone(),
            cron.name.to_owned(),
            schedule.to_string(),
            next.unwrap_or_else(|| "never".to_owned()),
            cron.start.trim().to_owned(),
        ]);
    }
    if arguments.format == Format::Json {
        let text = serde_json::to_string_pretty(&list).unwrap_or_default();
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if !arguments.no_header {
        let header = ["App", "Name", "Schedule", "Next", "Command"].map(str::to_owned);
        rows.insert(0, header.to_vec());
    }
    let text = match arguments.format {
        Format::Csv => super::table::separated(&rows, ','),
        Format::Tsv => super::table::separated(&rows, '\t'),
        Format::Plain => super::table::plain(&rows),
        Format::Table | Format::Json => super::table::aligned(
            &rows,
            !arguments.no_header,
            arguments.full,
            context.out_style,
        ),
    };
    context.print(&text).map(|()| 0)
}
