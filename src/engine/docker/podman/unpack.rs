//! Uploads. Podman writes an archive into the container's own file system even if a volume is mounted below, where the
//! files would be hidden, so each part of an archive is sent to its own mount.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::super::DockerEngine;
use super::super::read::Mount;
use crate::engine::{ByteStream, Error, Result};
use crate::pieces::{self, Received, Receiver, Sink};

/// Where the members of an archive go that is unpacked at a path.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    /// The path, without a slash at its end.
    path: String,
    /// The mounts below, relative to the path.
    below: Vec<Below>,
    /// Whether nothing can be written at the path itself.
    read_only: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Below {
    path: Vec<u8>,
    read_only: bool,
}

/// An archive for one mount: the mount's path, and the bytes.
type Part = (String, Receiver);

impl DockerEngine {
    pub(in super::super) async fn unpack_on_podman(
        &self,
        container: &str,
        path: &str,
        archive: ByteStream,
    ) -> Result<()> {
        let (is_read_only, mounts) = self.read_mounts(container).await?;
        let is_mount = mounts.iter().any(|mount| mount.destination == path);
        if path != "/" && !is_mount {
            // Podman would make the directory.
            let options = ContainerArchiveInfoOptionsBuilder::default()
                .path(path)
                .build();
            let docker = &self.docker;
            let found = docker.get_container_archive_info(container, Some(options));
            found.await.map_err(|err| match Error::from(err) {
                // The answer has no text.
                Error::NotFound(_) => Error::NotFound(format!("the container has no `{path}`")),
                err => err,
            })?;
        }
        let places = Places::new(path, &mounts, is_read_only);
        if places.below.is_empty() {
            places.check(None)?;
            return self.unpack_at(container, path, archive).await;
        }
        let (sender, mut parts) = mpsc::channel::<Part>(1);
        let splitting = split(archive, places, sender);
        while let Some((path, bytes)) = parts.recv().await {
            self.unpack_at(container, &path, pieces::stream(bytes))
                .await?;
        }
        splitting.await.map_err(io::Error::other)?
    }
}

/// Splits an archive on a thread of its own. Members that follow one another and go to the same mount become one
/// archive: the engine unpacks one after another.
fn split(
    mut archive: ByteStream,
    places: Places,
    parts: mpsc::Sender<Part>,
) -> tokio::task::JoinHandle<Result<()>> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(piece) = archive.next().await {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let mut splitter = Splitter {
            places,
            parts,
            open: None,
        };
        let mut archive = tar::Archive::new(Received::new(receiver));
        let result = splitter.members(&mut archive);
        let (told, result) = match result {
            Ok(()) => (Ok(()), Ok(())),
            Err(Error::Io(err)) => (
                Err(io::Error::new(err.kind(), err.to_string())),
                Err(Error::Io(err)),
            ),
            Err(err) => (Err(io::Error::other(err.to_string())), Err(err)),
        };
        splitter.close(told);
        result
    })
}

struct Splitter {
    places: Places,
    parts: mpsc::Sender<Part>,
    /// The mount whose archive is being written; `None` for the path itself.
    open: Option<(Option<usize>, tar::Builder<Sink>)>,
}

impl Splitter {
    fn members(&mut self, archive: &mut tar::Archive<Received>) -> Result<()> {
        for member in archive.entries()? {
            self.member(member?)?;
        }
        Ok(())
    }

    fn member(&mut self, mut member: tar::Entry<'_, Received>) -> Result<()> {
        let name = member.path_bytes().into_owned();
        let (place, rest) = self.places.of(&name);
        let rest = rest.to_vec();
        self.places.check(place)?;
        let mut header = member.header().clone();
        let link = member.link_name_bytes().map(std::borrow::Cow::into_owned);
        let link = link.map(|link| {
            // The name of a hard link is a path in the archive.
            let is_hard = header.entry_type().is_hard_link();
            let (to, rest) = self.places.of(&link);
            if is_hard && to == place {
                rest.to_vec()
            } else {
                link
            }
        });
        let tar = self.archive(place)?;
        if rest.is_empty() {
            // The mount itself: its owner and its mode.
            header.as_old_mut().name = [0; 100];
            header.as_old_mut().name[..2].copy_from_slice(b"./");
            header.set_cksum();
            tar.append(&header, io::empty())?;
            return Ok(());
        }
        let path = Path::new(OsStr::from_bytes(&rest));
        match link {
            Some(link) if header.set_link_name_literal(&link).is_err() => {
                tar.append_link(&mut header, path, Path::new(OsStr::from_bytes(&link)))?;
            }
            _ => tar.append_data(&mut header, path, &mut member)?,
        }
        Ok(())
    }

