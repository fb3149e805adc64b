//! Who may trigger what: Upsun's roles, the environment types they are held on, and who acts now.
//!
//! Roles are simulated: nothing here asks Upsun who somebody really is.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;

use crate::suggestion::{nearest, quoted_list};

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

/// The type of an environment; roles are held per type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum EnvironmentType {
    /// The live site.
    Production,
    /// Where releases are tried.
    Staging,
    /// Everything else, and what a sandbox is unless told otherwise.
    #[default]
    Development,
}

impl EnvironmentType {
    /// Every type.
    pub const ALL: [EnvironmentType; 3] = [
        EnvironmentType::Production,
        EnvironmentType::Staging,
        EnvironmentType::Development,
    ];

    /// The name as Upsun writes it.
    pub fn name(self) -> &'static str {
        match self {
            EnvironmentType::Production => "production",
            EnvironmentType::Staging => "staging",
            EnvironmentType::Development => "development",
        }
    }
}

impl fmt::Display for EnvironmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is none of `production`, `staging`, `development`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an environment type: it is one of `production`, `staging`, `development`")]
pub struct UnknownEnvironmentType(pub String);

impl FromStr for EnvironmentType {
    type Err = UnknownEnvironmentType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvironmentType::ALL
            .into_iter()
            .find(|r#type| r#type.name() == text)
            .ok_or_else(|| UnknownEnvironmentType(text.to_owned()))
    }
}

/// The roles that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// The same role on every environment. `Admin` is a project admin, who may do everything.
    Everywhere(Role),
    /// A role per environment type; no access on a type that is not listed.
    PerType(BTreeMap<EnvironmentType, Role>),
}

impl Grants {
    /// The role on environments of one type; `None` for no access.
    pub fn role_on(&self, environment_type: EnvironmentType) -> Option<Role> {
        match self {
            Grants::Everywhere(role) => Some(*role),
            Grants::PerType(roles) => roles.get(&environment_type).copied(),
        }
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grants::Everywhere(role) => write!(f, "{role}"),
            Grants::PerType(roles) if roles.is_empty() => f.write_str("none"),
            Grants::PerType(roles) => {
                for (index, (environment_type, role)) in roles.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{environment_type}:{role}")?;
                }
                Ok(())
            }
        }
    }
}

/// Why a text names no roles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantsError {
    /// A role that does not exist.
    #[error(transparent)]
    Role(#[from] UnknownRole),
    /// An environment type that does not exist.
    #[error(transparent)]
    EnvironmentType(#[from] UnknownEnvironmentType),
    /// The same environment type with two roles.
    #[error("`{0}` is given two roles")]
    Twice(EnvironmentType),
    /// There is nothing between two commas, or nothing at all.
    #[error("a role is missing: write `viewer`, or `production:viewer,development:contributor`")]
    Empty,
}

impl FromStr for Grants {
    type Err = GrantsError;

    /// Reads a bare role, or the notation of Upsun's CLI: `production:viewer,development:contributor`.
    /// `*` (or `%`) stands for the types that are not listed, the role `none` for no access, and a
    /// bare `admin` anywhere in the list makes a project admin.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut roles: BTreeMap<EnvironmentType, Option<Role>> = BTreeMap::new();
        let mut others = None;
        let mut project = None;
        for part in text.split(',').map(str::trim) {
            match part.split_once(':') {
                None if part.is_empty() => return Err(GrantsError::Empty),
                None => project = project.max(role_or_none(part)?),
                Some(("*" | "%", role)) => others = role_or_none(role.trim())?,
                Some((name, role)) => {
                    let environment_type = name.trim().parse()?;
                    let role = role_or_none(role.trim())?;
                    if roles.insert(environment_type, role).is_some() {
                        return Err(GrantsError::Twice(environment_type));
                    }
                }
            }
        }
        if project == Some(Role::Admin) {
            return Ok(Grants::Everywhere(Role::Admin));
        }
        if let Some(role) = project
            && roles.is_empty()
            && others.is_none()
        {
            return Ok(Grants::Everywhere(role));
        }
        // A bare role next to others holds where nothing more exact is said.
        for environment_type in EnvironmentType::ALL {
            roles.entry(environment_type).or_insert(others.or(project));
        }
        Ok(Grants::PerType(
            roles
                .into_iter()
                .filter_map(|(environment_type, role)| Some((environment_type, role?)))
                .collect(),
        ))
    }
}

