//! A tree of files in memory: what a volume or a container's own layer holds. Goes in and comes out as tar.

use std::collections::BTreeMap;
use std::io::{self, Read};

/// One file, directory or symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is, with its content.
    pub(crate) node: Node,
    /// Permissions.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u64,
    /// Group.
    pub(crate) gid: u64,
}

/// What a name in a tree stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A directory.
    Directory,
    /// A file and its content.
    File(Vec<u8>),
    /// A symbolic link and where it leads; nothing here follows it.
    Link(String),
}

/// Paths without slashes at their ends to what is there. The root itself has no entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Files(BTreeMap<String, Entry>);

impl Files {
    /// What is at a path.
    pub(crate) fn get(&self, path: &str) -> Option<&Entry> {
        self.0.get(path)
    }

    /// Whether a path is a directory; the root always is.
    pub(crate) fn is_directory(&self, path: &str) -> bool {
        path.is_empty()
            || self
                .get(path)
                .is_some_and(|entry| entry.node == Node::Directory)
    }

    /// Every path with what is there, parents first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Makes a directory with its parents, owned by root.
    pub(crate) fn make_directory(&mut self, path: &str) {
        let mut so_far = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(part);
            self.0.entry(so_far.clone()).or_insert(Entry {
                node: Node::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
            });
        }
    }

    /// Puts something there, with the directories above it. The root stays as it is.
    pub(crate) fn insert(&mut self, path: &str, entry: Entry) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_directory(parent);
        }
        if !path.is_empty() {
            self.0.insert(path.to_owned(), entry);
        }
    }

    /// A path as a tar archive, each name beginning with `name`, as an engine packs it. `None` when
    /// nothing is there.
    pub(crate) fn pack(&self, path: &str, name: &str) -> Option<io::Result<Vec<u8>>> {
        if !path.is_empty() && self.get(path).is_none() {
            return None;
        }
        Some(self.packed(path, name))
    }

    fn packed(&self, path: &str, name: &str) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        if path.is_empty() {
            append(
                &mut tar,
                name,
                &Entry {
                    node: Node::Directory,
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                },
            )?;
        }
        for (at, entry) in self.iter() {
            if at == path {
                append(&mut tar, name, entry)?;
            } else if let Some(rest) = below(path, at) {
                append(&mut tar, &format!("{name}/{rest}"), entry)?;
            }
        }
        tar.into_inner()
    }
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, entry: &Entry) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(entry.uid);
    header.set_gid(entry.gid);
    header.set_size(0);
    match &entry.node {
        Node::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, format!("{name}/"), io::empty())
        }
        Node::File(content) => {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_slice())
        }
        Node::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, name, target)
        }
    }
}

/// What is in a tar archive, in its order.
pub(crate) fn members(archive: &[u8]) -> io::Result<Vec<(String, Entry)>> {
    let mut archive = tar::Archive::new(archive);
    let mut all = Vec::new();
    for member in archive.entries()? {
        let mut member = member?;
        let path = member.path()?.to_string_lossy().into_owned();
        let header = member.header();
        let (mode, uid, gid) = (header.mode()?, header.uid()?, header.gid()?);
        let node = match header.entry_type() {
            tar::EntryType::Directory => Node::Directory,
            tar::EntryType::Symlink => {
                let target = member.link_name()?.unwrap_or_default();
                Node::Link(target.to_string_lossy().into_owned())
            }
            _ => {
                let mut content = Vec::new();
                member.read_to_end(&mut content)?;
                Node::File(content)
            }
        };
        let entry = Entry {
            node,
            mode,
            uid,
            gid,
        };
        all.push((path, entry));
    }
    Ok(all)
}

/// What remains of `path` below `parent`; `None` when it is not below it.
pub(crate) fn below<'a>(parent: &str, path: &'a str) -> Option<&'a str> {
    if parent.is_empty() {
        return Some(path);
    }
    path.strip_prefix(parent)?.strip_prefix('/')
}

/// Two paths put together, without slashes at the ends and without `.`.
pub(crate) fn joined(left: &str, right: &str) -> String {
    left.split('/')
        .chain(right.split('/'))
        .filter(|part| !part.is_empty() && *part != ".")
        .collect::<Vec<_>>()
        .join("/")
}
