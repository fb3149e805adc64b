//! Which official image stands for which of Upsun's services.
//!
//! The tags were checked against the published list of docker-library (`official-images`) and, for others,
//! against their projects' own pages. Versions that docker-library no longer builds keep their tags on
//! Docker Hub.

use super::{Error, Inputs};
use crate::images::runtime::ImageRef;

/// The service, and its image with `{}` for the version.
const IMAGES: &[(&str, &str)] = &[
    ("mariadb", "mariadb:{}"),
    ("mysql", "mariadb:{}"),
    ("oracle-mysql", "mysql:{}"),
    ("postgresql", "postgres:{}-bookworm"),
    ("redis", "redis:{}"),
    ("redis-persistent", "redis:{}"),
    ("valkey", "valkey/valkey:{}"),
    ("valkey-persistent", "valkey/valkey:{}"),
];

/// The image of a service: what `images` of the settings says for `postgresql:18` or for `postgresql`, else
/// the official one.
pub(super) fn of(inputs: &Inputs<'_>) -> Result<String, Error> {
    if let Some(image) = overridden(inputs)? {
        return Ok(image);
    }
    let (kind, version) = inputs.kind();
    let pattern = IMAGES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, pattern)| *pattern)
        .ok_or_else(|| Error::UnknownType {
            service: inputs.service.name.clone(),
            kind: inputs.service.r#type.clone(),
        })?;
    let image = ImageRef::new(&pattern.replace("{}", version))?;
    Ok(image.as_str().to_owned())
}

/// The image that the settings name, if they do.
pub(super) fn overridden(inputs: &Inputs<'_>) -> Result<Option<String>, Error> {
    let image = inputs
        .images
        .get(&inputs.service.r#type)
        .or_else(|| inputs.images.get(inputs.kind().0));
    match image {
        Some(image) => Ok(Some(ImageRef::new(image)?.as_str().to_owned())),
        None => Ok(None),
    }
}
