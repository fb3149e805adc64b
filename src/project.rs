//! Which project a repository is, and what its sandbox's objects are called.
//!
//! Every name and every label carries a key made from the project's id and the repository's real path, so
//! that two checkouts, even of the same project, never share a container, a volume or a network.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha1::{Digest, Sha1};

/// Where Upsun's CLI notes the project of a checkout, relative to the repository's root.
pub const PROJECT_FILE: &str = ".upsun/local/project.yaml";

/// What a name may be long: the limit of a DNS label, which container names are used as.
const NAME_LIMIT: usize = 63;
/// What is kept of the project's id in names, so that there is room for the rest.
const SLUG_LIMIT: usize = 24;

/// A repository and its project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The project's id, for `PLATFORM_PROJECT`.
    pub id: String,
    /// What its objects are named and labelled with; another one for every checkout.
    pub key: String,
    /// The repository's real path.
    pub root: PathBuf,
}

/// Why a repository has no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository's path does not resolve.
    #[error("cannot find the real path of `{path}`")]
    Path {
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `.upsun/local/project.yaml` is there, but cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `.upsun/local/project.yaml` is no YAML, or its `id` is no text.
    #[error("`{path}` cannot be understood: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl Project {
    /// Finds out which project a repository is: by `.upsun/local/project.yaml`, else by `project` of the
    /// settings, else by the folder's name.
    pub fn identify(repository: &Path, setting: Option<&str>) -> Result<Project, Error> {
        let root = repository.canonicalize().map_err(|source| Error::Path {
            path: repository.to_owned(),
            source,
        })?;
        let linked = linked_id(&root)?;
        Ok(Project::new(root, linked.as_deref().or(setting)))
    }

    /// The project of a repository whose real path and id are known.
    pub fn new(root: PathBuf, id: Option<&str>) -> Project {
        let id = id.map(str::trim).filter(|id| !id.is_empty());
        let folder = root.file_name().map(|name| name.to_string_lossy());
        let slug = match id {
            Some(id) => slug(id),
            None => slug(folder.as_deref().unwrap_or_default()),
        };
        let slug = slug.get(..SLUG_LIMIT).unwrap_or(&slug).trim_matches('-');
        let slug = if slug.is_empty() { "project" } else { slug };
        let key = format!("{slug}-{}", hash([root.as_os_str().as_bytes()], 8));
        Project {
            id: id.map_or_else(|| key.clone(), str::to_owned),
            key,
            root,
        }
    }

    /// The names of the objects of one environment.
    pub fn names<'a>(&'a self, environment: &'a str) -> Names<'a> {
        Names {
            key: &self.key,
            environment,
        }
    }
}

/// The `id` that Upsun's CLI has noted, if it has.
fn linked_id(root: &Path) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct ProjectFile {
        id: Option<String>,
    }

    let path = root.join(PROJECT_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(Error::Read { path, source }),
    };
    serde_yaml::from_str::<Option<ProjectFile>>(&text)
        .map(|file| file.and_then(|file| file.id).filter(|id| !id.is_empty()))
        .map_err(|error| Error::Invalid {
            path,
            message: error.to_string(),
        })
}

/// A name for engine objects: lower-case letters, digits and single hyphens, none at the ends.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for character in text.chars() {
        match character.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    if slug.ends_with('-') {
        slug.pop();
    }
    slug
}

/// The first hexadecimal digits of a hash over parts, each with its length so that they cannot run together.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>, digits: usize) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut text = format!("{:x}", hash.finalize());
    text.truncate(digits);
    text
}

/// The names of the objects of one environment of one checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    key: &'a str,
    environment: &'a str,
}

