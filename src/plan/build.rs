//! Plans the build of an app: its volumes, its container, and the network that it has for itself.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{
    BuildPlan, BuildStep, Inputs, NetworkPlan, PIDS, build_caches, host_name, packages, steps,
};
use crate::config::app::App;
use crate::engine::spec::{ContainerSpec, Network, VolumeMount, VolumeSpec};
use crate::labels::Kind;
use crate::labels::LABEL_BUILD;
use crate::php_ini;
use crate::project::{self, Project};
use crate::settings::User;

/// Changes whenever an earlier version's builds must not be taken for this version's.
const BUILD_VERSION: u32 = 1;

/// The network of a project's builds and source operations. No service, app or container of anybody else is on it, and
/// nothing of the engine's default network.
pub fn build_network(project: &Project) -> NetworkPlan {
    NetworkPlan {
        // No environment has a name with that character.
        name: project.name(&["+builds"]),
        labels: project.new_labels(None, None, Kind::BuildNetwork),
    }
}

pub(super) fn plan(inputs: &Inputs<'_>) -> BuildPlan {
    let Inputs {
        project, app, user, ..
    } = inputs;
    let steps = steps::build(app, inputs.has_file);
    let mount_points = mount_points(app);
    let base = id(inputs, &steps, &mount_points);
    let made_anew = (inputs.made_anew)(&base);
    let token = made_anew.as_ref().map(|made| &made.token);
    let id = token.map_or_else(|| base.clone(), |token| id_made_anew(&base, token));
    let short = &id[..12];
    let labelled = |kind: Kind| {
        let mut labels = project.new_labels(None, Some(&app.name), kind);
        labels.insert(LABEL_BUILD.to_owned(), id.clone());
        labels
    };
    let volume_of = |kind: Kind| VolumeSpec {
        name: project.name(&[&app.name, kind.name(), short]),
        labels: labelled(kind),
        directory_of: None,
        memory: None,
        layers: None,
    };
    let (volume, mark) = (volume_of(Kind::Build), volume_of(Kind::Built));
    let cache = cache(project, *user);
    let packages = inputs
        .keeps_packages
        .then(|| packages::volume(project, *user));
    let network = build_network(project);
    let mut container = ContainerSpec {
        name: project.name(&[&app.name, "building", short]),
        image: inputs.image.to_owned(),
        command: ["sleep", "100000"].map(str::to_owned).to_vec(),
        user: user.spec(),
        working_dir: "/app".to_owned(),
        hostname: format!("{}-build", host_name(&app.name)),
        variables: inputs.build_variables.clone(),
        labels: labelled(Kind::Building),
        volumes: vec![
            mount(&volume, "/app"),
            mount(&cache, crate::layout::CACHE_DIRECTORY),
        ],
        stop_grace: Duration::from_secs(1),
        pids_limit: Some(PIDS),
        memory: inputs.resources.memory,
        network: Some(Network {
            name: network.name.clone(),
            aliases: Vec::new(),
            links: Vec::new(),
        }),
        ..ContainerSpec::default()
    };
    if let Some(packages) = &packages {
        let packages = mount(packages, crate::layout::PACKAGES_DIRECTORY);
        container.volumes.push(packages);
        // The build's id does not depend on these variables: they name only where downloads are kept.
        container.variables.extend(packages::variables(inputs));
    }
    // What it says is in `PLATFORM_VARIABLES` too, so the build's id depends on it already.
    php_ini::install(
        &mut container,
        inputs.build_php_ini.as_deref(),
        php_ini::BUILD_DIRECTORY,
    );
    BuildPlan {
        volume,
        mark,
        cache,
        packages,
        caches: build_caches::plan(inputs, &steps),
        container,
        network,
        steps,
        mount_points: mount_points.into_iter().collect(),
        user: *user,
        made_anew,
        id,
    }
}

fn mount(volume: &VolumeSpec, target: &str) -> VolumeMount {
    VolumeMount {
        volume: volume.name.clone(),
        target: target.to_owned(),
        read_only: false,
    }
}

/// The directories that the app and its workers need to mount on.
fn mount_points(app: &App) -> BTreeSet<String> {
    std::iter::once(&app.mounts)
        .chain(app.workers.iter().map(|worker| &worker.mounts))
        .flatten()
        .map(|mount| mount.path.clone())
        .collect()
}

/// The id of a build that was made again although nothing had changed.
pub(crate) fn id_made_anew(base: &str, token: &str) -> String {
    project::hash(json!([base, token]).to_string().as_bytes())
}

/// Says everything that the result of a build depends on.
fn id(inputs: &Inputs<'_>, steps: &[BuildStep], mount_points: &BTreeSet<String>) -> String {
    // The tree id changes with the project's configuration too, but a build depends only on its part of it.
    let mut build_variables = inputs.build_variables.clone();
    build_variables.remove("PLATFORM_TREE_ID");
    project::hash(
        json!([
            BUILD_VERSION,
            inputs.tree,
            inputs.build_image,
            inputs.build_relevant,
            build_variables,
            steps,
            mount_points,
            inputs.user,
        ])
        .to_string()
        .as_bytes(),
    )
}

/// One cache for all apps of the project, as the documentation of `PLATFORM_CACHE_DIR` says.
fn cache(project: &Project, user: User) -> VolumeSpec {
    VolumeSpec {
        name: name_of_cache(project, "cache", user),
        labels: project.new_labels(None, None, Kind::Cache),
        directory_of: None,
        memory: None,
        layers: None,
    }
}

/// The name of a volume that outlasts builds. The files of one user cannot be replaced by another one, so a user with
/// other ids than usual has a volume of its own.
pub(super) fn name_of_cache(project: &Project, name: &str, user: User) -> String {
    if user == User::default() {
        project.name(&[name])
    } else {
        project.name(&[name, &user.uid.to_string(), &user.gid.to_string()])
    }
}
