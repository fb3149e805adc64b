//! What `dev` tells other commands of the copies: whether they are in step with the working tree. A file of the state
//! directory has it, only while `dev` runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::project::{self, Project};
use crate::source::Tree;

/// What is known of the copy of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// It is in step with this tree of the app.
    InStep(String),
    /// The app is being built anew.
    Building,
    /// What was edited could not be written.
    Failed(String),
}

impl SyncState {
    /// In step with the directory `root` of a tree.
    pub fn of(tree: &Tree, root: &str) -> Self {
        let id = tree.id(root);
        SyncState::InStep(id.map_or_else(String::new, |id| id.to_string()))
    }
}

/// Where it is kept.
#[derive(Debug, Clone)]
pub struct SyncStore {
    state_dir: PathBuf,
    environment: String,
}

impl SyncStore {
    pub fn of(project: &Project, environment: &str) -> Self {
        SyncStore {
            state_dir: project.state_dir.clone(),
            environment: project::hash(environment.as_bytes())[..12].to_owned(),
        }
    }

    fn file(&self, app: &str) -> PathBuf {
        let app = &project::hash(app.as_bytes())[..12];
        let name = format!("{}{app}.json", self.prefix());
        self.state_dir.join(name)
    }

    fn prefix(&self) -> String {
        format!("dev-{}-", self.environment)
    }

    /// Keeps the state of an app. A failure only makes other commands wait in vain.
    pub fn write(&self, app: &str, state: &SyncState) {
        let Ok(text) = serde_json::to_vec(state) else {
            return;
        };
        let file = self.file(app);
        let new = file.with_extension("new");
        // A reader finds the old state or the new one.
        if std::fs::write(&new, text).is_ok() {
            let _ = std::fs::rename(new, file);
        }
    }

    pub fn read(&self, app: &str) -> Option<SyncState> {
        serde_json::from_slice(&std::fs::read(self.file(app)).ok()?).ok()
    }

    /// Forgets all apps.
    pub fn clear(&self) {
        let prefix = self.prefix();
        let found = std::fs::read_dir(&self.state_dir);
        for entry in found.into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