impl Names<'_> {
    /// The container of an app's web instance or of a worker: `upsun-<project>-<environment>-<app>[--<worker>]`.
    pub fn container(&self, app: &str, worker: Option<&str>) -> String {
        self.name(Some(self.environment), Some(app), worker, None)
    }

    /// The network that the environment's containers are in.
    pub fn network(&self) -> String {
        self.name(Some(self.environment), None, None, Some("network"))
    }

    /// The volume of one build, shared by all environments.
    pub fn build_volume(&self, app: &str, build: &str) -> String {
        let build = build.get(..12).unwrap_or(build);
        self.name(None, Some(app), None, Some(&format!("build-{build}")))
    }

    /// The volume of `PLATFORM_CACHE_DIR`, shared by all environments.
    pub fn cache_volume(&self, app: &str) -> String {
        self.name(None, Some(app), None, Some("cache"))
    }

    /// The volume of an app's `storage` mounts, shared with its workers.
    pub fn storage_volume(&self, app: &str) -> String {
        self.name(Some(self.environment), Some(app), None, Some("storage"))
    }

    /// The volume of the `instance` mounts of one container.
    pub fn instance_volume(&self, app: &str, worker: Option<&str>) -> String {
        self.name(Some(self.environment), Some(app), worker, Some("instance"))
    }

    /// The volume of the `tmp` mounts of one container.
    pub fn temporary_volume(&self, app: &str, worker: Option<&str>) -> String {
        self.name(Some(self.environment), Some(app), worker, Some("tmp"))
    }

    /// The volume of a `network-storage` service.
    pub fn service_volume(&self, service: &str) -> String {
        self.name(Some(self.environment), Some(service), None, Some("service"))
    }

    /// Joins the parts. Two different sets of parts never give the same name: where the joined text does not
    /// say by itself where each part ends, or a part had to be changed, a hash of all parts is added.
    fn name(
        &self,
        environment: Option<&str>,
        app: Option<&str>,
        worker: Option<&str>,
        kind: Option<&str>,
    ) -> String {
        let part = |part: Option<&str>| part.map(slug).unwrap_or_default();
        let mut name = format!("upsun-{}", self.key);
        for part in [part(environment), part(app)] {
            if !part.is_empty() {
                name.push('-');
                name.push_str(&part);
            }
        }
        if let Some(worker) = worker {
            name.push_str("--");
            name.push_str(&slug(worker));
        }
        let suffix = kind.map(|kind| format!("-{kind}")).unwrap_or_default();
        let changed = [environment, app, worker]
            .into_iter()
            .flatten()
            .any(|part| slug(part) != part || part.is_empty());
        // The environment may hold hyphens as long as the app does not: the last one then ends it.
        let unclear = app.is_some_and(|app| app.contains('-'));
        if !changed && !unclear && name.len() + suffix.len() <= NAME_LIMIT {
            return name + &suffix;
        }
        let parts = [Some(self.key), environment, app, worker, kind];
        // A part that is absent and one that is empty differ.
        let hash = hash(
            parts.iter().flat_map(|part| {
                [
                    if part.is_some() { &b"+"[..] } else { &b"-"[..] },
                    part.unwrap_or_default().as_bytes(),
                ]
            }),
            8,
        );
        let room = NAME_LIMIT.saturating_sub(suffix.len() + 1 + hash.len());
        name.truncate(room);
        format!("{}-{hash}{suffix}", name.trim_end_matches('-'))
    }
}

/// The keys of the labels on everything that is made.
pub mod label {
    /// The project's key. What carries it is ours.
    pub const PROJECT: &str = "local.upsun.project";
    /// The environment's name.
    pub const ENVIRONMENT: &str = "local.upsun.environment";
    /// The app's name.
    pub const APP: &str = "local.upsun.app";
    /// The worker's name.
    pub const WORKER: &str = "local.upsun.worker";
    /// What the object is for: one of [`Kind`](super::Kind).
    pub const KIND: &str = "local.upsun.kind";
    /// The id of the build that it holds or runs.
    pub const BUILD: &str = "local.upsun.build";
    /// The version of the program that made it.
    pub const VERSION: &str = "local.upsun.version";
}

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The container of an app's web instance.
    Web,
    /// The container of a worker.
    Worker,
    /// The container that a build runs in.
    Build,
    /// A container that only moves files.
    Helper,
    /// The volume of a finished build.
    BuildVolume,
    /// The volume of `PLATFORM_CACHE_DIR`.
    CacheVolume,
    /// A volume of `storage` mounts.
    StorageVolume,
    /// A volume of `instance` mounts.
    InstanceVolume,
    /// A volume of `tmp` mounts.
    TemporaryVolume,
    /// A volume of a `network-storage` service.
    ServiceVolume,
    /// An environment's network.
    Network,
    /// A derived image.
    Image,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 12] = [
        Kind::Web,
        Kind::Worker,
        Kind::Build,
        Kind::Helper,
        Kind::BuildVolume,
        Kind::CacheVolume,
        Kind::StorageVolume,
        Kind::InstanceVolume,
        Kind::TemporaryVolume,
        Kind::ServiceVolume,
        Kind::Network,
        Kind::Image,
    ];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Web => "web",
            Kind::Worker => "worker",
            Kind::Build => "build",
            Kind::Helper => "helper",
            Kind::BuildVolume => "build-volume",
            Kind::CacheVolume => "cache-volume",
            Kind::StorageVolume => "storage-volume",
            Kind::InstanceVolume => "instance-volume",
            Kind::TemporaryVolume => "tmp-volume",
            Kind::ServiceVolume => "service-volume",
            Kind::Network => "network",
            Kind::Image => "image",
        }
    }

    /// The kind that a label's value names.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it holds what mounts have been given, which only `down --volumes` deletes.
    pub fn holds_mount_data(self) -> bool {
        matches!(
            self,
            Kind::StorageVolume
                | Kind::InstanceVolume
                | Kind::TemporaryVolume
                | Kind::ServiceVolume
        )
    }
}

