//! Turns the typed configuration into plain data that an engine can carry out: one [`AppPlan`] per app.
//! Pure: nothing here talks to an engine, reads a clock or the environment.

mod build;
mod build_caches;
mod container;
pub mod front;
pub(crate) mod kept_source;
mod packages;
pub mod router;
pub mod steps;
pub mod synced;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use self::build::build_network;
pub(crate) use self::build::id_made_anew;
pub use self::build_caches::CachePlan;
pub(crate) use self::container::tmpfs;
use self::front::FrontPlan;
use crate::config::app::App;
use crate::engine::spec::{ContainerSpec, Link, MemoryLimit, VolumeSpec};
use crate::event::Step;
use crate::labels::Kind;
use crate::labels::Labels;
use crate::project::Project;
use crate::services::ServicePlan;
pub use crate::settings::User;
use crate::text::container_name;

/// How many processes may live in a container at once. A fork bomb ends there; nothing sensible does.
pub(crate) const PIDS: i64 = 4096;

/// The capabilities to copy files that the app's user may not read, and to keep their owners.
pub(crate) const COPYING: [&str; 3] = ["CHOWN", "DAC_OVERRIDE", "FOWNER"];

/// The Upsun environment that the sandbox stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    pub name: String,
    /// `production`, `staging` or `development`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The files of the app whose paths are wanted, each with the id of its content.
pub type Matching<'a> = &'a dyn Fn(&dyn Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, String)>;

/// Everything that a plan is made from.
#[derive(Clone)]
pub struct Inputs<'a> {
    pub project: &'a Project,
    pub environment: &'a Environment,
    pub app: &'a App,
    /// The reference of the derived image.
    pub image: &'a str,
    /// What the build depends on of that image.
    pub build_image: &'a str,
    /// What the build depends on of the repository's files: [`crate::source::Tree::build_id`].
    pub tree: &'a str,
    /// What is there at the top of the app's source: `package.json`, `composer.json`, …
    pub has_file: &'a dyn Fn(&str) -> bool,
    /// Whether a file there contains a text.
    pub says: &'a dyn Fn(&str, &str) -> bool,
    /// The files of the app's source, by their paths below its root.
    pub matching: Matching<'a>,
    /// Whether builds keep the packages that they download.
    pub keeps_packages: bool,
    /// Which build counts of what has this id, if it was made again.
    pub made_anew: &'a dyn Fn(&str) -> Option<MadeAnew>,
    /// Who everything runs as.
    pub user: User,
    /// The part of the app's configuration that a build depends on.
    pub build_relevant: &'a Value,
    pub build_variables: BTreeMap<String, String>,
    /// The variables of the web container, then of each worker in the app's order.
    pub runtime_variables: Vec<BTreeMap<String, String>>,
    /// PHP's settings during the build, as [`crate::php_ini::text`] writes them.
    pub build_php_ini: Option<String>,
    /// PHP's settings in the web container, then in each worker in the app's order.
    pub runtime_php_ini: Vec<Option<String>>,
    /// The services of the environment that any of them reaches.
    pub services: Vec<ServicePlan>,
    /// What they reach, in the same order.
    pub connections: Vec<Connections>,
    /// The image of the web server in front of the app, when anything sends requests to it.
    pub front: Option<String>,
    /// Whether nothing inside the environment sends requests to it: it is for this machine only.
    pub front_on_demand: bool,
    /// What its containers may take.
    pub resources: Resources,
}

/// A build that is or was made again although nothing had changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeAnew {
    /// The id without regard to that.
    pub base: String,
    /// Tells it from the others.
    pub token: String,
    /// The id of the build whose place it takes, if it is to be made now.
    pub replaces: Option<String>,
}

/// What each container of an app may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory, with what is in `/tmp`.
    pub memory: MemoryLimit,
    /// The size of `/tmp` in bytes, unless memory is less than twice as much.
    pub tmp: u64,
}

