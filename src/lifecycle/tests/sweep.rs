//! Old builds and copies are deleted beside the work, by containers of their own.

use super::*;
use crate::engine::Engine;
use crate::engine::fake::Fault;
use crate::event;
use crate::labels::{LABEL_BUILD, LABEL_VOLUMES};
use crate::lifecycle::Down;

/// As little as can be built and brought up.
const BARE: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    web: { commands: { start: node server.js } }
    operations:
      greet: { commands: { start: echo hello } }
";

/// A world in which sweepers never end.
fn with_slow_sweepers() -> World {
    let world = World::new(BARE);
    world.engine.program(
        |command| command.iter().any(|word| word.contains("-delete")),
        |_| std::future::pending(),
    );
    world
}

impl World {
    /// Brings a commit up, without time for sweepers.
    async fn hasty_commit(&self, content: &str) -> String {
        self.file("server.js", content);
        let prepared = self.prepare();
        let plan = &prepared.plans[0];
        self.on(async |sandbox| {
            let containers = sandbox.containers().await?;
            let planned = self.planned(&prepared, plan);
            sandbox
                .ensure_container(&planned, &plan.containers[0], &containers)
                .await
        })
        .await
        .unwrap();
        plan.build.id.clone()
    }

    fn has_volume(&self, word: &str, build: &str) -> bool {
        let end = format!("-{word}-{}", &build[..12]);
        let store = self.engine.store();
        store.volumes.keys().any(|name| name.ends_with(&end))
    }

