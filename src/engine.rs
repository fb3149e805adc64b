//! What containers, volumes and images are asked of: one trait, spoken in plain data.
//!
//! An engine knows no Upsun word. There are two: [`docker`] for everything that speaks Docker's API,
//! and `fake`, in memory and for tests.

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

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No engine answers.
    #[error("no container engine answers")]
    Unavailable {
        /// What was tried, with the reason for each: `unix:///var/run/docker.sock: no such file`.
        tried: Vec<String>,
        /// What could help.
        hint: String,
    },
    /// It answered, and went away.
    #[error("the container engine stopped answering: {0}")]
    Lost(String),
    /// It speaks too old an API.
    #[error(
        "the container engine at {address} is too old: it speaks API {found}, and {needed} is needed"
    )]
    TooOld {
        /// How it is reached.
        address: String,
        /// The API version it speaks.
        found: String,
        /// The oldest that will do.
        needed: String,
        /// What could help.
        hint: String,
    },
    /// It answers not at all, or without an end.
    #[error("the container engine was asked to {call}, and {what}")]
    Unusable {
        /// What it was asked for: `list containers`.
        call: &'static str,
        /// What came of it: `did not answer within 30 s`.
        what: String,
        /// What could help with an engine of its kind.
        hint: Option<String>,
    },
    /// There is no such object.
    #[error("{0}")]
    NotFound(String),
    /// The container of a command ended, and the command with it.
    #[error("the container ended while a command ran in it")]
    ContainerEnded,
    /// An object of that name is there already, or is in use.
    #[error("{0}")]
    Conflict(String),
    /// The registry has no such image.
    #[error("the image `{image}` was not found: {reason}")]
    ImageNotFound {
        /// The reference.
        image: String,
        /// The engine's words.
        reason: String,
        /// What could help, besides another image: [`Engine::fetch_hint`].
        hint: Option<String>,
    },
    /// The registry cannot be reached.
    #[error("the image `{image}` cannot be pulled: {reason}")]
    Registry {
        /// The reference.
        image: String,
        /// The engine's words.
        reason: String,
        /// What could help with an engine of its kind.
        hint: Option<String>,
    },
    /// Building an image failed.
    #[error("the image `{image}` cannot be built: {reason}")]
    ImageBuild {
        /// The reference.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// A port that a container should show is taken.
    #[error("the container engine cannot open a port: {0}")]
    PortTaken(String),
    /// The engine's disk is full.
    #[error("the container engine's disk is full: {reason}")]
    DiskFull {
        /// The engine's words.
        reason: String,
        /// Commands that show what is on it or free some, with an engine of its kind: text that a list can go on with.
        hint: Option<String>,
    },
    /// Reading what should be sent, or writing what came, failed on our side.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Anything else, in the engine's words.
    #[error("the container engine says: {0}")]
    Other(String),
}

impl Error {
    /// What went wrong in a word or two, without a name or anything that an engine said.
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

/// What an engine's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Output as it comes.
pub type OutputStream = Pin<Box<dyn Stream<Item = Result<Output>> + Send>>;

/// Bytes of an archive as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// An exit code that is still to come.
pub type ExitCode = Pin<Box<dyn Future<Output = Result<i64>> + Send>>;

/// A command that runs in a container.
pub struct Exec {
    /// The engine's id of it.
    pub id: String,
    /// What it writes; ends when nothing has it open any more: the command may have ended before, or go on.
    pub output: OutputStream,
    /// Its standard input, or its terminal.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its exit code, once it has ended, also while something else keeps its output open. What its container's end
    /// brought about is no end of its own: that is [`Error::ContainerEnded`], or [`Error::NotFound`] where the container
    /// is removed.
    pub exit: ExitCode,
}

/// A container engine.
///
/// What it lists is asked for in two steps: an engine answers `listed_…`, and everybody else asks for `containers`,
/// `volumes`, `networks` and `images`, which leave out what was not asked for. Podman before 4.6 takes several labels
/// for alternatives, and what is removed must not depend on an engine's reading of them.
pub trait Engine: Send + Sync {
    /// What it says of itself.
    fn info(&self) -> impl Future<Output = Result<EngineInfo>> + Send;

