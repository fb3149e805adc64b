//! What the objects of an engine are labelled with. An object is found by its labels, and by nothing else.

use std::collections::BTreeMap;

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// Whether labels hold all that is wanted; an empty value asks for the label only.
pub fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| {
        labels
            .get(name)
            .is_some_and(|found| value.is_empty() || found == value)
    })
}

/// On everything that upsun-local makes: the project's key.
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
/// What the object is for: the name of a [`Kind`].
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

/// Who made it: [`Identity::owner`].
pub const LABEL_OWNER: &str = "local.upsun.owner";
/// Which directory the repository is, wherever it is moved to: [`Identity::directory`].
pub const LABEL_DIRECTORY: &str = "local.upsun.directory";

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The container of an app.
    Web,
    /// The container of a worker.
    Worker,
    /// The web server in front of an app.
    Front,
    /// What answers at the routes.
    Router,
    /// The container of a service, or a volume that is a mount of the source `service`.
    Service,
    /// The data of a service.
    ServiceData,
    /// The server that takes the mail of apps.
    Mail,
    /// The volume of a build.
    Build,
    /// The mark of a build that is finished.
    Built,
    /// The container that a build runs in.
    Building,
    /// The volume that builds keep between them.
    Cache,
    /// A volume for mounts of the source `storage`.
    Storage,
    /// A volume for mounts of the source `instance`.
    Instance,
    /// A volume for mounts of the source `tmp`.
    Tmp,
    /// A volume that stands for a directory of another one.
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
    /// Everything that a trial of an operation is made of.
    Trial,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 22] = [
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
        Kind::Trial,
    ];

    /// Its name, as the label says it.
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
            Kind::Trial => "trial",
        }
    }

    /// The kind of an object with these labels; `None` where they name no kind that is known.
    pub fn of(labels: &Labels) -> Option<Kind> {
        let name = labels.get(LABEL_KIND)?;
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The label for it.
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
