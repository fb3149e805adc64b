//! Events as JSON, there and back.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::output::Output;

fn text(text: &'static str) -> Text {
    Text(Output::Stdout(Bytes::from_static(text.as_bytes())))
}

fn owned(text: &str) -> String {
    text.to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "it is what fields of events hold")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const TIME: Duration = Duration::from_millis(1234);

fn read_only() -> ReadOnlyWrite {
    ReadOnlyWrite {
        path: some("/app/cache/x"),
        mount: some("cache"),
        source: Some("tmp".into()),
        cause: Refusal::NoMount,
        hides: Some(Hidden {
            directory: owned("cache"),
            files: 2,
            some: vec![owned("cache/a")],
        }),
        directories: vec![owned("cache/deep")],
    }
}

fn not_started() -> NotStarted {
    NotStarted {
        command: some("./do"),
        why: Unstartable::Interpreter {
            file: some("do"),
            interpreter: owned("/bin/zsh"),
        },
    }
}

fn known() -> KnownCause {
    KnownCause::Question {
        answer: Some("--yes".into()),
    }
}

fn check() -> MountCheck {
    MountCheck {
        result: Outcome::Timeout,
        exit_code: -1,
        duration: TIME,
        read_only: Some(ReadOnlyWrite::of(Refusal::DiskFull)),
        trouble: Some(Trouble::BetweenMounts),
    }
}

fn suggestion() -> Suggestion {
    Suggestion {
        mounts: vec![NewMount {
            path: owned("cache"),
            source: "tmp".into(),
            source_path: some("other"),
            writer: Writer::App,
            files: 3,
            bytes: u64::MAX,
            hides: 1,
            hidden: vec![owned("cache/a")],
        }],
        elsewhere: vec![
            Elsewhere {
                path: owned("/app/db"),
                reason: Reason::FileAtTop,
                writer: Writer::Operation,
            },
            Elsewhere {
                path: owned("/app/src/x"),
                reason: Reason::Hides {
                    directory: owned("src"),
                    files: 1,
                    some: vec![owned("src/a")],
                },
                writer: Writer::Operation,
            },
        ],
        ..Suggestion::default()
    }
}

fn notices() -> Vec<Event> {
    vec![
        Notice::Waiting {
            holder: owned("`up` (process 7)"),
        }
        .into(),
        Notice::Waited {
            holder: owned("`up` (process 7)"),
            duration: TIME,
        }
        .into(),
        Event::warning("look", some("there")),
        Event::warning("look", None),
        Notice::Cancelling {
            reason: owned("Ctrl-C"),
            grace: Duration::from_secs(10),
        }
        .into(),
        Notice::Advice {
            container: owned("app"),
            subject: owned("`hooks.deploy`"),
            result: Outcome::Success,
            read_only: Some(read_only()),
            not_started: Some(not_started()),
            known: Some(known()),
        }
        .into(),
        Notice::Removed {
            kind: "volume".into(),
            name: owned("v"),
        }
        .into(),
    ]
}

fn images_and_builds() -> Vec<Event> {
    let (image, app, build) = (|| owned("node:24"), || owned("app"), || owned("0123abcd"));
    let step = Step::BuildHook;
    vec![
        Image::PullStarted { image: image() }.into(),
        Image::PullProgress {
            image: image(),
            done: 1,
            total: u64::MAX,
        }
        .into(),
        Image::PullFinished {
            image: image(),
            duration: TIME,
        }
        .into(),
        Image::Started {
            image: image(),
            base: owned("debian"),
        }
        .into(),
        Image::Line {
            line: owned("Step 1 \u{1b}[0m"),
        }
        .into(),
        Image::Finished {
            image: image(),
            duration: TIME,
        }
        .into(),
        Build::Reused {
            app: app(),
            build: build(),
        }
        .into(),
        Build::Started {
            app: app(),
            build: build(),
            files: 3,
            bytes: 4,
        }
        .into(),
        Build::Cache {
            app: app(),
            cache: owned("build/assets"),
            directory: owned("build/assets"),
            result: CacheResult::Stale,
        }
        .into(),
        Build::Carried {
            app: app(),
            build: build(),
            duration: TIME,
        }
        .into(),
        Build::Failed {
            app: app(),
            build: build(),
            result: Outcome::Timeout,
            duration: TIME,
        }
        .into(),
        Build::Finished {
            app: app(),
            build: build(),
            duration: Duration::ZERO,
        }
        .into(),
        Script::Started { app: app(), step }.into(),
        Script::Output {
            app: app(),
            step,
            output: text("ünï\n"),
        }
        .into(),
        Script::Finished {
            app: app(),
            step,
            exit_code: i64::MIN,
            duration: TIME,
        }
        .into(),
    ]
}

