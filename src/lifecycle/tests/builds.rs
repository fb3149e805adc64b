//! Which builds are kept, and for how long.

use super::*;
use crate::engine::fake::Fault;
use crate::event;
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
async fn a_removal_that_was_cut_short_leaves_nothing_that_counts_as_built() {
    let world = World::new(BARE);
    let first = world.commit("a").await.unwrap();
    for content in ["b", "c"] {
        world.commit(content).await.unwrap();
    }
    // The fourth build removes its own old mark and volume, then the first's mark, then its volume.
    world.engine.fault_on("remove_volume", 3, Fault::Hang);
    world.file("server.js", "d");
    tokio::select! {
        result = world.up() => panic!("{result:?}"),
        () = world.engine.hung() => {}
    }
    // Nobody knows how much of it is left.
    assert!(world.volumes_of("build").contains(&first));
    assert!(!world.volumes_of("built").contains(&first));
    world.commit("e").await.unwrap();
    assert_eq!(world.volumes_of("built"), world.volumes_of("build"));
    assert_eq!(world.volumes_of("built").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_mark_of_a_build_goes_before_the_build() {
    let world = World::new(BARE);
    world.commit("a").await.unwrap();
    world.engine.take_calls();
    world
        .on(async |sandbox| sandbox.down(Down::Everything).await)
        .await
        .unwrap();
    let calls = world.engine.take_calls();
    let at = |word: &str| {
        let is_removed = |call: &Call| call.name == "remove_volume" && call.subject.contains(word);
        calls.iter().position(is_removed).unwrap()
    };
    assert!(at("-built-") < at("-build-"), "{calls:?}");
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

/// The calls that are about networks, and which container is made after which.
fn networks(calls: &[Call]) -> Vec<&str> {
    let of_networks = |call: &&Call| call.name.ends_with("_network");
    calls
        .iter()
        .filter(of_networks)
        .map(|call| call.name)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_container_of_a_project_is_on_a_network_of_its_own_or_on_none() {
    let world = World::new(SHOP);
    world.engine.take_calls();
    let plans = world.prepare().plans;
    let name = plans[0].build.network.name.clone();
    let building = plans[0].build.container.network.clone().unwrap();
    assert_eq!(building.name, name);
    world.up().await.unwrap();
    let store = world.engine.store();
    for held in store.containers.values() {
        let network = held
            .spec
            .network
            .as_ref()
            .map(|network| network.name.as_str());
        let labels = network.map(|name| &store.networks[name]);
        let is_own = |labels: &crate::labels::Labels| {
            labels.get(crate::labels::LABEL_PROJECT) == Some(&world.project.key)
        };
        assert!(labels.is_none_or(is_own), "{}", held.name);
        assert_ne!(network, Some(name.as_str()), "{}", held.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_network_of_builds_is_made_once_and_goes_with_down() {
    let world = World::new(SHOP);
    let name = world.prepare().plans[0].build.network.name.clone();
    world.up().await.unwrap();
    assert!(world.engine.store().networks.contains_key(&name));
    world.file("server.js", "listen(8080)");
    world.engine.take_calls();
    world.up().await.unwrap();
    let calls = world.engine.take_calls();
    assert!(
        calls
            .iter()
            .any(|call| call.subject == "echo building" || call.name == "exec")
    );
    assert_eq!(networks(&calls), [""; 0]);
    world
        .on(async |sandbox| sandbox.down(crate::lifecycle::Down::KeepVolumes).await)
        .await
        .unwrap();
    assert_eq!(world.engine.store().networks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_build_whose_network_another_down_removed_makes_it_again() {
    let world = World::new(SHOP);
    world.engine.fault_on(
        "start_container",
        0,
        crate::engine::fake::Fault::Refuse(|| {
            crate::engine::Error::NotFound("network upsun-shop-builds not found".to_owned())
        }),
    );
    world.up().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_image_is_built_on_the_network_of_builds() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    let calls = world.engine.take_calls();
    let at = |name: &str| calls.iter().position(|call| call.name == name).unwrap();
    assert!(at("create_network") < at("build_image"));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_killed_for_want_of_memory_says_so() {
    let world = World::new(&SHOP.replace("echo building", "hog"));
    world.up().await.unwrap_err();
    assert_eq!(warnings(&world), [memory_warning()]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_killed_for_want_of_memory_says_so_and_no_other() {
    let world = World::new(&SHOP.replace("echo hello", "hog"));
    world.run().await.unwrap();
    assert_eq!(warnings(&world), [memory_warning()]);
    let world = World::new(&SHOP.replace("echo hello", "exit 137"));
    world.run().await.unwrap();
    assert_eq!(warnings(&world), []);
}

fn memory_warning() -> (String, Option<String>) {
    (
        "a process of `shop` was killed: its container had used all the memory that it may have"
            .to_owned(),
        Some(crate::lifecycle::MEMORY_HINT.to_owned()),
    )
}

fn warnings(world: &World) -> Vec<(String, Option<String>)> {
    let told = world.take_told();
    let warnings = told.into_iter().filter_map(|event| match event {
        Event::Notice(event::Notice::Warning { message, hint }) => Some((message, hint)),
        _ => None,
    });
    warnings.collect()
}

#[tokio::test(start_paused = true)]
async fn a_user_with_other_ids_has_caches_of_its_own() {
    let mut world = World::new(BARE);
    let caches = |world: &World| -> BTreeSet<String> {
        let store = world.engine.store();
        let caches = store.volumes.iter().filter(|(_, held)| {
            matches!(
                Kind::of(&held.spec.labels),
                Some(Kind::Cache | Kind::Packages)
            )
        });
        caches.map(|(name, _)| name.clone()).collect()
    };
    world.commit("a").await.unwrap();
    let usual = caches(&world);
    assert_eq!(usual.len(), 2);
    world.user = User {
        uid: 1000,
        gid: 1000,
    };
    world.commit("b").await.unwrap();
    let both = caches(&world);
    assert!(both.is_superset(&usual) && both.len() == 4, "{both:?}");
    // The ids of earlier builds find the caches of earlier builds.
    world.user = User::default();
    world.commit("c").await.unwrap();
    assert_eq!(caches(&world), both);
}