/// The labels of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The labels that everything of a project has.
    pub fn new(project: &Project, kind: Kind) -> Labels {
        Labels::shared(kind).with(label::PROJECT, &project.key)
    }

    /// The labels of what belongs to no single project: derived images.
    pub fn shared(kind: Kind) -> Labels {
        Labels(BTreeMap::new())
            .with(label::KIND, kind.name())
            .with(label::VERSION, env!("CARGO_PKG_VERSION"))
    }

    /// Adds the environment.
    #[must_use]
    pub fn environment(self, name: &str) -> Labels {
        self.with(label::ENVIRONMENT, name)
    }

    /// Adds the app.
    #[must_use]
    pub fn app(self, name: &str) -> Labels {
        self.with(label::APP, name)
    }

    /// Adds the worker, if there is one.
    #[must_use]
    pub fn worker(self, name: Option<&str>) -> Labels {
        match name {
            Some(name) => self.with(label::WORKER, name),
            None => self,
        }
    }

    /// Adds the build's id.
    #[must_use]
    pub fn build(self, id: &str) -> Labels {
        self.with(label::BUILD, id)
    }

    /// Adds any label.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Labels {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The labels as the engine takes them.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }

    /// The labels as `key=value`, for filters: what carries them all is found.
    pub fn filters(&self) -> Vec<String> {
        self.0
            .iter()
            .filter(|(key, _)| key.as_str() != label::VERSION)
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }
}

impl Project {
    /// The filter that finds everything of this checkout, and nothing else.
    pub fn filter(&self) -> String {
        format!("{}={}", label::PROJECT, self.key)
    }

    /// Where this checkout's locks and notes are: below `XDG_STATE_HOME`, else below `HOME`; `None` when neither
    /// is an absolute path. `lookup` reads an environment variable.
    pub fn state_directory(&self, lookup: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let absolute = |name| {
            lookup(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("upsun-local").join(&self.key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn project(root: &str, id: Option<&str>) -> Project {
        Project::new(PathBuf::from(root), id)
    }

    #[test]
    fn a_folder_names_its_project() {
        let project = project("/home/me/My Shop_2.0", None);
        assert!(project.key.starts_with("my-shop-2-0-"), "{}", project.key);
        assert_eq!(project.id, project.key);
        assert_eq!(project.key.len(), "my-shop-2-0-".len() + 8);
    }

    #[test]
    fn a_given_id_is_kept_as_it_is() {
        let project = project("/home/me/shop", Some("AbC_1"));
        assert_eq!(project.id, "AbC_1");
        assert!(project.key.starts_with("abc-1-"), "{}", project.key);
    }

    #[test]
    fn two_checkouts_of_one_project_share_no_key() {
        assert_ne!(
            project("/a/shop", Some("abc")).key,
            project("/b/shop", Some("abc")).key
        );
    }

    #[test]
    fn odd_folders_still_have_a_key() {
        for root in ["/", "/日本", "/---", "/x/aaaaaaaaaaaaaaaaaaaaaaa-bcdef"] {
            let key = project(root, None).key;
            assert_eq!(slug(&key), key);
            assert!(key.len() <= SLUG_LIMIT + 9, "{key}");
        }
    }

    #[test]
    fn the_linked_project_stands_above_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let setting = Project::identify(folder.path(), Some("setting")).unwrap();
        assert_eq!(setting.id, "setting");
        std::fs::create_dir_all(folder.path().join(".upsun/local")).unwrap();
        let file = folder.path().join(PROJECT_FILE);
        std::fs::write(&file, "id: linked\nhost: eu.example\n").unwrap();
        let linked = Project::identify(folder.path(), Some("setting")).unwrap();
        assert_eq!(linked.id, "linked");
        std::fs::write(&file, "").unwrap();
        let empty = Project::identify(folder.path(), None).unwrap();
        assert_eq!(empty.id, empty.key);
        std::fs::write(&file, "id: [1]\n").unwrap();
        let error = Project::identify(folder.path(), None).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }));
    }

