//! A tree as a tar stream.
//!
//! What happens to files between scan and archive: one that shrank is filled with zeros and one that grew
//! is cut, so that the stream stays whole; one that is gone, or no file any more, ends the archive with an error.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use tar::{EntryType, Header};

use super::snapshot::{Entry, Kind, join};
use super::stored::Blobs;
use super::{Error, Tree};

/// How much is put together before it is written.
const BUFFER: usize = 1024 * 1024;
/// Tar's unit.
const BLOCK: usize = 512;
/// The name of a header that only carries a long name or target, as GNU tar writes it.
const LONG: &[u8] = b"././@LongLink";

impl Tree {
    /// Writes the archive with names that begin with nothing.
    #[cfg(test)]
    pub(crate) fn write_tar(
        &self,
        root: &str,
        uid: u32,
        gid: u32,
        mtime: u64,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        self.write_tar_below("", root, uid, gid, mtime, out)
    }

    /// Writes what is below `root` as a tar archive: parents before children, everything owned by `uid` and
    /// `gid` and from `mtime` (seconds since 1970), directories 0755, files 0644 or 0755. The same tree gives
    /// the same bytes. Names stand below `above`, which ends with a slash and is not in the archive.
    pub(crate) fn write_tar_below(
        &self,
        above: &str,
        root: &str,
        uid: u32,
        gid: u32,
        mtime: u64,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let Some(top) = self.directory(root) else {
            return self.write_end(out);
        };
        let mut archive = Archive::new(out, uid, gid, mtime);
        let snapshot = &self.snapshot;
        let mut blobs = self.blobs(top)?;
        let prefix = snapshot.path(&snapshot.directories[top]).len();
        for at in snapshot.subtree(top) {
            let directory = &snapshot.directories[at];
            if directory.id.is_none() {
                continue;
            }
            let full = snapshot.path(directory);
            let relative = &full[full.len().min(prefix + usize::from(prefix > 0))..];
            if !relative.is_empty() {
                let name = [above.as_bytes(), relative, b"/"].concat();
                archive.header(EntryType::Directory, 0o755, 0, &name, b"")?;
            }
            for entry in &snapshot.entries[directory.entries.clone()] {
                if entry.kind.is_there() {
                    let name = snapshot.get(entry.name);
                    let relative = [above.as_bytes(), &join(relative, name)].concat();
                    let full = join(full, name);
                    if entry.is_stored {
                        archive.stored(entry, &relative, &full, &mut blobs, &self.root)?;
                    } else {
                        let path = self.root.join(OsStr::from_bytes(&full));
                        archive.entry(entry, &relative, &path)?;
                    }
                }
            }
        }
        archive.end()
    }

    /// What Git stores of the files at and below a directory that it does not store as they lie there.
    fn blobs(&self, top: usize) -> Result<Blobs, Error> {
        let snapshot = &self.snapshot;
        let mut wanted = Vec::new();
        for at in snapshot.subtree(top) {
            let directory = &snapshot.directories[at];
            for entry in &snapshot.entries[directory.entries.clone()] {
                if entry.kind.is_there() && entry.is_stored {
                    wanted.push((snapshot.entry_path(directory, entry), entry.hash));
                }
            }
        }
        Blobs::open(&self.git, &self.root, &wanted).map_err(|source| Error::File {
            path: self.root.clone(),
            source,
        })
    }

    fn write_end(&self, out: &mut dyn Write) -> Result<(), Error> {
        out.write_all(&[0; 2 * BLOCK]).map_err(Error::Archive)
    }
}

pub(super) struct Archive<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    filled: usize,
    template: Header,
}

impl<'a> Archive<'a> {
    pub(super) fn new(out: &'a mut dyn Write, uid: u32, gid: u32, mtime: u64) -> Self {
        let mut template = Header::new_gnu();
        template.set_uid(u64::from(uid));
        template.set_gid(u64::from(gid));
        template.set_mtime(mtime);
        Archive {
            out,
            buffer: vec![0; BUFFER],
            filled: 0,
            template,
        }
    }

    pub(super) fn entry(&mut self, entry: &Entry, name: &[u8], path: &Path) -> Result<(), Error> {
        let failed = |source: io::Error| Error::File {
            path: path.to_owned(),
            source,
        };
        match entry.kind {
            Kind::Link => {
                let target = std::fs::read_link(path)
                    .map_err(changed)
                    .map_err(failed)?
                    .into_os_string()
                    .into_vec();
                self.header(EntryType::Symlink, 0o777, 0, name, &target)
            }
            Kind::File | Kind::Executable => {
                let mut file = open(path).map_err(changed).map_err(failed)?;
                self.header(EntryType::Regular, mode(entry.kind), entry.size, name, b"")?;
                self.content(&mut file, entry.size, failed)
            }
            Kind::Absent | Kind::LeftOut => Ok(()),
        }
    }

