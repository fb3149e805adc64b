//! `test`, as far as it needs no engine: what is wrong with tests, and where results go.

use crate::support::TestProject;

const CONFIG: &str = "\
applications:
  app:
    type: nodejs:24
    mounts: { data: { source: storage } }
    operations:
      build: { role: admin, commands: { start: build } }
    workers:
      queue: { commands: { start: work }, mounts: {}, operations: { drain: { commands: { start: drain } } } }
";

fn project(settings: &str) -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file(".upsun-local.yaml", settings);
    project
}

#[test]
fn everything_that_is_wrong_with_tests_is_told_at_its_line() {
    let project = project(
        "\
tests:
  one:
    operation: biuld
  two:
    operation: build
    user: nobody
  three:
    operation: build
    files: [data/x, build/x]
  four: { operation: drain, worker: queue, changed: x }
  five:
    operation: build
    expect: denied
",
    );
    let words = project.run(&["test"]).expect(65).stderr;
    for said in [
        "error: .upsun-local.yaml:3: the test `one`: there is no operation `biuld` (did you mean `build`?",
        ".upsun-local.yaml:6: the test `two`: unknown user `nobody` (no users are known",
        ".upsun-local.yaml:9: the test `three`: `build/x` is not on a mount (app has `/data`)",
        ".upsun-local.yaml:10: the test `four`: `x` is not on a mount (app--queue has none)",
        ".upsun-local.yaml:13: the test `five`: expects `denied` and does not say for which",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
}

#[test]
fn a_name_that_is_there_twice_is_no_test_that_disappears() {
    let project = project("tests:\n  a: { operation: build }\n  a: { operation: build }\n");
    let words = project.run(&["test"]).expect(65).stderr;
    assert!(
        words.contains(".upsun-local.yaml:3: duplicate key `a`: it is already on line 2"),
        "{words}"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_any_test_runs() {
    let project = project("tests:\n  a: { operation: build, role: viewer, expect: denied }\n");
    let words = project.run(&["test", "-o", "nowhere/out.xml"]).expect(73);
    assert!(
        words.stderr.contains("cannot be written"),
        "{}",
        words.stderr
    );
    assert_eq!(words.stdout, "");
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let project = project(
        "tests:\n  good: { operation: build, role: viewer, expect: denied }\n  \"b\\nad\": { operation: build, role: admin, expect: denied }\n",
    );
    let outcome = project.run(&["test", "--quiet"]).expect(1);
    assert!(
        outcome.stdout.starts_with("FAIL  b\\nad ("),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains(".upsun-local.yaml:3: build on app as admin"),
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.stderr, "");
}
