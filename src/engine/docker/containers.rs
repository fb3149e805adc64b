//! Containers, their logs, and files in and out of them.

use std::collections::HashMap;

use bollard::container::LogOutput;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount, MountType, NetworkingConfig, PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, InspectContainerOptions,
    ListContainersOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    RenameContainerOptionsBuilder, StartContainerOptions, StopContainerOptions,
    UploadToContainerOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};

use super::error::{disk_full, gone_is_fine, image_not_found, is_disk_full};
use super::{DockerEngine, label_filter};
use crate::engine::spec::{Container, ContainerSpec, ContainerState, LogLimit, LogRange, Port};
use crate::engine::{ByteStream, Error, OutputStream, Result};
use crate::labels::Labels;
use crate::output::Output;

/// A link-local address that every container gets on a network. Link-local addresses then lead to that network, where
/// no machine has one, and this address, at which clouds hand out credentials, is the container's own.
const LINK_LOCAL: &str = "169.254.169.254";

/// When the machine's memory is used up, the kernel kills the processes of containers before those of the user.
const FIRST_TO_GO: i64 = 500;

/// How long to wait for a removal that another process requested.
const REMOVAL: std::time::Duration = std::time::Duration::from_secs(20);

impl DockerEngine {
    pub(super) async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&label_filter(labels))
            .build();
        let found = self.docker.list_containers(Some(options)).await?;
        Ok(found
            .into_iter()
            .map(|summary| Container {
                id: summary.id.unwrap_or_default(),
                name: summary
                    .names
                    .and_then(|names| names.into_iter().next())
                    .map(|name| name.trim_start_matches('/').to_owned())
                    .unwrap_or_default(),
                running: summary
                    .state
                    .is_some_and(|state| state.to_string() == "running"),
                status: summary.status.unwrap_or_default(),
                labels: summary.labels.unwrap_or_default().into_iter().collect(),
                created: summary.created.unwrap_or_default(),
            })
            .collect())
    }

    pub(super) async fn create(&self, spec: &ContainerSpec) -> Result<String> {
        let options = CreateContainerOptionsBuilder::default()
            .name(&spec.name)
            .build();
        let memory = spec.memory.on(self.machine_memory().await?);
        let created = self
            .docker
            .create_container(Some(options), container_body(spec, memory))
            .await;
        match created {
            Ok(created) => Ok(created.id),
            Err(err) => match Error::from(err) {
                Error::NotFound(reason) if reason.contains("No such image") => {
                    Err(image_not_found(spec.image.clone(), reason))
                }
                err => Err(err),
            },
        }
    }

    pub(super) async fn start(&self, id: &str) -> Result<()> {
        gone_is_not_fine_but_started_is(
            self.docker
                .start_container(id, None::<StartContainerOptions>)
                .await,
        )
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
        let removed = self.docker.remove_container(id, Some(options)).await;
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
        match self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
        {
            Ok(found) => Ok(Some(found.state.map_or_else(
                ContainerState::default,
                |state| ContainerState {
                    running: state.running.unwrap_or_default(),
                    exit_code: state.exit_code.unwrap_or_default(),
                    out_of_memory: state.oom_killed.unwrap_or_default(),
                },
            ))),
            Err(err) => match Error::from(err) {
                Error::NotFound(_) => Ok(None),
                err => Err(err),
            },
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
        let options = UploadToContainerOptionsBuilder::default()
            .path(path)
            .build();
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

/// The container as the engine's API has it, with its memory limit in bytes.
fn container_body(spec: &ContainerSpec, memory: Option<u64>) -> ContainerCreateBody {
    let networking = spec.network.as_ref().map(|network| NetworkingConfig {
        endpoints_config: Some(HashMap::from([(
            network.name.clone(),
            EndpointSettings {
                aliases: Some(network.aliases.clone()),
                links: Some(
                    network
                        .links
                        .iter()
                        .map(|link| format!("{}:{}", link.container, link.alias))
                        .collect(),
                ),
                ipam_config: Some(EndpointIpamConfig {
                    link_local_ips: Some(vec![LINK_LOCAL.to_owned()]),
                    ..EndpointIpamConfig::default()
                }),
                ..EndpointSettings::default()
            },
        )])),
    });
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        // An empty entry point switches off that of the image.
        entrypoint: (!spec.entry_point).then(Vec::new),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        user: given(&spec.user),
        working_dir: given(&spec.working_dir),
        hostname: given(&spec.hostname).filter(|_| spec.network_of.is_none()),
        env: Some(
            spec.variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        labels: Some(spec.labels.clone().into_iter().collect()),
        stop_timeout: i64::try_from(spec.stop_grace.as_secs()).ok(),
        networking_config: networking.filter(|_| spec.network_of.is_none()),
        exposed_ports: Some(
            spec.ports
                .iter()
                .map(|port| format!("{}/tcp", port.container))
                .collect(),
        ),
        host_config: Some(host_config(spec, memory)),
        ..ContainerCreateBody::default()
    }
}

/// The part of the container's description that concerns the engine's machine.
fn host_config(spec: &ContainerSpec, memory: Option<u64>) -> HostConfig {
    let mounts = spec
        .volumes
        .iter()
        .map(|mount| Mount {
            target: Some(mount.target.clone()),
            source: Some(mount.volume.clone()),
            typ: Some(MountType::VOLUME),
            read_only: Some(mount.read_only),
            ..Mount::default()
        })
        .collect();
    let tmpfs: HashMap<String, String> = spec
        .tmpfs
        .iter()
        .map(|tmpfs| {
            let size = tmpfs.size_within(memory);
            let options = format!("{},size={size}", tmpfs.options);
            (tmpfs.target.clone(), options)
        })
        .collect();
    HostConfig {
        mounts: Some(mounts),
        tmpfs: Some(tmpfs),
        readonly_rootfs: Some(spec.read_only),
        network_mode: spec
            .network_of
            .as_ref()
            .map(|container| format!("container:{container}"))
            .or_else(|| spec.network.as_ref().map(|network| network.name.clone()))
            .or_else(|| Some("none".to_owned())),
        port_bindings: Some(spec.ports.iter().map(binding).collect()),
        shm_size: spec.shared_memory.and_then(|size| i64::try_from(size).ok()),
        extra_hosts: Some(
            spec.hosts
                .iter()
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
        ),
        pids_limit: spec.pids_limit,
        memory: memory.and_then(|bytes| i64::try_from(bytes).ok()),
        // With swap on top, the machine would slow down to a standstill before the kernel kills anything.
        memory_swap: memory.and_then(|bytes| i64::try_from(bytes).ok()),
        oom_score_adj: Some(FIRST_TO_GO),
        log_config: Some(log_config(spec.log_limit)),
        init: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(spec.capabilities.clone()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..HostConfig::default()
    }
}

/// The log driver is always the same: an engine's default may keep no log, or an unlimited one.
fn log_config(limit: LogLimit) -> HostConfigLogConfig {
    let half = limit.0 / 2;
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(
            [("max-size", half.to_string()), ("max-file", "2".to_owned())]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        ),
    }
}

/// An empty text leaves the choice to the engine.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Publishes a port of the container on this machine's loopback address only.
fn binding(port: &Port) -> (String, Option<Vec<PortBinding>>) {
    let on = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(port.host.to_string()),
    };
    (format!("{}/tcp", port.container), Some(vec![on]))
}
