//! What becomes of the data on mounts.
//!
//! A mount shows a directory of its source. Whether an app finds its files again depends on which directory that is
//! and on where it is shown.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/mounts.html>

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::app::{App, Mount, MountSource};
use crate::suggestion::nearest;

/// What becomes of a mount's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The mount is new, and no earlier mount could be the owner of its data.
    New,
    /// The mount shows an empty directory, because the earlier data are in another place.
    LooksEmpty,
    /// The mount shows the data of another mount.
    ShowsOther,
    /// The mount shows a directory around the earlier data, which are then further down.
    Below,
    /// Mounts show a part of its data only.
    Partly,
    /// The data stay, but no mount shows them any longer.
    Hidden,
    /// The data are deleted with the app.
    Lost,
}

/// A mount whose data are not what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MountChange {
    /// The worker, or `None` for the web container.
    pub worker: Option<String>,
    /// Its path, relative to the app's root.
    pub path: String,
    /// What becomes of its data.
    pub fate: Fate,
    /// The `source_path` that has the data of before, unless they are of another source.
    pub data_in: Option<String>,
    /// The path of the mount that had the data which it shows, where that is another one.
    pub data_of: Option<String>,
    /// Relative to the directory that is shown, or was: where the data are below it, or which part of it is shown.
    pub shown: Vec<String>,
    /// The app or service that is deleted, and with it the data of before.
    pub deleted_with: Option<String>,
}

/// A mount of one of an app's containers.
#[derive(Clone, Copy)]
struct Held<'a> {
    worker: Option<&'a str>,
    mount: &'a Mount,
}

impl Held<'_> {
    fn change(&self, fate: Fate) -> MountChange {
        MountChange {
            worker: self.worker.map(str::to_owned),
            path: self.mount.path.clone(),
            fate,
            data_in: None,
            data_of: None,
            shown: Vec::new(),
            deleted_with: None,
        }
    }

    /// Where the directory that this one shows lies in the one that another shows; empty when it is the same.
    fn within(&self, outer: &Held<'_>) -> Option<&str> {
        if self.mount.source == outer.mount.source {
            rest(&self.mount.source_path, &outer.mount.source_path)
        } else {
            None
        }
    }

    fn shows_what(&self, other: &Held<'_>) -> bool {
        self.within(other).is_some_and(str::is_empty)
    }

    /// Whether another mount shows this one's directory at this one's path, too.
    fn is_in_place(&self, outer: &Held<'_>) -> bool {
        self.within(outer)
            .is_some_and(|place| rest(&self.mount.path, &outer.mount.path) == Some(place))
    }
}

/// The path of one directory relative to another that holds it or is it.
fn rest<'a>(inner: &'a str, outer: &str) -> Option<&'a str> {
    if outer.is_empty() {
        return Some(inner);
    }
    let rest = inner.strip_prefix(outer)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

/// The mounts of an app's containers whose data outlive the containers.
fn all(app: &App) -> impl Iterator<Item = Held<'_>> {
    let web = app.mounts.iter().map(|mount| (None, mount));
    let workers = app.workers.iter().flat_map(|worker| {
        let mounts = worker.mounts.iter();
        mounts.map(|mount| (Some(worker.name.as_str()), mount))
    });
    web.chain(workers)
        .filter(|(_, mount)| {
            matches!(
                mount.source,
                MountSource::Storage { .. } | MountSource::Service { .. }
            )
        })
        .map(|(worker, mount)| Held { worker, mount })
}

/// The directories of the app's mounts, each once at a path: workers share them.
fn held(app: &App) -> Vec<Held<'_>> {
    let mut seen = BTreeSet::new();
    all(app)
        .filter(|held| {
            let mount = held.mount;
            seen.insert((&mount.source, &mount.source_path, &mount.path))
        })
        .collect()
}

/// What becomes of the data of an app that keeps its name. `deleted` names what goes with a source of mounts, where
/// that goes.
pub(crate) fn of_mounts(
    before: &App,
    now: &App,
    deleted: impl Fn(&MountSource) -> Option<String>,
) -> Vec<MountChange> {
    let sides = Sides {
        before,
        old: held(before),
        new: held(now),
        deleted,
    };
    // The earlier mounts whose directory no mount shows now.
    let mut dropped: Vec<Held<'_>> = sides
        .old
        .iter()
        .filter(|mount| !shown_by(mount, &sides.new))
        .copied()
        .collect();
    let mut changes = Vec::new();
    for mount in &sides.new {
        changes.extend(sides.of_shown(mount, &mut dropped));
    }
    changes.extend(sides.of_dropped(&dropped));
    changes
}

fn shown_by(mount: &Held<'_>, all: &[Held<'_>]) -> bool {
    all.iter().any(|other| mount.shows_what(other))
}

/// The mounts of before and those of now.
struct Sides<'a, D> {
    before: &'a App,
    old: Vec<Held<'a>>,
    new: Vec<Held<'a>>,
    deleted: D,
}

impl<'a, D: Fn(&MountSource) -> Option<String>> Sides<'a, D> {
    /// Whether a new mount shows it, or a part of it, where it was.
    fn is_kept_by_new(&self, mount: &Held<'_>) -> bool {
        let mut new = self.new.iter().filter(|other| !shown_by(other, &self.old));
        new.any(|other| mount.is_in_place(other) || other.is_in_place(mount))
    }

