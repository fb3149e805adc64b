//! Gives up old builds.

use super::build::is_built;
use super::{Planned, Result, Sandbox};
use crate::engine::Engine;
use crate::engine::spec::{Volume, VolumeSpec};
use crate::labels::{Kind, LABEL_APP, LABEL_BUILD};
use crate::lock::Lock;
use crate::plan::BuildPlan;

/// How many finished builds of an app are kept.
const KEEP: usize = 3;

/// What a new build may have made superfluous.
pub(crate) struct Surplus {
    /// The volumes of the project before the build.
    volumes: Vec<Volume>,
    /// Keeps others from building the app: a build has no mark while it is made.
    lock: Lock,
}

impl Surplus {
    pub(super) fn new(volumes: Vec<Volume>, lock: Lock) -> Self {
        Surplus { volumes, lock }
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// Discards all but the newest builds of an app, and all unfinished builds. A build that a container still uses
    /// stays.
    pub(crate) async fn prune_builds(&self, planned: &Planned<'_>, surplus: Option<Surplus>) {
        let Some(Surplus { volumes, lock }) = surplus else {
            return;
        };
        let plan = planned.plan;
        let of_app = |kind: Kind| {
            volumes.iter().filter(move |volume| {
                volume.labels.get(LABEL_APP) == Some(&plan.app)
                    && Kind::of(&volume.labels) == Some(kind)
                    && volume.labels.get(LABEL_BUILD) != Some(&plan.build.id)
            })
        };
        let mark_of = |build: &Volume| {
            of_app(Kind::Built)
                .find(|mark| mark.labels.get(LABEL_BUILD) == build.labels.get(LABEL_BUILD))
        };
        let mut builds: Vec<&Volume> = of_app(Kind::Build).collect();
        // Unfinished builds come last, so that they never displace a finished build.
        builds.sort_by_key(|build| {
            (
                mark_of(build).is_none(),
                std::cmp::Reverse(build.created.clone()),
            )
        });
        let surplus = builds.into_iter().enumerate();
        let surplus: Vec<&Volume> = surplus
            .filter(|(at, old)| mark_of(old).is_none() || *at >= KEEP - 1)
            .map(|(_, old)| old)
            .collect();
        let mut discarded = Vec::new();
        for old in self.not_swept(surplus).await {
            if self.give_up(old, mark_of(old)).await {
                discarded.push(old.name.clone());
            }
        }
        // Marks without a build: another program removed the volume of the build only.
        let alone = of_app(Kind::Built).filter(|mark| {
            !of_app(Kind::Build)
                .any(|build| build.labels.get(LABEL_BUILD) == mark.labels.get(LABEL_BUILD))
        });
        for mark in alone {
            let _ = self.engine.remove_volume(&mark.name).await;
        }
        self.discard(Some(&plan.image), discarded).await;
        drop(lock);
    }

    /// Discards the build whose place a build has taken that was made again, unless a container still uses the old one.
    pub(super) async fn discard_replaced(&self, planned: &Planned<'_>) {
        let plan = planned.plan;
        let made = plan.build.made_anew.as_ref();
        let Some(old) = made.and_then(|made| made.replaces.as_ref()) else {
            return;
        };
        let mut labels = self.project.labels();
        labels.insert(LABEL_BUILD.to_owned(), old.clone());
        let Ok(volumes) = self.engine.volumes(&labels).await else {
            return;
        };
        let of = |kind: Kind| {
            let mut found = volumes.iter();
            found.find(move |volume| Kind::of(&volume.labels) == Some(kind))
        };
        if let Some(build) = of(Kind::Build)
            && self.give_up(build, of(Kind::Built)).await
        {
            self.discard(Some(&plan.image), vec![build.name.clone()])
                .await;
        }
    }

    /// Removes the mark of a build, unless a container uses the build: without its mark it counts as unfinished, and
    /// no container gets it again. Returns whether it is so.
    pub(super) async fn give_up(&self, build: &Volume, mark: Option<&Volume>) -> bool {
        if self.is_used(build).await {
            return false;
        }
        let Some(mark) = mark else { return true };
        if self.engine.remove_volume(&mark.name).await.is_err() {
            return false;
        }
        // A command that makes a container on a build looks for the mark afterwards, so one of the two sees the
        // other.
        if !self.is_used(build).await {
            return true;
        }
        let again = VolumeSpec {
            name: mark.name.clone(),
            labels: mark.labels.clone(),
            directory_of: None,
            memory: None,
            layers: None,
        };
        let _ = self.engine.create_volume(&again).await;
        false
    }

    /// Whether a container uses a build. An engine that does not say counts as a yes.
    async fn is_used(&self, build: &Volume) -> bool {
        let Some(id) = build.labels.get(LABEL_BUILD) else {
            return false;
        };
        let mut users = self.project.labels();
        users.insert(LABEL_BUILD.to_owned(), id.clone());
        let users = self.engine.containers(&users).await;
        !users.is_ok_and(|users| users.is_empty())
    }

    /// Whether a build still counts as finished.
    pub(super) async fn is_still_built(&self, build: &BuildPlan) -> Result<bool> {
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        Ok(is_built(build, &volumes))
    }
}
