//! Mounts that an operation needs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What an operation needs to pass where only mounts can be written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suggestion {
    /// Mounts, by path.
    pub mounts: Vec<NewMount>,
    /// What no mount makes writable.
    pub elsewhere: Vec<Elsewhere>,
    /// Other mounts for the same writes, to be tried when it does not pass with those.
    #[serde(skip)]
    pub alternatives: Vec<Vec<NewMount>>,
    /// Whether anything at all was written that is not on a mount, needed or not.
    #[serde(skip)]
    pub wrote: bool,
}

/// A mount that should be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMount {
    /// The directory, relative to the app's root.
    pub path: String,
    /// `storage` for results, `tmp` for caches, `instance` for what the processes of one container leave.
    pub source: Cow<'static, str>,
    /// The directory in the source, where one of the mount's own path would show the files of another mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
    /// Who wrote there.
    pub writer: Writer,
    /// How many files were written there.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many files of the build it will hide.
    pub hides: usize,
    /// Some of them, relative to the app's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// Who wrote a path.
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
    /// The path, absolute.
    pub path: String,
    /// Why not.
    pub reason: Reason,
    /// Who wrote it.
    pub writer: Writer,
}

/// Why a path cannot be on a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is a file at the top of the app; mounts are directories.
    FileAtTop,
    /// A mount on its directory would hide what the build put there.
    Hides {
        /// The directory, relative to the app's root.
        directory: String,
        /// How many files would be hidden.
        files: usize,
        /// Some of them, relative to the app's root.
        some: Vec<String>,
    },
    /// In its directory is a mount with another source.
    HoldsMount {
        /// The directory, relative to the app's root.
        directory: String,
    },
    /// Another mount has all that is in the source, so that a new one would show a part of its files.
    Shown {
        /// The directory, relative to the app's root.
        directory: String,
        /// The mount that is there, relative to the app's root.
        mount: String,
    },
    /// It is a directory in which something was made that is gone again.
    MadeAndRemoved,
    /// It is a directory of the build.
    OfBuild,
    /// No mount can have such a name.
    Name,
    /// It is outside the app's directory.
    OutsideApp,
}
