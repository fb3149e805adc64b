//! Gotenberg, which makes PDFs.
//!
//! <https://docs.upsun.com/add-services/gotenberg.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Endpoints, Error, Inputs, ServiceType, payload};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "gotenberg",
    supported: &["8"],
    deprecated: &[],
    endpoint: "http",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: Some("gotenberg/gotenberg:{}"),
    exact: &[],
    clients: None,
    usual_port: None,
    keeps_data: false,
    same_as: None,
    draft,
}];

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let mut draft = Draft::container(inputs)?
        .ready([
            "curl",
            "--fail",
            "--silent",
            "--output",
            "/dev/null",
            "http://127.0.0.1:3000/health",
        ])
        .endpoints(vec![payload::plain(inputs, "http", "http", 3000)])
        .warn(configuration.ignored(&[]));
    draft.shared_memory = Some(512 * 1024 * 1024);
    Ok(draft)
}
