//! The objects of a trial: their names, their labels, and what they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::{EngineTrial, INNER_PORT, LISTEN};
use crate::config::app::Runtime;
use crate::engine::spec::{
    ContainerSpec, Image, ImageFile, ImagePlan, Link, MemoryLimit, Network, Port, VolumeDirectory,
    VolumeMount, VolumeSpec,
};
use crate::images::official;
use crate::labels::{Kind, LABEL_KIND, LABEL_PROJECT, Labels};
use crate::plan;
use crate::project::{Identity, Project};
use crate::runtimes::{RUNTIMES, RuntimeType};
use crate::settings::User;

/// The objects of trials belong to a project of their own, so that `status --all` and `clean --all` know what a killed
/// trial left.
pub(super) fn project(given: &EngineTrial<'_>) -> Project {
    Project {
        id: "doctor".to_owned(),
        key: format!(
            "doctor-{}",
            &crate::project::hash(given.owner.as_bytes())[..8]
        ),
        root: PathBuf::new(),
        state_dir: given.state.join("doctor"),
        identity: Identity {
            owner: given.owner.to_owned(),
            directory: None,
        },
    }
}

/// What a trial makes.
pub(super) struct Objects {
    labels: Labels,
    user: User,
    pub(super) network: String,
    pub(super) volume: String,
    pub(super) directory: String,
    /// The container with an app's options.
    pub(super) app: String,
    /// The container that the other one reaches.
    pub(super) other: String,
    /// The empty image.
    pub(super) image: String,
    /// What the uploaded file holds, and the other container says.
    pub(super) token: String,
}

impl Objects {
    pub(super) fn of(project: &Project, user: User) -> Self {
        let volume = project.name(&["volume"]);
        Objects {
            labels: project.new_labels(None, None, Kind::Trial),
            user,
            network: project.name(&["network"]),
            directory: project.name(&["directory"]),
            app: project.name(&["app"]),
            other: project.name(&["other"]),
            image: format!("upsun-local/{}:empty", project.key),
            token: crate::project::hash(volume.as_bytes())[..12].to_owned(),
            volume,
        }
    }

    /// The labels of new objects.
    pub(super) fn labels(&self) -> Labels {
        self.labels.clone()
    }

    /// The labels by which the objects of trials are found, whatever version of `upsun-local` made them.
    pub(super) fn common_labels(&self) -> Labels {
        let mut labels = self.labels();
        labels.retain(|name, _| name == LABEL_PROJECT || name == LABEL_KIND);
        labels
    }

    pub(super) fn volume(&self, name: &str, directory_of: Option<VolumeDirectory>) -> VolumeSpec {
        VolumeSpec {
            name: name.to_owned(),
            labels: self.labels.clone(),
            directory_of,
            memory: None,
            layers: None,
        }
    }

    /// The container that the app's reaches, as a service's.
    pub(super) fn other_container(&self, image: &str, port: Option<u16>) -> ContainerSpec {
        let command = [
            "sh",
            "-c",
            LISTEN,
            "sh",
            &INNER_PORT.to_string(),
            &self.token,
        ];
        ContainerSpec {
            name: self.other.clone(),
            image: image.to_owned(),
            command: command.map(str::to_owned).to_vec(),
            user: self.user.spec(),
            labels: self.labels.clone(),
            volumes: vec![VolumeMount {
                volume: self.volume.clone(),
                target: "/mnt/0".to_owned(),
                read_only: false,
            }],
            network: Some(self.network(Vec::new())),
            ports: port
                .map(|host| Port {
                    container: INNER_PORT,
                    host,
                })
                .into_iter()
                .collect(),
            pids_limit: Some(plan::PIDS),
            stop_grace: Duration::from_secs(1),
            ..ContainerSpec::default()
        }
    }

    /// A container with the options of an app's.
    /// In an empty image it can run only `init`.
    pub(super) fn app_container(&self, image: &str, init: Option<&str>) -> ContainerSpec {
        let command = match init {
            Some(init) => [init, "--version"],
            None => ["sleep", "60"],
        };
        ContainerSpec {
            name: self.app.clone(),
            image: image.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            user: self.user.spec(),
            hostname: "trial.0".to_owned(),
            labels: self.labels.clone(),
            volumes: vec![VolumeMount {
                volume: self.directory.clone(),
                target: "/app/mount".to_owned(),
                read_only: false,
            }],
            tmpfs: plan::tmpfs(self.user, 64 * 1024 * 1024, false),
            read_only: true,
            network: Some(self.network(vec![Link {
                container: self.other.clone(),
                alias: "trial.internal".to_owned(),
            }])),
            hosts: BTreeMap::from([("host.trial.internal".to_owned(), "127.0.0.1".to_owned())]),
            pids_limit: Some(plan::PIDS),
            memory: MemoryLimit::Share,
            stop_grace: Duration::from_secs(1),
            ..ContainerSpec::default()
        }
    }

    fn network(&self, links: Vec<Link>) -> Network {
        Network {
            name: self.network.clone(),
            aliases: Vec::new(),
            links,
        }
    }
}

/// An image with nothing but the directory that files are uploaded to.
pub(super) fn empty_image() -> ImagePlan {
    let file = ImageFile {
        path: "/mnt/0/empty".to_owned(),
        mode: 0o644,
        bytes: Vec::new(),
    };
    ImagePlan {
        base: "scratch".to_owned(),
        files: vec![file],
        ..ImagePlan::default()
    }
}

/// The image to make containers from: one that `upsun-local` made, else the official one of a runtime.
pub(super) fn choose(images: &[Image]) -> Option<String> {
    let is_derived = |labels: &Labels| Kind::of(labels) == Some(Kind::Image);
    let derived = images.iter().filter(|image| is_derived(&image.labels));
    let mut tags: Vec<&String> = derived.flat_map(|image| &image.tags).collect();
    tags.sort();
    if let Some(tag) = tags.first() {
        return Some((*tag).clone());
    }
    let official: Vec<String> = RUNTIMES.iter().flat_map(official_images).collect();
    let mut tags = images.iter().flat_map(|image| &image.tags);
    tags.find(|tag| {
        let name = tag.strip_prefix("docker.io/library/").unwrap_or(tag);
        official.iter().any(|known| known == name)
    })
    .cloned()
}

fn official_images(known: &RuntimeType) -> Vec<String> {
    let versions = known.supported.iter().chain(known.deprecated);
    versions
        .filter_map(|version| {
            let runtime = Runtime {
                name: known.name.to_owned(),
                version: (*version).to_owned(),
            };
            let image = official(&runtime, &IndexMap::new()).ok()?;
            Some(image.to_string())
        })
        .collect()
}

/// The tar archive that is uploaded: a directory of the user's with a file in it.
pub(super) fn files(token: &str, user: User) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_uid(user.uid.into());
        header.set_gid(user.gid.into());
        // Writing to memory and paths this short do not fail.
        let _ = tar.append_data(&mut header, path, bytes);
    };
    add("mount/", tar::EntryType::Directory, 0o755, &[]);
    add(
        "mount/uploaded",
        tar::EntryType::Regular,
        0o644,
        token.as_bytes(),
    );
    tar.into_inner().unwrap_or_default()
}
