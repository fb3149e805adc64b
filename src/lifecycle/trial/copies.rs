//! Plans the objects of a trial: volumes with copies, the container that fills them, and the container that uses
//! them.

use super::DIRECTORY;
use crate::engine::spec::{ContainerSpec, VolumeDirectory, VolumeMount, VolumeSpec};
use crate::labels::Kind;
use crate::labels::Labels;
use crate::labels::{LABEL_BUILD, LABEL_DEPLOY};
use crate::lifecycle::Mark;
use crate::lifecycle::copy_on_write::{same_root, writable_copy};
use crate::mount_suggestion::Files;
use crate::plan::{COPYING, ContainerPlan, User};
use crate::text::quote;

/// The directory with the originals in the copying container.
pub(super) const FROM: &str = "/from";

/// The directory with the copies of the mounts' volumes while they are filled.
const TO: &str = "/to";

/// The directory with what differs from the build, as [`crate::mount_suggestion::LIST_TOUCHED`] looks for it.
const UPPER: &str = "/upper";

/// What the script of a writable copy prints if the copy and the build are on one file system: then the files of the
/// copy have the numbers of those of the build.
pub(super) const ONE_FILE_SYSTEM: &str = "one file system";
const ARE_ONE_FILE_SYSTEM: &str =
    "if [ \"$(stat -c %d /from)\" = \"$(stat -c %d /upper)\" ]; then echo one file system; fi\n";

/// The paths that the engine itself writes in every container.
const OF_ENGINE: [&str; 6] = [
    "/.dockerenv",
    "/sbin/docker-init",
    "/usr/sbin/docker-init",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
];

/// How the files of the app are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// What is written goes to a layer above the build.
    Overlay,
    /// Every file is copied.
    Copy,
}

impl Method {
    /// A list of files that can be compared with `built`, the files that the copy began with.
    pub(super) fn comparable(self, files: Files, built: &Files) -> Files {
        match self {
            // A file of the lower layer is copied to the upper one when it changes, and has another time of birth then.
            Method::Overlay => files.without_births_of(built),
            Method::Copy => files,
        }
    }
}

/// The objects of one run of a trial. The volumes of each run have names of their own: those of an earlier run may
/// still be on their way out.
pub(super) struct Copies {
    pub(super) method: Method,
    /// In the order in which they are made.
    pub(super) volumes: Vec<VolumeSpec>,
    /// Directories of these volumes, which are made when the volumes are filled.
    pub(super) directories: Vec<VolumeSpec>,
    /// The container that runs `script`, which copies the files.
    pub(super) copying: ContainerSpec,
    pub(super) script: String,
    /// The container in which the operation runs.
    pub(super) container: ContainerSpec,
}

impl Copies {
    /// A copy in which every file can be written: the content of the mounts becomes a part of the app.
    pub(super) fn writable(plan: &ContainerPlan, method: Method) -> Copies {
        let labels = labels(plan);
        let mut volumes = app(plan, &labels, method);
        let mut mounted = vec![at(copy(&volumes), "/app")];
        let mut copied = mounted.clone();
        for mount in &plan.container.volumes {
            if let Some(rest) = below_app(&mount.target) {
                copied.push(VolumeMount {
                    target: format!("{FROM}{rest}"),
                    read_only: true,
                    ..mount.clone()
                });
            } else {
                mounted.push(other_volume(plan, &labels, mount, &mut volumes));
            }
        }
        let script = match method {
            Method::Copy => format!("cp -a {FROM}/. /app/"),
            Method::Overlay => {
                copied.extend(volumes.first().map(|upper| VolumeMount {
                    read_only: true,
                    ..at(upper, UPPER)
                }));
                let mut script = format!(
                    "{ARE_ONE_FILE_SYSTEM}failed=0; {} || failed=1\n",
                    same_root(FROM, "/app")
                );
                for path in &plan.mounts {
                    let (from, to) = (quote(&format!("{FROM}/{path}")), quote(path));
                    // A mount hides what the build put in its place.
                    script.push_str(&format!(
                        "find {to} -mindepth 1 -delete && cp -a {from}/. {to}/ || failed=1\n"
                    ));
                }
                script + "exit $failed"
            }
        };
        let container = ContainerSpec {
            volumes: mounted,
            read_only: false,
            ..container(plan, &labels)
        };
        Copies {
            method,
            volumes,
            directories: Vec::new(),
            copying: copying(&container, copied),
            script,
            container,
        }
    }

