//! What stands for each of Upsun's services: a container of its official image, with the endpoints,
//! databases and users of its `configuration`, and the payload that relationships to it get.
//!
//! One file a service below `services/`. Pure: nothing here talks to an engine.

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
mod postgresql;
mod privileges;
mod rabbitmq;
mod redis;
mod search;
mod solr;
mod varnish;
mod vault_kms;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use self::draft::Draft;
use crate::config::{self, versions};
use crate::engine::spec::{ContainerSpec, MemoryLimit, Network, VolumeMount, VolumeSpec};
use crate::images::Clients;
use crate::labels::Kind;
use crate::labels::{LABEL_DATA_VERSION, LABEL_DEPLOY, LABEL_SERVICE};
use crate::project::{self, Project};
use crate::settings::ServiceSettings;
use crate::suggestion::{nearest, quoted_list};

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
    pub service: &'a config::Service,
    /// What the settings say about it.
    pub settings: Option<&'a ServiceSettings>,
    /// `images` of the settings: a container image per type (`postgresql:18`, or `postgresql`).
    pub images: &'a IndexMap<String, String>,
    /// The name of the environment's network.
    pub network: &'a str,
    /// How much memory its container may take.
    pub memory: MemoryLimit,
}

impl Inputs<'_> {
    /// The type's two halves: `postgresql` and `18`.
    fn kind(&self) -> (&str, &str) {
        let text = self.service.r#type.as_str();
        text.split_once(':').unwrap_or((text, ""))
    }

    /// A password that stays the same for as long as the service does, and is another one for everything
    /// else. It guards nothing: only containers of the environment can reach the service.
    fn password(&self, user: &str) -> String {
        let parts = [
            &self.project.key,
            self.environment,
            &self.service.name,
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
    Image(#[from] crate::images::Error),
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownType { kind, .. } => {
                let names = || {
                    let services = versions::AVAILABLE.iter().filter(|known| known.is_service);
                    services.map(|known| known.name)
                };
                let name = kind.split(':').next().unwrap_or_default();
                Some(match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", quoted_list(names())),
                })
            }
            Error::Unsupported { service, .. } => Some(format!(
                "point its relationships at one that runs elsewhere: `services: {{{service}: {{external: \"scheme://user:password@host:port/path\"}}}}` in {}",
                crate::settings::load::OWN_NAME
            )),
            Error::Configuration { .. } => None,
            Error::External { .. } => Some(
                "write it as `scheme://user:password@host:port/path`, with special characters as `%40`"
                    .to_owned(),
            ),
            Error::Image(error) => error.hint(),
        }
    }
}

/// The command-line clients of a service, which the containers of apps with a relationship to it have.
pub fn clients(inputs: &Inputs<'_>) -> Option<Clients> {
    image::clients(inputs)
}

/// Plans one service.
pub fn plan(inputs: &Inputs<'_>) -> Result<ServicePlan, Error> {
    let draft = match inputs
        .settings
        .and_then(|settings| settings.external.as_ref())
    {
        Some(url) => external::draft(inputs, url)?,
        None => internal(inputs)?,
    };
    Ok(finish(inputs, draft))
}

