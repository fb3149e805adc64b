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

/// The capabilities to copy files that the app's user may not read, and to keep their owners. Only the copying has
/// them: what is edited is written as the app's user.
const CAPABILITIES: [&str; 3] = ["CHOWN", "DAC_OVERRIDE", "FOWNER"];

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
    let copy = volumes.last()?.name.clone();
    let name = |part: &str| project.name(&[environment, &plan.app, part, token]);
    let labels = |old: &Labels, kind: Kind| {
        let mut labels = old.clone();
        labels.extend([kind.label()]);
        labels
    };
    let socket = web.socket.as_ref().map(|socket| VolumeSpec {
        name: name("+synced-run"),
        labels: labels(&socket.labels, Kind::Synced),
        ..socket.clone()
    });
    let own = |mounts: &[VolumeMount]| {
        let mut mounts = mounts.to_vec();
        for mount in &mut mounts {
            if mount.volume == plan.build.volume.name {
                mount.volume.clone_from(&copy);
            }
            if let (Some(old), Some(socket)) = (&web.socket, &socket)
                && mount.volume == old.name
            {
                mount.volume.clone_from(&socket.name);
            }
        }
        mounts
    };
    let container = ContainerSpec {
        name: name("+synced"),
        labels: labels(&web.container.labels, Kind::Synced),
        volumes: own(&web.container.volumes),
        ..web.container.clone()
    };
    let front = plan.front.as_ref().map(|front| {
        let mut proxy = front.proxy.clone();
        proxy.container.name = name("+synced-front");
        proxy.container.network_of = Some(container.name.clone());
        proxy.container.volumes = own(&proxy.container.volumes);
        proxy.container.labels = labels(&proxy.container.labels, Kind::SyncedFront);
        proxy
            .container
            .labels
            .insert(LABEL_FRONT_OF.to_owned(), container.name.clone());
        FrontPlan {
            proxy,
            on_demand: front.on_demand,
            listens_at: None,
        }
    });
    let listens_at = plan
        .front
        .as_ref()
        .and_then(|front| front.listens_at.clone());
    let mounted = |volume: &str, target: &str, read_only| VolumeMount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only,
    };
    let helper = ContainerSpec {
        name: name("+syncing"),
        image: web.container.image.clone(),
        command: ["sleep", "1000000000"].map(str::to_owned).to_vec(),
        user: "0:0".to_owned(),
        working_dir: "/".to_owned(),
        labels: labels(&web.container.labels, Kind::Syncing),
        volumes: vec![
            mounted(&copy, "/app", false),
            mounted(&plan.build.volume.name, FROM, true),
        ],
        tmpfs: super::tmpfs(plan.build.user, 1 << 30, false),
        read_only: true,
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        pids_limit: Some(PIDS),
        memory: web.container.memory,
        stop_grace: Duration::ZERO,
        ..ContainerSpec::default()
    };
    Some(SyncedPlan {
        app: AppPlan {
            containers: vec![ContainerPlan {
                container,
                socket,
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