impl Default for Resources {
    /// Upsun documents 8 GB for `/tmp`. Memory is only taken by what is written.
    fn default() -> Self {
        Resources {
            memory: MemoryLimit::Share,
            tmp: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// What one container reaches by its relationships.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// The names of the services.
    pub services: Vec<String>,
    /// Under which names their containers, and those of other apps, are found.
    pub links: Vec<Link>,
}

/// What is to be there for one app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AppPlan {
    /// The app's name.
    pub app: String,
    /// The reference of the image.
    pub image: String,
    /// Where its source stands in the repository.
    pub source_root: String,
    pub build: BuildPlan,
    /// The network of the environment.
    pub network: NetworkPlan,
    /// The services that its containers reach.
    pub services: Vec<ServicePlan>,
    /// The web container, then one for each worker.
    pub containers: Vec<ContainerPlan>,
    /// The web server in front of the web container, when anything sends requests to it.
    pub front: Option<FrontPlan>,
}

impl AppPlan {
    /// The services that one of its containers reaches.
    pub(crate) fn services_of(&self, container: &ContainerPlan) -> Vec<&ServicePlan> {
        self.services
            .iter()
            .filter(|service| container.services.contains(&service.name))
            .collect()
    }
}

/// A network to be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkPlan {
    pub name: String,
    pub labels: Labels,
}

/// How an app is built.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildPlan {
    /// Says everything that the result depends on.
    pub id: String,
    /// Where the result goes.
    pub volume: VolumeSpec,
    /// Is there once the build is finished.
    pub mark: VolumeSpec,
    /// `PLATFORM_CACHE_DIR`.
    pub cache: VolumeSpec,
    /// The packages that earlier builds downloaded; `None` for a build without them.
    pub packages: Option<VolumeSpec>,
    /// `build.caches`, in the same volume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<CachePlan>,
    /// The container that it runs in.
    pub container: ContainerSpec,
    /// The network of that container.
    pub network: NetworkPlan,
    /// What runs in it, in order.
    pub steps: Vec<BuildStep>,
    /// Directories that must be there to mount on, relative to the app's root.
    pub mount_points: Vec<String>,
    /// Who owns the source.
    pub user: User,
    /// If it is or was made again although nothing had changed.
    #[serde(skip)]
    pub made_anew: Option<MadeAnew>,
}

/// A script of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildStep {
    /// Which step.
    pub step: Step,
    pub script: String,
}

/// One container of an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerPlan {
    /// The worker, or `None` for the web container.
    pub worker: Option<String>,
    /// Says everything that the container depends on.
    pub id: String,
    pub container: ContainerSpec,
    /// Volumes that hold the data of mounts.
    pub storage: Vec<VolumeSpec>,
    /// The directories of those volumes that are mounted.
    pub directories: Vec<VolumeSpec>,
    /// Volumes that are emptied with each new container: those of `tmp` mounts.
    pub volatile: Vec<String>,
    /// The volume of an app's socket, which its front shares.
    pub socket: Option<VolumeSpec>,
    /// The paths of its mounts, relative to the app's root.
    pub mounts: Vec<String>,
    /// The names of the services that it reaches.
    pub services: Vec<String>,
    /// `hooks.deploy`, then `hooks.post_deploy`, where they are given.
    pub hooks: Vec<BuildStep>,
}

impl ContainerPlan {
    /// What the container is called in messages: `app`, or `app--worker` as on Upsun.
    pub fn title(&self, app: &str) -> String {
        container_name(app, self.worker.as_deref())
    }
}

/// Plans one app.
pub fn app(inputs: &Inputs<'_>) -> AppPlan {
    let app = inputs.app;
    let network = network(inputs.project, inputs.environment);
    let build = build::plan(inputs);
    let web = container::plan(inputs, &build, &network, None);
    let workers = app
        .workers
        .iter()
        .enumerate()
        .map(|(at, worker)| container::plan(inputs, &build, &network, Some((at, worker))));
    let containers: Vec<ContainerPlan> = std::iter::once(web).chain(workers).collect();
    let front = inputs.front.as_ref().zip(containers.first());
    let front = front.map(|(image, web)| front::plan(inputs, image, &build.id, web));
    AppPlan {
        app: app.name.clone(),
        image: inputs.image.to_owned(),
        source_root: app.source_root.clone(),
        build,
        network,
        services: inputs.services.clone(),
        front,
        containers,
    }
}

/// The network of an environment.
fn network(project: &Project, environment: &Environment) -> NetworkPlan {
    NetworkPlan {
        name: project.name(&[&environment.name]),
        labels: project.new_labels(Some(&environment.name), None, Kind::Network),
    }
}

/// Host names have no underscores, and at most 63 characters.
fn host_name(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .take(61)
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "app".to_owned()
    } else {
        name.to_owned()
    }
}
