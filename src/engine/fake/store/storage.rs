//! Files, volumes and networks.

use std::collections::BTreeMap;

use super::{HeldContainer, HeldVolume, Phase, Store, no_container};
use crate::engine::fake::files::{Entry, Files, Node, below, joined, members};
use crate::engine::spec::{ListedNetwork, Volume, VolumeSpec};
use crate::engine::{Error, Result};
use crate::labels::Labels;

/// Where a path of a container really lies.
struct Place {
    /// The volume, or `None` for the container's own layer.
    volume: Option<String>,
    path: String,
    read_only: bool,
}

impl Store {
    // Files.

    pub(super) fn volume_path(&self, volume: &str, path: &str) -> (String, String) {
        match self
            .volumes
            .get(volume)
            .and_then(|held| held.spec.directory_of.as_ref())
        {
            Some(of) => (of.volume.clone(), joined(&of.path, path)),
            None => (volume.to_owned(), path.to_owned()),
        }
    }

    fn place(&self, container: &HeldContainer, path: &str) -> Place {
        let path = joined("", path);
        let spec = &container.spec;
        let inside = |target: &str| {
            let target = joined("", target);
            if path == target {
                Some(String::new())
            } else {
                below(&target, &path).map(str::to_owned)
            }
        };
        let mount = spec
            .volumes
            .iter()
            .filter_map(|mount| Some((mount, inside(&mount.target)?)))
            .max_by_key(|(mount, _)| mount.target.len());
        if let Some((mount, rest)) = mount {
            let (volume, path) = self.volume_path(&mount.volume, &rest);
            return Place {
                volume: Some(volume),
                path,
                read_only: mount.read_only,
            };
        }
        let in_memory = spec
            .tmpfs
            .iter()
            .any(|tmpfs| inside(&tmpfs.target).is_some());
        Place {
            volume: None,
            path,
            read_only: spec.read_only && !in_memory,
        }
    }

    fn files_at(&self, id: &str, path: &str) -> Result<(Place, &Files)> {
        let container = self
            .find(id)
            .and_then(|id| self.containers.get(&id))
            .ok_or_else(|| no_container(id))?;
        let place = self.place(container, path);
        let files = match &place.volume {
            None => &container.layer,
            Some(volume) => match self.volumes.get(volume) {
                Some(held) => &held.files,
                None => return Err(Error::Other(format!("no such volume: {volume}"))),
            },
        };
        Ok((place, files))
    }

    fn files_mut(&mut self, id: &str, place: &Place) -> Result<&mut Files> {
        match &place.volume {
            None => Ok(&mut self.held(id)?.layer),
            Some(volume) => match self.volumes.get_mut(volume) {
                Some(held) => Ok(&mut held.files),
                None => Err(Error::Other(format!("no such volume: {volume}"))),
            },
        }
    }

    pub(in crate::engine::fake) fn upload(
        &mut self,
        id: &str,
        path: &str,
        archive: &[u8],
    ) -> Result<()> {
        let (place, _) = self.files_at(id, path)?;
        let container = self.held(id)?;
        // Docker may refuse also what is on a writable volume, when it lies below one that is not.
        let below_read_only = container.spec.volumes.iter().any(|mount| {
            let target = joined("", &mount.target);
            mount.read_only && below(&target, &joined("", path)).is_some()
        });
        if place.read_only || below_read_only {
            return Err(Error::Other(
                "mounted volume is marked read-only".to_owned(),
            ));
        }
        self.unpack(id, path, archive)
    }

    /// Unpacks an archive in a directory of a container.
    pub(crate) fn unpack(&mut self, id: &str, path: &str, archive: &[u8]) -> Result<()> {
        let (place, files) = self.files_at(id, path)?;
        if !files.is_directory(&place.path) {
            return Err(Error::NotFound(format!(
                "Could not find the file {path} in container {id}"
            )));
        }
        // Each member goes where its own path lies: there may be mounts below.
        for (name, entry) in members(archive)? {
            let (place, _) = self.files_at(id, &format!("{path}/{name}"))?;
            let path = place.path.clone();
            self.files_mut(id, &place)?.insert(&path, entry);
        }
        Ok(())
    }

    pub(crate) fn download(&self, id: &str, path: &str) -> Result<Vec<u8>> {
        let (place, files) = self.files_at(id, path)?;
        let name = match path.rsplit('/').next() {
            Some(last) if !last.is_empty() => last,
            _ => ".",
        };
        match files.pack(&place.path, name) {
            Some(packed) => Ok(packed?),
            None => Err(Error::NotFound(format!(
                "Could not find the file {path} in container {id}"
            ))),
        }
    }

    pub(in crate::engine::fake) fn changed_paths(&self, id: &str) -> Result<Vec<String>> {
        let container = self
            .find(id)
            .and_then(|id| self.containers.get(&id))
            .ok_or_else(|| no_container(id))?;
        let in_memory = |path: &str| {
            let tmpfs = &container.spec.tmpfs;
            tmpfs.iter().any(|tmpfs| {
                let target = joined("", &tmpfs.target);
                path == target || below(&target, path).is_some()
            })
        };
        let paths = container.layer.iter().map(|(path, _)| path);
        let paths = paths.filter(|path| !in_memory(path));
        Ok(paths.map(|path| format!("/{path}")).collect())
    }

