//! `access`: who may run what, and how that changed.

mod sheet;

use clap::Args;
use indexmap::IndexMap;
use serde_json::{Value, json};

use self::sheet::{Column, Line, Sheet, usual_columns};
use super::against::{self, Base, Which};
use super::context::Context;
use super::failure::{DENIED, Failure};
use super::list::Format;
use super::workspace::find_app;
use crate::comparison::access::{Change, changes, rights};
use crate::config::Config;
use crate::config::app::App;
use crate::roles::{self, EnvironmentType, Grants};

/// Arguments of `access`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only of this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Only of this worker
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
    /// What this user of .upsun-local.yaml may do
    #[arg(long = "as", value_name = "USER", conflicts_with = "against")]
    user: Option<String>,
    /// Say who may on each type of environment; `--environment-type` says it for one
    #[arg(long)]
    all_types: bool,
    /// Say what changed since a Git revision: a branch, a tag, a commit
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// Exit with 77 when a role may do what it might not; what is new widens nothing
    #[arg(long, requires = "against")]
    deny_widening: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Which columns, in which order
    #[arg(short, long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<Column>,
    /// Leave out the header
    #[arg(long)]
    no_header: bool,
}

/// Prints who may run what, or what changed in it.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let (here, base) = match &arguments.against {
        Some(name) => {
            let (here, base, ()) = against::both(context, Which::Named(name), |_, _| ())?;
            (here, Some(base))
        }
        None => (against::here(context)?, None),
    };
    let user = user(arguments, &here.settings.users)?;
    let asked = context.global.environment_type;
    let types = match asked {
        _ if arguments.all_types => EnvironmentType::ALL.to_vec(),
        Some(kind) => vec![kind.name().parse().unwrap_or_default()],
        None if user.is_some() => EnvironmentType::ALL.to_vec(),
        None => Vec::new(),
    };
    let sheet = Sheet {
        users: &here.settings.users,
        user,
        types,
    };
    let lines = lines(arguments, &here.config, base.as_ref())?;
    if arguments.format == Format::Json {
        let list: Vec<Value> = lines.iter().map(|line| sheet.json(line)).collect();
        let document = match &base {
            Some(base) => json!({ "against": base.json(), "changes": list }),
            None => json!(list),
        };
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        context.print(&format!("{text}\n"))?;
    } else {
        let is_table = arguments.format == Format::Table;
        if is_table && !sheet.types.is_empty() && sheet.users.is_empty() && !context.global.quiet {
            context.talk("No users are known, so that roles stand for them: `users` in .upsun-local.yaml names some\n");
        }
        let nothing_changed = base.as_ref().filter(|_| lines.is_empty() && is_table);
        if let Some(base) = nothing_changed {
            if !context.global.quiet {
                context.talk(&format!(
                    "Nobody may do anything else than at {}\n",
                    base.title()
                ));
            }
        } else {
            context.print(&table(context, arguments, &sheet, &lines)?)?;
        }
    }
    match &base {
        Some(base) if arguments.deny_widening => refuse_widening(&lines, base),
        _ => Ok(0),
    }
}

fn user<'a>(
    arguments: &Arguments,
    users: &'a IndexMap<String, Grants>,
) -> Result<Option<&'a Grants>, Failure> {
    let Some(name) = &arguments.user else {
        return Ok(None);
    };
    users.get(name).map(Some).ok_or_else(|| {
        let err = roles::Error::UnknownUser {
            name: name.clone(),
            known: users.keys().cloned().collect(),
        };
        let failure = Failure::usage(err.to_string());
        match err.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn lines<'a>(
    arguments: &Arguments,
    config: &'a Config,
    base: Option<&'a Base>,
) -> Result<Vec<Line<'a>>, Failure> {
    // What is gone may be asked about too.
    let is_gone = |name: &str| base.is_some_and(|base| base.config.apps.contains_key(name));
    if let Some(name) = arguments.app.as_deref().filter(|name| !is_gone(name)) {
        find_app(config, name)?;
    }
    let mut lines: Vec<Line<'a>> = match base {
        Some(base) => changes(&base.config, config)
            .into_iter()
            .map(|changed| Line {
                right: changed.right.clone(),
                changed: Some(changed),
            })
            .collect(),
        None => config
            .apps
            .values()
            .flat_map(|app: &App| rights(app))
            .map(|right| Line {
                right,
                changed: None,
            })
            .collect(),
    };
    lines.retain(|line| {
        let right = &line.right;
        let is_app = arguments
            .app
            .as_ref()
            .is_none_or(|name| *name == right.app.name);
        is_app && (arguments.worker.is_none() || arguments.worker.as_deref() == right.worker)
    });
    Ok(lines)
}

fn table(
    context: &Context,
    arguments: &Arguments,
    sheet: &Sheet<'_>,
    lines: &[Line<'_>],
) -> Result<String, Failure> {
    let changes = arguments.against.is_some();
    let columns = if arguments.columns.is_empty() {
        usual_columns(changes, sheet)
    } else {
        arguments.columns.clone()
    };
    let of_changes = |column: &&Column| matches!(column, Column::Change | Column::Before);
    if let Some(column) = columns.iter().find(of_changes).filter(|_| !changes) {
        let name = column.title().to_lowercase();
        return Err(
            Failure::usage(format!("there is a column `{name}` with `--against` only"))
                .hint("name what to compare with, such as `--against origin/main`"),
        );
    }
    let header = (!arguments.no_header).then(|| {
        let titles = columns.iter().map(|column| column.title().to_owned());
        titles.collect()
    });
    let rows = lines.iter().map(|line| {
        let cells = columns.iter().map(|column| sheet.cell(*column, line));
        cells.collect()
    });
    let rows: Vec<Vec<String>> = header.into_iter().chain(rows).collect();
    Ok(match arguments.format {
        Format::Csv => super::table::separated(&rows, ','),
        Format::Tsv => super::table::separated(&rows, '\t'),
        Format::Plain => super::table::plain(&rows),
        Format::Table | Format::Json => {
            super::table::aligned(&rows, !arguments.no_header, true, context.out_style)
        }
    })
}

/// What became wider, as the reason to stop.
fn refuse_widening(lines: &[Line<'_>], base: &Base) -> Result<u8, Failure> {
    let wider: Vec<String> = lines
        .iter()
        .filter_map(|line| Some((line, line.changed.as_ref()?)))
        .filter(|(_, changed)| changed.change == Change::Widened)
        .map(|(line, changed)| {
            let right = &line.right;
            let before = changed.before.unwrap_or_default();
            let like = changed.like.as_ref();
            let like = like.map_or_else(String::new, |like| format!(" as `{like}`"));
            format!(
                "\n  {}:{}: `{}` on `{}` needs `{}`, and needed `{before}`{like}",
                right.place.file,
                right.place.line,
                right.title(),
                right.service(),
                right.role
            )
        })
        .collect();
    if wider.is_empty() {
        return Ok(0);
    }
    Err(Failure::new(
        DENIED,
        format!(
            "more is allowed than at {}:{}",
            base.title(),
            wider.concat()
        ),
    )
    .hint("raise the role again; where it is meant, leave out `--deny-widening`"))
}
