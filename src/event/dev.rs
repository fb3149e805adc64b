//! Apps that are edited while they run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Text, seconds};

/// Apps that are edited while they run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Dev {
    /// Everything is up, and what is edited is written into the apps from now on.
    #[serde(rename = "dev-ready")]
    Ready {
        apps: Vec<String>,
        /// The number of files that are watched.
        files: usize,
    },
    /// What was edited is in the container of an app.
    #[serde(rename = "synced")]
    Synced {
        app: String,
        /// The number of files that were written.
        files: usize,
        /// The number of files that were deleted.
        deleted: usize,
        /// One of the files, relative to the app's root.
        path: String,
        /// How long reading and writing the files took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// What was edited could not be written into the container of an app.
    #[serde(rename = "sync-failed")]
    Failed { app: String, message: String },
    /// The web process of an app was ended, and is started again.
    #[serde(rename = "web-restarted")]
    Restarted {
        app: String,
        /// The file of `dev.restart` that changed, relative to the app's root.
        path: String,
    },
    /// An app is being built anew, beside the one that runs.
    #[serde(rename = "app-rebuilding")]
    Rebuilding {
        app: String,
        /// The file that changed: one of `dev.rebuild`, relative to the app's root, or one of the configuration.
        path: String,
    },
    /// Requests go to the new build of an app.
    #[serde(rename = "app-switched")]
    Switched {
        app: String,
        /// How long the build and the start took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// What a container printed.
    #[serde(rename = "container-output")]
    Output {
        /// The app, `app--worker` or service.
        container: String,
        #[serde(flatten)]
        output: Text,
    },
    /// A request that came by the routes was answered.
    #[serde(rename = "request")]
    Request {
        method: String,
        host: String,
        /// The path with its query.
        path: String,
        status: u16,
        /// How long the answer took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// The routes lead to the deployed apps again, and the edited ones are gone.
    #[serde(rename = "dev-finished")]
    Finished {},
}
