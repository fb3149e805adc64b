//! Tar streams between blocking code and the engine.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::engine::ByteStream;
use crate::pieces::{self, Sink};

/// Runs `write` on its own thread and streams the bytes that it writes. An error of `write` becomes an error of the
/// stream.
pub(super) fn stream(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> ByteStream {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut sink = Sink::new(sender);
        let result = write(&mut sink);
        sink.finish(result);
    });
    pieces::stream(receiver)
}

/// A tar archive that contains directories only, each with its parents, owned by `uid` and `gid`.
pub(super) fn directories<'a>(
    paths: impl IntoIterator<Item = &'a str>,
    uid: u32,
    gid: u32,
) -> io::Result<Bytes> {
    directories_below("", paths, uid, gid)
}

fn directories_below<'a>(
    above: &str,
    paths: impl IntoIterator<Item = &'a str>,
    uid: u32,
    gid: u32,
) -> io::Result<Bytes> {
    let mut all = std::collections::BTreeSet::new();
    for path in paths {
        let mut so_far = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(part);
            all.insert(so_far.clone());
        }
    }
    let mut archive = tar::Builder::new(Vec::new());
    for path in all {
        append_directory(&mut archive, &format!("{above}{path}"), uid, gid)?;
    }
    Ok(Bytes::from(archive.into_inner()?))
}

/// A tar archive of directories below `above`, which the archive does not contain. The archive has no end mark, so
/// that another archive can follow.
pub(super) fn leading_directories<'a>(
    above: &str,
    paths: impl IntoIterator<Item = &'a str>,
    uid: u32,
    gid: u32,
) -> io::Result<Bytes> {
    let mut bytes = directories_below(above, paths, uid, gid)?;
    // Two blocks of zeros end an archive.
    bytes.truncate(bytes.len().saturating_sub(1024));
    Ok(bytes)
}

/// A tar archive of files of root, each with its absolute path, content and mode.
pub(super) fn files<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8], u32)>,
) -> io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        // An empty field is not a number, and some readers do not take it for root's.
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path.trim_start_matches('/'), content)?;
    }
    Ok(Bytes::from(archive.into_inner()?))
}

fn append_directory<W: Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    uid: u32,
    gid: u32,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_uid(u64::from(uid));
    header.set_gid(u64::from(gid));
    header.set_size(0);
    archive.append_data(&mut header, format!("{path}/"), io::empty())
}

pub(super) fn whole(bytes: Bytes) -> ByteStream {
    Box::pin(futures_util::stream::once(async move { Ok(bytes) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_archive_can_follow_leading_directories() {
        let mut bytes = leading_directories("", ["a/b"], 1, 1).unwrap().to_vec();
        bytes.extend_from_slice(&directories(["c"], 1, 1).unwrap());
        let mut archive = tar::Archive::new(bytes.as_slice());
        assert_eq!(archive.entries().unwrap().count(), 3);
    }

    #[test]
    fn what_directories_lie_below_is_not_among_them() {
        let bytes = leading_directories("app/", ["a/b"], 1, 1).unwrap();
        let mut archive = tar::Archive::new(bytes.as_ref());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["app/a/", "app/a/b/"]);
    }

    #[test]
    fn directories_come_with_their_parents_once_and_parents_first() {
        let bytes = directories(["a/b/c", "a/d", "/e/"], 10000, 10000).unwrap();
        let mut archive = tar::Archive::new(bytes.as_ref());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                assert_eq!(entry.header().uid().unwrap(), 10000);
                entry.path().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        assert_eq!(names, ["a/", "a/b/", "a/b/c/", "a/d/", "e/"]);
    }
}
