//! Time limits and Ctrl-C. Time is paused: an hour takes no time, and every duration is exact but for the
//! pauses between two looks at whether something has ended.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::engine::fake::Fault;
use crate::event::{self, Outcome, Step};
use crate::plan::BuildStep;

/// An app whose operation runs this script and is ended that way.
fn operation(script: &str, more: &str) -> World {
    World::new(&format!(
        r#"
applications:
  shop:
    type: nodejs:24
    source: {{ root: / }}
    web: {{ commands: {{ start: node server.js }} }}
    operations:
      work: {{ commands: {{ start: "{script}" {more} }}, timeout: 60 }}
"#
    ))
}

/// The seconds that something took.
async fn timed<T>(act: impl Future<Output = T>) -> (T, f64) {
    let began = Instant::now();
    let result = act.await;
    (result, began.elapsed().as_secs_f64())
}

#[track_caller]
fn about(found: f64, wanted: f64) {
    assert!(
        (wanted..wanted + 1.0).contains(&found),
        "it took {found} s rather than {wanted} s"
    );
}

impl World {
    /// Runs the operation while Ctrl-C is pressed at these seconds after its start.
    async fn run_with_presses(&self, presses: &[u64]) -> (Result<Report>, f64) {
        self.up().await.unwrap();
        self.take_told();
        let press = async {
            let began = Instant::now();
            for at in presses {
                tokio::time::sleep_until(began + Duration::from_secs(*at)).await;
                self.shutdown.press(2);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            timed = timed(self.run()) => timed,
            () = press => unreachable!(),
        }
    }

    /// What the operation printed, and its stop command in brackets.
    fn printed(&self) -> String {
        let mut text = String::new();
        for event in self.take_told() {
            match event {
                Event::Run(event::Run::Output { output }) => {
                    text.push_str(&String::from_utf8_lossy(output.0.bytes()));
                }
                Event::Script(event::Script::Output {
                    step: Step::StopCommand,
                    output,
                    ..
                }) => text.push_str(&format!(
                    "[{}]",
                    String::from_utf8_lossy(output.0.bytes()).trim()
                )),
                _ => {}
            }
        }
        text.replace('\n', " ")
    }

    /// The scripts that run in containers.
    fn scripts(&self) -> Vec<String> {
        let store = self.engine.store();
        let all = store.containers.keys().flat_map(|id| store.processes(id));
        all.filter(|process| shell::is_script(process))
            .filter_map(|process| process.command.last().cloned())
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_ends_after_an_hour_and_leaves_nothing() {
    let world = World::new(&SHOP.replace("echo building", "sleep 4000"));
    let (result, seconds) = timed(world.up()).await;
    let err = result.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the build of `shop` failed: `hooks.build` took longer than 3600 s"
    );
    about(seconds, 3600.0);
    let left = world.objects();
    assert!(
        left.iter().all(|object| object.starts_with("image ")
            || object.contains("-cache ")
            || object.contains("-packages ")
            || object.contains("\"build-network\"")),
        "{left:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_hour_is_for_all_steps_of_a_build_together() {
    let world = World::new(SHOP);
    let mut prepared = world.prepare();
    let step = |step| BuildStep {
        step,
        script: "sleep 2000".to_owned(),
    };
    prepared.plans[0].build.steps = vec![step(Step::Flavor), step(Step::BuildHook)];
    let (result, seconds) = timed(world.up_with(&prepared)).await;
    assert!(
        matches!(
            result,
            Err(Error::BuildTimeout {
                step: Step::BuildHook,
                ..
            })
        ),
        "{result:?}"
    );
    about(seconds, 3600.0);
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_time_is_over_gets_sigterm() {
    let world = operation("echo on;sleep 100", "");
    let (report, seconds) = world.run_with_presses(&[]).await;
    let report = report.unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Timeout, 124));
    about(seconds, 60.0);
    assert_eq!(world.printed(), "on ");
    assert_eq!(world.scripts(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_ends_in_time_is_not_touched() {
    let world = operation("sleep 59;exit 7", "");
    let (report, seconds) = world.run_with_presses(&[]).await;
    let report = report.unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failure, 7));
    about(seconds, 59.0);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_ignores_sigterm_is_killed_after_ten_seconds() {
    let world = operation("trap '' TERM;sleep 100", "");
    let (report, seconds) = world.run_with_presses(&[]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Timeout);
    about(seconds, 70.0);
    assert_eq!(world.scripts(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_stop_command_takes_the_place_of_sigterm() {
    let world = operation(
        "echo on;sleep 100",
        r#", stop: "echo stopping;pkill echo on""#,
    );
    let (report, seconds) = world.run_with_presses(&[]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Timeout);
    about(seconds, 60.0);
    assert_eq!(world.printed(), "on [stopping]");
}

#[tokio::test(start_paused = true)]
async fn a_stop_command_that_ends_nothing_is_followed_by_sigkill() {
    let world = operation("sleep 100", r#", stop: "echo stopping""#);
    let (report, seconds) = world.run_with_presses(&[]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Timeout);
    about(seconds, 70.0);
    assert_eq!(world.scripts(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_first_ctrl_c_cancels_with_grace() {
    let world = operation("sleep 100", "");
    let (report, seconds) = world.run_with_presses(&[5]).await;
    let report = report.unwrap();
    assert_eq!(
        (report.outcome, report.exit_code),
        (Outcome::Cancelled, 130)
    );
    about(seconds, 5.0);
}

#[tokio::test(start_paused = true)]
async fn a_second_ctrl_c_kills_at_once() {
    let world = operation("trap '' TERM;sleep 100", "");
    let (report, seconds) = world.run_with_presses(&[5, 8]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Cancelled);
    about(seconds, 8.0);
    assert_eq!(world.scripts(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_second_ctrl_c_while_the_time_limit_cancels_kills_at_once() {
    let world = operation("trap '' TERM;sleep 100", "");
    let (report, seconds) = world.run_with_presses(&[62, 63]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Timeout);
    about(seconds, 63.0);
}

#[tokio::test(start_paused = true)]
async fn a_ctrl_c_while_the_time_limit_cancels_gives_no_more_time_and_stops_nothing_twice() {
    let world = operation("sleep 100", r#", stop: "echo stopping""#);
    let (report, seconds) = world.run_with_presses(&[65]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Timeout);
    about(seconds, 70.0);
    assert_eq!(world.printed(), "[stopping]");
}

#[tokio::test(start_paused = true)]
async fn a_third_ctrl_c_leaves_although_the_engine_does_not_answer() {
    let world = operation("trap '' TERM;sleep 100", "");
    world.up().await.unwrap();
    // The operation itself, then both attempts to end it.
    world.engine.fault_on("exec", 1, Fault::Hang);
    world.engine.fault_on("exec", 2, Fault::Hang);
    let (report, seconds) = world.run_with_presses(&[5, 6, 7]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Cancelled);
    about(seconds, 7.0);
}

#[tokio::test(start_paused = true)]
async fn what_an_operation_prints_while_it_is_cancelled_is_told() {
    let world = operation("trap '' TERM;echo a;sleep 2;echo b;sleep 4;echo c", "");
    let (report, seconds) = world.run_with_presses(&[1]).await;
    assert_eq!(report.unwrap().outcome, Outcome::Cancelled);
    about(seconds, 6.0);
    assert_eq!(world.printed(), "a b c ");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_keeps_the_output_open_does_not_hold_up_the_end() {
    let world = operation("linger 50;echo done;exit 3", "");
    let (report, seconds) = world.run_with_presses(&[]).await;
    let report = report.unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failure, 3));
    about(seconds, 0.0);
    assert_eq!(world.printed(), "done ");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_goes_away_under_an_operation_is_told_as_such() {
    let removed = operation("sleep 50", "");
    let ended = operation("sleep 50", "");
    for (world, detail) in [
        (&removed, "it was removed"),
        (&ended, "it ended with code 137"),
    ] {
        let id = world.up().await.unwrap()[0].id.clone();
        let go_away = async {
            sleep(Duration::from_secs(5)).await;
            if std::ptr::eq(world, &raw const removed) {
                world.engine.store().remove_container(&id);
            } else {
                world.engine.store().processes(&id)[0].kill();
            }
            std::future::pending::<()>().await;
        };
        let (result, seconds) = tokio::select! {
            timed = timed(world.run()) => timed,
            () = go_away => unreachable!(),
        };
        assert_eq!(
            result.unwrap_err().to_string(),
            format!("the container of `shop` went away while `work` ran in it: {detail}")
        );
        about(seconds, 5.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_goes_away_as_an_operation_is_about_to_start_is_told_as_such() {
    let world = operation("echo never", "");
    world.engine.program(
        |command| command.last().is_some_and(|script| script == "echo never"),
        |process| async move {
            // What Docker says of a command whose container stops before it has begun.
            let first = process.neighbours()[0].clone();
            first.kill();
            126
        },
    );
    let err = world.run().await.unwrap_err();
    assert!(
        err.to_string()
            .contains("while `work` ran in it: it ended with code 137"),
        "{err}"
    );
}

/// What a single Ctrl-C while some call hangs, or while a script runs, comes to.
async fn interrupted(mut world: World, after: u64) {
    let press = async {
        sleep(Duration::from_secs(after)).await;
        world.shutdown.press(2);
        std::future::pending::<()>().await;
    };
    let (result, seconds) = tokio::select! {
        timed = timed(world.up()) => timed,
        () = press => unreachable!(),
    };
    assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
    about(seconds, f64::from(u32::try_from(after).unwrap()));
    assert_eq!(world.scripts(), Vec::<String>::new());
    // And nothing that it left is in the way.
    world.engine.mend();
    world.shutdown = Shutdown::new();
    world.file(".upsun/config.yaml", SHOP);
    world.up().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ctrl_c_interrupts_whatever_takes_long() {
    for call in ["pull_image", "build_image", "upload"] {
        let world = World::new(SHOP);
        world.engine.fault_on(call, 0, Fault::Hang);
        interrupted(world, 5).await;
    }
    for hook in ["building", "deploying", "deployed"] {
        let config = SHOP.replace(&format!("echo {hook}"), "sleep 100");
        interrupted(World::new(&config), 5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn three_times_ctrl_c_leave_whichever_call_hangs() {
    let world = World::new(SHOP);
    world.up().await.unwrap();
    let calls = world.engine.take_calls();
    for (nth, call) in calls.iter().enumerate() {
        let mut world = World::new(SHOP);
        world.engine.fault(nth, Fault::Hang);
        let press = async {
            world.engine.hung().await;
            for _ in 0..3 {
                world.shutdown.press(2);
            }
            std::future::pending::<()>().await;
        };
        let result = tokio::select! {
            result = world.up() => result,
            () = press => unreachable!(),
        };
        assert!(
            matches!(result, Err(Error::Interrupted)),
            "call {nth}, `{}` of `{}`: {result:?}",
            call.name,
            call.subject
        );
        world.shutdown = Shutdown::new();
        world.up().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_ended_goes_with_its_container_and_the_next_run_makes_it_again() {
    let world = operation("leap; sleep 100", "");
    let err = world.run().await.unwrap_err();
    assert!(matches!(err, Error::Unkillable { .. }), "{err}");
    assert_eq!(world.scripts(), [""; 0]);
    assert!(
        !world
            .objects()
            .iter()
            .any(|object| object.starts_with("container ") && object.contains("server.js"))
    );
    world.up().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_run_leaves_in_the_background_is_ended_where_that_is_asked_for() {
    let mut world = operation("linger 50; echo done", "");
    world.ends_the_rest = true;
    let report = world.run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Success);
    assert_eq!(world.scripts(), [""; 0]);
    world.ends_the_rest = false;
    world.run().await.unwrap();
    assert_eq!(world.scripts(), ["linger 50; echo done"]);
}
