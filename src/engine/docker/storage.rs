//! Volumes and networks.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    ListNetworksOptionsBuilder, ListVolumesOptions, ListVolumesOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};

use super::error::gone_is_fine;
use super::read::again_if_gone;
use super::{DockerEngine, label_filter, podman};
use crate::engine::spec::{ListedNetwork, Volume, VolumeSpec};
use crate::engine::{Error, Result};
use crate::labels::{Labels, carries};

impl DockerEngine {
    pub(super) async fn list_volumes(&self, labels: &Labels) -> Result<Vec<Volume>> {
        let options = ListVolumesOptionsBuilder::default()
            .filters(&label_filter(labels))
            .build();
        let found = self.docker.list_volumes(Some(options)).await?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| Volume {
                name: volume.name,
                labels: volume.labels.into_iter().collect(),
                created: volume.created_at.unwrap_or_default(),
            })
            .collect())
    }

    pub(super) async fn measure_volumes(&self) -> Result<BTreeMap<String, u64>> {
        // `GET /system/df` answers with `Volumes`, in the shape of a list of volumes. bollard reads only the field
        // that replaced it in the newest API, but engines still send the older field too.
        let docker = self.docker.clone().with_request_modifier(|mut request| {
            let uri = request.uri().to_string().replace("/volumes", "/system/df");
            if let Ok(uri) = uri.parse() {
                *request.uri_mut() = uri;
            }
            request
        });
        let all = None::<ListVolumesOptions>;
        let found = again_if_gone(|| docker.list_volumes(all.clone())).await?;
        let sizes = found.volumes.unwrap_or_default().into_iter();
        Ok(sizes
            .filter_map(|volume| {
                // -1 stands for a volume that could not be measured.
                let size = u64::try_from(volume.usage_data?.size).ok()?;
                Some((volume.name, size))
            })
            .collect())
    }

    pub(super) async fn make_volume(&self, spec: &VolumeSpec) -> Result<()> {
        // A directory of a volume becomes a volume of the local driver that binds that directory. This works with
        // every API version, on remote engines and in Docker Desktop's VM, because the path is one on the engine's
        // machine.
        let memory = match &spec.memory {
            Some(options) if self.is_podman().await? => Some(podman::memory_options(options)),
            options => options.clone(),
        };
        let options = if let Some(directory) = &spec.directory_of {
            let parent = self.place(&directory.volume).await?;
            let device = if directory.path.is_empty() {
                parent
            } else {
                format!("{parent}/{}", directory.path)
            };
            mounted("none", device, "bind".to_owned())
        } else if let Some(layers) = &spec.layers {
            let (lower, upper, work) = tokio::try_join!(
                self.place(&layers.lower),
                self.place(&layers.upper),
                self.place(&layers.work),
            )?;
            // A directory of the lower layer can be renamed only if the kernel may leave a note in the upper one.
            let options =
                format!("lowerdir={lower},upperdir={upper},workdir={work},redirect_dir=on");
            mounted("overlay", "overlay".to_owned(), options)
        } else if let Some(options) = memory {
            mounted("tmpfs", "tmpfs".to_owned(), options)
        } else {
            HashMap::new()
        };
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            driver_opts: Some(options),
            ..VolumeCreateRequest::default()
        };
        match self
            .docker
            .create_volume(request)
            .await
            .map_err(Error::from)
        {
            // Podman says so when another process has just created the volume; Docker does not mind.
            Err(Error::Conflict(reason)) if reason.contains("volume already exists") => Ok(()),
            created => created.map(drop),
        }
    }

    /// The directory of a volume on the engine's machine.
    async fn place(&self, volume: &str) -> Result<String> {
        let found = self.docker.inspect_volume(volume).await;
        Ok(found.map_err(Error::from)?.mountpoint)
    }

    pub(super) async fn delete_volume(&self, name: &str) -> Result<()> {
        let options = RemoveVolumeOptionsBuilder::default().force(false).build();
        gone_is_fine(self.docker.remove_volume(name, Some(options)).await)
    }

    pub(super) async fn list_networks(&self, labels: &Labels) -> Result<Vec<ListedNetwork>> {
        self.filtered_networks(label_filter(labels)).await
    }

    async fn filtered_networks(
        &self,
        filters: HashMap<String, Vec<String>>,
    ) -> Result<Vec<ListedNetwork>> {
        let options = ListNetworksOptionsBuilder::default()
            .filters(&filters)
            .build();
        let found = self.docker.list_networks(Some(options)).await?;
        Ok(found
            .into_iter()
            .map(|network| ListedNetwork {
                id: network.id.unwrap_or_default(),
                name: network.name.unwrap_or_default(),
                labels: network.labels.unwrap_or_default().into_iter().collect(),
            })
            .collect())
    }

    /// All networks of exactly that name, in the same order for all processes. The engine allows several networks of
    /// one name.
    async fn networks_named(&self, name: &str) -> Result<Vec<ListedNetwork>> {
        let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let mut found = self.filtered_networks(filters).await?;
        found.retain(|network| network.name == name);
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    pub(super) async fn make_network(&self, name: &str, labels: &Labels) -> Result<()> {
        if self.networks_named(name).await?.is_empty() {
            self.create_network_of(name, labels).await?;
        }
        // Another process may have created the network at the same time and been killed since. A name that two
        // networks share is of no use, so all but one are removed. Networks without `upsun-local`'s labels stay.
        let mut same = self.networks_named(name).await?;
        same.retain(|network| carries(&network.labels, labels));
        for second in same.iter().skip(1) {
            gone_is_fine(self.docker.remove_network(&second.id).await)?;
        }
        Ok(())
    }

    async fn create_network_of(&self, name: &str, labels: &Labels) -> Result<()> {
        let options = self.is_podman().await?.then(podman::network_options);
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(labels.clone().into_iter().collect()),
            options,
            ..NetworkCreateRequest::default()
        };
        match self.docker.create_network(request).await {
            Ok(_) => Ok(()),
            Err(err) => match Error::from(err) {
                Error::Conflict(_) => Ok(()),
                Error::Other(reason)
                    if reason.contains("could not find an available")
                        || reason.contains("fully subnetted") =>
                {
                    Err(Error::Other(format!(
                        "{reason} (too many networks: `docker network prune` removes those that no container uses)"
                    )))
                }
                err => Err(err),
            },
        }
    }

    pub(super) async fn delete_network(&self, id: &str) -> Result<()> {
        gone_is_fine(self.docker.remove_network(id).await)
    }
}

/// The options of the local driver for what is to be mounted.
fn mounted(kind: &str, device: String, options: String) -> HashMap<String, String> {
    [
        ("type", kind.to_owned()),
        ("device", device),
        ("o", options),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
