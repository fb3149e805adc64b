//! Upsun's services: what is known of each type, and what stands for one here: a container of its official image,
//! with the endpoints, databases and users of its `configuration`, and the payload that relationships to it get.
//!
//! Everything about a type of service is in one file below `services/`, and `TYPES` lists those files. The reader of
//! the configuration asks here which types and versions there are. Pure: nothing here talks to an engine.

mod chrome_headless;
mod clickhouse;
mod configuration;
mod draft;
mod external;
mod gotenberg;
mod image;
mod influxdb;
mod kafka;
pub mod mail;
mod memcached;
mod mercure;
mod mongodb;
mod mysql;
mod network_storage;
mod payload;
mod plan;
mod postgresql;
mod privileges;
mod rabbitmq;
mod redis;
mod search;
mod service_type;
mod solr;
mod varnish;
mod vault_kms;

use indexmap::IndexMap;
use serde_json::{Value, json};

use self::draft::Draft;
pub use self::plan::{Endpoint, Ready, ServiceFile, ServicePlan, SetupStep};
pub use self::service_type::{Endpoints, ServiceType, all, find};
use crate::engine::spec::{ContainerSpec, MemoryLimit, Network, VolumeMount, VolumeSpec};
use crate::image_ref::{ImageRef, NotAReference};
use crate::labels::Kind;
use crate::labels::{LABEL_DATA_VERSION, LABEL_DEPLOY, LABEL_SERVICE};
use crate::project::{self, OWN_SETTINGS, Project};
use crate::suggestion::{nearest, quoted_list};

/// The types of service, file by file.
const TYPES: &[&[ServiceType]] = &[
    chrome_headless::TYPES,
    clickhouse::TYPES,
    gotenberg::TYPES,
    influxdb::TYPES,
    kafka::TYPES,
    memcached::TYPES,
    mercure::TYPES,
    mongodb::TYPES,
    mysql::TYPES,
    network_storage::TYPES,
    postgresql::TYPES,
    rabbitmq::TYPES,
    redis::TYPES,
    search::TYPES,
    solr::TYPES,
    varnish::TYPES,
    vault_kms::TYPES,
];

/// Changes whenever an earlier version's containers must not be taken for this version's.
const VERSION: u32 = 2;

/// How many processes may live in a service's container at once.
const PIDS: i64 = 4096;

/// Everything that the plan of a service is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment's name.
    pub environment: &'a str,
    /// The service as configured.
    pub service: Configured<'a>,
    /// The URL of a service that runs elsewhere and stands for it, where the settings name one.
    pub external: Option<&'a str>,
    /// `images` of the settings: a container image per type (`postgresql:18`, or `postgresql`).
    pub images: &'a IndexMap<String, String>,
    /// The name of the environment's network.
    pub network: &'a str,
    /// How much memory its container may take.
    pub memory: MemoryLimit,
}

/// A service as the configuration has it.
#[derive(Debug, Clone, Copy)]
pub struct Configured<'a> {
    /// The name under which relationships find it.
    pub name: &'a str,
    /// `postgresql:18`: its type and version, as written.
    pub r#type: &'a str,
    /// The file where its name stands.
    pub file: &'a str,
    /// The line there, from 1.
    pub line: usize,
    /// The whole entry.
    pub raw: &'a Value,
}

/// Commands that talk to a service, taken from that service's image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clients {
    /// What the service is, as a part of a path: `postgresql`.
    pub name: &'static str,
    /// The image that has them.
    pub image: ImageRef,
    /// Their names; those that the image does not have are left out.
    pub commands: &'static [&'static str],
}

impl Inputs<'_> {
    /// The type's two halves: `postgresql` and `18`.
    fn kind(&self) -> (&str, &str) {
        let text = self.service.r#type;
        text.split_once(':').unwrap_or((text, ""))
    }

    /// A password that stays the same for as long as the service does, and is another one for everything
    /// else. It guards nothing: only containers of the environment can reach the service.
    fn password(&self, user: &str) -> String {
        let parts = [
            &self.project.key,
            self.environment,
            self.service.name,
            user,
            "password",
        ];
        project::hash(json!(parts).to_string().as_bytes())[..32].to_owned()
    }
}

