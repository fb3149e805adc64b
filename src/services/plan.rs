//! What is to be there for one service, as plain data.

use serde::Serialize;
use serde_json::Value;

use crate::engine::spec::{ContainerSpec, VolumeSpec};

/// What is to be there for one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServicePlan {
    /// Its name: the key under `services`.
    pub name: String,
    /// `postgresql:18`, as in the configuration.
    pub r#type: String,
    /// Says everything that the container depends on; it is also its label `LABEL_DEPLOY`.
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
