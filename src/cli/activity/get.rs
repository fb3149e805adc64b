//! `activity get`: everything that is known of one.

use clap::Args;
use serde_json::{Value, json};

use super::super::context::Context;
use super::super::options::ListFormat as Format;
use super::super::table;
use super::{Dates, Filter, History};
use upsun_local::activity::Activity;
use upsun_local::failure::Failure;
use upsun_local::suggestion::nearest;
use upsun_local::text::safe;

/// Arguments of `activity get`.
#[derive(Debug, Args)]
pub(in super::super) struct Arguments {
    /// Id of the activity, or the beginning or end of it [default: the newest activity]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print only this property, such as `state`, `duration` or `parameters.operation`
    #[arg(short = 'P', long, value_name = "PROPERTY")]
    property: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    dates: Dates,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
}

/// The order of properties for people: what one looks for first.
const ORDER: [&str; 20] = [
    "id",
    "type",
    "description",
    "text",
    "environments",
    "state",
    "result",
    "note",
    "completion_percent",
    "created_at",
    "started_at",
    "updated_at",
    "cancelled_at",
    "completed_at",
    "duration",
    "timings",
    "commands",
    "parameters",
    "payload",
    "project",
];

/// Prints it.
pub(super) fn run(
    context: &Context,
    history: &History,
    arguments: &Arguments,
) -> Result<u8, Failure> {
    let activity = history.one(arguments.id.as_deref(), &arguments.filter)?;
    arguments.dates.warn(context);
    let document = document(&activity)?;
    if let Some(name) = &arguments.property {
        let value = property(&document, name)?;
        let text = match arguments.format {
            Format::Json => upsun_local::json::pretty(value),
            _ => cell(value),
        };
        return context.print(&format!("{}\n", safe(&text))).map(|()| 0);
    }
    if arguments.format == Format::Json {
        let text = upsun_local::json::pretty(&document);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let header = ["Property", "Value"].map(str::to_owned).to_vec();
    let header = (!arguments.no_header).then_some(header);
    let rows = ORDER.iter().filter_map(|name| {
        let value = document.get(name)?;
        Some(vec![(*name).to_owned(), cell(value)])
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

/// The record, with how long it took in seconds.
fn document(activity: &Activity) -> Result<Value, Failure> {
    let mut document =
        serde_json::to_value(activity).map_err(|err| Failure::fault(err.to_string()))?;
    let duration = activity.completed_at.map(|end| {
        let took = end.0.duration_since(activity.created_at.0);
        (took.as_secs_f64() * 1000.0).round() / 1000.0
    });
    document["duration"] = json!(duration);
    Ok(document)
}

/// A property, or one inside of it, with dots between the names.
fn property<'a>(document: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    let mut value = document;
    for part in name.split('.') {
        let inner = match value {
            Value::Array(list) => part.parse().ok().and_then(|at: usize| list.get(at)),
            other => other.get(part),
        };
        value = inner.ok_or_else(|| unknown(name, value, part))?;
    }
    Ok(value)
}

fn unknown(name: &str, value: &Value, part: &str) -> Failure {
    let failure = Failure::usage(format!("an activity has no property `{name}`"));
    let names: Vec<&str> = match value {
        Value::Object(map) => map.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    match nearest(part, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => failure,
        None => failure.hint(format!("there are: {}", names.join(", "))),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let names: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            names.join(", ")
        }
        other => other.to_string(),
    }
}
