//! What events come to: records and logs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use super::{place, push};
use crate::event::{self, Event, Outcome, Step, Text};
use crate::mask::Secrets;
use crate::output::Output;
use crate::suite::{Status, Verdict};

fn operation() -> Draft {
    Draft::Operation {
        app: "app".to_owned(),
        worker: Some("queue".to_owned()),
        operation: "clear".to_owned(),
        role: "viewer".to_owned(),
        user: Some("ada".to_owned()),
        synced: false,
    }
}

fn recorder(state: &Path) -> Recorder {
    let secrets = Secrets::new([("env:TOKEN", "hush-hush".to_owned())]);
    Recorder::new(Store::of(state), place(), secrets)
}

fn newest(state: &Path) -> Activity {
    let store = Store::of(state);
    store.read(&store.ids().unwrap()[0]).unwrap()
}

fn log_of(state: &Path, activity: &Activity) -> String {
    fs::read_to_string(Store::of(state).log(&activity.id)).unwrap()
}

fn printed(text: &'static str) -> Event {
    let output = Text(Output::Stdout(Bytes::from_static(text.as_bytes())));
    Event::Run(event::Run::Output { output })
}

fn finished(exit_code: i64) -> Event {
    Event::Run(event::Run::Finished {
        app: "app".to_owned(),
        worker: Some("queue".to_owned()),
        operation: "clear".to_owned(),
        role: "viewer".to_owned(),
        exit_code,
        result: Outcome::Failure,
        duration: Duration::from_millis(1500),
        synced: false,
        read_only: None,
        not_started: None,
        known: None,
    })
}

fn ending(exit_code: u8, is_cancelled: bool) -> Ending {
    Ending {
        exit_code,
        is_cancelled,
        message: None,
    }
}

#[test]
fn of_a_log_that_is_too_long_the_beginning_is_kept() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut log = Log::new(file.reopen().unwrap(), 10);
    log.write(b"12345");
    assert!(!log.is_closed());
    log.write(b"67890abc");
    log.write(b"def");
    assert!(log.is_closed());
    assert!(log.trouble().is_none());
    let text = fs::read_to_string(file.path()).unwrap();
    assert_eq!(
        text,
        "1234567890\n[the rest is not kept: a log has at most 10 B]\n"
    );
}

