//! The commands around operations: exec, logs, status, up, plans, JSON.

use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::engine::{app, objects, operations, operations_of, runs, wait_until};
use crate::process::Running;
use crate::support::TestProject;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|err| panic!("{err}: {text}"))
}

#[test]
fn exec_passes_arguments_output_and_code() {
    let project = TestProject::on_engine(&app("variables: { env: { word: seen } }"));
    project.file(".environment", "export SOURCED=yes\n");
    for code in [0, 1, 42, 126, 127] {
        let script = format!("exit {code}");
        project
            .run(&["exec", "--", "sh", "-c", &script])
            .expect(code);
    }
    let outcome = project
        .run(&["exec", "--", "printf", "%s|", "a b", "$HOME", "'", "é"])
        .expect(0);
    assert_eq!(outcome.stdout, "a b|$HOME|'|é|");
    // As with `ssh`, a command in one word is read by a shell.
    let outcome = project.run(&["ssh", "cd /tmp && pwd"]).expect(0);
    assert_eq!(outcome.stdout, "/tmp\n");
    let variables = project.run(&["ssh", "--", "env"]).expect(0).stdout;
    for line in [
        "WORD=seen",
        "SOURCED=yes",
        "HOME=/app",
        "PLATFORM_APP_DIR=/app",
    ] {
        assert!(
            variables.lines().any(|found| found == line),
            "{line}: {variables}"
        );
    }
    let streams = project
        .run(&["exec", "-q", "--", "sh", "-c", "echo out; echo err >&2"])
        .expect(0);
    assert_eq!(
        (streams.stdout.as_str(), streams.stderr.as_str()),
        ("out\n", "err\n")
    );
}

#[test]
fn exec_passes_standard_input_on_to_its_end() {
    let project = TestProject::on_engine(&app(""));
    project.run(&["up"]).expect(0);
    let mut child = project
        .command(&["exec", "-q", "--", "sha256sum"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let bytes = vec![0xA5_u8; 3_000_001];
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(&bytes).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{expected}  -\n")
    );
}

#[test]
fn exec_without_a_command_is_a_shell() {
    let project = TestProject::on_engine(&app(""));
    project.run(&["up"]).expect(0);
    let mut child = project
        .command(&["exec", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(b"pwd; exit 5\n").expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.stdout, b"/app\n");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn logs_shows_and_follows_what_the_web_process_prints() {
    let start = "echo first; echo error >&2; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo second; exec sleep 1000";
    let project = TestProject::on_engine(&app(&format!(
        "web: {{ commands: {{ start: {start:?} }} }}"
    )));
    let not_up = project.run(&["logs"]).expect(75);
    assert!(
        not_up.stderr.contains("`app` is not up"),
        "{}",
        not_up.stderr
    );
    project.run(&["up"]).expect(0);
    let follow = Running::start(&project, &["logs", "--follow"]);
    follow.wait_for_output("first");
    follow.wait_for_output("error");
    project.run(&["exec", "--", "touch", "/tmp/go"]).expect(0);
    follow.wait_for_output("second");
    follow.signal(Signal::INT);
    follow.wait().expect(130);
    assert_eq!(
        project.run(&["logs", "-n", "1"]).expect(0).stdout,
        "second\n"
    );
    let follow = Running::start(&project, &["logs", "-f"]);
    follow.wait_for_output("second");
    project.run(&["down"]).expect(0);
    follow.wait().expect(0);
}

#[test]
fn status_tells_what_is_up_in_all_environments() {
    let project =
        TestProject::on_engine(&app("workers: { w: { commands: { start: sleep 1000 } } }"));
    assert_eq!(
        json(
            &project
                .run(&["status", "--format", "json"])
                .expect(0)
                .stdout
        ),
        json("[]")
    );
    project.run(&["up"]).expect(0);
    project.run(&["up", "-e", "other"]).expect(0);
    let all = json(
        &project
            .run(&["status", "--format", "json"])
            .expect(0)
            .stdout,
    );
    let rows: Vec<(String, String, bool)> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().expect("a text").to_owned();
            (text("environment"), text("service"), row["running"] == true)
        })
        .collect();
    let expected = [
        ("local", "app"),
        ("local", "app--w"),
        ("other", "app"),
        ("other", "app--w"),
    ];
    assert_eq!(
        rows,
        expected.map(|(environment, service)| (environment.to_owned(), service.to_owned(), true))
    );
    let one = project.run(&["status", "-e", "other"]).expect(0).stdout;
    assert!(one.contains("other") && !one.contains("local  "), "{one}");
    // What is up can be seen and taken down although the configuration is broken now.
    project.file(".upsun/config.yaml", "applications: [");
    project.run(&["status"]).expect(0);
    project.run(&["down"]).expect(0);
}

#[test]
fn up_is_quick_and_says_nothing_new_when_all_is_up() {
    let project = TestProject::on_engine(&app(""));
    let first = project.run(&["up"]).expect(0);
    assert!(first.stderr.contains("Started app"), "{}", first.stderr);
    let second = project.run(&["up"]).expect(0);
    assert!(!second.stderr.contains("Started"), "{}", second.stderr);
    assert_eq!(project.run(&["up", "--quiet"]).expect(0).stderr, "");
}

#[test]
fn a_dry_run_prints_the_plan_and_makes_nothing() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\nhooks: {{ build: make all }}\n{}",
        operations_of(&[("ok", "true")])
    )));
    for command in [&["run", "ok"][..], &["up"]] {
        let text = project.run(&[command, &["--dry-run"]].concat()).expect(0);
        for said in ["hooks.build: make all", "/app/data", "read-only"] {
            assert!(text.stdout.contains(said), "{}", text.stdout);
        }
        let plan = project
            .run(&[command, &["--dry-run", "--format", "json"]].concat())
            .expect(0);
        let plan = json(&plan.stdout);
        assert_eq!(plan[0]["app"], "app");
        assert_eq!(plan[0]["containers"][0]["container"]["read_only"], true);
    }
    let run = project.run(&["run", "ok", "--dry-run"]).expect(0).stdout;
    assert!(
        run.ends_with(
            "ok\n  on       app\n  as       admin; it needs contributor\n  command  true\n"
        ),
        "{run}"
    );
    assert_eq!(objects(&project), 0);
    // It needs no engine either.
    let mut command = project.command(&["run", "ok", "--dry-run"]);
    command.env("DOCKER_HOST", "unix:///nonexistent.sock");
    crate::support::outcome(&mut command, &project.root()).expect(0);
}

