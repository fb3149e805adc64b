//! Where snapshots are kept: `snapshots/<environment>/<container>/<name>.tar` in the project's state directory, with
//! the index beside it. The index is written last: without it there is no snapshot.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::Index;

/// What the names of files begin with that are being written; no snapshot's name does.
const UNFINISHED: &str = ".tmp";

/// How many characters a name can have.
const LONGEST: usize = 100;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it is missing or broken.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive is damaged.
    #[error(
        "the snapshot `{name}` of `{container}` is damaged: {path} does not hold what was kept in it"
    )]
    Damaged {
        name: String,
        /// The app or `app--worker`.
        container: String,
        /// The archive.
        path: PathBuf,
    },
    /// The snapshot cannot be written.
    #[error("nothing can be kept in {directory}: {source}")]
    Write {
        /// Where snapshots are.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no snapshot of that name.
    #[error("there is no snapshot `{name}` of `{container}`")]
    Unknown {
        name: String,
        /// The app or `app--worker`.
        container: String,
        /// The names of the snapshots that exist.
        others: Vec<String>,
    },
    /// The name cannot be one.
    #[error("`{0}` is not a valid name of a snapshot: use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The name is too long for a file's.
    #[error("the name of a snapshot has at most {LONGEST} characters, and `{0}` has {length}", length = .0.len())]
    Length(String),
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// When, in UTC as RFC 3339.
    pub taken_at: String,
    /// The mounts, relative to the app's root.
    pub mounts: Vec<String>,
    /// What was on them.
    pub index: Index,
}

/// The snapshots of one container's mounts.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    container: String,
}

impl Store {
    /// The store of a container, by its title: `app` or `app--worker`. Directories are made with the first
    /// snapshot.
    pub fn of(state_directory: &Path, environment: &str, container: &str) -> Self {
        let folder = &crate::project::hash(container.as_bytes())[..12];
        Store {
            directory: Self::directory_of(state_directory, environment).join(folder),
            container: container.to_owned(),
        }
    }

    /// Where the snapshots of an environment are, if there are any.
    pub(crate) fn directory_of(state_directory: &Path, environment: &str) -> PathBuf {
        // Names of environments can be anything, and on some file systems two of them the same.
        let environment = &crate::project::hash(environment.as_bytes())[..12];
        state_directory.join("snapshots").join(environment)
    }

    /// Removes the snapshots of this name for all containers of an environment, including containers that no longer
    /// exist.
    pub(crate) fn remove_everywhere(state_directory: &Path, environment: &str, name: &str) {
        let directories = std::fs::read_dir(Self::directory_of(state_directory, environment));
        for directory in directories.into_iter().flatten().flatten() {
            // The index first: without it there is no snapshot.
            for extension in ["json", "tar", "given-up"] {
                let file = directory.path().join(format!("{name}.{extension}"));
                let _ = std::fs::remove_file(file);
            }
        }
    }

    /// Where the archive of a name is.
    pub fn archive(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.tar"))
    }

    fn index(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }

    /// A file for an archive that is being written, in the place where it will be kept. It is gone when it is
    /// dropped without having been kept.
    pub fn begin(&self) -> Result<tempfile::NamedTempFile, Error> {
        let failed = |source| self.not_written(source);
        // The data of mounts are private, so only this user may read the directory.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(failed)?;
        let mut file = tempfile::Builder::new();
        file.prefix(UNFINISHED);
        file.tempfile_in(&self.directory).map_err(failed)
    }

    /// Keeps a snapshot, in the place of one of the same name.
    pub fn keep(
        &self,
        name: &str,
        archive: tempfile::NamedTempFile,
        taken: &Taken,
    ) -> Result<(), Error> {
        Self::check(name)?;
        let path = self.index(name);
        let failed = |source| self.not_written(source);
        let bytes = serde_json::to_vec(taken).map_err(|err| failed(err.into()))?;
        let new = self.begin()?;
        io::Write::write_all(&mut new.as_file(), &bytes).map_err(failed)?;
        let _ = std::fs::remove_file(self.note(name));
        // An index never stands beside an archive that is not its own.
        match std::fs::remove_file(&path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(failed(err)),
            _ => {}
        }
        archive
            .persist(self.archive(name))
            .map_err(|err| failed(err.error))?;
        new.persist(&path).map_err(|err| failed(err.error))?;
        Ok(())
    }

