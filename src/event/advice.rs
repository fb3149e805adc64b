//! What helps when something failed, or succeeded although a part of it did not.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What is known of how something went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advice {
    /// What it tried to write where nothing may be written.
    pub read_only: Option<ReadOnlyWrite>,
    /// What it could not start.
    pub not_started: Option<NotStarted>,
    /// A cause that its output gives away.
    pub known: Option<KnownCause>,
}

/// A write that was refused, most often by the read-only file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOnlyWrite {
    /// The path, as the message named it; `None` where it named none, or none that is there.
    pub path: Option<String>,
    /// The mount that would make it writable, as its key in `mounts`, where one would.
    pub mount: Option<String>,
    /// The `source` that fits that mount.
    pub source: Option<Cow<'static, str>>,
    /// Why it was refused.
    pub cause: Refusal,
    /// What a mount there hides of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hides: Option<Hidden>,
    /// Directories of the build that the mount hides, relative to the app's root: they have to be made on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
}

impl ReadOnlyWrite {
    /// Of which only the cause is known.
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

/// Files that a mount hides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// The directory that the mount would be on, relative to the app's root.
    pub directory: String,
    /// How many files are in it; very many are not counted.
    pub files: usize,
    /// Some of them, relative to the app's root.
    pub some: Vec<String>,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No mount is there.
    NoMount,
    /// It is a file at the top of the app, where no mount can help: mounts are directories.
    FileAtTop,
    /// A mount on its directory would hide what is in it.
    Hides,
    /// In its directory is a mount, and one around that would need the same source.
    HoldsMount,
    /// A mount is there, and it refused the write.
    OnMount,
    /// The directory that it needs is in the build, where a mount hides it.
    HiddenByMount,
    /// It is outside the app's directory.
    OutsideApp,
    /// The message names no path.
    Unnamed,
    /// There is no space left.
    DiskFull,
}

/// A command that could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStarted {
    /// The command, as the message named it; `None` where it named none.
    pub command: Option<String>,
    /// Why.
    pub why: Unstartable,
}

/// Why a command could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Unstartable {
    /// The first line of the script ends in a carriage return.
    CarriageReturn {
        /// The script, relative to the app's root.
        file: String,
    },
    /// The program that the first line of the script names is not there.
    Interpreter {
        /// The script; `None` where the message does not name it.
        file: Option<String>,
        /// The program.
        interpreter: String,
    },
    /// The file lacks the right to be executed.
    NotExecutable {
        /// The file, relative to the app's root.
        file: String,
        /// What its first line names.
        interpreter: Option<String>,
    },
    /// It is a directory.
    Directory,
    /// It is not on `PATH`, but the app has it here.
    Elsewhere {
        /// The file, relative to the app's root.
        file: String,
        /// What its first line names, where the file itself may not be executed.
        interpreter: Option<String>,
    },
    /// The app has no such file.
    NoFile,
    /// It is nowhere.
    NotInstalled,
    /// The message names nothing.
    Unnamed,
}

/// A cause of a failure that an output gives away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum KnownCause {
    /// It asked a question, and there is no terminal on which somebody could answer.
    Question {
        /// What answers it beforehand: an option such as `--force`, or a variable with its value.
        answer: Option<Cow<'static, str>>,
    },
    /// PHP lacks an extension.
    PhpExtension {
        /// Its name in `runtime.extensions`, or those of which one is meant.
        names: Vec<String>,
        /// Whether it is on by itself on Upsun.
        is_default: bool,
    },
}
