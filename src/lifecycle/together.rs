//! Builds several apps at once, and starts their services meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{self, BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};

use super::build::is_built;
use super::prune::Surplus;
use super::{Error, Planned, Result, Sandbox, services};
use crate::engine::Engine;
use crate::engine::spec::{Container, Volume};
use crate::services::ServicePlan;

/// The number of an app, and what its build made superfluous.
type Numbered = (usize, Result<Option<Surplus>>);

impl<E: Engine> Sandbox<'_, E> {
    /// Makes sure that the apps are built and their services are up. At most `jobs` apps are built at once. After a
    /// build has failed, those that have begun go on to their end, no other begins, and the error names all that failed. `containers` are
    /// the containers of the environment. Returns what the builds made superfluous.
    pub(crate) async fn build_together(
        &self,
        all: &[Planned<'_>],
        containers: &[Container],
        jobs: usize,
    ) -> Result<Vec<(usize, Surplus)>> {
        let Some(first) = all.first() else {
            return Ok(Vec::new());
        };
        // Everything that two of them would make at the same time is made before.
        self.ensure_network(&first.plan.network).await?;
        self.ensure_network(&first.plan.build.network).await?;
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        let mut needed: BTreeMap<&str, &ServicePlan> = BTreeMap::new();
        for planned in all {
            for container in &planned.plan.containers {
                let services = planned.plan.services_of(container).into_iter();
                needed.extend(services.map(|service| (service.name.as_str(), service)));
            }
        }
        let needed: Vec<&ServicePlan> = needed.into_values().collect();
        let around = services::Surroundings {
            network: &first.plan.network,
            containers,
            volumes: &volumes,
            pull: first.pull,
        };
        let (built, up) = tokio::join!(
            self.build_each(all, &volumes, jobs),
            self.ensure_services(&needed, around),
        );
        let surplus = built?;
        up?;
        Ok(surplus)
    }

    async fn build_each(
        &self,
        all: &[Planned<'_>],
        volumes: &[Volume],
        jobs: usize,
    ) -> Result<Vec<(usize, Surplus)>> {
        let missing = all.iter().enumerate();
        let missing: Vec<(usize, &Planned<'_>)> = missing
            .filter(|(_, planned)| !is_built(&planned.plan.build, volumes))
            .collect();
        let images: BTreeMap<&str, &Planned<'_>> = missing
            .iter()
            .map(|(_, planned)| (planned.image.tag.as_str(), *planned))
            .collect();
        let mut making: Vec<BoxFuture<'_, Result<bool>>> = Vec::new();
        for planned in images.into_values() {
            making.push(self.ensure_image(planned.image, planned.pull).boxed());
        }
        let making = stream::iter(making).buffer_unordered(jobs);
        all_of(making.collect().await)?;
        let has_failed = AtomicBool::new(false);
        let mut building: Vec<BoxFuture<'_, Option<Numbered>>> = Vec::new();
        for (at, planned) in missing {
            let build = self.build_numbered(at, planned, volumes, &has_failed);
            building.push(build.boxed());
        }
        let building = stream::iter(building).buffer_unordered(jobs);
        let mut built: Vec<_> = building.filter_map(future::ready).collect().await;
        built.sort_by_key(|(at, _)| *at);
        let built = built.into_iter();
        let surplus = built.map(|(at, result)| Ok(result?.map(|surplus| (at, surplus))));
        Ok(all_of(surplus.collect())?.into_iter().flatten().collect())
    }

    /// Builds an app, unless the build of another app has failed.
    async fn build_numbered(
        &self,
        number: usize,
        planned: &Planned<'_>,
        volumes: &[Volume],
        has_failed: &AtomicBool,
    ) -> Option<Numbered> {
        if has_failed.load(Ordering::Relaxed) {
            return None;
        }
        // After a Ctrl-C, no build begins.
        let result = match self.checkpoint() {
            Ok(()) => self.ensure_build(planned, volumes).await,
            Err(err) => Err(err),
        };
        if result.is_err() {
            has_failed.store(true, Ordering::Relaxed);
        }
        Some((number, result))
    }
}

/// All results, or all errors.
pub(crate) fn all_of<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(err) => failed.push(err),
        }
    }
    match failed.len() {
        0 => Ok(done),
        1 => Err(failed.swap_remove(0)),
        _ => Err(Error::Several(failed)),
    }
}
