//! Crons on their schedule. Time is paused, and the clock that the schedule goes by follows it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::*;
use crate::crons::timetable::Entry;
use crate::event;
use crate::event::Outcome;

/// An app with these crons.
fn shop(crons: &str) -> World {
    World::new(&format!(
        r"
applications:
  shop:
    type: nodejs:24
    source: {{ root: / }}
    web: {{ commands: {{ start: node server.js }} }}
    crons:
{crons}
"
    ))
}

impl World {
    /// Keeps the crons running from 04:58 on, with Ctrl-C at these seconds after that, and says what happened
    /// at which second.
    async fn crons(&self, presses: &[u64]) -> (Result<()>, Vec<String>) {
        self.crons_while(presses, std::future::ready(())).await
    }

    /// The same, while something else happens.
    async fn crons_while(
        &self,
        presses: &[u64],
        other: impl Future<Output = ()>,
    ) -> (Result<()>, Vec<String>) {
        let prepared = self.prepare();
        let app = &prepared.config.apps[0];
        let entries = crate::crons::of(app).into_iter().map(|cron| Entry {
            app: app.name.clone(),
            schedule: cron.schedule("project", &app.name).unwrap(),
            cron,
            zone: jiff::tz::TimeZone::UTC,
        });
        let entries: Vec<Entry> = entries.collect();
        let (events, mut receiver) = Events::channel();
        let began = Instant::now();
        let listen = async move {
            let mut told = Vec::new();
            while let Some(event) = receiver.recv().await {
                if let Some(text) = say(&event) {
                    told.push(format!("{} {text}", began.elapsed().as_secs()));
                }
            }
            told
        };
        let sandbox = Sandbox {
            engine: &self.engine,
            project: &self.project,
            environment: &self.environment,
            events: &events,
            shutdown: &self.shutdown,
            foreign: &self.foreign,
        };
        let start: Timestamp = "2026-11-24T04:58:00Z".parse().unwrap();
        let clock = || start + SignedDuration::try_from(began.elapsed()).unwrap();
        let mounts = BTreeMap::new();
        let act = sandbox.run_crons(entries, &mounts, clock);
        let press = async {
            for at in presses {
                tokio::time::sleep_until(began + Duration::from_secs(*at)).await;
                self.shutdown.press(2);
            }
        };
        let listener = tokio::spawn(listen);
        let (result, (), ()) = tokio::join!(act, press, other);
        drop(events);
        (result, listener.await.unwrap())
    }
}

/// An event in a word or two.
fn say(event: &Event) -> Option<String> {
    Some(match event {
        Event::Cron(event::Cron::Planned { cron, next, .. }) => {
            format!("{cron} planned {}", next.as_deref().unwrap_or("never"))
        }
        Event::Cron(event::Cron::Started { cron, .. }) => format!("{cron} started"),
        Event::Cron(event::Cron::Output { cron, output, .. }) => {
            let text = String::from_utf8_lossy(output.0.bytes()).trim().to_owned();
            format!("{cron}: {text}")
        }
        Event::Cron(event::Cron::Finished { cron, result, .. }) => format!("{cron} {result:?}"),
        Event::Cron(event::Cron::Skipped { cron, reason, .. }) => {
            format!("{cron} skipped: {reason}")
        }
        Event::Notice(event::Notice::Cancelling { grace, .. }) => {
            format!("cancelling with {} s", grace.as_secs())
        }
        Event::Notice(event::Notice::Waiting { holder }) => format!("waiting for {holder}"),
        Event::Script(event::Script::Output { output, .. }) => {
            let text = String::from_utf8_lossy(output.0.bytes()).trim().to_owned();
            format!("[{text}]")
        }
        _ => return None,
    })
}

