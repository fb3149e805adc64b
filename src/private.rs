//! Directories and files that belong to this user alone. In a place that others can write to, somebody else may have
//! been there first: with a directory of their own, or with a link that leads to another one.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What others may do with something, among the bits of its mode.
const OTHERS: u32 = 0o077;

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The directory cannot be made or examined.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The directory belongs to another user.
    #[error("it belongs to another user (uid {0})")]
    Foreign(u32),
    /// Others can read or write it, and that cannot be changed.
    #[error("other users may enter it (mode {0:04o}), and that cannot be changed")]
    Open(u32),
    /// A link stands there.
    #[error("it is a link that another user made (uid {0})")]
    Link(u32),
}

impl Refused {
    /// Whether something stands there that must not be used. Otherwise nothing does.
    pub(crate) fn is_unsafe(&self) -> bool {
        !matches!(self, Refused::Io(_))
    }
}

/// Makes a directory that only this user can enter. One that is there is used if it belongs to this user; what others
/// may do with it is taken away.
pub fn directory(path: &Path) -> Result<(), Refused> {
    // Whatever the umask is: parents that are missing are made the same way.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    let own = user();
    let found = match (path.symlink_metadata(), made) {
        (Ok(found), _) => found,
        (Err(_), Err(err)) | (Err(err), Ok(())) => return Err(err.into()),
    };
    // A user may keep the directory on another disk.
    if found.is_symlink() && found.uid() != own && found.uid() != 0 {
        return Err(Refused::Link(found.uid()));
    }
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::DIRECTORY | OFlags::NONBLOCK))
        .open(path);
    let found = match &directory {
        Ok(directory) => directory.metadata()?,
        // Its owner may not read it, or it is a file.
        Err(err) => match path.metadata() {
            Ok(found) if found.is_dir() => found,
            _ => return Err(io::Error::from(err.kind()).into()),
        },
    };
    if found.uid() != own {
        return Err(Refused::Foreign(found.uid()));
    }
    let mode = found.mode() & 0o777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let narrowed = directory.and_then(|directory| {
        directory.set_permissions(Permissions::from_mode(0o700))?;
        directory.metadata()
    });
    // Some file systems have no permissions, and report no error.
    match narrowed.map(|found| found.mode() & 0o777) {
        Ok(mode) if mode & OTHERS == 0 => Ok(()),
        Ok(mode) => Err(Refused::Open(mode)),
        Err(_) => Err(Refused::Open(mode)),
    }
}

/// This user's directory inside of one that everybody can write to. No link is followed there.
pub(crate) fn directory_in(parent: &Path) -> io::Result<PathBuf> {
    let own = user();
    let path = parent.join(format!("upsun-local-{own}"));
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        _ => {}
    }
    let found = path.symlink_metadata()?;
    let refused = if found.is_symlink() {
        Some("it is a link".to_owned())
    } else if found.is_dir() {
        directory(&path).err().map(|refused| refused.to_string())
    } else {
        Some("it is no directory".to_owned())
    };
    match refused {
        None => Ok(path),
        Some(why) => {
            let why = format!("{} is not used: {why}", path.display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
    }
}

/// Opens a file to read and write, and makes it where it is missing. Only a regular file of this user is opened, and
/// only this user can open it afterwards.
pub fn file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)?;
    let found = file.metadata()?;
    let wrong = if !found.is_file() {
        Some("it is no regular file")
    } else if found.uid() != user() {
        Some("it belongs to another user")
    } else if found.nlink() > 1 {
        Some("it has another name besides")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, wrong));
    }
    if found.mode() & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Opens a file to read. No link is followed, and what is no file is not waited for.
pub fn read(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)?;
    if !file.metadata()?.is_file() {
        let what = "it is no regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(file)
}

/// Whether a path still names the file that was opened.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let same =
        |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(one), Ok(other)) => same(&one, &other),
        _ => false,
    }
}

/// The user that this process acts as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    /// Somebody else, where the tests run as root; otherwise there is nobody to be.
    fn give_away(path: &Path) -> bool {
        std::os::unix::fs::lchown(path, Some(12345), Some(12345)).is_ok()
    }

    #[test]
    fn a_directory_is_made_or_closed_to_others() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/er");
        directory(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        for open in [0o755, 0o777, 0o750] {
            std::fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            directory(&path).unwrap();
            assert_eq!(mode(&path), 0o700);
        }
        let moved = place.path().join("link");
        symlink(&path, &moved).unwrap();
        directory(&moved).unwrap();
    }

    #[test]
    fn what_another_user_made_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let theirs = place.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        if !give_away(&theirs) {
            return;
        }
        assert!(matches!(directory(&theirs), Err(Refused::Foreign(12345))));
        // Their link to a directory of ours, and a link of ours to one of theirs.
        let ours = place.path().join("ours");
        std::fs::create_dir(&ours).unwrap();
        let link = place.path().join("link");
        symlink(&ours, &link).unwrap();
        assert!(give_away(&link));
        assert!(matches!(directory(&link), Err(Refused::Link(12345))));
        let link = place.path().join("other");
        symlink(&theirs, &link).unwrap();
        assert!(matches!(directory(&link), Err(Refused::Foreign(12345))));
    }

    #[test]
    fn in_a_directory_of_everybody_no_link_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let path = directory_in(place.path()).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(directory_in(place.path()).unwrap(), path);
        std::fs::remove_dir(&path).unwrap();
        let victim = tempfile::tempdir().unwrap();
        symlink(victim.path(), &path).unwrap();
        let err = directory_in(place.path()).unwrap_err();
        assert!(err.to_string().contains("it is a link"), "{err}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(directory_in(place.path()).is_err());
    }

    #[test]
    fn a_file_is_no_link_and_belongs_to_one_user() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lock");
        let made = file(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(is_at(&made, &path));
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        file(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let victim = place.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let link = place.path().join("link");
        symlink(&victim, &link).unwrap();
        assert!(file(&link).is_err() && read(&link).is_err());
        let second = place.path().join("second");
        std::fs::hard_link(&victim, &second).unwrap();
        assert!(file(&second).is_err());
        assert!(file(place.path()).is_err() && read(place.path()).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&made, &path));
    }
}
