//! Snapshots of the mounts of an environment's containers.

use super::Workspace;
use crate::mount_snapshot::{BEFORE_RUN, Store};
use crate::text::container_name;

/// A container whose mounts were not restored, because a test or `run --undo` was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUndone {
    /// The app, or `app--worker`.
    pub container: String,
    /// What says to `upsun-local mount` which container it is: ` --app one --worker mailer`, or nothing.
    pub flags: String,
    /// Whether the next command that brings the container up puts them back.
    pub is_pending: bool,
}

impl NotUndone {
    /// What is wrong.
    pub fn message(&self) -> String {
        format!(
            "the mounts of `{}` were not put back: a test, or `run --undo`, was cut off",
            self.container
        )
    }

    /// How to mend it.
    pub fn hint(&self) -> String {
        if self.is_pending {
            return "the next command that uses them puts them back".to_owned();
        }
        format!(
            "`upsun-local mount restore{} {BEFORE_RUN}` puts them back",
            self.flags
        )
    }
}

impl Workspace {
    /// The snapshots of a container: of an app, or of `app--worker`.
    pub fn snapshots(&self, container: &str) -> Store {
        let state = &self.project.state_dir;
        Store::of(state, &self.environment.name, container)
    }

    /// What says to `upsun-local mount` which container is meant: ` --app one --worker mailer`, or nothing.
    pub(crate) fn mount_flags(&self, app: &str, worker: Option<&str>) -> String {
        let mut flags = String::new();
        if self.config.apps.len() > 1 {
            flags.push_str(&format!(" --app {app}"));
        }
        if let Some(worker) = worker {
            flags.push_str(&format!(" --worker {worker}"));
        }
        flags
    }

    /// The containers whose mounts were not restored.
    pub fn not_undone(&self) -> Vec<NotUndone> {
        let state = &self.project.state_dir;
        if !Store::directory_of(state, &self.environment.name).exists() {
            return Vec::new();
        }
        let mut all = Vec::new();
        for app in self.config.apps.values() {
            let workers = app.workers.iter().map(|worker| Some(worker.name.as_str()));
            for worker in std::iter::once(None).chain(workers) {
                let container = container_name(&app.name, worker);
                let store = self.snapshots(&container);
                if store.has(BEFORE_RUN) {
                    all.push(NotUndone {
                        container,
                        flags: self.mount_flags(&app.name, worker),
                        is_pending: store.is_pending(BEFORE_RUN),
                    });
                }
            }
        }
        all
    }
}
