//! `build.caches`: what a build finds of an earlier one.

use crate::engine::{app, operations_of, wait_until};
use crate::support::TestProject;

/// A build that adds a line to a file of its cache.
fn config(more: &str) -> String {
    let hook = "hooks:\n  build: |\n    set -e; mkdir -p made/by; cat source >>made/by/hook; cp -a made/by/hook seen\n";
    let show = "set -e; tr '\\n' ' ' <seen; find /var/cache/upsun-local -mindepth 1 | wc -l";
    let cached = format!("{{ flavor: none, caches: {{ made: {{ watch: [lock]{more} }} }} }}");
    app(&format!("{hook}{}", operations_of(&[("show", show)]))).replace("{ flavor: none }", &cached)
}

#[track_caller]
fn built(project: &TestProject, said: &str, expected: &str) {
    let outcome = project.run(&["run", "show"]).expect(0);
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    // No archive of a cache is in the deployed container.
    assert_eq!(outcome.stdout, format!("{expected} 0\n"));
}

#[test]
fn a_build_finds_the_directory_of_the_last_build_with_the_same_watched_files() {
    let project = TestProject::on_engine(&config(""));
    project.file("lock", "1");
    project.file("source", "first\n");
    built(&project, "without the build cache `made`", "first");
    project.file("source", "second\n");
    built(&project, "Restored the build cache `made`", "first second");
    project.file("lock", "2");
    project.file("source", "third\n");
    built(&project, "without the build cache `made`", "third");

    // What does not fit is better than nothing, and is updated.
    project.file(".upsun/config.yaml", &config(", allow_stale: true"));
    project.file("lock", "3");
    project.file("source", "fourth\n");
    let stale = "Restored the build cache `made` of app of an earlier build: the files that it watches have changed";
    built(&project, stale, "third fourth");
    project.file("source", "fifth\n");
    built(
        &project,
        "Restored the build cache `made`",
        "third fourth fifth",
    );

    project.file("source", "sixth\n");
    let outcome = project.run(&["run", "show", "--no-cache"]).expect(0);
    assert_eq!(outcome.stdout, "sixth 0\n");
    assert!(
        !outcome.stderr.contains("build cache"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn doctor_tells_the_size_of_what_is_kept_for_builds() {
    let project = TestProject::on_engine(&config(""));
    project.file("lock", "1");
    project.file("source", "first\n");
    let size = || {
        let shown = project.run(&["doctor", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
        document["packages_bytes"].as_u64()
    };
    assert_eq!(size(), None);
    project.run(&["run", "show"]).expect(0);
    // A busy engine may need longer for that than `doctor` waits.
    wait_until("the size is told", || size() > Some(0));
}
