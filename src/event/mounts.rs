//! Changes of mounts, and missing mounts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Difference, Outcome, ReadOnlyWrite, Suggestion, Text, seconds};

/// Changes of mounts, and missing mounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Mounts {
    /// What is on the mounts of a container is being kept, and that takes a while.
    #[serde(rename = "keeping-mounts")]
    Keeping {
        /// The app, or `app--worker`.
        container: String,
    },
    /// The mounts of a container are again as they were before the operation.
    #[serde(rename = "mounts-restored")]
    Restored {
        /// The app, or `app--worker`.
        container: String,
        /// What the operation had changed.
        changes: Vec<Difference>,
        /// The number of paths that could not be restored. A warning has been sent for them.
        #[serde(skip)]
        lost: usize,
    },
    /// What is on the mounts of a container was kept before an operation, to compare with it and to put it back.
    #[serde(rename = "mounts-kept")]
    Kept {
        /// The app, or `app--worker`.
        container: String,
        /// The name of the snapshot.
        snapshot: String,
    },
    /// The mounts of a container were compared with what was kept before the operation.
    #[serde(rename = "mounts-changed")]
    Changed {
        /// The app, or `app--worker`.
        container: String,
        /// The name of the snapshot; `None` if nothing changed, so that there is nothing to put back.
        snapshot: Option<String>,
        /// What the operation changed.
        changes: Vec<Difference>,
        /// The options by which `upsun-local mount` finds the container: ` --app one`, or nothing.
        #[serde(skip)]
        flags: String,
    },
    /// An app is being copied for a trial, and that takes its time.
    #[serde(rename = "app-copying")]
    Copying {
        /// The app, or `app--worker`.
        container: String,
    },
    /// An operation is run again where it can only write to mounts.
    #[serde(rename = "mount-check-started")]
    CheckStarted {
        /// The app, or `app--worker`.
        container: String,
        operation: String,
        /// The number of added mounts.
        mounts: usize,
    },
    /// The output of the operation in that check.
    #[serde(rename = "mount-check-output")]
    CheckOutput {
        #[serde(flatten)]
        output: Text,
    },
    /// The check's run ended. The operation runs once more if it only needed another mount.
    #[serde(rename = "mount-check-finished")]
    CheckFinished {
        /// The app, or `app--worker`.
        container: String,
        /// The result of the run.
        #[serde(flatten)]
        check: MountCheck,
    },
    /// An operation ran in a copy in which it could write everywhere.
    #[serde(rename = "mounts-suggested")]
    Suggested {
        /// The app, or `app--worker`.
        container: String,
        /// The mounts that the operation needs without that.
        #[serde(flatten)]
        suggestion: Suggestion,
        /// The result of the run: `success`, `failure` or `timeout`.
        result: Outcome,
        /// The services that the operation reaches, which are the real ones of the environment.
        services: Vec<String>,
        /// The result of the check with those mounts. `None` if the first run failed, or wrote nothing.
        check: Option<MountCheck>,
        /// Whether it is a failure if the operation does not pass with those mounts.
        #[serde(skip)]
        must_pass: bool,
    },
    /// Mounts were put into the configuration.
    #[serde(rename = "mounts-written")]
    Written {
        /// The file, relative to the repository.
        file: String,
        /// The paths of the mounts, relative to the app's root.
        mounts: Vec<String>,
    },
}

/// The result of an operation that could only write to mounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MountCheck {
    /// `success`, `failure`, `cancelled` or `timeout`.
    pub result: Outcome,
    pub exit_code: i64,
    /// How long the run took, in seconds.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// A write to a path that is not writable.
    pub read_only: Option<ReadOnlyWrite>,
    /// Another action that a mount does not allow.
    pub trouble: Option<Trouble>,
}

/// An action that fails because a path is a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Creating the directory of a mount, which exists before the operation begins.
    AlreadyThere,
    /// Removing or renaming the directory of a mount.
    Stays,
    /// Renaming a file from one mount to another.
    BetweenMounts,
}

impl Trouble {
    /// The trouble that the output of a failed command shows.
    pub fn of(output: &str) -> Option<Trouble> {
        let says = |words: &[&str]| words.iter().any(|word| output.contains(word));
        if says(&["Invalid cross-device link", "EXDEV", "cross-device"]) {
            Some(Trouble::BetweenMounts)
        } else if says(&["Device or resource busy", "EBUSY", "resource busy"]) {
            Some(Trouble::Stays)
        } else if says(&["File exists", "EEXIST"]) {
            Some(Trouble::AlreadyThere)
        } else {
            None
        }
    }
}
