//! What stands in the cells of `access`, for people and for programs.

use clap::ValueEnum;
use indexmap::IndexMap;
use serde_json::{Value, json};

use upsun_local::comparison::access::{Changed, Right};
use upsun_local::comparison::users::{Roles, UserChange};
use upsun_local::roles::{EnvironmentType, Grants, Role};

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

/// Everything that the cells are made from.
pub(super) struct Sheet<'a> {
    /// Everybody, from the settings.
    pub(super) users: &'a IndexMap<String, Grants>,
    /// The one that is asked about, with the name.
    pub(super) user: Option<(&'a str, &'a Grants)>,
    /// The types of environments that are asked about.
    pub(super) types: Vec<EnvironmentType>,
}

/// A line: a right, and how it changed where that is asked for.
pub(super) struct Line<'a> {
    pub(super) right: Right<'a>,
    /// How it changed.
    pub(super) changed: Option<Changed<'a>>,
}

impl Line<'_> {
    /// Whether its app has that name, or had it.
    pub(super) fn is_of(&self, app: &str) -> bool {
        let renamed = self.changed.as_ref().and_then(|changed| changed.renamed);
        self.right.app.name == app
            || renamed.is_some_and(|(before, now)| [before, now].contains(&app))
    }
}

impl Sheet<'_> {
    /// Who may do what asks for a role on a type of environment.
    fn who(&self, role: Role, environment_type: EnvironmentType) -> Vec<&str> {
        self.users
            .iter()
            .filter(|(name, _)| self.user.is_none_or(|(asked, _)| asked == *name))
            .filter(|(_, grants)| may(grants, environment_type, role))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// What stands in a column of a line.
    pub(super) fn cell(&self, column: Column, line: &Line<'_>) -> String {
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
        if let Some((_, grants)) = self.user {
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

    /// What stands in a column of a line about a user who is not what they were.
    pub(super) fn user_cell(&self, column: Column, user: &UserChange, place: &str) -> String {
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

    /// The line as JSON.
    pub(super) fn json(&self, line: &Line<'_>) -> Value {
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
                "app_before": changed.renamed.map(|(before, _)| before),
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
        if let (Some((_, grants)), Value::Object(object)) = (self.user, &mut object) {
            let role = right.role;
            let may = types
                .iter()
                .map(|kind| (kind.name().to_owned(), json!(may(grants, *kind, role))));
            object.insert("may".to_owned(), Value::Object(may.collect()));
        }
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

/// The change of a user as JSON.
pub(super) fn user_json(user: &UserChange) -> Value {
    let side = |side: fn(Roles) -> Option<Role>| {
        let roles = user.roles.iter();
        let roles = roles
            .map(|(kind, roles)| (kind.name().to_owned(), json!(side(*roles).map(Role::name))));
        Value::Object(roles.collect())
    };
    json!({
        "user": user.name,
        "change": user.change,
        "before": side(|roles| roles.before),
        "role": side(|roles| roles.now),
    })
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
