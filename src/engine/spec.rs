//! What an engine is asked to make and what it tells about it: plain data, without any Upsun word.

mod image;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

pub use self::image::{Collected, ImageBuild, ImageCopy, ImageFile, ImagePlan};
use crate::labels::Labels;

/// A container to create.
///
/// Every engine makes it so that
/// - its first process is one that waits for what others leave behind, and passes signals on to the command: nothing
///   that has ended stays as a zombie, and the command's end is the container's;
/// - nothing in it has a kernel capability that is not asked for, nor can get one: programs of other users (`setuid`)
///   give no privileges;
/// - it has nothing of the engine's machine but what is named here: no device, directory, process or network of it;
/// - it ends when it takes more memory than it may, which its state then says, and before anything else on a machine
///   whose memory is used up;
/// - what its first process prints is kept, up to a limit.
///
/// The functions in `engine::conformance` show each of these on every engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ContainerSpec {
    /// Its name, unique within the engine.
    pub name: String,
    /// The image's reference.
    pub image: String,
    /// The command with its arguments; empty for the image's own.
    pub command: Vec<String>,
    /// Whether the command is given to the image's entry point, instead of taking its place.
    pub entry_point: bool,
    /// `uid:gid`; empty for the image's own user.
    pub user: String,
    /// The working directory; empty for the image's own.
    pub working_dir: String,
    /// The host name inside.
    pub hostname: String,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Labels.
    pub labels: Labels,
    /// Volumes to mount.
    pub volumes: Vec<VolumeMount>,
    /// Temporary file systems in memory, empty at each start.
    pub tmpfs: Vec<Tmpfs>,
    /// Whether the root file system is read-only, from inside and for what is uploaded.
    pub read_only: bool,
    /// The network to join; `None` for none at all, with only a loopback interface. The engine's default one is
    /// everybody's, and never joined. Containers on different networks do not reach one another.
    pub network: Option<Network>,
    /// A container whose network interfaces this one shares, by name or id; then `network`, `hosts`,
    /// `hostname` and `ports` are that one's.
    pub network_of: Option<String>,
    /// Ports of the container that this machine's loopback address shows while it runs. One that is taken keeps it from
    /// starting ([`super::Error::PortTaken`]).
    pub ports: Vec<Port>,
    /// Addresses of host names that only this container knows.
    pub hosts: BTreeMap<String, String>,
    /// The most processes and threads that may live in it at once; no more can be started.
    pub pids_limit: Option<i64>,
    /// How much memory it may take, with what is in its temporary file systems.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: MemoryLimit,
    /// How much of what its first process prints is kept.
    #[serde(skip_serializing_if = "is_default")]
    pub log_limit: LogLimit,
    /// Kernel capabilities, such as `CHOWN`; all others are dropped.
    pub capabilities: Vec<String>,
    /// The size of the shared memory at `/dev/shm` in bytes; `None` for the engine's default.
    pub shared_memory: Option<u64>,
    /// How long `stop` waits for its command to end between SIGTERM and SIGKILL.
    #[serde(serialize_with = "seconds")]
    pub stop_grace: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How much memory a container may take. What takes more is ended by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryLimit {
    /// Half of what the engine's machine has.
    #[default]
    Share,
    /// So many bytes, and never more than seven eighths of what the engine's machine has.
    Bytes(u64),
}

impl MemoryLimit {
    /// In bytes, on a machine with so many; `None` where nobody knows how many those are.
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

/// How much of a container's log is kept, in bytes. What is older goes first, a large part at a time.
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
    /// The volume's name.
    pub volume: String,
    /// The absolute path inside.
    pub target: String,
    /// Whether it may only be read.
    pub read_only: bool,
}

/// A temporary file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tmpfs {
    /// The absolute path inside.
    pub target: String,
    /// Mount options but the size, such as `exec,mode=1777`.
    pub options: String,
    /// How much it holds in bytes, where the container's memory is at least twice as much; otherwise half of that. So
    /// it is full before the kernel has to end anything.
    pub size: u64,
}