    /// The archive of a mount. The archive of another mount ends here.
    fn archive(&mut self, place: Option<usize>) -> io::Result<&mut tar::Builder<Sink>> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != place) {
            self.close(Ok(()));
            let (sender, receiver) = mpsc::channel(4);
            let path = self.places.path_of(place);
            self.parts
                .blocking_send((path, receiver))
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.open = Some((place, tar::Builder::new(Sink::new(sender))));
        }
        match &mut self.open {
            Some((_, tar)) => Ok(tar),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn close(&mut self, result: io::Result<()>) {
        if let Some((_, tar)) = self.open.take() {
            // Where the end cannot be written, the receiver is gone, and says why.
            if let Ok(sink) = tar.into_inner() {
                sink.finish(result);
            }
        }
    }
}

impl Places {
    fn new(path: &str, mounts: &[Mount], is_read_only: bool) -> Places {
        let path = path.trim_end_matches('/').to_owned();
        let above = format!("{path}/");
        // The deepest mount that has a path of its own decides whether that path can be written.
        let holder = mounts
            .iter()
            .filter(|mount| {
                path == mount.destination || above.starts_with(&format!("{}/", mount.destination))
            })
            .max_by_key(|mount| mount.destination.len());
        let read_only = holder.map_or(is_read_only, |mount| !mount.writable);
        let below = mounts
            .iter()
            .filter_map(|mount| {
                let inside = mount.destination.strip_prefix(&above)?;
                Some(Below {
                    path: inside.trim_end_matches('/').as_bytes().to_vec(),
                    read_only: !mount.writable,
                })
            })
            .filter(|below| !below.path.is_empty())
            .collect();
        Places {
            path,
            below,
            read_only,
        }
    }

