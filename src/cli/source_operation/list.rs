//! `source-operation list`: the source operations of every app.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::context::Context;
use super::super::opened::open;
use super::super::options::ListFormat as Format;
use super::super::table;
use super::DOCS;
use upsun_local::config::app::App;
use upsun_local::failure::Failure;
use upsun_local::workspace::find_app;
use upsun_local::workspace::{SourceOperation, source_operations_of};

/// Arguments of `source-operation list`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// Show only this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Columns to print, in order
    #[arg(short, long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<Column>,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
    /// Print commands in full
    #[arg(long)]
    full: bool,
}

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Column {
    /// Name of the app
    App,
    /// The operation's name
    #[value(alias = "name")]
    Operation,
    /// The command
    Command,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Column::App => "App",
            Column::Operation => "Operation name",
            Column::Command => "Command",
        }
    }

    fn value(self, found: &SourceOperation<'_>) -> String {
        match self {
            Column::App => found.app.name.clone(),
            Column::Operation => found.name.clone(),
            Column::Command => found.command.trim().to_owned(),
        }
    }
}

/// Prints them.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let apps: Vec<&App> = match &arguments.app {
        Some(name) => vec![find_app(&workspace.config, name)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<SourceOperation<'_>> = apps.into_iter().flat_map(source_operations_of).collect();
    if arguments.format == Format::Json {
        let list: Vec<_> = all
            .iter()
            .map(|found| {
                json!({
                    "app": found.app.name,
                    "operation": found.name,
                    "command": found.command,
                })
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if all.is_empty() && arguments.format == Format::Table {
        context.talk(&format!("No source operations are defined; see {DOCS}\n"));
        return Ok(0);
    }
    let columns = if arguments.columns.is_empty() {
        vec![Column::App, Column::Operation, Column::Command]
    } else {
        arguments.columns.clone()
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    if !arguments.no_header {
        let titles = columns.iter().map(|column| column.title().to_owned());
        rows.push(titles.collect());
    }
    for found in &all {
        rows.push(columns.iter().map(|column| column.value(found)).collect());
    }
    let text = match arguments.format {
        Format::Csv => table::separated(&rows, ','),
        Format::Tsv => table::separated(&rows, '\t'),
        Format::Plain => table::plain(&rows),
        Format::Table | Format::Json => table::aligned(
            &rows,
            !arguments.no_header,
            arguments.full,
            context.out_style,
        ),
    };
    context.print(&text).map(|()| 0)
}