    /// What is at a path of a container.
    pub(crate) fn file(&self, id: &str, path: &str) -> Option<Node> {
        let (place, files) = self.files_at(id, path).ok()?;
        files.get(&place.path).map(|entry| entry.node.clone())
    }

    /// Makes an empty file from inside a container; the error is what libc would say.
    pub(crate) fn touch(&mut self, id: &str, path: &str) -> Result<(), &'static str> {
        let (place, files) = self.files_at(id, path).map_err(|_| "Input/output error")?;
        let parent = place.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !files.is_directory(parent) {
            return Err("No such file or directory");
        }
        if place.read_only {
            return Err("Read-only file system");
        }
        let path = place.path.clone();
        if let Ok(files) = self.files_mut(id, &place)
            && files.get(&path).is_none()
        {
            let entry = Entry {
                node: Node::File(Vec::new()),
                mode: 0o644,
                uid: 0,
                gid: 0,
            };
            files.insert(&path, entry);
        }
        Ok(())
    }

    // Volumes.

    pub(in crate::engine::fake) fn volumes(&self, labels: &Labels) -> Vec<Volume> {
        self.volumes
            .values()
            .filter(|volume| self.lists(&volume.spec.labels, labels))
            .map(|volume| Volume {
                name: volume.spec.name.clone(),
                labels: volume.spec.labels.clone(),
                created: volume.created.clone(),
            })
            .collect()
    }

    pub(in crate::engine::fake) fn volume_sizes(&self) -> BTreeMap<String, u64> {
        let size = |entry: &Entry| match &entry.node {
            Node::File(content) => content.len() as u64,
            Node::Directory | Node::Link(_) => 0,
        };
        let volumes = self.volumes.iter();
        volumes
            .map(|(name, held)| {
                let sizes = held.files.iter().map(|(_, entry)| size(entry));
                (name.clone(), sizes.sum())
            })
            .collect()
    }

    pub(in crate::engine::fake) fn create_volume(&mut self, spec: &VolumeSpec) -> Result<()> {
        if let Some(of) = &spec.directory_of
            && !self.volumes.contains_key(&of.volume)
        {
            return Err(Error::NotFound(format!(
                "get {}: no such volume",
                of.volume
            )));
        }
        if let Some(layers) = &spec.layers {
            let all = [&layers.lower, &layers.upper, &layers.work];
            if let Some(missing) = all
                .into_iter()
                .find(|name| !self.volumes.contains_key(*name))
            {
                return Err(Error::NotFound(format!("get {missing}: no such volume")));
            }
        }
        if self.volumes.contains_key(&spec.name) {
            return Ok(());
        }
        // The lower volume does not change while there is a copy, so the copy may be made at once.
        let lower = spec.layers.as_ref().map(|layers| &layers.lower);
        let lower = lower.and_then(|lower| self.volumes.get(lower));
        let files = lower.map(|lower| lower.files.clone()).unwrap_or_default();
        let number = self.next();
        let volume = HeldVolume {
            spec: spec.clone(),
            created: format!(
                "2000-01-01T{:02}:{:02}:{:02}Z",
                number / 3600,
                number / 60 % 60,
                number % 60
            ),
            files,
        };
        self.volumes.insert(spec.name.clone(), volume);
        Ok(())
    }

    pub(in crate::engine::fake) fn remove_volume(&mut self, name: &str) -> Result<()> {
        // A container that does not run holds its volumes just as well.
        let user = self.containers.iter().find(|(_, container)| {
            container
                .spec
                .volumes
                .iter()
                .any(|mount| mount.volume == name)
        });
        if let Some((id, _)) = user {
            return Err(Error::Conflict(format!(
                "remove {name}: volume is in use - [{id}]"
            )));
        }
        self.volumes.remove(name);
        Ok(())
    }

    /// Empties the volumes in memory that nothing has any more that runs.
    pub(super) fn forget_memory(&mut self) {
        let containers = &self.containers;
        for (name, volume) in &mut self.volumes {
            let is_mounted = containers.values().any(|held| {
                held.phase == Phase::Running
                    && held.spec.volumes.iter().any(|mount| mount.volume == *name)
            });
            if volume.spec.memory.is_some() && !is_mounted {
                volume.files = Files::default();
            }
        }
    }

    // Networks.

    pub(in crate::engine::fake) fn networks(&self, labels: &Labels) -> Vec<ListedNetwork> {
        self.networks
            .iter()
            .filter(|(_, found)| self.lists(found, labels))
            .map(|(name, labels)| ListedNetwork {
                id: name.clone(),
                name: name.clone(),
                labels: labels.clone(),
            })
            .collect()
    }

    pub(in crate::engine::fake) fn remove_network(&mut self, name: &str) -> Result<()> {
        let used = self.containers.values().any(|container| {
            container.phase == Phase::Running
                && container
                    .spec
                    .network
                    .as_ref()
                    .is_some_and(|network| network.name == name)
        });
        if used {
            return Err(Error::Other(format!(
                "error while removing network: network {name} has active endpoints"
            )));
        }
        self.networks.remove(name);
        Ok(())
    }
}
