//! What a container must not reach is made unreachable by routes, which a command in the container sets right after the
//! start. Only the network of the container is changed.
//!
//! - Link-local addresses, at which clouds hand out credentials. Podman cannot give a container such an address of its
//!   own, as Docker can.
//! - The other networks of the engine. Podman's option `isolate` separates a network only from networks that have the
//!   option too, and netavark 1.4 (Debian 12) forgets that whenever the last container of any network ends. Networks
//!   that are made later are in the range from which Podman takes them.
//!
//! The command runs in a container of its own, of the same image, in the network of the first one, with the right to
//! change that network and no other. The image may be one that a repository has chosen, so nothing of it gets more: a
//! privileged command in the container itself would have all rights on the engine's machine. Where the image has no perl,
//! all this stays within reach, which the trial of `doctor` finds.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use bollard::query_parameters::StartContainerOptions;

use super::super::DockerEngine;
use crate::engine::spec::ContainerSpec;
use crate::engine::{Error, Result};
use crate::labels::{
    Kind, LABEL_DIRECTORY, LABEL_ENVIRONMENT, LABEL_OWNER, LABEL_PROJECT, LABEL_REPOSITORY,
    LABEL_VERSION, Labels,
};

const SCRIPT: &str = include_str!("unreachable.pl");

/// The range from which Podman takes its networks first.
const RANGE: &str = "10.89.0.0/16";

/// Its route is the last one: an app's container waits for it.
const LINK_LOCAL: &str = "169.254.0.0/16";

/// How many processes the command may have.
const PIDS: i64 = 16;

/// The labels by which the container of the command is found if this process is killed.
const LABELS: [&str; 6] = [
    LABEL_PROJECT,
    LABEL_ENVIRONMENT,
    LABEL_OWNER,
    LABEL_DIRECTORY,
    LABEL_REPOSITORY,
    LABEL_VERSION,
];

/// How often the engine is asked whether the command has ended.
const LOOKS: usize = 250;
const PAUSE: Duration = Duration::from_millis(20);

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
        command.extend(others(&all, &around.networks));
        command.push(LINK_LOCAL.to_owned());
        let mut labels = around.labels;
        labels.retain(|name, _| LABELS.contains(&name.as_str()));
        let name = format!("{container}-routes");
        let spec = spec(name, around.image, labels, container, command);
        // A process that was killed may have left one.
        self.delete_container(&spec.name).await?;
        let id = self.create(&spec).await?;
        let ran = self.run_alone(&id).await;
        self.delete_container(&id).await?;
        ran
    }

    /// Runs a container to its end.
    async fn run_alone(&self, id: &str) -> Result<()> {
        let options = None::<StartContainerOptions>;
        self.docker.start_container(id, options).await?;
        for _ in 0..LOOKS {
            match self.state(id).await? {
                Some(state) if state.running => tokio::time::sleep(PAUSE).await,
                Some(state) if state.exit_code == 0 => return Ok(()),
                _ => break,
            }
        }
        Err(Error::Other("the routes are not set".to_owned()))
    }
}

/// The container of the command.
fn spec(
    name: String,
    image: String,
    mut labels: Labels,
    container: &str,
    command: Vec<String>,
) -> ContainerSpec {
    labels.extend([Kind::Helper.label()]);
    ContainerSpec {
        name,
        image,
        command,
        user: "0:0".to_owned(),
        working_dir: "/".to_owned(),
        labels,
        read_only: true,
        network_of: Some(container.to_owned()),
        capabilities: vec!["NET_ADMIN".to_owned()],
        pids_limit: Some(PIDS),
        stop_grace: Duration::from_secs(1),
        ..ContainerSpec::default()
    }
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
    fn the_command_may_change_the_network_of_one_container_and_nothing_else() {
        let spec = spec(
            "a-routes".to_owned(),
            "sha256:1".to_owned(),
            Labels::new(),
            "a",
            vec!["perl".to_owned()],
        );
        assert_eq!(spec.capabilities, ["NET_ADMIN"]);
        assert_eq!(spec.network_of.as_deref(), Some("a"));
        assert!(spec.read_only && spec.volumes.is_empty() && spec.tmpfs.is_empty());
    }

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
