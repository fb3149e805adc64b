//! `apps`, `workers`, `services`, `routes`: what the configuration holds, as Upsun's CLI lists it.

use clap::{Args, ValueEnum};

use super::columns::Columns;
use super::context::Context;
use super::opened::open;
use super::options::ListFormat as Format;
use super::table;
use upsun_local::config::app::{App, Image, Runtime};
use upsun_local::failure::Failure;
use upsun_local::routes::Kind;

/// Options of a list that does not say which columns it has.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    columns: Columns,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
    /// Print cells in full
    #[arg(long)]
    full: bool,
    /// Accepted as Upsun's CLI does; nothing is cached here
    #[arg(long, hide = true)]
    refresh: bool,
}

impl Options {
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Whether a program reads the list.
    pub(super) fn is_machine_readable(&self) -> bool {
        self.format != Format::Table
    }
}

/// Arguments of `apps`, `workers` and `services`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Print only the names
    #[arg(long)]
    pipe: bool,
}

/// Arguments of `routes`.
#[derive(Debug, Args)]
pub(super) struct RouteArguments {
    /// Accepted as Upsun's CLI does; `--environment` names the environment
    #[arg(value_name = "ENVIRONMENT", hide = true)]
    environment: Option<String>,
    #[command(flatten)]
    options: Options,
}

/// A column of `apps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AppColumn {
    /// The app's name
    Name,
    /// `type`
    Type,
    /// `source.root`
    Path,
}

/// A column of `workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WorkerColumn {
    /// `app--worker`
    Name,
    /// `type` of its app
    Type,
    /// `commands`
    Commands,
}

/// A column of `services`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ServiceColumn {
    /// The service's name
    Name,
    /// `type`
    Type,
}

/// A column of `routes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RouteColumn {
    /// The route as it is written
    Route,
    /// `upstream`, `redirect` or `proxy`
    Type,
    /// Where it leads
    To,
    /// The address at which it answers here
    Url,
}

/// Lists the apps.
pub(super) fn apps(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    use AppColumn::{Name, Path, Type};
    let columns = arguments.options.columns.choose(&[Name, Type, Path])?;
    let workspace = open(context)?;
    let rows = workspace.config.apps.values().map(|app| {
        let cell = |column: &AppColumn| match column {
            Name => app.name.clone(),
            Type => kind(app),
            Path => format!("/{}", app.source_root),
        };
        (app.name.clone(), columns.iter().map(cell).collect())
    });
    let titles = titles(&columns, |column| match column {
        Name => "Name",
        Type => "Type",
        Path => "Path",
    });
    named(context, arguments, &titles, rows.collect(), "apps")
}

/// Lists the workers of all apps.
pub(super) fn workers(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    use WorkerColumn::{Commands, Name, Type};
    let columns = arguments.options.columns.choose(&[Name, Type, Commands])?;
    let workspace = open(context)?;
    let all = workspace.config.apps.values();
    let rows = all
        .flat_map(|app| app.workers.iter().map(move |worker| (app, worker)))
        .map(|(app, worker)| {
            let name = format!("{}--{}", app.name, worker.name);
            let start = worker.commands.start.as_deref().unwrap_or_default().trim();
            let cell = |column: &WorkerColumn| match column {
                Name => name.clone(),
                Type => kind(app),
                Commands => format!("start: {start}"),
            };
            let cells = columns.iter().map(cell).collect();
            (name.clone(), cells)
        });
    let titles = titles(&columns, |column| match column {
        Name => "Name",
        Type => "Type",
        Commands => "Commands",
    });
    named(context, arguments, &titles, rows.collect(), "workers")
}