#[test]
fn a_run_comes_to_a_record_and_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = recorder(dir.path());
    assert!(recorder.begin(operation()).is_none());
    let app = || "app".to_owned();
    let holder = "`up` (process 1)".to_owned();
    assert!(
        recorder
            .record(&Event::Notice(event::Notice::Waiting { holder }))
            .is_none()
    );
    assert_eq!(newest(dir.path()).state, State::Pending);
    let step = Step::BuildHook;
    let output = Text(Output::Stdout(Bytes::from_static(b"compiling\n")));
    let all = [
        Event::Build(event::Build::Started {
            app: app(),
            build: "1234567890abcdef".to_owned(),
            files: 2,
            bytes: 100,
        }),
        Event::Script(event::Script::Started { app: app(), step }),
        Event::Script(event::Script::Output {
            app: app(),
            step,
            output,
        }),
        Event::Script(event::Script::Finished {
            app: app(),
            step,
            exit_code: 0,
            duration: Duration::from_secs(2),
        }),
        Event::Build(event::Build::Finished {
            app: app(),
            build: "1234567890abcdef".to_owned(),
            duration: Duration::from_millis(2500),
        }),
        printed("the token is hush-"),
        printed("hush, no line"),
    ];
    for event in &all {
        assert!(recorder.record(event).is_none());
    }
    assert_eq!(newest(dir.path()).state, State::InProgress);
    recorder.record(&finished(3));
    recorder.end(&Ending {
        message: Some("error: hush-hush\n".to_owned()),
        ..ending(3, false)
    });
    let mut activity = newest(dir.path());
    insta::assert_snapshot!(log_of(dir.path(), &activity), @r#"
      Waiting for `up` (process 1)
     Building app (2 files, 100 B)
      Running hooks.build of app
            | compiling
        Built app in 2.5 s
    the token is ******, no line
       failed clear on app--queue as viewer: exit code 3 in 1.5 s

    hint: its output names no cause that is known here. What may help:

        upsun-local run clear --suggest-mounts
            tells whether the read-only file system is the cause

        upsun-local exec
            opens a shell where it ran

        upsun-local logs
            shows what the app's own process printed
    error: ******
    "#);
    activity.process = 1;
    activity.id = "1".to_owned();
    activity.timings.wait = 0.0;
    let fixed: Stamp = serde_json::from_str("\"2026-01-31T12:00:00Z\"").unwrap();
    for stamp in [
        &mut activity.started_at,
        &mut activity.updated_at,
        &mut activity.completed_at,
    ] {
        assert!(stamp.is_some());
        *stamp = Some(fixed);
    }
    activity.created_at = fixed;
    insta::assert_snapshot!(crate::json::pretty(&activity), @r#"
    {
      "id": "1",
      "type": "environment.operation",
      "state": "complete",
      "result": "failure",
      "project": "shop",
      "environments": [
        "local"
      ],
      "description": "ada ran the operation clear on app--queue",
      "text": "ada ran the operation **clear** on **app--queue**",
      "parameters": {
        "application": "app",
        "environment": "local",
        "operation": "clear",
        "role": "viewer",
        "user": "ada",
        "worker": "queue"
      },
      "payload": {
        "environment": {
          "name": "local",
          "type": "development"
        },
        "project": {
          "id": "shop"
        },
        "user": {
          "display_name": "ada"
        }
      },
      "created_at": "2026-01-31T12:00:00.000000+00:00",
      "started_at": "2026-01-31T12:00:00.000000+00:00",
      "updated_at": "2026-01-31T12:00:00.000000+00:00",
      "completed_at": "2026-01-31T12:00:00.000000+00:00",
      "cancelled_at": null,
      "completion_percent": 100,
      "timings": {
        "wait": 0.0,
        "build": 2.5,
        "execute": 1.5
      },
      "commands": [
        {
          "app": "app",
          "type": "hooks.build",
          "exit_code": 0
        },
        {
          "app": "app--queue",
          "type": "operation",
          "name": "clear",
          "exit_code": 3
        }
      ],
      "process": 1
    }
    "#);
}

#[test]
fn the_result_is_that_of_the_exit_code_unless_the_user_stopped_it() {
    let dir = tempfile::tempdir().unwrap();
    for (code, is_cancelled, state, result) in [
        (0, false, State::Complete, Outcome::Success),
        (1, false, State::Complete, Outcome::Failure),
        (124, false, State::Complete, Outcome::Failure),
        (130, true, State::Cancelled, Outcome::Failure),
    ] {
        let mut recorder = recorder(dir.path());
        recorder.begin(push());
        recorder.end(&ending(code, is_cancelled));
        let activity = newest(dir.path());
        assert_eq!(
            (activity.state, activity.result),
            (state, Some(result)),
            "{code}"
        );
        assert_eq!(activity.cancelled_at.is_some(), is_cancelled);
        assert_eq!(activity.description, "pushed a, b and c to local");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn crons_that_run_by_themselves_are_activities_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = recorder(dir.path());
    let (app, cron) = (|| "app".to_owned(), || "tidy".to_owned());
    recorder.begin(push());
    recorder.record(&Event::Cron(event::Cron::Planned {
        app: app(),
        cron: cron(),
        next: None,
    }));
    assert_eq!(newest(dir.path()).result, Some(Outcome::Success));
    std::thread::sleep(Duration::from_millis(2));
    let started = Event::Cron(event::Cron::Started {
        app: app(),
        cron: cron(),
        role: None,
        user: None,
        command: "tidy".to_owned(),
    });
    let ended = |result| {
        Event::Cron(event::Cron::Finished {
            app: app(),
            cron: cron(),
            role: None,
            exit_code: 1,
            result,
            duration: Duration::from_secs(1),
            read_only: None,
            not_started: None,
            known: None,
        })
    };
    let output = Text(Output::Stdout(Bytes::from_static(b"tidied\n")));
    for (result, state) in [
        (Outcome::Failure, State::Complete),
        (Outcome::Cancelled, State::Cancelled),
    ] {
        recorder.record(&started);
        assert_eq!(newest(dir.path()).state, State::InProgress);
        recorder.record(&Event::Cron(event::Cron::Output {
            app: app(),
            cron: cron(),
            output: output.clone(),
        }));
        recorder.record(&ended(result));
        let activity = newest(dir.path());
        assert_eq!(
            (activity.state, activity.result),
            (state, Some(Outcome::Failure))
        );
        assert_eq!(activity.description, "the cron tidy ran on app");
        assert_eq!(activity.timings.execute, Some(1.0));
        assert!(log_of(dir.path(), &activity).contains("| tidied\n"));
        std::thread::sleep(Duration::from_millis(2));
    }
    // The command itself has nothing left to end.
    assert!(recorder.end(&ending(130, true)).is_none());
    assert_eq!(Store::of(dir.path()).ids().unwrap().len(), 3);
}

#[test]
fn tests_are_told_by_their_verdicts() {
    let dir = tempfile::tempdir().unwrap();
    let mut recorder = recorder(dir.path());
    recorder.begin(Draft::Tests {
        count: 2,
        synced: false,
    });
    recorder.record(&printed("shown with -v only"));
    let verdict = |name: &str, status| Verdict {
        who: "admin".to_owned(),
        line: None,
        name: name.to_owned(),
        operation: "clear".to_owned(),
        container: "app".to_owned(),
        status,
        duration: Duration::from_millis(1200),
        output: ("out\n".to_owned(), String::new()),
        notes: Vec::new(),
        engine: None,
    };
    recorder.verdict(&verdict("one", Status::Passed));
    recorder.verdict(&verdict(
        "two",
        Status::Failed(vec!["it is wrong".to_owned()]),
    ));
    recorder.verdict(&verdict("three", Status::Skipped("why not".to_owned())));
    recorder.end(&ending(1, false));
    let activity = newest(dir.path());
    let codes: Vec<_> = activity
        .commands
        .iter()
        .map(|ran| (ran.name.as_deref().unwrap(), ran.exit_code))
        .collect();
    assert_eq!(codes, [("one", Some(0)), ("two", Some(1)), ("three", None)]);
    assert_eq!(activity.timings.execute, Some(3.6));
    insta::assert_snapshot!(log_of(dir.path(), &activity), @r#"
    PASS  one (1.2 s)
          | out
    FAIL  two (1.2 s)
          it is wrong
          | out
    SKIP  three: why not
    "#);
}

#[test]
fn where_nothing_can_be_written_one_trouble_is_told_and_nothing_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("activities"), "no directory").unwrap();
    let mut recorder = recorder(dir.path());
    let trouble = recorder.begin(push()).unwrap().to_string();
    assert!(trouble.contains("activities: "), "{trouble}");
    assert!(recorder.record(&printed("x")).is_none());
    assert!(recorder.begin(push()).is_none());
    assert!(recorder.end(&ending(0, false)).is_none());
    assert!(Store::of(dir.path()).ids().is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_says_why() {
    let file = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut log = Log::new(file, LIMIT);
    log.write(b"x");
    assert!(log.is_closed());
    let kind = log.trouble().unwrap().kind();
    assert_eq!(kind, std::io::ErrorKind::StorageFull);
}
