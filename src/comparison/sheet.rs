//! Who may run what, for people and for programs: rights, with those who have them.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::access::{Changed, Right};
use super::users::{Roles, UserChange};
use crate::roles::{EnvironmentType, Grants, Role};

/// Everything that the cells are made from.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// Everybody, from the settings.
    pub users: &'a IndexMap<String, Grants>,
    /// The one that is asked about, with the name.
    pub user: Option<(&'a str, &'a Grants)>,
    /// The types of environments that are asked about.
    pub types: Vec<EnvironmentType>,
}

/// A line: a right, and how it changed where that is asked for.
#[derive(Debug)]
pub struct Line<'a> {
    pub right: Right<'a>,
    /// How it changed.
    pub changed: Option<Changed<'a>>,
}

impl Line<'_> {
    /// Whether its app has that name, or had it.
    pub fn is_of(&self, app: &str) -> bool {
        let renamed = self.changed.as_ref().and_then(|changed| changed.renamed);
        self.right.app.name == app
            || renamed.is_some_and(|(before, now)| [before, now].contains(&app))
    }
}

impl Sheet<'_> {
    /// Who may do what asks for a role on a type of environment.
    pub fn who(&self, role: Role, environment_type: EnvironmentType) -> Vec<&str> {
        self.users
            .iter()
            .filter(|(name, _)| self.user.is_none_or(|(asked, _)| asked == *name))
            .filter(|(_, grants)| may(grants, environment_type, role))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The users for whom a change makes a difference.
    pub fn moved(&self, changed: &Changed<'_>, environment_type: EnvironmentType) -> Vec<&str> {
        let may = |role: Option<Role>| {
            role.map(|role| self.who(role, environment_type))
                .unwrap_or_default()
        };
        let (before, now) = (may(changed.before), may(changed.now));
        let differs = |name: &&str| before.contains(name) != now.contains(name);
        let users = self.users.keys().map(String::as_str);
        users.filter(differs).collect()
    }

    /// The line as JSON.
    pub fn json(&self, line: &Line<'_>) -> Value {
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

/// Whether grants are enough for a role on a type of environment.
pub fn may(grants: &Grants, environment_type: EnvironmentType, role: Role) -> bool {
    grants
        .role_on(environment_type)
        .is_some_and(|held| held.may(role))
}

/// The change of a user as JSON.
pub fn user_json(user: &UserChange) -> Value {
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
