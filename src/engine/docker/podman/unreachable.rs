//! What a container must not reach is made unreachable by routes, which a command in the container sets right after the
//! start. Only the network of the container is changed.
//!
//! - Link-local addresses, at which clouds hand out credentials. Podman cannot give a container such an address of its
//!   own, as Docker can.
//! - The other networks of the engine. Podman's option `isolate` separates a network only from networks that have the
//!   option too, and netavark 1.4 (Debian 12) forgets that whenever the last container of any network ends. Networks
//!   that are made later are in the range from which Podman takes them.
//!
//! The command has all capabilities, so nothing of the project may steer it: it is the image's perl, from a root that
//! apps cannot write to, and each variable of the container is empty for it. Where the image has no perl, all this stays
//! within reach, which the trial of `doctor` finds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::super::DockerEngine;
use super::super::execs::Rights;
use crate::engine::Result;
use crate::engine::spec::ExecSpec;

const SCRIPT: &str = include_str!("unreachable.pl");

/// The range from which Podman takes its networks first.
const RANGE: &str = "10.89.0.0/16";

/// Its route is the last one: an app's container waits for it.
const LINK_LOCAL: &str = "169.254.0.0/16";

impl DockerEngine {
    /// Closes other networks and link-local addresses to a container that has just been started.
    pub(in super::super) async fn close_networks(&self, container: &str) {
        // A container may end at once, and an image may have no perl.
        if let Err(err) = self.set_routes(container).await {
            tracing::debug!(container, %err, "other networks stay reachable");
        }
    }

    async fn set_routes(&self, container: &str) -> Result<()> {
        let around = self.read_around(container).await?;
        if !around.has_own_network() {
            return Ok(());
        }
        let mut command = ["/usr/bin/perl", "-e", SCRIPT].map(str::to_owned).to_vec();
        let all = self.read_all_subnets().await?;
        command.extend(others(&all, around.networks()));
        command.push(LINK_LOCAL.to_owned());
        let spec = ExecSpec {
            command,
            user: Some("0:0".to_owned()),
            working_dir: Some("/".to_owned()),
            variables: emptied(around.variables()),
            ..ExecSpec::default()
        };
        let (code, said) = self.run_to_end(container, &spec, Rights::All).await?;
        if code != 0 {
            tracing::debug!(container, code, said, "other networks stay reachable");
        }
        Ok(())
    }
}

/// These variables without their values.
fn emptied<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    names.map(|name| (name.to_owned(), String::new())).collect()
}

/// The networks that a container on these networks must not reach. The routes to its own networks are more specific than
/// those to the ranges around them.
fn others(all: &[(String, String)], own: &[String]) -> BTreeSet<String> {
    let mut closed = BTreeSet::from([RANGE.to_owned()]);
    for (name, subnet) in all {
        if !own.contains(name) {
            // Containers have no addresses of version 6 on these networks.
            closed.extend(Some(subnet.clone()).filter(|subnet| !subnet.contains(':')));
        } else if let Some(range) = range(subnet) {
            closed.insert(range);
        }
    }
    closed
}

/// The range around a network that Podman took after the first one was used up.
fn range(subnet: &str) -> Option<String> {
    let (address, _) = subnet.split_once('/')?;
    let [first, second, ..] = address.parse::<Ipv4Addr>().ok()?.octets();
    (first == 10 && second >= 90).then(|| format!("{first}.{second}.0.0/16"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_networks_are_closed_but_those_of_the_container() {
        let all = [
            ("podman", "10.88.0.0/16"),
            ("one", "10.89.0.0/24"),
            ("two", "10.89.1.0/24"),
            ("late", "10.91.7.0/24"),
            ("users", "192.168.5.0/24"),
            ("users", "fd00::/64"),
        ]
        .map(|(name, subnet)| (name.to_owned(), subnet.to_owned()));
        let closed = |own: &str| Vec::from_iter(others(&all, &[own.to_owned()]));
        assert_eq!(
            closed("one"),
            [
                "10.88.0.0/16",
                "10.89.0.0/16",
                "10.89.1.0/24",
                "10.91.7.0/24",
                "192.168.5.0/24",
            ]
        );
        assert!(closed("late").contains(&"10.91.0.0/16".to_owned()));
        assert!(!closed("users").contains(&"192.168.0.0/16".to_owned()));
    }
}
