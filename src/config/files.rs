//! Where a configuration's files are read from: a directory on the disk, or anything else that has files.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::bounded;

/// The largest file that is read, in bytes.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What stands at a path once all links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    Directory,
    /// Neither a file nor a directory.
    Other,
}

/// The files of one repository. Paths are relative to its root; empty for the root itself. Links are followed
/// as far as they stay inside.
pub trait Files: fmt::Debug {
    /// What stands at a path.
    fn kind(&self, path: &Path) -> Result<Kind, ReadError>;

    /// The bytes of a regular file that is not larger than `MAX_FILE`.
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError>;

    /// The bytes as Git would store them: with the line ends that `.gitattributes` asks for.
    fn stored(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        self.read(path)
    }

    /// The names in a directory, in any order.
    fn names(&self, directory: &Path) -> Result<Vec<OsString>, ReadError>;

    /// Where on the disk a path lies, if it does.
    fn on_disk(&self, path: &Path) -> Option<PathBuf>;
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing has that name.
    #[error("there is no such file")]
    Missing,
    /// A link leads out of the repository.
    #[error("it leads outside the repository")]
    Outside,
    /// A directory, where a file is wanted.
    #[error("it is a directory, not a file")]
    Directory,
    /// A file, where a directory is wanted.
    #[error("it is a file, not a directory")]
    NoDirectory,
    /// A named pipe, a socket, a device.
    #[error("it is not a regular file")]
    Special,
    /// Larger than `MAX_FILE`.
    #[error("it is larger than 16 MiB")]
    TooLarge,
    /// Links that lead to each other.
    #[error("it is a symbolic link that leads to itself")]
    Loop,
    /// The file system forbids it.
    #[error("there is no permission to read it")]
    Permission,
    /// Anything else.
    #[error("it cannot be read: {0}")]
    Other(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Self::Loop,
            _ => Self::Other(error),
        }
    }
}

impl From<bounded::Error> for ReadError {
    fn from(error: bounded::Error) -> Self {
        use bounded::Error as E;
        match error {
            E::Missing | E::Dangling => Self::Missing,
            E::Outside => Self::Outside,
            E::Directory => Self::Directory,
            E::Special => Self::Special,
            E::TooLarge(_) => Self::TooLarge,
            E::Loop => Self::Loop,
            E::Permission => Self::Permission,
            E::NotText => Self::Other(io::ErrorKind::InvalidData.into()),
            E::Other(error) => Self::Other(error),
        }
    }
}
