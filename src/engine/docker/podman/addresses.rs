//! The names by which a container finds others. Podman ignores the links of a container, so every container on a network
//! gets a fixed address, and the containers that are linked to it have that address in their hosts.
//!
//! A container keeps its address when it restarts, and its successor gets the same one: the labels of a container hold
//! the addresses that it relies on, also those of containers that do not exist yet. An address is free again when no
//! container relies on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use bollard::models::{ContainerCreateBody, EndpointIpamConfig};

use super::super::DockerEngine;
use crate::engine::spec::{Container, ContainerSpec, Network};
use crate::engine::{Error, Result};
use crate::labels::{LABEL_ADDRESSES, Labels};

/// The addresses of a network's containers by name. Two processes that create containers at the same time may give two
/// names one address, which both then see.
type Addresses = BTreeMap<String, Ipv4Addr>;

/// How often a container is created anew if another process has chosen one of its addresses.
const ATTEMPTS: usize = 5;

impl DockerEngine {
    /// Creates a container with a fixed address, which also knows the addresses of the containers to which it is
    /// linked.
    pub(in super::super) async fn create_with_addresses(
        &self,
        spec: &ContainerSpec,
        body: ContainerCreateBody,
    ) -> Result<String> {
        let network = spec.network.as_ref().filter(|_| spec.network_of.is_none());
        let Some(network) = network else {
            return self.create_as(spec, body).await;
        };
        // Other calls read the labels of the new container.
        let _turn = self.addresses.lock().await;
        for attempt in 0..ATTEMPTS {
            let (mut body, own) = (body.clone(), known_as(spec));
            let (subnet, mut known) = self.known_addresses(network).await?;
            let names = [own].into_iter();
            let names = names.chain(network.links.iter().map(|link| link.container.as_str()));
            let skipped = attempt * (1 + std::process::id() as usize % 16);
            let Some(addresses) = give(&mut known, subnet, skipped, names) else {
                break;
            };
            write(&mut body, network, own, &addresses);
            let id = self.create_as(spec, body).await?;
            // Another process may have chosen the same address in the meantime.
            let (_, known) = self.known_addresses(network).await?;
            if addresses
                .iter()
                .all(|(name, address)| is_only(name, *address, &known))
            {
                return Ok(id);
            }
            self.delete_container(&id).await?;
        }
        Err(Error::Other(format!(
            "all addresses of the network {} are in use",
            network.name
        )))
    }

    /// The subnet of a network, and the addresses in it on which containers rely.
    async fn known_addresses(&self, network: &Network) -> Result<(Subnet, Addresses)> {
        let subnets = self.read_subnets(&network.name).await?;
        let Some(subnet) = subnets.iter().find_map(|text| Subnet::parse(text)) else {
            return Err(Error::Other(format!(
                "the network {} has no subnet of IPv4 addresses",
                network.name
            )));
        };
        let label = Labels::from([(LABEL_ADDRESSES.to_owned(), String::new())]);
        let containers = self.read_containers(&label).await?;
        Ok((subnet, known(&network.name, subnet, &containers)))
    }
}

/// The name by which links find a container.
fn known_as(spec: &ContainerSpec) -> &str {
    if spec.known_as.is_empty() {
        &spec.name
    } else {
        &spec.known_as
    }
}

/// Writes addresses into a container's description.
fn write(body: &mut ContainerCreateBody, network: &Network, own: &str, addresses: &Addresses) {
    let endpoints = body
        .networking_config
        .as_mut()
        .and_then(|config| config.endpoints_config.as_mut());
    if let Some(endpoint) = endpoints.and_then(|all| all.get_mut(&network.name)) {
        endpoint.links = None;
        // Podman's name server goes on to know a renamed container by its first name.
        endpoint
            .aliases
            .get_or_insert_default()
            .push(own.to_owned());
        let address = addresses.get(own);
        endpoint.mac_address = address.map(|address| hardware(*address));
        endpoint.ipam_config = Some(EndpointIpamConfig {
            ipv4_address: address.map(ToString::to_string),
            ..EndpointIpamConfig::default()
        });
    }
    let host = body.host_config.get_or_insert_default();
    let hosts = host.extra_hosts.get_or_insert_default();
    hosts.extend(network.links.iter().filter_map(|link| {
        let address = addresses.get(&link.container)?;
        Some(format!("{}:{address}", link.alias))
    }));
    let labels = body.labels.get_or_insert_default();
    labels.insert(LABEL_ADDRESSES.to_owned(), label(&network.name, addresses));
}

/// The hardware address that belongs to an address. A container that starts again, or takes the place of another one,
/// would get a new one otherwise, and those that talked to it would send to the old one for up to a minute.
fn hardware(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    // The second bit says that no manufacturer gave this address.
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The value of the label: the network, then `name=address` of each container.
fn label(network: &str, addresses: &Addresses) -> String {
    let mut text = network.to_owned();
    for (name, address) in addresses {
        text.push_str(&format!(" {name}={address}"));
    }
    text
}

/// The addresses on which containers of a network rely.
fn known(network: &str, subnet: Subnet, containers: &[Container]) -> Addresses {
    let labels = containers.iter().filter_map(|container| {
        let label = container.labels.get(LABEL_ADDRESSES)?;
        let (of, addresses) = label.split_once(' ')?;
        (of == network).then_some(addresses)
    });
    labels
        .flat_map(|addresses| addresses.split(' '))
        .filter_map(|pair| {
            let (name, address) = pair.split_once('=')?;
            let address = address.parse().ok()?;
            // The network may have been removed and created again, with another subnet.
            subnet.contains(address).then(|| (name.to_owned(), address))
        })
        .collect()
}

/// Gives each of these names its address, a new one if it has none; `None` if there are too few addresses.
/// New addresses are free ones after `skipped` others.
fn give<'a>(
    known: &mut Addresses,
    subnet: Subnet,
    skipped: usize,
    names: impl Iterator<Item = &'a str>,
) -> Option<Addresses> {
    let mut taken: BTreeSet<Ipv4Addr> = known.values().copied().collect();
    let mut given = Addresses::new();
    for name in names {
        let address = if let Some(address) = known.get(name) {
            *address
        } else {
            let mut free = subnet.hosts().filter(|address| !taken.contains(address));
            free.clone().nth(skipped).or_else(|| free.next())?
        };
        taken.insert(address);
        known.insert(name.to_owned(), address);
        given.insert(name.to_owned(), address);
    }
    Some(given)
}

