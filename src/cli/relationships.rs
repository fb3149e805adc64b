//! `relationships`: the relationships of an app, as `PLATFORM_RELATIONSHIPS` holds them.

use clap::Args;

use super::config::Format;
use super::context::Context;
use super::opened::open;
use upsun_local::config::document::Document;
use upsun_local::failure::Failure;

/// Arguments of `relationships`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Accepted as Upsun's CLI does; `--environment` names the environment
    #[arg(value_name = "ENVIRONMENT", hide = true)]
    environment: Option<String>,
    #[command(flatten)]
    target: super::options::Target,
    /// Print only the value at this path of keys, such as `database.0.host`
    #[arg(short = 'P', long, value_name = "PROPERTY")]
    property: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: Format,
    /// Accepted as Upsun's CLI does; nothing is cached here
    #[arg(long, hide = true)]
    refresh: bool,
}

/// Prints the relationships of an app or worker, as `PLATFORM_RELATIONSHIPS` has them.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let (app, worker) = workspace.target(&arguments.target.named())?;
    let services = workspace.services(app)?;
    let payloads = workspace.payloads(app, worker, &services)?;
    let whole = Document::from(payloads);
    print(
        context,
        whole,
        arguments.property.as_deref(),
        arguments.format,
    )
}

/// Prints relationships, or the value at a path of keys in them.
pub(super) fn print(
    context: &Context,
    whole: Document,
    property: Option<&str>,
    format: Format,
) -> Result<u8, Failure> {
    let part = match property {
        None => whole,
        Some(property) => whole.get(property).ok_or_else(|| {
            let names: Vec<&str> = whole.keys().collect();
            Failure::usage(format!("there is no property `{property}`"))
                .hint(format!("the relationships are: {}", names.join(", ")))
        })?,
    };
    let text = match format {
        Format::Json => part.json(),
        Format::Yaml => match part.plain() {
            Some(text) => format!("{text}\n"),
            None => part.yaml(),
        },
    };
    context.print(&text).map(|()| 0)
}