    /// A copy as a container of `plan` would have it, in which only mounts can be written. `there` is the container
    /// whose mounts are copied; mounts that only `plan` has are empty.
    pub(super) fn read_only(
        there: &ContainerPlan,
        plan: &ContainerPlan,
        user: User,
        method: Method,
    ) -> Copies {
        let labels = labels(there);
        let app = app(there, &labels, method);
        // A plan with other mounts has another build, which does not exist. The builds differ in their mount points
        // only.
        let mut copied = vec![at(copy(&app), "/app")];
        copied.extend(
            there
                .container
                .volumes
                .iter()
                .filter(|mount| mount.target == "/app")
                .map(|mount| VolumeMount {
                    target: format!("{FROM}/app"),
                    read_only: true,
                    ..mount.clone()
                }),
        );
        let script = beginning(method, &plan.mounts);
        let mut mounted = vec![VolumeMount {
            read_only: true,
            ..at(copy(&app), "/app")
        }];
        let mut filling = Filling {
            there,
            labels: &labels,
            volumes: app,
            directories: Vec::new(),
            places: Vec::new(),
            copied,
            script,
        };
        for (number, storage) in plan.storage.iter().enumerate() {
            filling.copy(number, storage, &plan.directories);
        }
        let Filling {
            mut volumes,
            directories,
            places,
            copied,
            mut script,
            ..
        } = filling;
        if !plan.storage.is_empty() {
            let owner = user.spec();
            script.push_str(&format!("chown -R --from=0 {owner} {TO} || failed=1\n"));
        }
        script.push_str("exit $failed");
        for mount in &plan.container.volumes {
            if below_app(&mount.target).is_none() {
                mounted.push(other_volume(plan, &labels, mount, &mut volumes));
            } else if let Some((_, own)) = places.iter().find(|(name, _)| *name == mount.volume) {
                mounted.push(VolumeMount {
                    volume: own.name.clone(),
                    ..mount.clone()
                });
            }
        }
        let container = ContainerSpec {
            volumes: mounted,
            ..container(plan, &labels)
        };
        Copies {
            method,
            volumes,
            directories,
            copying: copying(&container, copied),
            script,
            container,
        }
    }
}

/// The beginning of the script that fills a read-only copy: the files of the app, and the mount points.
fn beginning(method: Method, mounts: &[String]) -> String {
    let from = format!("{FROM}/app");
    let mut script = match method {
        Method::Copy => format!("cp -a {from}/. /app/; failed=$?\n"),
        Method::Overlay => format!("{}; failed=$?\n", same_root(&from, "/app")),
    };
    for path in mounts {
        script.push_str(&format!("mkdir -p {} || failed=1\n", quote(path)));
    }
    script
}

/// How the volumes of mounts are filled.
struct Filling<'a> {
    /// The container whose mounts are copied.
    there: &'a ContainerPlan,
    labels: &'a Labels,
    volumes: Vec<VolumeSpec>,
    directories: Vec<VolumeSpec>,
    /// The volumes of mounts, and the volumes that replace them.
    places: Vec<(&'a str, VolumeSpec)>,
    /// The volumes that the script uses.
    copied: Vec<VolumeMount>,
    script: String,
}

impl<'a> Filling<'a> {
    /// Adds a copy of a volume. `all` are the directories of all mounted volumes.
    fn copy(&mut self, number: usize, storage: &VolumeSpec, all: &'a [VolumeSpec]) {
        let there = self.there;
        let own = volume(there, self.labels, &number.to_string());
        self.copied.push(at(&own, &format!("{TO}/{number}")));
        let is_there = there.storage.iter().any(|other| other.name == storage.name);
        if is_there {
            self.copied.push(VolumeMount {
                volume: storage.name.clone(),
                target: format!("{FROM}/{number}"),
                read_only: true,
            });
        }
        for directory in all {
            let of = directory.directory_of.as_ref();
            let Some(of) = of.filter(|of| of.volume == storage.name) else {
                continue;
            };
            let (from, to) = (
                quote(&format!("{FROM}/{number}/{}", of.path)),
                quote(&format!("{TO}/{number}/{}", of.path)),
            );
            self.script
                .push_str(&format!("mkdir -p {to} || failed=1\n"));
            // A new mount is empty, whatever an earlier mount left in its place.
            if there
                .directories
                .iter()
                .any(|own| own.name == directory.name)
            {
                self.script.push_str(&format!(
                    "if [ -d {from} ]; then cp -a {from}/. {to}/ || failed=1; fi\n"
                ));
            }
            let part = format!("{}{DIRECTORY}", self.directories.len());
            let stands_in = VolumeSpec {
                directory_of: Some(VolumeDirectory {
                    volume: own.name.clone(),
                    path: of.path.clone(),
                }),
                ..volume(there, self.labels, &part)
            };
            self.places.push((&directory.name, stands_in.clone()));
            self.directories.push(stands_in);
        }
        self.volumes.push(own);
    }
}

