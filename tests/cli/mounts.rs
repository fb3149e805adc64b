//! Snapshots of mounts, as far as they need no engine.

use crate::support::TestProject;

const CONFIG: &str =
    "applications:\n  app:\n    type: nodejs:24\n    mounts: { data: { source: storage } }\n";

#[test]
fn what_a_run_keeps_is_replaced_by_nobody() {
    let project = TestProject::new(CONFIG);
    insta::assert_snapshot!(project.run(&["mount", "snapshot", "before-run"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: `before-run` is the snapshot that `run --undo` and `test` take

    hint: choose another name
    ");
}

#[test]
fn a_name_of_a_run_is_refused_as_later_runs_delete_its_snapshot() {
    let project = TestProject::new(CONFIG);
    let refused = project
        .run(&["mount", "snapshot", "run-01hq2v5zq4abc"])
        .expect(64);
    let why = "is a name for the snapshot that a run keeps";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
}

#[test]
fn a_name_that_is_too_long_is_told_as_such() {
    let project = TestProject::new(CONFIG);
    let refused = project.run(&["mount", "snapshot", &"x".repeat(101)]);
    assert_eq!(refused.code, 64);
    assert!(
        refused.stderr.contains("has at most 100 characters"),
        "{}",
        refused.stderr
    );
}
