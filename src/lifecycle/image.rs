//! The derived image of an app's containers: its base image is pulled, the image is built, and its content hash
//! identifies it later.

use std::borrow::Cow;

use tokio::time::Instant;

use super::{Error, Result, Sandbox};
use crate::engine::spec::{Image, ImageBuild, ImagePlan};
use crate::engine::{Engine, Error as EngineError};
use crate::event;
use crate::images::{Notice, Recipe, notice};

/// Label of a derived image: the content id of its base image.
const LABEL_BASE: &str = "local.upsun.base";

/// The longest line of an image's build that is shown, in characters.
const LONGEST_LINE: usize = 64 * 1024;

/// When to ask the registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// If the engine does not have the image.
    #[default]
    Missing,
    Always,
    Never,
}

/// Stands for the id of an image that a derived image is made without.
const MISSING: &str = "-";

/// What a derived image is made from.
struct Bases<'p> {
    /// The plan, without copies from images that cannot be had.
    plan: Cow<'p, ImagePlan>,
    /// The ids of the images, as the label has them.
    ids: String,
    /// What the image lacks, with hints.
    warnings: Vec<(String, String)>,
}

/// The ids of the base images of a derived image, in order.
fn base_ids(derived: &Image) -> &str {
    derived.labels.get(LABEL_BASE).map_or("", String::as_str)
}

impl<E: Engine> Sandbox<'_, E> {
    /// Builds the derived image if it does not exist. Returns whether it was built just now.
    pub(crate) async fn ensure_image(&self, recipe: &Recipe, pull: Pull) -> Result<bool> {
        let there = self.engine.image(&recipe.tag).await?;
        if let Some(image) = &there
            && pull != Pull::Always
            && self.are_confirmed(&recipe.plan.bases(), base_ids(image))
        {
            return Ok(false);
        }
        let bases = self.ensure_bases(&recipe.plan, pull).await?;
        if there.is_some_and(|image| base_ids(&image) == bases.ids) {
            return Ok(false);
        }
        let began = Instant::now();
        self.emit(event::Image::Started {
            image: recipe.tag.clone(),
            base: recipe.plan.base.clone(),
        })
        .await;
        // The `ONBUILD` instructions of the base image run in this build.
        let network = crate::plan::build_network(self.project);
        self.ensure_network(&network).await?;
        let mut labels = recipe.labels.clone();
        labels.insert(LABEL_BASE.to_owned(), bases.ids);
        let build = ImageBuild {
            tag: &recipe.tag,
            plan: &bases.plan,
            labels,
            variables: recipe.build_variables.clone(),
            network: network.name,
        };
        let notices = std::sync::Mutex::new(Vec::new());
        let line = |line: &str| {
            if let (Some(notice), Ok(mut notices)) = (notice(line), notices.lock()) {
                notices.push(notice);
            }
            // Most of these lines are never shown, so a line may be lost.
            self.events.offer(event::Image::Line {
                line: line.chars().take(LONGEST_LINE).collect(),
            });
        };
        let result = tokio::select! {
            result = self.engine.build_image(&build, &line) => result,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(super::Error::Interrupted),
        };
        for warning in &recipe.warnings {
            self.events.warn(warning.clone(), None).await;
        }
        for (warning, hint) in bases.warnings {
            self.events.warn(warning, Some(hint)).await;
        }
        let mut failure = None;
        for notice in notices.into_inner().unwrap_or_default() {
            match notice {
                Notice::Warning(message) => self.events.warn(message, None).await,
                Notice::Failure(reason) => failure = Some(reason),
            }
        }
        match (result, failure) {
            (Err(EngineError::ImageBuild { image, .. }), Some(reason)) => {
                return Err(EngineError::ImageBuild { image, reason }.into());
            }
            (result, _) => result?,
        }
        self.emit(event::Image::Finished {
            image: recipe.tag.clone(),
            duration: began.elapsed(),
        })
        .await;
        Ok(true)
    }

    /// Makes sure that the engine has the images that an image is made from. An image that brings a command only may be
    /// missing.
    async fn ensure_bases<'p>(&self, plan: &'p ImagePlan, pull: Pull) -> Result<Bases<'p>> {
        let mut bases = Bases {
            plan: Cow::Borrowed(plan),
            ids: String::new(),
            warnings: Vec::new(),
        };
        let mut ids = Vec::new();
        for base in plan.bases() {
            self.checkpoint()?;
            let error = match self.ensure_base(&base, pull).await {
                Ok(image) => {
                    ids.push(image.id);
                    continue;
                }
                Err(error) => error,
            };
            let is_missing = matches!(
                error,
                Error::Engine(EngineError::ImageNotFound { .. } | EngineError::Registry { .. })
            );
            let Some(commands) = plan.lacks_without(&base).filter(|_| is_missing) else {
                return Err(error);
            };
            for command in commands {
                let warning =
                    format!("the command `{command}` is missing in the container: {error}");
                let hint = format!(
                    "name an image that has it: `images: {{ {command}: <image> }}` in .upsun-local.yaml; `--pull always` tries again"
                );
                bases.warnings.push((warning, hint));
            }
            bases.plan.to_mut().copies.retain(|copy| copy.image != base);
            ids.push(MISSING.to_owned());
        }
        bases.ids = ids.join(" ");
        Ok(bases)
    }

    /// Makes sure that the engine has an image of a registry.
    pub(super) async fn ensure_pulled(&self, reference: &str, pull: Pull) -> Result<Image> {
        let there = self.engine.image(reference).await?;
        match (there, pull) {
            (Some(image), Pull::Missing | Pull::Never) => return Ok(image),
            (None, Pull::Never) => {
                return Err(EngineError::ImageNotFound {
                    image: reference.to_owned(),
                    reason: "the engine does not have it, and `--pull never` was given".to_owned(),
                    hint: self.engine.fetch_hint(reference),
                }
                .into());
            }
            _ => {}
        }
        let began = Instant::now();
        self.emit(event::Image::PullStarted {
            image: reference.to_owned(),
        })
        .await;
        let progress = |progress: crate::engine::spec::Progress| {
            self.events.offer(event::Image::PullProgress {
                image: reference.to_owned(),
                done: progress.done,
                total: progress.total,
            });
        };
        tokio::select! {
            result = self.engine.pull_image(reference, &progress) => result?,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(super::Error::Interrupted),
        }
        self.emit(event::Image::PullFinished {
            image: reference.to_owned(),
            duration: began.elapsed(),
        })
        .await;
        self.engine.image(reference).await?.ok_or_else(|| {
            EngineError::ImageNotFound {
                image: reference.to_owned(),
                reason: "it was pulled, and the engine does not have it".to_owned(),
                hint: self.engine.fetch_hint(reference),
            }
            .into()
        })
    }
}
