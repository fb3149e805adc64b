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

const SIX: &str = "\
applications:
  app:
    type: nodejs:24
    operations:
      a: { role: admin, commands: { start: build } }
      b: { role: admin, commands: { start: build } }
      c: { role: admin, commands: { start: build } }
";

/// A project whose tests need no engine: six that a role decides.
fn of_six() -> TestProject {
    let project = TestProject::new(SIX);
    let mut tests = String::from("tests:\n");
    for operation in ["a", "b", "c"] {
        for role in ["viewer", "contributor"] {
            tests.push_str(&format!(
                "  {operation} {role}: {{ operation: {operation}, role: {role}, expect: denied }}\n"
            ));
        }
    }
    project.file(".upsun-local.yaml", &tests);
    project
}

#[test]
fn partitions_together_are_the_suite_and_merge_into_its_report() {
    let project = of_six();
    let mut names = String::new();
    for part in ["1/4", "2/4", "3/4", "4/4"] {
        names.push_str(
            &project
                .run(&["test", "--list", "--partition", part])
                .expect(0)
                .stdout,
        );
        let file = format!("{}.json", &part[..1]);
        let outcome = project
            .run(&["test", "--partition", part, "--format", "json", "-o", &file])
            .expect(0);
        assert!(
            outcome
                .stderr
                .contains(&format!("Partition {part}, split ")),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(names, project.run(&["test", "--list"]).expect(0).stdout);
    let merged = project
        .run(&["test", "--merge", "4.json", "2.json", "3.json", "1.json"])
        .expect(0);
    assert!(
        merged.stderr.contains("6 tests: 6 passed"),
        "{}",
        merged.stderr
    );
    assert_eq!(merged.stdout.matches("PASS  ").count(), 6);
    let whole = project.run(&["test", "--format", "json"]).expect(0);
    let files = ["1.json", "2.json", "3.json", "4.json"];
    let as_json = [&["test", "--format", "json", "--merge"], files.as_slice()].concat();
    assert_eq!(project.run(&as_json).expect(0).stdout, whole.stdout);
    for (format, shown) in [("junit", "tests=\"6\" failures=\"0\""), ("github", "")] {
        let arguments = [&["test", "--format", format, "--merge"], files.as_slice()].concat();
        let outcome = project.run(&arguments).expect(0);
        assert!(outcome.stdout.contains(shown), "{}", outcome.stdout);
    }
}

#[test]
fn more_partitions_than_tests_leave_some_empty_and_none_out() {
    let project = of_six();
    let mut arguments = vec!["test".to_owned(), "--merge".to_owned()];
    for number in 1..=9 {
        let part = format!("{number}/9");
        let file = format!("{number}.json");
        project
            .run(&[
                "test",
                "--partition",
                &part,
                "--format",
                "json",
                "-o",
                &file,
            ])
            .expect(0);
        arguments.push(file);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = project.run(&arguments).expect(0);
    assert!(
        outcome.stderr.contains("6 tests: 6 passed"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn partitions_that_cannot_be_are_refused_with_the_reason() {
    let project = of_six();
    for (part, said) in [
        ("0/3", "partitions count from 1: the first is `1/3`"),
        ("4/3", "the last of 3 partitions is `3/3`"),
        ("1/0", "a suite cannot be split into 0 partitions"),
        (
            "half",
            "write the number of the partition and how many there are",
        ),
    ] {
        let words = project
            .run(&["test", "--partition", part])
            .expect(64)
            .stderr;
        assert!(words.contains(said), "{part}: {words}");
    }
    let words = project
        .run(&["test", "--timings", "x.json"])
        .expect(64)
        .stderr;
    assert!(words.contains("--partition"), "{words}");
}

#[test]
fn times_of_another_suite_are_refused() {
    let project = of_six();
    let other =
        TestProject::new(&SIX.replace("operations:\n      a:", "operations:\n      other:"));
    let settings =
        "tests: { 'another test': { operation: other, role: viewer, expect: denied } }\n";
    other.file(".upsun-local.yaml", settings);
    let report = other.run(&["test", "--format", "json"]).expect(0).stdout;
    project.file("other.json", &report);
    let arguments = ["test", "--partition", "1/2", "--timings", "other.json"];
    let words = project.run(&arguments).expect(65).stderr;
    for said in [
        "`other.json` has no time of any of these tests",
        "hint: `--timings` takes a report of the same suite",
    ] {
        assert!(words.contains(said), "{words}");
    }
}

#[test]
fn reports_that_make_no_whole_are_told_with_an_exit_code() {
    let project = of_six();
    let write = |part: &str, file: &str| {
        let arguments = ["test", "--partition", part, "--format", "json", "-o", file];
        project.run(&arguments).expect(0);
    };
    let refused = |files: &[&str], said: &str| {
        let arguments = [&["test", "--merge"], files].concat();
        let outcome = project.run(&arguments).expect(65);
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    };
    write("1/2", "one.json");
    write("2/2", "two.json");
    refused(&["one.json"], "there is no report of partition 2/2");
    refused(
        &["one.json", "two.json", "one.json"],
        "`one.json` and `one.json` are both partition 1/2",
    );
    refused(&["one.json", "gone.json"], "`gone.json` cannot be used: ");
    project.file("other.xml", "<testsuites/>");
    refused(&["other.xml"], "it is not a report of `test --format json`");
    project.file("old.json", "{\"tests\": []}\n");
    refused(&["old.json"], "an older version wrote it");
    let text = std::fs::read_to_string(project.root().join("two.json")).unwrap();
    let failed = text.replacen("\"passed\"", "\"failed\"", 1);
    project.file(
        "whole.json",
        &project.run(&["test", "--format", "json"]).stdout,
    );
    project.file("failed.json", &failed);
    refused(
        &["whole.json", "failed.json"],
        "is `passed` in `whole.json` and `failed` in `failed.json`",
    );
    // A job that was interrupted has not said that its tests pass.
    project.file("skipped.json", &text.replace("\"passed\"", "\"skipped\""));
    project
        .run(&["test", "--merge", "one.json", "skipped.json"])
        .expect(70);
    project
        .run(&["test", "--merge", "one.json", "failed.json"])
        .expect(1);
    // Another suite, by one test more.
    project.file(
        ".upsun-local.yaml",
        "tests:\n  x: { operation: a, role: viewer, expect: denied }\n",
    );
    write("2/2", "two.json");
    refused(
        &["one.json", "two.json"],
        "`two.json` is of another suite than `one.json`",
    );
    let words = project
        .run(&["test", "--partition", "1/2", "--timings", "one.json"])
        .expect(65)
        .stderr;
    assert!(
        words.contains("`one.json` has no time of any of these tests"),
        "{words}"
    );
}
