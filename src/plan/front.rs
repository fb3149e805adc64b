//! The web server in front of an app: a container that shares the network of the app's own, reads its files
//! and answers at port 80.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{ContainerPlan, Inputs};
use crate::config::app::{App, SocketFamily};
use crate::engine::spec::{ContainerSpec, Tmpfs, VolumeMount, VolumeSpec};
use crate::labels::Kind;
use crate::labels::{LABEL_BUILD, LABEL_DEPLOY, LABEL_FRONT_OF};
use crate::project;
use crate::services::ServiceFile;
use crate::web;

/// The image, unless `images` of the settings has another one under this name.
pub(crate) const IMAGE: &str = "nginx:1";
/// What it is called in `images` of the settings.
pub(crate) const IMAGE_NAME: &str = "nginx";

/// Changes whenever an earlier version's fronts must not be taken for this version's.
const VERSION: u32 = 2;

const CONFIGURATION: &str = "/etc/nginx/upsun-local.conf";

/// A web server that `upsun-local` adds: the front of an app, or the router of an environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProxyPlan {
    /// Says everything that it depends on.
    pub id: String,
    pub container: ContainerSpec,
    /// What is put into it before it starts.
    pub files: Vec<ServiceFile>,
}

/// The web server in front of an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontPlan {
    /// The front's container shares the network of the app's container, by name.
    pub proxy: ProxyPlan,
    /// Whether it is only there for requests from this machine.
    pub on_demand: bool,
    /// The port or socket at which the app has to listen first, if it gets any requests.
    pub listens_at: Option<String>,
}

impl ProxyPlan {
    /// A container and its files, with an id and the label that says it.
    pub fn new(mut container: ContainerSpec, files: Vec<ServiceFile>) -> ProxyPlan {
        let id = project::hash(json!([VERSION, container, files]).to_string().as_bytes());
        container.labels.insert(LABEL_DEPLOY.to_owned(), id.clone());
        ProxyPlan {
            id,
            container,
            files,
        }
    }
}

/// Plans the web server in front of the container `of`.
pub(super) fn plan(inputs: &Inputs<'_>, image: &str, build: &str, of: &ContainerPlan) -> FrontPlan {
    let Inputs {
        project,
        environment,
        app,
        user,
        ..
    } = inputs;
    let mut labels = project.new_labels(Some(&environment.name), Some(&app.name), Kind::Front);
    // The front reads from the build, so it must be removed with the build.
    labels.insert(LABEL_BUILD.to_owned(), build.to_owned());
    // A front belongs to one container of the app: a new container needs a new front.
    labels.insert(LABEL_FRONT_OF.to_owned(), of.id.clone());
    let container = ContainerSpec {
        // No worker has a name with that character.
        name: project.name(&[&environment.name, &app.name, "+front"]),
        image: image.to_owned(),
        command: ["nginx", "-c", CONFIGURATION].map(str::to_owned).to_vec(),
        // The owner of the files can read them and use the socket without any capability.
        user: user.spec(),
        labels,
        volumes: of
            .container
            .volumes
            .iter()
            .map(|volume| VolumeMount {
                read_only: true,
                ..volume.clone()
            })
            .collect(),
        tmpfs: vec![Tmpfs {
            target: "/tmp".to_owned(),
            options: "rw,mode=1777".to_owned(),
            size: 1024 * 1024 * 1024,
        }],
        network_of: Some(of.container.name.clone()),
        pids_limit: Some(64),
        stop_grace: Duration::from_secs(2),
        ..ContainerSpec::default()
    };
    let files = vec![ServiceFile {
        path: CONFIGURATION.to_owned(),
        content: web::configuration(app),
        mode: 0o644,
    }];
    FrontPlan {
        on_demand: inputs.front_on_demand,
        proxy: ProxyPlan::new(container, files),
        listens_at: web::upstream_address(app).map(str::to_owned),
    }
}

/// The volume at `/run` of an app that listens on a socket there, where its front finds it. In memory, so that
/// no socket of an earlier container is left in it.
pub(super) fn socket_volume(inputs: &Inputs<'_>, app: &App) -> Option<VolumeSpec> {
    let (environment, user) = (inputs.environment.name.as_str(), inputs.user);
    let owner = format!("uid={},gid={}", user.uid, user.gid);
    (app.web.socket_family == SocketFamily::Unix).then(|| VolumeSpec {
        name: inputs
            .project
            .name(&[environment, &app.name, "+run", &owner]),
        labels: inputs
            .project
            .new_labels(Some(environment), Some(&app.name), Kind::Run),
        directory_of: None,
        memory: Some(format!("mode=0755,{owner},size=64m")),
        layers: None,
    })
}

/// The directory of `SOCKET`.
pub(super) fn socket_directory() -> &'static str {
    crate::layout::SOCKET
        .rsplit_once('/')
        .map_or("/", |(directory, _)| directory)
}
