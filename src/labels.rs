//! The labels of an engine's objects. `upsun-local` finds objects by their labels only.

use std::collections::BTreeMap;

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Whether `labels` contain all of `wanted`. An empty value in `wanted` matches any value.
pub fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| {
        labels
            .get(name)
            .is_some_and(|found| value.is_empty() || found == value)
    })
}

/// The key of the project. All objects that `upsun-local` makes have this label.
pub(crate) const LABEL_PROJECT: &str = "local.upsun.project";
pub const LABEL_ENVIRONMENT: &str = "local.upsun.environment";
pub const LABEL_APP: &str = "local.upsun.app";
/// The name of the worker, on objects of a worker.
pub const LABEL_WORKER: &str = "local.upsun.worker";
/// The name of the service, on objects of a service.
pub const LABEL_SERVICE: &str = "local.upsun.service";
/// The type and version of the service that wrote the data of a volume, such as `postgresql:17`.
pub(crate) const LABEL_DATA_VERSION: &str = "local.upsun.data-version";
/// The purpose of the object: the name of a [`Kind`].
pub(crate) const LABEL_KIND: &str = "local.upsun.kind";
pub const LABEL_BUILD: &str = "local.upsun.build";
pub(crate) const LABEL_DEPLOY: &str = "local.upsun.deploy";
/// The id of the deploy whose container a front serves.
pub(crate) const LABEL_FRONT_OF: &str = "local.upsun.front-of";
/// The id of the run, on the container of a source operation.
pub(crate) const LABEL_RUN: &str = "local.upsun.run";
/// On Podman, the network of a container and the addresses on which the container relies: `name=address` of itself and
/// of the containers to which it is linked.
pub(crate) const LABEL_ADDRESSES: &str = "local.upsun.addresses";
/// What the engine had of the environment when tests came to it, on the mark of their visit.
pub(crate) const LABEL_FOUND: &str = "local.upsun.found";
/// The names of the volumes whose files a sweeper deletes, separated by commas.
pub(crate) const LABEL_VOLUMES: &str = "local.upsun.volumes";
/// The version of `upsun-local` that made the object.
pub(crate) const LABEL_VERSION: &str = "local.upsun.version";
/// The path of the repository, for people who wonder where an object comes from.
pub(crate) const LABEL_REPOSITORY: &str = "local.upsun.repository";

/// The user, state directory and machine that the object belongs to: [`Identity::owner`].
pub(crate) const LABEL_OWNER: &str = "local.upsun.owner";
/// Identifies the directory of the repository, also after it was moved: [`Identity::directory`].
pub(crate) const LABEL_DIRECTORY: &str = "local.upsun.directory";

/// The purpose of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The container of an app.
    Web,
    /// The container of a worker.
    Worker,
    /// The web server in front of an app.
    Front,
    /// The proxy that answers at the routes.
    Router,
    /// The container of a service, or a volume with a mount of the source `service`.
    Service,
    /// The data of a service.
    ServiceData,
    /// The server that receives the mail of apps.
    Mail,
    /// The volume of a build.
    Build,
    /// The volume whose existence says that a build is finished.
    Built,
    /// The container in which a build runs.
    Building,
    /// The volume with the cache that builds share.
    Cache,
    /// The volume with the packages that builds downloaded.
    Packages,
    /// A volume for mounts of the source `storage`.
    Storage,
    /// A volume for mounts of the source `instance`.
    Instance,
    /// A volume for mounts of the source `tmp`.
    Tmp,
    /// A volume whose content is a directory of another volume.
    Directory,
    /// The directory `/run` that an app shares with the web server in front of it.
    Run,
    /// A container that prepares volumes.
    Helper,
    /// The network of an environment.
    Network,
    /// The network of builds.
    BuildNetwork,
    /// A derived image.
    Image,
    /// The container of a source operation.
    Source,
    /// The volume with the source of an app, on an engine of another machine.
    KeptSource,
    /// All objects of a trial of an operation.
    Trial,
    /// The volume whose existence says that tests on several engines use this engine.
    Visit,
    /// A container that deletes the files of volumes that nothing uses.
    Sweeper,
    /// The container of an app as it is edited, and the volume with its files.
    Synced,
    /// The web server in front of such a container.
    SyncedFront,
    /// The proxy that answers at the routes while apps are edited.
    SyncedRouter,
    /// The container that writes the edited files.
    Syncing,
}

impl Kind {
    pub const ALL: [Kind; 30] = [
        Kind::Web,
        Kind::Worker,
        Kind::Front,
        Kind::Router,
        Kind::Service,
        Kind::ServiceData,
        Kind::Mail,
        Kind::Build,
        Kind::Built,
        Kind::Building,
        Kind::Cache,
        Kind::Packages,
        Kind::Storage,
        Kind::Instance,
        Kind::Tmp,
        Kind::Directory,
        Kind::Run,
        Kind::Helper,
        Kind::Network,
        Kind::BuildNetwork,
        Kind::Image,
        Kind::Source,
        Kind::KeptSource,
        Kind::Trial,
        Kind::Visit,
        Kind::Sweeper,
        Kind::Synced,
        Kind::SyncedFront,
        Kind::SyncedRouter,
        Kind::Syncing,
    ];

    /// The kinds of objects that are there only while `dev` runs.
    pub(crate) const OF_DEV: [Kind; 4] = [
        Kind::Synced,
        Kind::SyncedFront,
        Kind::SyncedRouter,
        Kind::Syncing,
    ];

    /// The value of the label `LABEL_KIND`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Web => "web",
            Kind::Worker => "worker",
            Kind::Front => "front",
            Kind::Router => "router",
            Kind::Service => "service",
            Kind::ServiceData => "service-data",
            Kind::Mail => "mail",
            Kind::Build => "build",
            Kind::Built => "built",
            Kind::Building => "building",
            Kind::Cache => "cache",
            Kind::Packages => "packages",
            Kind::Storage => "storage",
            Kind::Instance => "instance",
            Kind::Tmp => "tmp",
            Kind::Directory => "directory",
            Kind::Run => "run",
            Kind::Helper => "helper",
            Kind::Network => "network",
            Kind::BuildNetwork => "build-network",
            Kind::Image => "image",
            Kind::Source => "source",
            Kind::KeptSource => "kept-source",
            Kind::Trial => "trial",
            Kind::Visit => "visit",
            Kind::Sweeper => "sweeper",
            Kind::Synced => "synced",
            Kind::SyncedFront => "synced-front",
            Kind::SyncedRouter => "synced-router",
            Kind::Syncing => "syncing",
        }
    }

    /// The kind of an object with these labels; `None` if the labels name no known kind.
    pub fn of(labels: &Labels) -> Option<Kind> {
        let name = labels.get(LABEL_KIND)?;
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether objects of this kind are there only while `dev` runs.
    pub(crate) fn is_of_dev(self) -> bool {
        Kind::OF_DEV.contains(&self)
    }

    /// The label `LABEL_KIND` with this kind.
    pub fn label(self) -> (String, String) {
        (LABEL_KIND.to_owned(), self.name().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_label() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&Labels::from([kind.label()])), Some(kind));
        }
        assert_eq!(Kind::of(&Labels::new()), None);
    }
}
