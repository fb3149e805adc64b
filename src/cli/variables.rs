//! `variables`: the variables of a container, each with where it comes from.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::opened::open;
use super::options::ListFormat as Format;
use upsun_local::failure::Failure;
use upsun_local::images;
use upsun_local::mask::MASK;
use upsun_local::user_variables::UserVariables;
use upsun_local::variables::{Origin, Phase, Prefixed, Variable, text_of};

/// Arguments of `variables`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print only this variable
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    target: super::options::Target,
    /// When the variables are set
    #[arg(long, value_name = "PHASE", default_value = "runtime")]
    phase: PhaseChoice,
    /// Set a variable for this run, such as `env:NAME=value`
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Omit the header row
    #[arg(long)]
    no_header: bool,
    /// Print values in full
    #[arg(long)]
    full: bool,
}

/// When variables are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PhaseChoice {
    /// Dependencies, flavor and build hook
    Build,
    /// Operations, hooks after the build, web processes, workers, shells
    Runtime,
}

/// Prints the variables.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let (app, worker) = workspace.target(&arguments.target.named())?;
    let tree = workspace.scan()?;
    let tree_id = tree
        .id(&app.source_root)
        .map(|id| id.to_string())
        .unwrap_or_default();
    let phase = match arguments.phase {
        PhaseChoice::Build => Phase::Build,
        PhaseChoice::Runtime => Phase::Runtime,
    };
    let command_line: UserVariables = workspace.parse_variables(&arguments.variables)?;
    let relationships = workspace.payloads(app, worker, &workspace.services(app)?)?;
    let mut all =
        workspace.all_variables(app, worker, phase, &tree_id, &command_line, &relationships);
    // Variables with a prefix are not environment variables, but keys of `PLATFORM_VARIABLES`.
    let prefixed = workspace.prefixed_variables(app, worker, phase, &command_line);
    all.extend(prefixed.into_iter().map(shown));
    for variable in &mut all {
        let name = variable.name.to_ascii_lowercase();
        if ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy"].contains(&name.as_str()) {
            variable.value = images::proxy::shown(&variable.value);
        }
    }
    if let Some(name) = &arguments.name {
        all.retain(|variable| variable.name == *name);
        if all.is_empty() {
            return Err(Failure::usage(format!("there is no variable `{name}`"))
                .hint("`upsun-local variables` shows all"));
        }
    }
    if arguments.format == Format::Json {
        let list: Vec<_> = all
            .iter()
            .map(|variable| {
                json!({
                    "name": variable.name,
                    "value": (!variable.sensitive).then_some(&variable.value),
                    "from": origin(variable.origin),
                    "sensitive": variable.sensitive,
                })
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let header = (!arguments.no_header).then(|| ["Name", "Value", "From"].map(str::to_owned));
    let rows: Vec<Vec<String>> = header
        .into_iter()
        .chain(all.iter().map(row))
        .map(Vec::from)
        .collect();
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

fn shown(variable: Prefixed) -> Variable {
    Variable {
        value: text_of(&variable.value),
        name: variable.name,
        origin: variable.origin,
        sensitive: variable.sensitive,
    }
}

fn row(variable: &Variable) -> [String; 3] {
    let value = if variable.sensitive {
        MASK.to_owned()
    } else {
        variable.value.clone()
    };
    [
        variable.name.clone(),
        value,
        origin(variable.origin).to_owned(),
    ]
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Container => "container",
        Origin::Machine => "this machine",
        Origin::Application => "application",
        Origin::Project => "project",
        Origin::Environment => "environment",
        Origin::CommandLine => "command line",
        Origin::Relationship => "relationship",
        Origin::Upsun => "upsun",
    }
}
