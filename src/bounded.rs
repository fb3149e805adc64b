//! Reads files that a stranger may have written: below one directory only, regular files only, up to a limit.
//!
//! A link that stays inside the directory is followed, one that leads out of it is not, also where somebody swaps the
//! file for a link while it is opened. Nothing here waits for a named pipe, and no device is opened.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// One mebibyte: the limit for a settings file and for what it names.
pub(crate) const MEBIBYTE: u64 = 1024 * 1024;

/// Why a file is not read. Its content is part of no message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing has that name.
    #[error("there is no such file")]
    Missing,
    /// A link to something that is not there.
    #[error("it is a symbolic link to nothing")]
    Dangling,
    /// A link, `..` or an absolute path leads out of the directory.
    #[error("it leads outside the repository")]
    Outside,
    /// A directory, where a file is wanted.
    #[error("it is a directory, not a file")]
    Directory,
    /// A named pipe, a socket, a device.
    #[error("it is not a regular file")]
    Special,
    /// More bytes than the limit.
    #[error("it is larger than {}", size(*.0))]
    TooLarge(u64),
    /// Links that lead to each other.
    #[error("it is a symbolic link that leads to itself")]
    Loop,
    /// The file system forbids it.
    #[error("there is no permission to read it")]
    Permission,
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotText,
    /// Anything else.
    #[error("it cannot be read: {0}")]
    Other(io::Error),
}

fn size(bytes: u64) -> String {
    if bytes.is_multiple_of(MEBIBYTE) {
        format!("{} MiB", bytes / MEBIBYTE)
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Self::Loop,
            _ => Self::Other(error),
        }
    }
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// The bytes of a regular file below `root`, at most `limit`. `relative` counts from `root`.
pub(crate) fn read_below(root: &Path, relative: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let root = root.canonicalize()?;
    let path = root.join(relative);
    let path = path.canonicalize().map_err(|err| match Error::from(err) {
        Error::Missing if path.is_symlink() => Error::Dangling,
        err => err,
    })?;
    let inside = path.strip_prefix(&root).map_err(|_| Error::Outside)?;
    // No link is left in the path: if there is one when it is opened, somebody has put it there since.
    read(open_without_links(&root, inside)?, limit)
}

/// Reads the file as text.
pub(crate) fn read_text_below(root: &Path, relative: &Path, limit: u64) -> Result<String, Error> {
    String::from_utf8(read_below(root, relative, limit)?).map_err(|_| Error::NotText)
}

/// The bytes of a regular file anywhere, at most `limit`: for paths that the user of this machine named.
pub fn read_anywhere(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let path = path.canonicalize()?;
    let inside = path.strip_prefix("/").unwrap_or(&path);
    read(open_without_links(Path::new("/"), inside)?, limit)
}

/// The bytes of a file that a setting names. A path that lies below `root` belongs to the repository, and no link of
/// it is followed to the outside; another absolute path was named by the user of this machine.
pub(crate) fn read_named(root: &Path, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    match inside(root, path) {
        Some(relative) => read_below(root, &relative, limit),
        None => read_anywhere(&root.join(path), limit),
    }
}

/// The path relative to `root`, without `.` and `..`; `None` if its components lead outside.
pub fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for component in path.strip_prefix(root).unwrap_or(path).components() {
        match component {
            Component::Normal(name) => relative.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !relative.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(relative)
}

fn open_without_links(root: &Path, inside: &Path) -> Result<File, Error> {
    let directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut place: OwnedFd = rustix::fs::open(root, directory, Mode::empty())?;
    let mut names = inside.components().peekable();
    while let Some(name) = names.next() {
        let name = name.as_os_str();
        if names.peek().is_some() {
            let flags = directory | OFlags::NOFOLLOW;
            place = rustix::fs::openat(&place, name, flags, Mode::empty())?;
            continue;
        }
        // To open a device may already do something.
        let found = rustix::fs::statat(&place, name, AtFlags::SYMLINK_NOFOLLOW)?;
        is_file(FileType::from_raw_mode(found.st_mode))?;
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        return Ok(rustix::fs::openat(&place, name, flags, Mode::empty())?.into());
    }
    Err(Error::Directory)
}

fn is_file(kind: FileType) -> Result<(), Error> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Error::Directory),
        // The path had no link when the links were resolved, so another process has just made one.
        FileType::Symlink => Err(Error::Outside),
        _ => Err(Error::Special),
    }
}

