//! What is asked of the engine, in which order, and what is not asked.

use super::*;
use crate::engine::Engine;
use crate::engine::fake::Fault;
use crate::event;
use crate::event::Step;

/// Without mounts and workers, so that the order is easy to see.
pub(super) const PLAIN: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    hooks:
      build: echo building
      deploy: echo deploying
      post_deploy: echo deployed
    web: { commands: { start: node server.js } }
    operations:
      greet: { commands: { start: echo hello } }
";

impl World {
    /// What was changed since the last time this was asked, with builds' ids as `…`.
    pub(super) fn changed(&self) -> Vec<String> {
        let mut all = changes(&self.engine.take_calls(), &self.project);
        for line in &mut all {
            for build in self.prepare().plans.iter().map(|plan| &plan.build.id) {
                *line = line.replace(&build[..12], "…");
            }
        }
        all
    }

    pub(super) fn container_id(&self, name: &str) -> String {
        let name = self.project.name(&["local", name]);
        self.engine.store().find(&name).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_run_makes_image_build_and_container_runs_the_hooks_and_then_the_operation() {
    let world = World::new(PLAIN);
    world.run().await.unwrap();
    assert_eq!(
        world.changed(),
        [
            &format!("pull_image {BASE}"),
            "create_network builds-1332aaa249",
            "build_image upsun-local/nodejs-24:1",
            // What a crash may have left.
            "remove_volume shop-built-…",
            "remove_volume shop-build-…",
            "create_volume shop-build-…",
            "create_volume cache",
            "create_volume packages",
            "create_container shop-building-…",
            "upload",
            "start_container",
            "exec echo building",
            "exec our own",
            "remove_container shop-building-…",
            "create_volume shop-built-…",
            "create_network local",
            "create_container local-shop-starting",
            "start_container",
            "exec echo deploying",
            "exec echo deployed",
            "rename_container local-shop",
            "exec echo hello",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_web_server_starts_when_the_deploy_hook_is_through() {
    let world = World::new(WITH_FRONT);
    let prepared = world.prepare();
    let up = async || {
        world
            .on(async |sandbox| {
                let containers = sandbox.containers().await?;
                let reached = [world.planned(&prepared, &prepared.plans[0])];
                sandbox.ensure_reached(&reached, containers).await
            })
            .await
            .unwrap();
        world.changed()
    };
    let first = up().await;
    let deploy = first.iter().position(|call| call == "create_network local");
    let name = world.project.name(&["local", "api", "+front"]);
    let front = name.replace(&format!("upsun-{}-", world.project.key), "");
    assert_eq!(
        first[deploy.unwrap()..],
        [
            "create_network local",
            "create_container local-api-starting",
            "start_container",
            "exec echo deploying",
            // Whether the app listens, and then its front.
            "exec our own",
            &format!("pull_image {}", plan::front::IMAGE),
            &format!("create_container {front}"),
            "upload",
            "start_container",
            "exec our own",
            "exec echo deployed",
            "rename_container local-api",
        ]
    );
    assert_eq!(up().await, Vec::<String>::new());
    // One that died comes back alone.
    let id = world.engine.store().find(&name).unwrap();
    world.engine.remove_container(&id).await.unwrap();
    world.changed();
    assert_eq!(
        up().await,
        [
            &format!("create_container {front}"),
            "upload",
            "start_container",
            "exec our own"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_run_only_runs() {
    let world = World::new(PLAIN);
    world.run().await.unwrap();
    world.changed();
    world.run().await.unwrap();
    assert_eq!(world.changed(), ["exec echo hello"]);
}

#[tokio::test(start_paused = true)]
async fn an_up_with_nothing_changed_changes_nothing() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    world.changed();
    let deployed = world.up().await.unwrap();
    assert!(deployed.iter().all(|deployed| !deployed.fresh));
    assert_eq!(world.changed(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_redeploy_with_nothing_changed_runs_the_post_deploy_hook_only() {
    let world = World::new(&PLAIN.replace("echo deployed", "exit 6"));
    world.up().await.unwrap();
    world.changed();
    let prepared = world.prepare();
    let redeploy = async || {
        let plan = &prepared.plans[0];
        let planned = world.planned(&prepared, plan);
        world
            .on(async |sandbox| {
                let containers = sandbox.containers().await?;
                let container = &plan.containers[0];
                let deployed = sandbox
                    .ensure_container(&planned, container, &containers)
                    .await?;
                sandbox.redeploy(&planned, container, deployed).await
            })
            .await
            .unwrap()
    };
    let deployed = redeploy().await;
    assert!(!deployed.fresh);
    assert_eq!(deployed.failed_hooks, [Step::PostDeployHook]);
    assert_eq!(world.changed(), ["exec exit 6"]);
    // A new container ran it already.
    let id = world.container_id("shop");
    world.engine.store().remove_container(&id);
    assert!(redeploy().await.fresh);
    let runs = |line: &&String| *line == "exec exit 6";
    assert_eq!(world.changed().iter().filter(runs).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_stopped_is_started_again_without_its_hooks() {
    let world = World::new(PLAIN);
    let first = world.up().await.unwrap();
    world
        .on(async |sandbox| Ok(sandbox.engine.stop_container(&first[0].id).await?))
        .await
        .unwrap();
    world.changed();
    let second = world.up().await.unwrap();
    assert_eq!(second[0].id, first[0].id);
    assert_eq!(world.changed(), ["start_container"]);
}

#[tokio::test(start_paused = true)]
async fn another_commit_replaces_the_old_container_once_its_build_is_there() {
    let world = World::new(PLAIN);
    world.up().await.unwrap();
    let old = world.container_id("shop");
    world.changed();
    world.file("server.js", "listen(8080)");
    world.up().await.unwrap();
    let changed = world.changed();
    let at = |wanted: &str| {
        changed
            .iter()
            .position(|line| line == wanted)
            .unwrap_or_else(|| panic!("{wanted}: {changed:#?}"))
    };
    assert!(at("create_volume shop-built-…") < at(&format!("stop_container {old}")));
    assert!(at(&format!("stop_container {old}")) < at(&format!("remove_container {old}")));
    assert!(at(&format!("remove_container {old}")) < at("create_container local-shop-starting"));
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_deploy_only_makes_a_new_container_from_the_same_build() {
    let config = PLAIN.replace("root: /", "root: shop");
    let world = World::new(&config);
    std::fs::create_dir(world.project.root.join("shop")).unwrap();
    world.file("shop/server.js", "listen()");
    world.up().await.unwrap();
    let old = world.container_id("shop");
    world.changed();
    world.file(
        ".upsun/config.yaml",
        &config.replace("node server.js", "node other.js"),
    );
    world.up().await.unwrap();
    assert_eq!(
        world.changed(),
        [
            &format!("stop_container {old}"),
            &format!("remove_container {old}"),
            "create_container local-shop-starting",
            "start_container",
            // Whether anything is left of the build.
            "exec our own",
            "exec echo deploying",
            "exec echo deployed",
            "rename_container local-shop",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_leaves_the_old_container_running() {
    let world = World::new(PLAIN);
    world.up().await.unwrap();
    let before = world.objects();
    world.file(
        ".upsun/config.yaml",
        &PLAIN.replace("echo building", "exit 3"),
    );
    let err = world.up().await.unwrap_err();
    assert!(
        matches!(
            err,
            Error::Build {
                step: Step::BuildHook,
                exit_code: 3,
                ..
            }
        ),
        "{err:?}"
    );
    assert_eq!(world.objects(), before);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_is_told_and_undoes_nothing() {
    let world = World::new(&PLAIN.replace("echo deploying", "exit 4"));
    let deployed = world.up().await.unwrap();
    assert_eq!(deployed[0].failed_hooks, [Step::DeployHook]);
    let told = world.take_told();
    assert!(told.iter().any(|event| matches!(
        event,
        Event::Script(event::Script::Finished {
            step: Step::DeployHook,
            exit_code: 4,
            ..
        })
    )));
    // The hook after it runs all the same, and the container is up under its own name.
    assert!(told.iter().any(|event| matches!(
        event,
        Event::Script(event::Script::Finished {
            step: Step::PostDeployHook,
            exit_code: 0,
            ..
        })
    )));
    world.container_id("shop");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_removed_behind_our_back_is_made_again() {
    let world = World::new(PLAIN);
    world.up().await.unwrap();
    let id = world.container_id("shop");
    world.engine.store().remove_container(&id);
    world.engine.store().images.clear();
    world.changed();
    world.up().await.unwrap();
    assert_eq!(
        world.changed()[..5],
        [
            "create_container local-shop-starting",
            &format!("pull_image {BASE}"),
            "build_image upsun-local/nodejs-24:1",
            "create_container local-shop-starting",
            "start_container",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_always_pulls_gets_a_newer_image_under_what_is_up() {
    let mut world = World::new(PLAIN);
    world.up().await.unwrap();
    world.pull = Pull::Always;
    world.changed();
    world.up().await.unwrap();
    assert_eq!(world.changed(), [format!("pull_image {BASE}")]);
    // The registry has another one under that name by now.
    world.engine.store().images.remove(BASE);
    let before = world.container_id("shop");
    world.up().await.unwrap();
    let changed = world.changed();
    for call in ["build_image upsun-local/nodejs-24:1", "exec echo building"] {
        assert!(changed.iter().any(|line| line == call), "{changed:?}");
    }
    assert_ne!(world.container_id("shop"), before);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_built_says_why_in_its_own_words() {
    let world = World::new(PLAIN);
    world.engine.image_lines(&[
        "Step 1/2 : FROM node",
        "upsun-local: failed no such package",
    ]);
    world.engine.fault_on(
        "build_image",
        0,
        Fault::LoseAnswer(|| crate::engine::Error::ImageBuild {
            image: "i".to_owned(),
            reason: "returned a non-zero code: 1".to_owned(),
        }),
    );
    let err = world.up().await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the image `i` cannot be built: no such package"
    );
}

#[tokio::test(start_paused = true)]
async fn output_that_breaks_off_is_the_engines_failure_not_the_hooks() {
    let world = World::new(PLAIN);
    world.engine.fault_on(
        "exec",
        0,
        Fault::Cut(|| crate::engine::Error::Lost("reset".to_owned())),
    );
    let err = world.up().await.unwrap_err();
    assert!(
        matches!(err, Error::Engine(crate::engine::Error::Lost(_))),
        "{err:?}"
    );
    let told = world.take_told();
    assert!(
        !told
            .iter()
            .any(|event| matches!(event, Event::Script(event::Script::Finished { .. }))),
        "{told:?}"
    );
}
