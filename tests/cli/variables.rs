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
