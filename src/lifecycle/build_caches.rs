//! Restores the directories of `build.caches` before the steps of a build, and saves them after the steps.
//!
//! The archives are in the volume of packages, which no deployed container has. A cache only saves time: a cache that
//! cannot be restored or saved is worth a warning, and the build goes on.

use super::{Error, Planned, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;
use crate::event::{self, CacheResult};
use crate::layout::APP_DIRECTORY;
use crate::plan::CachePlan;

pub(super) const RESTORE: &str = include_str!("scripts/restore_cache.sh");
pub(super) const SAVE: &str = include_str!("scripts/save_cache.sh");

/// What helps with a cache that cannot be restored or saved.
const HINT: &str = "the build goes on; `upsun-local run --no-cache` builds without caches, and `upsun-local clean` removes them";

impl<E: Engine> Sandbox<'_, E> {
    /// Puts the caches of the app into its directory. Returns those that are to be saved after the build.
    pub(super) async fn restore_caches<'a>(
        &self,
        planned: &'a Planned<'_>,
        container: &str,
    ) -> Result<Vec<&'a CachePlan>> {
        let app = &planned.plan.app;
        let mut unsaved = Vec::new();
        for cache in &planned.plan.build.caches {
            self.checkpoint()?;
            if cache.watched == 0 {
                let message = format!(
                    "`{app}`: no file of the source matches `watch` of the build cache `{}`, so the cache always fits",
                    cache.name
                );
                let hint = "check that the files are committed and not ignored, and that the paths begin at the app's root";
                self.events.warn(message, Some(hint.to_owned())).await;
            }
            let stale = if cache.allow_stale { "stale" } else { "" };
            let done = self.cache_script(RESTORE, container, cache, stale).await?;
            let result = match done.and_then(|printed| result(&printed)) {
                Ok(result) => result,
                Err(why) => {
                    self.warn_cache(app, cache, "restored", &why).await;
                    unsaved.push(cache);
                    continue;
                }
            };
            if result != CacheResult::Hit {
                unsaved.push(cache);
            }
            self.emit(event::Build::Cache {
                app: app.clone(),
                cache: cache.name.clone(),
                directory: cache.directory.clone(),
                result,
            })
            .await;
        }
        Ok(unsaved)
    }

    /// Keeps what a build made for later builds.
    pub(super) async fn save_caches(
        &self,
        app: &str,
        container: &str,
        caches: &[&CachePlan],
    ) -> Result<()> {
        for cache in caches {
            self.checkpoint()?;
            match self.cache_script(SAVE, container, cache, "").await? {
                Ok(printed) if printed.trim() == "absent" => {
                    let CachePlan {
                        name, directory, ..
                    } = cache;
                    let message = format!(
                        "`{app}`: the build made no directory `{directory}`, so there is nothing to keep for the build cache `{name}`"
                    );
                    let hint = "`directory` of a build cache begins at the app's root; without it, the name of the cache is the directory";
                    self.events.warn(message, Some(hint.to_owned())).await;
                }
                Ok(_) => {}
                Err(why) => self.warn_cache(app, cache, "saved", &why).await,
            }
        }
        Ok(())
    }

    async fn warn_cache(&self, app: &str, cache: &CachePlan, done: &str, why: &str) {
        let message = format!(
            "`{app}`: the build cache `{}` cannot be {done}: {why}",
            cache.name
        );
        self.events.warn(message, Some(HINT.to_owned())).await;
    }

    /// Returns what a script printed, or why it failed. Only the user's wish to stop is an error.
    async fn cache_script(
        &self,
        script: &str,
        container: &str,
        cache: &CachePlan,
        more: &str,
    ) -> Result<std::result::Result<String, String>> {
        let CachePlan {
            store,
            key,
            directory,
            ..
        } = cache;
        let command = [
            "/bin/dash",
            "-c",
            script,
            "upsun-local",
            APP_DIRECTORY,
            store,
            key,
            directory,
            more,
        ];
        let spec = ExecSpec {
            command: command.map(str::to_owned).to_vec(),
            // The app's own variables must not change what these commands do.
            variables: [("TAR_OPTIONS", ""), ("LC_ALL", "C")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ExecSpec::default()
        };
        match self.capture(container, &spec).await {
            Ok((0, output, _)) => Ok(Ok(output)),
            Ok((code, _, errors)) => Ok(Err(match errors.lines().next() {
                Some(why) => why.to_owned(),
                None => format!("a command ended with code {code}"),
            })),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(err) => Ok(Err(err.to_string())),
        }
    }
}

/// What `restore_cache.sh` printed.
fn result(printed: &str) -> std::result::Result<CacheResult, String> {
    match printed.trim() {
        "hit" => Ok(CacheResult::Hit),
        "stale" => Ok(CacheResult::Stale),
        "miss" => Ok(CacheResult::Miss),
        other => Err(format!("a command printed `{other}`")),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
