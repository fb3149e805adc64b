//! Services on their bad days. Time is paused, so two minutes of waiting take none.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::engine::Engine;
use crate::engine::fake::{Phase, Process};
use crate::event;

/// An app that reaches a database.
const SHOP: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    web: { commands: { start: node server.js } }
    operations:
      greet: { commands: { start: echo hello } }
    relationships: { db: }
services:
  db: { type: 'postgresql:18' }
";

fn world() -> World {
    let mut world = World::new(SHOP);
    world.database = true;
    world
}

impl World {
    /// What asking the database whether it is ready does from now on.
    fn when_asked<F, T>(&self, answer: F)
    where
        F: Fn(Process) -> T + Send + Sync + 'static,
        T: Future<Output = i64> + Send + 'static,
    {
        let asks = |command: &[String]| command.first().is_some_and(|word| word == "sh");
        self.engine.program(asks, answer);
    }

    /// The containers by the end of their name, and whether they run.
    fn containers(&self) -> Vec<(String, bool)> {
        let prefix = format!("upsun-{}-local-", self.project.key);
        let store = self.engine.store();
        let all = store.containers.values();
        all.map(|found| {
            (
                found.name.replace(&prefix, ""),
                matches!(found.phase, Phase::Running),
            )
        })
        .collect()
    }
}

#[track_caller]
fn all_is_up(world: &World) {
    let mut all = world.containers();
    all.sort();
    assert_eq!(
        all,
        [("db-service".to_owned(), true), ("shop".to_owned(), true)]
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_given_up_after_two_minutes_and_mended_by_the_next_up() {
    for hangs in [false, true] {
        let world = world();
        world.when_asked(move |_process| async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            sleep(Duration::from_secs(2)).await;
            1
        });
        let began = Instant::now();
        let err = world.up().await.unwrap_err();
        assert_eq!(
            err.to_string(),
            "the service `db` did not answer within 120 s",
            "hangs: {hangs}"
        );
        let took = began.elapsed().as_secs();
        assert!((120..125).contains(&took), "{took}");
        // Nothing that looks as if it were ready, and no app without its database.
        assert_eq!(
            world.containers(),
            [("db-service-starting".to_owned(), true)]
        );
        world.when_asked(|_process| async { 0 });
        world.up().await.unwrap();
        all_is_up(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_while_it_is_waited_for_shows_its_log() {
    let world = world();
    world.engine.program(
        |command| command == ["serve"],
        |process| async move {
            process
                .print("no space for the write-ahead log\n".to_owned())
                .await;
            sleep(Duration::from_secs(3)).await;
            7
        },
    );
    world.when_asked(|_process| async {
        sleep(Duration::from_secs(2)).await;
        1
    });
    let err = world.up().await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the service `db` does not stay up: it ended with code 7\n  no space for the write-ahead log"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_later_is_started_again_with_its_data_and_set_up_again() {
    let world = world();
    world.up().await.unwrap();
    let name = world.project.name(&["local", "db", "service"]);
    let id = world.engine.store().find(&name).unwrap();
    world.engine.stop_container(&id).await.unwrap();
    world.up().await.unwrap();
    all_is_up(&world);
    assert_eq!(world.engine.store().find(&name), Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_setup_that_fails_says_which_step_and_what_was_said() {
    let world = world();
    world.engine.program(
        |command| command.first().is_some_and(|word| word == "touch"),
        |process| async move {
            process
                .print("permission denied to create database\n".to_owned())
                .await;
            3
        },
    );
    let err = world.up().await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the service `db` could not be set up: database main ended with code 3\n  permission denied to create database"
    );
    assert_eq!(
        world.containers(),
        [("db-service-starting".to_owned(), true)]
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_ends_the_waiting_for_one() {
    let world = world();
    world.when_asked(|_process| std::future::pending());
    let press = async {
        sleep(Duration::from_secs(5)).await;
        world.shutdown.press(2);
        std::future::pending::<()>().await;
    };
    let began = Instant::now();
    let err = tokio::select! {
        result = world.up() => result.unwrap_err(),
        () = press => unreachable!(),
    };
    assert!(matches!(err, Error::Interrupted), "{err}");
    assert!(began.elapsed() < Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn data_of_another_version_are_kept_and_told_of() {
    let world = world();
    let mut prepared = world.prepare();
    let version = |prepared: &mut Prepared, version: &str| {
        for plan in &mut prepared.plans {
            for service in &mut plan.services {
                let volume = service.volume.as_mut().unwrap();
                volume.name = format!("{}-{version}", volume.name);
                let label = crate::labels::LABEL_DATA_VERSION.to_owned();
                volume.labels.insert(label, format!("postgresql:{version}"));
                let container = service.container.as_mut().unwrap();
                container.volumes[0].volume.clone_from(&volume.name);
                service.id = version.to_owned();
                container
                    .labels
                    .insert(LABEL_DEPLOY.to_owned(), service.id.clone());
            }
        }
    };
    version(&mut prepared, "17");
    world.up_with(&prepared).await.unwrap();
    world.take_told();
    let mut newer = world.prepare();
    version(&mut newer, "18");
    world.up_with(&newer).await.unwrap();
    let told = world.take_told();
    let warning = told.iter().find_map(|event| match event {
        Event::Notice(event::Notice::Warning { message, hint }) => {
            Some((message.clone(), hint.clone()))
        }
        _ => None,
    });
    assert_eq!(
        warning,
        Some((
            "`db` starts empty: its data were written by postgresql:17, and are kept".to_owned(),
            Some("go back to postgresql:17 to export them".to_owned())
        ))
    );
    let store = world.engine.store();
    let data = store.volumes.keys().filter(|name| name.contains("-data-"));
    assert_eq!(data.count(), 2);
}
