//! Containers, their logs, and files in and out of them.

use bollard::container::LogOutput;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptions, UploadToContainerOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};

use super::body::container_body;
use super::error::{disk_full, gone_is_fine, image_not_found, is_disk_full};
use super::{DockerEngine, compressed, connect, podman};
use crate::engine::spec::{Container, ContainerSpec, ContainerState, LogRange};
use crate::engine::{ByteStream, Error, OutputStream, Result};
use crate::labels::Labels;
use crate::output::Output;

/// How long to wait for a removal that another process requested.
const REMOVAL: std::time::Duration = std::time::Duration::from_secs(20);

impl DockerEngine {
    pub(super) async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        Ok(self.read_containers(labels).await?)
    }

    pub(super) async fn create(&self, spec: &ContainerSpec) -> Result<String> {
        let memory = spec.memory.on(self.machine_memory().await?);
        let mut body = container_body(spec, memory);
        if self.is_podman().await? {
            podman::adapt(spec, &mut body);
            return self.create_with_addresses(spec, body).await;
        }
        self.create_as(spec, body).await
    }

    /// Creates a container from its description.
    pub(super) async fn create_as(
        &self,
        spec: &ContainerSpec,
        body: ContainerCreateBody,
    ) -> Result<String> {
        let options = CreateContainerOptionsBuilder::default()
            .name(&spec.name)
            .build();
        let created = self.docker.create_container(Some(options), body).await;
        match created.map_err(Error::from) {
            Ok(created) => Ok(created.id),
            Err(Error::NotFound(reason)) if is_about_image(&reason) => {
                Err(image_not_found(spec.image.clone(), reason))
            }
            // Podman's init is a package of its own.
            Err(Error::Other(reason)) if reason.contains("container-init binary not found") => {
                let mend = "install `catatonit` on the engine's machine";
                Err(Error::Other(format!("{reason} ({mend})")))
            }
            Err(err) => Err(err),
        }
    }

    pub(super) async fn start(&self, id: &str) -> Result<()> {
        gone_is_not_fine_but_started_is(
            self.docker
                .start_container(id, None::<StartContainerOptions>)
                .await,
        )?;
        if self.is_podman().await? {
            self.close_networks(id).await;
        }
        Ok(())
    }

    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<()> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        Ok(self.docker.rename_container(id, options).await?)
    }

    pub(super) async fn stop(&self, id: &str) -> Result<()> {
        gone_is_fine(
            self.docker
                .stop_container(id, None::<StopContainerOptions>)
                .await,
        )
    }

    pub(super) async fn delete_container(&self, id: &str) -> Result<()> {
        // `v` takes anonymous volumes along (an image's `VOLUME`); named ones stay.
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let docker = if self.is_podman().await? {
            podman::with_dependents(&self.docker)
        } else {
            self.docker.clone()
        };
        let removed = docker.remove_container(id, Some(options)).await;
        let in_progress = matches!(
            &removed,
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 409,
                ..
            })
        );
        gone_is_fine(removed)?;
        // Another process is removing the container. Its name and volumes are free only after the removal.
        let began = tokio::time::Instant::now();
        while in_progress && began.elapsed() < REMOVAL && self.state(id).await?.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(super) async fn state(&self, id: &str) -> Result<Option<ContainerState>> {
        match self.read_state(id).await.map_err(Error::from) {
            Ok(state) => Ok(Some(state)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(err) => Err(err),
        }
    }

    pub(super) async fn changes(&self, id: &str) -> Result<Vec<String>> {
        let changes = self.docker.container_changes(id).await?;
        let changes = changes.unwrap_or_default();
        Ok(changes.into_iter().map(|change| change.path).collect())
    }

    pub(super) fn read_logs(&self, id: &str, range: LogRange) -> OutputStream {
        let tail = range
            .tail
            .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .follow(range.follow)
            .timestamps(range.timestamps)
            .tail(&tail)
            .build();
        let docker = self.docker.clone();
        let id = id.to_owned();
        // The client's stream borrows the client; the task keeps both alive until the receiver is dropped.
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            let mut stream = docker.logs(&id, Some(options)).map(output);
            while let Some(item) = stream.next().await {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
        Box::pin(futures_util::stream::unfold(
            receiver,
            |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) },
        ))
    }

    pub(super) async fn unpack(
        &self,
        container: &str,
        path: &str,
        archive: ByteStream,
    ) -> Result<()> {
        if self.is_podman().await? {
            return self.unpack_on_podman(container, path, archive).await;
        }
        self.unpack_at(container, path, archive).await
    }

    /// Unpacks an archive in one request.
    pub(super) async fn unpack_at(
        &self,
        container: &str,
        path: &str,
        archive: ByteStream,
    ) -> Result<()> {
        let options = UploadToContainerOptionsBuilder::default()
            .path(path)
            .build();
        let archive = match connect::other_machine(&self.address) {
            Some(_) => compressed::gzip(archive),
            None => archive,
        };
        // If reading the archive fails, the engine only sees a stream that ends early, so keep the first error here.
        let failure = std::sync::Arc::new(std::sync::Mutex::new(None));
        let kept = failure.clone();
        let archive: ByteStream = Box::pin(archive.map_err(move |err| {
            let told = std::io::Error::new(err.kind(), err.to_string());
            if let Ok(mut slot) = kept.lock() {
                slot.get_or_insert(err);
            }
            told
        }));
        let result = self
            .docker
            .upload_to_container(container, Some(options), bollard::body_try_stream(archive))
            .await;
        if let Some(err) = failure.lock().ok().and_then(|mut slot| slot.take()) {
            return Err(Error::Io(err));
        }
        Ok(result?)
    }

    pub(super) fn pack(&self, container: &str, path: &str) -> ByteStream {
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let docker = self.docker.clone();
        let container = container.to_owned();
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            let mut stream = docker
                .download_from_container(&container, Some(options))
                .map_err(|err| std::io::Error::other(Error::from(err).to_string()));
            while let Some(item) = stream.next().await {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
        Box::pin(futures_util::stream::unfold(
            receiver,
            |mut receiver| async move { receiver.recv().await.map(|item| (item, receiver)) },
        ))
    }
}

/// Whether the message for an object that does not exist is about an image.
fn is_about_image(reason: &str) -> bool {
    // Docker's words, then Podman's.
    reason.contains("No such image") || reason.contains("image not known")
}

fn gone_is_not_fine_but_started_is(result: Result<(), bollard::errors::Error>) -> Result<()> {
    match result {
        Err(bollard::errors::Error::DockerResponseServerError {
            status_code: 304, ..
        }) => Ok(()),
        Err(bollard::errors::Error::DockerResponseServerError { message, .. })
            if is_disk_full(&message) =>
        {
            Err(disk_full(message))
        }
        other => Ok(other?),
    }
}

pub(super) fn output(item: Result<LogOutput, bollard::errors::Error>) -> Result<Output> {
    Ok(match item? {
        LogOutput::StdErr { message } => Output::Stderr(message),
        LogOutput::StdOut { message }
        | LogOutput::StdIn { message }
        | LogOutput::Console { message } => Output::Stdout(message),
    })
}
