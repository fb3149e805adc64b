//! Mounts that an operation needs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What an operation needs to pass if it can only write to mounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suggestion {
    /// The mounts, sorted by path.
    pub mounts: Vec<NewMount>,
    /// The written paths that no mount can make writable.
    pub elsewhere: Vec<Elsewhere>,
    /// Alternative mounts for the same writes, to try if the operation does not pass with `mounts`.
    #[serde(skip)]
    pub alternatives: Vec<Vec<NewMount>>,
    /// Whether the operation wrote anything outside of mounts, needed or not.
    #[serde(skip)]
    pub wrote: bool,
}

/// A mount that should be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMount {
    /// The directory, relative to the app's root.
    pub path: String,
    /// `storage` for results, `tmp` for caches, `instance` for files of the processes of one container.
    pub source: Cow<'static, str>,
    /// The directory in the source. It is set if the mount's own path would show the files of another mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
    /// Which process wrote there.
    pub writer: Writer,
    /// How many files were written there.
    pub files: usize,
    /// The size of those files in bytes.
    pub bytes: u64,
    /// The number of files of the build that the mount will hide.
    pub hides: usize,
    /// Some of the hidden files, relative to the app's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// Which process wrote a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writer {
    /// The operation, or the app's own process while it ran.
    Operation,
    /// The app's own process, before the operation began.
    App,
}

/// A path that was written and cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The absolute path.
    pub path: String,
    pub reason: Reason,
    /// Which process wrote the path.
    pub writer: Writer,
}

/// Why a path cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The path is a file at the top of the app; mounts are directories.
    FileAtTop,
    /// A mount on the path's directory would hide files of the build.
    Hides {
        /// The directory, relative to the app's root.
        directory: String,
        /// The number of files that would be hidden.
        files: usize,
        /// Some of those files, relative to the app's root.
        some: Vec<String>,
    },
    /// The directory of the path contains a mount with another source.
    HoldsMount {
        /// The directory, relative to the app's root.
        directory: String,
    },
    /// Another mount shows the whole source, so that a new mount would show a part of the same files.
    Shown {
        /// The directory, relative to the app's root.
        directory: String,
        /// The other mount, relative to the app's root.
        mount: String,
    },
    /// The path is a directory in which a file was created and removed again.
    MadeAndRemoved,
    /// The path is a directory of the build.
    OfBuild,
    /// The path cannot be the name of a mount.
    Name,
    /// The path is outside the app's directory.
    OutsideApp,
}
