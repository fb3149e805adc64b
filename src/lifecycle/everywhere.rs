//! Lists the objects of all projects that `upsun-local` made on an engine. The labels of each object say to which
//! project and user it belongs; the filter of the request to the engine is not relied upon.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::spec::{Container, Volume};
use crate::engine::{Engine, Result};
use crate::labels::Kind;
use crate::labels::Labels;
use crate::labels::{
    LABEL_DIRECTORY, LABEL_ENVIRONMENT, LABEL_OWNER, LABEL_PROJECT, LABEL_REPOSITORY,
};
use crate::project::{Identity, Project};

/// All objects of one project on an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandboxes {
    pub key: String,
    /// The path of the repository when the objects were made.
    pub repository: String,
    /// The owner of the objects; `None` for objects that an early version made.
    pub owner: Option<String>,
    /// Identifies the directory of the repository, also after it was moved.
    directory: Option<String>,
    /// The objects of each environment. Objects that all environments share, such as builds, stand under the empty
    /// name.
    pub environments: BTreeMap<String, Extent>,
}

/// The number and size of an environment's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    pub containers: usize,
    /// How many of the containers run.
    pub running: usize,
    pub volumes: usize,
    /// When the oldest object was made, in seconds since 1970.
    pub since: Option<i64>,
    /// The size of the volumes in bytes, as far as the engine knows.
    pub size: Option<u64>,
}

impl Extent {
    fn is_as_old_as(&mut self, moment: Option<i64>) {
        let oldest = self.since.into_iter().chain(moment).min();
        self.since = oldest;
    }
}

/// How long an engine may measure volumes for something that is only good to know.
const PATIENCE: Duration = Duration::from_secs(3);

/// All objects on an engine, by project. The engine needs a while to measure sizes, so `with_sizes` asks for them.
pub async fn everywhere<E: Engine>(engine: &E, with_sizes: bool) -> Result<Vec<Sandboxes>> {
    let labels = Labels::from([(LABEL_PROJECT.to_owned(), String::new())]);
    let (containers, volumes) = tokio::join!(engine.containers(&labels), engine.volumes(&labels));
    let sizes = if with_sizes {
        engine.volume_sizes().await?
    } else {
        BTreeMap::new()
    };
    let mut found = BTreeMap::new();
    for container in containers? {
        if let Some(extent) = extent(&mut found, &container.labels) {
            count_container(extent, &container);
        }
    }
    for volume in volumes? {
        if let Some(extent) = extent(&mut found, &volume.labels) {
            count_volume(extent, &volume, &sizes);
        }
    }
    Ok(found.into_values().collect())
}

/// How many bytes the kept packages and the build caches of a project take; `None` if there are none, or if the engine
/// needs too long to measure them: it measures all volumes at once.
pub async fn packages_size<E: Engine>(engine: &E, project: &Project) -> Result<Option<u64>> {
    let mut labels = project.labels();
    labels.extend([Kind::Packages.label()]);
    let volumes = engine.volumes(&labels).await?;
    if volumes.is_empty() {
        return Ok(None);
    }
    let Ok(sizes) = tokio::time::timeout(PATIENCE, engine.volume_sizes()).await else {
        return Ok(None);
    };
    let sizes = sizes?;
    let all: Vec<u64> = volumes
        .iter()
        .filter_map(|volume| sizes.get(&volume.name).copied())
        .collect();
    Ok((!all.is_empty()).then(|| all.iter().sum()))
}

fn count_container(extent: &mut Extent, container: &Container) {
    extent.containers += 1;
    extent.running += usize::from(container.running);
    extent.is_as_old_as(Some(container.created).filter(|moment| *moment > 0));
}

fn count_volume(extent: &mut Extent, volume: &Volume, sizes: &BTreeMap<String, u64>) {
    extent.volumes += 1;
    let made: Option<Timestamp> = volume.created.parse().ok();
    extent.is_as_old_as(made.map(Timestamp::as_second));
    // The size of a volume that is a directory of another volume is part of that volume's size.
    let is_part = Kind::of(&volume.labels) == Some(Kind::Directory);
    if let Some(size) = sizes.get(&volume.name).filter(|_| !is_part) {
        extent.size = Some(extent.size.unwrap_or_default() + size);
    }
}

fn extent<'a>(
    found: &'a mut BTreeMap<String, Sandboxes>,
    labels: &Labels,
) -> Option<&'a mut Extent> {
    let key = labels.get(LABEL_PROJECT).filter(|key| !key.is_empty())?;
    let of = found.entry(key.clone()).or_insert_with(|| Sandboxes {
        key: key.clone(),
        ..Sandboxes::default()
    });
    if let Some(repository) = labels.get(LABEL_REPOSITORY) {
        of.repository.clone_from(repository);
    }
    for (kept, label) in [
        (&mut of.owner, LABEL_OWNER),
        (&mut of.directory, LABEL_DIRECTORY),
    ] {
        if let Some(value) = labels.get(label).filter(|value| !value.is_empty()) {
            *kept = Some(value.clone());
        }
    }
    let environment = labels.get(LABEL_ENVIRONMENT).cloned();
    Some(
        of.environments
            .entry(environment.unwrap_or_default())
            .or_default(),
    )
}

impl Sandboxes {
    /// Whether the objects belong to this user, state directory and machine.
    pub fn is_of(&self, owner: &str) -> bool {
        self.owner.as_deref() == Some(owner)
    }

    /// Whether the repository is gone. Only the owner can know: the repository of another machine may never have been
    /// on this one.
    pub fn is_orphaned(&self, owner: &str) -> bool {
        self.is_of(owner) && self.is_missing()
    }

