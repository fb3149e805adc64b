//! The source of an app as an engine on another machine keeps it, so that only changes travel there.

use std::time::Duration;

use super::{AppPlan, PIDS};
use crate::engine::spec::{ContainerSpec, VolumeMount, VolumeSpec};
use crate::labels::{Kind, LABEL_BUILD};
use crate::project::Project;

/// Where the helper finds the kept source. The files are in `tree`; the list of them is `manifest`.
pub(crate) const PLACE: &str = "/source";

/// The objects with which the source of a build is brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptSource {
    pub(crate) volume: VolumeSpec,
    /// The container that updates the kept source, and copies it into the build.
    pub(crate) helper: ContainerSpec,
}

/// Plans the objects for a build of an app.
pub(crate) fn plan(project: &Project, plan: &AppPlan) -> KeptSource {
    let build = &plan.build;
    let part = format!("{}+source", plan.app);
    let volume = VolumeSpec {
        name: super::build::name_of_cache(project, &part, build.user),
        labels: project.new_labels(None, Some(&plan.app), Kind::KeptSource),
        directory_of: None,
        memory: None,
        layers: None,
    };
    // The helper is removed with the container of the build, also if another command finds it.
    let mut labels = project.new_labels(None, Some(&plan.app), Kind::Building);
    labels.insert(LABEL_BUILD.to_owned(), build.id.clone());
    let mount = |volume: &str, target: &str| VolumeMount {
        volume: volume.to_owned(),
        target: target.to_owned(),
        read_only: false,
    };
    let helper = ContainerSpec {
        name: format!("{}-source", build.container.name),
        image: build.container.image.clone(),
        command: ["sleep", "100000"].map(str::to_owned).to_vec(),
        user: "0:0".to_owned(),
        working_dir: "/".to_owned(),
        labels,
        volumes: vec![
            mount(&volume.name, PLACE),
            mount(&build.volume.name, "/app"),
        ],
        tmpfs: super::tmpfs(build.user, 1 << 30, false),
        // Engines refuse to unpack an archive in a container that is read-only at the archive's top.
        read_only: false,
        capabilities: super::COPYING.map(str::to_owned).to_vec(),
        pids_limit: Some(PIDS),
        memory: build.container.memory,
        stop_grace: Duration::ZERO,
        ..ContainerSpec::default()
    };
    KeptSource { volume, helper }
}
