//! Several apps are built at once.

use super::*;
use crate::event;

/// Three apps whose builds take five seconds each.
const THREE: &str = r"
applications:
  one:
    type: nodejs:24
    source: { root: / }
    hooks: { build: sleep 5 }
    web: { commands: { start: node server.js } }
  two:
    type: nodejs:24
    source: { root: / }
    hooks: { build: sleep 5 }
    web: { commands: { start: node server.js } }
  three:
    type: nodejs:24
    source: { root: / }
    hooks: { build: sleep 5 }
    web: { commands: { start: node server.js } }
";

impl World {
    /// Builds all apps, and returns how many seconds that took.
    async fn build_together(&self, jobs: usize) -> (Result<usize>, u64) {
        let prepared = self.prepare();
        let plans = prepared.plans.iter();
        let all: Vec<Planned<'_>> = plans.map(|plan| self.planned(&prepared, plan)).collect();
        let began = tokio::time::Instant::now();
        let result = self
            .on(async |sandbox| {
                let surplus = sandbox.build_together(&all, &[], jobs).await?;
                Ok(surplus.len())
            })
            .await;
        (result, began.elapsed().as_secs())
    }

    fn finished_builds(&self) -> usize {
        let told = self.take_told();
        let is_finished =
            |event: &&Event| matches!(event, Event::Build(event::Build::Finished { .. }));
        told.iter().filter(is_finished).count()
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_apps_are_built_at_once_as_are_allowed() {
    for (jobs, seconds) in [(3, 5), (2, 10), (1, 15)] {
        let world = World::new(THREE);
        let (result, took) = world.build_together(jobs).await;
        assert_eq!((result.unwrap(), took), (3, seconds), "{jobs}");
        assert_eq!(world.finished_builds(), 3);
        let calls = world.engine.take_calls();
        let count = |name: &str| calls.iter().filter(|call| call.name == name).count();
        assert_eq!(count("build_image"), 1);
        // That of the environment, and that of builds.
        assert_eq!(count("create_network"), 2);
        // Nothing is left to do.
        let (result, took) = world.build_together(jobs).await;
        assert_eq!((result.unwrap(), took), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_lets_the_others_end_and_all_failures_are_named() {
    let config = THREE.replacen("sleep 5", "exit 3", 1);
    let world = World::new(&config);
    let (result, took) = world.build_together(3).await;
    let err = result.unwrap_err();
    assert!(
        matches!(&err, Error::Build { app, exit_code: 3, .. } if app == "one"),
        "{err}"
    );
    assert_eq!(took, 5);
    assert_eq!(world.finished_builds(), 2);

    let world = World::new(&config.replacen("sleep 5", "exit 4", 1));
    let (result, _) = world.build_together(3).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "2 apps failed:\n  \
         the build of `one` failed: `hooks.build` ended with code 3\n  \
         the build of `two` failed: `hooks.build` ended with code 4"
    );
    assert_eq!(world.finished_builds(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_build_has_failed_no_other_begins() {
    let config = THREE.replacen("sleep 5", "exit 3", 1);
    let world = World::new(&config);
    let (result, _) = world.build_together(1).await;
    assert!(
        matches!(&result, Err(Error::Build { app, .. }) if app == "one"),
        "{result:?}"
    );
    let told = world.take_told();
    let begun = told.iter().filter_map(|event| match event {
        Event::Build(event::Build::Started { app, .. }) => Some(app.as_str()),
        _ => None,
    });
    assert_eq!(begun.collect::<Vec<_>>(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_ctrl_c_ends_all_builds_and_begins_no_other() {
    let world = World::new(THREE);
    let prepared = world.prepare();
    let plans = prepared.plans.iter();
    let all: Vec<Planned<'_>> = plans.map(|plan| world.planned(&prepared, plan)).collect();
    let press = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        world.shutdown.request();
    };
    let build = world.on(async |sandbox| sandbox.build_together(&all, &[], 2).await.map(drop));
    let (result, ()) = tokio::join!(build, press);
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    assert_eq!(world.finished_builds(), 0);
    let store = world.engine.store();
    assert_eq!(store.containers.len(), 0);
}
