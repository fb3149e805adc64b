//! Copies the content of a mount into a directory of this machine.
//!
//! GNU tar packs the files in the container. An archive of the engine would contain every zero of a hole.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::super::snapshots::some;
use super::super::{Error, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;
use crate::mount_snapshot::text_of;
use crate::output::Output;
use crate::pieces::Received;

/// Prints the names of everything that is not a file, directory or link, each with a zero at its end, up to an empty
/// name. Then packs the mount that is the argument.
pub(in super::super) const PACK: &str = "cd \"/app/$1\" || exit 2\n\
    find . \\( -type p -o -type s -o -type b -o -type c \\) -printf '%P\\0' | head -z -n 1000\n\
    printf '\\0'\n\
    exec tar --create --format=gnu --sparse --ignore-failed-read \
    --warning=no-file-changed --warning=no-file-ignored .";

/// How much of the messages of tar is shown, in bytes.
const SAID: usize = 4096;

/// The longest list of names that is read, in bytes: a thousand of the longest paths.
const LONGEST: u64 = 8 << 20;

impl<E: Engine> Sandbox<'_, E> {
    /// Copies the content of a mount into a directory, which is created if necessary. Holes stay holes. Sockets,
    /// pipes and devices are left out with a warning.
    pub async fn download_from_mount(&self, container: &str, mount: &str, to: &Path) -> Result<()> {
        let download = self.download(container, mount, to);
        self.interruptible(container, Duration::ZERO, download)
            .await
    }

    async fn download(&self, container: &str, mount: &str, to: &Path) -> Result<()> {
        let failed = |source| Error::File {
            path: to.to_owned(),
            source,
        };
        std::fs::create_dir_all(to).map_err(failed)?;
        let spec = ExecSpec {
            command: super::marked(PACK, &[mount.to_owned()]),
            ..ExecSpec::default()
        };
        let exec = self.engine.exec(container, &spec).await?;
        let mut output = exec.output;
        let (sender, receiver) = mpsc::channel(8);
        let target: PathBuf = to.to_owned();
        let unpacking = tokio::task::spawn_blocking(move || {
            let mut from = BufReader::with_capacity(256 * 1024, Received::new(receiver));
            let others = names(&mut from)?;
            unpack(from, &target)?;
            Ok::<_, io::Error>(others)
        });
        let mut said = Vec::new();
        let (mut is_taken, mut broken) = (true, None);
        while let Some(piece) = output.next().await {
            match piece {
                Ok(Output::Stderr(bytes)) => super::keep(&mut said, &bytes, SAID),
                Ok(Output::Stdout(bytes)) => {
                    is_taken = sender.send(Ok(bytes)).await.is_ok();
                    if !is_taken {
                        break;
                    }
                }
                Err(err) => {
                    broken = Some(err);
                    break;
                }
            }
        }
        drop((sender, output));
        let unpacked = unpacking.await;
        let unpacked = unpacked.map_err(|err| failed(io::Error::other(err)))?;
        // The unpacker only knows that the archive is cut off; the engine and tar know why.
        if let Some(err) = broken {
            return Err(err.into());
        }
        if !is_taken && unpacked.is_err() {
            self.end_run(container, mount, *super::MARK).await?;
            return unpacked.map(|_| ()).map_err(failed);
        }
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        // The code 1 means that a file changed or vanished while tar read it, which is not a failure.
        if self.ended(exec.exit).await? > 1 {
            return Err(failed(io::Error::other(said)));
        }
        let others = unpacked.map_err(failed)?;
        self.warn_left_out(mount, &others, &said).await;
        Ok(())
    }

    async fn warn_left_out(&self, mount: &str, others: &[Vec<u8>], said: &str) {
        if !others.is_empty() {
            let paths: Vec<String> = others
                .iter()
                .map(|name| format!("{mount}/{}", text_of(name)))
                .collect();
            let (are, they) = match paths.len() {
                1 => ("is", "it is a named pipe, a socket or a device"),
                _ => ("are", "they are named pipes, sockets or devices"),
            };
            let message = format!("{} {are} not copied: {they}", some(&paths));
            self.events.warn(message, None).await;
        }
        if let Some(first) = said.lines().next() {
            let more = match said.lines().count() {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            let message = format!("not all of `/{mount}` could be copied: {first}{more}");
            self.events.warn(message, None).await;
        }
    }
}

/// Reads names up to an empty name.
fn names(from: &mut impl BufRead) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    let mut from = from.take(LONGEST);
    loop {
        let mut name = Vec::new();
        from.read_until(0, &mut name)?;
        match name.pop() {
            Some(0) if name.is_empty() => return Ok(names),
            Some(0) => names.push(name),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Unpacks an archive. Paths that leave the directory are refused, also through symbolic links. Sockets, pipes and
/// devices are skipped. A file of an earlier download is replaced.
pub(in super::super) fn unpack(from: impl Read, to: &Path) -> io::Result<()> {
    let to = &to.canonicalize()?;
    let mut archive = tar::Archive::new(from);
    archive.set_preserve_ownerships(false);
    let mut passed_over: HashSet<PathBuf> = HashSet::new();
    // Set the permissions of directories last, since they may forbid writing.
    let mut directories = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_fifo() || kind.is_character_special() || kind.is_block_special() {
            passed_over.insert(plain(&entry.path()?));
        } else if kind.is_dir() {
            directories.push(entry);
        } else {
            if kind.is_hard_link() {
                let first = entry.link_name()?.unwrap_or_default();
                if passed_over.contains(&plain(&first)) {
                    continue;
                }
                make_way(to, &plain(&entry.path()?));
            }
            entry.unpack_in(to)?;
        }
    }
    // Inner directories come before the directories that contain them.
    directories.sort_by(|one, other| other.path_bytes().cmp(&one.path_bytes()));
    for mut directory in directories {
        directory.unpack_in(to)?;
    }
    Ok(())
}

/// A path of an archive without its `.` components.
fn plain(path: &Path) -> PathBuf {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect()
}

/// Removes an existing file where a hard link is to be made, since a link does not replace a file. Links that lead
/// out of the directory are not followed; the unpacker refuses to unpack there.
fn make_way(to: &Path, path: &Path) {
    let mut parts = path.components();
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return;
    }
    let file = to.join(path);
    let parent = file.parent().and_then(|parent| parent.canonicalize().ok());
    let is_below = parent.is_some_and(|parent| parent.starts_with(to));
    let is_directory = file.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_below && !is_directory {
        // If the file cannot be removed, making the link reports an error.
        let _ = std::fs::remove_file(&file);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn header(kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header
    }

    fn archive(build: impl Fn(&mut tar::Builder<Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        build(&mut tar).unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn hard_links_come_again_over_an_earlier_download() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(|tar| {
            tar.append_data(&mut header(tar::EntryType::Regular, 1), "./a", &b"x"[..])?;
            tar.append_link(&mut header(tar::EntryType::Link, 0), "./d/b", "./a")
        });
        for _ in 0..2 {
            unpack(bytes.as_slice(), dir.path()).unwrap();
            let inode = |name: &str| dir.path().join(name).metadata().unwrap().ino();
            assert_eq!(inode("a"), inode("d/b"));
            assert_eq!(std::fs::read(dir.path().join("d/b")).unwrap(), b"x");
        }
    }

    #[test]
    fn nothing_is_removed_outside_by_way_of_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (to, outside) = (dir.path().join("to"), dir.path().join("outside"));
        std::fs::create_dir(&to).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("b"), "mine").unwrap();
        std::os::unix::fs::symlink(&outside, to.join("d")).unwrap();
        for path in ["./d/b", "../outside/b"] {
            let bytes = archive(|tar| {
                tar.append_data(&mut header(tar::EntryType::Regular, 1), "./a", &b"x"[..])?;
                let mut link = header(tar::EntryType::Link, 0);
                let name = &mut link.as_old_mut().name;
                name[..path.len()].copy_from_slice(path.as_bytes());
                link.set_link_name("./a")?;
                link.set_cksum();
                tar.append(&link, io::empty())
            });
            let _ = unpack(bytes.as_slice(), &to);
            assert_eq!(std::fs::read(outside.join("b")).unwrap(), b"mine", "{path}");
        }
    }

    #[test]
    fn what_is_no_file_is_passed_over_under_all_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(|tar| {
            tar.append_data(&mut header(tar::EntryType::Fifo, 0), "./pipe", io::empty())?;
            tar.append_link(&mut header(tar::EntryType::Link, 0), "./same", "./pipe")?;
            tar.append_data(&mut header(tar::EntryType::Regular, 1), "./a", &b"x"[..])
        });
        unpack(bytes.as_slice(), dir.path()).unwrap();
        let files = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|file| file.unwrap().file_name());
        assert_eq!(files.collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn holes_stay_holes() {
        let dir = tempfile::tempdir().unwrap();
        let size: u64 = 3 << 30;
        let mut sparse = header(tar::EntryType::GNUSparse, 512);
        sparse.set_path("./hole").unwrap();
        let gnu = sparse.as_gnu_mut().unwrap();
        gnu.set_real_size(size);
        gnu.sparse[0].set_offset(1 << 30);
        gnu.sparse[0].set_length(512);
        gnu.sparse[1].set_offset(size);
        gnu.sparse[1].set_length(0);
        sparse.set_cksum();
        let bytes = archive(|tar| tar.append(&sparse, &[b'x'; 512][..]));
        unpack(bytes.as_slice(), dir.path()).unwrap();
        let found = dir.path().join("hole").metadata().unwrap();
        assert_eq!(found.len(), size);
        assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
    }

    #[test]
    fn names_that_do_not_end_are_no_names() {
        let mut list = &b"a\0b\nc\0\0rest"[..];
        assert_eq!(names(&mut list).unwrap(), [&b"a"[..], b"b\nc"]);
        assert_eq!(list, b"rest");
        for cut in [&b""[..], b"a", b"a\0"] {
            assert!(names(&mut &cut[..]).is_err());
        }
    }
}
