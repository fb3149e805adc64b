//! `config`: the configuration as it is once every file is read and put together.

use clap::{Args, ValueEnum};

use super::context::Context;
use super::opened;
use upsun_local::config::document::Document;
use upsun_local::config::{self, Config};
use upsun_local::failure::Failure;
use upsun_local::suggestion::nearest;
use upsun_local::workspace::settings;

/// Arguments of `config`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print only this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Print only the value at this path of keys, such as `hooks.build`
    #[arg(short = 'P', long, value_name = "PROPERTY")]
    property: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: Format,
}

/// How to print the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// YAML; a property that is a string is printed without quotes
    Yaml,
    /// JSON
    Json,
}

/// Prints the configuration, or a part of it.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let root = opened::root(context)?;
    let settings = settings::of(&root, &context.surroundings)?;
    let (loaded, document) = config::resolve(&root, &settings.check.ignore);
    let Some(config) = &loaded.config else {
        return Err(opened::refuse(context, &loaded));
    };
    let part = part(arguments, config, document)?;
    let text = match arguments.format {
        Format::Json => part.json(),
        Format::Yaml => match part.plain() {
            Some(text) => format!("{}\n", text.strip_suffix('\n').unwrap_or(text)),
            None => part.yaml(),
        },
    };
    context.print(&text)?;
    Ok(0)
}

/// The part that the arguments select. For Upsun's own name of the command, a property is always one of an app,
/// even if no app is named.
fn part(arguments: &Arguments, config: &Config, whole: Document) -> Result<Document, Failure> {
    let only = match config.apps.keys().collect::<Vec<_>>()[..] {
        [name] => Some(name.as_str()),
        _ => None,
    };
    let app = |name: &str| whole.get("applications").and_then(|apps| apps.entry(name));
    let named = arguments.app.as_deref();
    let base = match named {
        Some(name) => {
            // The failure names the apps that there are.
            upsun_local::workspace::find_app(config, name)?;
            app(name)
        }
        None => None,
    };
    let Some(property) = &arguments.property else {
        return Ok(base.unwrap_or(whole));
    };
    let bases = match (base, only.and_then(app)) {
        (Some(app), _) => vec![app],
        (None, Some(app)) => vec![app, whole],
        (None, None) => vec![whole],
    };
    let found = bases.iter().find_map(|base| base.get(property));
    found.ok_or_else(|| {
        let place = named
            .map(|name| format!(" in `{name}`"))
            .unwrap_or_default();
        let first = property.split('.').next().unwrap_or_default();
        let keys = bases.iter().flat_map(Document::keys);
        let failure = Failure::usage(format!("there is no property `{property}`{place}"));
        if named.is_none()
            && only.is_none()
            && config.apps.values().any(|app| app.raw.get(first).is_some())
        {
            failure.hint("add `--app` to name the app")
        } else {
            match nearest(first, keys).filter(|near| *near != first) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`upsun-local config` prints all there is"),
            }
        }
    })
}