/// Lists the services.
pub(super) fn services(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    use ServiceColumn::{Name, Type};
    let columns = arguments.options.columns.choose(&[Name, Type])?;
    let workspace = open(context)?;
    let rows = workspace.config.services.values().map(|service| {
        let cell = |column: &ServiceColumn| match column {
            Name => service.name.clone(),
            Type => service.r#type.clone(),
        };
        (service.name.clone(), columns.iter().map(cell).collect())
    });
    let titles = titles(&columns, |column| match column {
        Name => "Name",
        Type => "Type",
    });
    named(context, arguments, &titles, rows.collect(), "services")
}

/// Lists the routes, each with the address at which it answers once the environment is up.
pub(super) fn routes(context: &Context, arguments: &RouteArguments) -> Result<u8, Failure> {
    use RouteColumn::{Route, To, Type, Url};
    let columns = arguments.options.columns.choose(&[Route, Type, To, Url])?;
    let workspace = open(context)?;
    let entrance = &workspace.entrance;
    let rows: Vec<Vec<String>> = entrance
        .routes
        .iter()
        .map(|route| {
            let (kind, to) = match &route.kind {
                Kind::Upstream(name) => ("upstream", format!("{name}:http")),
                Kind::Redirect(target) => ("redirect", target.to.clone()),
                Kind::Proxy(to) => ("proxy", to.clone()),
            };
            let cell = |column: &RouteColumn| match column {
                Route => route.original_url.clone(),
                Type => kind.to_owned(),
                To => to.clone(),
                Url => route.url(entrance.port),
            };
            columns.iter().map(cell).collect()
        })
        .collect();
    let titles = titles(&columns, |column| match column {
        Route => "Route",
        Type => "Type",
        To => "To",
        Url => "URL",
    });
    print(context, &arguments.options, &titles, rows, "routes")
}

fn titles<C: Copy>(columns: &[C], title: impl Fn(C) -> &'static str) -> Vec<&'static str> {
    columns.iter().map(|column| title(*column)).collect()
}

/// `nodejs:24`, or the runtimes of a composable image.
pub(super) fn kind(app: &App) -> String {
    let text = |runtime: &Runtime| format!("{}:{}", runtime.name, runtime.version);
    match &app.image {
        Image::Runtime(runtime) => text(runtime),
        Image::Composable { channel, .. } => format!("composable:{channel}"),
    }
}

/// Prints a list whose rows have names, which `--pipe` prints alone.
fn named(
    context: &Context,
    arguments: &Arguments,
    titles: &[&str],
    rows: Vec<(String, Vec<String>)>,
    what: &str,
) -> Result<u8, Failure> {
    if arguments.pipe {
        let names: String = rows.iter().map(|(name, _)| format!("{name}\n")).collect();
        return context.print(&names).map(|()| 0);
    }
    let rows = rows.into_iter().map(|(_, cells)| cells).collect();
    print(context, &arguments.options, titles, rows, what)
}

/// Prints a list. `what` names its items in the message for an empty list.
pub(super) fn print(
    context: &Context,
    options: &Options,
    titles: &[&str],
    rows: Vec<Vec<String>>,
    what: &str,
) -> Result<u8, Failure> {
    if options.format == Format::Json {
        let list: Vec<serde_json::Value> = rows
            .into_iter()
            .map(|cells| {
                let keys = titles.iter().map(|title| title.to_lowercase());
                let values = cells.into_iter().map(serde_json::Value::from);
                serde_json::Value::Object(keys.zip(values).collect())
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if rows.is_empty() && options.format == Format::Table {
        context.talk(&format!("The configuration has no {what}\n"));
        return Ok(0);
    }
    let header = titles.iter().map(|title| (*title).to_owned()).collect();
    let header: Option<Vec<String>> = (!options.no_header).then_some(header);
    let rows: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
    let text = match options.format {
        Format::Csv => table::separated(&rows, ','),
        Format::Tsv => table::separated(&rows, '\t'),
        Format::Plain => table::plain(&rows),
        Format::Table | Format::Json => {
            table::aligned(&rows, !options.no_header, options.full, context.out_style)
        }
    };
    context.print(&text).map(|()| 0)
}
