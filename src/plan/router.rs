//! The router of an environment: the one container that this machine reaches its apps by.

use std::time::Duration;

use super::front::ProxyPlan;
use super::{Environment, NetworkPlan, User};
use crate::engine::spec::{ContainerSpec, Network, Port, Tmpfs};
use crate::labels::Kind;
use crate::project::Project;
use crate::routes::Entrance;
use crate::services::ServiceFile;
use crate::web::router::{self, PAGE, PAGE_DIRECTORY, PAGE_TEXT, RESOLVER};

const CONFIGURATION: &str = "/etc/nginx/upsun-local.conf";

/// What a shell in a running router is given to take over a new configuration.
pub(crate) const RELOAD: &str = include_str!("router/reload.sh");

/// Docker and Podman have their name servers at different addresses, and tell them to each container.
fn start() -> String {
    let server =
        r"s/^nameserver[[:space:]]*\([0-9.]*\)[[:space:]]*$/resolver \1 valid=1s ipv6=off;/p";
    format!(
        "sed -n '{server}' /etc/resolv.conf | head -n 1 >{RESOLVER} && exec nginx -c {CONFIGURATION}"
    )
}

/// What the router is planned from.
pub struct Inputs<'a> {
    pub project: &'a Project,
    pub environment: &'a Environment,
    /// What leads where.
    pub entrance: &'a Entrance,
    /// The image of the web server.
    pub image: &'a str,
    /// Who it runs as.
    pub user: User,
    /// Where an upstream is on the network: `host:port`.
    pub address: &'a dyn Fn(&str) -> Option<String>,
    /// Whether it leads to apps that are edited, and says each request.
    pub of_dev: bool,
}

/// A router and the network that it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterPlan {
    /// Its container.
    pub proxy: ProxyPlan,
    /// The network of the environment.
    pub network: NetworkPlan,
    /// The port on 127.0.0.1.
    pub port: u16,
}

/// Plans the router.
pub fn plan(inputs: &Inputs<'_>) -> RouterPlan {
    let Inputs {
        project,
        environment,
        entrance,
        ..
    } = inputs;
    let network = super::network(project, environment);
    let (name, kind) = if inputs.of_dev {
        ("+synced-router", Kind::SyncedRouter)
    } else {
        ("+router", Kind::Router)
    };
    let container = ContainerSpec {
        name: project.name(&[&environment.name, name]),
        image: inputs.image.to_owned(),
        command: ["/bin/sh", "-c", &start()].map(str::to_owned).to_vec(),
        user: inputs.user.spec(),
        labels: project.new_labels(Some(&environment.name), None, kind),
        tmpfs: vec![Tmpfs {
            target: "/tmp".to_owned(),
            options: "rw,mode=1777".to_owned(),
            size: 1024 * 1024 * 1024,
        }],
        network: Some(Network {
            name: network.name.clone(),
            // So that what `PLATFORM_ROUTES` says holds in the containers too, where the port is the same.
            aliases: entrance.hosts(),
            links: Vec::new(),
        }),
        ports: vec![Port {
            container: entrance.port,
            host: entrance.port,
        }],
        pids_limit: Some(64),
        stop_grace: Duration::from_secs(2),
        ..ContainerSpec::default()
    };
    let file = |path: String, content: String| ServiceFile {
        path,
        content,
        mode: 0o644,
    };
    let configuration = router::configuration(entrance, inputs.address, inputs.of_dev);
    let files = vec![
        file(CONFIGURATION.to_owned(), configuration),
        file(format!("{PAGE_DIRECTORY}/{PAGE}"), PAGE_TEXT.to_owned()),
    ];
    RouterPlan {
        proxy: ProxyPlan::new(container, files),
        network,
        port: entrance.port,
    }
}