    fn removals(&self) -> Vec<String> {
        let calls = self.engine.take_calls().into_iter();
        calls
            .filter(|call| call.name == "remove_volume")
            .map(|call| call.subject)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn no_build_is_deleted_before_the_container_is_up() {
    let world = with_slow_sweepers();
    let first = world.hasty_commit("a").await;
    for content in ["b", "c"] {
        world.hasty_commit(content).await;
    }
    world.engine.take_calls();
    world.hasty_commit("d").await;
    let removed = world.removals();
    // What a build clears in advance is its own, and is not there.
    assert!(
        !removed
            .iter()
            .any(|name| name.ends_with(&format!("-build-{}", &first[..12]))),
        "{removed:?}"
    );
    assert!(world.has_volume("build", &first));
    assert!(!world.has_volume("built", &first));
    let store = world.engine.store();
    let sweeper = store
        .containers
        .values()
        .find(|held| Kind::of(&held.spec.labels) == Some(Kind::Sweeper))
        .unwrap();
    assert!(sweeper.spec.labels[LABEL_VOLUMES].ends_with(&first[..12]));
    assert!(sweeper.spec.read_only);
    assert_eq!(sweeper.spec.network, None);
}

#[tokio::test(start_paused = true)]
async fn a_later_command_removes_a_sweeper_that_is_done_and_what_it_emptied() {
    let world = World::new(BARE);
    let first = world.hasty_commit("a").await;
    for content in ["b", "c", "d"] {
        world.hasty_commit(content).await;
    }
    assert_eq!(world.sweepers(), 1);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    world.run().await.unwrap();
    assert_eq!(world.sweepers(), 0);
    assert!(!world.has_volume("build", &first));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_being_deleted_is_given_to_no_second_sweeper_and_can_be_made_again() {
    let world = with_slow_sweepers();
    let first = world.hasty_commit("a").await;
    for content in ["b", "c", "d"] {
        world.hasty_commit(content).await;
    }
    world.hasty_commit("e").await;
    let volumes: Vec<String> = {
        let store = world.engine.store();
        let sweepers = store.containers.values();
        let labels = sweepers.filter_map(|held| held.spec.labels.get(LABEL_VOLUMES));
        labels.cloned().collect()
    };
    assert_eq!(volumes.len(), 2, "{volumes:?}");
    assert_ne!(volumes[0], volumes[1]);
    // Back to the first commit, whose build a sweeper holds.
    assert_eq!(world.hasty_commit("a").await, first);
    assert!(world.has_volume("built", &first));
}

#[tokio::test(start_paused = true)]
async fn down_ends_sweepers_and_clean_leaves_nothing() {
    let world = with_slow_sweepers();
    for content in ["a", "b", "c", "d"] {
        world.hasty_commit(content).await;
    }
    assert_eq!(world.sweepers(), 1);
    let down = async |down| world.on(async |sandbox| sandbox.down(down).await).await;
    down(Down::KeepVolumes).await.unwrap();
    assert_eq!(world.sweepers(), 0);
    down(Down::Everything).await.unwrap();
    assert_eq!(world.engine.store().volumes.len(), 0);
    assert_eq!(world.engine.store().containers.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_taken_into_use_meanwhile_gets_its_mark_back() {
    let world = World::new(BARE);
    let build = world.hasty_commit("a").await;
    world
        .on(async |sandbox| sandbox.down(Down::KeepVolumes).await)
        .await
        .unwrap();
    let volumes = world.engine.volumes(&world.project.labels()).await.unwrap();
    let of = |kind: Kind| {
        let mut volumes = volumes.iter();
        volumes
            .find(|volume| {
                Kind::of(&volume.labels) == Some(kind)
                    && volume.labels.get(LABEL_BUILD) == Some(&build)
            })
            .unwrap()
    };
    // The second look at who uses it has no answer, which counts as a yes.
    let no_answer = || crate::engine::Error::Lost("gone".to_owned());
    world
        .engine
        .fault_on("containers", 1, Fault::Refuse(no_answer));
    let (volume, mark) = (of(Kind::Build), of(Kind::Built));
    let given_up = world
        .on(async |sandbox| Ok(sandbox.give_up(volume, Some(mark)).await))
        .await
        .unwrap();
    assert!(!given_up);
    let again = world.engine.volumes(&world.project.labels()).await.unwrap();
    let again = again.iter().find(|volume| volume.name == mark.name);
    assert_eq!(again.map(|volume| &volume.labels), Some(&mark.labels));
}

#[tokio::test(start_paused = true)]
async fn a_container_on_a_build_that_was_given_up_meanwhile_is_made_on_a_new_build() {
    let world = World::new(BARE);
    let build = world.hasty_commit("a").await;
    world
        .on(async |sandbox| sandbox.down(Down::KeepVolumes).await)
        .await
        .unwrap();
    let prepared = world.prepare();
    let plan = &prepared.plans[0];
    let mark = plan.build.mark.name.clone();
    world.take_told();
    let id = world
        .on(async |sandbox| {
            let volumes = sandbox.engine.volumes(&world.project.labels()).await?;
            sandbox.engine.remove_volume(&mark).await?;
            sandbox.ensure_network(&plan.network).await?;
            let planned = world.planned(&prepared, plan);
            sandbox
                .start_on_build(&planned, &plan.containers[0], true, &volumes)
                .await
        })
        .await
        .unwrap();
    assert!(world.has_volume("built", &build));
    assert!(world.engine.container_state(&id).await.unwrap().is_some());
    let told = world.take_told();
    assert!(
        !told
            .iter()
            .any(|event| matches!(event, Event::Notice(crate::event::Notice::Warning { .. }))),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_that_goes_while_others_of_the_same_up_are_made_is_made_again() {
    let world = World::new(BARE);
    let build = world.hasty_commit("a").await;
    world
        .on(async |sandbox| sandbox.down(Down::KeepVolumes).await)
        .await
        .unwrap();
    let prepared = world.prepare();
    let plan = &prepared.plans[0];
    world.take_told();
    world
        .on(async |sandbox| {
            // What `--rebuild` in another environment does first.
            sandbox.engine.remove_volume(&plan.build.mark.name).await?;
            sandbox
                .engine
                .remove_volume(&plan.build.volume.name)
                .await?;
            let planned = Planned {
                is_built: true,
                ..world.planned(&prepared, plan)
            };
            sandbox
                .ensure_container(&planned, &plan.containers[0], &[])
                .await
        })
        .await
        .unwrap();
    assert!(world.has_volume("build", &build) && world.has_volume("built", &build));
    let told = world.take_told();
    let is_start = |event: &&Event| matches!(event, Event::Build(event::Build::Started { .. }));
    assert_eq!(told.iter().filter(is_start).count(), 1, "{told:?}");
}