fn read(file: File, limit: u64) -> Result<Vec<u8>, Error> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Error::Directory);
    }
    if !metadata.is_file() {
        return Err(Error::Special);
    }
    if metadata.len() > limit {
        return Err(Error::TooLarge(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge(limit));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A folder with a repository and a secret beside it.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("repository/sub")).unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret").unwrap();
        std::fs::write(folder.path().join("repository/sub/file"), "text").unwrap();
        folder
    }

    #[test]
    fn links_are_followed_as_far_as_they_stay_inside() {
        let folder = folder();
        let root = folder.path().join("repository");
        let text = |name: &str| read_text_below(&root, Path::new(name), 10);
        symlink("sub/file", root.join("near")).unwrap();
        symlink(root.join("sub"), root.join("directory")).unwrap();
        for name in ["sub/file", "near", "directory/file", "sub/../near"] {
            assert_eq!(text(name).unwrap(), "text", "{name}");
        }
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("above")).unwrap();
        symlink(folder.path().join("secret"), root.join("absolute")).unwrap();
        let absolute = folder.path().join("secret");
        for name in [
            "out",
            "above/secret",
            "absolute",
            "../secret",
            absolute.to_str().unwrap(),
        ] {
            assert!(matches!(text(name), Err(Error::Outside)), "{name}");
        }
    }

    #[test]
    fn nothing_but_regular_files_of_bounded_size_is_read() {
        let folder = folder();
        let root = folder.path().join("repository");
        let kind = |name: &str| read_below(&root, Path::new(name), 4).unwrap_err();
        let made = std::process::Command::new("mkfifo")
            .arg(root.join("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        assert!(matches!(kind("pipe"), Error::Special));
        assert!(matches!(kind("socket"), Error::Special));
        assert!(matches!(kind("sub"), Error::Directory));
        assert!(matches!(kind("."), Error::Directory));
        assert!(matches!(kind("none"), Error::Missing));
        assert!(matches!(kind("sub/file/none"), Error::Missing));
        symlink("nothing", root.join("dangling")).unwrap();
        assert!(matches!(kind("dangling"), Error::Dangling));
        symlink("loop", root.join("loop")).unwrap();
        assert!(matches!(kind("loop"), Error::Loop));
        std::fs::write(root.join("five"), "12345").unwrap();
        assert!(matches!(kind("five"), Error::TooLarge(4)));
        assert_eq!(
            read_below(&root, Path::new("sub/file"), 4).unwrap(),
            b"text"
        );
        let device = read_anywhere(Path::new("/dev/zero"), 4).unwrap_err();
        assert!(matches!(device, Error::Special));
    }

    #[test]
    fn a_link_that_is_put_there_after_the_look_is_not_followed() {
        let folder = folder();
        let root = folder.path().join("repository");
        symlink("../secret", root.join("swapped")).unwrap();
        symlink("..", root.join("above")).unwrap();
        for name in ["swapped", "above/secret"] {
            assert!(
                open_without_links(&root, Path::new(name)).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_named_file_of_the_repository_does_not_lead_out_and_any_other_may_be_anywhere() {
        let folder = folder();
        let root = folder.path().join("repository").canonicalize().unwrap();
        symlink("../secret", root.join("out")).unwrap();
        let refused = |path: &Path| matches!(read_named(&root, path, 10), Err(Error::Outside));
        assert!(refused(Path::new("out")));
        assert!(refused(&root.join("out")));
        assert!(refused(Path::new("sub/../out")));
        let secret = folder.path().join("secret");
        assert_eq!(read_named(&root, &secret, 10).unwrap(), b"s3cret");
        assert_eq!(inside(&root, Path::new("a/../b")), Some("b".into()));
        assert_eq!(inside(&root, Path::new("a/../../b")), None);
        assert_eq!(inside(&root, Path::new("/etc")), None);
    }

    #[test]
    fn the_limit_is_named_in_words() {
        assert_eq!(
            Error::TooLarge(MEBIBYTE).to_string(),
            "it is larger than 1 MiB"
        );
        assert_eq!(
            Error::TooLarge(64 * 1024).to_string(),
            "it is larger than 64 KiB"
        );
    }
}
