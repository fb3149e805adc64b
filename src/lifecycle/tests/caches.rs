//! `build.caches` in a build.

use super::*;
use crate::event::{Build, CacheResult};

const CACHED: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    hooks: { build: echo building }
    build:
      caches:
        modules: { directory: node_modules, watch: 'lock.*' }
        assets: { watch: [lock.json], allow_stale: true }
    web: { commands: { start: node server.js } }
";

fn results(world: &World) -> Vec<(String, CacheResult)> {
    let told = world.take_told();
    let results = told.into_iter().filter_map(|event| match event {
        Event::Build(Build::Cache { cache, result, .. }) => Some((cache, result)),
        _ => None,
    });
    results.collect()
}

fn warnings(world: &World) -> Vec<String> {
    let told = world.take_told();
    let warnings = told.into_iter().filter_map(|event| match event {
        Event::Notice(crate::event::Notice::Warning { message, .. }) => Some(message),
        _ => None,
    });
    warnings.collect()
}

fn both(modules: CacheResult, assets: CacheResult) -> Vec<(String, CacheResult)> {
    vec![
        ("modules".to_owned(), modules),
        ("assets".to_owned(), assets),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_watched_files_alone_decide_what_a_build_finds() {
    use CacheResult::{Hit, Miss, Stale};
    let world = World::new(CACHED);
    world.file("lock.json", "1");
    world.up().await.unwrap();
    assert_eq!(results(&world), both(Miss, Miss));
    world.file("server.js", "another");
    world.up().await.unwrap();
    assert_eq!(results(&world), both(Hit, Hit));
    world.file("lock.json", "2");
    world.up().await.unwrap();
    assert_eq!(results(&world), both(Miss, Stale));
    // `modules` watches this file, and `assets` does not.
    world.file("lock.yaml", "");
    world.up().await.unwrap();
    assert_eq!(results(&world), both(Miss, Hit));
}

#[tokio::test(start_paused = true)]
async fn apps_find_the_caches_of_each_other_only_if_they_share_them() {
    for (more, expected) in [
        ("", CacheResult::Miss),
        (", share_between_apps: true", CacheResult::Hit),
    ] {
        let app = format!(
            "type: nodejs:24, source: {{ root: / }}, hooks: {{ build: echo building }}, build: {{ caches: {{ made: {{ watch: lock{more} }} }} }}"
        );
        let world = World::new(&format!(
            "applications:\n  a: {{ {app} }}\n  b: {{ {app} }}\n"
        ));
        world.file("lock", "1");
        world.up().await.unwrap();
        let made = |result| ("made".to_owned(), result);
        assert_eq!(results(&world), [made(CacheResult::Miss), made(expected)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_saves_nothing() {
    let world = World::new(&CACHED.replace("echo building", "exit 1"));
    world.file("lock.json", "1");
    world.up().await.unwrap_err();
    world.take_told();
    world.file(".upsun/config.yaml", CACHED);
    world.up().await.unwrap();
    assert_eq!(results(&world), both(CacheResult::Miss, CacheResult::Miss));
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_cannot_be_restored_or_saved_is_a_warning() {
    // The first command in the container restores a cache, and the fourth saves it.
    for (at, done) in [(0, "restored"), (3, "saved")] {
        let world = World::new(CACHED);
        world.file("lock.json", "1");
        let broken = || crate::engine::Error::Other("broken".to_owned());
        world
            .engine
            .fault_on("exec", at, crate::engine::fake::Fault::Refuse(broken));
        world.up().await.unwrap();
        let expected = format!(
            "`shop`: the build cache `modules` cannot be {done}: the container engine says: broken"
        );
        assert_eq!(warnings(&world), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pattern_that_matches_no_file_is_a_warning() {
    let world = World::new(CACHED);
    world.file("lock.yaml", "");
    world.up().await.unwrap();
    assert_eq!(
        warnings(&world),
        [
            "`shop`: no file of the source matches `watch` of the build cache `assets`, so the cache always fits"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_deployed_container_has_the_caches() {
    let world = World::new(CACHED);
    world.file("lock.json", "1");
    world.up().await.unwrap();
    let volume = world.project.name(&["packages"]);
    let store = world.engine.store();
    assert!(store.volumes.contains_key(&volume));
    for held in store.containers.values() {
        let has = |mount: &VolumeMount| mount.volume == volume;
        assert!(!held.spec.volumes.iter().any(has), "{}", held.name);
    }
}