fn deploys_and_mounts() -> Vec<Event> {
    let (container, service) = (|| owned("app--queue"), || owned("db"));
    vec![
        Deploy::Started {
            container: container(),
        }
        .into(),
        Deploy::Finished {
            container: container(),
            duration: TIME,
        }
        .into(),
        Deploy::ReadyAwaited {
            container: container(),
        }
        .into(),
        Deploy::ServiceStarted {
            service: service(),
            kind: owned("postgresql:18"),
        }
        .into(),
        Deploy::ServiceFinished {
            service: service(),
            duration: TIME,
        }
        .into(),
        Deploy::RoutesReady {
            routes: vec![
                Address::of_app(owned("http://a.localhost"), "app"),
                Address::of_redirect(owned("http://b.localhost"), "http://a.localhost"),
            ],
        }
        .into(),
        Deploy::MailShown {
            url: owned("http://mail.localhost"),
        }
        .into(),
        Mounts::Keeping {
            container: container(),
        }
        .into(),
        Mounts::Restored {
            container: container(),
            changes: vec![Difference {
                change: Change::Deleted,
                path: owned("a/"),
            }],
            lost: 0,
        }
        .into(),
        Mounts::Kept {
            container: container(),
            snapshot: owned("run-x"),
        }
        .into(),
        Mounts::Changed {
            container: container(),
            snapshot: Some(owned("run-x")),
            changes: vec![Difference {
                change: Change::Added,
                path: owned("a"),
            }],
            flags: String::new(),
        }
        .into(),
        Mounts::Copying {
            container: container(),
        }
        .into(),
        Mounts::CheckStarted {
            container: container(),
            operation: owned("tidy"),
            mounts: 2,
        }
        .into(),
        Mounts::CheckOutput { output: text("x") }.into(),
        Mounts::CheckFinished {
            container: container(),
            check: check(),
        }
        .into(),
        Mounts::Suggested {
            container: container(),
            suggestion: suggestion(),
            result: Outcome::Cancelled,
            services: vec![service()],
            check: Some(check()),
            must_pass: false,
        }
        .into(),
        Mounts::Written {
            file: owned(".upsun/config.yaml"),
            mounts: vec![owned("cache")],
        }
        .into(),
    ]
}

fn runs() -> Vec<Event> {
    let (app, operation, role) = (|| owned("app"), || owned("tidy"), || owned("admin"));
    vec![
        Run::Started {
            app: app(),
            worker: some("queue"),
            operation: operation(),
            role: role(),
            user: some("ada"),
            command: owned("echo \"$X\"\nexit 3"),
        }
        .into(),
        Run::Output {
            output: Text(Output::Stderr(Bytes::from_static(b"oh"))),
        }
        .into(),
        Run::Finished {
            app: app(),
            worker: None,
            operation: operation(),
            role: role(),
            exit_code: 126,
            result: Outcome::Failure,
            duration: TIME,
            synced: false,
            read_only: Some(read_only()),
            not_started: Some(not_started()),
            known: Some(KnownCause::PhpExtension {
                names: vec![owned("gd")],
                is_default: true,
            }),
        }
        .into(),
        Source::CloneStarted {
            branch: owned("main"),
            commit: owned("0123"),
        }
        .into(),
        Source::CommitsRequested { app: app() }.into(),
        Source::Committed {
            app: app(),
            branch: owned("main"),
            commits: vec![Commit {
                id: owned("4567"),
                subject: owned("Update"),
            }],
            rewrote_history: true,
        }
        .into(),
        Source::Patch {
            patch: owned("--- a\n+++ b\n"),
        }
        .into(),
        Source::CommitsApplied {
            branch: owned("main"),
            commit: owned("4567"),
            because: some("it moved on"),
        }
        .into(),
    ]
}

