//! The containers of an app as it is edited: those of its plan once more, on a writable copy of its build. What runs
//! there finds everything as the deployed container does, read-only `/app` included; only a helper can write the copy.

use std::time::Duration;

use serde::Serialize;

use super::front::FrontPlan;
use super::{AppPlan, ContainerPlan, PIDS};
use crate::engine::spec::{ContainerSpec, VolumeMount, VolumeSpec};
use crate::labels::{Kind, LABEL_FRONT_OF, Labels};
use crate::project::Project;

/// Where the helper finds the build that it copies.
pub(crate) const FROM: &str = "/from";

/// An app as it is edited.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncedPlan {
    /// The plan of the app with one container: the edited one, with its front.
    pub app: AppPlan,
    /// The volumes of the copy of the build, in the order in which they are made. The last one is the copy.
    pub volumes: Vec<VolumeSpec>,
    /// The port or socket at which the app has to listen before requests are sent to it, if it gets any.
    pub listens_at: Option<String>,
    /// The container that copies the build, and then writes what is edited.
    pub helper: ContainerSpec,
}

impl SyncedPlan {
    pub fn container(&self) -> Option<&ContainerPlan> {
        self.app.containers.first()
    }
}

/// The name of the copy of an app, or the beginning of the names of its volumes. Copies with different tokens have
/// different names.
pub(crate) fn name(project: &Project, environment: &str, app: &str, token: &str) -> String {
    project.name(&[environment, app, "+synced", token])
}

/// The labels of the volumes of a copy.
pub(crate) fn volume_labels(project: &Project, environment: &str, app: &str) -> Labels {
    project.new_labels(Some(environment), Some(app), Kind::Synced)
}

/// Plans the edited containers of an app. `plan` is the plan of the app, with the command that is to run; the last of
/// `volumes` is the copy of its build. `None` for a plan without a web container, and without a copy.
pub(crate) fn plan(
    project: &Project,
    environment: &str,
    plan: &AppPlan,
    token: &str,
    volumes: Vec<VolumeSpec>,
) -> Option<SyncedPlan> {
    let web = plan.containers.first()?;
    let name = |part: &str| project.name(&[environment, &plan.app, part, token]);
    let socket = web.socket.as_ref().map(|socket| VolumeSpec {
        name: name("+synced-run"),
        labels: labels(&socket.labels, Kind::Synced),
        ..socket.clone()
    });
    let own = Own {
        build: &plan.build.volume.name,
        copy: volumes.last()?.name.clone(),
        sockets: web.socket.as_ref().zip(socket.as_ref()),
    };
    let container = ContainerSpec {
        name: name("+synced"),
        labels: labels(&web.container.labels, Kind::Synced),
        volumes: own.mounts(&web.container.volumes),
        ..web.container.clone()
    };
    let front = plan.front.as_ref();
    let listens_at = front.and_then(|front| front.listens_at.clone());
    let front = front.map(|front| {
        let name = name("+synced-front");
        own.front(front, name, &container.name)
    });
    let helper = own.helper(plan, web, name("+syncing"));
    Some(SyncedPlan {
        app: AppPlan {
            containers: vec![ContainerPlan {
                container,
                socket: socket.clone(),
                // What they did for the deployed container holds for this one too.
                hooks: Vec::new(),
                ..web.clone()
            }],
            front,
            ..plan.clone()
        },
        volumes,
        listens_at,
        helper,
    })
}

fn labels(old: &Labels, kind: Kind) -> Labels {
    let mut labels = old.clone();
    labels.extend([kind.label()]);
    labels
}

/// The volumes that take the place of those of the deployed app.
struct Own<'a> {
    build: &'a str,
    copy: String,
    /// The volume of the app's socket, and the one instead of it.
    sockets: Option<(&'a VolumeSpec, &'a VolumeSpec)>,
}

impl Own<'_> {
    fn mounts(&self, mounts: &[VolumeMount]) -> Vec<VolumeMount> {
        let mut mounts = mounts.to_vec();
        for mount in &mut mounts {
            if mount.volume == self.build {
                mount.volume.clone_from(&self.copy);
            }
            if let Some((_, own)) = self.sockets.filter(|(old, _)| old.name == mount.volume) {
                mount.volume.clone_from(&own.name);
            }
        }
        mounts
    }

    /// The front of the container `of`.
    fn front(&self, front: &FrontPlan, name: String, of: &str) -> FrontPlan {
        let mut proxy = front.proxy.clone();
        let container = &mut proxy.container;
        container.name = name;
        container.network_of = Some(of.to_owned());
        container.volumes = self.mounts(&container.volumes);
        container.labels = labels(&container.labels, Kind::SyncedFront);
        let of = (LABEL_FRONT_OF.to_owned(), of.to_owned());
        container.labels.extend([of]);
        FrontPlan {
            proxy,
            on_demand: front.on_demand,
            // It is waited for elsewhere, without a warning.
            listens_at: None,
        }
    }

    fn helper(&self, plan: &AppPlan, web: &ContainerPlan, name: String) -> ContainerSpec {
        let mounted = |volume: &str, target: &str, read_only| VolumeMount {
            volume: volume.to_owned(),
            target: target.to_owned(),
            read_only,
        };
        ContainerSpec {
            name,
            image: web.container.image.clone(),
            command: ["sleep", "1000000000"].map(str::to_owned).to_vec(),
            user: "0:0".to_owned(),
            working_dir: "/".to_owned(),
            labels: labels(&web.container.labels, Kind::Syncing),
            volumes: vec![
                mounted(&self.copy, "/app", false),
                mounted(self.build, FROM, true),
            ],
            tmpfs: super::tmpfs(plan.build.user, 1 << 30, false),
            read_only: true,
            capabilities: super::COPYING.map(str::to_owned).to_vec(),
            pids_limit: Some(PIDS),
            memory: web.container.memory,
            stop_grace: Duration::ZERO,
            ..ContainerSpec::default()
        }
    }
}