/// Why there is no plan for a service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that name is a service.
    #[error("`{service}` has the type `{kind}`, which is no service")]
    UnknownType {
        /// The service's name.
        service: String,
        /// Its type.
        kind: String,
    },
    /// Upsun has it, and no container can stand for it here.
    #[error("`{service}` cannot run here: {reason}")]
    Unsupported {
        /// The service's name.
        service: String,
        /// Why.
        reason: String,
    },
    /// The configuration says something that the service does not take.
    #[error("{place}: `services.{service}.configuration`: {message}")]
    Configuration {
        /// The service's name.
        service: String,
        /// File and line.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// `external` in the settings is no URL of a service.
    #[error("`services.{service}.external` in the settings: {message}")]
    External {
        /// The service's name.
        service: String,
        /// What is wrong.
        message: String,
    },
    /// `images` in the settings holds no reference to an image.
    #[error(transparent)]
    Image(#[from] NotAReference),
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownType { kind, .. } => {
                let names = || all().into_iter().map(|known| known.name);
                let name = kind.split(':').next().unwrap_or_default();
                Some(match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", quoted_list(names())),
                })
            }
            Error::Unsupported { service, .. } => Some(format!(
                "point its relationships at one that runs elsewhere: `services: {{{service}: {{external: \"scheme://user:password@host:port/path\"}}}}` in {OWN_SETTINGS}"
            )),
            Error::Configuration { .. } => None,
            Error::External { .. } => Some(
                "write it as `scheme://user:password@host:port/path`, with special characters as `%40`"
                    .to_owned(),
            ),
            Error::Image(reference) => Some(reference.hint().to_owned()),
        }
    }
}

/// The command-line clients of a service, which the containers of apps with a relationship to it have.
pub fn clients(inputs: &Inputs<'_>) -> Option<Clients> {
    image::clients(inputs)
}

/// Plans one service.
pub fn plan(inputs: &Inputs<'_>) -> Result<ServicePlan, Error> {
    let draft = match inputs.external {
        Some(url) => external::draft(inputs, url)?,
        None => internal(inputs)?,
    };
    Ok(finish(inputs, draft))
}

/// What stands for the service on this machine.
fn internal(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    match find(inputs.kind().0) {
        Some(known) => (known.draft)(inputs),
        None => Err(Error::UnknownType {
            service: inputs.service.name.to_owned(),
            kind: inputs.service.r#type.to_owned(),
        }),
    }
}

/// Gives a draft its names and labels.
fn finish(inputs: &Inputs<'_>, draft: Draft) -> ServicePlan {
    let Inputs {
        project,
        environment,
        service,
        ..
    } = inputs;
    let labels = |kind: Kind| {
        let mut labels = project.new_labels(Some(environment), None, kind);
        labels.insert(LABEL_SERVICE.to_owned(), service.name.to_owned());
        labels
    };
    let volume = draft.data.as_ref().map(|data| {
        let mut labels = labels(Kind::ServiceData);
        labels.insert(LABEL_DATA_VERSION.to_owned(), data.version.clone());
        VolumeSpec {
            // Data of another version are in a volume of another name: they are neither read nor lost.
            name: project.name(&[
                environment,
                service.name,
                "data",
                &project::plain(&data.version, 40),
            ]),
            labels,
            directory_of: None,
            memory: None,
            layers: None,
        }
    });
    let mut container = draft.runs.then(|| ContainerSpec {
        name: project.name(&[environment, service.name]),
        image: draft.image,
        command: draft.command,
        entry_point: draft.entry_point,
        user: draft.user,
        hostname: host_name(service.name),
        variables: draft.variables,
        labels: labels(Kind::Service),
        volumes: volume
            .iter()
            .zip(&draft.data)
            .map(|(volume, data)| VolumeMount {
                volume: volume.name.clone(),
                target: data.path.clone(),
                read_only: false,
            })
            .collect(),
        network: Some(Network {
            name: inputs.network.to_owned(),
            aliases: Vec::new(),
            links: draft.links,
        }),
        hosts: draft.hosts,
        ports: draft.ports,
        pids_limit: Some(PIDS),
        memory: inputs.memory,
        capabilities: draft.capabilities,
        shared_memory: draft.shared_memory,
        stop_grace: draft.stop_grace,
        ..ContainerSpec::default()
    });
    let id = project::hash(
        json!([
            VERSION,
            container,
            volume,
            draft.files,
            draft.ready,
            draft.setup,
            draft.endpoints,
        ])
        .to_string()
        .as_bytes(),
    );
    if let Some(container) = &mut container {
        container.labels.insert(LABEL_DEPLOY.to_owned(), id.clone());
    }
    ServicePlan {
        name: service.name.to_owned(),
        r#type: service.r#type.to_owned(),
        id,
        container,
        volume,
        files: draft.files,
        ready: draft.ready,
        setup: draft.setup,
        endpoints: draft.endpoints,
        external: draft.external,
        warnings: draft.warnings,
    }
}

/// The host name by which a service or an app is known whatever the relationship.
pub(crate) fn service_host(name: &str) -> String {
    format!("{name}.service.internal")
}

/// `<project>-<environment>-<hash>`, as Upsun's clusters are called.
pub(crate) fn cluster(project: &Project, environment: &str) -> String {
    let id = &project.id;
    let hash = &project::hash(format!("{id}/{environment}").as_bytes())[..7];
    format!("{id}-{}-{hash}", project::plain(environment, 40))
}

/// A host name made from a service's name.
fn host_name(name: &str) -> String {
    let plain = project::plain(name, 63);
    if plain.is_empty() {
        "service".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
pub(crate) mod tests;
