//! Images that the settings of a repository name. An untrusted author may have written these settings.
//!
//! A container can read its whole image and send it away. The store of an engine also has images that no registry
//! would give to the author of the repository: images that were built on this machine, or pulled with a password. An
//! image from such settings is therefore taken from the store only after its registry has given the same image
//! without a password. The id of the image is remembered, so that the registry is asked once per image and not with
//! each start.

use std::path::Path;

use super::image::Pull;
use super::{Error, Result, Sandbox};
use crate::bounded::{self, MEBIBYTE};
use crate::engine::spec::Image;
use crate::engine::{Engine, Error as EngineError};
use crate::images::Recipe;

/// The file of confirmed images in the state of the project. Each line has a reference and the image id that it had.
const CONFIRMED: &str = "confirmed-images";

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that an image exists, and that a registry gives it to everyone if the repository's settings name
    /// it.
    pub(super) async fn ensure_base(&self, reference: &str, pull: Pull) -> Result<Image> {
        if !self.foreign.contains(reference) {
            return self.ensure_pulled(reference, pull).await;
        }
        let refused = |reason: String| Error::ForeignImage {
            image: reference.to_owned(),
            reason,
        };
        let there = self.engine.image(reference).await?;
        if let Some(image) = &there {
            if pull != Pull::Always && self.is_confirmed(reference, &image.id) {
                return self.ensure_pulled(reference, pull).await;
            }
            if pull == Pull::Never {
                return Err(refused(
                    "`--pull never` keeps it from asking the registry whether it is the same there"
                        .to_owned(),
                ));
            }
            // A pull would remove the name of the image that was built here.
            if image.digests.is_empty() {
                return Err(refused("only this machine has it".to_owned()));
            }
        }
        let pull = if there.is_some() { Pull::Always } else { pull };
        let image = match self.ensure_pulled(reference, pull).await {
            Err(Error::Engine(
                EngineError::ImageNotFound { reason, .. } | EngineError::Registry { reason, .. },
            )) if there.is_some() => {
                return Err(refused(format!(
                    "its registry does not confirm the image of this machine: {reason}"
                )));
            }
            pulled => pulled?,
        };
        self.confirm(reference, &image.id);
        Ok(image)
    }

    /// Makes sure that an existing derived image may be used here: it may have been made with the user's own
    /// settings.
    pub(super) async fn check_bases(&self, recipe: &Recipe, pull: Pull) -> Result<()> {
        let is_foreign = |base: &String| self.foreign.contains(base);
        if recipe.plan.bases().iter().any(is_foreign) {
            let pull = if pull == Pull::Always {
                Pull::Missing
            } else {
                pull
            };
            self.ensure_image(recipe, pull).await?;
        }
        Ok(())
    }

    /// Whether all base images of a derived image may be used. `ids` are the ids of the base images.
    pub(super) fn are_confirmed(&self, references: &[String], ids: &str) -> bool {
        let mut ids = ids.split(' ');
        references.iter().all(|reference| {
            let id = ids.next().unwrap_or_default();
            !self.foreign.contains(reference) || self.is_confirmed(reference, id)
        })
    }

    fn is_confirmed(&self, reference: &str, id: &str) -> bool {
        let line = line(reference, id);
        self.confirmed().lines().any(|known| known == line)
    }

    fn confirmed(&self) -> String {
        let state = &self.project.state_dir;
        bounded::read_text_below(state, Path::new(CONFIRMED), MEBIBYTE).unwrap_or_default()
    }

    /// Remembers a confirmed image. If the list cannot be written, the registry is asked again next time.
    fn confirm(&self, reference: &str, id: &str) {
        let line = line(reference, id);
        let mut all = self.confirmed();
        if all.lines().any(|known| known == line) {
            return;
        }
        all.push_str(&line);
        all.push('\n');
        let state = &self.project.state_dir;
        let _ = std::fs::create_dir_all(state)
            .and_then(|()| tempfile::NamedTempFile::new_in(state))
            .and_then(|file| {
                std::fs::write(file.path(), all)?;
                file.persist(state.join(CONFIRMED))?;
                Ok(())
            });
    }
}

fn line(reference: &str, id: &str) -> String {
    format!("{reference} {id}")
}
