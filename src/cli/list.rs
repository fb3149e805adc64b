//! `list`: the operations of every app and worker.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::columns::Columns;
use super::context::Context;
use super::opened::open;
use super::options::ListFormat as Format;
use upsun_local::config::app::{App, Operation};
use upsun_local::failure::Failure;
use upsun_local::workspace::{find_app, operations};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Show only this worker
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    columns: Columns,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
    /// Print commands in full
    #[arg(long)]
    full: bool,
}

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Column {
    /// The app, or `app--worker`
    Service,
    /// The operation's name
    #[value(alias = "operation")]
    Name,
    /// `commands.start`
    Start,
    /// `commands.stop`
    Stop,
    /// The minimum role
    Role,
    /// `timeout`, in seconds
    Timeout,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Column::Service => "Service",
            Column::Name => "Operation name",
            Column::Start => "Start command",
            Column::Stop => "Stop command",
            Column::Role => "Role",
            Column::Timeout => "Timeout",
        }
    }

    fn value(self, service: &str, operation: &Operation) -> String {
        match self {
            Column::Service => service.to_owned(),
            Column::Name => operation.name.clone(),
            Column::Start => operation.start.trim().to_owned(),
            Column::Stop => operation
                .stop
                .as_deref()
                .unwrap_or_default()
                .trim()
                .to_owned(),
            Column::Role => operation.role.to_string(),
            Column::Timeout => operation
                .timeout
                .map(|timeout| timeout.as_secs().to_string())
                .unwrap_or_default(),
        }
    }
}

/// Prints the operations.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let columns = arguments.columns.choose(&[
        Column::Service,
        Column::Name,
        Column::Start,
        Column::Stop,
        Column::Role,
    ])?;
    let workspace = open(context)?;
    let apps: Vec<&App> = match &arguments.app {
        Some(name) => vec![find_app(&workspace.config, name)?],
        None => workspace.config.apps.values().collect(),
    };
    let rows: Vec<(String, Option<&str>, &Operation)> = apps
        .into_iter()
        .flat_map(operations)
        .filter(|(_, worker, _)| {
            arguments.worker.is_none() || arguments.worker.as_deref() == *worker
        })
        .collect();
    if rows.is_empty() && arguments.format == Format::Table {
        context.talk("No operations are defined; see https://docs.upsun.com/create-apps/runtime-operations.html\n");
        return Ok(0);
    }
    if arguments.format == Format::Json {
        let list: Vec<_> = rows
            .iter()
            .map(|(service, worker, operation)| {
                json!({
                    "service": service,
                    "app": service.split("--").next(),
                    "worker": worker,
                    "name": operation.name,
                    "start": operation.start,
                    "stop": operation.stop,
                    "role": operation.role.name(),
                    "timeout": operation.timeout.map(|timeout| timeout.as_secs()),
                })
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let mut table: Vec<Vec<String>> = Vec::new();
    if !arguments.no_header {
        table.push(
            columns
                .iter()
                .map(|column| column.title().to_owned())
                .collect(),
        );
    }
    for (service, _, operation) in &rows {
        table.push(
            columns
                .iter()
                .map(|column| column.value(service, operation))
                .collect(),
        );
    }
    let text = match arguments.format {
        Format::Csv => super::table::separated(&table, ','),
        Format::Tsv => super::table::separated(&table, '\t'),
        Format::Plain => super::table::plain(&table),
        Format::Table | Format::Json => super::table::aligned(
            &table,
            !arguments.no_header,
            arguments.full,
            context.out_style,
        ),
    };
    context.print(&text).map(|()| 0)
}