fn role_or_none(text: &str) -> Result<Option<Role>, UnknownRole> {
    match text {
        "none" => Ok(None),
        role => role.parse().map(Some),
    }
}

/// Everything that can say who acts; the first of these that is given counts: `flag`, `user`,
/// `variable`, `default`, and at last a project admin, since it is the caller's own sandbox.
#[derive(Debug, Clone, Copy, Default)]
pub struct Question<'a> {
    /// `--role`.
    pub flag: Option<&'a str>,
    /// `--as`: one of `users`.
    pub user: Option<&'a str>,
    /// The value of `UPSUN_LOCAL_ROLE`.
    pub variable: Option<&'a str>,
    /// `role` of the settings.
    pub default: Option<&'a Grants>,
    /// `users` of the settings.
    pub users: Option<&'a IndexMap<String, Grants>>,
    /// The type of the environment that is acted on.
    pub environment_type: EnvironmentType,
}

/// Who acts, and with which role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's name, when one was given.
    pub name: Option<String>,
    /// The role on the environment that is acted on.
    pub role: Role,
}

/// Why no role follows from the options and settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `--role` or `UPSUN_LOCAL_ROLE` cannot be read.
    #[error("{origin}: {error}")]
    Role {
        /// `--role` or `UPSUN_LOCAL_ROLE`.
        origin: &'static str,
        /// What is wrong with it.
        error: GrantsError,
    },
    /// `--as` names a user that the settings do not know.
    #[error("unknown user `{name}`")]
    UnknownUser {
        /// The name as given.
        name: String,
        /// The names that the settings know.
        known: Vec<String>,
    },
    /// The roles that were found say nothing for this type of environment.
    #[error("{who} has no access to `{environment_type}` environments")]
    NoAccess {
        /// `user `alice`` or `this role`.
        who: String,
        /// The roles that are held.
        grants: String,
        /// The type asked about.
        environment_type: EnvironmentType,
    },
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Role { .. } => None,
            Error::UnknownUser { known, .. } if known.is_empty() => {
                Some("no users are known: add them under `users` in .upsun-local.yaml".to_owned())
            }
            Error::UnknownUser { name, known } => {
                let near = nearest(name, known.iter().map(String::as_str));
                let known = quoted_list(known.iter().map(String::as_str));
                Some(match near {
                    Some(near) => format!("did you mean `{near}`? known users: {known}"),
                    None => format!("known users: {known}"),
                })
            }
            Error::NoAccess { grants, .. } => Some(format!(
                "the roles held are `{grants}`: add one for this type, or try another `--environment-type`"
            )),
        }
    }
}

/// Says who acts, and with which role.
pub fn resolve(question: &Question<'_>) -> Result<Actor, Error> {
    let read = |origin, text: &str| {
        text.parse::<Grants>()
            .map_err(|error| Error::Role { origin, error })
    };
    let user = match (question.user, question.users) {
        (None, _) => None,
        (Some(name), users) => {
            let grants = users.and_then(|users| users.get(name));
            Some((name, grants))
        }
    };
    let grants = match (question.flag, user, question.variable) {
        (Some(flag), ..) => read("--role", flag)?,
        (None, Some((_, Some(grants))), _) => grants.clone(),
        (None, Some((name, None)), _) => {
            return Err(Error::UnknownUser {
                name: name.to_owned(),
                known: question
                    .users
                    .map(|users| users.keys().cloned().collect())
                    .unwrap_or_default(),
            });
        }
        (None, None, Some(variable)) if !variable.is_empty() => read("UPSUN_LOCAL_ROLE", variable)?,
        (None, None, _) => question
            .default
            .cloned()
            .unwrap_or(Grants::Everywhere(Role::Admin)),
    };
    let name = question.user.map(str::to_owned);
    match grants.role_on(question.environment_type) {
        Some(role) => Ok(Actor { name, role }),
        None => Err(Error::NoAccess {
            who: name.map_or_else(|| "this role".to_owned(), |name| format!("user `{name}`")),
            grants: grants.to_string(),
            environment_type: question.environment_type,
        }),
    }
}
