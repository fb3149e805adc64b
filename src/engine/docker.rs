//! The engine behind Docker's API: Docker 20.10 and newer, and compatible engines. Only this module uses bollard.

mod body;
mod compressed;
mod connect;
mod containers;
mod dockerfile;
mod error;
mod execs;
mod images;
mod patience;
mod podman;
mod product;
mod read;
mod sockets;
mod ssh;
mod storage;
#[cfg(test)]
mod tests;
mod tls;
mod trace;
mod transport;

use std::pin::Pin;
use std::sync::Arc;

use bollard::Docker;
use tokio::sync::{Mutex, OnceCell};

pub use self::connect::Surroundings;
#[cfg(test)]
pub(crate) use self::dockerfile::archive as build_context;
use self::patience::{CHANGE, LOOK, Patience, REMOVAL};
use self::product::Product;
use super::spec::{
    Container, ContainerSpec, ContainerState, EngineInfo, ExecSpec, Image, ImageBuild,
    ListedNetwork, LogRange, Progress, Volume, VolumeSpec,
};
use super::{ByteStream, Engine, Exec, OutputStream, Result};
use crate::labels::Labels;
use crate::shutdown::Shutdown;

/// A connection to one engine.
#[derive(Clone)]
pub struct DockerEngine {
    docker: Docker,
    address: String,
    patience: Patience,
    /// The memory of the engine's machine in bytes, after the first call that needed it.
    memory: Arc<OnceCell<u64>>,
    product: Arc<OnceCell<Product>>,
    /// Held while a container gets its addresses on Podman.
    addresses: Arc<Mutex<()>>,
}

