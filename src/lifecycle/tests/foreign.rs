//! Images that a stranger names are the registry's, not this machine's.

use std::collections::BTreeSet;

use super::order::PLAIN;
use super::*;
use crate::engine::Engine;
use crate::labels::Labels;

fn stranger() -> World {
    let mut world = World::new(PLAIN);
    world.foreign = BTreeSet::from([BASE.to_owned()]);
    world
}

fn refusal(result: Result<Vec<Deployed>>) -> String {
    match result {
        Err(err @ Error::ForeignImage { .. }) => err.to_string(),
        other => panic!("{other:?}"),
    }
}

fn confirmed(world: &World) -> String {
    std::fs::read_to_string(world.project.state_dir.join("confirmed-images")).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_only_this_machine_has_is_refused_also_below_a_derived_one() {
    let world = stranger();
    world.engine.store().add_image(BASE, Labels::new());
    let words = refusal(world.up().await);
    assert!(words.ends_with("only this machine has it"), "{words}");
    assert!(
        !world
            .changed()
            .iter()
            .any(|call| call.starts_with("pull_image"))
    );

    // The user's own settings make the same derived image elsewhere.
    let mut own = World::new(PLAIN);
    own.engine.store().add_image(BASE, Labels::new());
    own.up().await.unwrap();
    let id = own.container_id("shop");
    own.engine.store().remove_container(&id);
    own.foreign = BTreeSet::from([BASE.to_owned()]);
    own.changed();
    refusal(own.up().await);
}

#[tokio::test(start_paused = true)]
async fn an_image_of_a_registry_is_asked_for_once() {
    let world = stranger();
    world.up().await.unwrap();
    assert_eq!(confirmed(&world).lines().count(), 1);
    let id = world.container_id("shop");
    world.engine.store().remove_container(&id);
    world.engine.store().registry.clear();
    world.changed();
    world.up().await.unwrap();
    let pulls = |calls: Vec<String>| {
        let pulls = calls
            .into_iter()
            .filter(|call| call.starts_with("pull_image"));
        pulls.count()
    };
    assert_eq!(pulls(world.changed()), 0);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_was_pulled_before_counts_once_the_registry_gives_it_to_anybody() {
    let world = stranger();
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    world.changed();
    world.up().await.unwrap();
    assert!(world.changed().contains(&format!("pull_image {BASE}")));

    // It was pulled with a password, or the registry is out of reach.
    let world = stranger();
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    world.engine.store().registry.remove(BASE);
    let words = refusal(world.up().await);
    assert!(words.contains("does not confirm"), "{words}");
    assert_eq!(confirmed(&world), "");
}

#[tokio::test(start_paused = true)]
async fn without_a_question_to_the_registry_only_confirmed_images_count() {
    let mut world = stranger();
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    world.pull = Pull::Never;
    let words = refusal(world.up().await);
    assert!(words.contains("`--pull never`"), "{words}");
    world.pull = Pull::Missing;
    world
        .engine
        .pull_image(crate::plan::front::IMAGE, &|_| {})
        .await
        .unwrap();
    world.up().await.unwrap();
    world.pull = Pull::Never;
    let id = world.container_id("shop");
    world.engine.store().remove_container(&id);
    world.up().await.unwrap();
}
