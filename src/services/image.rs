//! Which image stands for a service: the official one, or the one that the settings name.

use super::{Clients, Error, Inputs, find};
use crate::image_ref::ImageRef;
use crate::project::SETTINGS_FILE;
use crate::runtimes::SUITE;

/// The image of a service: what `images` of the settings says for `postgresql:18` or for `postgresql`, else
/// the official one.
pub(super) fn of(inputs: &Inputs<'_>) -> Result<String, Error> {
    if let Some(image) = overridden(inputs)? {
        return Ok(image);
    }
    let (name, version) = inputs.kind();
    let image = find(name)
        .and_then(|known| {
            let mut exact = known.exact.iter();
            let exact = exact.find(|(of, _)| *of == version);
            exact.map(|(_, image)| *image).or(known.image)
        })
        .ok_or_else(|| Error::Unsupported {
            service: inputs.service.name.to_owned(),
            reason: format!(
                "no image is known for `{}`, and `images` in {SETTINGS_FILE} names none",
                inputs.service.r#type
            ),
        })?;
    let image = image.replace("{}", version).replace("{suite}", SUITE);
    Ok(ImageRef::new(&image)?.as_str().to_owned())
}

/// The image that the settings name, if they do.
pub(super) fn overridden(inputs: &Inputs<'_>) -> Result<Option<String>, Error> {
    let images = inputs.images;
    let image = images
        .get(inputs.service.r#type)
        .or_else(|| images.get(inputs.kind().0));
    let reference = image.map(|image| ImageRef::new(image)).transpose()?;
    Ok(reference.map(|reference| reference.as_str().to_owned()))
}

/// The clients of a service, from its image; `None` where it has none or where no image is known for it.
pub(super) fn clients(inputs: &Inputs<'_>) -> Option<Clients> {
    let (name, commands) = find(inputs.kind().0)?.clients?;
    Some(Clients {
        name,
        image: ImageRef::new(&of(inputs).ok()?).ok()?,
        commands,
    })
}
