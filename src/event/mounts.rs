//! What becomes of mounts, and which ones are missing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Difference, Outcome, ReadOnlyWrite, Suggestion, Text, seconds};

/// What becomes of mounts, and which ones are missing.
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
        /// How much was warned of because it could not be put back.
        #[serde(skip)]
        lost: usize,
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
        /// The operation.
        operation: String,
        /// How many mounts there are more than before.
        mounts: usize,
    },
    /// What it printed there.
    #[serde(rename = "mount-check-output")]
    CheckOutput {
        /// The bytes.
        #[serde(flatten)]
        output: Text,
    },
    /// It ended there. It is run once more when it only needed another mount.
    #[serde(rename = "mount-check-finished")]
    CheckFinished {
        /// The app, or `app--worker`.
        container: String,
        /// How it went.
        #[serde(flatten)]
        check: MountCheck,
    },
    /// An operation ran where it could write everywhere.
    #[serde(rename = "mounts-suggested")]
    Suggested {
        /// The app, or `app--worker`.
        container: String,
        /// The mounts that it needs where it cannot.
        #[serde(flatten)]
        suggestion: Suggestion,
        /// How it ended there: `success`, `failure` or `timeout`.
        result: Outcome,
        /// The services that it reaches, which are the app's own.
        services: Vec<String>,
        /// How it went with those mounts. None when it had failed before, or wrote nothing.
        check: Option<MountCheck>,
        /// Whether it is a failure when it does not pass with them.
        #[serde(skip)]
        must_pass: bool,
    },
    /// Mounts were put into the configuration.
    #[serde(rename = "mounts-written")]
    Written {
        /// The file, relative to the repository.
        file: String,
        /// Their paths, relative to the app's root.
        mounts: Vec<String>,
    },
}

/// How an operation went where it could only write to mounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MountCheck {
    /// `success`, `failure`, `cancelled` or `timeout`.
    pub result: Outcome,
    /// Its exit code.
    pub exit_code: i64,
    /// How long it took, in seconds.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// What it tried to write where nothing may be written.
    pub read_only: Option<ReadOnlyWrite>,
    /// What else a mount does not allow.
    pub trouble: Option<Trouble>,
}

/// What cannot be done because something is a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It is there before the operation begins.
    AlreadyThere,
    /// It cannot be removed, or get another name.
    Stays,
    /// Nothing can be renamed from one mount to another.
    BetweenMounts,
}

impl Trouble {
    /// What the output of a command that failed says of it.
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
