//! `access`: who may run what, and how that changed.

use clap::{Args, ValueEnum};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::against::{self, Base, Which};
use super::context::Context;
use super::failure::{DENIED, Failure};
use super::list::Format;
use super::workspace::find_app;
use crate::comparison::access::{Change, Changed, Right, changes, rights};
use crate::config::Config;
use crate::config::app::App;
use crate::roles::{self, EnvironmentType, Grants, Role};

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

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Column {
    /// With `--against`: what happened
    Change,
    /// The app, or `app--worker`
    Service,
    /// The operation's name, `access.ssh`, or `source.operations.<name>`
    #[value(alias = "operation")]
    Name,
    /// The lowest role that may
    #[value(alias = "now")]
    Role,
    /// With `--against`: the lowest role that might
    Before,
    /// Whether a viewer may
    Viewer,
    /// Whether a contributor may
    Contributor,
    /// Whether an admin may
    Admin,
    /// Who may in production
    Production,
    /// Who may on staging environments
    Staging,
    /// Who may on development environments
    Development,
    /// Where it is written
    Place,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Column::Change => "Change",
            Column::Service => "Service",
            Column::Name => "Operation",
            Column::Role => "Role",
            Column::Before => "Before",
            Column::Viewer => "viewer",
            Column::Contributor => "contributor",
            Column::Admin => "admin",
            Column::Production => "production",
            Column::Staging => "staging",
            Column::Development => "development",
            Column::Place => "Place",
        }
    }

    fn of_type(environment_type: EnvironmentType) -> Self {
        match environment_type {
            EnvironmentType::Production => Column::Production,
            EnvironmentType::Staging => Column::Staging,
            EnvironmentType::Development => Column::Development,
        }
    }
}

/// Everything that the cells are made from.
struct Sheet<'a> {
    users: &'a IndexMap<String, Grants>,
    /// The one that is asked about.
    user: Option<&'a Grants>,
    /// The types of environments that are asked about.
    types: Vec<EnvironmentType>,
}

/// A line: a right, and how it changed where that is asked for.
struct Line<'a> {
    right: Right<'a>,
    changed: Option<Changed<'a>>,
}

impl Sheet<'_> {
    /// Who may do what asks for a role on a type of environment.
    fn who(&self, role: Role, environment_type: EnvironmentType) -> Vec<&str> {
        self.users
            .iter()
            .filter(|(_, grants)| may(grants, environment_type, role))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn cell(&self, column: Column, line: &Line<'_>) -> String {
        let right = &line.right;
        let role = |role: Option<Role>| role.map(|role| role.to_string()).unwrap_or_default();
        match column {
            Column::Change => line
                .changed
                .as_ref()
                .map(|changed| changed.change.name().to_owned())
                .unwrap_or_default(),
            Column::Service => right.service(),
            Column::Name => right.title(),
            Column::Role => match &line.changed {
                Some(changed) => role(changed.now),
                None => role(Some(right.role)),
            },
            Column::Before => line.changed.as_ref().map_or_else(String::new, |changed| {
                let like = changed.like.as_ref();
                role(changed.before) + &like.map_or_else(String::new, |like| format!(" as {like}"))
            }),
            Column::Viewer => yes(Role::Viewer.may(right.role)),
            Column::Contributor => yes(Role::Contributor.may(right.role)),
            Column::Admin => yes(Role::Admin.may(right.role)),
            Column::Production => self.on(EnvironmentType::Production, line),
            Column::Staging => self.on(EnvironmentType::Staging, line),
            Column::Development => self.on(EnvironmentType::Development, line),
            Column::Place => format!("{}:{}", right.place.file, right.place.line),
        }
    }

    /// Who may on a type of environment; without users, which roles. Of a change: who may and might not, or the
    /// other way round.
    fn on(&self, environment_type: EnvironmentType, line: &Line<'_>) -> String {
        let role = line.right.role;
        if let Some(grants) = self.user {
            return yes(may(grants, environment_type, role));
        }
        let names: Vec<&str> = match (&line.changed, self.users.is_empty()) {
            (Some(changed), false) => self.moved(changed, environment_type),
            (None, false) => self.who(role, environment_type),
            (Some(changed), true) => {
                let may =
                    |held: Role, asked: Option<Role>| asked.is_some_and(|asked| held.may(asked));
                let differs = |held: &Role| may(*held, changed.before) != may(*held, changed.now);
                let roles = Role::ALL.into_iter().filter(differs);
                roles.map(Role::name).collect()
            }
            (None, true) => {
                let roles = Role::ALL.into_iter().filter(|held| held.may(role));
                roles.map(Role::name).collect()
            }
        };
        if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(", ")
        }
    }

    /// The users for whom a change makes a difference.
    fn moved(&self, changed: &Changed<'_>, environment_type: EnvironmentType) -> Vec<&str> {
        let may = |role: Option<Role>| {
            role.map(|role| self.who(role, environment_type))
                .unwrap_or_default()
        };
        let (before, now) = (may(changed.before), may(changed.now));
        let differs = |name: &&str| before.contains(name) != now.contains(name);
        let users = self.users.keys().map(String::as_str);
        users.filter(differs).collect()
    }

    /// The same for programs.
    fn json(&self, line: &Line<'_>) -> Value {
        let right = &line.right;
        let types = if self.types.is_empty() {
            EnvironmentType::ALL.to_vec()
        } else {
            self.types.clone()
        };
        let by_type = |names: &dyn Fn(EnvironmentType) -> Vec<String>| {
            let types = types.iter();
            let map = types.map(|kind| (kind.name().to_owned(), json!(names(*kind))));
            Value::Object(map.collect())
        };
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let mut object = json!({
            "service": right.service(),
            "app": right.app.name,
            "worker": right.worker,
            "kind": right.kind,
            "name": right.name,
            "role": right.role.name(),
            "file": right.place.file,
            "line": right.place.line,
        });
        let of_line = if let Some(changed) = &line.changed {
            json!({
                "change": changed.change,
                "before": changed.before.map(Role::name),
                "role": changed.now.map(Role::name),
                "like": changed.like,
                "users": by_type(&|kind| owned(self.moved(changed, kind))),
            })
        } else {
            let roles = Role::ALL.into_iter().filter(|held| held.may(right.role));
            let roles: Vec<&str> = roles.map(Role::name).collect();
            json!({
                "roles": roles,
                "users": by_type(&|kind| owned(self.who(right.role, kind))),
            })
        };
        if let (Value::Object(object), Value::Object(of_line)) = (&mut object, of_line) {
            object.extend(of_line);
        }
        object
    }
}

fn may(grants: &Grants, environment_type: EnvironmentType, role: Role) -> bool {
    grants
        .role_on(environment_type)
        .is_some_and(|held| held.may(role))
}

fn yes(may: bool) -> String {
    if may { "yes" } else { "-" }.to_owned()
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

fn usual_columns(changes: bool, sheet: &Sheet<'_>) -> Vec<Column> {
    let types = sheet.types.iter().copied().map(Column::of_type);
    if changes {
        let first = [
            Column::Change,
            Column::Service,
            Column::Name,
            Column::Before,
            Column::Role,
        ];
        return first.into_iter().chain(types).collect();
    }
    let mut columns = vec![Column::Service, Column::Name];
    if sheet.types.is_empty() {
        columns.extend([Column::Viewer, Column::Contributor, Column::Admin]);
    } else {
        columns.push(Column::Role);
        columns.extend(types);
    }
    columns
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
