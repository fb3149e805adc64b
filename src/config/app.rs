//! The typed model of one entry of `applications`.

mod web;

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

pub use self::web::{
    Commands, Expires, Location, MAX_REQUEST_SIZE, Passthru, Properties, Protocol,
    RequestBuffering, START_PHP_APP, SocketFamily, Web,
};
use super::problem::Place;
use crate::roles::Role;

/// One application.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// Its name: the key under `applications`.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// What its container is made from.
    pub image: Image,
    /// `source.root`, relative to the repository's root, without slashes at its ends; empty for the root.
    pub source_root: String,
    /// What happens between checking out the source and the build hook.
    pub flavor: Flavor,
    /// `build.caches`.
    pub build_caches: Vec<BuildCache>,
    /// Global dependencies: language (`nodejs`, `python3`, `php`, `ruby`) to packages and versions, as written.
    pub dependencies: IndexMap<String, IndexMap<String, Value>>,
    /// The build, deploy and post-deploy scripts.
    pub hooks: Hooks,
    /// The writable mounts of the web container.
    pub mounts: Vec<Mount>,
    /// What the web container runs.
    pub web: Web,
    /// Workers, with everything that they take over from the application already filled in.
    pub workers: Vec<Worker>,
    /// The runtime operations of the web container.
    pub operations: Vec<Operation>,
    /// `access.ssh`: the minimum role for a shell. Default: contributor.
    pub ssh: Role,
    /// The application's variables, as written: prefix (`env`, `php`, …) to name to value.
    pub variables: IndexMap<String, IndexMap<String, Value>>,
    /// The relationships of the web container.
    pub relationships: Vec<Relationship>,
    /// `timezone`; `UTC` when it is not given.
    pub timezone: String,
    /// `additional_hosts`: host name to IP address.
    pub additional_hosts: IndexMap<String, String>,
    /// The application as JSON, merged and with its includes resolved, for `PLATFORM_APPLICATION`.
    pub raw: Value,
}

/// The container image an application asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// `type: nodejs:24`.
    Runtime(Runtime),
    /// `type: composable:<channel>` with a `stack`.
    Composable {
        /// The channel after the colon, such as `25.11`; empty when only `stack` was given.
        channel: String,
        /// The runtimes; the first is the primary one.
        runtimes: Vec<StackRuntime>,
        /// Names of Nix packages.
        packages: Vec<String>,
    },
}

impl Image {
    /// The name of its primary runtime.
    pub fn primary(&self) -> Option<&str> {
        match self {
            Image::Runtime(runtime) => Some(&runtime.name),
            Image::Composable { runtimes, .. } => {
                runtimes.first().map(|entry| entry.runtime.name.as_str())
            }
        }
    }
}

/// A runtime and its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Runtime {
    /// `nodejs`, `python`, `php`, …
    pub name: String,
    /// `24`, `3.14`, …; empty when the stack names none.
    pub version: String,
}

/// One entry of `stack.runtimes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackRuntime {
    pub runtime: Runtime,
    /// Extensions to switch on (PHP).
    pub extensions: Vec<String>,
    /// Extensions to switch off (PHP).
    pub disabled_extensions: Vec<String>,
}

/// `build.flavor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flavor {
    /// Not set: the default of the runtime.
    Default,
    /// `none`.
    None,
    /// Another flavor, by its name (`composer`, …).
    Named(String),
}

/// One entry of `build.caches`: a directory of the app that later builds find again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildCache {
    pub name: String,
    /// Relative to the app's root, without slashes at its ends; empty for the whole app. The cache's name unless
    /// `directory` is given.
    pub directory: String,
    /// Patterns of files relative to the app's root, without a slash at the start: their contents are the key.
    pub watch: Vec<String>,
    /// Whether a build whose watched files have other contents begins with the last cache.
    pub allow_stale: bool,
    /// Whether all apps of the project use one cache.
    pub share_between_apps: bool,
}

/// The scripts of `hooks`. Each is run by dash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Runs at the end of the build, without services or mounts.
    pub build: Option<String>,
    /// Runs in the started container, before requests are let in.
    pub deploy: Option<String>,
    /// Runs after requests are let in.
    pub post_deploy: Option<String>,
}

/// One writable mount.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// The path relative to the app's root, without slashes at its ends: `public/files`.
    pub path: String,
    /// Where the data live.
    pub source: MountSource,
    /// The directory inside that source, without slashes at its ends; empty for the whole of it.
    /// Already defaulted: the mount's path when `source_path` is not given.
    pub source_path: String,
    /// Where the mount's key stands.
    pub place: Place,
}

/// `mounts.*.source`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MountSource {
    /// `storage`: shared by all instances of an app and its workers. The name of the app that owns it.
    Storage {
        /// The owning app: this one, or the one that `service:` names.
        app: String,
    },
    /// `instance` (also `local`): of one container.
    Instance,
    /// `tmp` or `temporary`: of one container, may be lost at any time.
    Temporary,
    /// `service`: a directory of a `network-storage` service.
    Service {
        /// The service's name.
        service: String,
    },
}

/// One worker: the same build, another command.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Its name: the key under `workers`.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// What runs in it.
    pub commands: Commands,
    /// Its mounts: its own when it gives any (`{}` means none), otherwise the application's.
    pub mounts: Vec<Mount>,
    /// Its runtime operations.
    pub operations: Vec<Operation>,
    /// Its variables: its own when it gives any, otherwise the application's.
    pub variables: IndexMap<String, IndexMap<String, Value>>,
    /// Its relationships: its own when it gives any, otherwise the application's.
    pub relationships: Vec<Relationship>,
    /// The minimum role for a shell.
    pub ssh: Role,
    /// The worker as JSON, merged with what it takes over from the application.
    pub raw: Value,
}

/// One runtime operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// The minimum role that may trigger it. Default: contributor.
    pub role: Role,
    /// Where `role` stands, when it is given.
    pub role_place: Option<Place>,
    /// `commands.start`: the script.
    pub start: String,
    /// `commands.stop`: runs instead of SIGTERM when the operation is cancelled.
    pub stop: Option<String>,
    /// `timeout`.
    pub timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Relationship {
    /// Its name; the host is `<name>.internal`.
    pub name: String,
    /// The service or app it points at.
    pub service: String,
    /// The endpoint; `None` for the service's default one.
    pub endpoint: Option<String>,
    /// Where its name stands.
    pub place: Place,
}