    /// The deepest mount to which a member belongs, and the member's path in there.
    fn of<'n>(&self, name: &'n [u8]) -> (Option<usize>, &'n [u8]) {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/")) {
            name = rest;
        }
        let inside = |below: &Below| {
            let rest = name.strip_prefix(below.path.as_slice())?;
            match rest {
                [] => Some(rest),
                [b'/', rest @ ..] => Some(rest),
                _ => None,
            }
        };
        let all = self.below.iter().enumerate();
        all.filter_map(|(at, below)| Some((at, below.path.len(), inside(below)?)))
            .max_by_key(|(_, length, _)| *length)
            .map_or((None, name), |(at, _, rest)| (Some(at), rest))
    }

    fn path_of(&self, place: Option<usize>) -> String {
        match place.and_then(|at| self.below.get(at)) {
            Some(below) => format!("{}/{}", self.path, String::from_utf8_lossy(&below.path)),
            None if self.path.is_empty() => "/".to_owned(),
            None => self.path.clone(),
        }
    }

    /// Fails where nothing can be written: Podman would write into a container whose root is read-only.
    fn check(&self, place: Option<usize>) -> Result<()> {
        let read_only = match place.and_then(|at| self.below.get(at)) {
            Some(below) => below.read_only,
            None => self.read_only,
        };
        if read_only {
            let path = self.path_of(place);
            return Err(Error::Other(format!(
                "`{path}` of the container is read-only"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use bytes::Bytes;

    use super::*;

    fn mount(destination: &str, writable: bool) -> Mount {
        Mount {
            destination: destination.to_owned(),
            writable,
        }
    }

    /// The names and contents that each part of an archive has, by the part's path.
    async fn parts(
        places: Places,
        bytes: Vec<u8>,
    ) -> (Vec<(String, Vec<(String, String)>)>, Result<()>) {
        let pieces = futures_util::stream::iter(
            bytes
                .chunks(700)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect::<Vec<_>>(),
        );
        let (sender, mut receiver) = mpsc::channel(1);
        let splitting = split(Box::pin(pieces), places, sender);
        let mut all = Vec::new();
        while let Some((path, bytes)) = receiver.recv().await {
            let read = tokio::task::spawn_blocking(move || {
                let mut archive = tar::Archive::new(Received::new(bytes));
                let mut members = Vec::new();
                for member in archive.entries().unwrap() {
                    let Ok(mut member) = member else {
                        break;
                    };
                    assert_eq!(member.header().uid().unwrap(), 10_000);
                    let name = member.path().unwrap().display().to_string();
                    let mut content = String::new();
                    if member.read_to_string(&mut content).is_err() {
                        break;
                    }
                    if let Some(link) = member.link_name().unwrap() {
                        content = format!("-> {}", link.display());
                    }
                    members.push((name, content));
                }
                members
            });
            all.push((path, read.await.unwrap()));
        }
        (all, splitting.await.unwrap())
    }

    /// An archive of directories (a slash at the end), links (`name -> target`) and files.
    fn archive(members: &[&str]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for member in members {
            let mut header = tar::Header::new_gnu();
            header.set_uid(10_000);
            header.set_mode(0o755);
            header.set_size(0);
            if let Some((name, target)) = member.split_once(" -> ") {
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, name, target).unwrap();
            } else if let Some((name, target)) = member.split_once(" = ") {
                header.set_entry_type(tar::EntryType::Link);
                tar.append_link(&mut header, name, target).unwrap();
            } else if member.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, member, io::empty()).unwrap();
            } else {
                header.set_size(member.len() as u64);
                tar.append_data(&mut header, member, member.as_bytes())
                    .unwrap();
            }
        }
        tar.into_inner().unwrap()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let all = all.iter();
        all.map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
            .collect()
    }

    #[tokio::test]
    async fn each_member_goes_to_its_mount() {
        let mounts = [
            mount("/app", true),
            mount("/app/data", true),
            mount("/application", true),
        ];
        let places = Places::new("/", &mounts, false);
        let long = format!("app/{}/file", "long/".repeat(60));
        let bytes = archive(&[
            "etc/one",
            "app/",
            "app/out -> ../../etc/passwd",
            "app/two",
            "app/also = app/two",
            &long,
            "app/data/three",
            "application/four",
            "appendix",
        ]);
        let (all, result) = parts(places, bytes).await;
        result.unwrap();
        let long_in_app = long.strip_prefix("app/").unwrap();
        assert_eq!(
            all,
            [
                ("/".to_owned(), pairs(&[("etc/one", "etc/one")])),
                (
                    "/app".to_owned(),
                    pairs(&[
                        ("./", ""),
                        ("out", "-> ../../etc/passwd"),
                        ("two", "app/two"),
                        ("also", "-> two"),
                        (long_in_app, &long),
                    ])
                ),
                (
                    "/app/data".to_owned(),
                    pairs(&[("three", "app/data/three")])
                ),
                (
                    "/application".to_owned(),
                    pairs(&[("four", "application/four")])
                ),
                ("/".to_owned(), pairs(&[("appendix", "appendix")])),
            ]
        );
    }

    #[tokio::test]
    async fn an_archive_that_breaks_off_is_not_taken_for_whole() {
        let places = Places::new("/mnt", &[mount("/mnt/0", true)], false);
        let bytes = archive(&["0/one"]);
        let (_, result) = parts(places, bytes[..700].to_vec()).await;
        assert!(matches!(&result, Err(Error::Io(_))), "{result:?}");
    }

    #[test]
    fn nothing_is_written_where_a_container_cannot_write() {
        let mounts = [mount("/data", true), mount("/fixed", false)];
        for (path, is_refused) in [
            ("/etc", true),
            ("/data", false),
            ("/data/deep", false),
            ("/fixed/x", true),
            ("/", true),
        ] {
            let places = Places::new(path, &mounts, true);
            assert_eq!(places.check(None).is_err(), is_refused, "{path}");
        }
        let places = Places::new("/", &mounts, true);
        for (name, is_refused) in [("data/x", false), ("fixed/x", true), ("database/x", true)] {
            let (place, _) = places.of(name.as_bytes());
            assert_eq!(places.check(place).is_err(), is_refused, "{name}");
        }
    }
}
