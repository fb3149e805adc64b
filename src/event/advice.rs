//! Causes of a failure, or of a partial failure in something that succeeded, from which hints are made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The known causes for the result of a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    /// A write to a path that is not writable.
    pub read_only: Option<ReadOnlyWrite>,
    /// A command that could not be started.
    pub not_started: Option<NotStarted>,
    /// A cause that the script's output shows.
    pub known: Option<KnownCause>,
}

/// A write that was refused, most often by the read-only file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOnlyWrite {
    /// The path as the message names it; `None` if the message names no path, or only one that does not exist.
    pub path: Option<String>,
    /// The mount that would make the path writable, as its key in `mounts`; `None` if no mount would.
    pub mount: Option<String>,
    /// The `source` for that mount.
    pub source: Option<Cow<'static, str>>,
    /// Why the write was refused.
    pub cause: Refusal,
    /// The files of the build that a mount there would hide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hides: Option<Hidden>,
    /// Directories of the build that the mount hides, relative to the app's root: a script has to create them on the
    /// mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
}

impl ReadOnlyWrite {
    /// A refused write of which only the cause is known.
    pub fn of(cause: Refusal) -> Self {
        ReadOnlyWrite {
            path: None,
            mount: None,
            source: None,
            cause,
            hides: None,
            directories: Vec::new(),
        }
    }
}

/// Files of the build that a mount hides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// The directory of the mount, relative to the app's root.
    pub directory: String,
    /// The number of files in the directory; counting stops at a limit.
    pub files: usize,
    /// Some of the files, relative to the app's root.
    pub some: Vec<String>,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No mount contains the path.
    NoMount,
    /// The path is a file at the top of the app, where a mount cannot help, because mounts are directories.
    FileAtTop,
    /// A mount on the file's directory would hide files of the build.
    Hides,
    /// The file's directory contains a mount, and a mount around that one would need the same source.
    HoldsMount,
    /// The path is on a mount, which refused the write.
    OnMount,
    /// The directory of the path is in the build, but a mount hides it.
    HiddenByMount,
    /// The path is outside the app's directory.
    OutsideApp,
    /// The message names no path.
    Unnamed,
    /// No space is left on the device.
    DiskFull,
}

/// A command that could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStarted {
    /// The command as the message names it; `None` if the message names none.
    pub command: Option<String>,
    /// Why the command could not be started.
    pub why: Unstartable,
}

/// Why a command could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Unstartable {
    /// The first line of the script ends with a carriage return.
    CarriageReturn {
        /// The script, relative to the app's root.
        file: String,
    },
    /// The program that the script's first line names does not exist.
    Interpreter {
        /// The script; `None` if the message does not name it.
        file: Option<String>,
        interpreter: String,
    },
    /// The file is not executable.
    NotExecutable {
        /// The file, relative to the app's root.
        file: String,
        /// The program that the file's first line names.
        interpreter: Option<String>,
    },
    /// The command is a directory.
    Directory,
    /// The command is not on `PATH`, but the app has it at another place.
    Elsewhere {
        /// The file, relative to the app's root.
        file: String,
        /// The program that the file's first line names, if the file is not executable.
        interpreter: Option<String>,
    },
    /// The app has no such file.
    NoFile,
    /// The command is not installed.
    NotInstalled,
    /// The message names no command.
    Unnamed,
}

/// A cause of a failure that the output shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum KnownCause {
    /// A command asked a question, and there is no terminal for the answer.
    Question {
        /// What answers the question in advance: an option such as `--force`, or a variable with its value.
        answer: Option<Cow<'static, str>>,
    },
    /// PHP lacks an extension.
    PhpExtension {
        /// The extension's name in `runtime.extensions`, or the names of alternatives.
        names: Vec<String>,
        /// Whether Upsun enables the extension by default.
        is_default: bool,
    },
}
