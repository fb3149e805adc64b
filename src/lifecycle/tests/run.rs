//! Operations, and what else depends on a container that may not be what it should.

use super::*;
use crate::engine::Error as EngineError;
use crate::engine::fake::Fault;
use crate::event::{self, KnownCause, Outcome, ReadOnlyWrite, Refusal};
use crate::images::SUPERVISE;
use crate::mount_advice::place::LOOK;
use std::time::Duration;

/// An app with one operation.
fn operation(script: &str) -> World {
    World::new(&format!(
        r#"
applications:
  shop:
    type: nodejs:24
    source: {{ root: / }}
    mounts:
      files: {{ source: storage, source_path: files }}
    web: {{ commands: {{ start: node server.js }} }}
    operations:
      work: {{ commands: {{ start: "{script}" }}, timeout: 60 }}
"#
    ))
}

#[tokio::test(start_paused = true)]
async fn an_operation_tells_what_it_does_in_order() {
    let world = operation("echo hello;exit 3");
    world.up().await.unwrap();
    world.take_told();
    let report = world.run().await.unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failure, 3));
    let told = world.take_told();
    assert!(
        matches!(
            &told[..],
            [
                Event::Run(event::Run::Started { .. }),
                Event::Run(event::Run::Output { .. }),
                Event::Run(event::Run::Finished {
                    exit_code: 3,
                    result: Outcome::Failure,
                    read_only: None,
                    ..
                })
            ]
        ),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_explained_with_the_mount_that_would_help() {
    let world = operation("echo touch: cannot touch '/app/var/x': Read-only file system;exit 1");
    answers(&world, "/app\0var\0-\0\0id 1 0:1 / / ro - x x ro\n");
    world.run().await.unwrap();
    let told = world.take_told();
    let Some(Event::Run(event::Run::Finished { read_only, .. })) = told.last() else {
        panic!("{told:?}");
    };
    let wanted = ReadOnlyWrite {
        path: Some("/app/var/x".to_owned()),
        mount: Some("var".to_owned()),
        source: Some("storage".into()),
        ..ReadOnlyWrite::of(Refusal::NoMount)
    };
    assert_eq!(*read_only, Some(wanted));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_answer_in_time_only_leaves_less_to_say() {
    let world = operation("echo touch: cannot touch 'var/x': Read-only file system;exit 1");
    world.up().await.unwrap();
    world.engine.program(is_look, |_| async {
        tokio::time::sleep(Duration::from_secs(1000)).await;
        0
    });
    let began = tokio::time::Instant::now();
    world.run().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    let told = world.take_told();
    let Some(Event::Run(event::Run::Finished { read_only, .. })) = told.last() else {
        panic!("{told:?}");
    };
    let unnamed = ReadOnlyWrite::of(Refusal::Unnamed);
    assert_eq!(*read_only, Some(unnamed));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_is_explained_as_an_operation_is() {
    let world = World::new(
        "applications:\n  shop:\n    type: nodejs:24\n    hooks: { deploy: \"echo mkdir: cannot create directory 'out': Read-only file system;exit 1\" }\n    web: { commands: { start: node server.js } }\n",
    );
    answers(&world, "/app\0out\0-\0\0id 1 0:1 / / ro - x x ro\n");
    world.up().await.unwrap();
    let told = world.take_told();
    let mount = told.iter().find_map(|event| match event {
        Event::Notice(event::Notice::Advice { read_only, .. }) => read_only.as_ref()?.mount.clone(),
        _ => None,
    });
    assert_eq!(mount.as_deref(), Some("out"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_refused_is_told_although_the_operation_succeeded() {
    let world = operation(
        "echo Warning: file_put_contents(/app/var/x): Failed to open stream: Read-only file system",
    );
    answers(&world, "/app\0var\0-\0\0id 1 0:1 / / ro - x x ro\n");
    let report = world.run().await.unwrap();
    assert_eq!((report.outcome, report.exit_code), (Outcome::Success, 0));
    let told = world.take_told();
    let Some(Event::Run(event::Run::Finished { read_only, .. })) = told.last() else {
        panic!("{told:?}");
    };
    let mount = read_only.as_ref().and_then(|write| write.mount.as_deref());
    assert_eq!(mount, Some("var"));
}

#[tokio::test(start_paused = true)]
async fn what_an_operation_that_succeeded_did_not_find_may_be_so_on_purpose() {
    let world = operation("echo cat: files/x/y: No such file or directory");
    answers(&world, "/app/files\0x\0-\0\0id 1 0:1 / / rw - x x rw\n");
    world.run().await.unwrap();
    let told = world.take_told();
    let is_silent = matches!(
        told.last(),
        Some(Event::Run(event::Run::Finished {
            read_only: None,
            not_started: None,
            known: None,
            ..
        }))
    );
    assert!(is_silent, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_succeeds_tells_of_a_refused_write_as_well() {
    let world = World::new(
        "applications:\n  shop:\n    type: nodejs:24\n    hooks: { deploy: \"echo mkdir: cannot create directory 'out': Read-only file system\" }\n    web: { commands: { start: node server.js } }\n",
    );
    answers(&world, "/app\0out\0-\0\0id 1 0:1 / / ro - x x ro\n");
    world.up().await.unwrap();
    let told = world.take_told();
    let said = told.iter().find_map(|event| match event {
        Event::Notice(event::Notice::Advice {
            subject, result, ..
        }) => Some((subject.as_str(), *result)),
        _ => None,
    });
    let wanted = ("`hooks.deploy` of `shop`", Outcome::Success);
    assert_eq!(said, Some(wanted), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_a_terminal_is_told_of_operations_and_hooks() {
    let script = "echo APPLICATION IN PRODUCTION;echo Command cancelled.;exit 1";
    let asked = KnownCause::Question {
        answer: Some("--force".into()),
    };
    let world = operation(script);
    world.run().await.unwrap();
    let told = world.take_told();
    let Some(Event::Run(event::Run::Finished { known, .. })) = told.last() else {
        panic!("{told:?}");
    };
    assert_eq!(known.as_ref(), Some(&asked));
    for hook in ["deploy", "build"] {
        let world = World::new(&format!(
            "applications:\n  shop:\n    type: nodejs:24\n    hooks: {{ {hook}: \"{script}\" }}\n    web: {{ commands: {{ start: node server.js }} }}\n",
        ));
        // Where it is the build's, that fails.
        let _ = world.up().await;
        let told = world.take_told();
        let is_told = told.iter().any(
            |event| matches!(event, Event::Notice(event::Notice::Advice { known, .. }) if known.as_ref() == Some(&asked)),
        );
        assert!(is_told, "{hook}: {told:?}");
    }
}

/// Whether a command looks up paths of messages.
fn is_look(command: &[String]) -> bool {
    command.get(2).is_some_and(|script| script == LOOK)
}

/// Lets the container say what is there.
fn answers(world: &World, text: &'static str) {
    world.engine.program(is_look, move |process| async move {
        process.print(text).await;
        0
    });
}

#[tokio::test(start_paused = true)]
async fn no_call_that_fails_makes_an_operation_look_like_a_success() {
    let calls = {
        let world = operation("echo hello;exit 3");
        world.up().await.unwrap();
        world.engine.take_calls();
        world.run().await.unwrap();
        world.engine.take_calls()
    };
    for fault in [
        Fault::Refuse(|| EngineError::Lost("reset".to_owned())),
        Fault::LoseAnswer(|| EngineError::Lost("reset".to_owned())),
        Fault::Gone,
    ] {
        for (nth, call) in calls.iter().enumerate() {
            let world = operation("echo hello;exit 3");
            world.up().await.unwrap();
            world.engine.fault(nth, fault);
            let err = world.run().await.unwrap_err();
            assert!(
                matches!(&err, Error::Engine(EngineError::Lost(_))),
                "{fault:?} at `{}`: {err:?}",
                call.name
            );
            world.engine.mend();
            assert_eq!(world.run().await.unwrap().exit_code, 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_away_under_an_operation_is_told_at_once() {
    let world = operation("echo hello;sleep 50");
    world.up().await.unwrap();
    let began = tokio::time::Instant::now();
    let go_away = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.engine.go_away();
        std::future::pending::<()>().await;
    };
    let err = tokio::select! {
        result = world.run() => result.unwrap_err(),
        () = go_away => unreachable!(),
    };
    assert!(
        matches!(&err, Error::Engine(EngineError::Lost(_))),
        "{err:?}"
    );
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_operation_waits_for_its_container_only_when_that_is_new() {
    let world = operation("true");
    world.up().await.unwrap();
    let prepared = world.prepare();
    let waits = async |fresh: bool| {
        if fresh {
            let id = world
                .engine
                .store()
                .find(&world.project.name(&["local", "shop"]));
            world.engine.store().remove_container(&id.unwrap());
        }
        world.engine.take_calls();
        world
            .on(async |sandbox| {
                let plan = &prepared.plans[0];
                let run = OperationRun {
                    operation: &prepared.config.apps[0].operations[0],
                    role: "admin",
                    user: None,
                    container: &plan.containers[0],
                    variables: &BTreeMap::new(),
                    timeout: None,
                    ends_the_rest: false,
                    listens_at: Some("8888"),
                };
                let containers = sandbox.containers().await?;
                let planned = world.planned(&prepared, plan);
                sandbox.run_operation(&planned, &run, &containers).await
            })
            .await
            .unwrap();
        let calls = world.engine.take_calls();
        calls.iter().any(|call| call.subject.contains(" 8888 5"))
    };
    assert!(!waits(false).await);
    assert!(waits(true).await);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_stay_up_shows_its_log_and_is_removed() {
    let world = World::new(SHOP);
    world.engine.program(
        |command| command.get(1).is_some_and(|word| word == SUPERVISE),
        |process| async move {
            process.complain("upsun-local: no shell\n").await;
            5
        },
    );
    let err = world.up().await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the container of `shop` does not stay up: it ended with code 5\n  upsun-local: no shell"
    );
    let left = world.objects();
    assert!(
        !left.iter().any(|object| object.starts_with("container ")),
        "{left:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_started_is_removed() {
    let world = World::new(SHOP);
    // The build's container starts, the app's does not.
    world.engine.fault_on(
        "start_container",
        1,
        Fault::Refuse(|| EngineError::DiskFull {
            reason: "no space left on device".to_owned(),
            hint: None,
        }),
    );
    let err = world.up().await.unwrap_err();
    assert!(
        matches!(&err, Error::Engine(EngineError::DiskFull { .. })),
        "{err:?}"
    );
    let left = world.objects();
    assert!(
        !left.iter().any(|object| object.starts_with("container ")),
        "{left:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_at_once_make_everything_once() {
    let world = World::new(&SHOP.replace("echo building", "sleep 30"));
    let (first, second) = tokio::join!(world.up(), world.up());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        first.iter().map(|one| &one.id).collect::<Vec<_>>(),
        second.iter().map(|one| &one.id).collect::<Vec<_>>()
    );
    assert!(second.iter().all(|deployed| !deployed.fresh));
    let told = world.take_told();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Notice(event::Notice::Waiting { holder }) if holder.starts_with("`up` ")))
    );
}

#[tokio::test(start_paused = true)]
async fn two_environments_at_once_share_one_build() {
    let one = World::new(&SHOP.replace("echo building", "sleep 30"));
    let staging = Environment {
        name: "staging".to_owned(),
        kind: "staging".to_owned(),
    };
    let prepared = one.prepare();
    let began = tokio::time::Instant::now();
    let other = one.on(async |sandbox| {
        let sandbox = Sandbox {
            environment: &staging,
            engine: sandbox.engine,
            project: sandbox.project,
            events: sandbox.events,
            shutdown: sandbox.shutdown,
            foreign: sandbox.foreign,
        };
        let _lock = sandbox.lock("up").await?;
        let plan = &prepared.plans[0];
        sandbox
            .ensure_build(&one.planned(&prepared, plan), &[])
            .await
            .map(drop)
    });
    let (first, second) = tokio::join!(one.up(), other);
    first.unwrap();
    second.unwrap();
    let told = one.take_told();
    let count = |wanted: fn(&Event) -> bool| told.iter().filter(|event| wanted(event)).count();
    assert_eq!(
        count(|event| matches!(event, Event::Build(event::Build::Finished { .. }))),
        1
    );
    assert_eq!(began.elapsed().as_secs(), 30);
}
