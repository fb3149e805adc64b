//! Finds, pulls, builds and removes images.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use bollard::models::{BuildInfo, CreateImageInfo};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptionsBuilder, ListImagesOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use futures_util::StreamExt;

use super::error::{disk_full, image_not_found, is_disk_full, registry, unusable};
use super::{DockerEngine, dockerfile, label_filter};
use crate::engine::spec::{Image, ImageBuild, Progress};
use crate::engine::{Error, Result};
use crate::labels::Labels;

/// How often the images are listed anew while others remove some.
const LISTINGS: usize = 5;

impl DockerEngine {
    pub(super) async fn find_image(&self, reference: &str) -> Result<Option<Image>> {
        match self.docker.inspect_image(reference).await {
            Ok(found) => {
                let config = found.config.unwrap_or_default();
                Ok(Some(Image {
                    id: found.id.unwrap_or_default(),
                    tags: found
                        .repo_tags
                        .unwrap_or_default()
                        .iter()
                        .map(|tag| familiar(tag))
                        .collect(),
                    digests: found.repo_digests.unwrap_or_default(),
                    labels: config.labels.unwrap_or_default().into_iter().collect(),
                }))
            }
            Err(err) => match Error::from(err) {
                Error::NotFound(_) => Ok(None),
                err => Err(err),
            },
        }
    }

    pub(super) async fn list_images(&self, labels: &Labels) -> Result<Vec<Image>> {
        // Podman 4.3 lists nothing for two labels. Callers look at all labels of what is listed.
        let first: Labels = labels.clone().into_iter().take(1).collect();
        let options = ListImagesOptionsBuilder::default()
            .filters(&label_filter(&first))
            .build();
        let mut attempt = 1;
        let found = loop {
            let listed = self.docker.list_images(Some(options.clone())).await;
            match listed.map_err(Error::from) {
                // Podman looks at each image after it has listed their ids, and one may have gone.
                Err(Error::NotFound(_)) if attempt < LISTINGS => attempt += 1,
                found => break found?,
            }
        };
        Ok(found
            .into_iter()
            .map(|summary| Image {
                id: summary.id,
                tags: summary
                    .repo_tags
                    .into_iter()
                    .filter(|tag| tag != "<none>:<none>")
                    .map(|tag| familiar(&tag))
                    .collect(),
                digests: Vec::new(),
                labels: summary.labels.into_iter().collect(),
            })
            .collect())
    }

