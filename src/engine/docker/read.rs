//! Answers that are read with types of this module. bollard's types refuse a whole answer for one word that Docker's
//! documentation does not list, such as the state `stopped` of a container on Podman.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error as Bollard;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{DockerEngine, label_filter};
use crate::engine::spec::{Container, ContainerState};
use crate::labels::Labels;

/// How often the engine is asked about all containers while it refuses as one of them is removed.
const ATTEMPTS: usize = 40;

const PAUSE: Duration = Duration::from_millis(50);

/// A container in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    created: i64,
}

/// What an inspection says of a container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: State,
    #[serde(default)]
    mounts: Option<Vec<Mount>>,
    /// The id of the image.
    #[serde(default)]
    image: String,
    #[serde(default)]
    host_config: Host,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    network_settings: Networks,
}

#[derive(Debug, Default, Deserialize)]
struct Networks {
    /// The networks that the container is on, by name.
    #[serde(default, rename = "Networks")]
    networks: Option<HashMap<String, serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Host {
    #[serde(default)]
    readonly_rootfs: bool,
    #[serde(default)]
    network_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
}

/// What a container is made of and connected to.
#[derive(Debug)]
pub(super) struct Around {
    /// The id of the image.
    pub(super) image: String,
    pub(super) labels: Labels,
    /// The names of the networks that the container is on.
    pub(super) networks: Vec<String>,
    network_mode: String,
}

impl Around {
    /// Whether the container has a network, and not that of another container or of the engine's machine.
    pub(super) fn has_own_network(&self) -> bool {
        let mode = self.network_mode.as_str();
        !matches!(mode, "none" | "host") && !mode.contains(':')
    }
}

/// A volume or another file system in a container.
#[derive(Debug, Deserialize)]
pub(super) struct Mount {
    /// The path in the container.
    #[serde(rename = "Destination")]
    pub(super) destination: String,
    #[serde(rename = "RW")]
    pub(super) writable: bool,
}

/// A network and its subnets.
#[derive(Debug, Deserialize)]
struct Network {
    #[serde(default, rename = "Name")]
    name: String,
    #[serde(default, rename = "IPAM")]
    ipam: Ipam,
}

impl Network {
    fn subnets(self) -> impl Iterator<Item = String> {
        let config = self.ipam.config.unwrap_or_default().into_iter();
        let subnets = config.map(|subnet| subnet.subnet);
        subnets.filter(|subnet| !subnet.is_empty())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Ipam {
    #[serde(default, rename = "Config")]
    config: Option<Vec<Subnet>>,
}

#[derive(Debug, Deserialize)]
struct Subnet {
    #[serde(default, rename = "Subnet")]
    subnet: String,
}

/// Asks for something about all containers. Podman refuses if one of them is removed in between.
pub(super) async fn again_if_gone<T, Asked>(ask: impl Fn() -> Asked) -> Result<T, Bollard>
where
    Asked: Future<Output = Result<T, Bollard>>,
{
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(Bollard::DockerResponseServerError { message, .. })
                if message.contains("no such container") =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

impl DockerEngine {
    /// Reads the answer to a request of a path below the version of the API.
    async fn read<T: DeserializeOwned>(&self, path: String) -> Result<T, Bollard> {
        // bollard returns the answer to its greeting as text, so the greeting's path is replaced.
        let docker = self
            .docker
            .clone()
            .with_request_modifier(move |mut request| {
                if let Ok(uri) = request.uri().to_string().replace("/_ping", &path).parse() {
                    *request.uri_mut() = uri;
                }
                request
            });
        let text = docker.ping().await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(super) async fn read_containers(&self, labels: &Labels) -> Result<Vec<Container>, Bollard> {
        let filters = serde_json::to_string(&label_filter(labels))?;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("all", "true")
            .append_pair("filters", &filters)
            .finish();
        let path = format!("/containers/json?{query}");
        let found = again_if_gone(|| self.read::<Vec<Listed>>(path.clone())).await?;
        Ok(found.into_iter().map(Container::from).collect())
    }

    pub(super) async fn read_state(&self, id: &str) -> Result<ContainerState, Bollard> {
        let Inspected { state, .. } = self.read(format!("/containers/{id}/json")).await?;
        Ok(ContainerState {
            running: state.running,
            exit_code: state.exit_code,
            out_of_memory: state.oom_killed,
        })
    }

    /// Whether the root of a container is read-only, and its mounts.
    pub(super) async fn read_mounts(&self, id: &str) -> Result<(bool, Vec<Mount>), Bollard> {
        let found: Inspected = self.read(format!("/containers/{id}/json")).await?;
        let mounts = found.mounts.unwrap_or_default();
        Ok((found.host_config.readonly_rootfs, mounts))
    }

    pub(super) async fn read_around(&self, id: &str) -> Result<Around, Bollard> {
        let found: Inspected = self.read(format!("/containers/{id}/json")).await?;
        let networks = found.network_settings.networks.unwrap_or_default();
        Ok(Around {
            image: found.image,
            labels: found.config.labels.unwrap_or_default(),
            networks: networks.into_keys().collect(),
            network_mode: found.host_config.network_mode,
        })
    }

    /// The subnets of a network, as `10.89.0.0/24`.
    pub(super) async fn read_subnets(&self, network: &str) -> Result<Vec<String>, Bollard> {
        let found: Network = self.read(format!("/networks/{network}")).await?;
        Ok(found.subnets().collect())
    }

    /// The subnets of all networks, each with the name of its network.
    pub(super) async fn read_all_subnets(&self) -> Result<Vec<(String, String)>, Bollard> {
        let found: Vec<Network> = self.read("/networks".to_owned()).await?;
        let of = |network: Network| {
            let name = network.name.clone();
            network.subnets().map(move |subnet| (name.clone(), subnet))
        };
        Ok(found.into_iter().flat_map(of).collect())
    }
}

impl From<Listed> for Container {
    fn from(listed: Listed) -> Container {
        let first = listed.names.into_iter().flatten().next();
        let name = first.unwrap_or_default();
        Container {
            id: listed.id,
            name: name.trim_start_matches('/').to_owned(),
            running: listed.state == "running",
            status: listed.status,
            labels: listed.labels.unwrap_or_default().into_iter().collect(),
            created: listed.created,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_docker_does_not_have_is_read_too() {
        let text = r#"{"Id":"1","Names":["/one"],"State":"stopped","Status":"Exited (0)","Labels":null,"Created":1}"#;
        let listed: Listed = serde_json::from_str(text).unwrap();
        let container = Container::from(listed);
        assert_eq!((container.name.as_str(), container.running), ("one", false));
        let text =
            r#"{"State":{"Status":"stopped","Running":false,"ExitCode":3,"OOMKilled":false}}"#;
        let inspected: Inspected = serde_json::from_str(text).unwrap();
        assert_eq!(inspected.state.exit_code, 3);
    }

    #[test]
    fn a_network_is_a_containers_own_or_not() {
        for (mode, is_own) in [
            ("bridge", true),
            ("upsun-shop-local", true),
            ("none", false),
            ("host", false),
            ("container:8e", false),
            ("ns:/run/netns/x", false),
        ] {
            let around = Around {
                image: String::new(),
                labels: Labels::new(),
                networks: Vec::new(),
                network_mode: mode.to_owned(),
            };
            assert_eq!(around.has_own_network(), is_own, "{mode}");
        }
    }
}
