//! Plans a container of an app: what runs in it, where it can write, and what it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::{BuildPlan, ContainerPlan, Inputs, NetworkPlan, PIDS, front, host_name, steps};
use crate::config::app::{Commands, Mount, MountSource, Worker};
use crate::engine::spec::{
    ContainerSpec, Network, Tmpfs, VolumeDirectory, VolumeMount, VolumeSpec,
};
use crate::images::SUPERVISE;
use crate::labels::Kind;
use crate::labels::{LABEL_BUILD, LABEL_DEPLOY, LABEL_WORKER, Labels};
use crate::php_ini;
use crate::project;
use crate::settings::User;
use crate::text::container_name;

/// Changes whenever an earlier version's containers must not be taken for this version's.
const DEPLOY_VERSION: u32 = 2;

/// Upsun lets an app's process end within so long before it kills it.
/// Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#workers>
const STOP_GRACE: Duration = Duration::from_secs(15);

/// Plans the web container, or that of a worker, which comes with its number among the app's workers.
pub(super) fn plan(
    inputs: &Inputs<'_>,
    build: &BuildPlan,
    network: &NetworkPlan,
    worker: Option<(usize, &Worker)>,
) -> ContainerPlan {
    let Inputs {
        project,
        environment,
        app,
        user,
        ..
    } = inputs;
    let index = worker.map_or(0, |(at, _)| at + 1);
    let variables = inputs.runtime_variables.get(index);
    let connections = inputs.connections.get(index).cloned().unwrap_or_default();
    let worker = worker.map(|(_, worker)| worker);
    let (commands, mounts) = worker.map_or((&app.web.commands, &app.mounts), |worker| {
        (&worker.commands, &worker.mounts)
    });
    let name = worker.map(|worker| worker.name.as_str());
    let mut parts = vec![environment.name.as_str(), app.name.as_str()];
    parts.extend(name);
    let data = Data::of(inputs, &parts, mounts);
    let (socket, hooks) = match worker {
        None => (front::socket_volume(inputs, app), steps::hooks(app)),
        Some(_) => (None, Vec::new()),
    };
    let mut container = ContainerSpec {
        name: project.name(&parts),
        image: inputs.image.to_owned(),
        command: supervisor(worker, commands),
        user: user.spec(),
        working_dir: "/app".to_owned(),
        // Upsun numbers the instances of a container, and no name is the beginning of another's: Laravel's Horizon ends
        // whatever runs under a name that begins with its own.
        hostname: format!("{}.0", host_name(&container_name(&app.name, name))),
        variables: variables.cloned().unwrap_or_default(),
        labels: labels(inputs, build, worker),
        volumes: volumes(build, &data, socket.as_ref()),
        tmpfs: tmpfs(*user, inputs.resources.tmp, socket.is_some()),
        read_only: true,
        network: Some(Network {
            name: network.name.clone(),
            aliases: Vec::new(),
            links: connections.links,
        }),
        hosts: app
            .additional_hosts
            .iter()
            .map(|(name, address)| (name.clone(), address.clone()))
            .collect(),
        pids_limit: Some(PIDS),
        memory: inputs.resources.memory,
        stop_grace: STOP_GRACE,
        ..ContainerSpec::default()
    };
    let php_ini = inputs.runtime_php_ini.get(index);
    let php_ini = php_ini.and_then(Option::as_deref);
    php_ini::install(&mut container, php_ini, php_ini::DIRECTORY);
    let id = project::hash(
        json!([DEPLOY_VERSION, build.id, container, data.directories, hooks])
            .to_string()
            .as_bytes(),
    );
    container.labels.insert(LABEL_DEPLOY.to_owned(), id.clone());
    ContainerPlan {
        worker: name.map(str::to_owned),
        id,
        container,
        storage: data.volumes,
        directories: data.directories,
        volatile: data.volatile,
        socket,
        mounts: mounts.iter().map(|mount| mount.path.clone()).collect(),
        services: connections.services,
        hooks,
    }
}

/// All labels but the one of the container's id, which depends on these.
fn labels(inputs: &Inputs<'_>, build: &BuildPlan, worker: Option<&Worker>) -> Labels {
    let mut labels = inputs.project.new_labels(
        Some(&inputs.environment.name),
        Some(&inputs.app.name),
        if worker.is_some() {
            Kind::Worker
        } else {
            Kind::Web
        },
    );
    if let Some(worker) = worker {
        labels.insert(LABEL_WORKER.to_owned(), worker.name.clone());
    }
    labels.insert(LABEL_BUILD.to_owned(), build.id.clone());
    labels
}

