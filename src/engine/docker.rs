//! The engine behind Docker's API: Docker 20.10 and newer, and what speaks like it. The only module
//! that names bollard.

mod connect;
mod containers;
mod error;
mod images;
mod storage;

use bollard::Docker;

pub use self::connect::Surroundings;
use super::spec::{
    Container, ContainerSpec, ContainerState, EngineInfo, ExecSpec, Image, ImageBuild, Labels,
    ListedNetwork, LogRange, Progress, Volume, VolumeSpec,
};
use super::{ByteStream, Engine, Exec, OutputStream, Result};

/// A connection to one engine.
#[derive(Clone)]
pub struct DockerEngine {
    docker: Docker,
    address: String,
}

impl std::fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerEngine")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl DockerEngine {
    /// Connects as the `docker` command would. What was tried is in the error when nothing answers.
    pub async fn connect(surroundings: &Surroundings) -> Result<Self> {
        let (docker, address) = connect::connect(surroundings).await?;
        Ok(DockerEngine { docker, address })
    }
}

/// Labels as the list calls want them.
fn label_filter(labels: &Labels) -> std::collections::HashMap<String, Vec<String>> {
    let texts = labels
        .iter()
        .map(|(name, value)| {
            if value.is_empty() {
                name.clone()
            } else {
                format!("{name}={value}")
            }
        })
        .collect();
    std::collections::HashMap::from([("label".to_owned(), texts)])
}

impl Engine for DockerEngine {
    async fn info(&self) -> Result<EngineInfo> {
        let (info, version) = tokio::join!(self.docker.info(), self.docker.version());
        let (info, version) = (info?, version?);
        let name = version
            .components
            .as_ref()
            .and_then(|all| all.first())
            .map_or_else(
                || "Docker Engine".to_owned(),
                |first| match first.name.as_str() {
                    "Engine" => "Docker Engine".to_owned(),
                    other => other.to_owned(),
                },
            );
        let security = info.security_options.unwrap_or_default();
        Ok(EngineInfo {
            address: self.address.clone(),
            name,
            version: version.version.unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            platform: format!(
                "{}/{}",
                version.os.unwrap_or_default(),
                version.arch.unwrap_or_default()
            ),
            root: info.docker_root_dir.unwrap_or_default(),
            storage: info.driver.unwrap_or_default(),
            cgroup_version: info
                .cgroup_version
                .map(|v| v.to_string())
                .unwrap_or_default(),
            rootless: security.iter().any(|option| option.contains("rootless")),
            memory: info
                .mem_total
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or_default(),
            processors: info
                .ncpu
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or_default(),
        })
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        self.find_image(reference).await
    }
    async fn listed_images(&self, labels: &Labels) -> Result<Vec<Image>> {
        self.list_images(labels).await
    }
    async fn pull_image(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<()> {
        self.pull(reference, progress).await
    }
    async fn build_image(
        &self,
        build: &ImageBuild,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<()> {
        self.build(build, line).await
    }
    async fn remove_image(&self, reference: &str) -> Result<()> {
        self.delete_image(reference).await
    }

    async fn listed_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        self.list_containers(labels).await
    }
    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        self.create(spec).await
    }
    async fn start_container(&self, id: &str) -> Result<()> {
        self.start(id).await
    }
    async fn rename_container(&self, id: &str, name: &str) -> Result<()> {
        self.rename(id, name).await
    }
    async fn stop_container(&self, id: &str) -> Result<()> {
        self.stop(id).await
    }
    async fn remove_container(&self, id: &str) -> Result<()> {
        self.delete_container(id).await
    }
    async fn container_state(&self, id: &str) -> Result<Option<ContainerState>> {
        self.state(id).await
    }
    async fn changed_paths(&self, id: &str) -> Result<Vec<String>> {
        self.changes(id).await
    }
    fn logs(&self, id: &str, range: LogRange) -> OutputStream {
        self.read_logs(id, range)
    }

    async fn exec(&self, container: &str, spec: &ExecSpec) -> Result<Exec> {
        self.start_command(container, spec).await
    }
    async fn exec_exit_code(&self, exec: &str) -> Result<Option<i64>> {
        self.command_exit_code(exec).await
    }
    async fn resize_exec(&self, exec: &str, width: u16, height: u16) -> Result<()> {
        self.resize(exec, width, height).await
    }
    async fn upload(&self, container: &str, path: &str, archive: ByteStream) -> Result<()> {
        self.unpack(container, path, archive).await
    }
    fn download(&self, container: &str, path: &str) -> ByteStream {
        self.pack(container, path)
    }

    async fn listed_volumes(&self, labels: &Labels) -> Result<Vec<Volume>> {
        self.list_volumes(labels).await
    }
    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        self.make_volume(spec).await
    }
    async fn remove_volume(&self, name: &str) -> Result<()> {
        self.delete_volume(name).await
    }
    async fn listed_networks(&self, labels: &Labels) -> Result<Vec<ListedNetwork>> {
        self.list_networks(labels).await
    }
    async fn create_network(&self, name: &str, labels: &Labels) -> Result<()> {
        self.make_network(name, labels).await
    }
    async fn remove_network(&self, id: &str) -> Result<()> {
        self.delete_network(id).await
    }
}
