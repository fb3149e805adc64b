//! How the roles of users differ between two settings.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::access::Change;
use crate::roles::{EnvironmentType, Grants, Role};

/// The roles of a user on a type of environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// What it was.
    pub before: Option<Role>,
    /// What it is.
    pub now: Option<Role>,
}

impl Roles {
    fn is_wider(self) -> bool {
        self.now > self.before
    }
}

/// A user who is not what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChange {
    pub name: String,
    /// How it changed; wider when it is so on any type of environment.
    pub change: Change,
    /// The types of environments on which the role differs.
    pub roles: BTreeMap<EnvironmentType, Roles>,
}

impl UserChange {
    /// Whether somebody may do what they might not. Unlike a new operation, a new user always may.
    pub fn widens(&self) -> bool {
        self.roles.values().any(|roles| roles.is_wider())
    }

    /// The former roles, as the settings write them; empty for a user without access.
    pub fn before(&self) -> String {
        self.written(Change::Added, |roles| roles.before)
    }

    /// The present roles, as the settings write them; empty for a user without access.
    pub fn now(&self) -> String {
        self.written(Change::Removed, |roles| roles.now)
    }

    fn written(&self, unless: Change, side: impl Fn(Roles) -> Option<Role>) -> String {
        if self.change == unless {
            return String::new();
        }
        let name = |roles| side(roles).map_or("none", Role::name);
        let mut names = self.roles.values().map(|roles| name(*roles));
        let first = names.next().unwrap_or_default();
        let is_everywhere = self.roles.len() == EnvironmentType::ALL.len();
        if is_everywhere && names.all(|other| other == first) {
            return first.to_owned();
        }
        let parts = self.roles.iter();
        let parts = parts.map(|(kind, roles)| format!("{kind}:{}", name(*roles)));
        parts.collect::<Vec<_>>().join(",")
    }
}

/// The users who differ on these types of environments: those there are now, in their order, and then those that
/// are gone.
pub fn of_users(
    before: &IndexMap<String, Grants>,
    now: &IndexMap<String, Grants>,
    types: &[EnvironmentType],
) -> Vec<UserChange> {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    now.keys()
        .chain(gone)
        .filter_map(|name| {
            let (old, new) = (before.get(name), now.get(name));
            let role = |grants: Option<&Grants>, kind| grants.and_then(|held| held.role_on(kind));
            let roles: BTreeMap<_, _> = types
                .iter()
                .map(|kind| {
                    let (before, now) = (role(old, *kind), role(new, *kind));
                    (*kind, Roles { before, now })
                })
                .filter(|(_, roles)| roles.before != roles.now)
                .collect();
            let is_wider = roles.values().any(|roles| roles.is_wider());
            let change = match (old, new) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                _ if is_wider => Change::Widened,
                _ => Change::Narrowed,
            };
            (!roles.is_empty()).then(|| UserChange {
                name: name.clone(),
                change,
                roles,
            })
        })
        .collect()
}
