//! What an engine is asked to create, and what it reports: plain data, without Upsun's terms.

mod image;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

pub use self::image::{Collected, ImageBuild, ImageCopy, ImageFile, ImagePlan};
use crate::labels::Labels;

/// A container to create.
///
/// Every engine creates it so that
/// - its first process is an init that collects ended processes and forwards signals to the command: no zombie stays,
///   and the container ends with the command;
/// - no process in it has or can get a kernel capability that `capabilities` does not list: programs with `setuid`
///   give no privileges;
/// - it has no access to the engine's machine except for what is named here: no other device, directory, process or
///   network;
/// - it ends when it exceeds its memory limit, which its state then says; when the machine's memory is used up, it
///   ends before other programs;
/// - the output of its first process is kept, up to a limit.
///
/// The functions in `engine::conformance` check each of these on every engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ContainerSpec {
    /// The container's name, unique within the engine.
    pub name: String,
    /// The name under which links of other containers find it, if it gets that name only later, by a rename; empty for
    /// `name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub known_as: String,
    /// The image's reference.
    pub image: String,
    /// The command with its arguments; empty for that of the image.
    pub command: Vec<String>,
    /// Whether the command is passed to the image's entry point instead of replacing it.
    pub entry_point: bool,
    /// `uid:gid`; empty for the image's user.
    pub user: String,
    /// The working directory; empty for that of the image.
    pub working_dir: String,
    pub hostname: String,
    pub variables: BTreeMap<String, String>,
    pub labels: Labels,
    pub volumes: Vec<VolumeMount>,
    /// Temporary file systems in memory, empty at each start.
    pub tmpfs: Vec<Tmpfs>,
    /// Whether the root file system is read-only, both for processes and for uploads.
    pub read_only: bool,
    /// The network to join; `None` for only a loopback interface. The engine's default network is never joined,
    /// because all containers of the machine share it. Containers on different networks cannot reach one another.
    pub network: Option<Network>,
    /// The name or id of a container whose network interfaces this one shares; `network`, `hosts`, `hostname` and
    /// `ports` are then those of that container.
    pub network_of: Option<String>,
    /// Ports of the container that are published on this machine's loopback address while the container runs. If a
    /// port is in use, the container does not start ([`super::Error::PortTaken`]).
    pub ports: Vec<Port>,
    /// Addresses of host names, valid in this container only.
    pub hosts: BTreeMap<String, String>,
    /// The maximum number of processes and threads at the same time.
    pub pids_limit: Option<i64>,
    /// The memory limit, including the content of its temporary file systems.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: MemoryLimit,
    /// How much of the first process's output is kept.
    #[serde(skip_serializing_if = "is_default")]
    pub log_limit: LogLimit,
    /// Kernel capabilities, such as `CHOWN`; all others are dropped.
    pub capabilities: Vec<String>,
    /// The size of the shared memory at `/dev/shm` in bytes; `None` for the engine's default.
    pub shared_memory: Option<u64>,
    /// How long a stop waits between SIGTERM and SIGKILL.
    #[serde(serialize_with = "seconds")]
    pub stop_grace: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The memory limit of a container. The kernel kills processes of a container that exceeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryLimit {
    /// Half of the memory of the engine's machine.
    #[default]
    Share,
    /// This many bytes, but at most seven eighths of the memory of the engine's machine.
    Bytes(u64),
}

impl MemoryLimit {
    /// The limit in bytes on a machine with `machine` bytes; `None` if the machine's memory is unknown.
    pub fn on(self, machine: u64) -> Option<u64> {
        let most = machine / 8 * 7;
        match self {
            MemoryLimit::Share => Some(machine / 2),
            MemoryLimit::Bytes(bytes) if machine == 0 => Some(bytes),
            MemoryLimit::Bytes(bytes) => Some(bytes.min(most)),
        }
        .filter(|bytes| *bytes > 0)
    }
}

/// How many bytes of a container's log are kept. The oldest part is dropped first, a large piece at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LogLimit(pub u64);

impl Default for LogLimit {
    fn default() -> Self {
        LogLimit(20 * 1024 * 1024)
    }
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VolumeMount {
    pub volume: String,
    /// The absolute path in the container.
    pub target: String,
    /// Whether the volume is read-only in the container.
    pub read_only: bool,
}

/// A temporary file system in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tmpfs {
    /// The absolute path in the container.
    pub target: String,
    /// Mount options except for the size, such as `exec,mode=1777`.
    pub options: String,
    /// The size in bytes. If the container's memory limit is less than twice that, half of the limit applies instead,
    /// so that the file system is full before the kernel kills processes.
    pub size: u64,
}

impl Tmpfs {
    /// The size in a container with this memory limit.
    pub(crate) fn size_within(&self, memory: Option<u64>) -> u64 {
        memory.map_or(self.size, |memory| self.size.min(memory / 2))
    }
}

/// A network to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    pub name: String,
    /// Additional names of the container for all others on the network.
    pub aliases: Vec<String>,
    /// Names of other containers on the network, valid in this container only. The others may be created later.
    pub links: Vec<Link>,
}

/// An additional name of another container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The other container's name, or the name that it gets later ([`ContainerSpec::known_as`]): some engines know it
    /// by that name from the start, some from its rename.
    pub container: String,
    /// The additional name, such as `database.internal`.
    pub alias: String,
}

/// A TCP port that can be reached from this machine only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The port in the container.
    pub container: u16,
    /// The port on 127.0.0.1.
    pub host: u16,
}

/// A volume to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeSpec {
    pub name: String,
    pub labels: Labels,
    /// The directory of another volume that this volume shows; `None` for a volume with its own data.
    pub directory_of: Option<VolumeDirectory>,
    /// Mount options of a volume in memory, such as `mode=0755,size=64m`; `None` for a volume on disk. All containers
    /// with the volume see the same content, which is lost when the last of them stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// The volumes that this volume lays over each other; `None` for a volume with its own data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Layers>,
}

