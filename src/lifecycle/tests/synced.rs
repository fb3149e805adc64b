//! Edited copies of apps, beside the deployed ones.

use super::*;
use crate::engine::Error as EngineError;
use crate::engine::fake::Fault;
use crate::event;
use crate::lifecycle::{Synced, synced_of};

impl World {
    /// Starts the edited copy of the first app, which is up.
    async fn edit(&self, token: &str) -> Result<Synced> {
        let prepared = self.prepare();
        let plan = &prepared.plans[0];
        self.on(async |sandbox| {
            let lock = sandbox.lock("dev").await?;
            let planned = self.planned(&prepared, plan);
            let synced = sandbox.make_synced(&planned, plan, token).await?;
            lock.release();
            Ok(synced)
        })
        .await
    }

    async fn leave(&self) -> Result<bool> {
        self.on(async |sandbox| {
            let lock = sandbox.lock("dev").await?;
            let had_any = sandbox.leave_dev().await?;
            self.tidy(sandbox).await;
            lock.release();
            Ok(had_any)
        })
        .await
    }

    /// How many containers and volumes there are for edited apps.
    fn of_dev(&self) -> usize {
        let store = self.engine.store();
        let labels = store.containers.values().map(|held| &held.spec.labels);
        let labels = labels.chain(store.volumes.values().map(|held| &held.spec.labels));
        labels
            .filter(|labels| Kind::of(labels).is_some_and(Kind::is_of_dev))
            .count()
    }
}

#[tokio::test(start_paused = true)]
async fn the_edited_app_is_read_only_and_leaves_nothing() {
    let world = World::new(WITH_FRONT);
    world.up().await.unwrap();
    let before = world.objects();
    let synced = world.edit("a").await.unwrap();
    assert!(world.of_dev() > 4);
    let container = &synced.plan.container().unwrap().container;
    let app = container.volumes.iter().find(|it| it.target == "/app");
    let app = app.unwrap();
    assert!(app.read_only && container.read_only);
    let copy = synced.plan.volumes.last().unwrap();
    assert_eq!(app.volume, copy.name);
    let writes = |mount: &VolumeMount| mount.volume == copy.name && !mount.read_only;
    assert!(synced.plan.helper.volumes.iter().any(writes));
    // The socket of the deployed app is its own.
    let deployed = &world.prepare().plans[0].containers[0];
    let socket = &deployed.socket.as_ref().unwrap().name;
    assert!(container.volumes.iter().all(|it| it.volume != *socket));
    // What was there is as it was.
    assert!(before.is_subset(&world.objects()));
    assert!(world.leave().await.unwrap());
    assert_eq!(world.objects(), before);
    assert!(!world.leave().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_overlays_gets_a_copy() {
    let refused = || EngineError::Other("unknown file system type overlay".to_owned());
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.engine.take_calls();
    world
        .engine
        .fault_on("start_container", 0, Fault::Refuse(refused));
    let synced = world.edit("a").await.unwrap();
    assert_eq!(synced.plan.volumes.len(), 1);
    assert_eq!(synced.plan.volumes[0].layers, None);
    let helpers = |world: &World| {
        let store = world.engine.store();
        let kinds = store
            .containers
            .values()
            .map(|it| Kind::of(&it.spec.labels));
        kinds.filter(|kind| *kind == Some(Kind::Syncing)).count()
    };
    assert_eq!(helpers(&world), 1);
    world.leave().await.unwrap();
    assert_eq!(world.of_dev(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_next_command_removes_what_a_killed_dev_left() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    let right = world.on(async |sandbox| sandbox.lock_dev()).await.unwrap();
    let second = world.on(async |sandbox| sandbox.lock_dev()).await;
    assert!(matches!(
        second,
        Err(Error::Lock(crate::lock::Error::Busy { .. }))
    ));
    world.edit("a").await.unwrap();
    // As long as it lives, others leave everything alone.
    world.run().await.unwrap();
    assert!(world.of_dev() > 0);
    world.take_told();
    // The kernel frees the lock of a killed process, and what is written in the file stays.
    drop(right);
    world.run().await.unwrap();
    assert_eq!(world.of_dev(), 0);
    let cut_off = |told: &Event| match told {
        Event::Notice(event::Notice::Warning { message, .. }) => message.contains("was cut off"),
        _ => false,
    };
    assert_eq!(
        world
            .take_told()
            .iter()
            .filter(|told| cut_off(told))
            .count(),
        1
    );
    world.run().await.unwrap();
    assert!(!world.take_told().iter().any(cut_off));
}

#[tokio::test(start_paused = true)]
async fn a_newer_copy_takes_the_place_of_an_older_one() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    let first = world.edit("a").await.unwrap();
    let count = world.of_dev();
    let second = world.edit("b").await.unwrap();
    assert_eq!(world.of_dev(), 2 * count);
    world
        .on(async |sandbox| {
            sandbox.remove_synced(&first).await?;
            self::World::tidy(&world, sandbox).await;
            let containers = sandbox.containers().await?;
            assert_eq!(synced_of("shop", &containers).unwrap().id, second.container);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(world.of_dev(), count);
}

#[tokio::test(start_paused = true)]
async fn an_operation_runs_in_the_edited_app_without_a_build() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.file("server.js", "listen(8080)");
    let prepared = world.prepare();
    let operation = &prepared.config.apps[0].operations[0];
    let run = async || {
        world
            .on(async |sandbox| {
                let plan = &prepared.plans[0];
                let run = OperationRun {
                    operation,
                    role: "admin",
                    user: None,
                    container: &plan.containers[0],
                    variables: &BTreeMap::new(),
                    timeout: None,
                    ends_the_rest: false,
                    listens_at: None,
                };
                let planned = Planned {
                    is_synced: true,
                    ..world.planned(&prepared, plan)
                };
                let containers = sandbox.containers().await?;
                sandbox.run_operation(&planned, &run, &containers).await
            })
            .await
    };
    assert!(matches!(run().await, Err(Error::NotEdited { .. })));
    world.file("server.js", "listen()");
    world.edit("a").await.unwrap();
    world.file("server.js", "listen(8080)");
    world.engine.take_calls();
    world.take_told();
    assert_eq!(run().await.unwrap().exit_code, 0);
    assert_eq!(
        changes(&world.engine.take_calls(), &world.project),
        ["exec echo hello"]
    );
    let synced =
        |told: &Event| matches!(told, Event::Run(event::Run::Finished { synced: true, .. }));
    assert!(world.take_told().iter().any(synced));
}

/// Wherever it stops on the way up, all of it goes.
#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_on_the_way_leaves_nothing() {
    let lost = || EngineError::Lost("connection reset by peer".to_owned());
    let mut world = World::new(WITH_FRONT);
    world.up().await.unwrap();
    world.engine.take_calls();
    world.edit("a").await.unwrap();
    let count = world.engine.take_calls().len();
    assert!(count > 10);
    for nth in 0..count {
        for fault in [Fault::Refuse(lost), Fault::LoseAnswer(lost)] {
            world.engine = new_engine();
            world.up().await.unwrap();
            let before = world.objects();
            world.engine.take_calls();
            world.engine.fault(nth, fault);
            let _ = world.edit("a").await;
            world.leave().await.unwrap();
            assert_eq!(world.objects(), before, "call {nth}, {fault:?}");
        }
    }
}