    /// Whether the path of the repository does not exist on this machine. A path that cannot be read is not missing.
    pub fn is_missing(&self) -> bool {
        let path = Path::new(&self.repository);
        let looked = path.symlink_metadata().map_err(|err| err.kind());
        let gone = [ErrorKind::NotFound, ErrorKind::NotADirectory];
        path.is_absolute() && looked.is_err_and(|kind| gone.contains(&kind))
    }

    /// Whether the objects were made for the repository of `project` when it had another id or another path.
    pub fn was_made_for(&self, project: &Project) -> bool {
        if self.key == project.key {
            return false;
        }
        let is_own = self.is_of(&project.identity.owner);
        // A path that is not UTF-8 cannot be compared.
        let is_here = project.root.to_str() == Some(self.repository.as_str());
        let was_moved = self.directory.is_some()
            && self.directory == project.identity.directory
            && self.is_missing();
        // Early versions did not label the owner, so only the path says whose objects they are.
        (is_own && (is_here || was_moved)) || (self.owner.is_none() && is_here)
    }

    /// Whether a word of the user names this project: its key, or its id.
    pub fn is_called(&self, word: &str) -> bool {
        let id = self.key.rsplit_once('-').map(|(id, _)| id);
        self.key == word || id == Some(word)
    }

    /// The project to take down. `state` is the directory with the state of all projects of this user.
    pub fn project(&self, state: &Path) -> Project {
        Project {
            id: self.key.clone(),
            key: self.key.clone(),
            root: PathBuf::from(&self.repository),
            state_dir: state.join(&self.key),
            identity: Identity::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::FakeEngine;
    use crate::engine::spec::VolumeSpec;

    fn project(root: &Path) -> Project {
        Project {
            id: "shop".to_owned(),
            key: "shop-1".to_owned(),
            root: root.to_owned(),
            state_dir: "/s".into(),
            identity: Identity {
                owner: "1000-a".to_owned(),
                directory: Some("7-7".to_owned()),
            },
        }
    }

    fn made(key: &str, owner: Option<&str>, repository: &Path, directory: &str) -> Sandboxes {
        Sandboxes {
            key: key.to_owned(),
            owner: owner.map(str::to_owned),
            repository: repository.display().to_string(),
            directory: Some(directory.to_owned()),
            ..Sandboxes::default()
        }
    }

    #[test]
    fn what_was_made_for_a_repository_is_told_from_what_looks_like_it() {
        let dir = tempfile::tempdir().unwrap();
        let (here, other) = (dir.path().join("here"), dir.path().join("other"));
        std::fs::create_dir(&here).unwrap();
        std::fs::create_dir(&other).unwrap();
        let (gone, project) = (dir.path().join("gone"), project(&here));
        let (own, theirs) = (Some("1000-a"), Some("1001-b"));
        for (key, owner, repository, directory, expected) in [
            // Its own objects are no others.
            ("shop-1", own, &here, "7-7", false),
            // Under another id, and before owners were noted.
            ("old-2", own, &here, "7-7", true),
            ("old-2", own, &here, "8-8", true),
            ("old-2", None, &here, "7-7", true),
            // Before it was moved.
            ("shop-2", own, &gone, "7-7", true),
            // Another directory that is gone; one that is there, whatever its number; another owner's.
            ("shop-2", own, &gone, "8-8", false),
            ("shop-2", own, &other, "7-7", false),
            ("shop-2", theirs, &here, "7-7", false),
            ("shop-2", theirs, &gone, "7-7", false),
            ("shop-2", None, &gone, "7-7", false),
        ] {
            let made = made(key, owner, repository, directory);
            assert_eq!(made.was_made_for(&project), expected, "{made:?}");
        }
        // Without a number, nothing is known to have been moved.
        let mut project = project;
        project.identity.directory = None;
        let mut moved = made("shop-2", own, &gone, "");
        moved.directory = None;
        assert!(!moved.was_made_for(&project));
    }

    #[test]
    fn only_what_is_certainly_gone_and_ones_own_is_an_orphan() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().to_owned();
        let (gone, relative) = (here.join("gone/er"), PathBuf::from("gone"));
        for (owner, repository, expected) in [
            (Some("1000-a"), &gone, true),
            (Some("1000-a"), &here, false),
            (Some("1000-a"), &relative, false),
            (Some("1001-b"), &gone, false),
            (None, &gone, false),
        ] {
            let made = made("shop-2", owner, repository, "7-7");
            assert_eq!(made.is_orphaned("1000-a"), expected, "{made:?}");
        }
    }

    #[tokio::test]
    async fn objects_are_counted_by_project_and_environment() {
        let engine = FakeEngine::new(&[]);
        let labels = |key: &str, environment: Option<&str>| {
            let mut labels = project(Path::new("/r")).new_labels(environment, None, Kind::Storage);
            labels.insert(LABEL_PROJECT.to_owned(), key.to_owned());
            labels
        };
        for (name, labels) in [
            ("a", labels("one", Some("local"))),
            ("b", labels("one", None)),
            ("c", labels("two", Some("local"))),
            ("d", labels("", Some("local"))),
            ("e", Labels::new()),
        ] {
            let volume = VolumeSpec {
                name: name.to_owned(),
                labels,
                directory_of: None,
                memory: None,
                layers: None,
            };
            engine.create_volume(&volume).await.unwrap();
        }
        let found = everywhere(&engine, true).await.unwrap();
        let shown: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|of| {
                let names = of.environments.keys().map(String::as_str);
                (of.key.as_str(), names.collect())
            })
            .collect();
        assert_eq!(shown, [("one", vec!["", "local"]), ("two", vec!["local"])]);
        assert!(found.iter().all(|of| of.is_of("1000-a")));
        let extent = &found[0].environments["local"];
        assert_eq!((extent.volumes, extent.size), (1, Some(0)));
        assert!(extent.since.is_some());
    }
}
