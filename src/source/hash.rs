//! Git's ids of files, symbolic links and directories.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::path::Arg;
use sha1::{Digest, Sha1};

use super::stamp::Stamp;

/// A SHA-1 sum.
pub(super) type Hash = [u8; 20];

/// How much is read at once.
pub(super) const PIECE: usize = 256 * 1024;

/// How often a file that changes while it is read is begun anew.
const ATTEMPTS: u32 = 3;

/// What was read.
#[derive(Debug)]
pub(super) struct Blob {
    /// The file as it was when reading began.
    pub stamp: Stamp,
    /// How many bytes the id is of.
    pub size: u64,
    pub hash: Hash,
    /// Whether there is a carriage return in it.
    pub has_return: bool,
}

fn header(kind: &str, size: u64) -> Sha1 {
    let mut hasher = Sha1::new();
    hasher.update(format!("{kind} {size}\0"));
    hasher
}

/// The id of a file with this content.
pub(super) fn blob(content: &[u8]) -> Hash {
    let mut hasher = header("blob", content.len() as u64);
    hasher.update(content);
    hasher.finalize().into()
}

/// Reads a regular file. One that never holds still is cut or filled with zeros to the size it began
/// with; its time stamps change, so the next scan reads it again.
pub(super) fn file(
    directory: BorrowedFd<'_>,
    name: impl Arg,
    buffer: &mut [u8],
) -> io::Result<Blob> {
    // Without `NONBLOCK`, opening a named pipe that takes the file's place would block.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let mut attempt = 1;
    loop {
        let stat = rustix::fs::fstat(&opened)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no longer a file"));
        }
        let stamp = Stamp::of(&stat);
        let mut hasher = header("blob", stamp.size);
        let mut has_return = false;
        let missing = read(
            opened.as_fd(),
            stamp.size,
            buffer,
            &mut hasher,
            &mut has_return,
        )?;
        if missing > 0 && attempt < ATTEMPTS {
            attempt += 1;
            rustix::fs::seek(&opened, rustix::fs::SeekFrom::Start(0))?;
            continue;
        }
        fill(missing, buffer, &mut hasher);
        return Ok(Blob {
            stamp,
            size: stamp.size,
            hash: hasher.finalize().into(),
            has_return,
        });
    }
}

/// Feeds `size` bytes to the hasher; returns how many are missing.
fn read(
    opened: BorrowedFd<'_>,
    size: u64,
    buffer: &mut [u8],
    hasher: &mut Sha1,
    has_return: &mut bool,
) -> io::Result<u64> {
    let mut left = size;
    while left > 0 {
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let got = match rustix::io::read(opened, &mut buffer[..want]) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if got == 0 {
            break;
        }
        hasher.update(&buffer[..got]);
        *has_return |= buffer[..got].contains(&b'\r');
        left -= got as u64;
    }
    Ok(left)
}

fn fill(mut missing: u64, buffer: &mut [u8], hasher: &mut Sha1) {
    if missing > 0 {
        buffer.fill(0);
    }
    while missing > 0 {
        let piece = usize::try_from(missing).map_or(buffer.len(), |left| left.min(buffer.len()));
        hasher.update(&buffer[..piece]);
        missing -= piece as u64;
    }
}

/// The id of a symbolic link's target and how long the target is.
pub(super) fn link(directory: BorrowedFd<'_>, name: impl Arg) -> io::Result<(u64, Hash)> {
    let target = rustix::fs::readlinkat(directory, name, Vec::new())?.into_bytes();
    let mut hasher = header("blob", target.len() as u64);
    hasher.update(&target);
    Ok((target.len() as u64, hasher.finalize().into()))
}

/// The id of a directory, from what Git's object of it holds.
pub(super) fn tree(body: &[u8]) -> Hash {
    let mut hasher = header("tree", body.len() as u64);
    hasher.update(body);
    hasher.finalize().into()
}
