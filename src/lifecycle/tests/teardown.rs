//! What `down` and `clean` take along, and what they leave alone.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::engine::Engine;
use crate::engine::fake::Fault;
use crate::engine::spec::{ContainerSpec, Network, VolumeMount, VolumeSpec};
use crate::labels::Labels;
use crate::lifecycle::{Down, Kept};

impl World {
    async fn down(&self, down: Down) -> Result<Kept> {
        self.on(async |sandbox| sandbox.down(down).await).await
    }

    async fn clean(&self) -> Result<usize> {
        self.on(async |sandbox| {
            sandbox.down(Down::Everything).await?;
            sandbox.remove_images().await
        })
        .await
    }

    /// Puts objects next to ours that look like ours, but for their labels. Returns all that is there.
    async fn with_strangers(&self) -> BTreeSet<String> {
        let engine = &self.engine;
        let like_ours = |name: &str| self.project.name(&["local", name]);
        let mut labels = self.project.environment_labels("local");
        labels.insert(
            crate::labels::LABEL_PROJECT.to_owned(),
            format!("{}0", self.project.key),
        );
        engine
            .create_network(&like_ours("theirs"), &labels)
            .await
            .unwrap();
        for (name, labels) in [("theirs", &labels), ("nobodys", &Labels::new())] {
            let volume = VolumeSpec {
                name: like_ours(name),
                labels: labels.clone(),
                directory_of: None,
                memory: None,
                layers: None,
            };
            engine.create_volume(&volume).await.unwrap();
            engine.pull_image(BASE, &|_| {}).await.unwrap();
            let container = ContainerSpec {
                name: like_ours(name),
                image: BASE.to_owned(),
                command: ["sleep", "100000"].map(str::to_owned).to_vec(),
                labels: labels.clone(),
                volumes: vec![VolumeMount {
                    volume: like_ours(name),
                    target: "/data".to_owned(),
                    read_only: false,
                }],
                network: Some(Network {
                    name: like_ours("theirs"),
                    aliases: Vec::new(),
                    links: Vec::new(),
                }),
                ..ContainerSpec::default()
            };
            let id = engine.create_container(&container).await.unwrap();
            engine.start_container(&id).await.unwrap();
        }
        self.objects()
    }
}

/// The kinds of objects, by their own label or by what they are.
fn kinds(objects: &BTreeSet<String>) -> BTreeSet<String> {
    objects
        .iter()
        .map(|object| {
            let what = object.split(' ').next().unwrap_or_default();
            let kind = object
                .split_once("\"local.upsun.kind\": \"")
                .and_then(|(_, rest)| rest.split('"').next());
            format!("{what} {}", kind.unwrap_or_default())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn down_leaves_volumes_and_images() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.down(Down::KeepVolumes).await.unwrap();
    let kinds = kinds(&world.objects());
    assert!(
        !kinds
            .iter()
            .any(|kind| kind.starts_with("container") || kind.starts_with("network"))
    );
    for kind in [
        "storage",
        "instance",
        "tmp",
        "directory",
        "build",
        "built",
        "cache",
    ] {
        assert!(
            kinds.contains(&format!("volume {kind}")),
            "{kind}: {kinds:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn down_with_volumes_takes_the_data_of_mounts_and_leaves_builds() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.down(Down::WithVolumes).await.unwrap();
    let kinds: Vec<String> = kinds(&world.objects()).into_iter().collect();
    assert_eq!(
        kinds,
        [
            "image ",
            "volume build",
            "volume built",
            "volume cache",
            "volume packages"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn down_leaves_other_environments_alone() {
    let mut world = World::new(SHOP);
    world.up().await.unwrap();
    let mut alone = world.objects();
    // All environments share it, and it is made again when it is needed.
    alone.retain(|object| !object.contains("\"build-network\""));
    "staging".clone_into(&mut world.environment.name);
    world.up().await.unwrap();
    world.down(Down::WithVolumes).await.unwrap();
    assert_eq!(world.objects(), alone);
}

#[tokio::test(start_paused = true)]
async fn clean_takes_everything_of_the_project_and_nothing_else() {
    let mut world = World::new(SHOP);
    let strangers = world.with_strangers().await;
    world.up().await.unwrap();
    "staging".clone_into(&mut world.environment.name);
    world.up().await.unwrap();
    world.clean().await.unwrap();
    assert_eq!(world.objects(), strangers);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_somebody_elses_container_uses_stays() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    let theirs = ContainerSpec {
        name: "theirs".to_owned(),
        image: world.prepare().image.tag,
        ..ContainerSpec::default()
    };
    world.engine.create_container(&theirs).await.unwrap();
    assert_eq!(world.clean().await.unwrap(), 0);
    assert!(world.objects().contains("image upsun-local/nodejs-24:1"));
}

#[tokio::test(start_paused = true)]
async fn containers_are_stopped_side_by_side() {
    let world = World::new(SHOP);
    world.engine.program(
        |command| {
            command
                .get(1)
                .is_some_and(|word| word == crate::images::SUPERVISE)
        },
        |process| async move {
            process.catch_term();
            std::future::pending().await
        },
    );
    world.up().await.unwrap();
    let began = Instant::now();
    world.down(Down::KeepVolumes).await.unwrap();
    // Each of the two has fifteen seconds.
    assert_eq!(began.elapsed().as_secs(), Duration::from_secs(15).as_secs());
}

#[tokio::test(start_paused = true)]
async fn clean_leaves_nothing_of_an_up_that_died_at_any_call() {
    let world = World::new(SHOP);
    world.with_strangers().await;
    world.engine.take_calls();
    world.up().await.unwrap();
    let calls = world.engine.take_calls();
    for fault in [Fault::Hang, Fault::HangAfter] {
        for (nth, call) in calls.iter().enumerate() {
            let world = World::new(SHOP);
            let strangers = world.with_strangers().await;
            world.engine.fault(nth, fault);
            tokio::select! {
                result = world.up() => panic!("{result:?}"),
                () = world.engine.hung() => {}
            }
            world.clean().await.unwrap();
            let left = world.objects();
            assert_eq!(
                left, strangers,
                "dead at call {nth}, `{}` of `{}`",
                call.name, call.subject
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_that_is_refused_at_any_call_says_so_and_the_next_one_finishes() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.engine.take_calls();
    world.clean().await.unwrap();
    let calls = world.engine.take_calls();
    for (nth, call) in calls.iter().enumerate() {
        let world = World::new(SHOP);
        world.up().await.unwrap();
        world.engine.fault(
            nth,
            Fault::Refuse(|| crate::engine::Error::Other("the tide is out".to_owned())),
        );
        let err = world.clean().await.unwrap_err();
        assert_eq!(
            err.to_string(),
            "the container engine says: the tide is out",
            "`{}` of `{}`",
            call.name,
            call.subject
        );
        world.clean().await.unwrap();
        assert_eq!(world.objects(), BTreeSet::from([format!("image {BASE}")]));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_configuration_no_longer_has_goes_with_the_next_up() {
    let two = format!(
        "{SHOP}
  blog:
    type: nodejs:24
    source: {{ root: / }}
    web: {{ commands: {{ start: node blog.js }} }}
"
    );
    let world = World::new(&two);
    world.up().await.unwrap();
    let (start, _) = two.split_once("    workers:").unwrap();
    world.file(".upsun/config.yaml", start);
    world.up().await.unwrap();
    let names: Vec<String> = world
        .engine
        .store()
        .containers
        .values()
        .map(|held| held.name.clone())
        .collect();
    assert_eq!(names, [world.project.name(&["local", "shop"])]);
}
