//! Writes a container's description as Docker's API has it.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount, MountType, NetworkingConfig, PortBinding,
};

use crate::engine::spec::{ContainerSpec, LogLimit, Port};

/// A link-local address that every container gets on a network. Link-local addresses then lead to that network, where
/// no machine has one, and this address, at which clouds hand out credentials, is the container's own.
const LINK_LOCAL: &str = "169.254.169.254";

/// When the machine's memory is used up, the kernel kills the processes of containers before those of the user.
const FIRST_TO_GO: i64 = 500;

/// The container as the engine's API has it, with its memory limit in bytes.
pub(super) fn container_body(spec: &ContainerSpec, memory: Option<u64>) -> ContainerCreateBody {
    let networking = spec.network.as_ref().map(|network| NetworkingConfig {
        endpoints_config: Some(HashMap::from([(
            network.name.clone(),
            EndpointSettings {
                aliases: Some(network.aliases.clone()),
                links: Some(
                    network
                        .links
                        .iter()
                        .map(|link| format!("{}:{}", link.container, link.alias))
                        .collect(),
                ),
                ipam_config: Some(EndpointIpamConfig {
                    link_local_ips: Some(vec![LINK_LOCAL.to_owned()]),
                    ..EndpointIpamConfig::default()
                }),
                ..EndpointSettings::default()
            },
        )])),
    });
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        // An empty entry point switches off that of the image.
        entrypoint: (!spec.entry_point).then(Vec::new),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        user: given(&spec.user),
        working_dir: given(&spec.working_dir),
        hostname: given(&spec.hostname).filter(|_| spec.network_of.is_none()),
        env: Some(
            spec.variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        labels: Some(spec.labels.clone().into_iter().collect()),
        stop_timeout: i64::try_from(spec.stop_grace.as_secs()).ok(),
        networking_config: networking.filter(|_| spec.network_of.is_none()),
        exposed_ports: Some(
            spec.ports
                .iter()
                .map(|port| format!("{}/tcp", port.container))
                .collect(),
        ),
        host_config: Some(host_config(spec, memory)),
        ..ContainerCreateBody::default()
    }
}

/// The part of the container's description that concerns the engine's machine.
fn host_config(spec: &ContainerSpec, memory: Option<u64>) -> HostConfig {
    let mounts = spec
        .volumes
        .iter()
        .map(|mount| Mount {
            target: Some(mount.target.clone()),
            source: Some(mount.volume.clone()),
            typ: Some(MountType::VOLUME),
            read_only: Some(mount.read_only),
            ..Mount::default()
        })
        .collect();
    let tmpfs: HashMap<String, String> = spec
        .tmpfs
        .iter()
        .map(|tmpfs| {
            let size = tmpfs.size_within(memory);
            let options = format!("{},size={size}", tmpfs.options);
            (tmpfs.target.clone(), options)
        })
        .collect();
    HostConfig {
        mounts: Some(mounts),
        tmpfs: Some(tmpfs),
        readonly_rootfs: Some(spec.read_only),
        network_mode: spec
            .network_of
            .as_ref()
            .map(|container| format!("container:{container}"))
            .or_else(|| spec.network.as_ref().map(|network| network.name.clone()))
            .or_else(|| Some("none".to_owned())),
        port_bindings: Some(spec.ports.iter().map(binding).collect()),
        shm_size: spec.shared_memory.and_then(|size| i64::try_from(size).ok()),
        extra_hosts: Some(
            spec.hosts
                .iter()
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
        ),
        pids_limit: spec.pids_limit,
        memory: memory.and_then(|bytes| i64::try_from(bytes).ok()),
        // With swap on top, the machine would slow down to a standstill before the kernel kills anything.
        memory_swap: memory.and_then(|bytes| i64::try_from(bytes).ok()),
        oom_score_adj: Some(FIRST_TO_GO),
        log_config: Some(log_config(spec.log_limit)),
        init: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(spec.capabilities.clone()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..HostConfig::default()
    }
}

/// The log driver is always the same: an engine's default may keep no log, or an unlimited one.
fn log_config(limit: LogLimit) -> HostConfigLogConfig {
    let half = limit.0 / 2;
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            [("max-size", half.to_string()), ("max-file", "2".to_owned())]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        ),
    }
}

/// An empty text leaves the choice to the engine.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Publishes a port of the container on this machine's loopback address only.
fn binding(port: &Port) -> (String, Option<Vec<PortBinding>>) {
    let on = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(port.host.to_string()),
    };
    (format!("{}/tcp", port.container), Some(vec![on]))
}
