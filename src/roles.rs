//! Who may trigger what: Upsun's roles and their order.

use std::fmt;
use std::str::FromStr;

/// A role on an environment type; a later one may do everything an earlier one may.
///
/// Source: <https://docs.upsun.com/administration/users.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// May look.
    Viewer,
    /// May push; what operations and shells ask for when nothing is written.
    #[default]
    Contributor,
    /// May do everything on the environment.
    Admin,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Contributor, Role::Admin];

    /// The name as it is written in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Contributor => "contributor",
            Role::Admin => "admin",
        }
    }

    /// Whether somebody with this role may do what asks for `minimum`.
    pub fn may(self, minimum: Role) -> bool {
        self >= minimum
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is none of `viewer`, `contributor`, `admin`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: it is one of `viewer`, `contributor`, `admin`")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_asks_for_it_or_for_less() {
        let table: Vec<(Role, Role, bool)> = Role::ALL
            .into_iter()
            .flat_map(|held| {
                Role::ALL
                    .into_iter()
                    .map(move |asked| (held, asked, held.may(asked)))
            })
            .collect();
        let allowed = table.iter().filter(|row| row.2).count();
        assert_eq!(allowed, 6);
        assert!(!Role::Viewer.may(Role::Contributor));
        assert!(Role::Admin.may(Role::Viewer));
    }

    #[test]
    fn case_matters() {
        assert_eq!("Admin".parse::<Role>(), Err(UnknownRole("Admin".into())));
        assert_eq!("admin".parse::<Role>(), Ok(Role::Admin));
    }
}
