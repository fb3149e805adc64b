//! Memcached.
//!
//! <https://docs.upsun.com/add-services/memcached.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Endpoints, Error, Inputs, ServiceType, payload};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "memcached",
    supported: &["1.6"],
    deprecated: &[],
    endpoint: "memcached",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: false,
    image: Some("memcached:{}"),
    exact: &[],
    clients: None,
    usual_port: Some(("memcached", PORT)),
    keeps_data: false,
    same_as: None,
    draft,
}];

const PORT: u16 = 11211;

/// Asks for the version: the image has no client, but a shell that can open connections.
const ASK: &str = r"exec 3<>/dev/tcp/127.0.0.1/11211 && printf 'version\r\n' >&3 && read -r -t 5 answer <&3 && [[ $answer == VERSION* ]]";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    Ok(Draft::container(inputs)?
        .command(["memcached", "--memory-limit=64"])
        .ready(["bash", "-c", ASK])
        .endpoints(vec![payload::plain(inputs, "memcached", "memcached", PORT)])
        .warn(configuration.ignored(&[])))
}