/// Whether no other name has the address.
fn is_only(name: &str, address: Ipv4Addr, known: &Addresses) -> bool {
    known
        .iter()
        .all(|(other, taken)| other == name || *taken != address)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subnet {
    first: u32,
    bits: u32,
}

impl Subnet {
    fn parse(text: &str) -> Option<Subnet> {
        let (address, bits) = text.split_once('/')?;
        let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let bits = bits.parse().ok().filter(|bits| (8..=30).contains(bits))?;
        let mask = u32::MAX << (32 - bits);
        let first = address & mask;
        Some(Subnet { first, bits })
    }

    fn last(self) -> u32 {
        self.first | (u32::MAX >> self.bits)
    }

    fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&u32::from(address))
    }

    /// The addresses of machines, except for the first one, which is the gateway's. The last comes first: the engine
    /// itself gives addresses from the front to containers without a fixed one.
    fn hosts(self) -> impl Iterator<Item = Ipv4Addr> + Clone {
        (self.first + 2..self.last()).rev().map(Ipv4Addr::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "net";

    fn subnet() -> Subnet {
        Subnet::parse("10.89.3.0/29").unwrap()
    }

    fn container(label: String) -> Container {
        Container {
            id: String::new(),
            name: String::new(),
            running: false,
            status: String::new(),
            labels: Labels::from([(LABEL_ADDRESSES.to_owned(), label)]),
            created: 0,
        }
    }

    fn given(containers: &[Container], names: &[&str]) -> Option<Addresses> {
        let mut known = known(NETWORK, subnet(), containers);
        give(&mut known, subnet(), 0, names.iter().copied())
    }

    fn texts(addresses: &Addresses) -> Vec<String> {
        let all = addresses.iter();
        all.map(|(name, address)| format!("{name} {address}"))
            .collect()
    }

    #[test]
    fn a_name_keeps_its_address_as_long_as_a_container_relies_on_it() {
        // The database does not exist yet when the app gets its address.
        let app = given(&[], &["app", "db"]).unwrap();
        assert_eq!(texts(&app), ["app 10.89.3.6", "db 10.89.3.5"]);
        let app = container(label(NETWORK, &app));
        let db = given(std::slice::from_ref(&app), &["db"]).unwrap();
        assert_eq!(texts(&db), ["db 10.89.3.5"]);
        let db = container(label(NETWORK, &db));
        let worker = given(&[app, db.clone()], &["worker", "db"]).unwrap();
        assert_eq!(texts(&worker), ["db 10.89.3.5", "worker 10.89.3.4"]);
        // Without the app, its address is free.
        let other = given(&[db], &["other"]).unwrap();
        assert_eq!(texts(&other), ["other 10.89.3.6"]);
    }

    #[test]
    fn other_networks_and_former_subnets_do_not_count() {
        let there = [
            container("other a=10.89.3.6".to_owned()),
            container("net b=10.90.0.6".to_owned()),
            container("net".to_owned()),
        ];
        let given = given(&there, &["a", "b"]).unwrap();
        assert_eq!(texts(&given), ["a 10.89.3.6", "b 10.89.3.5"]);
    }

    #[test]
    fn a_second_attempt_takes_another_address_if_there_is_one() {
        let mut known = Addresses::new();
        let given = give(&mut known, subnet(), 2, ["a"].into_iter()).unwrap();
        assert_eq!(texts(&given), ["a 10.89.3.4"]);
        let given = give(&mut known, subnet(), 9, ["b"].into_iter()).unwrap();
        assert_eq!(texts(&given), ["b 10.89.3.6"]);
        assert!(is_only("a", known["a"], &known));
        assert!(!is_only("c", known["a"], &known));
    }

    #[test]
    fn each_address_has_a_hardware_address_of_its_own() {
        let address = Ipv4Addr::new(10, 89, 3, 250);
        assert_eq!(hardware(address), "02:42:0a:59:03:fa");
    }

    #[test]
    fn addresses_end_before_the_gateway() {
        let all = given(&[], &["a", "b", "c", "d", "e"]).unwrap();
        assert_eq!(all["e"], Ipv4Addr::new(10, 89, 3, 2));
        assert_eq!(given(&[], &["a", "b", "c", "d", "e", "f"]), None);
    }

    #[test]
    fn only_a_whole_subnet_of_ipv4_is_one() {
        assert_eq!(Subnet::parse("fd00::/64"), None);
        assert_eq!(Subnet::parse("10.0.0.0/32"), None);
        assert_eq!(Subnet::parse("10.0.0.0"), None);
        let subnet = Subnet::parse("10.89.0.7/24").unwrap();
        assert!(subnet.contains(Ipv4Addr::new(10, 89, 0, 0)));
        assert!(!subnet.contains(Ipv4Addr::new(10, 89, 1, 0)));
    }
}