    #[test]
    fn a_path_through_a_link_is_the_same_project() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(
            Project::identify(&real, None).unwrap(),
            Project::identify(&link, None).unwrap()
        );
    }

    #[test]
    fn plain_names_read_as_designed() {
        let project = project("/x/shop", None);
        let key = &project.key;
        let names = project.names("feature-x");
        assert_eq!(
            names.container("app", None),
            format!("upsun-{key}-feature-x-app")
        );
        assert_eq!(
            names.container("app", Some("queue")),
            format!("upsun-{key}-feature-x-app--queue")
        );
        assert_eq!(
            names.storage_volume("app"),
            format!("upsun-{key}-feature-x-app-storage")
        );
        assert_eq!(
            names.build_volume("app", "0123456789abcdef"),
            format!("upsun-{key}-app-build-0123456789ab")
        );
        assert_eq!(names.network(), format!("upsun-{key}-feature-x-network"));
    }

    #[test]
    fn hyphens_and_changed_letters_make_no_two_names_the_same() {
        let project = project("/x/shop", None);
        let a = project.names("a").container("b-c", None);
        let b = project.names("a-b").container("c", None);
        let c = project.names("a").container("B-c", None);
        let d = project.names("a").container("b_c", None);
        let all: std::collections::BTreeSet<_> = [a, b, c, d].into_iter().collect();
        assert_eq!(all.len(), 4, "{all:?}");
    }

    #[test]
    fn labels_say_whose_an_object_is() {
        let project = project("/x/shop", Some("abc"));
        let labels = Labels::new(&project, Kind::Worker)
            .environment("main")
            .app("app")
            .worker(Some("queue"))
            .build("42");
        assert!(labels.filters().contains(&project.filter()));
        let map = labels.into_map();
        assert_eq!(map[label::KIND], "worker");
        assert_eq!(map[label::WORKER], "queue");
        assert_eq!(map[label::BUILD], "42");
        assert_eq!(map[label::VERSION], env!("CARGO_PKG_VERSION"));
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }

    #[test]
    fn state_is_kept_where_xdg_says() {
        let project = project("/x/shop", None);
        let at = |variables: &[(&str, &str)]| {
            project.state_directory(|name| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| OsString::from(value))
            })
        };
        let key = &project.key;
        assert_eq!(
            at(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]),
            Some(PathBuf::from(format!("/s/upsun-local/{key}")))
        );
        assert_eq!(
            at(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]),
            Some(PathBuf::from(format!("/h/.local/state/upsun-local/{key}")))
        );
        assert_eq!(at(&[]), None);
    }

    proptest! {
        #[test]
        fn names_fit_and_are_valid(
            root in "/[ -~]{0,80}",
            environment in "\\PC{0,80}",
            app in "\\PC{0,80}",
            worker in proptest::option::of("\\PC{0,80}"),
        ) {
            let project = project(&root, None);
            let names = project.names(&environment);
            for name in [
                names.container(&app, worker.as_deref()),
                names.network(),
                names.build_volume(&app, "0123456789abcdef"),
                names.temporary_volume(&app, worker.as_deref()),
                names.service_volume(&app),
            ] {
                prop_assert!(name.len() <= NAME_LIMIT, "{}", name);
                prop_assert!(
                    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                    "{}", name
                );
                prop_assert!(!name.ends_with('-'), "{}", name);
            }
        }

        #[test]
        fn different_parts_give_different_names(
            one in ("[ab-]{1,4}", "[ab-]{1,4}", proptest::option::of("[ab-]{1,3}")),
            two in ("[ab-]{1,4}", "[ab-]{1,4}", proptest::option::of("[ab-]{1,3}")),
        ) {
            prop_assume!(one != two);
            let project = project("/x/shop", None);
            prop_assert_ne!(
                project.names(&one.0).container(&one.1, one.2.as_deref()),
                project.names(&two.0).container(&two.1, two.2.as_deref())
            );
        }
    }
}
