//! Which builds are kept, and for how long.

use super::*;
use crate::engine::fake::Fault;
use crate::lifecycle::Down;

/// As little as can be built and brought up.
const BARE: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    web: { commands: { start: node server.js } }
";

impl World {
    /// Makes a commit and brings it up.
    async fn commit(&self, content: &str) -> Result<String> {
        self.file("server.js", content);
        let prepared = self.prepare();
        self.up_with(&prepared).await?;
        Ok(prepared.plans[0].build.id[..12].to_owned())
    }

    /// The names of volumes with that word in them.
    fn volumes_of(&self, word: &str) -> BTreeSet<String> {
        let store = self.engine.store();
        let names = store.volumes.keys();
        names
            .filter_map(|name| Some(name.split_once(&format!("-{word}-"))?.1.to_owned()))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_three_builds_are_kept_with_their_marks() {
    let world = World::new(BARE);
    let mut builds = Vec::new();
    for content in ["a", "b", "c", "d", "e"] {
        builds.push(world.commit(content).await.unwrap());
    }
    let last: BTreeSet<String> = builds[2..].iter().cloned().collect();
    assert_eq!(world.volumes_of("build"), last);
    assert_eq!(world.volumes_of("built"), last);
}

#[tokio::test(start_paused = true)]
async fn going_back_to_a_commit_reuses_its_build() {
    let world = World::new(BARE);
    world.commit("a").await.unwrap();
    world.commit("b").await.unwrap();
    world.engine.take_calls();
    world.commit("a").await.unwrap();
    let calls = world.engine.take_calls();
    assert!(
        !calls.iter().any(|call| call.subject.contains("-building-")),
        "{calls:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_that_another_environment_uses_is_kept_however_old_it_is() {
    let mut world = World::new(BARE);
    let used = world.commit("a").await.unwrap();
    "staging".clone_into(&mut world.environment.name);
    let mut builds = Vec::new();
    for content in ["b", "c", "d", "e"] {
        builds.push(world.commit(content).await.unwrap());
    }
    let mut kept: BTreeSet<String> = builds[1..].iter().cloned().collect();
    kept.insert(used);
    assert_eq!(world.volumes_of("build"), kept);
    assert_eq!(world.volumes_of("built"), kept);
    // Once nobody uses it, the next build takes it away.
    "local".clone_into(&mut world.environment.name);
    world
        .on(async |sandbox| sandbox.down(Down::KeepVolumes).await)
        .await
        .unwrap();
    builds.push(world.commit("f").await.unwrap());
    assert_eq!(
        world.volumes_of("build"),
        builds[2..].iter().cloned().collect()
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_never_finished_takes_no_finished_ones_place() {
    let world = World::new(BARE);
    let mut builds = Vec::new();
    for content in ["a", "b"] {
        builds.push(world.commit(content).await.unwrap());
    }
    world.file("server.js", "never finished");
    world.engine.fault_on("upload", 0, Fault::Hang);
    tokio::select! {
        result = world.up() => panic!("{result:?}"),
        () = world.engine.hung() => {}
    }
    assert_eq!(world.volumes_of("build").len(), 3);
    builds.push(world.commit("c").await.unwrap());
    assert_eq!(world.volumes_of("build"), builds.into_iter().collect());
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_was_cut_short_leaves_no_mark_without_its_build() {
    let world = World::new(BARE);
    for content in ["a", "b", "c"] {
        world.commit(content).await.unwrap();
    }
    // The fourth build removes its own old mark and volume, then the first's volume, then its mark.
    world.engine.fault_on("remove_volume", 3, Fault::Hang);
    world.file("server.js", "d");
    tokio::select! {
        result = world.up() => panic!("{result:?}"),
        () = world.engine.hung() => {}
    }
    assert_eq!(world.volumes_of("build").len(), 3);
    assert_eq!(world.volumes_of("built").len(), 4);
    world.commit("e").await.unwrap();
    assert_eq!(world.volumes_of("built"), world.volumes_of("build"));
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_replaces_a_build_and_what_runs_on_it_in_every_environment() {
    let mut world = World::new(BARE);
    world.commit("a").await.unwrap();
    "staging".clone_into(&mut world.environment.name);
    world.commit("a").await.unwrap();
    world.rebuild = true;
    let deployed = world.up().await.unwrap();
    assert!(deployed[0].fresh);
    let names: Vec<String> = world
        .engine
        .store()
        .containers
        .values()
        .map(|held| held.name.clone())
        .collect();
    assert_eq!(names, [world.project.name(&["staging", "shop"])]);
}
