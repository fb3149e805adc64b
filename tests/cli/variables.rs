//! `variables`.

use crate::support::TestProject;

fn project() -> TestProject {
    let project = TestProject::new(
        "
applications:
  app:
    type: nodejs:24
    variables:
      env: {COLOUR: red, SIZE: 3}
      theme: {dark: true}
",
    );
    let settings = format!(
        "project: {}
variables:
  project:
    env:COLOUR: green
    env:TOKEN: {{value: hush-hush, sensitive: true}}
  environment:
    env:COLOUR: {{value: blue, visible_build: false}}
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    project
}

fn row(project: &TestProject, arguments: &[&str], name: &str) -> String {
    let all = [&["variables", "--format", "tsv", "--no-header"], arguments].concat();
    let shown = project.run(&all).expect(0).stdout;
    shown
        .lines()
        .find(|line| line.starts_with(&format!("{name}\t")))
        .unwrap_or_else(|| panic!("{name} in:\n{shown}"))
        .to_owned()
}

#[test]
fn the_highest_level_that_sets_a_variable_is_where_it_comes_from() {
    let project = project();
    assert_eq!(row(&project, &[], "COLOUR"), "COLOUR\tblue\tenvironment");
    assert_eq!(
        row(&project, &["--phase", "build"], "COLOUR"),
        "COLOUR\tgreen\tproject"
    );
    assert_eq!(row(&project, &[], "SIZE"), "SIZE\t3\tapplication");
    assert_eq!(
        row(&project, &["--variable", "env:COLOUR=pink"], "COLOUR"),
        "COLOUR\tpink\tcommand line"
    );
}

#[test]
fn a_sensitive_value_is_never_shown() {
    let project = project();
    assert_eq!(row(&project, &[], "TOKEN"), "TOKEN\t******\tproject");
    for format in ["table", "csv", "plain", "json"] {
        let shown = project
            .run(&["variables", "--full", "--format", format])
            .expect(0);
        assert!(shown.stdout.contains("TOKEN"));
        assert!(!shown.stdout.contains("hush-hush"), "{format}");
    }
}

#[test]
fn a_variable_that_is_not_there_is_a_usage_error() {
    let outcome = project().run(&["variables", "NOPE"]).expect(64);
    insta::assert_snapshot!(outcome.stderr, @r"
    error: there is no variable `NOPE`

    hint: `upsun-local variables` shows all
    ");
}

#[test]
fn a_plan_does_not_tell_sensitive_values() {
    let project = project();
    let shown = project
        .run(&["up", "--dry-run", "--format", "json"])
        .expect(0);
    assert!(shown.stdout.contains("\"TOKEN\": \"******\""));
    assert!(!shown.stdout.contains("hush-hush"));
}

#[test]
fn what_is_no_environment_variable_is_shown_with_its_prefix() {
    let project = TestProject::new(
        "
applications:
  app:
    type: php:8.4
    variables:
      php: {memory_limit: 128M, display_errors: On}
      theme: {colours: [red, blue]}
",
    );
    let settings = format!(
        "project: {}
variables:
  project:
    php:memory_limit: 256M
    theme:key: {{value: {{secret: hush-hush}}, sensitive: true}}
  environment:
    php:memory_limit: {{value: 512M, visible_build: false}}
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    assert_eq!(
        row(&project, &[], "php:memory_limit"),
        "php:memory_limit\t512M\tenvironment"
    );
    assert_eq!(
        row(&project, &["--phase", "build"], "php:memory_limit"),
        "php:memory_limit\t256M\tproject"
    );
    assert_eq!(
        row(&project, &[], "theme:colours"),
        "theme:colours\t\"[\"\"red\"\", \"\"blue\"\"]\"\tapplication"
    );
    assert_eq!(
        row(&project, &[], "theme:key"),
        "theme:key\t******\tproject"
    );
    // With one of its values the whole is one that must not be shown.
    assert_eq!(
        row(&project, &[], "PLATFORM_VARIABLES"),
        "PLATFORM_VARIABLES\t******\tupsun"
    );
}

#[test]
fn a_plan_does_not_tell_sensitive_values_of_php_settings() {
    let project = TestProject::new("applications: {app: {type: 'php:8.4'}}\n");
    let settings = format!(
        "project: {}
variables:
  project:
    php:session.save_path: {{value: \"tcp://h?auth=it's hush\", sensitive: true}}
    php:memory_limit: 256M
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    let shown = project
        .run(&["up", "--dry-run", "--format", "json"])
        .expect(0)
        .stdout;
    assert!(shown.contains("memory_limit = 256M"), "{shown}");
    assert!(shown.contains("session.save_path = ******"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn a_broken_env_file_is_explained_without_what_stands_in_it() {
    let project = TestProject::new("applications: {app: {type: 'nodejs:24'}}\n");
    project.file(".upsun-local.yaml", "project: x\nenv_file: .env\n");
    project.file(".env", "KEY=-----BEGIN\nhush-hush\n");
    insta::assert_snapshot!(project.run(&["variables"]).shown(), @r"
    code: 65
    --- stdout
    --- stderr
    error: .upsun-local.yaml:2: `env_file`: line 2 is not `NAME=value`
    ");
    project.file(".env", "KEY=\"-----BEGIN\nhush-hush\n-----END\"\n");
    insta::assert_snapshot!(project.run(&["variables"]).shown(), @r"
    code: 65
    --- stdout
    --- stderr
    error: .upsun-local.yaml:2: `env_file`: line 1: the quote after `KEY=` is not closed: a value ends with its line, and `\n` in double quotes is a new one
    ");
}

#[test]
fn a_setting_of_php_cannot_be_set_for_one_run() {
    let project = TestProject::new(
        "applications: {app: {type: 'php:8.4', operations: {x: {commands: {start: 'true'}}}}}\n",
    );
    let outcome = project.run(&["run", "x", "--variable", "php:memory_limit=1G"]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `php:memory_limit` cannot be set for one run: PHP reads its settings from a file of the container

    hint: set it below `variables` in .upsun-local.yaml, or run `php -d memory_limit=…`
    ");
}

#[test]
fn without_its_env_file_a_project_can_still_be_looked_at_and_tidied_up() {
    let project = TestProject::new("applications: { app: { type: 'nodejs:24' } }\n");
    project.file(".upsun-local.yaml", "env_file: .env.local\n");
    let words = project.run(&["variables"]).expect(65).stderr;
    assert!(
        words.contains(".upsun-local.yaml:1: `env_file`: there is no such file"),
        "{words}"
    );
    project.run(&["activity", "list"]).expect(0);
}
