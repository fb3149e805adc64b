//! Network storage: files only, which mounts with `source: service` bring into apps.
//!
//! <https://docs.upsun.com/add-services/network-storage.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "network-storage",
    supported: &["1.0"],
    deprecated: &["2.0"],
    endpoint: "",
    endpoints: Endpoints::Any,
    configures_endpoints: false,
    image: None,
    exact: &[],
    clients: None,
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
}];

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    // Its volumes come with the mounts that use them.
    Ok(Draft::nothing().warn(configuration.ignored(&[])))
}