/// The app as it was built, its mounts, and its socket.
fn volumes(build: &BuildPlan, data: &Data, socket: Option<&VolumeSpec>) -> Vec<VolumeMount> {
    let mut volumes = vec![VolumeMount {
        volume: build.volume.name.clone(),
        target: "/app".to_owned(),
        read_only: true,
    }];
    volumes.extend(data.mounted.iter().map(|(path, volume)| VolumeMount {
        volume: volume.clone(),
        target: format!("/app/{path}"),
        read_only: false,
    }));
    volumes.extend(socket.map(|volume| VolumeMount {
        volume: volume.name.clone(),
        target: front::socket_directory().to_owned(),
        read_only: false,
    }));
    volumes
}

/// Where it can write besides: what is there is gone with the container. A socket's volume takes the place of `/run`.
pub(crate) fn tmpfs(user: User, tmp: u64, has_socket: bool) -> Vec<Tmpfs> {
    let mut tmpfs = vec![Tmpfs {
        target: "/tmp".to_owned(),
        options: "rw,exec,mode=1777".to_owned(),
        size: tmp,
    }];
    if !has_socket {
        tmpfs.push(Tmpfs {
            target: "/run".to_owned(),
            options: format!("rw,mode=0755,uid={},gid={}", user.uid, user.gid),
            size: 64 * 1024 * 1024,
        });
    }
    tmpfs
}

fn supervisor(worker: Option<&Worker>, commands: &Commands) -> Vec<String> {
    let place = worker.map_or_else(
        || "web".to_owned(),
        |worker| format!("workers.{}", worker.name),
    );
    let text = |command: &Option<String>| command.clone().unwrap_or_default();
    vec![
        "/bin/dash".to_owned(),
        SUPERVISE.to_owned(),
        format!("{place}.commands.start"),
        text(&commands.pre_start),
        text(&commands.start),
        text(&commands.post_start),
    ]
}

/// The volumes behind a container's mounts.
struct Data {
    volumes: Vec<VolumeSpec>,
    directories: Vec<VolumeSpec>,
    volatile: Vec<String>,
    /// Mount path → volume.
    mounted: Vec<(String, String)>,
}

impl Data {
    /// Every mount is a directory of one volume per source and owner, as on Upsun: so mounts of the same
    /// `source_path`, or of one below the other, share their files.
    fn of(inputs: &Inputs<'_>, parts: &[&str], mounts: &[Mount]) -> Data {
        let Inputs {
            project,
            environment,
            ..
        } = inputs;
        let environment = environment.name.as_str();
        let mut volumes: BTreeMap<String, VolumeSpec> = BTreeMap::new();
        let mut directories: BTreeMap<String, VolumeSpec> = BTreeMap::new();
        let mut volatile = BTreeSet::new();
        let mut mounted = Vec::new();
        for mount in mounts {
            let (kind, owner): (Kind, Vec<&str>) = match &mount.source {
                MountSource::Storage { app } => (Kind::Storage, vec![environment, app]),
                MountSource::Service { service } => (Kind::Service, vec![environment, service]),
                MountSource::Instance => (Kind::Instance, parts.to_vec()),
                MountSource::Temporary => (Kind::Tmp, parts.to_vec()),
            };
            let of_app = owner.get(1).copied();
            let name_parts: Vec<&str> = owner.iter().copied().chain([kind.name()]).collect();
            let volume = VolumeSpec {
                name: project.name(&name_parts),
                labels: project.new_labels(Some(environment), of_app, kind),
                directory_of: None,
                memory: None,
                layers: None,
            };
            if kind == Kind::Tmp {
                volatile.insert(volume.name.clone());
            }
            let directory_parts: Vec<&str> = name_parts
                .iter()
                .copied()
                .chain([mount.source_path.as_str(), "directory"])
                .collect();
            let directory = VolumeSpec {
                name: project.name(&directory_parts),
                labels: project.new_labels(Some(environment), of_app, Kind::Directory),
                directory_of: Some(VolumeDirectory {
                    volume: volume.name.clone(),
                    path: mount.source_path.clone(),
                }),
                memory: None,
                layers: None,
            };
            mounted.push((mount.path.clone(), directory.name.clone()));
            volumes.insert(volume.name.clone(), volume);
            directories.insert(directory.name.clone(), directory);
        }
        Data {
            volumes: volumes.into_values().collect(),
            directories: directories.into_values().collect(),
            volatile: volatile.into_iter().collect(),
            mounted,
        }
    }
}
