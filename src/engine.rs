//! The interface to containers, volumes and images: one trait whose arguments and results are plain data.
//!
//! An engine does not know Upsun's terms. There are two: [`docker`] for everything that speaks Docker's API, and
//! `fake`, in memory and for tests.

#[cfg(test)]
mod conformance;
pub mod docker;
#[cfg(test)]
pub(crate) mod fake;
pub mod spec;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;

use self::spec::{
    Container, ContainerSpec, ContainerState, EngineInfo, ExecSpec, Image, ImageBuild,
    ListedNetwork, LogRange, Progress, Volume, VolumeSpec,
};
use crate::labels::{Labels, carries};
use crate::output::Output;

/// Why a call of the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No engine answers.
    #[error("no container engine answers")]
    Unavailable {
        /// The addresses that were tried, with the reason for each: `unix:///var/run/docker.sock: no such file`.
        tried: Vec<String>,
        /// A hint for the user.
        hint: String,
    },
    /// The engine answered before, but does so no longer.
    #[error("the container engine stopped answering: {0}")]
    Lost(String),
    /// The engine's API is too old.
    #[error(
        "the container engine at {address} is too old: it speaks API {found}, and {needed} is needed"
    )]
    TooOld {
        /// The engine's address.
        address: String,
        /// The engine's API version.
        found: String,
        /// The oldest API version that suffices.
        needed: String,
        /// A hint for the user.
        hint: String,
    },
    /// The engine does not answer, or its answer has no end.
    #[error("the container engine was asked to {call}, and {what}")]
    Unusable {
        /// The call, as a message shows it: `list containers`.
        call: &'static str,
        /// What happened: `did not answer within 30 s`.
        what: String,
        /// A hint for engines of this kind.
        hint: Option<String>,
    },
    /// There is no such object.
    #[error("{0}")]
    NotFound(String),
    /// The container ended while a command ran in it, which ended the command too.
    #[error("the container ended while a command ran in it")]
    ContainerEnded,
    /// An object of that name exists already, or is in use.
    #[error("{0}")]
    Conflict(String),
    /// The registry has no such image.
    #[error("the image `{image}` was not found: {reason}")]
    ImageNotFound {
        image: String,
        reason: String,
        /// A hint besides using another image: [`Engine::fetch_hint`].
        hint: Option<String>,
    },
    /// The registry cannot be reached.
    #[error("the image `{image}` cannot be pulled: {reason}")]
    Registry {
        image: String,
        reason: String,
        /// A hint for engines of this kind.
        hint: Option<String>,
    },
    /// Building an image failed.
    #[error("the image `{image}` cannot be built: {reason}")]
    ImageBuild { image: String, reason: String },
    /// A port that the container should publish is in use.
    #[error("the container engine cannot open a port: {0}")]
    PortTaken(String),
    /// The engine's disk is full.
    #[error("the container engine's disk is full: {reason}")]
    DiskFull {
        reason: String,
        /// Commands that show or free the engine's disk space, for engines of this kind: text that fits into a list.
        hint: Option<String>,
    },
    /// Reading the data to send, or writing the received data, failed in `upsun-local`.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Any other error, with the engine's message.
    #[error("the container engine says: {0}")]
    Other(String),
}

impl Error {
    /// The kind of error in a word or two, without a name or any text of the engine.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Unavailable { .. } => "unavailable",
            Error::Lost(_) => "lost",
            Error::TooOld { .. } => "too old",
            Error::Unusable { .. } => "no use",
            Error::NotFound(_) => "not found",
            Error::ContainerEnded => "container ended",
            Error::Conflict(_) => "conflict",
            Error::ImageNotFound { .. } => "image not found",
            Error::Registry { .. } => "no registry",
            Error::ImageBuild { .. } => "image not built",
            Error::PortTaken(_) => "port taken",
            Error::DiskFull { .. } => "disk full",
            Error::Io(_) => "input or output",
            Error::Other(_) => "refused",
        }
    }
}

/// The result of an engine's call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The output of a command or a container, piece by piece.
pub type OutputStream = Pin<Box<dyn Stream<Item = Result<Output>> + Send>>;

/// The bytes of an archive, piece by piece.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The exit code of a command, once the command has ended.
pub type ExitCode = Pin<Box<dyn Future<Output = Result<i64>> + Send>>;

/// A command that runs in a container.
pub struct Exec {
    /// The engine's id for the command.
    pub id: String,
    /// The command's output. It ends when no process has it open: the command may have ended before, or may go on.
    pub output: OutputStream,
    /// The command's standard input, or its terminal.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// The exit code. It resolves when the command has ended, even if another process keeps the output open. If the
    /// end of the container ended the command, the result is [`Error::ContainerEnded`], or [`Error::NotFound`] if the
    /// container has been removed.
    pub exit: ExitCode,
}

/// A container engine.
///
/// Listing has two layers: an engine implements `listed_…`; callers use `containers`, `volumes`, `networks` and
/// `images`, which check the labels again. Podman before 4.6 treats several labels as alternatives, and what
/// `upsun-local` removes must not depend on how an engine reads labels.
pub trait Engine: Send + Sync {
    /// What the engine reports about itself.
    fn info(&self) -> impl Future<Output = Result<EngineInfo>> + Send;

