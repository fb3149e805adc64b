//! The acting role or user, and what it may do. Every denial is made here.

use super::{Error, Workspace};
use crate::roles::{self, Actor, Role};

impl Workspace {
    /// The actor, from the options, the environment variable and the settings.
    pub fn actor(&self, role: Option<&str>, user: Option<&str>) -> Result<Actor, Error> {
        roles::resolve(&roles::Question {
            flag: role,
            user,
            variable: self.default_role.as_deref(),
            default: self.settings.role.as_ref(),
            users: Some(&self.settings.users),
            environment_type: self.environment_type,
        })
        .map_err(|err| {
            let error = if matches!(err, roles::Error::NoAccess { .. }) {
                Error::denied(err.to_string())
            } else {
                Error::request(err.to_string())
            };
            error.hinted(err.hint())
        })
    }
}

/// Refuses an action, such as ``run `x` on `app` ``, to a role that is too low.
pub fn permit(actor: &Actor, needed: Role, deed: &str) -> Result<(), Error> {
    if actor.role.may(needed) {
        return Ok(());
    }
    let who = match &actor.name {
        Some(name) => format!("`{name}`, who is `{}`,", actor.role),
        None => format!("the role `{}`", actor.role),
    };
    let message = format!("{who} may not {deed}: it needs `{needed}`");
    Err(Error::denied(message).hint(format!("try `--role {needed}`")))
}
