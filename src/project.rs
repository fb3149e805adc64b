//! Which project this is, and what its objects in the engine are called.
//!
//! Two checkouts never share a name, and neither do two users of one checkout: names carry a hash of the
//! repository's real path and of its owner. The owner follows from the user, the state directory with its locks,
//! and the machine: users who share no locks share no containers, on a remote engine too.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha1::{Digest, Sha1};

use crate::bounded;
use crate::labels::{
    Kind, LABEL_APP, LABEL_DIRECTORY, LABEL_ENVIRONMENT, LABEL_OWNER, LABEL_PROJECT,
    LABEL_REPOSITORY, LABEL_VERSION, Labels,
};

/// The file of the settings at the root of a repository.
pub(crate) const SETTINGS_FILE: &str = ".upsun-local.yaml";

/// The user's own settings, for all projects, as they are called in general.
pub(crate) const OWN_SETTINGS: &str = "~/.config/upsun-local/settings.yaml";

/// The directory for the state of visits, below that of the project.
const VISITS: &str = "visits";

/// The longest name that is also a host name.
const LONGEST: usize = 63;

/// The largest file of Upsun's CLI that is read, in bytes: it holds an id, a host name and little more.
const LARGEST_LINK: u64 = 64 * 1024;

/// A repository's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id, as `PLATFORM_PROJECT` says it: letters, digits and `-`.
    pub id: String,
    /// What its objects are called after: the id, or the repository's folder, with a hash of the repository's real
    /// path and of the owner, because two checkouts of one project must share nothing, nor must two users.
    pub key: String,
    /// The repository's root, with symbolic links resolved.
    pub root: PathBuf,
    /// Where locks and caches of this project are kept, outside the repository.
    pub state_dir: PathBuf,
    /// Who works on which directory.
    pub identity: Identity,
}

/// Who works on which directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user's id, with a hash of it, of the state directory and of the machine: `1000-1a2b3c4d`.
    pub owner: String,
    /// The number of the repository's directory in its file system and when it was made; it keeps both when it is
    /// moved. `None` where the file system does not say.
    pub directory: Option<String>,
}

impl Identity {
    /// The identity of the owner of a state directory.
    fn of(state: &Path) -> Self {
        let user = crate::private::user();
        // The id of the machine distinguishes two machines that use one engine. In a container the file is missing.
        let machine = std::fs::read("/etc/machine-id").unwrap_or_default();
        let mut bytes = format!("{user}/").into_bytes();
        bytes.extend_from_slice(machine.trim_ascii());
        bytes.push(b'/');
        let state = std::fs::canonicalize(state).unwrap_or_else(|_| state.to_owned());
        bytes.extend_from_slice(state.as_os_str().as_encoded_bytes());
        Identity {
            owner: format!("{user}-{}", &hash(&bytes)[..8]),
            directory: None,
        }
    }
}

/// What a directory keeps when it is moved within its file system.
fn number_of(directory: &Path) -> Option<String> {
    let found = directory.metadata().ok()?;
    let made = found.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}-{}", found.ino(), made.as_nanos()))
}

/// The environment variables that say where state is kept.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// `XDG_STATE_HOME`.
    pub state: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
}

/// Where the state of all projects is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDirectory {
    /// The directory, which only this user can enter. It is missing if it cannot be made.
    pub path: PathBuf,
    /// Why it is not the one that it should be.
    pub warning: Option<String>,
}

impl Home {
    /// The directory for the state of all projects. One that belongs to somebody else, or that others can enter, is not
    /// used; then it is this user's own directory below the one for temporary files.
    pub fn state_dir(&self) -> std::io::Result<StateDirectory> {
        let absolute = |path: &Option<PathBuf>| path.clone().filter(|path| path.is_absolute());
        let home = || Some(absolute(&self.home)?.join(".local/state"));
        let wanted = absolute(&self.state).or_else(home);
        let mut warning = None;
        if let Some(path) = wanted.map(|parent| parent.join("upsun-local")) {
            match crate::private::directory(&path) {
                Err(refused) if refused.is_unsafe() => {
                    warning = Some(format!("{} is not used: {refused}", path.display()));
                }
                // Where it cannot be made, whatever needs it says so.
                _ => {
                    return Ok(StateDirectory {
                        path,
                        warning: None,
                    });
                }
            }
        }
        let path = crate::private::directory_in(&std::env::temp_dir())?;
        let warning =
            warning.map(|why| format!("{why}; state is kept in {} instead", path.display()));
        Ok(StateDirectory { path, warning })
    }

    /// Who keeps state there.
    pub fn owner(&self) -> std::io::Result<String> {
        Ok(Identity::of(&self.state_dir()?.path).owner)
    }
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository is not there.
    #[error("{path}: {source}")]
    Root {
        /// Its root.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Other users can write to every possible directory for state.
    #[error("there is no directory for state: {0}")]
    State(std::io::Error),
}

impl Project {
    /// The project of the repository at `root`. The id is, in this order: the one that Upsun's own CLI
    /// keeps in `.upsun/local/project.yaml`, the one of the settings, or one made from folder and path.
    pub fn of(root: &Path, settings_id: Option<&str>, home: &Home) -> Result<Project, Error> {
        let root = std::fs::canonicalize(root).map_err(|source| Error::Root {
            path: root.to_owned(),
            source,
        })?;
        let state = home.state_dir().map_err(Error::State)?.path;
        let identity = Identity {
            directory: number_of(&root),
            ..Identity::of(&state)
        };
        let path = root.as_os_str().as_encoded_bytes();
        let path_hash = &hash(path)[..8];
        let own_hash = &hash(&[path, b"\0", identity.owner.as_bytes()].concat())[..8];
        let given = linked_id(&root)
            .or_else(|| settings_id.map(str::to_owned))
            .map(|id| plain(&id, 24))
            .filter(|id| !id.is_empty());
        let (id, key) = if let Some(id) = given {
            let key = format!("{id}-{own_hash}");
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
            (
                format!("{folder}-{path_hash}"),
                format!("{folder}-{own_hash}"),
            )
        };
        let state_dir = state.join(&key);
        Ok(Project {
            id,
            key,
            root,
            state_dir,
            identity,
        })
    }

