//! `test`: operations run as tests, what is said of them, and the mounts afterwards.

use rustix::process::Signal;
use serde_json::Value;

use crate::crashes::Relay;
use crate::engine::{app, objects, operations, operations_of, runs};
use crate::process::Running;
use crate::support::TestProject;

/// A project with one mount, these operations and these tests.
fn project(list: &[(&str, &str)], tests: &str) -> TestProject {
    let config = format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(list)
    );
    with_tests(TestProject::on_engine(&app(&config)), tests)
}

fn with_tests(project: TestProject, tests: &str) -> TestProject {
    let mut settings = format!("project: {}\ntests:\n", project.id);
    for line in tests.lines() {
        settings.push_str(&format!("  {line}\n"));
    }
    project.file(".upsun-local.yaml", &settings);
    project
}

/// `PASS name` and the like, without times.
fn verdicts(stdout: &str) -> Vec<String> {
    stdout
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| {
            let line = line.split(" (").next().unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn each_expectation_holds_or_is_told() {
    let project = project(
        &[
            ("fill", "echo one >>data/lines; echo filled"),
            ("count", "ls data | wc -l"),
            ("fails", "echo why >&2; exit 3"),
            ("touches", "touch outside"),
        ],
        "\
writes: { operation: fill, stdout: '^filled$', files: 'data/*', changed: data/lines }
finds nothing of it: { operation: count, stdout: '^0$' }
is not idempotent: { operation: fill, idempotent: true }
is idempotent: { operation: count, idempotent: true }
code is as asked: { operation: fails, expect: 3, stderr: why }
code is not: { operation: fails }
nothing there: { operation: count, stdout: many, files: data/x, changed: data }
read-only: { operation: touches }
denied: { operation: fill, role: viewer, expect: denied }
not denied: { operation: fill, role: admin, expect: denied }
denied unasked: { operation: fill, role: viewer }
last: { operation: count, stdout: '^0$' }",
    );
    project.run(&["run", "count"]).expect(0);
    let outcome = project.run(&["test"]).expect(1);
    assert_eq!(
        verdicts(&outcome.stdout),
        [
            "PASS writes",
            "PASS finds nothing of it",
            "FAIL is not idempotent",
            "PASS is idempotent",
            "PASS code is as asked",
            "FAIL code is not",
            "FAIL nothing there",
            "FAIL read-only",
            "PASS denied",
            "FAIL not denied",
            "FAIL denied unasked",
            "PASS last",
        ]
    );
    for said in [
        "run a second time, it changed its mounts again: M /data/lines",
        "it ended with exit code 3, not 0\n      .upsun-local.yaml:8: fails on app as contributor\n      | why",
        "standard output does not match `many`",
        "no mount holds `data/x`",
        "it changed nothing on a mount that is `data`",
        "it wrote to `/app/outside`, which is read-only on Upsun",
        "admin may run it: it needs contributor only",
        "viewer may not run it: it needs contributor",
    ] {
        assert!(outcome.stdout.contains(said), "{said}: {}", outcome.stdout);
    }
    assert!(
        outcome.stderr.ends_with("12 tests: 6 passed, 6 failed\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, "0\n");
    let kept = project.run(&["mount", "snapshot", "--list"]).expect(0);
    assert_eq!(kept.stdout, "", "no snapshot is left");
}

#[test]
fn without_any_every_operation_runs_and_is_denied_to_the_roles_below() {
    let project = TestProject::on_engine(&app(
        "operations:\n  all: { role: viewer, commands: { start: 'true' } }\n  few: { role: admin, commands: { start: 'false' } }",
    ));
    let outcome = project.run(&["test"]).expect(1);
    assert_eq!(
        verdicts(&outcome.stdout),
        [
            "PASS all on app",
            "PASS few on app is denied to viewer",
            "PASS few on app is denied to contributor",
            "FAIL few on app",
        ]
    );
    let filtered = project.run(&["test", "denied", "all"]).expect(0);
    assert_eq!(verdicts(&filtered.stdout).len(), 3);
    let stopped = project.run(&["test", "--fail-fast", "few"]).expect(1);
    assert_eq!(verdicts(&stopped.stdout).len(), 3);
}

#[test]
fn nothing_is_started_for_what_only_roles_decide() {
    let project = with_tests(
        TestProject::on_engine(&operations(&[("any", "true")])),
        "denied: { operation: any, role: viewer, expect: denied }",
    );
    let mut command = project.command(&["test"]);
    command.env("DOCKER_HOST", "unix:///nonexistent.sock");
    crate::support::outcome(&mut command, &project.root()).expect(0);
    assert_eq!(objects(&project), 0);
}

#[test]
fn the_first_failure_ends_it_when_asked_and_reports_say_what_was_not_run() {
    let project = project(
        &[("good", "true"), ("bad", "echo '<&>'; exit 1")],
        "a: { operation: good }\nb: { operation: bad }\nc: { operation: good }",
    );
    let junit = project
        .run(&["test", "--fail-fast", "--format", "junit"])
        .expect(1)
        .stdout;
    for part in [
        "<testsuites name=\"upsun-local\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"",
        "<failure message=\"it ended with exit code 1, not 0\">",
        "<system-out>&lt;&amp;&gt;\n</system-out>",
        "<skipped message=\"a test before it failed\">",
    ] {
        assert!(junit.contains(part), "{part}: {junit}");
    }
    let github = project.run(&["test", "--format", "github"]).expect(1);
    assert_eq!(
        github.stdout,
        "::error title=b,file=.upsun-local.yaml,line=4::it ended with exit code 1, not 0%0A| <&>\n"
    );
    let file = project.root().join("results.json");
    let arguments = ["test", "--format", "json", "-o", "results.json"];
    let outcome = project.run(&arguments).expect(1);
    assert_eq!(verdicts(&outcome.stdout), ["PASS a", "FAIL b", "PASS c"]);
    let text = std::fs::read_to_string(file).expect("a file");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["tests"][1]["status"], "failed");
    assert_eq!(json["tests"][1]["stdout"], "<&>\n");
}

#[test]
fn containers_are_tested_side_by_side_when_asked() {
    let text = |name: &str| {
        let script = "date +%s%N; sleep 2; date +%s%N";
        let app = format!(
            "  {name}:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    source: {{ root: {name} }}\n    operations:\n      slow: {{ commands: {{ start: '{script}' }} }}\n"
        );
        app
    };
    let project = TestProject::on_engine(&format!("applications:\n{}{}", text("a"), text("b")));
    project.file("a/.keep", "").file("b/.keep", "");
    project.run(&["up"]).expect(0);
    let times = |jobs: &str| {
        let arguments = ["test", "--jobs", jobs, "--format", "json", "slow on"];
        let outcome = project.run(&arguments).expect(0);
        let json: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let mut all = Vec::new();
        for test in json["tests"].as_array().expect("tests") {
            if test["name"]
                .as_str()
                .is_some_and(|name| name.contains("denied"))
            {
                continue;
            }
            let printed = test["stdout"].as_str().expect("text");
            let moments: Vec<u128> = printed
                .lines()
                .map(|line| line.parse().expect("a number"))
                .collect();
            all.push((moments[0], moments[1]));
        }
        assert_eq!(all.len(), 2, "{json}");
        all.sort_unstable();
        all
    };
    let beside = times("2");
    assert!(beside[1].0 < beside[0].1, "{beside:?}");
    let after = times("1");
    assert!(after[1].0 >= after[0].1, "{after:?}");
}

#[test]
fn a_test_that_hangs_is_ended_by_its_time_limit() {
    let project = project(
        &[("hangs", "echo x >data/x; sleep 7651"), ("list", "ls data")],
        "hangs: { operation: hangs, timeout: 1 }\nlist: { operation: list, stdout: '^$' }",
    );
    let outcome = project.run(&["test"]).expect(1);
    assert!(
        outcome
            .stdout
            .contains("it took longer than 1 s and was ended"),
        "{}",
        outcome.stdout
    );
    assert!(!runs(&project, "sleep 7651"));
    assert_eq!(project.run(&["run", "list"]).expect(0).stdout, "");
}

#[test]
fn ctrl_c_puts_the_mounts_back_and_reports_what_ran() {
    let project = project(
        &[
            ("quick", "true"),
            ("long", "echo x >data/x; echo ready >&2; sleep 7661"),
            ("list", "ls data"),
        ],
        "a: { operation: quick }\nb: { operation: long }\nc: { operation: quick }",
    );
    let run = Running::start(
        &project,
        &["-v", "test", "--format", "junit", "-o", "out.xml"],
    );
    run.wait_for_talk("ready\n");
    run.signal(Signal::INT);
    let outcome = run.wait().expect(130);
    assert_eq!(
        verdicts(&outcome.stdout),
        [
            "PASS a",
            "SKIP b: interrupted",
            "SKIP c: interrupted before it began"
        ]
    );
    let junit = std::fs::read_to_string(project.root().join("out.xml")).expect("a file");
    assert!(
        junit.contains("tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"2\""),
        "{junit}"
    );
    assert!(!runs(&project, "sleep 7661"));
    assert_eq!(project.run(&["run", "list"]).expect(0).stdout, "");
    project.run(&["test", "a"]).expect(0);
}

#[test]
fn an_engine_that_is_not_there_or_goes_away_never_looks_like_a_failed_test() {
    let project = project(
        &[("quick", "true"), ("long", "echo ready >&2; sleep 7671")],
        "a: { operation: quick }\nb: { operation: long }\nc: { operation: quick }",
    );
    let mut command = project.command(&["test"]);
    command.env("DOCKER_HOST", "unix:///nonexistent.sock");
    command.args(["--format", "junit", "-o", "dead.xml"]);
    let outcome = crate::support::outcome(&mut command, &project.root()).expect(70);
    assert!(outcome.stderr.contains("error: "), "{}", outcome.stderr);
    let junit = std::fs::read_to_string(project.root().join("dead.xml")).expect("a file");
    assert!(
        junit.contains("tests=\"3\" failures=\"0\" errors=\"3\""),
        "{junit}"
    );
    project.run(&["up"]).expect(0);
    let relay = Relay::start(&project.root());
    let run = Running::start(&project, &["--engine", &relay.address, "-v", "test"]);
    run.wait_for_talk("ready\n");
    relay.cut();
    let outcome = run.wait().expect(70);
    assert_eq!(
        verdicts(&outcome.stdout),
        [
            "PASS a",
            "ERROR b",
            "SKIP c: the mounts are not as they were before the tests"
        ]
    );
    assert!(
        outcome
            .stdout
            .contains("the mounts of app could not be put back"),
        "{}",
        outcome.stdout
    );
    // The next command puts them back before it does anything else.
    let next = project.run(&["test", "a"]).expect(0);
    assert!(
        next.stderr
            .contains("what was on the mounts of `app` before it is put back"),
        "{}",
        next.stderr
    );
    let again = project.run(&["test", "a"]).expect(0);
    assert!(!again.stderr.contains("put back"), "{}", again.stderr);
}

#[test]
fn a_project_without_operations_has_nothing_that_could_fail() {
    let project = TestProject::on_engine(&app(""));
    let outcome = project.run(&["test", "--format", "junit"]).expect(0);
    assert!(outcome.stdout.contains("tests=\"0\""), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("nothing to test"),
        "{}",
        outcome.stderr
    );
    project.run(&["test", "any"]).expect(64);
}

#[test]
fn a_build_that_fails_fails_its_tests() {
    let project = with_tests(
        TestProject::on_engine(&app(&format!(
            "hooks: {{ build: 'echo broken; exit 4' }}\n{}",
            operations_of(&[("any", "true")])
        ))),
        "any: { operation: any }\nagain: { operation: any }",
    );
    let outcome = project.run(&["test"]).expect(1);
    assert_eq!(verdicts(&outcome.stdout), ["FAIL any", "FAIL again"]);
    let said = outcome.stderr.matches("broken").count();
    assert_eq!(said, 1, "it is built once: {}", outcome.stderr);
    let junit = project.run(&["test", "--format", "junit"]).expect(1).stdout;
    assert!(
        junit.contains("<system-err>broken\n</system-err>"),
        "{junit}"
    );
}

#[test]
fn a_test_leaves_neither_processes_nor_a_broken_container_to_the_next() {
    let project = project(
        &[
            (
                "daemon",
                "(setsid sh -c 'while :; do date >>data/daemon; sleep 0.05; done' &) ; sleep 0.3",
            ),
            ("dies", "rm data/kept; kill 1; sleep 30"),
            ("list", "ls data"),
            ("fill", "echo x >data/kept"),
        ],
        "\
leaves one: { operation: daemon, changed: data/daemon }
ends its container: { operation: dies }
finds all as it was: { operation: list, stdout: '^kept$' }
and nothing else: { operation: list, expect: 0 }",
    );
    project.run(&["run", "fill"]).expect(0);
    let outcome = project.run(&["test"]).expect(70);
    assert_eq!(
        verdicts(&outcome.stdout),
        [
            "PASS leaves one",
            "ERROR ends its container",
            "PASS finds all as it was",
            "PASS and nothing else",
        ]
    );
    assert!(
        outcome.stdout.contains("the container of `app` went away"),
        "{}",
        outcome.stdout
    );
    assert_eq!(project.run(&["run", "list"]).expect(0).stdout, "kept\n");
    assert!(!runs(&project, "date >>data"));
}

#[test]
fn the_end_of_long_output_counts_and_is_what_is_shown() {
    let project = project(
        &[("long", "seq 1 2000000; echo the end; exit 2")],
        "\
matches: { operation: long, expect: 2, stdout: '^the end$' }
shows it: { operation: long }
and the beginning: { operation: long, expect: 2, stdout: ['^1$', never] }",
    );
    let outcome = project.run(&["test"]).expect(1);
    assert_eq!(
        verdicts(&outcome.stdout),
        ["PASS matches", "FAIL shows it", "FAIL and the beginning"]
    );
    for said in [
        "      | 2000000\n      | the end\n",
        "`never` (",
        "were not looked at",
    ] {
        assert!(outcome.stdout.contains(said), "{said}: {}", outcome.stdout);
    }
}

#[test]
fn variables_and_users_of_a_test_count() {
    let project = with_tests(
        TestProject::on_engine(&operations(&[("says", "echo \"$GREETING\"")])),
        "\
by name: { operation: says, user: ann, stdout: '^hello$', variables: { 'env:GREETING': hello } }
not there: { operation: says, user: bob, expect: denied }",
    );
    let settings = std::fs::read_to_string(project.root().join(".upsun-local.yaml"));
    let settings = settings.expect("a file");
    project.file(
        ".upsun-local.yaml",
        &format!("{settings}users: {{ ann: contributor, bob: viewer }}\n"),
    );
    project.run(&["test"]).expect(0);
}
