//! What is known of an app before its operation is tried: which mounts there are, and whose files they show.

use crate::config::Config;
use crate::config::app::{App, Mount, MountSource};

/// The mounts of a container, those that may show the same files, and what Git has of the app.
pub struct Known<'a> {
    app: &'a str,
    /// The mounts of the container.
    pub(super) mounts: &'a [Mount],
    /// All whose files are in the same places.
    sharing: Vec<&'a Mount>,
    /// Whether a path, relative to the app's root, is a file of the repository.
    pub(super) is_tracked: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Where the files of a new mount can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// In the directory that has the mount's own path.
    Own,
    /// There are the files of another mount; in this one there are none.
    Other(String),
    /// Nowhere: this mount shows all that is in the source.
    Nowhere(String),
}

impl<'a> Known<'a> {
    /// The facts about an app, or about one of its workers.
    pub fn of(
        config: &'a Config,
        app: &'a App,
        worker: Option<&str>,
        is_tracked: &'a (dyn Fn(&str) -> bool + Sync),
    ) -> Self {
        let worker = app
            .workers
            .iter()
            .find(|found| Some(found.name.as_str()) == worker);
        let own =
            std::iter::once(&app.mounts).chain(app.workers.iter().map(|worker| &worker.mounts));
        let others = config
            .apps
            .values()
            .filter(|other| other.name != app.name)
            .flat_map(|other| {
                std::iter::once(&other.mounts)
                    .chain(other.workers.iter().map(|worker| &worker.mounts))
            });
        let is_shared = |mount: &&Mount| matches!(&mount.source, MountSource::Storage { app: owner } if *owner == app.name);
        Known {
            app: &app.name,
            mounts: worker.map_or(&app.mounts, |worker| &worker.mounts),
            sharing: own
                .flatten()
                .chain(others.flatten().filter(is_shared))
                .collect(),
            is_tracked,
        }
    }

    fn is_of(&self, mount: &Mount, source: &str) -> bool {
        match &mount.source {
            MountSource::Storage { app } => source == "storage" && app == self.app,
            MountSource::Instance => source == "instance",
            MountSource::Temporary => source == "tmp",
            MountSource::Service { .. } => false,
        }
    }

    /// Whether other mounts are inside a directory.
    pub(super) fn is_around_mounts(&self, path: &str) -> bool {
        self.mounts.iter().any(|mount| is_below(&mount.path, path))
    }

    /// Whether a mount there has no other inside it, or only such that have its own source: Upsun takes no others.
    pub(super) fn may_hold(&self, path: &str, source: &str) -> bool {
        self.mounts
            .iter()
            .filter(|mount| is_below(&mount.path, path))
            .all(|mount| self.is_of(mount, source))
    }

    /// Where the files of a new mount can be so that it does not show those of a mount that is there. A mount inside
    /// it shows a part of its files, as its path says.
    pub(super) fn room(&self, path: &str, source: &str) -> Room {
        let in_the_way = |wanted: &str| {
            self.sharing
                .iter()
                .filter(|mount| self.is_of(mount, source))
                .filter(|mount| {
                    let there = mount.source_path.as_str();
                    there.is_empty()
                        || there == wanted
                        || is_below(there, wanted)
                        || is_below(wanted, there)
                })
                .find(|mount| {
                    let inside = mount.path.strip_prefix(path);
                    let is_part = inside.is_some_and(|rest| {
                        rest.starts_with('/') && mount.source_path == format!("{wanted}{rest}")
                    });
                    !is_part
                })
        };
        match in_the_way(path) {
            None => Room::Own,
            Some(mount) if mount.source_path.is_empty() => Room::Nowhere(mount.path.clone()),
            Some(_) => {
                let name = path.replace('/', "-");
                let names = std::iter::once(name.clone())
                    .chain((2..).map(|number| format!("{name}-{number}")));
                let mut free = names.filter(|name| name != path && in_the_way(name).is_none());
                free.next().map_or(Room::Own, Room::Other)
            }
        }
    }
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}
