//! Variables that were set through Upsun's API: those of the project and of its environments. They stand above those
//! of the settings, in one file of the state directory that only this user can read.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::private;
use crate::user_variables::{UserVariable, UserVariables};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// A variable with what Upsun's API knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredVariable {
    /// A text, or any JSON.
    pub value: Value,
    pub is_json: bool,
    pub is_sensitive: bool,
    pub visible_build: bool,
    pub visible_runtime: bool,
    /// Whether the variable is given to anything.
    pub is_enabled: bool,
    pub is_inheritable: bool,
    pub created_at: String,
    pub updated_at: String,
}

/// Variables by name with their prefix.
pub type StoredVariables = IndexMap<String, StoredVariable>;

/// All variables of a project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    #[serde(default)]
    pub project: StoredVariables,
    /// By the name of the environment.
    #[serde(default)]
    pub environments: IndexMap<String, StoredVariables>,
}

/// The file of a project.
#[derive(Debug, Clone)]
pub struct VariableStore(PathBuf);

impl StoredVariable {
    fn user_variable(&self) -> UserVariable {
        UserVariable {
            value: self.value.clone(),
            sensitive: self.is_sensitive,
            visible_build: self.visible_build,
            visible_runtime: self.visible_runtime,
        }
    }
}

/// Puts variables above others. One that is disabled takes away the other of its name.
pub fn apply(stored: &StoredVariables, to: &mut UserVariables) {
    for (name, variable) in stored {
        if variable.is_enabled {
            to.insert(name.clone(), variable.user_variable());
        } else {
            to.shift_remove(name);
        }
    }
}

impl VariableStore {
    /// The file in a project's state directory.
    pub fn of(state_directory: &Path) -> Self {
        VariableStore(state_directory.join("variables.json"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All variables; there are none where there is no file.
    pub fn read(&self) -> io::Result<Stored> {
        let mut bytes = Vec::new();
        match private::read(&self.0) {
            Ok(file) => file.take(LARGEST).read_to_end(&mut bytes)?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Stored::default()),
            Err(err) => return Err(err),
        };
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Changes the variables. Two changes at once, also of two processes, are made one after the other.
    pub fn change<T>(&self, act: impl FnOnce(&mut Stored) -> T) -> io::Result<T> {
        if let Some(directory) = self.0.parent() {
            private::directory(directory).map_err(io::Error::other)?;
        }
        // The kernel releases the lock when the file is closed.
        let lock = private::file(&self.0.with_extension("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let mut stored = self.read()?;
        let done = act(&mut stored);
        let new = self.0.with_extension("new");
        let mut file = private::file(&new)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec(&stored)?)?;
        std::fs::rename(&new, &self.0)?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn variable(value: &str, is_enabled: bool) -> StoredVariable {
        StoredVariable {
            value: value.into(),
            is_json: false,
            is_sensitive: true,
            visible_build: false,
            visible_runtime: true,
            is_enabled,
            is_inheritable: true,
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    #[test]
    fn what_is_set_is_there_afterwards_for_this_user_alone() {
        let state = tempfile::tempdir().unwrap();
        let store = VariableStore::of(state.path());
        assert_eq!(store.read().unwrap(), Stored::default());
        let names = ["env:A", "b"];
        std::thread::scope(|scope| {
            for name in names {
                let store = &store;
                scope.spawn(move || {
                    let add = |stored: &mut Stored| {
                        stored.project.insert(name.to_owned(), variable("x", true))
                    };
                    store.change(add).unwrap();
                });
            }
        });
        let stored = store.read().unwrap();
        assert!(names.iter().all(|name| stored.project.contains_key(*name)));
        assert_eq!(store.path().metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_variable_that_is_disabled_takes_away_the_other_of_its_name() {
        let stored: StoredVariables = [("a", true), ("b", false)]
            .map(|(name, is_enabled)| (name.to_owned(), variable("new", is_enabled)))
            .into_iter()
            .collect();
        let mut given: UserVariables = ["a", "b", "c"]
            .map(|name| (name.to_owned(), UserVariable::new("old")))
            .into_iter()
            .collect();
        apply(&stored, &mut given);
        let values: Vec<(&str, &Value)> = given
            .iter()
            .map(|(name, variable)| (name.as_str(), &variable.value))
            .collect();
        assert_eq!(
            values,
            [("a", &Value::from("new")), ("c", &Value::from("old"))]
        );
        assert!(given["a"].sensitive && !given["a"].visible_build);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let store = VariableStore::of(state.path());
        std::fs::write(store.path(), "{").unwrap();
        assert!(store.read().is_err());
        assert!(store.change(|_| ()).is_err());
        assert_eq!(std::fs::read_to_string(store.path()).unwrap(), "{");
    }
}
