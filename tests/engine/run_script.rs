//! The script: what it may hold, and what it runs in.

use crate::engine::{app, operations, operations_of};
use crate::support::TestProject;

#[test]
fn quotes_newlines_dollars_backslashes_and_unicode_reach_the_shell_unchanged() {
    let script = "printf '%s\\n' \"it's\" 'say \"hi\"' '$HOME `x` \\n' ünï→🎉\nprintf '%s' \"\\$x\" ; # a comment\nprintf '\\ttab\\n'\n";
    let project = TestProject::on_engine(&operations(&[("odd", script)]));
    let outcome = project.run(&["run", "odd"]).expect(0);
    assert_eq!(
        outcome.stdout,
        "it's\nsay \"hi\"\n$HOME `x` \\n\nünï→🎉\n$x\ttab\n"
    );
}

#[test]
fn a_block_of_yaml_keeps_its_lines() {
    let project = TestProject::on_engine(&app("\
operations:
  block:
    commands:
      start: |
        for i in 1 2; do
          echo \"line $i\"
        done
        cat <<'END'
          kept $as it is
        END
"));
    let outcome = project.run(&["run", "block"]).expect(0);
    assert_eq!(outcome.stdout, "line 1\nline 2\n  kept $as it is\n");
}

#[test]
fn a_script_of_more_than_a_hundred_kilobytes_runs() {
    for kilobytes in [100, 300] {
        let filler = "0123456789 é ".repeat(kilobytes * 1024 / 14);
        let script = format!(
            "# {filler}\ntext='{filler}'\nprintf %s \"$text\" | wc -c\nls /tmp /proc/$$/fd\nexit 6"
        );
        let project = TestProject::on_engine(&operations(&[("long", &script)]));
        let outcome = project.run(&["run", "long"]).expect(6);
        let mut words = outcome.stdout.split_whitespace();
        assert_eq!(words.next(), Some(filler.len().to_string().as_str()));
        // Nothing is left of the way that it took.
        assert!(!outcome.stdout.contains("script."), "{}", outcome.stdout);
        assert!(!words.any(|word| word == "3"), "{}", outcome.stdout);
    }
}

#[test]
fn an_operation_may_have_a_name_that_needs_quoting() {
    let names = [
        "clear & rebuild",
        "cache:clear",
        "a'b\"c",
        "émoji 🎉",
        "$HOME",
    ];
    let scripts: Vec<String> = (0..names.len()).map(|at| format!("echo {at}")).collect();
    let list: Vec<(&str, &str)> = names
        .iter()
        .copied()
        .zip(scripts.iter().map(String::as_str))
        .collect();
    let project = TestProject::on_engine(&operations(&list));
    for (at, name) in names.iter().enumerate() {
        let outcome = project.run(&["run", name]).expect(0);
        assert_eq!(outcome.stdout, format!("{at}\n"), "{name}");
    }
    // One that looks like an option comes after `--`.
    let project = TestProject::on_engine(&operations(&[("--help", "echo dashes")]));
    assert_eq!(
        project.run(&["run", "--", "--help"]).expect(0).stdout,
        "dashes\n"
    );
}

#[test]
fn a_nul_in_the_configuration_is_an_error_of_the_configuration() {
    let project = TestProject::on_engine(&app(
        "operations: { a: { commands: { start: \"echo a\\0b\" } } }",
    ));
    project.run(&["run", "a"]).expect(78);
    let project = TestProject::on_engine("applications: {}\n\0\n");
    project.run(&["run", "a"]).expect(78);
    let project = TestProject::on_engine(&app(
        "operations: { a: { commands: { start: !include { type: string, path: script } } } }",
    ));
    project.file("script", "echo a\0b");
    project.run(&["run", "a"]).expect(78);
}

#[test]
fn scripts_run_in_dash_and_only_the_last_command_decides() {
    let project = TestProject::on_engine(&operations(&[
        ("goes-on", "false; echo still here"),
        ("ends", "set -e; false; echo still here"),
        ("shell", "readlink /proc/$$/exe; echo $-"),
    ]));
    assert_eq!(
        project.run(&["run", "goes-on"]).expect(0).stdout,
        "still here\n"
    );
    assert_eq!(project.run(&["run", "ends"]).expect(1).stdout, "");
    let shell = project.run(&["run", "shell"]).expect(0).stdout;
    let mut lines = shell.lines();
    assert!(
        lines.next().unwrap_or_default().ends_with("/dash"),
        "{shell}"
    );
    assert!(!lines.next().unwrap_or_default().contains('e'), "{shell}");
}

#[test]
fn it_runs_in_the_app_as_web() {
    let project = TestProject::on_engine(&operations(&[(
        "who",
        "pwd; id -un; id -u; id -g; echo $HOME; hostname; tty; umask; for tool in jq git curl bash; do command -v $tool; done",
    )]));
    let outcome = project.run(&["run", "who"]).expect(0);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[..5], ["/app", "web", "10000", "10000", "/app"]);
    assert_eq!(lines[5], "app.0");
    assert_eq!(lines[6], "not a tty");
    assert_eq!(lines[8..].len(), 4, "{lines:?}");
}

#[test]
fn upsuns_variables_are_there() {
    let project = TestProject::on_engine(&app(&format!(
        "variables: {{ env: {{ greeting: hello }} }}\n{}",
        operations_of(&[
            (
                "show",
                "printf '%s|' \"$PLATFORM_APPLICATION_NAME\" \"$PLATFORM_BRANCH\" \"$PLATFORM_APP_DIR\" \"$PLATFORM_ENVIRONMENT_TYPE\" \"$GREETING\" \"$EXTRA\" \"$PLATFORM_CACHE_DIR\""
            ),
            (
                "json",
                "echo $PLATFORM_APPLICATION | base64 -d | jq -r .type; jq -r '.applications[0].name, (.info.limits.memory > 16)' /run/config.json; echo $PLATFORM_ROUTES | base64 -d"
            ),
        ])
    )));
    let arguments = ["run", "show", "--variable", "env:EXTRA=more"];
    assert_eq!(
        project.run(&arguments).expect(0).stdout,
        "app|local|/app|development|hello|more||"
    );
    assert_eq!(
        project.run(&["run", "json"]).expect(0).stdout,
        "nodejs:24\napp\ntrue\n{}"
    );
}

#[test]
fn environment_of_the_repository_is_sourced_and_prints_nothing() {
    let project = TestProject::on_engine(&app(&format!(
        "variables: {{ env: {{ from_app: app }} }}\n{}",
        operations_of(&[("show", "echo $FROM_APP $ADDED")])
    )));
    project.file(
        ".environment",
        "echo printed by .environment\nexport FROM_APP=last word\nexport ADDED=\"$(pwd)\"\n",
    );
    let outcome = project.run(&["run", "show"]).expect(0);
    assert_eq!(outcome.stdout, "last /app\n");
}

#[test]
fn aliases_and_functions_of_environment_are_there_wherever_scripts_run() {
    let project = TestProject::on_engine(
        r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    mounts: {out: {source: storage}}
    hooks:
      deploy: |
        set -eux
        manage deploy >out/deploy
    web: {commands: {start: "manage web >out/web; exec sleep 7303"}}
    workers:
      queue: {commands: {start: "manage worker >out/worker; exec sleep 7304"}}
    crons:
      tidy: {spec: "0 1 * * *", commands: {start: "helper cron"}}
    operations:
      index:
        commands: {start: "manage index && if true; then ( manage nested ); fi"}
      missing: {commands: {start: "true\nnothing_there"}}
      arguments: {commands: {start: 'echo "$# $0"; exit 3'}}
"#,
    );
    project.file(
        ".environment",
        "alias manage=\"echo manage\"\nhelper() { echo \"helper $1 $plain\"; }\nplain=unexported\n",
    );
    project.run(&["up"]).expect(0);
    let index = project.run(&["run", "index"]).expect(0);
    assert_eq!(index.stdout, "manage index\nmanage nested\n");
    assert_eq!(
        project.run(&["cron", "run", "tidy"]).expect(0).stdout,
        "helper cron unexported\n"
    );
    let files = ["exec", "--", "cat", "out/deploy", "out/web", "out/worker"];
    assert_eq!(
        project.run(&files).expect(0).stdout,
        "manage deploy\nmanage web\nmanage worker\n"
    );
    let missing = project.run(&["run", "missing"]).expect(127);
    assert!(
        missing.stderr.contains("nothing_there: not found"),
        "{}",
        missing.stderr
    );
    assert_eq!(
        project.run(&["run", "arguments"]).expect(3).stdout,
        "0 /bin/dash\n"
    );
    // Longer than one argument of a program may be.
    let long = format!("# {}\nmanage long", "x".repeat(200_000));
    let config = format!(
        "applications:\n  app:\n    type: nodejs:24\n    build: {{flavor: none}}\n    operations:\n      long:\n        commands:\n          start: |\n            {}\n",
        long.replace('\n', "\n            ")
    );
    project.file(".upsun/config.yaml", &config);
    assert_eq!(
        project.run(&["run", "long"]).expect(0).stdout,
        "manage long\n"
    );
}