    fn with_data_of(
        &self,
        change: MountChange,
        earlier: &Held<'_>,
        source: &MountSource,
    ) -> MountChange {
        let is_same = earlier.mount.source == *source;
        MountChange {
            data_in: is_same.then(|| earlier.mount.source_path.clone()),
            deleted_with: (self.deleted)(&earlier.mount.source),
            ..change
        }
    }

    /// What a mount of now shows. `dropped` are those of before that no mount shows any more; the one that it was is
    /// taken out of them.
    fn of_shown(&self, mount: &Held<'a>, dropped: &mut Vec<Held<'a>>) -> Vec<MountChange> {
        let source = &mount.mount.source;
        if let Some(exact) = self.old.iter().find(|other| mount.shows_what(other)) {
            // The configuration names the directory. If another directory was shown at the path before, the app
            // takes the new one for it.
            let of_path = all(self.before)
                .find(|other| other.worker == mount.worker && other.mount.path == mount.mount.path)
                .filter(|other| !mount.shows_what(other));
            let Some(of_path) = of_path else {
                return Vec::new();
            };
            dropped.retain(|other| !other.shows_what(&of_path));
            return vec![MountChange {
                data_of: Some(exact.mount.path.clone()),
                ..self.with_data_of(mount.change(Fate::ShowsOther), &of_path, source)
            }];
        }
        // What an earlier mount showed as a part of its directory is no emptier than it was. Only one that was such
        // a part as well may have got another name.
        let wholes: Vec<&Held<'_>> = self
            .old
            .iter()
            .filter(|whole| mount.within(whole).is_some())
            .collect();
        let may_be = |other: &Held<'_>| {
            let is_apart = mount.within(other).is_none() && other.within(mount).is_none();
            let is_sibling = wholes.iter().any(|whole| other.within(whole).is_some());
            is_apart && (wholes.is_empty() || is_sibling) && !self.is_kept_by_new(other)
        };
        let candidates: Vec<usize> = (0..dropped.len())
            .filter(|at| may_be(&dropped[*at]))
            .collect();
        let mounts: Vec<Held<'_>> = candidates.iter().map(|at| dropped[*at]).collect();
        if let Some(at) = earlier(mount, &mounts) {
            let of_before = dropped.remove(candidates[at]);
            let change = mount.change(Fate::LooksEmpty);
            return vec![self.with_data_of(change, &of_before, source)];
        }
        if !wholes.is_empty() {
            return Vec::new();
        }
        self.around(mount, dropped)
    }

    /// What a mount of now shows that no mount of before was around: parts of it, or nothing.
    fn around(&self, mount: &Held<'_>, dropped: &[Held<'_>]) -> Vec<MountChange> {
        let source = &mount.mount.source;
        let moved = dropped
            .iter()
            .filter(|part| part.within(mount).is_some() && !part.is_in_place(mount));
        let mut changes: Vec<MountChange> = moved
            .map(|part| {
                let path = &part.mount.path;
                MountChange {
                    data_of: (*path != mount.mount.path).then(|| path.clone()),
                    shown: part.within(mount).map(str::to_owned).into_iter().collect(),
                    ..self.with_data_of(mount.change(Fate::Below), part, source)
                }
            })
            .collect();
        if !self.old.iter().any(|part| part.within(mount).is_some()) {
            changes.push(mount.change(Fate::New));
        }
        changes
    }

    /// What becomes of the data that no mount shows where they were.
    fn of_dropped(&self, dropped: &[Held<'_>]) -> Vec<MountChange> {
        let new = &self.new;
        let is_whole = |mount: &&Held<'_>| !new.iter().any(|whole| mount.within(whole).is_some());
        let of = |mount: &Held<'_>| {
            let parts = new.iter().filter_map(|part| part.within(mount));
            let shown: BTreeSet<&str> = parts.collect();
            let fate = if shown.is_empty() {
                Fate::Hidden
            } else {
                Fate::Partly
            };
            MountChange {
                shown: shown.into_iter().map(str::to_owned).collect(),
                ..self.with_data_of(mount.change(fate), mount, &mount.mount.source)
            }
        };
        dropped.iter().filter(is_whole).map(of).collect()
    }
}

/// Which of the mounts that are no longer shown a new one was: that of its path, the only one of its source, or the
/// one with the nearest name.
fn earlier(mount: &Held<'_>, hidden: &[Held<'_>]) -> Option<usize> {
    let at_path = |path: &str| hidden.iter().position(|other| other.mount.path == path);
    if let Some(at) = at_path(&mount.mount.path) {
        return Some(at);
    }
    let alike: Vec<&Held<'_>> = hidden
        .iter()
        .filter(|other| other.mount.source == mount.mount.source)
        .collect();
    match alike.as_slice() {
        [] => None,
        [only] => at_path(&only.mount.path),
        several => {
            let paths = several.iter().map(|other| other.mount.path.as_str());
            at_path(nearest(&mount.mount.path, paths)?)
        }
    }
}

/// The data of an app that is gone, or has another name, which is as good.
pub(crate) fn of_lost_mounts(app: &App) -> Vec<MountChange> {
    let own = held(app).into_iter().filter(
        |held| matches!(&held.mount.source, MountSource::Storage { app: owner } if *owner == app.name),
    );
    own.map(|held| held.change(Fate::Lost)).collect()
}
