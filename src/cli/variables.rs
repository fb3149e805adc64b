//! `variables`: the variables of a container, each with where it comes from.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::opened::open;
use super::options::ListFormat as Format;
use upsun_local::failure::Failure;
use upsun_local::mask::MASK;
use upsun_local::user_variables::UserVariables;
use upsun_local::variables::{Phase, Variable};

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
    let phase = match arguments.phase {
        PhaseChoice::Build => Phase::Build,
        PhaseChoice::Runtime => Phase::Runtime,
    };
    let command_line: UserVariables = workspace.parse_variables(&arguments.variables)?;
    let mut all = workspace.listed_variables(app, worker, phase, &command_line)?;
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
                    "from": variable.origin.name(),
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

fn row(variable: &Variable) -> [String; 3] {
    let value = if variable.sensitive {
        MASK.to_owned()
    } else {
        variable.value.clone()
    };
    [
        variable.name.clone(),
        value,
        variable.origin.name().to_owned(),
    ]
}