/// What stands for the service on this machine.
fn internal(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let kind = inputs.kind().0;
    match kind {
        "chrome-headless" => chrome_headless::draft(inputs),
        "clickhouse" => clickhouse::draft(inputs),
        "elasticsearch" | "elasticsearch-enterprise" | "opensearch" => search::draft(inputs),
        "gotenberg" => gotenberg::draft(inputs),
        "influxdb" => influxdb::draft(inputs),
        "kafka" => kafka::draft(inputs),
        "mariadb" | "mysql" | "oracle-mysql" => mysql::draft(inputs),
        "memcached" => memcached::draft(inputs),
        "mercure" => mercure::draft(inputs),
        "mongodb" | "mongodb-enterprise" => mongodb::draft(inputs),
        "network-storage" => network_storage::draft(inputs),
        "postgresql" => postgresql::draft(inputs),
        "rabbitmq" => rabbitmq::draft(inputs),
        "redis" | "redis-persistent" | "valkey" | "valkey-persistent" => redis::draft(inputs),
        "solr" => solr::draft(inputs),
        "varnish" => varnish::draft(inputs),
        "vault-kms" => vault_kms::draft(inputs),
        "mariadb-replica" | "mysql-replica" | "postgresql-replica" => Err(Error::Unsupported {
            service: inputs.service.name.clone(),
            reason: format!("`{kind}` is a copy of another service, and nothing copies it here"),
        }),
        _ => Err(Error::UnknownType {
            service: inputs.service.name.clone(),
            kind: inputs.service.r#type.clone(),
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
        labels.insert(LABEL_SERVICE.to_owned(), service.name.clone());
        labels
    };
    let volume = draft.data.as_ref().map(|data| {
        let mut labels = labels(Kind::ServiceData);
        labels.insert(LABEL_DATA_VERSION.to_owned(), data.version.clone());
        VolumeSpec {
            // Data of another version are in a volume of another name: they are neither read nor lost.
            name: project.name(&[
                environment,
                &service.name,
                "data",
                &project::plain(&data.version, 40),
            ]),
            labels,
            directory_of: None,
            memory: None,
        }
    });
    let mut container = draft.runs.then(|| ContainerSpec {
        name: project.name(&[environment, &service.name]),
        image: draft.image,
        command: draft.command,
        entry_point: draft.entry_point,
        user: draft.user,
        hostname: host_name(&service.name),
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
        name: service.name.clone(),
        r#type: service.r#type.clone(),
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
pub fn service_host(name: &str) -> String {
    format!("{name}.service.internal")
}

/// `<project>-<environment>-<hash>`, as Upsun's clusters are called.
pub fn cluster(project: &Project, environment: &str) -> String {
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

/// What is to be there for one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServicePlan {
    /// Its name: the key under `services`.
    pub name: String,
    /// `postgresql:18`, as in the configuration.
    pub r#type: String,
    /// Says everything that the container depends on; it is also its label [`crate::labels::LABEL_DEPLOY`].
    pub id: String,
    /// The container, which others find by its name, by way of links; `None` for one that is only files
    /// (`network-storage`) or runs elsewhere (`external` in the settings).
    pub container: Option<ContainerSpec>,
    /// The volume of its data, where it keeps any.
    pub volume: Option<VolumeSpec>,
    /// Files that are put into the container before it starts.
    pub files: Vec<ServiceFile>,
    /// How to see that it answers.
    pub ready: Ready,
    /// What is run in it once it answers, each time that it was started; doing it again changes nothing.
    pub setup: Vec<SetupStep>,
    /// What relationships to it get, by endpoint; the first is the default one. Fields that depend on the
    /// relationship (`host`, `rel`) are filled in by `relationships`.
    pub endpoints: Vec<Endpoint>,
    /// Whether it runs elsewhere (`external` in the settings): then every endpoint, whatever its name, is
    /// the first one, and its host is the payload's own.
    pub external: bool,
    /// What of its `configuration` is not applied, and other differences from Upsun, for people to read.
    pub warnings: Vec<String>,
}

/// One endpoint of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The payload, with all the fields that Upsun's has.
    pub payload: Value,
}

/// A file in a service's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceFile {
    /// The absolute path.
    pub path: String,
    /// What is in it.
    pub content: String,
    /// Its mode, such as `0o644`.
    pub mode: u32,
}

/// How to see that a service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// A command in its container that ends with code 0.
    Command(Vec<String>),
    /// A TCP port on which its container listens.
    Listens(u16),
    /// It is ready as soon as it runs.
    Runs,
}

/// A step of a service's setup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupStep {
    /// What it does, for messages: `database main`.
    pub title: String,
    /// The command with its arguments, run in the service's container.
    pub command: Vec<String>,
    /// The user to run it as; empty for the container's own.
    pub user: String,
}

#[cfg(test)]
mod tests;
