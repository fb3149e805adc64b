//! What stands in the cells of `access`, for people.

use clap::ValueEnum;
use upsun_local::comparison::sheet::{Line, Sheet, may};
use upsun_local::comparison::users::UserChange;
use upsun_local::roles::{EnvironmentType, Role};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Column {
    /// With `--against`: how the permission changed
    Change,
    /// The app, or `app--worker`
    Service,
    /// The operation's name, `access.ssh`, or `source.operations.<name>`
    #[value(alias = "operation")]
    Name,
    /// The lowest role with the permission
    #[value(alias = "now")]
    Role,
    /// With `--against`: the lowest role that had the permission before
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
    /// File and line of the configuration
    Place,
}

impl Column {
    /// Whether names stand in it, one after the other.
    pub(super) fn is_list(self) -> bool {
        matches!(
            self,
            Column::Production | Column::Staging | Column::Development
        )
    }

    /// What stands above it.
    pub(super) fn title(self) -> &'static str {
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

/// What stands in a column of a line.
pub(super) fn cell(sheet: &Sheet<'_>, column: Column, line: &Line<'_>) -> String {
    let right = &line.right;
    let role = |role: Option<Role>| role.map(|role| role.to_string()).unwrap_or_default();
    match column {
        Column::Change => line
            .changed
            .as_ref()
            .map(|changed| changed.change.name().to_owned())
            .unwrap_or_default(),
        Column::Service => match &line.changed {
            Some(changed) => changed.service(),
            None => right.service(),
        },
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
        Column::Production => on(sheet, EnvironmentType::Production, line),
        Column::Staging => on(sheet, EnvironmentType::Staging, line),
        Column::Development => on(sheet, EnvironmentType::Development, line),
        Column::Place => format!("{}:{}", right.place.file, right.place.line),
    }
}

/// Who may on a type of environment; without users, which roles. Of a change: who may and might not, or the
/// other way round.
fn on(sheet: &Sheet<'_>, environment_type: EnvironmentType, line: &Line<'_>) -> String {
    let role = line.right.role;
    if let Some((_, grants)) = sheet.user {
        return yes(may(grants, environment_type, role));
    }
    let names: Vec<&str> = match (&line.changed, sheet.users.is_empty()) {
        (Some(changed), false) => sheet.moved(changed, environment_type),
        (None, false) => sheet.who(role, environment_type),
        (Some(changed), true) => {
            let may = |held: Role, asked: Option<Role>| asked.is_some_and(|asked| held.may(asked));
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

/// What stands in a column of a line about a user who is not what they were.
pub(super) fn user_cell(column: Column, user: &UserChange, place: &str) -> String {
    let differs = |kind| {
        let is_other = user.roles.contains_key(&kind);
        if is_other {
            user.name.clone()
        } else {
            "-".to_owned()
        }
    };
    match column {
        Column::Change => user.change.name().to_owned(),
        Column::Name => format!("user {}", user.name),
        Column::Before => user.before(),
        Column::Role => user.now(),
        Column::Production => differs(EnvironmentType::Production),
        Column::Staging => differs(EnvironmentType::Staging),
        Column::Development => differs(EnvironmentType::Development),
        Column::Place => place.to_owned(),
        Column::Service | Column::Viewer | Column::Contributor | Column::Admin => String::new(),
    }
}

fn yes(may: bool) -> String {
    if may { "yes" } else { "-" }.to_owned()
}

/// The columns without `--columns`.
pub(super) fn usual_columns(changes: bool, sheet: &Sheet<'_>) -> Vec<Column> {
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
