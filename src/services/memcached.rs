//! Memcached.
//!
//! <https://docs.upsun.com/add-services/memcached.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Error, Inputs, payload};

/// Asks for the version: the image has no client, but a shell that can open connections.
const ASK: &str = r"exec 3<>/dev/tcp/127.0.0.1/11211 && printf 'version\r\n' >&3 && read -r -t 5 answer <&3 && [[ $answer == VERSION* ]]";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    Ok(Draft::container(inputs)?
        .command(["memcached", "--memory-limit=64"])
        .ready(["bash", "-c", ASK])
        .endpoints(vec![payload::plain(
            inputs,
            "memcached",
            "memcached",
            11211,
        )])
        .warn(configuration.ignored(&[])))
}