    /// How a person can fetch an image for it by hand, as text that goes on after "or"; `None` where that is no use.
    fn fetch_hint(&self, reference: &str) -> Option<String>;

    /// The image of that reference, if the engine has it.
    fn image(&self, reference: &str) -> impl Future<Output = Result<Option<Image>>> + Send;
    /// The images that the engine lists for these labels (an empty value asks for the label only). There may be others
    /// among them.
    fn listed_images(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Image>>> + Send;
    /// All images that carry all of these labels.
    fn images(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Image>>> + Send {
        only(self.listed_images(labels), labels, |image| &image.labels)
    }
    /// Fetches an image from its registry.
    fn pull_image(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> impl Future<Output = Result<()>> + Send;
    /// Makes an image of its plan, also where one of that name is there, and hands over every line that the commands of
    /// the build print.
    fn build_image(
        &self,
        build: &ImageBuild<'_>,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes an image; fine when it is gone already.
    fn remove_image(&self, reference: &str) -> impl Future<Output = Result<()>> + Send;

    /// The containers, running or not, that the engine lists for these labels. There may be others among them.
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
    /// Starts it.
    fn start_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// Gives it another name.
    fn rename_container(&self, id: &str, name: &str) -> impl Future<Output = Result<()>> + Send;
    /// Stops it: SIGTERM, its grace period, SIGKILL. Fine when it is stopped or gone already.
    fn stop_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// Kills and removes it; fine when it is gone already. Its named volumes stay.
    fn remove_container(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
    /// What is known of its process; `None` when there is no such container.
    fn container_state(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Option<ContainerState>>> + Send;
    /// The absolute paths that are new, different or gone in its own file system, compared with its image. What
    /// is on volumes and in memory does not count; the directories that hold a path may be listed too.
    fn changed_paths(&self, id: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
    /// Its log.
    fn logs(&self, id: &str, range: LogRange) -> OutputStream;

    /// Starts a command in a running container. One that the image does not have is started too, and ends with 126 or
    /// 127.
    fn exec(&self, container: &str, spec: &ExecSpec) -> impl Future<Output = Result<Exec>> + Send;
    /// Tells a command's terminal its size, in characters.
    fn resize_exec(
        &self,
        exec: &str,
        width: u16,
        height: u16,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Unpacks a tar stream at a path of a container, which need not run. Owners are kept.
    fn upload(
        &self,
        container: &str,
        path: &str,
        archive: ByteStream,
    ) -> impl Future<Output = Result<()>> + Send;
    /// A path of a container as a tar stream.
    fn download(&self, container: &str, path: &str) -> ByteStream;

    /// The volumes that the engine lists for these labels. There may be others among them.
    fn listed_volumes(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Volume>>> + Send;
    /// All volumes that carry all of these labels.
    fn volumes(&self, labels: &Labels) -> impl Future<Output = Result<Vec<Volume>>> + Send {
        only(self.listed_volumes(labels), labels, |volume| &volume.labels)
    }
    /// How much is on each volume, in bytes, as far as it is known. Takes the longer the more there is.
    fn volume_sizes(&self) -> impl Future<Output = Result<BTreeMap<String, u64>>> + Send;
    /// Creates a volume; fine when one of that name is there.
    fn create_volume(&self, spec: &VolumeSpec) -> impl Future<Output = Result<()>> + Send;
    /// Removes a volume with what is in it; fine when it is gone already.
    fn remove_volume(&self, name: &str) -> impl Future<Output = Result<()>> + Send;

    /// The networks that the engine lists for these labels. There may be others among them.
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
    /// Creates a network; fine when one of that name is there.
    fn create_network(
        &self,
        name: &str,
        labels: &Labels,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes a network; fine when it is gone already.
    fn remove_network(&self, id: &str) -> impl Future<Output = Result<()>> + Send;
}

/// What of an engine's answer carries all the labels that it was asked for.
async fn only<T>(
    answer: impl Future<Output = Result<Vec<T>>> + Send,
    wanted: &Labels,
    labels: impl Fn(&T) -> &Labels + Send,
) -> Result<Vec<T>> {
    let mut all = answer.await?;
    all.retain(|found| carries(labels(found), wanted));
    Ok(all)
}
