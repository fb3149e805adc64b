//! `cron`: the crons of every app, when they run next, and one of them now.

mod run;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::Context;
use super::opened::open;
use super::options::ListFormat as Format;
use upsun_local::config::app::App;
use upsun_local::crons::timetable::Entry;
use upsun_local::crons::{self, Cron};
use upsun_local::failure::Failure;
use upsun_local::workspace::find_app;

/// Where Upsun explains them.
pub(super) const DOCS: &str = "https://docs.upsun.com/create-apps/image-properties/crons.html";

/// What to do with crons.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the crons with the time of their next run; they run on schedule only during `up --crons`
    List(ListArguments),
    /// Run a cron now in its app's container; build and start first if something changed
    Run(run::Arguments),
}

/// Arguments of `cron list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Show only this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
    /// Print commands in full
    #[arg(long)]
    full: bool,
}

/// Does it.
pub(super) async fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::List(arguments) => list(context, arguments),
        Command::Run(arguments) => run::run(context, arguments).await,
    }
}

fn list(context: &Context, arguments: &ListArguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let apps: Vec<&App> = match &arguments.app {
        Some(name) => vec![find_app(&workspace.config, name)?],
        None => workspace.config.apps.values().collect(),
    };
    let mut all = Vec::new();
    for app in apps {
        all.extend(workspace.crons(app)?);
    }
    if all.is_empty() && arguments.format == Format::Table {
        context.talk(&format!("No crons are defined; see {DOCS}\n"));
        return Ok(0);
    }
    let mut rows = Vec::new();
    let mut list = Vec::new();
    for entry in &all {
        let Entry {
            app,
            cron,
            schedule,
            zone,
        } = entry;
        let Cron {
            name, spec, start, ..
        } = cron;
        let next = schedule.next(&crons::now(zone)).map(|at| crons::shown(&at));
        list.push(json!({
            "app": app,
            "name": name,
            "spec": spec,
            "schedule": schedule.to_string(),
            "next": next,
            "start": start,
        }));
        rows.push(vec![
            app.clone(),
            name.clone(),
            schedule.to_string(),
            next.unwrap_or_else(|| "never".to_owned()),
            start.trim().to_owned(),
        ]);
    }
    if arguments.format == Format::Json {
        let text = upsun_local::json::pretty(&list);
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
