//! How the access changed since a commit.

use std::path::Path;

use indexmap::IndexMap;

use crate::comparison::pairs;
use crate::comparison::users::{UserChange, of_users};
use crate::config::Config;
use crate::config::files::{Files, ReadError};
use crate::failure::{BAD_FILE, Failure};
use crate::revision::base::Base;
use crate::roles::{EnvironmentType, Grants};
use crate::settings::{self, FILE_NAME, Settings};

/// The apps that seem to have another name now: the name before, and the one of now.
pub fn renamed<'a>(config: &'a Config, base: &'a Base) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pairs = pairs(&base.config, config).into_iter();
    pairs.filter_map(|pair| Some((pair.renamed_from()?, pair.now?.name.as_str())))
}

/// The users who are not what they were. Nothing is known of them where no commit has the settings, nor where there
/// was nothing that anybody could have done.
pub fn users_since(
    root: &Path,
    here: &Settings,
    base: &Base,
    types: &[EnvironmentType],
) -> Result<Option<Vec<UserChange>>, Failure> {
    let Some(revision) = base.revision.as_ref().filter(|_| base.is_configured) else {
        return Ok(None);
    };
    let before = match revision.read(Path::new(FILE_NAME)) {
        Ok(bytes) => {
            let name = format!("{}:{FILE_NAME}", revision.name);
            settings::users_of(&String::from_utf8_lossy(&bytes), &name).map_err(|err| {
                let failure = Failure::new(BAD_FILE, err.to_string());
                match err.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            })?
        }
        // Nothing but that is worth a question: a file that is not there says nothing about users.
        Err(ReadError::Missing)
            if root.join(FILE_NAME).exists() && revision.is_tracked(FILE_NAME)? =>
        {
            IndexMap::new()
        }
        Err(_) => return Ok(None),
    };
    let types = if types.is_empty() {
        &EnvironmentType::ALL
    } else {
        types
    };
    // Users of the machine's own settings are in no commit, so a push does not add them.
    let now: IndexMap<String, Grants> = here
        .users
        .iter()
        .filter(|(name, _)| !here.own_users.contains(*name))
        .map(|(name, grants)| (name.clone(), grants.clone()))
        .collect();
    Ok(Some(of_users(&before, &now, types)))
}