    /// The machine where containers publish their ports, unless it is this machine.
    fn other_machine(&self) -> Option<String> {
        None
    }

    /// How a user can fetch an image by hand, as text that follows "or"; `None` if a fetch by hand is of no use.
    fn fetch_hint(&self, reference: &str) -> Option<String>;

    /// The image of that reference, if the engine has it.
    fn image(&self, reference: &str) -> impl Future<Output = Result<Option<Image>>> + Send;
    /// The images that the engine lists for these labels (an empty value asks for the label only). The list may
    /// contain other images.
    fn listed_images(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Image>>> + Send;
    /// All images that carry all of these labels.
    fn images(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Image>>> + Send {
        only(self.listed_images(labels), labels, |image| &image.labels)
    }
    /// Pulls an image from its registry.
    fn pull_image(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> impl Future<Output = Result<()>> + Send;
    /// Builds an image from its plan, even if there is one of that name, and calls back with each line that the
    /// build's commands print.
    fn build_image(
        &self,
        build: &ImageBuild<'_>,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes an image. It is no error if the image does not exist.
    fn remove_image(&self, reference: &str) -> impl Future<Output = Result<()>> + Send;

    /// The containers, running or not, that the engine lists for these labels. The list may contain other containers.
    fn listed_containers(
        &self,
        labels: &Labels,
    ) -> impl Future<Output = Result<Vec<Container>>> + Send;
    /// All containers, running or not, that carry all of these labels.
    fn containers(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Container>>> + Send {
        only(self.listed_containers(labels), labels, |container| {
            &container.labels
        })
    }
    /// Creates a container and returns its id.
    fn create_container(&self, spec: &ContainerSpec)
    -> impl Future<Output = Result<String>> + Send;
    /// Starts a container.
    fn start_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// Renames a container.
    fn rename_container(&self, id: &str, name: &str) -> impl Future<Output = Result<()>> + Send;
    /// Stops a container: SIGTERM, the container's grace period, SIGKILL. It is no error if the container is stopped
    /// or does not exist.
    fn stop_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// Kills and removes a container, but not its named volumes. It is no error if the container does not exist.
    fn remove_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// The state of a container's process; `None` if there is no such container.
    fn container_state(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Option<ContainerState>>> + Send;
    /// The absolute paths that were added, changed or deleted in a container's own file system, compared with its
    /// image. Paths on volumes and in memory are not included; the parent directories of a path may be listed too.
    fn changed_paths(&self, id: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// The log of a container.
    fn logs(&self, id: &str, range: LogRange) -> OutputStream;

    /// Starts a command in a running container. A command that the image does not have is started too, and ends with
    /// 126 or 127.
    fn exec(&self, container: &str, spec: &ExecSpec) -> impl Future<Output = Result<Exec>> + Send;
    /// Sets the size of a command's terminal, in characters.
    fn resize_exec(
        &self,
        exec: &str,
        width: u16,
        height: u16,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Unpacks a tar stream at a path of a container, which need not run. Owners are preserved.
    fn upload(
        &self,
        container: &str,
        path: &str,
        archive: ByteStream,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Packs a path of a container as a tar stream.
    fn download(&self, container: &str, path: &str) -> ByteStream;

    /// The volumes that the engine lists for these labels. The list may contain other volumes.
    fn listed_volumes(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Volume>>> + Send;
    /// All volumes that carry all of these labels.
    fn volumes(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Volume>>> + Send {
        only(self.listed_volumes(labels), labels, |volume| &volume.labels)
    }
    /// The size of the content of each volume, in bytes, if it is known. The call takes longer the more data there
    /// is.
    fn volume_sizes(&self) -> impl Future<Output = Result<BTreeMap<String, u64>>> + Send;
    /// Creates a volume. It is no error if a volume of that name exists.
    fn create_volume(&self, spec: &VolumeSpec) -> impl Future<Output = Result<()>> + Send;
    /// Removes a volume with its content. It is no error if the volume does not exist.
    fn remove_volume(&self, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// The networks that the engine lists for these labels. The list may contain other networks.
    fn listed_networks(
        &self,
        labels: &Labels,
    ) -> impl Future<Output = Result<Vec<ListedNetwork>>> + Send;
    /// All networks that carry all of these labels.
    fn networks(&self, labels: &Labels) -> impl Future<Output = Result<Vec<ListedNetwork>>> + Send {
        only(self.listed_networks(labels), labels, |network| {
            &network.labels
        })
    }
    /// Creates a network. It is no error if a network of that name exists.
    fn create_network(
        &self,
        name: &str,
        labels: &Labels,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes a network. It is no error if the network does not exist.
    fn remove_network(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
}

/// The objects of an engine's answer that carry all the requested labels.
async fn only<T>(
    answer: impl Future<Output = Result<Vec<T>>> + Send,
    wanted: &Labels,
    labels: impl Fn(&T) -> &Labels + Send,
) -> Result<Vec<T>> {
    let mut all = answer.await?;
    all.retain(|found| carries(labels(found), wanted));
    Ok(all)
}