#[tokio::test(start_paused = true)]
async fn each_cron_runs_when_its_time_comes() {
    let world = shop(
        r"      five: { spec: '*/5 * * * *', commands: { start: echo tidying } }
      hour: { spec: '0 * * * *', commands: { start: exit 3 } }
      never: { spec: '0 0 31 2 *', commands: { start: echo no } }",
    );
    world.up().await.unwrap();
    let (result, told) = world.crons(&[421]).await;
    result.unwrap();
    assert_eq!(
        told,
        [
            "0 five planned 2026-11-24 05:00 UTC",
            "0 hour planned 2026-11-24 05:00 UTC",
            "0 never planned never",
            "120 five started",
            "120 five: tidying",
            "120 five Success",
            "120 hour started",
            "120 hour Failure",
            "420 five started",
            "420 five: tidying",
            "420 five Success",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_that_comes_while_the_cron_runs_is_skipped_aloud() {
    let world = shop(
        r"      five: { spec: '*/5 * * * *', commands: { start: sleep 400 } }
      hour: { spec: '0 * * * *', commands: { start: echo late } }",
    );
    world.up().await.unwrap();
    let (result, told) = world.crons(&[600]).await;
    result.unwrap();
    assert_eq!(
        told[2..],
        [
            "120 five started",
            "420 five skipped: it still runs",
            "520 five Success",
            "520 hour started",
            "520 hour: late",
            "520 hour Success",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_cancels_the_cron_that_runs_as_it_asks_for() {
    let world = shop(
        r"      five: { spec: '*/5 * * * *', shutdown_timeout: 30, commands: { start: sleep 4000, stop: echo stopping;pkill 4000 } }
      hour: { spec: '0 * * * *', commands: { start: echo late } }",
    );
    world.up().await.unwrap();
    let (result, told) = world.crons(&[200]).await;
    result.unwrap();
    assert_eq!(
        told[2..],
        [
            "120 five started",
            "200 cancelling with 30 s",
            "200 [stopping]",
            "200 five Cancelled",
        ],
        "what waits does not start any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cron_that_does_not_end_is_killed_after_its_shutdown_timeout() {
    let world = shop(
        r#"      five: { spec: '*/5 * * * *', shutdown_timeout: 3, commands: { start: "trap '' TERM;sleep 4000" } }"#,
    );
    world.up().await.unwrap();
    let (result, told) = world.crons(&[200]).await;
    result.unwrap();
    assert_eq!(
        told[1..],
        [
            "120 five started",
            "200 cancelling with 3 s",
            "203 five Cancelled"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cron_has_a_time_limit_and_the_next_time_it_runs_again() {
    let world =
        shop(r"      five: { spec: '*/5 * * * *', timeout: 60, commands: { start: sleep 4000 } }");
    world.up().await.unwrap();
    let (result, told) = world.crons(&[421, 422]).await;
    result.unwrap();
    assert_eq!(
        told[1..4],
        [
            "120 five started",
            "180 cancelling with 10 s",
            "180 five Timeout"
        ]
    );
    assert_eq!(told[4], "420 five started");
}

#[tokio::test(start_paused = true)]
async fn a_cron_waits_for_whoever_has_the_environment() {
    let world = shop(r"      five: { spec: '*/5 * * * *', commands: { start: echo now } }");
    world.up().await.unwrap();
    let path = world.on(async |sandbox| Ok(sandbox.lock_path())).await;
    let busy = async {
        let lock = crate::lock::Lock::try_take(&path.unwrap(), "run long").unwrap();
        tokio::time::sleep(Duration::from_secs(150)).await;
        lock.release();
    };
    let (result, told) = world.crons_while(&[200], busy).await;
    result.unwrap();
    assert!(
        told[1].starts_with("120 waiting for `run long`"),
        "{told:?}"
    );
    assert_eq!(
        told[2..],
        ["150 five started", "150 five: now", "150 five Success"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_taken_down_is_not_started_again_by_its_crons() {
    let world = shop(r"      five: { spec: '*/5 * * * *', commands: { start: echo now } }");
    let (result, told) = world.crons(&[200]).await;
    result.unwrap();
    assert_eq!(told[1..], ["120 five skipped: `shop` is not up"]);
    assert_eq!(
        world
            .objects()
            .iter()
            .filter(|object| object.starts_with("container"))
            .count(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_goes_away_under_a_cron_does_not_end_the_others() {
    let world = shop(r"      five: { spec: '*/5 * * * *', commands: { start: sleep 200 } }");
    world.up().await.unwrap();
    let gone = async {
        tokio::time::sleep(Duration::from_secs(130)).await;
        let name = world.project.name(&["local", "shop"]);
        let id = world.engine.store().find(&name).unwrap();
        world.engine.store().remove_container(&id);
    };
    let (result, told) = world.crons_while(&[421], gone).await;
    result.unwrap();
    assert_eq!(
        told[1..],
        ["120 five started", "420 five skipped: `shop` is not up"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cron_by_hand_prints_what_an_operation_does() {
    let world =
        shop(r"      tidy: { spec: 'H * * * *', commands: { start: echo tidying;exit 3 } }");
    let deployed = world.up().await.unwrap();
    world.take_told();
    let prepared = world.prepare();
    let crons = crate::crons::of(&prepared.config.apps[0]);
    let report = world
        .on(async |sandbox| {
            let run = crate::lifecycle::CronRun {
                source: None,
                app: "shop",
                cron: &crons[0],
                container: &deployed[0].id,
                mounts: &[],
                role: Some("admin"),
                user: None,
                variables: &BTreeMap::new(),
                timeout: crons[0].timeout,
            };
            sandbox.run_cron(&run).await
        })
        .await
        .unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failure, 3));
    let told = world.take_told();
    assert!(
        matches!(
            &told[..],
            [
                Event::Cron(event::Cron::Started { .. }),
                Event::Run(event::Run::Output { .. }),
                Event::Cron(event::Cron::Finished { exit_code: 3, .. })
            ]
        ),
        "{told:?}"
    );
}
