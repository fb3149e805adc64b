//! The changes that put mounts back as they were: no more than what differs, so that a process that has a file open
//! finds the restored content in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, Write};

use super::index::{Entry, Index, Kind, joined};
use super::listing::{name, paths};
use super::members::{Member, Members, written_map};
use super::names;

/// A file of at least this size whose content is right is not written again to set its time.
const LARGE: u64 = 64 * 1024;

/// What is to be done, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutBack {
    /// Directories and files that their owner is let into; parents first.
    open: Vec<String>,
    /// What is deleted and is no directory.
    delete: Vec<String>,
    /// Directories that are deleted; parents last.
    delete_directories: Vec<String>,
    /// What only gets its permissions and its time.
    set: Vec<String>,
    /// What is unpacked; a file that is there is written to.
    write: BTreeSet<String>,
    /// Files that are unpacked as another name of one.
    link: BTreeMap<String, String>,
    /// What cannot be as it was, because it could not be read when the snapshot was taken.
    pub lost: Vec<String>,
}

/// The directories that have to be opened before what is in them can be put back.
pub fn blocked(before: &Index, now: &Index) -> Vec<String> {
    let is_locked = |entry: &Entry| entry.kind == Kind::LockedDirectory;
    now.0
        .iter()
        .filter(|(path, entry)| is_locked(entry) && !before.0.get(*path).is_some_and(is_locked))
        .map(|(path, _)| path.clone())
        .collect()
}

impl PutBack {
    /// The list of the directories to open, from `blocked`.
    pub fn opening(blocked: &[String]) -> Vec<u8> {
        paths(blocked)
    }

