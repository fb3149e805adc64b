//! Redis and Valkey, ephemeral and persistent.
//!
//! <https://docs.upsun.com/add-services/redis.html>, <https://docs.upsun.com/add-services/valkey.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[
    REDIS,
    ServiceType {
        name: "redis-persistent",
        keeps_data: true,
        ..REDIS
    },
    VALKEY,
    ServiceType {
        name: "valkey-persistent",
        keeps_data: true,
        ..VALKEY
    },
];

const REDIS: ServiceType = ServiceType {
    name: "redis",
    supported: &["8.8", "8.0", "7.2"],
    deprecated: &["6.2"],
    endpoint: "redis",
    endpoints: Endpoints::Unlike(&[]),
    configures_endpoints: false,
    image: Some("redis:{}"),
    exact: &[],
    clients: Some(("redis", &["redis-cli"])),
    usual_port: Some(("redis", PORT)),
    keeps_data: false,
    same_as: None,
    draft,
};

const VALKEY: ServiceType = ServiceType {
    name: "valkey",
    supported: &["9.0", "8.1", "8.0"],
    deprecated: &[],
    endpoint: "valkey",
    endpoints: Endpoints::Unlike(&["redis"]),
    image: Some("valkey/valkey:{}"),
    clients: Some(("redis", &["valkey-cli", "redis-cli"])),
    usual_port: Some(("valkey", PORT)),
    ..REDIS
};

const PORT: u16 = 6379;

const POLICIES: &[&str] = &[
    "allkeys-lru",
    "noeviction",
    "allkeys-lfu",
    "volatile-lru",
    "volatile-lfu",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
];

/// Upsun sets the limit by the container's size; without one no eviction policy would ever act.
const MEMORY: &str = "256mb";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let kind = inputs.kind().0;
    let (name, scheme, server, client) = if kind.starts_with("valkey") {
        ("valkey", "valkey", "valkey-server", "valkey-cli")
    } else {
        ("redis", "redis", "redis-server", "redis-cli")
    };
    let persistent = kind.ends_with("-persistent");
    let configuration = Configuration::of(inputs)?;
    let policy = configuration
        .word("maxmemory_policy")?
        .unwrap_or_else(|| "allkeys-lru".to_owned());
    if !POLICIES.contains(&policy.as_str()) {
        return Err(configuration.error(&format!(
            "`maxmemory_policy` cannot be `{policy}`; there are {}",
            crate::suggestion::quoted_list(POLICIES.iter().copied())
        )));
    }
    let mut command = vec![server, "--maxmemory", MEMORY, "--maxmemory-policy", &policy];
    // The official image accepts connections from all addresses; other builds need the option for that.
    command.extend(["--databases", "64", "--protected-mode", "no"]);
    if persistent {
        command.extend(["--appendonly", "yes", "--dir", "/data"]);
    } else {
        command.extend(["--save", "", "--appendonly", "no"]);
    }
    let mut draft = Draft::container(inputs)?
        .user(name)
        .command(command)
        // While data are being loaded the answer is an error, and the client's exit code is 0 all the same.
        .ready([
            "sh",
            "-c",
            &format!("test \"$({client} -h 127.0.0.1 ping)\" = PONG"),
        ])
        .endpoints(vec![payload::full(
            inputs,
            name,
            Connection::open(scheme, PORT),
        )])
        .warn(configuration.ignored(&["maxmemory_policy"]));
    if persistent {
        draft = draft.data("/data", format!("{name}:{}", inputs.kind().1));
    }
    Ok(draft)
}