impl Tmpfs {
    /// How much it holds in a container that may take so much memory.
    pub fn size_within(&self, memory: Option<u64>) -> u64 {
        memory.map_or(self.size, |memory| self.size.min(memory / 2))
    }
}

/// A network to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Further names of the container, besides its own, which all others on it know.
    pub aliases: Vec<String>,
    /// Names of other containers on it that only this container knows. The others need not be there yet.
    pub links: Vec<Link>,
}

/// Another name of another container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The container's name.
    pub container: String,
    /// What it is called here, such as `database.internal`.
    pub alias: String,
}

/// A TCP port that can be reached from this machine, and from nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Inside.
    pub container: u16,
    /// On 127.0.0.1.
    pub host: u16,
}

/// A volume to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeSpec {
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// A directory of another volume that this volume stands for; `None` for a volume of its own.
    pub directory_of: Option<VolumeDirectory>,
    /// Mount options of a volume in memory, such as `mode=0755,size=64m`; `None` for one on disk. All containers that
    /// have it see the same, and what is in it is gone once none of them runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// A directory inside a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeDirectory {
    /// The volume.
    pub volume: String,
    /// The path inside, without slashes at its ends; empty for the whole volume.
    pub path: String,
}

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// The name, without a slash before it.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// The engine's own words: `Up 3 minutes`, `Exited (137) 2 hours ago`.
    pub status: String,
    /// Labels.
    pub labels: Labels,
    /// When it was created, in seconds since 1970.
    pub created: i64,
}

/// What is known of one container's process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerState {
    /// Whether it runs.
    pub running: bool,
    /// The exit code of its process, once it has ended.
    pub exit_code: i64,
    /// Whether the kernel killed it for want of memory.
    pub out_of_memory: bool,
}

/// A volume as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// When it was created, in the engine's notation (RFC 3339); sorts as text within one engine.
    pub created: String,
}

/// A network as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNetwork {
    /// The engine's id.
    pub id: String,
    /// Its name, which several may have.
    pub name: String,
    /// Labels.
    pub labels: Labels,
}

/// An image in the engine's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The content id.
    pub id: String,
    /// Its references (`repository:tag`).
    pub tags: Vec<String>,
    /// Its names in registries (`repository@digest`): it was pulled from there or pushed. Some engines have names for
    /// what was built by them too. Only known of an image that was asked for by itself.
    pub digests: Vec<String>,
    /// Labels.
    pub labels: Labels,
}

/// A command to run in a running container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecSpec {
    /// The command with its arguments.
    pub command: Vec<String>,
    /// `uid:gid`; `None` for the container's own user.
    pub user: Option<String>,
    /// The working directory; `None` for the container's own.
    pub working_dir: Option<String>,
    /// Variables on top of the container's own.
    pub variables: BTreeMap<String, String>,
    /// Whether it gets a terminal; then both its streams arrive as [`Output::Stdout`].
    pub terminal: bool,
    /// Whether its standard input is connected.
    pub stdin: bool,
}

/// Which part of a container's log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRange {
    /// Go on with what comes, until the container ends.
    pub follow: bool,
    /// Only the last so many lines; `None` for all.
    pub tail: Option<u64>,
    /// Put the time before each line.
    pub timestamps: bool,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes done so far.
    pub done: u64,
    /// Bytes in all, as far as known yet.
    pub total: u64,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EngineInfo {
    /// How it is reached: `unix:///var/run/docker.sock`.
    pub address: String,
    /// `Docker Engine`, `Podman Engine`, …
    pub name: String,
    /// Its version.
    pub version: String,
    /// The newest API version that it speaks.
    pub api_version: String,
    /// Operating system and architecture of the containers, such as `linux/amd64`.
    pub platform: String,
    /// Where it keeps images and volumes, on its own machine.
    pub root: String,
    /// The storage driver.
    pub storage: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// Whether it runs without root.
    pub rootless: bool,
    /// Memory in bytes.
    pub memory: u64,
    /// Processors.
    pub processors: u64,
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