    /// The labels that everything of this project carries, and nothing else.
    pub fn labels(&self) -> Labels {
        Labels::from([(LABEL_PROJECT.to_owned(), self.key.clone())])
    }

    pub(crate) fn visits_dir(&self) -> PathBuf {
        self.state_dir.join(VISITS)
    }

    /// The lock of an app's builds. Visits share it with the project that they belong to, because an engine keeps a
    /// build for both.
    pub(crate) fn build_lock(&self, app: &str) -> PathBuf {
        let visits = self
            .state_dir
            .parent()
            .filter(|parent| parent.ends_with(VISITS));
        let shared = visits.and_then(Path::parent).unwrap_or(&self.state_dir);
        shared.join(format!("build-{}.lock", &hash(app.as_bytes())[..12]))
    }

    /// The same project with another directory for state: that of a visit to one of several engines.
    pub(crate) fn visiting(&self, token: &str) -> Project {
        Project {
            state_dir: self.visits_dir().join(token),
            ..self.clone()
        }
    }

    pub(crate) fn environment_labels(&self, environment: &str) -> Labels {
        let mut labels = self.labels();
        labels.insert(LABEL_ENVIRONMENT.to_owned(), environment.to_owned());
        labels
    }

    /// The labels of a new object.
    pub(crate) fn new_labels(
        &self,
        environment: Option<&str>,
        app: Option<&str>,
        kind: Kind,
    ) -> Labels {
        let mut labels = self.labels();
        labels.extend([kind.label()]);
        labels.insert(
            LABEL_VERSION.to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        );
        labels.insert(
            LABEL_REPOSITORY.to_owned(),
            self.root.to_string_lossy().into_owned(),
        );
        let owner = Some(self.identity.owner.as_str()).filter(|owner| !owner.is_empty());
        let directory = self.identity.directory.as_deref();
        for (name, value) in [
            (LABEL_ENVIRONMENT, environment),
            (LABEL_APP, app),
            (LABEL_OWNER, owner),
            (LABEL_DIRECTORY, directory),
        ] {
            if let Some(value) = value {
                labels.insert(name.to_owned(), value.to_owned());
            }
        }
        labels
    }

    /// The name of an object: `upsun-<project>-<part>-<part>…`, at most 63 characters. Different parts never give
    /// the same name: a dash inside a part becomes `_`, except in the last part, and a hash is added to names that
    /// are too long or contain other characters.
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

/// The text reduced to lower-case letters, digits and single dashes, at most `longest` of them.
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
pub(crate) fn hash(bytes: &[u8]) -> String {
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
            identity: Identity::default(),
        }
    }

    /// State below a directory of the test's own.
    fn home(path: &Path) -> Home {
        Home {
            state: Some(path.to_owned()),
            home: None,
        }
    }

    #[test]
    fn a_visit_has_state_of_its_own_but_shares_the_locks_of_builds() {
        let project = project("shop");
        let visit = project.visiting("token");
        assert_ne!(visit.state_dir, project.state_dir);
        assert_eq!(visit.build_lock("app"), project.build_lock("app"));
        assert_ne!(project.build_lock("app"), project.build_lock("other"));
    }

    #[test]
    fn two_users_of_a_checkout_share_its_id_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("shop");
        std::fs::create_dir(&root).unwrap();
        for id in [None, Some("abc")] {
            let [one, again, other] = ["one", "one", "other"]
                .map(|name| Project::of(&root, id, &home(&dir.path().join(name))).unwrap());
            assert_eq!(one, again);
            assert_eq!(one.id, other.id);
            assert_ne!(one.key, other.key);
            assert_ne!(one.name(&["a"]), other.name(&["a"]));
            assert_ne!(one.identity.owner, other.identity.owner);
            assert!(
                one.state_dir
                    .starts_with(dir.path().join("one/upsun-local"))
            );
        }
    }

    #[test]
    fn a_directory_is_known_by_its_number_after_it_was_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let before = number_of(&old);
        std::fs::rename(&old, &new).unwrap();
        assert_eq!(number_of(&new), before);
        std::fs::create_dir(&old).unwrap();
        assert!(before.is_none() || number_of(&old) != before);
    }

    #[test]
    fn state_is_never_kept_in_the_working_directory_or_where_everybody_is() {
        let relative = Home {
            state: Some("state".into()),
            home: Some("home".into()),
        };
        for home in [relative, Home::default()] {
            let found = home.state_dir().unwrap();
            let name = format!("upsun-local-{}", crate::private::user());
            assert_eq!(found.path, std::env::temp_dir().join(name));
            assert_eq!(found.warning, None);
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
