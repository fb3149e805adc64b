//! Which project this is, and what its objects in the engine are called.
//!
//! Two checkouts never share a name: the project's id carries a hash of the repository's real path,
//! unless the user gave it an id.

use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use crate::bounded;
use crate::engine::spec::Labels;

/// On everything we make: the project's key.
pub const LABEL_PROJECT: &str = "local.upsun.project";
/// The environment's name.
pub const LABEL_ENVIRONMENT: &str = "local.upsun.environment";
/// The app's name.
pub const LABEL_APP: &str = "local.upsun.app";
/// The worker's name, on what belongs to one.
pub const LABEL_WORKER: &str = "local.upsun.worker";
/// The service's name, on what belongs to one.
pub const LABEL_SERVICE: &str = "local.upsun.service";
/// On the volume of a service's data: the type and version whose format they have, such as `postgresql:17`.
pub const LABEL_DATA_VERSION: &str = "local.upsun.data-version";
/// What the object is for: `web`, `worker`, `build`, `built`, `storage`, `instance`, `tmp`, `directory`, `cache`, `network`,
/// `build-network`, `image`, `service`, `service-data`, `front`, `run`, `source`.
pub const LABEL_KIND: &str = "local.upsun.kind";
/// The build's id.
pub const LABEL_BUILD: &str = "local.upsun.build";
/// The deploy's id.
pub const LABEL_DEPLOY: &str = "local.upsun.deploy";
/// The deploy's id of the container that a front is for.
pub const LABEL_FRONT_OF: &str = "local.upsun.front-of";
/// The run's id, on the container of a source operation.
pub const LABEL_RUN: &str = "local.upsun.run";
/// The version of upsun-local that made it.
pub const LABEL_VERSION: &str = "local.upsun.version";
/// The repository's path, for people who wonder where an object comes from.
pub const LABEL_REPOSITORY: &str = "local.upsun.repository";

/// The longest name that is also a host name.
const LONGEST: usize = 63;

/// The largest file of Upsun's CLI that is read, in bytes: it holds an id, a host name and little more.
const LARGEST_LINK: u64 = 64 * 1024;

/// A repository's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id, as `PLATFORM_PROJECT` says it: letters, digits and `-`.
    pub id: String,
    /// What its objects are called after: the id with a hash of the repository's real path, because two
    /// checkouts of one project must share nothing.
    pub key: String,
    /// The repository's root, with symbolic links resolved.
    pub root: PathBuf,
    /// Where we keep locks and caches of this project, outside the repository.
    pub state_dir: PathBuf,
}

/// The environment variables that say where state is kept.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// `XDG_STATE_HOME`.
    pub state: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
}

impl Home {
    /// The directory for the state of all projects.
    pub fn state_dir(&self) -> PathBuf {
        self.state
            .clone()
            .filter(|path| path.is_absolute())
            .or_else(|| Some(self.home.as_ref()?.join(".local/state")))
            .unwrap_or_else(std::env::temp_dir)
            .join("upsun-local")
    }
}

impl Project {
    /// The project of the repository at `root`. The id is, in this order: the one that Upsun's own CLI
    /// keeps in `.upsun/local/project.yaml`, the one of the settings, or one made from folder and path.
    pub fn of(root: &Path, settings_id: Option<&str>, home: &Home) -> std::io::Result<Project> {
        let root = std::fs::canonicalize(root)?;
        let path_hash = &hash(root.as_os_str().as_encoded_bytes())[..8];
        let given = linked_id(&root)
            .or_else(|| settings_id.map(str::to_owned))
            .map(|id| plain(&id, 24))
            .filter(|id| !id.is_empty());
        let (id, key) = if let Some(id) = given {
            let key = format!("{id}-{path_hash}");
            (id, key)
        } else {
            let folder = root
                .file_name()
                .map(|name| plain(&name.to_string_lossy(), 24))
                .unwrap_or_default();
            let folder = if folder.is_empty() {
                "project".to_owned()
            } else {
                folder
            };
            let id = format!("{folder}-{path_hash}");
            (id.clone(), id)
        };
        let state_dir = home.state_dir().join(&key);
        Ok(Project {
            id,
            key,
            root,
            state_dir,
        })
    }

