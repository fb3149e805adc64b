//! The derived image that an app's containers are made from: pulled, built on top, and found again by
//! its content hash.

use std::time::Instant;

use bytes::Bytes;

use super::{Result, Sandbox};
use crate::engine::spec::{Image, ImageBuild, Labels};
use crate::engine::{Engine, Error as EngineError};
use crate::event::Event;

/// On a derived image: the content id of the image below it.
const LABEL_BASE: &str = "local.upsun.base";

/// What a recipe's build prints for a package that it could not install.
const NOT_EMULATED: &str = "upsun-local: not-emulated ";

/// How a derived image is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecipe {
    /// Its reference; holds a hash of everything below.
    pub tag: String,
    /// The references of the images that it is made from; the first is its base.
    pub bases: Vec<String>,
    /// The build context: a tar archive with a `Dockerfile`.
    pub context: Bytes,
    /// Its labels.
    pub labels: Labels,
}

/// When to ask the registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// When the engine does not have it.
    #[default]
    Missing,
    /// Every time.
    Always,
    /// Never.
    Never,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that the derived image is there.
    pub async fn ensure_image(&self, recipe: &ImageRecipe, pull: Pull) -> Result<()> {
        let there = self.engine.image(&recipe.tag).await?;
        if there.is_some() && pull != Pull::Always {
            return Ok(());
        }
        let mut bases = Vec::new();
        for base in &recipe.bases {
            self.checkpoint()?;
            bases.push(self.ensure_base(base, pull).await?.id);
        }
        let base_ids = bases.join(" ");
        if there.is_some_and(|image| image.labels.get(LABEL_BASE) == Some(&base_ids)) {
            return Ok(());
        }
        let began = Instant::now();
        let base = recipe.bases.first().cloned().unwrap_or_default();
        self.emit(Event::ImageStarted {
            image: recipe.tag.clone(),
            base,
        })
        .await;
        let mut labels = recipe.labels.clone();
        labels.insert(LABEL_BASE.to_owned(), base_ids);
        let build = ImageBuild {
            tag: recipe.tag.clone(),
            context: recipe.context.clone(),
            labels,
        };
        let missing = std::sync::Mutex::new(Vec::new());
        let line = |line: &str| {
            if let Some(name) = line.trim().strip_prefix(NOT_EMULATED)
                && let Ok(mut missing) = missing.lock()
            {
                missing.push(name.to_owned());
            }
            self.events.offer(Event::ImageLine {
                line: line.to_owned(),
            });
        };
        tokio::select! {
            result = self.engine.build_image(&build, &line) => result?,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(super::Error::Interrupted),
        }
        for name in missing.into_inner().unwrap_or_default() {
            self.events
                .warn(
                    format!("the package `{name}` of `stack.packages` is not emulated: Debian has none of that name"),
                    Some("name an image that has it with `images` in .upsun-local.yaml".to_owned()),
                )
                .await;
        }
        self.emit(Event::ImageFinished {
            image: recipe.tag.clone(),
            duration: began.elapsed(),
        })
        .await;
        Ok(())
    }

    async fn ensure_base(&self, reference: &str, pull: Pull) -> Result<Image> {
        let there = self.engine.image(reference).await?;
        match (there, pull) {
            (Some(image), Pull::Missing | Pull::Never) => return Ok(image),
            (None, Pull::Never) => {
                return Err(EngineError::ImageNotFound {
                    image: reference.to_owned(),
                    reason: "the engine does not have it, and `--pull never` was given".to_owned(),
                }
                .into());
            }
            _ => {}
        }
        let began = Instant::now();
        self.emit(Event::PullStarted {
            image: reference.to_owned(),
        })
        .await;
        let progress = |progress: crate::engine::spec::Progress| {
            self.events.offer(Event::PullProgress {
                image: reference.to_owned(),
                done: progress.done,
                total: progress.total,
            });
        };
        tokio::select! {
            result = self.engine.pull_image(reference, &progress) => result?,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(super::Error::Interrupted),
        }
        self.emit(Event::PullFinished {
            image: reference.to_owned(),
            duration: began.elapsed(),
        })
        .await;
        self.engine.image(reference).await?.ok_or_else(|| {
            EngineError::ImageNotFound {
                image: reference.to_owned(),
                reason: "it was pulled, and the engine does not have it".to_owned(),
            }
            .into()
        })
    }
}
