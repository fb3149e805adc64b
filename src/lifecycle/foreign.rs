//! Images that settings of a repository name, which may be a stranger's.
//!
//! What is in a container's image, everything in the container can read and send away. An engine's store also has
//! images that no registry would give to the repository's author: built here, or pulled with a password. So an image
//! that a stranger names is taken from the store only once its registry has given the same one without any password.
//! That is remembered by the image's id, so that a registry is asked once for each image and not with each start.

use std::path::Path;

use super::image::Pull;
use super::{Error, Result, Sandbox};
use crate::bounded::{self, MEBIBYTE};
use crate::engine::spec::Image;
use crate::engine::{Engine, Error as EngineError};
use crate::images::Recipe;

/// The file of confirmed images in the project's state: a reference and the id that it had, by lines.
const CONFIRMED: &str = "confirmed-images";

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that an image is there, and that it is the registry's where a stranger named it.
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
            // A pull would take its name away.
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

    /// Makes sure that a derived image that is there may be used here: the user's own settings may have made it.
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

    /// Whether all images that a derived one was made from may be used; `ids` are their ids.
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

    /// A list that cannot be written only costs a question to the registry.
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
