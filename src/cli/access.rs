//! `access`: who may run what, and how that changed.

mod fit;
mod sheet;

use std::collections::BTreeSet;

use clap::Args;
use indexmap::IndexMap;
use serde_json::{Value, json};

use self::sheet::{Column, cell, user_cell, usual_columns};
use super::against::{self, Base, Here, Which};
use super::context::Context;
use super::options::ListFormat as Format;
use upsun_local::actions::access::{renamed, users_since};
use upsun_local::comparison::access::{Change, changes, rights};
use upsun_local::comparison::sheet::{Line, Sheet, user_json};
use upsun_local::comparison::users::UserChange;
use upsun_local::config::Config;
use upsun_local::config::app::App;
use upsun_local::failure::{DENIED, Failure};
use upsun_local::roles::{self, EnvironmentType, Grants};
use upsun_local::settings::{self, FILE_NAME};
use upsun_local::suggestion::nearest;
use upsun_local::workspace::find_app;

/// Arguments of `access`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only this app
    #[arg(short = 'A', long, value_name = "APP")]
    app: Option<String>,
    /// Show only this worker
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
    /// Show what this user of .upsun-local.yaml may do
    #[arg(long = "as", value_name = "USER", conflicts_with = "against")]
    user: Option<String>,
    /// Show who may on each environment type; `--environment-type` shows one type
    #[arg(long)]
    all_types: bool,
    /// Show what changed since a Git revision: a branch, a tag or a commit
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// Exit with 77 if a role or a user gains a permission; a new operation does not count
    #[arg(long, requires = "against")]
    deny_widening: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Columns to print, in order
    #[arg(short, long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<Column>,
    /// Omit the header row
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
    let users = match &base {
        Some(base) => users_since(&here.root, &here.settings, base, &sheet.types)?,
        None => None,
    };
    if arguments.format == Format::Json {
        let list: Vec<Value> = lines.iter().map(|line| sheet.json(line)).collect();
        let document = match &base {
            Some(base) => json!({
                "against": base.json(),
                "changes": list,
                "users": users.as_ref().map(|users| users.iter().map(user_json).collect::<Vec<_>>()),
                "renamed": renamed(&here.config, base)
                    .map(|(before, now)| json!({ "app": now, "before": before }))
                    .collect::<Vec<_>>(),
            }),
            None => json!(list),
        };
        let text = upsun_local::json::pretty(&document);
        context.print(&format!("{text}\n"))?;
    } else {
        let is_table = arguments.format == Format::Table;
        if is_table && !sheet.types.is_empty() && sheet.users.is_empty() && !context.global.quiet {
            context.talk("No users are known, so roles are shown instead: name users under `users` in .upsun-local.yaml\n");
        }
        let is_nothing = lines.is_empty() && users.as_ref().is_none_or(Vec::is_empty);
        let nothing_changed = base.as_ref().filter(|_| is_nothing && is_table);
        if let Some(base) = nothing_changed {
            if !context.global.quiet {
                let renamed = renamed(&here.config, base)
                    .map(|(before, now)| format!("; the app `{before}` is called `{now}` now"));
                context.talk(&format!(
                    "No permissions changed since {}{}\n",
                    base.title(),
                    renamed.collect::<String>()
                ));
            }
        } else {
            context.print(&table(
                context,
                arguments,
                &sheet,
                &lines,
                &placed(&here, users.as_deref()),
            )?)?;
        }
    }
    let result = match &base {
        Some(base) if arguments.deny_widening => {
            refuse_widening(&lines, &placed(&here, users.as_deref()), base)
        }
        _ => Ok(0),
    };
    // The process ends here: it is not worth a tenth of its time to give back piece by piece what goes with it.
    std::mem::forget((here, base));
    result
}

/// Users with the place where they are written.
fn placed<'a>(here: &Here, users: Option<&'a [UserChange]>) -> Vec<(&'a UserChange, String)> {
    let place = |user: &UserChange| {
        let line = settings::line_of_user(&here.root, &user.name)
            .filter(|_| user.change != Change::Removed);
        line.map_or_else(
            || FILE_NAME.to_owned(),
            |line| format!("{FILE_NAME}:{line}"),
        )
    };
    let users = users.unwrap_or_default().iter();
    users.map(|user| (user, place(user))).collect()
}