    /// The labels that everything of this project carries, and nothing else.
    pub fn labels(&self) -> Labels {
        Labels::from([(LABEL_PROJECT.to_owned(), self.key.clone())])
    }

    /// The labels of one environment.
    pub fn environment_labels(&self, environment: &str) -> Labels {
        let mut labels = self.labels();
        labels.insert(LABEL_ENVIRONMENT.to_owned(), environment.to_owned());
        labels
    }

    /// The labels of a new object.
    pub fn new_labels(&self, environment: Option<&str>, app: Option<&str>, kind: &str) -> Labels {
        let mut labels = self.labels();
        labels.insert(LABEL_KIND.to_owned(), kind.to_owned());
        labels.insert(
            LABEL_VERSION.to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        );
        labels.insert(
            LABEL_REPOSITORY.to_owned(),
            self.root.to_string_lossy().into_owned(),
        );
        for (name, value) in [(LABEL_ENVIRONMENT, environment), (LABEL_APP, app)] {
            if let Some(value) = value {
                labels.insert(name.to_owned(), value.to_owned());
            }
        }
        labels
    }

    /// The name of an object: `upsun-<project>-<part>-<part>…`, at most 63 characters. Different parts
    /// never give the same name: a dash inside a part becomes `_`, but for the last part's, and what does not
    /// fit or is not plain is told apart by a hash.
    pub fn name(&self, parts: &[&str]) -> String {
        let last = parts.len().saturating_sub(1);
        let mut readable = format!("upsun-{}", self.key);
        for (at, part) in parts.iter().enumerate() {
            let part = plain(part, LONGEST);
            readable.push('-');
            readable.push_str(&if at == last {
                part
            } else {
                part.replace('-', "_")
            });
        }
        if readable.len() <= LONGEST && parts.iter().all(|part| plain(part, LONGEST) == *part) {
            return readable;
        }
        let digest = &hash(parts.join("/").as_bytes())[..10];
        let kept: String = readable.chars().take(LONGEST - 11).collect();
        format!("{}-{digest}", kept.trim_end_matches('-'))
    }
}

/// The id in the file that Upsun's CLI writes when a checkout is linked to a project.
fn linked_id(root: &Path) -> Option<String> {
    let file = Path::new(".upsun/local/project.yaml");
    let text = bounded::read_text_below(root, file, LARGEST_LINK).ok()?;
    let value: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
    Some(value.get("id")?.as_str()?.to_owned())
}

/// The text with lower-case letters, digits and single dashes only, at most so long.
pub fn plain(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= longest {
            break;
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// SHA-1 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha1::digest(bytes)
        .iter()
        .fold(String::with_capacity(40), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(id: &str) -> Project {
        Project {
            id: id.into(),
            key: id.into(),
            root: "/r".into(),
            state_dir: "/s".into(),
        }
    }

    #[test]
    fn two_checkouts_of_the_same_name_are_two_projects() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<String> = ["a/My Shop é", "b/My Shop é"]
            .iter()
            .map(|path| {
                let root = dir.path().join(path);
                std::fs::create_dir_all(&root).unwrap();
                Project::of(&root, None, &Home::default()).unwrap().id
            })
            .collect();
        assert!(ids[0].starts_with("my-shop-"), "{ids:?}");
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn the_linked_project_comes_before_the_settings() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            Project::of(dir.path(), Some("mine"), &Home::default())
                .unwrap()
                .id,
            "mine"
        );
        std::fs::create_dir_all(dir.path().join(".upsun/local")).unwrap();
        std::fs::write(dir.path().join(".upsun/local/project.yaml"), "id: abc123\n").unwrap();
        assert_eq!(
            Project::of(dir.path(), Some("mine"), &Home::default())
                .unwrap()
                .id,
            "abc123"
        );
    }

    #[test]
    fn names_stay_short_readable_and_distinct() {
        let p = project("shop-1234");
        assert_eq!(p.name(&["main", "app"]), "upsun-shop-1234-main-app");
        let long = "x".repeat(80);
        assert!(p.name(&["main", &long]).len() <= LONGEST);
        assert_ne!(p.name(&["main", "a_b"]), p.name(&["main", "a-b"]));
        assert_ne!(p.name(&["main", "A"]), p.name(&["main", "a"]));
        assert_ne!(p.name(&["a-b", "c"]), p.name(&["a", "b-c"]));
    }
}