impl std::fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerEngine")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl DockerEngine {
    /// Connects as the `docker` command would. If no engine answers, the error lists what was tried. Once the user
    /// wants to stop, calls get only a short time to answer.
    pub async fn connect(surroundings: &Surroundings, shutdown: Option<Shutdown>) -> Result<Self> {
        Self::connect_with(surroundings, Patience::new(shutdown)).await
    }

    async fn connect_with(surroundings: &Surroundings, patience: Patience) -> Result<Self> {
        let connected = connect::connect(surroundings, &patience).await?;
        Ok(DockerEngine {
            docker: connected.docker,
            address: connected.address,
            patience,
            memory: Arc::default(),
            product: connected.product,
            addresses: Arc::default(),
        })
    }

    /// The machine of the engine that these variables name, unless it is this machine. Nothing is connected to.
    pub fn named_machine(surroundings: &Surroundings) -> Option<String> {
        connect::named_machine(surroundings)
    }

    /// Waits for the answer to a call and logs it. The future is boxed, as in [`trace::told`].
    fn told<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        name: &'a str,
        answer: impl Future<Output = Result<T>> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>> {
        let answer = trace::told(call, name, answer);
        Box::pin(async move { answer.await.map_err(|err| self.in_its_words(err)) })
    }

    /// The memory of the engine's machine in bytes; 0 if the engine does not report it.
    async fn machine_memory(&self) -> Result<u64> {
        let ask = || async {
            let info = self.docker.info().await?;
            let memory = info.mem_total.and_then(|bytes| u64::try_from(bytes).ok());
            Ok(memory.unwrap_or_default())
        };
        self.memory.get_or_try_init(ask).await.copied()
    }

    async fn describe(&self) -> Result<EngineInfo> {
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
        let init = if name.starts_with("Podman") {
            "/run/podman-init"
        } else {
            "/sbin/docker-init"
        };
        Ok(EngineInfo {
            init: init.to_owned(),
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
}

/// Labels in the form that the list calls take.
fn label_filter(labels: &Labels) -> std::collections::HashMap<String, Vec<String>> {
    // Podman refuses a filter without a label.
    if labels.is_empty() {
        return std::collections::HashMap::new();
    }
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
        let answer = self.describe();
        let answer = self.patience.within("describe itself", LOOK, answer);
        self.told("info", "", answer).await
    }

    fn other_machine(&self) -> Option<String> {
        connect::other_machine(&self.address)
    }

    fn fetch_hint(&self, reference: &str) -> Option<String> {
        Some(self.its_command(error::fetch_hint(reference)))
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        let answer = self.find_image(reference);
        let answer = self.patience.within("look at an image", LOOK, answer);
        self.told("image", reference, answer).await
    }
    async fn listed_images(&self, labels: &Labels) -> Result<Vec<Image>> {
        let answer = self.list_images(labels);
        let answer = self.patience.within("list images", LOOK, answer);
        self.told("listed_images", "", answer).await
    }
    async fn pull_image(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<()> {
        let answer = self.pull(reference, progress);
        self.told("pull_image", reference, answer).await
    }
    async fn build_image(
        &self,
        build: &ImageBuild<'_>,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<()> {
        let answer = self.build(build, line);
        self.told("build_image", build.tag, answer).await
    }
    async fn remove_image(&self, reference: &str) -> Result<()> {
        let answer = self.delete_image(reference);
        let answer = self.patience.within("remove an image", REMOVAL, answer);
        self.told("remove_image", reference, answer).await
    }
    async fn listed_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        let answer = self.list_containers(labels);
        let answer = self.patience.within("list containers", LOOK, answer);
        self.told("listed_containers", "", answer).await
    }
    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        let answer = self.create(spec);
        let answer = self.patience.within("create a container", CHANGE, answer);
        self.told("create_container", &spec.name, answer).await
    }
    async fn start_container(&self, id: &str) -> Result<()> {
        let answer = self.start(id);
        let answer = self.patience.within("start a container", CHANGE, answer);
        self.told("start_container", id, answer).await
    }
    async fn rename_container(&self, id: &str, name: &str) -> Result<()> {
        let answer = self.rename(id, name);
        let answer = self.patience.within("rename a container", CHANGE, answer);
        self.told("rename_container", name, answer).await
    }
    async fn stop_container(&self, id: &str) -> Result<()> {
        // Stopping takes up to the container's grace period, which only the engine knows.
        let answer = self.stop(id);
        let answer = self.patience.with_grace("stop a container", answer);
        self.told("stop_container", id, answer).await
    }
    async fn remove_container(&self, id: &str) -> Result<()> {
        let answer = self.delete_container(id);
        let answer = self.patience.within("remove a container", REMOVAL, answer);
        self.told("remove_container", id, answer).await
    }
    async fn container_state(&self, id: &str) -> Result<Option<ContainerState>> {
        let answer = self.state(id);
        let answer = self.patience.within("look at a container", LOOK, answer);
        self.told("container_state", id, answer).await
    }
    async fn changed_paths(&self, id: &str) -> Result<Vec<String>> {
        let answer = self.changes(id);
        let answer = self
            .patience
            .within("list what a container wrote", REMOVAL, answer);
        self.told("changed_paths", id, answer).await
    }
    fn logs(&self, id: &str, range: LogRange) -> OutputStream {
        trace::begun("logs", id);
        self.read_logs(id, range)
    }
    async fn exec(&self, container: &str, spec: &ExecSpec) -> Result<Exec> {
        let answer = self.start_command(container, spec);
        let answer = self
            .patience
            .within("run a command in a container", CHANGE, answer);
        self.told("exec", container, answer).await
    }
    async fn resize_exec(&self, exec: &str, width: u16, height: u16) -> Result<()> {
        let answer = self.resize(exec, width, height);
        let answer = self.patience.within("resize a terminal", LOOK, answer);
        self.told("resize_exec", exec, answer).await
    }
    async fn upload(&self, container: &str, path: &str, archive: ByteStream) -> Result<()> {
        let answer = self.unpack(container, path, archive);
        self.told("upload", container, answer).await
    }
    fn download(&self, container: &str, path: &str) -> ByteStream {
        trace::begun("download", container);
        self.pack(container, path)
    }
    async fn listed_volumes(&self, labels: &Labels) -> Result<Vec<Volume>> {
        let answer = self.list_volumes(labels);
        let answer = self.patience.within("list volumes", LOOK, answer);
        self.told("listed_volumes", "", answer).await
    }
    async fn volume_sizes(&self) -> Result<std::collections::BTreeMap<String, u64>> {
        let answer = self.measure_volumes();
        self.told("volume_sizes", "", answer).await
    }
    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        let answer = self.make_volume(spec);
        let answer = self.patience.within("create a volume", CHANGE, answer);
        self.told("create_volume", &spec.name, answer).await
    }
    async fn remove_volume(&self, name: &str) -> Result<()> {
        let answer = self.delete_volume(name);
        let answer = self.patience.within("remove a volume", REMOVAL, answer);
        self.told("remove_volume", name, answer).await
    }
    async fn listed_networks(&self, labels: &Labels) -> Result<Vec<ListedNetwork>> {
        let answer = self.list_networks(labels);
        let answer = self.patience.within("list networks", LOOK, answer);
        self.told("listed_networks", "", answer).await
    }
    async fn create_network(&self, name: &str, labels: &Labels) -> Result<()> {
        let answer = self.make_network(name, labels);
        let answer = self.patience.within("create a network", CHANGE, answer);
        self.told("create_network", name, answer).await
    }
    async fn remove_network(&self, id: &str) -> Result<()> {
        let answer = self.delete_network(id);
        let answer = self.patience.within("remove a network", REMOVAL, answer);
        self.told("remove_network", id, answer).await
    }
}
