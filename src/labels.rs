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
/// What the object is for: `web`, `worker`, `front`, `router`, `mail`, `service` and `service-data`; `build`, `built`,
/// `building`, `build-network` and `cache`; `storage`, `instance`, `tmp` and `directory` for mounts; `network`, `image`,
/// `run`, `source`, `trial` and `helper`.
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
