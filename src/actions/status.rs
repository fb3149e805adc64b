//! What is up: the containers of a project, and where they answer.

use std::collections::HashMap;

use serde::Serialize;

use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event::{Address, Events};
use crate::failure::Failure;
use crate::labels::{Kind, LABEL_APP, LABEL_BUILD, LABEL_ENVIRONMENT, LABEL_SERVICE, LABEL_WORKER};
use crate::shutdown::Shutdown;
use crate::workspace::Workspace;

/// A container of an app, a worker or a service, or the one that shows mail.
#[derive(Debug, Serialize)]
pub struct Status {
    pub environment: String,
    /// The app, `app--worker` or the service.
    pub service: String,
    /// The container's name.
    pub container: String,
    pub running: bool,
    /// The state in the engine's words.
    pub status: String,
    /// The command of a container that does not keep running.
    pub ended: Option<Ended>,
    pub build: String,
    pub urls: Vec<String>,
    /// How many of the URLs, from the end, lead there without any route.
    #[serde(skip)]
    pub direct_urls: usize,
    #[serde(skip)]
    pub is_mail: bool,
}

/// A command that ends again and again.
#[derive(Debug, Serialize)]
pub struct Ended {
    pub command: String,
    pub exit_code: i64,
    /// How often the command ended.
    pub times: u32,
}

/// What the engine has of a project.
#[derive(Debug)]
pub struct Found {
    /// The containers, in the order of their names.
    pub containers: Vec<Status>,
    /// The routes that lead to other addresses, if the environment is routed.
    pub redirects: Vec<Address>,
    /// Whether `dev` runs: the routes lead to the apps as they are edited.
    pub is_edited: bool,
}

/// The containers of all environments of a project, or of one.
pub async fn status<E: Engine>(
    workspace: &Workspace,
    engine: &E,
    environment: Option<&str>,
    events: &Events,
    shutdown: &Shutdown,
) -> Result<Found, Failure> {
    let all = engine.containers(&workspace.project.labels()).await?;
    let mut containers = all.clone();
    containers.retain(|container| {
        let shown = [Kind::Web, Kind::Worker, Kind::Service, Kind::Mail];
        Kind::of(&container.labels).is_some_and(|kind| shown.contains(&kind))
            && environment.is_none_or(|name| label(container, LABEL_ENVIRONMENT) == name)
    });
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    let asked = containers
        .iter()
        .filter(|container| container.running && container.labels.contains_key(LABEL_APP))
        .map(|container| async {
            let sandbox = workspace.sandbox(engine, events, shutdown);
            let (command, exit_code, times) = sandbox.keeps_ending(&container.id).await?;
            let ended = Ended {
                command,
                exit_code,
                times,
            };
            Some((container.id.clone(), ended))
        });
    let asked: Vec<futures_util::future::BoxFuture<'_, _>> =
        asked.map(|it| Box::pin(it) as _).collect();
    let endings = futures_util::future::join_all(asked).await;
    let mut endings: HashMap<String, Ended> = endings.into_iter().flatten().collect();
    let addresses = workspace.entrance.addresses();
    let is_routed = is_routed(&all, &workspace.environment.name);
    let shown = containers.iter().map(|container| {
        let ended = endings.remove(&container.id);
        shown(workspace, container, ended, &addresses, is_routed)
    });
    let is_edited = all
        .iter()
        .any(|found| found.running && Kind::of(&found.labels) == Some(Kind::Synced));
    let redirects = addresses.iter().filter(|address| {
        let leads_on = address.redirects_to.is_some();
        is_routed && leads_on
    });
    Ok(Found {
        containers: shown.collect(),
        redirects: redirects.cloned().collect(),
        is_edited,
    })
}

fn shown(
    workspace: &Workspace,
    container: &Container,
    ended: Option<Ended>,
    addresses: &[Address],
    is_routed: bool,
) -> Status {
    let environment = label(container, LABEL_ENVIRONMENT);
    let service = title(container);
    // The addresses of other environments have other ports.
    let is_here = environment == workspace.environment.name
        && !container.labels.contains_key(LABEL_WORKER)
        && is_routed;
    let own = addresses
        .iter()
        .filter(|address| is_here && address.service.as_ref() == Some(&service));
    let (direct, routed): (Vec<_>, Vec<_>) = own.partition(|address| address.direct);
    let direct_urls = direct.len();
    let mail = workspace.mail_address(container).into_iter();
    let urls = routed.into_iter().map(|address| address.url.clone());
    let urls = urls
        .chain(mail)
        .chain(direct.into_iter().map(|address| address.url.clone()));
    Status {
        urls: urls.collect(),
        environment,
        service,
        container: container.name.clone(),
        running: container.running,
        status: container.status.clone(),
        ended,
        build: label(container, LABEL_BUILD),
        direct_urls,
        is_mail: Kind::of(&container.labels) == Some(Kind::Mail),
    }
}

fn is_routed(all: &[Container], environment: &str) -> bool {
    all.iter().any(|container| {
        container.running
            && matches!(
                Kind::of(&container.labels),
                Some(Kind::Router | Kind::SyncedRouter)
            )
            && label(container, LABEL_ENVIRONMENT) == environment
    })
}

fn label(container: &Container, name: &str) -> String {
    container.labels.get(name).cloned().unwrap_or_default()
}

/// What a container is called: its service, app or worker.
fn title(container: &Container) -> String {
    let app = match container.labels.get(LABEL_SERVICE) {
        Some(service) => service.clone(),
        None if Kind::of(&container.labels) == Some(Kind::Mail) => Kind::Mail.name().to_owned(),
        None => label(container, LABEL_APP),
    };
    container
        .labels
        .get(LABEL_WORKER)
        .map_or_else(|| app.clone(), |worker| format!("{app}--{worker}"))
}
