//! What is below a directory at one moment, and what is different at a later one.

use std::collections::{BTreeMap, BTreeSet};

/// The script that lists a directory, in the form that [`Files::parse`] reads. Any change of a file sets its ctime,
/// which only the kernel can set; the time of birth distinguishes a new file from a changed one. A file that
/// disappears during the listing, or that cannot be read, is left out.
pub const LIST: &str = "find . -print0 2>/dev/null | xargs -0 stat --printf '%f %s %.Z %.Y %.W %i %n\\0' 2>/dev/null; :";

/// Everything below a directory, by relative path; the directory itself has an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files(pub(super) BTreeMap<String, File>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// What is different after any change.
    stamp: String,
    /// What is different when something was put into a directory or taken out of it.
    modified: String,
    /// What is different when another one is in its place.
    pub(super) birth: String,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// A socket or a pipe.
    OfProcess,
    Other,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// The file is new, or replaced.
    Made,
    /// The file is the same one, with a change.
    Changed,
    Gone,
    /// An entry of this directory was made and removed again.
    Passing,
}

impl Files {
    /// Reads the output of [`LIST`]. Other lines are ignored.
    pub fn parse(text: &str) -> Self {
        let files = text.split('\0').filter_map(|record| {
            let mut parts = record.splitn(7, ' ');
            let mode = u32::from_str_radix(parts.next()?, 16).ok()?;
            let size = parts.next()?;
            let (changed, modified) = (parts.next()?, parts.next()?);
            let (birth, number, name) = (parts.next()?, parts.next()?, parts.next()?);
            let path = match name.strip_prefix("./") {
                Some(path) => path,
                None if name == "." => "",
                None => return None,
            };
            let file = File {
                kind: match mode & 0o170_000 {
                    0o040_000 => Kind::Directory,
                    0o140_000 | 0o010_000 => Kind::OfProcess,
                    _ => Kind::Other,
                },
                size: size.parse().ok()?,
                stamp: format!("{mode:o} {size} {changed} {number}"),
                modified: modified.to_owned(),
                birth: format!("{birth} {number}"),
            };
            Some((path.to_owned(), file))
        });
        Files(files.collect())
    }

    /// The same files, where those whose number `built` has too are known by that number alone: a file that a kernel
    /// copies before it is written keeps its number and gets another time of birth. A new file cannot get a number of
    /// `built`, since the originals stay.
    #[must_use]
    pub fn without_births_of(mut self, built: &Files) -> Files {
        let number = |file: &File| file.birth.rsplit(' ').next().unwrap_or_default().to_owned();
        let numbers: BTreeSet<String> = built.0.values().map(number).collect();
        for file in self.0.values_mut() {
            let number = number(file);
            if numbers.contains(&number) {
                file.birth = number;
            }
        }
        self
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        let file = self.0.get(path);
        file.is_some_and(|file| file.kind == Kind::Directory)
    }

    /// Everything in a directory, however deep.
    pub(super) fn below<'a>(
        &'a self,
        directory: &str,
    ) -> impl Iterator<Item = (&'a str, &'a File)> {
        let prefix = format!("{directory}/");
        self.0
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, file)| (path.as_str(), file))
    }

    pub(super) fn is_empty(&self, directory: &str) -> bool {
        self.below(directory).next().is_none()
    }
}

/// What became of each path. Directories count when nothing is in them: what is in one says more than that it is new.
pub(super) fn touches<'a>(before: &'a Files, after: &'a Files) -> BTreeMap<&'a str, Touch> {
    let paths: BTreeSet<&str> = before
        .0
        .keys()
        .chain(after.0.keys())
        .map(String::as_str)
        .collect();
    let is_another = |path: &str| match (before.0.get(path), after.0.get(path)) {
        (Some(old), Some(new)) => old.birth != new.birth || old.kind != new.kind,
        _ => true,
    };
    // A directory is different because of what was put into it and taken out of it.
    let explained: BTreeSet<&str> = paths
        .iter()
        .filter(|path| is_another(path))
        .map(|path| path.rsplit_once('/').map_or("", |(parent, _)| parent))
        .collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let touch = match (before.0.get(path), after.0.get(path)) {
                (Some(old), Some(new)) if new.kind == Kind::Directory => {
                    if is_another(path) {
                        after.is_empty(path).then_some(Touch::Made)
                    } else if explained.contains(path) || old.stamp == new.stamp {
                        None
                    } else if old.modified == new.modified {
                        Some(Touch::Changed)
                    } else {
                        Some(Touch::Passing)
                    }
                }
                (Some(_), Some(_)) if is_another(path) => Some(Touch::Made),
                (Some(old), Some(new)) => (old != new).then_some(Touch::Changed),
                (Some(old), None) => {
                    (old.kind != Kind::Directory || before.is_empty(path)).then_some(Touch::Gone)
                }
                (None, Some(new)) => {
                    (new.kind != Kind::Directory || after.is_empty(path)).then_some(Touch::Made)
                }
                (None, None) => None,
            };
            touch.map(|touch| (path, touch))
        })
        .collect()
}
