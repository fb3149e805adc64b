//! Other mounts for the same writes, for when an operation does not pass with those that were suggested first: as small
//! as they may be, since a mount hides what is beside the files, or as large, since nothing can be renamed between two.

use crate::event::Suggestion;
use std::collections::{BTreeMap, BTreeSet};

use super::known::{Known, Room};
use super::sources::{new_mount, source};
use super::{Directory, Files, Touch, ancestors, can_be_mount, is_in};
use crate::event::{MountCheck, NewMount, Writer};

/// What the layouts are made from.
pub(super) struct Written<'a> {
    pub(super) touched: &'a BTreeMap<&'a str, Touch>,
    pub(super) directories: &'a BTreeMap<&'a str, Directory<'a>>,
    pub(super) built: &'a Files,
    pub(super) ended: &'a Files,
    pub(super) known: &'a Known<'a>,
}

/// A mount: its path and its source.
pub(super) type Place<'a> = (&'a str, &'static str);

impl<'a> Written<'a> {
    /// The mount at a place, or the path of the one that shows all that is in its source.
    pub(super) fn mount(
        &self,
        (path, source): Place<'_>,
        writer: Writer,
    ) -> Result<NewMount, String> {
        let source_path = match self.known.room(path, source) {
            Room::Own => None,
            Room::Other(name) => Some(name),
            Room::Nowhere(mount) => return Err(mount),
        };
        Ok(NewMount {
            source_path,
            writer,
            ..new_mount(
                path,
                source,
                self.touched,
                self.built,
                self.ended,
                self.known,
            )
        })
    }

    /// What to try when an operation does not pass with `mounts`, which `place` makes of paths and sources.
    pub(super) fn alternatives(
        &self,
        roots: &BTreeMap<&'a str, Vec<&'a str>>,
        mounts: &[NewMount],
        place: impl Fn(Place<'a>) -> Result<NewMount, String>,
    ) -> Vec<Vec<NewMount>> {
        let mut alternatives: Vec<Vec<NewMount>> = Vec::new();
        for layout in [self.narrow(roots), self.wide(roots)] {
            let all: Result<Vec<NewMount>, String> = layout.into_iter().map(&place).collect();
            if let Ok(all) = all
                && !all.is_empty()
                && all != mounts
                && !alternatives.contains(&all)
            {
                alternatives.push(all);
            }
        }
        alternatives
    }

    /// The directories that files were put into, each by itself.
    fn narrow(&self, roots: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Place<'a>> {
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for path in roots.values().flatten() {
            let own = self.ended.is_directory(path).then_some(*path);
            all.extend(own.or_else(|| ancestors(path).next()));
        }
        self.placed(&all)
    }

    /// The highest directories in which nothing but placeholders would be hidden.
    fn wide(&self, roots: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Place<'a>> {
        let may_be_hidden = |directory: &&str| {
            let found = self.directories.get(directory);
            found.is_some_and(|found| found.stayed.is_empty()) && can_be_mount(directory)
        };
        let highest = roots.keys().map(|root| {
            let above = ancestors(root).take_while(may_be_hidden).last();
            above.unwrap_or(root)
        });
        self.placed(&highest.collect())
    }

    /// Mounts on directories, without those that lie in another one. Sources that differ below one become `storage`.
    fn placed(&self, all: &BTreeSet<&'a str>) -> Vec<Place<'a>> {
        let is_covered = |path: &&str| all.iter().any(|other| other != path && is_in(path, other));
        let mut placed = Vec::new();
        for path in all.iter().filter(|path| !is_covered(path)) {
            let below: Vec<&str> = self
                .touched
                .keys()
                .filter(|touched| is_in(touched, path))
                .copied()
                .collect();
            let sources: BTreeSet<&'static str> = below
                .iter()
                .map(|touched| {
                    let nearest = ancestors(touched).next().unwrap_or(touched);
                    source(nearest, &[touched], self.ended)
                })
                .collect();
            let source = match sources.first() {
                Some(source) if sources.len() == 1 => *source,
                _ => "storage",
            };
            if !self.known.may_hold(path, source) {
                return Vec::new();
            }
            placed.push((*path, source));
        }
        placed
    }
}

impl Suggestion {
    /// Whether no other mounts can help: the message about the refused write already says that a mount cannot be
    /// there.
    pub(crate) fn is_hopeless(&self, check: &MountCheck) -> bool {
        let refused = check.read_only.as_ref();
        let path = refused.and_then(|write| write.path.as_deref());
        path.is_some_and(|path| self.elsewhere.iter().any(|one| one.path == path))
    }
}
