//! The fake's objects and the rules they obey, which are Docker's: images, containers, and what runs in
//! them. Nothing here waits.

mod image;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::files::Files;
use super::process::Living;
use crate::engine::spec::{
    Container, ContainerSpec, ContainerState, ExecSpec, Image, ImagePlan, VolumeSpec,
};
use crate::engine::{Error, Result};
use crate::labels::{Labels, carries};
use crate::output::Output;

/// Directories that every image has.
const DIRECTORIES: [&str; 8] = ["app", "etc", "mnt", "root", "run", "tmp", "var", "var/tmp"];

/// What a container's process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// It ended with that code.
    Exited(i64),
}

/// Which objects are listed to somebody who asks for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Answers {
    /// Those that carry all of them.
    #[default]
    All,
    /// Those that carry any of them, as Podman before 4.6 does.
    Any,
    /// Every object there is.
    Everything,
}

/// A container.
#[derive(Debug)]
pub(crate) struct HeldContainer {
    /// How it was asked for; its name is kept apart, since it can change.
    pub(crate) spec: ContainerSpec,
    /// Its name now.
    pub(crate) name: String,
    /// Whether it runs.
    pub(crate) phase: Phase,
    image_id: String,
    created: i64,
    /// Whether something of it was killed for want of memory.
    pub(crate) out_of_memory: bool,
    log: Vec<Output>,
    /// How much is in it, in bytes.
    log_size: usize,
    /// The first piece of it that is still there.
    log_start: usize,
    layer: Files,
    processes: Vec<Arc<Living>>,
    /// How often it was started, to tell the end of one start from that of another.
    starts: u32,
}

/// A volume.
#[derive(Debug, Clone)]
pub(crate) struct HeldVolume {
    /// How it was asked for.
    pub(crate) spec: VolumeSpec,
    created: String,
    /// What is in it; empty for one that stands for a directory of another.
    pub(crate) files: Files,
}

/// Everything the fake has.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// By id.
    pub(crate) containers: BTreeMap<String, HeldContainer>,
    /// By name.
    pub(crate) volumes: BTreeMap<String, HeldVolume>,
    /// By name.
    pub(crate) networks: BTreeMap<String, Labels>,
    /// By reference.
    pub(crate) images: BTreeMap<String, Image>,
    /// What the images that were built are made of, by reference.
    pub(super) plans: BTreeMap<String, ImagePlan>,
    /// What can be pulled.
    pub(crate) registry: BTreeSet<String>,
    /// How lists are answered.
    pub(crate) answers: Answers,
    execs: BTreeMap<String, (String, Arc<Living>)>,
    count: u32,
}

fn no_container(id: &str) -> Error {
    Error::NotFound(format!("No such container: {id}"))
}

impl Store {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn next_id(&mut self) -> String {
        format!("{:012x}", self.next())
    }

    /// Whether an object with these labels is listed to somebody who asks for those.
    fn lists(&self, labels: &Labels, wanted: &Labels) -> bool {
        let mut each = wanted
            .iter()
            .map(|(name, value)| Labels::from([(name.clone(), value.clone())]));
        match self.answers {
            Answers::All => carries(labels, wanted),
            Answers::Any => wanted.is_empty() || each.any(|one| carries(labels, &one)),
            Answers::Everything => true,
        }
    }

    // Images.

    pub(super) fn images(&self, labels: &Labels) -> Vec<Image> {
        let mut all: Vec<Image> = self.images.values().cloned().collect();
        all.retain(|image| self.lists(&image.labels, labels));
        all.dedup_by(|a, b| a.id == b.id);
        all
    }

    pub(crate) fn add_image(&mut self, reference: &str, labels: Labels) {
        let id = format!("sha256:{}", self.next_id());
        let image = Image {
            id,
            tags: vec![reference.to_owned()],
            digests: Vec::new(),
            labels,
        };
        self.images.insert(reference.to_owned(), image);
    }

    pub(super) fn remove_image(&mut self, reference: &str) -> Result<()> {
        let Some(image) = self.images.get(reference) else {
            return Ok(());
        };
        if let Some(user) = self
            .containers
            .values()
            .find(|container| container.image_id == image.id)
        {
            return Err(Error::Conflict(format!(
                "conflict: unable to remove repository reference \"{reference}\": container {} is using it",
                user.name
            )));
        }
        self.images.remove(reference);
        Ok(())
    }

    // Containers.

    /// The id of a container by its id or name.
    pub(crate) fn find(&self, id: &str) -> Option<String> {
        if self.containers.contains_key(id) {
            return Some(id.to_owned());
        }
        self.containers
            .iter()
            .find(|(_, container)| container.name == id)
            .map(|(id, _)| id.clone())
    }

    fn held(&mut self, id: &str) -> Result<&mut HeldContainer> {
        let found = self.find(id).ok_or_else(|| no_container(id))?;
        self.containers
            .get_mut(&found)
            .ok_or_else(|| no_container(id))
    }