#[test]
fn json_is_one_valid_event_a_line() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo building', deploy: 'echo deploying' }}\n{}",
        operations_of(&[(
            "say",
            "printf 'out \"é\\n'; sleep 0.3; printf err >&2; touch x"
        )])
    )));
    let outcome = project.run(&["run", "say", "--format", "json"]).expect(1);
    let events: Vec<Value> = outcome.stdout.lines().map(json).collect();
    let types: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .filter(|kind| *kind != "warning")
        .collect();
    assert_eq!(
        types.len(),
        events
            .iter()
            .filter(|event| event["type"] != "warning")
            .count()
    );
    for (position, kind) in [(0, "build-started"), (1, "step-started")] {
        assert_eq!(types[position], kind, "{types:?}");
    }
    assert_eq!(types.last(), Some(&"operation-finished"));
    let last = &events[events.len() - 1];
    assert_eq!(last["exit_code"], 1);
    assert_eq!(last["result"], "failure");
    assert_eq!(last["read_only"]["path"], "/app/x");
    let text = |stream: &str| -> String {
        events
            .iter()
            .filter(|event| event["type"] == "operation-output" && event["stream"] == stream)
            .filter_map(|event| event["text"].as_str())
            .collect()
    };
    assert_eq!(text("stdout"), "out \"é\n");
    assert!(text("stderr").starts_with("err"), "{}", text("stderr"));
    let activities = project.run(&["activity", "list", "--format", "json"]);
    let activity = &json(&activities.expect(0).stdout)[0]["id"];
    let times: Vec<&str> = events.iter().filter_map(|it| it["time"].as_str()).collect();
    assert!(
        times.is_sorted() && times.len() == events.len(),
        "{times:?}"
    );
    for (number, event) in (1..).zip(&events) {
        assert_eq!(event["version"], 1, "{event}");
        assert_eq!(event["sequence"], number, "{event}");
        assert_eq!(&event["activity"], activity, "{event}");
    }
    let up = project.run(&["up", "--format", "json"]).expect(0);
    up.stdout.lines().map(json).for_each(drop);
}

#[test]
fn text_as_json_survives_however_it_is_cut() {
    // Written one byte at a time, so that the pieces end inside of characters.
    let script = "node -e 'const b = Buffer.from(\"é→🎉\\n\".repeat(20)); let i = 0; const t = setInterval(() => { if (i >= b.length) return clearInterval(t); require(\"fs\").writeSync(1, b, i++, 1) }, 2)'";
    let project = TestProject::on_engine(&operations(&[("slow", script)]));
    let outcome = project.run(&["run", "slow", "--format", "json"]).expect(0);
    let text: String = outcome
        .stdout
        .lines()
        .map(json)
        .filter(|event| event["type"] == "operation-output")
        .filter_map(|event| event["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "é→🎉\n".repeat(20));
}

#[test]
fn quiet_leaves_the_operations_words_alone() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'echo noise' }}\n{}",
        operations_of(&[("ok", "echo out; echo err >&2")])
    )));
    let outcome = project.run(&["run", "ok", "--quiet"]).expect(0);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("out\n", "err\n")
    );
}

#[test]
fn an_interrupted_exec_leaves_nothing_running() {
    let project = TestProject::on_engine(&app(""));
    project.run(&["up"]).expect(0);
    let exec = Running::start(
        &project,
        &["exec", "--", "sh", "-c", "echo ready; sleep 7701"],
    );
    exec.wait_for_output("ready");
    exec.signal(Signal::INT);
    exec.wait().expect(130);
    wait_until("it has ended", || !runs(&project, "sleep 7701"));
}