    /// What makes `now` what was `before`. Nothing is done in mounts that the container has lost.
    pub fn new(before: &Index, now: &Index, mounts: &[String], lost_mounts: &[String]) -> Self {
        let mut all = PutBack::default();
        let mut parents = BTreeSet::new();
        let is_out_of_reach = |path: &str| {
            lost_mounts.iter().any(|mount| {
                path.strip_prefix(mount.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let joined = joined(before, now);
        for (path, was) in before.0.iter().filter(|(path, _)| !is_out_of_reach(path)) {
            let is_joined = joined.contains(path.as_str());
            all.entry(path, was, now.0.get(path), is_joined, &mut parents);
        }
        for (path, is) in &now.0 {
            let is_kept = before.0.contains_key(path)
                || before.hides(path)
                || mounts.contains(path)
                || is_out_of_reach(path);
            if !is_kept {
                all.delete(path, is, &mut parents);
            }
        }
        for parent in parents {
            if before
                .0
                .get(parent)
                .is_some_and(|was| was.kind == Kind::Directory)
            {
                all.write.insert(parent.to_owned());
            }
            // What has become a link or a file is deleted; to open it would open what else it stands for.
            let is_closed = |is: &Entry| is.kind.is_directory() && is.mode & 0o300 != 0o300;
            if now.0.get(parent).is_some_and(is_closed) {
                all.open.push(parent.to_owned());
            }
        }
        all.open.sort_unstable();
        all.delete_directories.reverse();
        all.share(before, now);
        all
    }

    fn entry<'a>(
        &mut self,
        path: &'a str,
        was: &Entry,
        is: Option<&Entry>,
        is_joined: bool,
        parents: &mut BTreeSet<&'a str>,
    ) {
        let Some(is) = is else {
            if matches!(was.kind, Kind::LockedFile { .. } | Kind::LockedDirectory) {
                self.lost.push(path.to_owned());
            }
            if !matches!(was.kind, Kind::LockedFile { .. } | Kind::Other) {
                self.write.insert(path.to_owned());
                parents.extend(parent(path));
            }
            return;
        };
        let is_modified = was.stat.modified != is.stat.modified;
        if was.kind == Kind::Other || (was.is_as(is) && !is_modified && !is_joined) {
            return;
        }
        let whole = path.to_owned();
        let is_other_name = is.stat.links > 1 && is.stat.inode != was.stat.inode;
        match (&was.kind, &is.kind) {
            // Nothing must be written to what has become another name of another file, nor may its time be set.
            (Kind::File { .. }, Kind::File { .. } | Kind::LockedFile { .. }) if is_other_name => {
                self.delete(path, is, parents);
                self.write.insert(whole);
            }
            (Kind::File { size, .. }, Kind::File { .. })
                if was.kind == is.kind && *size >= LARGE =>
            {
                self.set.push(whole);
            }
            (Kind::File { .. }, Kind::File { .. } | Kind::LockedFile { .. }) => {
                if is.mode & 0o200 == 0 {
                    self.open.push(whole.clone());
                }
                self.write.insert(whole);
            }
            (Kind::Directory, Kind::Directory | Kind::LockedDirectory) => {
                self.write.insert(whole);
            }
            (
                Kind::LockedFile { size: then },
                Kind::File { size: now, .. } | Kind::LockedFile { size: now },
            ) => {
                if then != now || is_modified {
                    self.lost.push(whole.clone());
                }
                self.set.push(whole);
            }
            (Kind::LockedDirectory, Kind::Directory | Kind::LockedDirectory) => {
                if is_modified {
                    self.lost.push(whole.clone());
                }
                self.set.push(whole);
            }
            (Kind::Pipe, Kind::Pipe) => self.set.push(whole),
            (was, _) => {
                self.delete(path, is, parents);
                match was {
                    Kind::LockedFile { .. } => self.lost.push(whole),
                    Kind::LockedDirectory => {
                        self.lost.push(whole.clone());
                        self.write.insert(whole);
                    }
                    _ => {
                        self.write.insert(whole);
                    }
                }
            }
        }
    }

    fn delete<'a>(&mut self, path: &'a str, is: &Entry, parents: &mut BTreeSet<&'a str>) {
        if is.kind.is_directory() {
            self.delete_directories.push(path.to_owned());
        } else {
            self.delete.push(path.to_owned());
        }
        parents.extend(parent(path));
    }

    /// Files that were one file become one file again, where they have to be made anyway.
    fn share(&mut self, before: &Index, now: &Index) {
        let deleted: BTreeSet<&String> = self.delete.iter().collect();
        let mut names: BTreeMap<(u64, u64), &String> = BTreeMap::new();
        let shared = before
            .0
            .iter()
            .filter(|(_, was)| was.stat.links > 1 && matches!(was.kind, Kind::File { .. }));
        let (there, made): (Vec<_>, Vec<_>) = shared.partition(|(path, was)| {
            now.0
                .get(*path)
                .is_some_and(|is| is.stat.inode == was.stat.inode && !deleted.contains(path))
        });
        for (path, was) in there {
            names
                .entry((was.stat.device, was.stat.inode))
                .or_insert(path);
        }
        for (path, was) in made {
            let is_made =
                self.write.contains(path) && (deleted.contains(path) || !now.0.contains_key(path));
            if !is_made {
                continue;
            }
            let key = (was.stat.device, was.stat.inode);
            if let Some(first) = names.get(&key) {
                self.link.insert(path.clone(), (*first).clone());
            } else {
                names.insert(key, path);
            }
        }
        for path in self.link.keys() {
            self.write.remove(path);
        }
    }

    /// Whether nothing is to be done.
    pub fn is_nothing(&self) -> bool {
        let lists = [
            &self.open,
            &self.delete,
            &self.delete_directories,
            &self.set,
        ];
        lists.iter().all(|list| list.is_empty()) && self.write.is_empty() && self.link.is_empty()
    }

    /// The lists that the script reads before the archive, in this order: files to open, files to delete,
    /// directories to delete, and attributes to set, each as permissions, time and path.
    pub fn lists(&self, before: &Index) -> [Vec<u8>; 4] {
        let mut set = Vec::new();
        for path in &self.set {
            let Some(was) = before.0.get(path) else {
                continue;
            };
            set.extend_from_slice(format!("{:o}\0{}\0", was.mode, was.stat.modified).as_bytes());
            set.extend(paths(std::slice::from_ref(path)));
        }
        [
            paths(&self.open),
            paths(&self.delete),
            paths(&self.delete_directories),
            set,
        ]
    }

    /// Writes what is unpacked as a tar archive. Files have their content from that of the snapshot.
    pub fn write(
        &self,
        before: &Index,
        archive: impl Read + Seek,
        out: impl Write,
    ) -> io::Result<()> {
        let mut out = tar::Builder::new(out);
        let mut files = BTreeMap::new();
        for path in &self.write {
            let Some(was) = before.0.get(path) else {
                continue;
            };
            match &was.kind {
                Kind::File { size, .. } if *size > 0 => {
                    files.insert(path, (was, *size));
                }
                _ => append(&mut out, path, was, None, io::empty())?,
            }
        }
        if !files.is_empty() {
            let mut members = Members::seeking(archive);
            while let Some(member) = members.next()? {
                let path = names::text(name(&member.name));
                let Some((was, size)) = files.remove(&path) else {
                    continue;
                };
                if member.size != size {
                    return Err(lacking(&path));
                }
                if member.is_sparse() {
                    append_sparse(&mut out, &path, was, &member, &mut members)?;
                } else {
                    append(&mut out, &path, was, None, &mut members)?;
                }
            }
        }
        if let Some((path, _)) = files.first_key_value() {
            return Err(lacking(path));
        }
        for (path, first) in &self.link {
            if let Some(was) = before.0.get(path) {
                append(&mut out, path, was, Some(first), io::empty())?;
            }
        }
        out.into_inner()?.flush()
    }
}

fn lacking(path: &str) -> io::Error {
    let what = format!("the archive of the snapshot lacks `{path}`");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// Appends a file with holes, as what it holds.
fn append_sparse(
    out: &mut tar::Builder<impl Write>,
    path: &str,
    entry: &Entry,
    member: &Member,
    content: impl Read,
) -> io::Result<()> {
    let map = written_map(member);
    // GNU tar looks for the map in archives of the POSIX format only.
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(map.len() as u64 + member.held());
    header.set_path("sparse")?;
    header.set_cksum();
    let name = names::bytes(path);
    let size = member.size.to_string();
    out.append_pax_extensions([
        ("mtime", entry.stat.modified.as_bytes()),
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", name.as_slice()),
        ("GNU.sparse.realsize", size.as_bytes()),
    ])?;
    out.append(&header, map.as_slice().chain(content))
}

/// Appends an entry, with a header that holds any name, and its time to the nanosecond.
fn append(
    out: &mut tar::Builder<impl Write>,
    path: &str,
    entry: &Entry,
    first: Option<&String>,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    let (kind, size, target) = match (&entry.kind, first) {
        (_, Some(first)) => (tar::EntryType::Link, 0, Some(first)),
        (Kind::File { size, .. }, _) => (tar::EntryType::Regular, *size, None),
        (Kind::Link { target }, _) => (tar::EntryType::Symlink, 0, Some(target)),
        (Kind::Pipe, _) => (tar::EntryType::Fifo, 0, None),
        _ => (tar::EntryType::Directory, 0, None),
    };
    header.set_entry_type(kind);
    header.set_size(size);
    let seconds = entry.stat.modified.split('.').next().unwrap_or_default();
    header.set_mtime(seconds.parse().unwrap_or_default());
    let mut more = vec![("mtime", entry.stat.modified.clone().into_bytes())];
    for (key, text, is_link) in [
        ("path", Some(path), false),
        ("linkpath", target.map(String::as_str), true),
    ] {
        let Some(text) = text else { continue };
        let bytes = names::bytes(text);
        let old = header.as_old_mut();
        let field = if is_link {
            &mut old.linkname
        } else {
            &mut old.name
        };
        let length = bytes.len().min(field.len());
        field[..length].copy_from_slice(&bytes[..length]);
        if length < bytes.len() {
            more.push((key, bytes));
        }
    }
    header.set_cksum();
    out.append_pax_extensions(more.iter().map(|(key, value)| (*key, value.as_slice())))?;
    out.append(&header, content)
}