fn crons() -> Vec<Event> {
    let (app, cron) = (|| owned("app"), || owned("tidy"));
    vec![
        Cron::Planned {
            app: app(),
            cron: cron(),
            next: some("tomorrow"),
        }
        .into(),
        Cron::Started {
            app: app(),
            cron: cron(),
            role: some("admin"),
            user: None,
            command: owned("true"),
        }
        .into(),
        Cron::Output {
            app: app(),
            cron: cron(),
            output: text("."),
        }
        .into(),
        Cron::Finished {
            app: app(),
            cron: cron(),
            role: None,
            exit_code: 0,
            result: Outcome::Success,
            duration: TIME,
            read_only: None,
            not_started: None,
            known: None,
        }
        .into(),
        Cron::Skipped {
            app: app(),
            cron: cron(),
            reason: owned("busy"),
        }
        .into(),
    ]
}

fn edits() -> Vec<Event> {
    let (app, path) = (|| owned("app"), || owned("src/a.js"));
    vec![
        Dev::Ready {
            apps: vec![app()],
            files: 3,
        }
        .into(),
        Dev::Synced {
            app: app(),
            files: 1,
            deleted: 0,
            path: path(),
            duration: TIME,
        }
        .into(),
        Dev::Failed {
            app: app(),
            message: owned("no space"),
        }
        .into(),
        Dev::Restarted {
            app: app(),
            path: path(),
        }
        .into(),
        Dev::Rebuilding {
            app: app(),
            path: path(),
        }
        .into(),
        Dev::Switched {
            app: app(),
            duration: TIME,
        }
        .into(),
        Dev::Output {
            container: app(),
            output: text("."),
        }
        .into(),
        Dev::Request {
            method: owned("GET"),
            host: owned("localhost"),
            path: owned("/"),
            status: 200,
            duration: TIME,
        }
        .into(),
        Dev::Finished {}.into(),
    ]
}

/// One of every type at least.
fn all() -> Vec<Event> {
    [
        notices(),
        images_and_builds(),
        deploys_and_mounts(),
        runs(),
        crons(),
        edits(),
    ]
    .concat()
}

/// The types that the definitions name, read from the source: none can be forgotten here.
fn types() -> BTreeSet<String> {
    let sources = [
        include_str!("build.rs"),
        include_str!("cron.rs"),
        include_str!("deploy.rs"),
        include_str!("dev.rs"),
        include_str!("image.rs"),
        include_str!("mounts.rs"),
        include_str!("notice.rs"),
        include_str!("run.rs"),
        include_str!("script.rs"),
        include_str!("source.rs"),
    ];
    let renamed = sources
        .iter()
        .flat_map(|source| source.split("#[serde(rename = \"").skip(1));
    let names = renamed.filter_map(|rest| rest.split('"').next());
    names.map(str::to_owned).collect()
}

fn there_and_back(event: Event) -> Value {
    let mut envelope = Numbering::default().next(Envelope::now(event));
    envelope.activity = some("abcdefghijklm");
    let line = crate::json::line(&envelope).unwrap();
    let read: Envelope = serde_json::from_str(&line).unwrap_or_else(|err| panic!("{err}: {line}"));
    assert_eq!(read, envelope);
    serde_json::from_str(&line).unwrap()
}