/// A writable copy of a volume: whatever is written goes to another volume. An engine may not be able to mount it,
/// and then refuses to create or to start a container with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layers {
    /// The volume whose files are seen and never written. They must not change while a container has the copy.
    pub lower: String,
    /// The volume for what is written.
    pub upper: String,
    /// A volume that the kernel needs; it must be on the same file system as `upper`.
    pub work: String,
}

/// A directory inside a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeDirectory {
    pub volume: String,
    /// The path in the volume, without slashes at its ends; empty for the whole volume.
    pub path: String,
}

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    /// The name, without the slash that Docker's API puts before it.
    pub name: String,
    pub running: bool,
    /// The engine's description: `Up 3 minutes`, `Exited (137) 2 hours ago`.
    pub status: String,
    pub labels: Labels,
    /// The time of creation, in seconds since 1970.
    pub created: i64,
}

/// The state of a container's process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerState {
    pub running: bool,
    /// The exit code of the process, once it has ended.
    pub exit_code: i64,
    /// Whether the kernel killed the process because the container exceeded its memory limit.
    pub out_of_memory: bool,
}

/// A volume as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: Labels,
    /// The time of creation as the engine reports it (RFC 3339); sorts as text within one engine.
    pub created: String,
}

/// A network as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNetwork {
    pub id: String,
    /// The name, which several networks may share.
    pub name: String,
    pub labels: Labels,
}

/// An image in the engine's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The id of the content.
    pub id: String,
    /// The image's references (`repository:tag`).
    pub tags: Vec<String>,
    /// The image's names in registries (`repository@digest`), after a pull or a push. Some engines also have such
    /// names for images that they built. Known only of an image that was inspected by itself.
    pub digests: Vec<String>,
    pub labels: Labels,
}

/// A command to run in a running container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecSpec {
    /// The command with its arguments.
    pub command: Vec<String>,
    /// `uid:gid`; `None` for the container's user.
    pub user: Option<String>,
    /// The working directory; `None` for that of the container.
    pub working_dir: Option<String>,
    /// Variables in addition to those of the container.
    pub variables: BTreeMap<String, String>,
    /// Whether the command gets a terminal; both its streams then arrive as [`crate::output::Output::Stdout`].
    pub terminal: bool,
    /// Whether the command's standard input is connected.
    pub stdin: bool,
}

/// Which part of a container's log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRange {
    /// Whether to continue with new output until the container ends.
    pub follow: bool,
    /// The number of lines at the end to read; `None` for all.
    pub tail: Option<u64>,
    /// Whether to put the time before each line.
    pub timestamps: bool,
}

/// The progress of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The bytes pulled so far.
    pub done: u64,
    /// The bytes in total, as far as they are known.
    pub total: u64,
}

/// What an engine reports about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EngineInfo {
    /// The engine's address: `unix:///var/run/docker.sock`.
    pub address: String,
    /// The product: `Docker Engine`, `Podman Engine`, …
    pub name: String,
    pub version: String,
    /// The newest API version that the engine speaks.
    pub api_version: String,
    /// The operating system and architecture of the containers, such as `linux/amd64`.
    pub platform: String,
    /// The directory on the engine's machine that holds images and volumes.
    pub root: String,
    pub storage: String,
    /// The version of control groups: `1` or `2`.
    pub cgroup_version: String,
    /// Whether the engine runs without root.
    pub rootless: bool,
    /// The memory of the engine's machine, in bytes.
    pub memory: u64,
    /// The number of processors of the engine's machine.
    pub processors: u64,
    /// The program that the engine puts into each container as its first process.
    pub init: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::carries;

    const GIB: u64 = 1024 * 1024 * 1024;

    #[test]
    fn the_limit_of_memory_leaves_something_to_the_machine() {
        let cases = [
            (MemoryLimit::Share, 16 * GIB, Some(8 * GIB)),
            (MemoryLimit::Bytes(2 * GIB), 16 * GIB, Some(2 * GIB)),
            (MemoryLimit::Bytes(1000 * GIB), 16 * GIB, Some(14 * GIB)),
            (MemoryLimit::Bytes(2 * GIB), 0, Some(2 * GIB)),
            (MemoryLimit::Share, 0, None),
        ];
        for (limit, machine, expected) in cases {
            assert_eq!(limit.on(machine), expected, "{limit:?} on {machine}");
        }
    }

    #[test]
    fn a_temporary_file_system_is_full_before_memory_is() {
        let tmpfs = Tmpfs {
            target: "/tmp".to_owned(),
            options: String::new(),
            size: 8 * GIB,
        };
        assert_eq!(tmpfs.size_within(Some(64 * GIB)), 8 * GIB);
        assert_eq!(tmpfs.size_within(Some(4 * GIB)), 2 * GIB);
        assert_eq!(tmpfs.size_within(None), 8 * GIB);
    }

    #[test]
    fn labels_are_carried_when_all_of_them_are() {
        let labels = |all: &[(&str, &str)]| -> Labels {
            let own = all
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            own.collect()
        };
        let found = labels(&[("a", "1"), ("b", "2")]);
        for wanted in [
            &[][..],
            &[("a", "1")],
            &[("a", "")],
            &[("a", "1"), ("b", "2")],
        ] {
            assert!(carries(&found, &labels(wanted)), "{wanted:?}");
        }
        for wanted in [&[("a", "2")][..], &[("c", "")], &[("a", "1"), ("b", "1")]] {
            assert!(!carries(&found, &labels(wanted)), "{wanted:?}");
        }
    }
}