    pub(super) async fn pull(
        &self,
        reference: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<()> {
        let options = CreateImageOptionsBuilder::default()
            .from_image(&with_tag(reference))
            .build();
        let mut stream = self
            .docker
            .create_image(Some(options), None, None::<DockerCredentials>);
        // Layer id → bytes done and in total, as the engine reports them for each layer.
        let mut layers: HashMap<String, (u64, u64)> = HashMap::new();
        while let Some(item) = stream.next().await {
            let info: CreateImageInfo = item.map_err(|err| pull_error(reference, err.into()))?;
            if let Some(detail) = &info.error_detail {
                let reason = detail.message.clone().unwrap_or_default();
                return Err(pull_error(reference, Error::Other(reason)));
            }
            let Some(layer) = info.id.clone() else {
                continue;
            };
            let downloading = info.status.as_deref() == Some("Downloading");
            let complete = matches!(
                info.status.as_deref(),
                Some("Download complete" | "Pull complete")
            );
            if let (true, Some(detail)) = (downloading, &info.progress_detail) {
                let number =
                    |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
                layers.insert(layer, (number(detail.current), number(detail.total)));
            } else if let (true, Some(known)) = (complete, layers.get_mut(&layer)) {
                known.0 = known.1;
            }
            let (done, total) = layers
                .values()
                .fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
            progress(Progress { done, total });
        }
        Ok(())
    }

    pub(super) async fn build(
        &self,
        build: &ImageBuild<'_>,
        line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<()> {
        let labels: HashMap<&str, &str> = build
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let arguments: HashMap<&str, &str> = build
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let options = BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(build.tag)
            .labels(&labels)
            .buildargs(&arguments)
            .networkmode(if build.network.is_empty() {
                "none"
            } else {
                &build.network
            })
            .rm(true)
            .forcerm(true)
            .build();
        let mut stream = self.docker.build_image(
            options,
            None,
            Some(bollard::body_full(dockerfile::archive(build.plan)?)),
        );
        let mut last = Vec::new();
        let failed = |reason: String| {
            if is_disk_full(&reason) {
                disk_full(reason)
            } else {
                Error::ImageBuild {
                    image: build.tag.to_owned(),
                    reason,
                }
            }
        };
        while let Some(item) = stream.next().await {
            let info: BuildInfo = match item {
                Ok(info) => info,
                Err(err) => return Err(failed(with_tail(&super::error::reason(&err), &last))),
            };
            if let Some(detail) = info.error_detail {
                return Err(failed(with_tail(
                    &detail.message.unwrap_or_default(),
                    &last,
                )));
            }
            for text in info
                .stream
                .iter()
                .flat_map(|text| text.lines())
                .filter(|text| !text.trim().is_empty())
            {
                line(text);
                last.push(text.to_owned());
                if last.len() > 12 {
                    last.remove(0);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn delete_image(&self, reference: &str) -> Result<()> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        match self
            .docker
            .remove_image(reference, Some(options), None)
            .await
        {
            Ok(_) => Ok(()),
            Err(err) => match Error::from(err) {
                Error::NotFound(_) => Ok(()),
                err => Err(err),
            },
        }
    }
}

/// A tag as Docker writes it: Podman names the registry too, also for an image that was built.
fn familiar(tag: &str) -> String {
    let tag = tag.strip_prefix("docker.io/").unwrap_or(tag);
    tag.strip_prefix("library/").unwrap_or(tag).to_owned()
}

/// Adds the default tag: without a tag, the engine would pull all tags.
fn with_tag(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains(':') || last.contains('@') {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

fn with_tail(reason: &str, last: &[String]) -> String {
    if last.is_empty() {
        reason.to_owned()
    } else {
        format!("{reason}\n  {}", last.join("\n  "))
    }
}

/// Maps the error of a pull to one of three reasons, which the engine distinguishes only by its wording.
fn pull_error(image: &str, err: Error) -> Error {
    let image = image.to_owned();
    match err {
        Error::DiskFull { .. } | Error::Lost(_) => err,
        Error::Unusable { what, .. } => unusable("pull an image", what),
        Error::NotFound(reason) => image_not_found(image, reason),
        err => {
            let reason = match err {
                Error::Other(reason) => reason,
                err => err.to_string(),
            };
            if is_disk_full(&reason) {
                disk_full(reason)
            } else if [
                "not found",
                "manifest unknown",
                "access denied",
                "does not exist",
            ]
            .iter()
            .any(|word| reason.contains(word))
            {
                image_not_found(image, reason)
            } else {
                registry(image, reason)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untagged_reference_means_latest_and_a_port_is_no_tag() {
        assert_eq!(with_tag("node"), "node:latest");
        assert_eq!(
            with_tag("localhost:5000/node"),
            "localhost:5000/node:latest"
        );
        assert_eq!(with_tag("node:24"), "node:24");
        assert_eq!(with_tag("node@sha256:0"), "node@sha256:0");
    }

    #[test]
    fn a_tag_is_as_docker_writes_it() {
        for (tag, expected) in [
            ("docker.io/library/node:24", "node:24"),
            ("docker.io/upsun-local/app:1", "upsun-local/app:1"),
            ("quay.io/library/app:1", "quay.io/library/app:1"),
            ("node:24", "node:24"),
        ] {
            assert_eq!(familiar(tag), expected);
        }
    }

    #[test]
    fn a_failed_pull_says_whether_the_image_or_the_registry_is_missing() {
        let missing = Error::Other("manifest for node:99 not found: manifest unknown".into());
        assert!(matches!(
            pull_error("node:99", missing),
            Error::ImageNotFound { .. }
        ));
        let offline = Error::Other("Get \"https://registry/v2/\": dial tcp: no such host".into());
        assert!(matches!(
            pull_error("node:24", offline),
            Error::Registry { .. }
        ));
        let full = Error::Other("write /var/lib/docker: no space left on device".into());
        assert!(matches!(
            pull_error("node:24", full),
            Error::DiskFull { .. }
        ));
    }
}