#[test]
fn every_event_survives_being_written_and_read() {
    let mut seen = BTreeSet::new();
    for event in all() {
        let alone = serde_json::to_value(&event).unwrap();
        let line = there_and_back(event);
        // The fields of an event stand beside those of its envelope, and neither hides the other.
        for (key, value) in alone.as_object().unwrap() {
            assert!(!["version", "activity", "sequence", "time"].contains(&key.as_str()));
            assert_eq!(&line[key], value, "{line}");
        }
        seen.insert(line["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, types());
}

#[test]
fn every_event_is_documented() {
    let page = include_str!("../../docs/events.md");
    let rows = page.split("\n| `").skip(1);
    let documented: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    for kind in types() {
        assert!(documented.contains(kind.as_str()), "{kind}");
    }
}

#[test]
fn every_reason_and_cause_survives_too() {
    let directory = || owned("src");
    let reasons = [
        Reason::FileAtTop,
        Reason::Hides {
            directory: directory(),
            files: 1,
            some: Vec::new(),
        },
        Reason::HoldsMount {
            directory: directory(),
        },
        Reason::Shown {
            directory: directory(),
            mount: owned("m"),
        },
        Reason::MadeAndRemoved,
        Reason::OfBuild,
        Reason::Name,
        Reason::OutsideApp,
    ];
    for reason in reasons {
        let suggestion = Suggestion {
            elsewhere: vec![Elsewhere {
                path: owned("/x"),
                reason,
                writer: Writer::App,
            }],
            ..Suggestion::default()
        };
        there_and_back(Event::Mounts(Mounts::Suggested {
            container: owned("app"),
            suggestion,
            result: Outcome::Success,
            services: Vec::new(),
            check: None,
            must_pass: false,
        }));
    }
    let (file, interpreter) = (|| owned("do"), || some("/bin/sh"));
    let causes = [
        Unstartable::CarriageReturn { file: file() },
        Unstartable::NotExecutable {
            file: file(),
            interpreter: None,
        },
        Unstartable::Directory,
        Unstartable::Elsewhere {
            file: file(),
            interpreter: interpreter(),
        },
        Unstartable::NoFile,
        Unstartable::NotInstalled,
        Unstartable::Unnamed,
    ];
    for why in causes {
        there_and_back(Event::Notice(Notice::Advice {
            container: owned("app"),
            subject: owned("the command"),
            result: Outcome::Failure,
            read_only: None,
            not_started: Some(NotStarted { command: None, why }),
            known: None,
        }));
    }
}

/// What programs read that knew events before they had envelopes, and what they read now.
#[test]
fn an_envelope_is_printed_around_the_event() {
    let event = Event::Run(Run::Output {
        output: text("hi\n"),
    });
    let mut envelope = Numbering::default().next(Envelope::now(event));
    envelope.time = "2026-01-31T12:00:00.120Z".parse().unwrap();
    assert_eq!(
        crate::json::line(&envelope).unwrap(),
        r#"{"version":1,"activity":null,"sequence":1,"time":"2026-01-31T12:00:00.120Z","type":"operation-output","stream":"stdout","text":"hi\n"}"#
    );
}

#[test]
fn an_envelope_with_new_fields_is_read_and_one_with_an_unknown_event_is_not() {
    let line = |kind: &str| {
        json!({
            "version": 1, "activity": null, "sequence": 9, "time": "2026-01-31T12:00:00Z",
            "type": kind, "message": "m", "hint": null, "new": [1],
        })
    };
    let read: Envelope = serde_json::from_value(line("warning")).unwrap();
    assert_eq!(read.event, Event::warning("m", None));
    let err = serde_json::from_value::<Envelope>(line("alarm")).unwrap_err();
    assert_eq!(
        err.to_string(),
        "an event of a type that this version knows, with all its fields"
    );
}

#[test]
fn bytes_that_are_no_text_are_read_as_what_was_printed_for_them() {
    let output = Text(Output::Stderr(Bytes::from_static(b"a\xFF")));
    let event = Event::Run(Run::Output { output });
    let read: Event = serde_json::from_value(serde_json::to_value(&event).unwrap()).unwrap();
    let expected = Text(Output::Stderr(Bytes::from("a\u{FFFD}")));
    assert_eq!(read.text(), Some(&expected));
}

proptest! {
    #[test]
    fn any_text_and_number_survives(message in any::<String>(), code in any::<i64>(), millis in 0..u64::from(u32::MAX)) {
        there_and_back(Event::warning(message.clone(), Some(message.clone())));
        there_and_back(Event::Run(Run::Output {
            output: Text(Output::Stdout(Bytes::from(message.clone()))),
        }));
        there_and_back(Event::Script(Script::Finished {
            app: message,
            step: Step::StopCommand,
            exit_code: code,
            duration: Duration::from_millis(millis),
        }));
    }
}
