//! Derived images that can do without one of the images that they are made from.

use super::order::PLAIN;
use super::*;
use crate::engine::spec::ImageCopy;

const BUN: &str = "oven/bun:1";

fn prepared(world: &World, without: Option<&str>) -> Prepared {
    let mut prepared = world.prepare();
    prepared.image.plan.copies.push(ImageCopy {
        image: BUN.to_owned(),
        from: "/usr/local/bin/bun".to_owned(),
        to: "/usr/local/bin/bun".to_owned(),
        without: without.map(str::to_owned),
    });
    prepared
}

fn asked_for(world: &World) -> usize {
    let calls = world.engine.take_calls();
    let pulls = calls.iter().filter(|call| call.name == "pull_image");
    pulls.filter(|call| call.subject == BUN).count()
}

fn warnings(world: &World) -> Vec<String> {
    let told = world.take_told();
    let told = told.iter().map(|event| format!("{event:?}"));
    told.filter(|event| event.contains("is missing in the container"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_image_cannot_be_had_is_missing_and_told_once() {
    let world = World::new(PLAIN);
    let prepared = prepared(&world, Some("bun"));
    world.up_with(&prepared).await.unwrap();
    assert_eq!(asked_for(&world), 1);
    let told = warnings(&world);
    assert!(told.len() == 1 && told[0].contains("`bun`"), "{told:?}");
    assert!(told[0].contains("images: { bun: <image> }"), "{told:?}");

    world.up_with(&prepared).await.unwrap();
    assert_eq!((asked_for(&world), warnings(&world).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_there_is_part_of_it() {
    let world = World::new(PLAIN);
    world.engine.store().registry.insert(BUN.to_owned());
    world.up_with(&prepared(&world, Some("bun"))).await.unwrap();
    assert_eq!((asked_for(&world), warnings(&world).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_an_image_cannot_do_without_ends_the_command() {
    let world = World::new(PLAIN);
    let result = world.up_with(&prepared(&world, None)).await;
    let Err(error) = result else {
        panic!("it is up");
    };
    assert!(error.to_string().contains(BUN), "{error}");
}
