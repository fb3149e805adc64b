//! What Podman needs to hear so that its containers become those that Docker would make. Everything here is about the
//! API of Podman 4.3 and newer that looks like Docker's.

mod addresses;
mod unpack;
mod unreachable;

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use hyper::Uri;

use crate::engine::spec::ContainerSpec;

/// Podman mounts writable memory at these directories of a container whose root is read-only, unless the container
/// has something there.
const WRITABLE: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

/// Names of the engine's machine that Podman adds to the hosts of a container unless they are there.
const MACHINE: [&str; 2] = ["host.containers.internal", "host.docker.internal"];

/// No connection to this address is even tried: it stands for all machines of a network.
const NOWHERE: &str = "255.255.255.255";

/// Changes a container's description so that Podman makes the container that Docker would make of it.
pub(super) fn adapt(spec: &ContainerSpec, body: &mut ContainerCreateBody) {
    // An empty entry point does not switch off that of the image here, but the command can take its place.
    if !spec.entry_point && !spec.command.is_empty() {
        let (first, rest) = spec.command.split_at(1);
        body.entrypoint = Some(first.to_vec());
        body.cmd = Some(rest.to_vec());
    }
    let host = body.host_config.get_or_insert_default();
    let tmpfs = host.tmpfs.get_or_insert_default();
    for options in tmpfs.values_mut() {
        *options = tmpfs_options(options, &spec.user);
    }
    if spec.read_only {
        shut(spec, tmpfs);
    }
    if spec.network_of.is_some() {
        return;
    }
    // Docker does the same for all containers: a web server that is not root listens at port 80.
    let sysctl = ("net.ipv4.ip_unprivileged_port_start", "0");
    host.sysctls = Some(
        [sysctl]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    if spec.network.is_some() {
        let hosts = host.extra_hosts.get_or_insert_default();
        hosts.extend(MACHINE.map(|name| format!("{name}:{NOWHERE}")));
    }
}

/// A client whose removals of containers include the containers that share the network of the removed one, which
/// Podman keeps otherwise, together with the container. Only Podman's own API knows the option.
pub(super) fn with_dependents(docker: &Docker) -> Docker {
    docker.clone().with_request_modifier(|mut request| {
        if let Some(uri) = of_own_api(request.uri(), "depend=true") {
            *request.uri_mut() = uri;
        }
        request
    })
}

/// The address of Podman's own API for a request of Docker's that has a query.
fn of_own_api(uri: &Uri, option: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path = parts.path_and_query?;
    let at = path.as_str().find("/containers/")?;
    let path = format!("/v4.0.0/libpod{}&{option}", &path.as_str()[at..]);
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Makes the directories read-only that Podman would make writable.
fn shut(spec: &ContainerSpec, tmpfs: &mut HashMap<String, String>) {
    for directory in WRITABLE {
        let below = format!("{directory}/");
        let volumes = spec.volumes.iter().map(|volume| &volume.target);
        let mut targets = volumes.chain(spec.tmpfs.iter().map(|tmpfs| &tmpfs.target));
        if !targets.any(|target| target == directory || target.starts_with(&below)) {
            // With a copy of what the image has there.
            tmpfs.insert(directory.to_owned(), "ro".to_owned());
        }
    }
}

/// Podman's mount options for a temporary file system. Podman has no `uid` and `gid`, but can give the file system to
/// the container's user. It begins with a copy of what the image has at that path, unless an option says that it is empty.
fn tmpfs_options(options: &str, user: &str) -> String {
    let value = |name: &str| {
        let mut all = options.split(',');
        all.find_map(|option| option.strip_prefix(name))
    };
    let owner = match (value("uid="), value("gid=")) {
        (None, None) => None,
        (uid, gid) => Some(format!("{}:{}", uid.unwrap_or("0"), gid.unwrap_or("0"))),
    };
    let is_users = owner.as_deref() == Some(user);
    let mut kept: Vec<&str> = options
        .split(',')
        .filter(|option| !option.starts_with("uid=") && !option.starts_with("gid="))
        // Of an owner who is somebody else, only what everybody may do can be kept.
        .filter(|option| owner.is_none() || is_users || !option.starts_with("mode="))
        .collect();
    match owner {
        None => {}
        Some(_) if is_users => kept.push("U"),
        Some(_) => kept.push("mode=1777"),
    }
    kept.push("notmpcopyup");
    kept.join(",")
}

/// Options of a network. Podman's networks reach each other, unless they are isolated.
pub(super) fn network_options() -> HashMap<String, String> {
    HashMap::from([("isolate".to_owned(), "true".to_owned())])
}

/// The mount options of a volume in memory. Podman takes `size` for a quota of a volume on disk.
pub(super) fn memory_options(options: &str) -> String {
    let option = |option: &str| match option.strip_prefix("size=").and_then(bytes) {
        Some(bytes) => format!("nr_blocks={}", bytes.div_ceil(PAGE)),
        None => option.to_owned(),
    };
    let all: Vec<String> = options.split(',').map(option).collect();
    all.join(",")
}

/// The kernel counts the blocks of a file system in memory in pages. Where a page is larger than this, the volume is
/// larger than asked for.
const PAGE: u64 = 4096;

/// A size as mount options write it: `64m`.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::docker::body::container_body;
    use crate::engine::spec::{Network, Tmpfs, VolumeMount};

    #[test]
    fn a_temporary_file_system_belongs_to_the_containers_user() {
        for (options, expected) in [
            ("rw,mode=1777", "rw,mode=1777,notmpcopyup"),
            (
                "rw,mode=0755,uid=10000,gid=10000,size=64",
                "rw,mode=0755,size=64,U,notmpcopyup",
            ),
            ("rw,mode=0755,uid=1,gid=1", "rw,mode=1777,notmpcopyup"),
            ("mode=0700,uid=5", "mode=1777,notmpcopyup"),
        ] {
            assert_eq!(tmpfs_options(options, "10000:10000"), expected, "{options}");
        }
    }

    #[test]
    fn podmans_own_api_is_another_path() {
        let uri = Uri::from_static("http://engine:1/v1.41/containers/one?force=true");
        let own = of_own_api(&uri, "depend=true").unwrap();
        assert_eq!(
            own.to_string(),
            "http://engine:1/v4.0.0/libpod/containers/one?force=true&depend=true"
        );
    }

    #[test]
    fn a_volume_in_memory_has_its_size_in_pages() {
        for (options, expected) in [
            ("mode=0755,size=64m", "mode=0755,nr_blocks=16384"),
            ("size=1k", "nr_blocks=1"),
            ("size=2g,uid=1", "nr_blocks=524288,uid=1"),
            ("size=50%", "size=50%"),
            ("mode=0755", "mode=0755"),
        ] {
            assert_eq!(memory_options(options), expected);
        }
    }

    #[test]
    fn nothing_is_writable_that_was_not_asked_for() {
        let spec = ContainerSpec {
            read_only: true,
            tmpfs: vec![Tmpfs {
                target: "/tmp".to_owned(),
                options: "mode=1777".to_owned(),
                size: 1,
            }],
            volumes: vec![VolumeMount {
                volume: "run".to_owned(),
                target: "/run".to_owned(),
                read_only: false,
            }],
            ..ContainerSpec::default()
        };
        let mut body = container_body(&spec, None);
        adapt(&spec, &mut body);
        let tmpfs = body.host_config.unwrap().tmpfs.unwrap();
        assert_eq!(tmpfs["/tmp"], "mode=1777,size=1,notmpcopyup");
        assert_eq!(tmpfs["/var/tmp"], "ro");
        assert!(!tmpfs.contains_key("/run"), "{tmpfs:?}");
    }

    #[test]
    fn a_command_takes_the_place_of_the_entry_point() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let mut spec = ContainerSpec {
            command: words("sleep 1000"),
            ..ContainerSpec::default()
        };
        for (entry_point, expected) in [
            (false, (Some(words("sleep")), Some(words("1000")))),
            (true, (None, Some(words("sleep 1000")))),
        ] {
            spec.entry_point = entry_point;
            let mut body = container_body(&spec, None);
            adapt(&spec, &mut body);
            assert_eq!((body.entrypoint, body.cmd), expected);
        }
    }

    #[test]
    fn only_a_container_with_a_network_has_hosts_and_the_low_ports() {
        let own = ContainerSpec {
            network: Some(Network {
                name: "net".to_owned(),
                aliases: Vec::new(),
                links: Vec::new(),
            }),
            ..ContainerSpec::default()
        };
        let shared = ContainerSpec {
            network_of: Some("other".to_owned()),
            ..ContainerSpec::default()
        };
        for (spec, hosts, has_sysctl) in [(&own, 2, true), (&shared, 0, false)] {
            let mut body = container_body(spec, None);
            adapt(spec, &mut body);
            let host = body.host_config.unwrap();
            assert_eq!(host.extra_hosts.unwrap().len(), hosts);
            assert_eq!(host.sysctls.is_some(), has_sysctl);
        }
    }
}
