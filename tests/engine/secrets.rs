//! `--mask`: sensitive values in what operations, commands and logs print.

use crate::engine::app;
use crate::support::TestProject;

/// Prints the token in two pieces with a pause between, on either stream, and in other ways.
fn project() -> TestProject {
    let project = TestProject::on_engine(&app(
        "web: { commands: { start: 'echo web $TOKEN; exec sleep 7200' } }
operations:
  tell:
    commands:
      start: |
        printf 'hush-'; sleep 0.3; echo hush
        printf 'hush' >&2; sleep 0.3; printf -- '-hush\\n' >&2
        echo \"$PLATFORM_VARIABLES\"
        echo \"$PIN\"
        printf 'hush-'
crons:
  tell: { spec: 'H * * * *', commands: { start: 'echo $TOKEN' } }",
    ));
    let settings = format!(
        "project: {}
variables:
  environment:
    env:TOKEN: {{ value: hush-hush, sensitive: true }}
    env:PIN: {{ value: '123', sensitive: true }}
    theme:key: {{ value: {{ secret: in-the-middle }}, sensitive: true }}
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    project
}

#[test]
fn sensitive_values_are_hidden_where_it_is_asked_for() {
    let project = project();
    let raw = project.run(&["run", "tell"]).expect(0);
    assert!(raw.stdout.starts_with("hush-hush\n"), "{}", raw.stdout);
    assert!(raw.stderr.contains("hush-hush\n"), "{}", raw.stderr);

    let masked = project.run(&["run", "tell", "--mask"]).expect(0);
    let lines: Vec<&str> = masked.stdout.lines().collect();
    assert_eq!(lines, ["******", "******", "123", "hush-"]);
    assert!(!masked.stderr.contains("hush-hush"), "{}", masked.stderr);
    assert!(masked.stderr.contains("\n******\n"), "{}", masked.stderr);
    let warning = "the value of `env:PIN` is not masked: it has fewer than 4 characters";
    assert!(masked.stderr.contains(warning), "{}", masked.stderr);

    let json = project
        .run(&["run", "tell", "--mask", "--format", "json"])
        .expect(0);
    assert!(json.stdout.contains("******"), "{}", json.stdout);
    assert!(!json.stdout.contains("hush-hush"), "{}", json.stdout);

    let cron = project.run(&["cron", "run", "tell", "--mask"]).expect(0);
    assert_eq!(cron.stdout, "******\n");

    let command = [
        "exec",
        "--mask",
        "--",
        "sh",
        "-c",
        "echo $TOKEN; echo $TOKEN >&2; exit 3",
    ];
    let exec = project.run(&command).expect(3);
    assert_eq!(exec.stdout, "******\n");
    assert!(exec.stderr.ends_with("******\n"), "{}", exec.stderr);

    assert_eq!(project.run(&["logs"]).expect(0).stdout, "web hush-hush\n");
    assert_eq!(
        project.run(&["logs", "--mask"]).expect(0).stdout,
        "web ******\n"
    );
}

#[test]
fn our_own_words_never_tell_a_sensitive_value() {
    let project = TestProject::on_engine(&app("web: { commands: { start: 'sleep 7201' } }
hooks: { build: 'true' }
operations: { fail: { commands: { start: 'exit 1' } } }"));
    let settings = format!(
        "project: {}
variables: {{ project: {{ env:TOKEN: {{ value: hush-hush, sensitive: true }} }} }}
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    for arguments in [
        &["up", "-v"][..],
        &["up", "--rebuild", "--format", "json"],
        &["run", "fail", "-v"],
        &["run", "fail", "--format", "json"],
        &["status", "--format", "json"],
        &["run", "fail", "--dry-run", "--format", "json"],
        &["variables", "--full"],
        &["down", "-v"],
    ] {
        let outcome = project.run(arguments);
        let all = outcome.shown();
        assert!(!all.contains("hush-hush"), "{arguments:?}: {all}");
    }
}
