//! Reads `.upsun/*.yaml` into a typed [`Config`], or says everything that is wrong with it.
//!
//! This module knows what Upsun's configuration means; it does not know how a container is run.

pub mod app;
pub mod problem;

use indexmap::IndexMap;
use serde_json::Value;

use self::app::App;

/// The merged configuration of one repository: every `*.yaml` at the first level of `.upsun/`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The applications by name, in the order in which they are written.
    pub apps: IndexMap<String, App>,
    /// The services by name, as written (`type`, `configuration`, …).
    pub services: IndexMap<String, Service>,
    /// The routes by URL pattern, as written.
    pub routes: IndexMap<String, Value>,
}

/// One entry of the top-level `services`.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The name under which relationships find it.
    pub name: String,
    /// `postgresql:18`: the service's type and version, as written.
    pub r#type: String,
    /// Where its name stands.
    pub place: problem::Place,
    /// The whole entry as JSON.
    pub raw: Value,
}