    pub(super) fn containers(&self, labels: &Labels) -> Vec<Container> {
        self.containers
            .iter()
            .filter(|(_, container)| self.lists(&container.spec.labels, labels))
            .map(|(id, container)| Container {
                id: id.clone(),
                name: container.name.clone(),
                running: container.phase == Phase::Running,
                status: match container.phase {
                    Phase::Created => "Created".to_owned(),
                    Phase::Running => "Up 1 second".to_owned(),
                    Phase::Exited(code) => format!("Exited ({code}) 1 second ago"),
                },
                labels: container.spec.labels.clone(),
                created: container.created,
            })
            .collect()
    }

    pub(super) fn create_container(&mut self, spec: &ContainerSpec) -> Result<String> {
        let image_id = self
            .images
            .get(&spec.image)
            .map(|image| image.id.clone())
            .ok_or_else(|| Error::ImageNotFound {
                image: spec.image.clone(),
                reason: format!("No such image: {}", spec.image),
                hint: None,
            })?;
        self.name_is_free(&spec.name)?;
        // A volume that is not there is made on the way, without any label.
        for mount in &spec.volumes {
            if !self.volumes.contains_key(&mount.volume) {
                self.create_volume(&VolumeSpec {
                    name: mount.volume.clone(),
                    labels: Labels::new(),
                    directory_of: None,
                    memory: None,
                    layers: None,
                })?;
            }
        }
        let mut layer = Files::default();
        let targets = spec.volumes.iter().map(|mount| mount.target.as_str());
        for directory in DIRECTORIES.into_iter().chain(targets) {
            layer.make_directory(directory);
        }
        let mut spec = spec.clone();
        if let Some(plan) = self.plans.get(&spec.image) {
            image::apply(plan, &mut spec, &mut layer);
        }
        let id = self.next_id();
        let container = HeldContainer {
            name: spec.name.clone(),
            spec,
            phase: Phase::Created,
            image_id,
            created: i64::from(self.count),
            out_of_memory: false,
            log: Vec::new(),
            log_size: 0,
            log_start: 0,
            layer,
            processes: Vec::new(),
            starts: 0,
        };
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    fn name_is_free(&self, name: &str) -> Result<()> {
        let Some((id, _)) = self
            .containers
            .iter()
            .find(|(_, container)| container.name == name)
        else {
            return Ok(());
        };
        Err(Error::Conflict(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{id}\"."
        )))
    }

    /// Marks a container as running. Returns its first process and the number of this start, unless it
    /// ran already.
    pub(super) fn start_container(&mut self, id: &str) -> Result<Option<(Arc<Living>, u32)>> {
        let container = self.held(id)?;
        if container.phase == Phase::Running {
            return Ok(None);
        }
        let spec = container.spec.clone();
        if let Some(network) = &spec.network
            && !self.networks.contains_key(&network.name)
        {
            return Err(Error::NotFound(format!(
                "network {} not found",
                network.name
            )));
        }
        for mount in &spec.volumes {
            let (volume, path) = self.volume_path(&mount.volume, "");
            if !self
                .volumes
                .get(&volume)
                .is_some_and(|held| held.files.is_directory(&path))
            {
                return Err(Error::Other(format!(
                    "error while mounting volume '{}': failed to mount local volume: no such file or directory",
                    mount.volume
                )));
            }
        }
        if let Some(port) = spec.ports.iter().find(|port| self.is_taken(port.host)) {
            return Err(Error::PortTaken(format!(
                "Bind for 127.0.0.1:{} failed: port is already allocated",
                port.host
            )));
        }
        let process = Living::new(spec.command, spec.variables, spec.working_dir, spec.user);
        let container = self.held(id)?;
        container.phase = Phase::Running;
        container.starts += 1;
        container.processes = vec![process.clone()];
        Ok(Some((process, container.starts)))
    }

    fn is_taken(&self, port: u16) -> bool {
        let mut running = self
            .containers
            .values()
            .filter(|held| held.phase == Phase::Running);
        running.any(|held| held.spec.ports.iter().any(|open| open.host == port))
    }

    /// The container's first process has ended, and takes all others along.
    pub(super) fn container_ended(&mut self, id: &str, start: u32, code: i64) {
        if let Some(container) = self.containers.get_mut(id)
            && container.starts == start
        {
            container.phase = Phase::Exited(code);
            for process in container.processes.drain(..) {
                process.kill();
            }
        }
        self.forget_memory();
    }

    pub(super) fn rename_container(&mut self, id: &str, name: &str) -> Result<()> {
        if self.held(id)?.name == name {
            return Err(Error::Other(
                "Renaming a container with the same name as its current name".to_owned(),
            ));
        }
        self.name_is_free(name)?;
        name.clone_into(&mut self.held(id)?.name);
        Ok(())
    }