    /// Opens a snapshot.
    pub fn open(&self, name: &str) -> Result<(Taken, File), Error> {
        Self::check(name)?;
        let path = self.index(name);
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let bytes = match std::fs::read(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Unknown {
                    name: name.to_owned(),
                    container: self.container.clone(),
                    others: self.names()?,
                });
            }
            other => other.map_err(failed)?,
        };
        let taken = serde_json::from_slice(&bytes).map_err(|err| failed(err.into()))?;
        let archive = self.archive(name);
        match File::open(&archive) {
            Ok(file) => Ok((taken, file)),
            Err(source) => Err(Error::File {
                path: archive,
                source,
            }),
        }
    }

    /// Opens a snapshot of which all is there: its whole archive is read.
    pub fn open_whole(&self, name: &str) -> Result<(Taken, File), Error> {
        let (taken, archive) = self.open(name)?;
        // What cannot be read as an archive is as damaged as one with another content.
        if super::is_whole(io::BufReader::new(&archive), &taken.index).unwrap_or(false) {
            self.open(name)
        } else {
            Err(Error::Damaged {
                name: name.to_owned(),
                container: self.container.clone(),
                path: self.archive(name),
            })
        }
    }

    /// What to say when something could not be written.
    pub(crate) fn not_written(&self, source: io::Error) -> Error {
        Error::Write {
            directory: self.directory.clone(),
            source,
        }
    }

    /// Whether there is one of that name.
    pub fn has(&self, name: &str) -> bool {
        self.index(name).exists()
    }

    /// Notes that a snapshot must no longer be put back automatically: the user has seen the warning and may
    /// continue without it.
    pub(crate) fn give_up(&self, name: &str) {
        // Without the note it is tried once more.
        let _ = std::fs::write(self.note(name), "");
    }

    /// Marks a snapshot as in use for as long as the returned file is open. The kernel releases the mark when the
    /// process ends, however it ends.
    pub fn hold(&self, name: &str) -> Option<File> {
        let archive = File::open(self.archive(name)).ok()?;
        flock(&archive, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(archive)
    }

    /// Whether there is one of that name that is to be put back by the next command.
    pub(crate) fn is_pending(&self, name: &str) -> bool {
        let is_held = || {
            File::open(self.archive(name)).is_ok_and(|archive| {
                let taken = flock(&archive, FlockOperation::NonBlockingLockShared);
                taken == Err(rustix::io::Errno::WOULDBLOCK)
            })
        };
        self.has(name) && !self.note(name).exists() && !is_held()
    }

    /// Whether that is so of any container of an environment.
    pub(crate) fn is_any_pending(state_directory: &Path, environment: &str, name: &str) -> bool {
        let directories = std::fs::read_dir(Self::directory_of(state_directory, environment));
        let mut directories = directories.into_iter().flatten().flatten();
        directories.any(|directory| {
            let store = Store {
                directory: directory.path(),
                container: String::new(),
            };
            store.is_pending(name)
        })
    }

    fn note(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.given-up"))
    }

    /// Removes what processes that were killed left of snapshots of an environment.
    pub(crate) fn clear_unfinished(state_directory: &Path, environment: &str) {
        let directories = std::fs::read_dir(Self::directory_of(state_directory, environment));
        for directory in directories.into_iter().flatten().flatten() {
            let files = std::fs::read_dir(directory.path());
            for file in files.into_iter().flatten().flatten() {
                if file.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    let _ = std::fs::remove_file(file.path());
                }
            }
        }
    }

    /// The names of all of them, in order.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |source| Error::File {
            path: self.directory.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&self.directory) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    pub fn remove(&self, name: &str) -> Result<(), Error> {
        Self::check(name)?;
        let _ = std::fs::remove_file(self.note(name));
        for path in [self.index(name), self.archive(name)] {
            match std::fs::remove_file(&path) {
                Err(err) if err.kind() == io::ErrorKind::NotFound => {
                    if path == self.index(name) {
                        self.open(name)?;
                    }
                }
                other => other.map_err(|source| Error::File { path, source })?,
            }
        }
        Ok(())
    }

    /// Whether it can be the name of a snapshot: a file's name, and nothing but that.
    pub fn check(name: &str) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::Name(name.to_owned()));
        }
        if name.len() > LONGEST {
            return Err(Error::Length(name.to_owned()));
        }
        Ok(())
    }
}