    /// The directories above a path that are not among those made already.
    pub(super) fn parents(
        &mut self,
        above: &str,
        path: &[u8],
        made: &mut BTreeSet<Vec<u8>>,
    ) -> Result<(), Error> {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            if made.insert(path[..at].to_vec()) {
                let name = [above.as_bytes(), &path[..=at]].concat();
                self.header(EntryType::Directory, 0o755, 0, &name, b"")?;
            }
        }
        Ok(())
    }

    /// A file whose content is known.
    pub(super) fn bytes(
        &mut self,
        entry: &Entry,
        name: &[u8],
        content: &[u8],
    ) -> Result<(), Error> {
        let size = content.len() as u64;
        self.header(EntryType::Regular, mode(entry.kind), size, name, b"")?;
        self.write(content)?;
        self.pad(size)
    }

    /// A file that Git stores as something else than what lies there.
    pub(super) fn stored(
        &mut self,
        entry: &Entry,
        name: &[u8],
        path: &[u8],
        blobs: &mut Blobs,
        root: &Path,
    ) -> Result<(), Error> {
        let failed = |source: io::Error| Error::File {
            path: root.join(OsStr::from_bytes(path)),
            source,
        };
        let (size, mut content) = blobs.read(path, &entry.hash).map_err(failed)?;
        match entry.kind {
            Kind::Link => {
                let mut target = Vec::new();
                let mut content = (&mut content).take(size);
                content.read_to_end(&mut target).map_err(failed)?;
                self.header(EntryType::Symlink, 0o777, 0, name, &target)?;
            }
            kind => {
                self.header(EntryType::Regular, mode(kind), size, name, b"")?;
                self.content(&mut content, size, failed)?;
            }
        }
        blobs.end(path).map_err(failed)
    }

    fn header(
        &mut self,
        kind: EntryType,
        mode: u32,
        size: u64,
        name: &[u8],
        target: &[u8],
    ) -> Result<(), Error> {
        let mut header = self.template.clone();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        if let Some(gnu) = header.as_gnu_mut() {
            if !fit(&mut gnu.name, name) {
                self.long(EntryType::GNULongName, name)?;
            }
            if !fit(&mut gnu.linkname, target) {
                self.long(EntryType::GNULongLink, target)?;
            }
        }
        header.set_cksum();
        self.write(header.as_bytes())
    }

    /// A name or target that does not fit into a header, before the header that it belongs to.
    fn long(&mut self, kind: EntryType, text: &[u8]) -> Result<(), Error> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64 + 1);
        if let Some(gnu) = header.as_gnu_mut() {
            fit(&mut gnu.name, LONG);
        }
        header.set_cksum();
        self.write(header.as_bytes())?;
        self.write(text)?;
        self.write(b"\0")?;
        self.pad(text.len() as u64 + 1)
    }

    /// Exactly `size` bytes of the file.
    fn content(
        &mut self,
        file: &mut dyn Read,
        size: u64,
        failed: impl Fn(io::Error) -> Error,
    ) -> Result<(), Error> {
        let mut left = size;
        let mut is_at_end = false;
        while left > 0 {
            if self.filled == BUFFER {
                self.flush()?;
            }
            let room = BUFFER - self.filled;
            let want = usize::try_from(left).map_or(room, |left| left.min(room));
            let piece = &mut self.buffer[self.filled..self.filled + want];
            let got = if is_at_end {
                piece.fill(0);
                want
            } else {
                match file.read(piece) {
                    Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                    other => other.map_err(&failed)?,
                }
            };
            is_at_end |= got == 0;
            self.filled += got;
            left -= got as u64;
        }
        self.pad(size)
    }

    /// Zeros up to the next block.
    fn pad(&mut self, size: u64) -> Result<(), Error> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        if over > 0 {
            self.write(&[0; BLOCK][over..])?;
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.filled == BUFFER {
                self.flush()?;
            }
            let piece = bytes.len().min(BUFFER - self.filled);
            self.buffer[self.filled..self.filled + piece].copy_from_slice(&bytes[..piece]);
            self.filled += piece;
            bytes = &bytes[piece..];
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let filled = std::mem::take(&mut self.filled);
        self.out
            .write_all(&self.buffer[..filled])
            .map_err(Error::Archive)
    }

    pub(super) fn end(mut self) -> Result<(), Error> {
        self.write(&[0; 2 * BLOCK])?;
        self.flush()?;
        self.out.flush().map_err(Error::Archive)
    }
}

/// The permissions of a file.
fn mode(kind: Kind) -> u32 {
    if kind == Kind::Executable {
        0o755
    } else {
        0o644
    }
}

/// Opens a file to read it, but no link.
pub(super) fn open(path: &Path) -> io::Result<std::fs::File> {
    // Without `NONBLOCK`, opening a named pipe that takes the file's place would block.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Puts a text into a header's field, as much as fits; returns whether all did.
fn fit(field: &mut [u8; 100], text: &[u8]) -> bool {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
    length == text.len()
}

/// Says it when a file is not what it was.
fn changed(err: io::Error) -> io::Error {
    // A link where a file was cannot be opened without following it; a file where a link was is no link.
    let changed = [rustix::io::Errno::LOOP, rustix::io::Errno::INVAL];
    if err.kind() == io::ErrorKind::NotFound {
        io::Error::new(err.kind(), "it was removed while it was being packed")
    } else if changed
        .iter()
        .any(|changed| err.raw_os_error() == Some(changed.raw_os_error()))
    {
        io::Error::other("it changed while it was being packed")
    } else {
        err
    }
}