/// The labels of the objects of a trial: none of them counts as the current container of an app, or as a container
/// that uses a build.
fn labels(plan: &ContainerPlan) -> Labels {
    let mut labels = plan.container.labels.clone();
    labels.extend([Kind::Trial.label()]);
    labels.remove(LABEL_DEPLOY);
    labels.remove(LABEL_BUILD);
    labels
}

/// The volumes with the copy of the app. The last of them is the copy.
fn app(plan: &ContainerPlan, labels: &Labels, method: Method) -> Vec<VolumeSpec> {
    let mut mounts = plan.container.volumes.iter();
    let build = mounts.find(|mount| mount.target == "/app");
    match (method, build) {
        (Method::Overlay, Some(build)) => {
            writable_copy(&name(plan, "app"), labels, &build.volume).into()
        }
        _ => vec![volume(plan, labels, "app")],
    }
}

/// The copy of the app, which is the last of its volumes.
fn copy(app: &[VolumeSpec]) -> &VolumeSpec {
    &app[app.len() - 1]
}

fn name(plan: &ContainerPlan, part: &str) -> String {
    format!("{}-trial-{}-{part}", plan.container.name, Mark::of_run())
}

fn volume(plan: &ContainerPlan, labels: &Labels, part: &str) -> VolumeSpec {
    VolumeSpec {
        name: name(plan, part),
        labels: labels.clone(),
        directory_of: None,
        memory: None,
        layers: None,
    }
}

fn at(volume: &VolumeSpec, target: &str) -> VolumeMount {
    VolumeMount {
        volume: volume.name.clone(),
        target: target.to_owned(),
        read_only: false,
    }
}

/// The part of a path after `/app`.
fn below_app(target: &str) -> Option<&str> {
    target
        .strip_prefix("/app")
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A mounted volume that holds no files of the app: the same volume, or a new one instead of the volume with the
/// app's socket, since the app itself listens there.
fn other_volume(
    plan: &ContainerPlan,
    labels: &Labels,
    mount: &VolumeMount,
    volumes: &mut Vec<VolumeSpec>,
) -> VolumeMount {
    let socket = plan.socket.as_ref();
    let Some(socket) = socket.filter(|socket| socket.name == mount.volume) else {
        return mount.clone();
    };
    let own = VolumeSpec {
        memory: socket.memory.clone(),
        ..volume(plan, labels, "socket")
    };
    let mounted = VolumeMount {
        volume: own.name.clone(),
        ..mount.clone()
    };
    volumes.push(own);
    mounted
}

fn container(plan: &ContainerPlan, labels: &Labels) -> ContainerSpec {
    let mut container = ContainerSpec {
        // Containers of an earlier run may still be on their way out.
        name: name(plan, "app"),
        labels: labels.clone(),
        ports: Vec::new(),
        ..plan.container.clone()
    };
    // Other containers reach the app by these names.
    if let Some(network) = &mut container.network {
        network.aliases.clear();
    }
    container
}

fn copying(container: &ContainerSpec, volumes: Vec<VolumeMount>) -> ContainerSpec {
    ContainerSpec {
        name: format!("{}-copy", container.name),
        command: ["sleep", "100000"].map(str::to_owned).to_vec(),
        user: "0:0".to_owned(),
        capabilities: COPYING.map(str::to_owned).to_vec(),
        volumes,
        read_only: false,
        network: None,
        network_of: None,
        ..container.clone()
    }
}

/// The paths outside the app that were written by a process in the container, not by the engine.
pub(super) fn outside(changed: &[String], spec: &ContainerSpec) -> Vec<String> {
    let targets: Vec<&str> = spec
        .volumes
        .iter()
        .map(|mount| mount.target.as_str())
        .chain(spec.tmpfs.iter().map(|tmpfs| tmpfs.target.as_str()))
        .chain(OF_ENGINE)
        .collect();
    let is_below = |path: &str, directory: &str| {
        path.strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let holds = |path: &String| changed.iter().any(|other| is_below(other, path));
    changed
        .iter()
        .filter(|path| {
            let path = path.as_str();
            // The engine makes mount points when a container starts.
            !targets
                .iter()
                .any(|target| path == *target || is_below(path, target) || is_below(target, path))
        })
        // A directory counts as changed because of its content, so name only the content.
        .filter(|path| !holds(path))
        .cloned()
        .collect()
}
