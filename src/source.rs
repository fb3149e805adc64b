//! What Git would deploy from a repository: the files, their tree id, and their tar stream.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

/// Why the repository's files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Something that is left out.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// What, relative to the repository.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    mode: u32,
    size: u64,
    hash: [u8; 20],
}

/// The files of a repository.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    entries: Vec<Entry>,
    skipped: Vec<Skipped>,
}

/// A Git tree id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeId([u8; 20]);

impl std::fmt::Display for TreeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads the tree.
pub fn scan(repository: &Path, _cache_dir: &Path) -> Result<Tree, Error> {
    let mut entries = Vec::new();
    for found in ignore::WalkBuilder::new(repository)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .parents(false)
        .filter_entry(|e| e.file_name() != ".git")
        .build()
        .flatten()
    {
        let Ok(meta) = found.path().symlink_metadata() else {
            continue;
        };
        let fail = |source| Error::File {
            path: found.path().to_owned(),
            source,
        };
        let path = found
            .path()
            .strip_prefix(repository)
            .unwrap_or(found.path())
            .to_owned();
        if path.starts_with(".upsun/local") {
            continue;
        }
        let (mode, content) = if meta.is_symlink() {
            (
                0o120_000,
                std::fs::read_link(found.path())
                    .map_err(fail)?
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
            )
        } else if meta.is_file() {
            (
                if meta.permissions().mode() & 0o111 == 0 {
                    0o100_644
                } else {
                    0o100_755
                },
                std::fs::read(found.path()).map_err(fail)?,
            )
        } else {
            continue;
        };
        let mut hasher = Sha1::new();
        hasher.update(format!("blob {}\0", content.len()));
        hasher.update(&content);
        entries.push(Entry {
            path,
            mode,
            size: content.len() as u64,
            hash: hasher.finalize().into(),
        });
    }
    entries.sort_by(|a, b| {
        a.path
            .as_os_str()
            .as_bytes()
            .cmp(b.path.as_os_str().as_bytes())
    });
    Ok(Tree {
        root: repository.to_owned(),
        entries,
        skipped: Vec::new(),
    })
}

impl Tree {
    /// What is left out.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
    fn below<'a>(&'a self, root: &'a str) -> impl Iterator<Item = (&'a Path, &'a Entry)> {
        self.entries.iter().filter_map(move |e| {
            Some((
                if root.is_empty() {
                    e.path.as_path()
                } else {
                    e.path.strip_prefix(root).ok()?
                },
                e,
            ))
        })
    }
    /// The id of a sub-tree.
    pub fn id(&self, root: &str) -> Option<TreeId> {
        let list: Vec<_> = self
            .below(root)
            .map(|(p, e)| (p.as_os_str().as_bytes().to_vec(), e))
            .collect();
        (!list.is_empty()).then(|| TreeId(tree(&list)))
    }
    /// Whether a file is there.
    pub fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|e| e.path == Path::new(path))
    }
    /// How many files lie below.
    pub fn files_below(&self, path: &str) -> usize {
        self.below(path).count()
    }
    /// Files and bytes.
    pub fn size(&self, root: &str) -> (usize, u64) {
        self.below(root)
            .fold((0, 0), |s, (_, e)| (s.0 + 1, s.1 + e.size))
    }
    /// As a tar stream.
    pub fn write_tar(
        &self,
        root: &str,
        uid: u32,
        gid: u32,
        mtime: u64,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let mut tar = tar::Builder::new(out);
        let mut dirs = std::collections::BTreeSet::new();
        for (path, e) in self.below(root) {
            let full = self.root.join(&e.path);
            let fail = |source| Error::File {
                path: full.clone(),
                source,
            };
            let mut h = tar::Header::new_gnu();
            h.set_uid(u64::from(uid));
            h.set_gid(u64::from(gid));
            h.set_mtime(mtime);
            let mut parents: Vec<&Path> = path
                .ancestors()
                .skip(1)
                .filter(|p| !p.as_os_str().is_empty())
                .collect();
            parents.reverse();
            for d in parents {
                if dirs.insert(d.to_owned()) {
                    let mut h = h.clone();
                    h.set_entry_type(tar::EntryType::Directory);
                    h.set_mode(0o755);
                    h.set_size(0);
                    tar.append_data(&mut h, d, io::empty()).map_err(fail)?;
                }
            }
            h.set_mode(if e.mode == 0o100_755 { 0o755 } else { 0o644 });
            if e.mode == 0o120_000 {
                h.set_entry_type(tar::EntryType::Symlink);
                h.set_size(0);
                tar.append_link(&mut h, path, std::fs::read_link(&full).map_err(fail)?)
                    .map_err(fail)?;
            } else {
                h.set_size(e.size);
                let f = std::fs::File::open(&full).map_err(fail)?;
                tar.append_data(&mut h, path, f.chain(io::repeat(0)).take(e.size))
                    .map_err(fail)?;
            }
        }
        tar.finish().map_err(|source| Error::File {
            path: self.root.clone(),
            source,
        })
    }
}

fn tree(list: &[(Vec<u8>, &Entry)]) -> [u8; 20] {
    let mut nodes: BTreeMap<Vec<u8>, (String, Vec<u8>, [u8; 20])> = BTreeMap::new();
    let mut subs: BTreeMap<Vec<u8>, Vec<(Vec<u8>, &Entry)>> = BTreeMap::new();
    for (p, e) in list {
        match p.iter().position(|b| *b == b'/') {
            Some(at) => subs
                .entry(p[..at].to_vec())
                .or_default()
                .push((p[at + 1..].to_vec(), e)),
            None => {
                nodes.insert(p.clone(), (format!("{:o}", e.mode), p.clone(), e.hash));
            }
        }
    }
    for (name, sub) in subs {
        let mut key = name.clone();
        key.push(b'/');
        nodes.insert(key, ("40000".into(), name, tree(&sub)));
    }
    let mut body = Vec::new();
    for (mode, name, hash) in nodes.into_values() {
        body.extend_from_slice(mode.as_bytes());
        body.push(b' ');
        body.extend_from_slice(&name);
        body.push(0);
        body.extend_from_slice(&hash);
    }
    let _ = OsStr::from_bytes(b"");
    let mut h = Sha1::new();
    h.update(format!("tree {}\0", body.len()));
    h.update(&body);
    h.finalize().into()
}
