//! Headless Chrome.
//!
//! <https://docs.upsun.com/add-services/headless-chrome.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Endpoints, Error, Inputs, Ready, ServiceType, payload};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "chrome-headless",
    supported: &["120", "113"],
    deprecated: &[],
    endpoint: "http",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: None,
    exact: &[
        ("113", "chromedp/headless-shell:113.0.5672.93"),
        ("120", "zenika/alpine-chrome:123"),
    ],
    clients: None,
    usual_port: None,
    keeps_data: false,
    same_as: None,
    draft,
}];

const PORT: u16 = 9222;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let mut draft = Draft::container(inputs)?
        .endpoints(vec![payload::plain(inputs, "http", "http", PORT)])
        .warn(configuration.ignored(&[]));
    // Pages are drawn in shared memory; with the engine's 64 MB large ones crash.
    draft.shared_memory = Some(512 * 1024 * 1024);
    draft.ready = Ready::Listens(PORT);
    if draft.image.starts_with("zenika/") {
        draft = draft.command([
            "--no-sandbox",
            "--remote-debugging-address=0.0.0.0",
            "--remote-debugging-port=9222",
        ]);
        draft.warnings.push(format!(
            "Chrome 123 stands for the {} of `{}`, for which no image is known",
            inputs.kind().1,
            inputs.service.name
        ));
    }
    Ok(draft)
}