fn user<'a>(
    arguments: &'a Arguments,
    users: &'a IndexMap<String, Grants>,
) -> Result<Option<(&'a str, &'a Grants)>, Failure> {
    let Some(name) = &arguments.user else {
        return Ok(None);
    };
    let found = users.get(name).map(|grants| Some((name.as_str(), grants)));
    found.ok_or_else(|| {
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
    if let Some(worker) = &arguments.worker {
        let before = base.into_iter().flat_map(|base| base.config.apps.values());
        let apps = config.apps.values().chain(before);
        let apps = apps.filter(|app| arguments.app.as_ref().is_none_or(|name| *name == app.name));
        known_worker(worker, apps)?;
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
        let is_app = arguments.app.as_ref().is_none_or(|name| line.is_of(name));
        is_app && (arguments.worker.is_none() || arguments.worker.as_deref() == right.worker)
    });
    Ok(lines)
}

/// Whether one of these apps has a worker of that name.
fn known_worker<'a>(name: &str, apps: impl Iterator<Item = &'a App>) -> Result<(), Failure> {
    let workers: BTreeSet<&str> = apps
        .flat_map(|app| &app.workers)
        .map(|worker| worker.name.as_str())
        .collect();
    if workers.contains(name) {
        return Ok(());
    }
    let failure = Failure::usage(format!("there is no worker `{name}`"));
    Err(match nearest(name, workers.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if workers.is_empty() => failure.hint("there are no workers"),
        None => {
            let workers: Vec<&str> = workers.into_iter().collect();
            failure.hint(format!("there are: {}", workers.join(", ")))
        }
    })
}

fn table(
    context: &Context,
    arguments: &Arguments,
    sheet: &Sheet<'_>,
    lines: &[Line<'_>],
    users: &[(&UserChange, String)],
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
            Failure::usage(format!("the column `{name}` exists only with `--against`"))
                .hint("name what to compare with, such as `--against origin/main`"),
        );
    }
    let header = (!arguments.no_header).then(|| {
        let titles = columns.iter().map(|column| column.title().to_owned());
        titles.collect()
    });
    let rows = lines.iter().map(|line| {
        let cells = columns.iter().map(|column| cell(sheet, *column, line));
        cells.collect()
    });
    let of_users = users.iter().map(|(user, place)| {
        let cells = columns.iter().map(|column| user_cell(*column, user, place));
        cells.collect()
    });
    let rows: Vec<Vec<String>> = header.into_iter().chain(rows).chain(of_users).collect();
    Ok(match arguments.format {
        Format::Csv => super::table::separated(&rows, ','),
        Format::Tsv => super::table::separated(&rows, '\t'),
        Format::Plain => super::table::plain(&rows),
        Format::Table | Format::Json => {
            // The roles of a user are a list too.
            let is_list = |column: Column| {
                let is_role = matches!(column, Column::Before | Column::Role);
                column.is_list() || (is_role && !users.is_empty())
            };
            let lists = (0..columns.len()).filter(|at| is_list(columns[*at]));
            let width = rustix::termios::tcgetwinsize(std::io::stdout())
                .map_or(80, |size| usize::from(size.ws_col).max(40));
            let rows = fit::fit(rows, &lists.collect::<Vec<_>>(), width);
            super::table::aligned(&rows, !arguments.no_header, true, context.out_style)
        }
    })
}

/// What became wider, as the reason to stop.
fn refuse_widening(
    lines: &[Line<'_>],
    users: &[(&UserChange, String)],
    base: &Base,
) -> Result<u8, Failure> {
    let mut wider: Vec<String> = lines
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
    let of_users = users.iter().filter(|(user, _)| user.widens());
    let back = if wider.is_empty() {
        "take the role back"
    } else {
        "raise the role again"
    };
    wider.extend(of_users.map(|(user, place)| {
        let (name, now) = (&user.name, user.now());
        let before = match user.before() {
            before if before.is_empty() => "is new".to_owned(),
            before => format!("had `{before}`"),
        };
        format!("\n  {place}: the user `{name}` has `{now}`, and {before}")
    }));
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
    .hint(format!(
        "{back}; where it is meant, leave out `--deny-widening`"
    )))
}