    pub(crate) fn remove_container(&mut self, id: &str) {
        if let Some(container) = self.find(id).and_then(|id| self.containers.remove(&id)) {
            for process in &container.processes {
                process.kill();
            }
            let left = &self.containers;
            self.execs.retain(|_, (of, _)| left.contains_key(of));
            self.forget_memory();
        }
    }

    pub(super) fn container_state(&self, id: &str) -> Option<ContainerState> {
        let container = self.containers.get(&self.find(id)?)?;
        Some(ContainerState {
            running: container.phase == Phase::Running,
            exit_code: match container.phase {
                Phase::Exited(code) => code,
                _ => 0,
            },
            out_of_memory: container.out_of_memory,
        })
    }

    /// Its first process while it runs, and how long it has to end.
    pub(super) fn first_process(&self, id: &str) -> Option<(Arc<Living>, std::time::Duration)> {
        let container = self.containers.get(&self.find(id)?)?;
        let first = container.processes.first()?.clone();
        Some((first, container.spec.stop_grace))
    }

    // Processes and their output.

    /// A new process for a command, and the id under which its exit code is found.
    pub(super) fn create_exec(
        &mut self,
        id: &str,
        spec: &ExecSpec,
    ) -> Result<(String, String, Arc<Living>)> {
        let id = self.find(id).ok_or_else(|| no_container(id))?;
        let container = self.held(&id)?;
        if container.phase != Phase::Running {
            return Err(Error::Conflict(format!("Container {id} is not running")));
        }
        let mut variables = container.spec.variables.clone();
        variables.extend(spec.variables.clone());
        let or = |given: &Option<String>, own: &String| given.clone().unwrap_or(own.clone());
        let process = Living::new(
            spec.command.clone(),
            variables,
            or(&spec.working_dir, &container.spec.working_dir),
            or(&spec.user, &container.spec.user),
        );
        container.processes.push(process.clone());
        let exec = self.next_id();
        self.execs
            .insert(exec.clone(), (id.clone(), process.clone()));
        Ok((exec, id, process))
    }

    /// The container of a command.
    pub(super) fn find_exec(&self, exec: &str) -> Result<&str> {
        self.execs
            .get(exec)
            .map(|(container, _)| container.as_str())
            .ok_or_else(|| Error::NotFound(format!("No such exec instance: {exec}")))
    }

    /// What the end of a command with that code comes to: it may have been its container's end that it met.
    pub(super) fn exec_ended(&self, exec: &str, code: i64) -> Result<i64> {
        let container = self.containers.get(self.find_exec(exec)?);
        let lives = container.is_some_and(|held| {
            held.phase == Phase::Running
                && held
                    .processes
                    .first()
                    .is_some_and(|first| !first.is_killed())
        });
        // One that is only about to start has 126.
        if !lives && matches!(code, 126 | 137) {
            return Err(Error::ContainerEnded);
        }
        Ok(code)
    }

    /// Something of a container took more memory than the container may have.
    pub(crate) fn exhaust(&mut self, container: &str) {
        if let Some(held) = self.containers.get_mut(container) {
            held.out_of_memory = true;
        }
    }

    pub(super) fn add_process(&mut self, container: &str, process: Arc<Living>) {
        match self.containers.get_mut(container) {
            Some(held) if held.phase == Phase::Running => held.processes.push(process),
            // There is nothing to live in any more.
            _ => process.kill(),
        }
    }

    /// The living processes of a container.
    pub(crate) fn processes(&self, container: &str) -> Vec<Arc<Living>> {
        let mut all = self
            .containers
            .get(container)
            .map(|held| held.processes.clone())
            .unwrap_or_default();
        all.retain(|process| process.exit_code().is_none());
        all
    }

    pub(super) fn append_log(&mut self, container: &str, output: Output) {
        if let Some(held) = self.containers.get_mut(container) {
            held.log_size += output.bytes().len();
            held.log.push(output);
            let limit = usize::try_from(held.spec.log_limit.0).unwrap_or(usize::MAX);
            // A follower counts pieces, so that those that went stay as empty ones.
            while held.log_size > limit
                && let Some(oldest) = held.log.get_mut(held.log_start)
            {
                held.log_size -= oldest.bytes().len();
                *oldest = Output::Stdout(bytes::Bytes::new());
                held.log_start += 1;
            }
        }
    }

    /// Its log from that piece on, and whether more may come.
    pub(super) fn log(&self, id: &str, from: usize) -> Result<(Vec<Output>, bool)> {
        let container = self
            .find(id)
            .and_then(|id| self.containers.get(&id))
            .ok_or_else(|| no_container(id))?;
        let pieces = container.log.get(from..).unwrap_or_default().to_vec();
        Ok((pieces, container.phase == Phase::Running))
    }
}
