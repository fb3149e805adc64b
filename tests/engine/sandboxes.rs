//! Whose an environment is: of which user, of which checkout, and of one that was moved or deleted.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::engine::{app, docker, objects, operations_of, running};
use crate::process::Running;
use crate::support::{Outcome, TestProject, outcome};

fn project() -> TestProject {
    TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("write", "echo $WORD >data/word"),
            ("read", "cat data/word"),
            (
                "gate",
                "echo in; while [ ! -e /tmp/open ]; do sleep 0.05; done"
            ),
        ])
    )))
}

/// The objects that were made for a repository at a path, whatever is there now.
fn made_for(path: &Path) -> usize {
    let label = format!("label=local.upsun.repository={}", path.display());
    let lists = [
        docker(&["ps", "-aq", "--filter", &label]),
        docker(&["volume", "ls", "-q", "--filter", &label]),
        docker(&["network", "ls", "-q", "--filter", &label]),
    ];
    lists.iter().map(|list| list.lines().count()).sum()
}

/// A command in another directory, or with other variables.
fn elsewhere(project: &TestProject, arguments: &[&str], change: impl Fn(&mut Command)) -> Outcome {
    let mut command = project.command(arguments);
    change(&mut command);
    outcome(&mut command, &project.root())
}

fn listed(text: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(text).expect("JSON");
    list.as_array().expect("a list").clone()
}

/// Copies a checkout as `cp -r` does: it is another directory.
fn copy(project: &TestProject, name: &str) -> PathBuf {
    let root = std::fs::canonicalize(project.root()).expect("a path");
    let path = root.with_file_name(name);
    std::fs::create_dir_all(path.join(".upsun")).expect("a directory");
    for file in [".upsun/config.yaml", ".upsun-local.yaml"] {
        std::fs::copy(root.join(file), path.join(file)).expect("a copy");
    }
    path
}

#[test]
fn two_homes_at_one_repository_have_an_environment_each() {
    let project = project();
    let other = project.root().join("../other-home");
    let at_home = |command: &mut Command| {
        command.env(
            "XDG_STATE_HOME",
            std::path::absolute(&other).expect("a path"),
        );
    };
    let first = Running::start(&project, &["run", "gate"]);
    first.wait_for_output("in");
    // It neither waits for the other one nor gets in its way.
    let write = ["run", "write", "--variable", "env:WORD=other"];
    elsewhere(&project, &write, at_home).expect(0);
    assert_eq!(running(&project).len(), 2);
    elsewhere(&project, &["down", "--force"], at_home).expect(0);
    assert_eq!(running(&project).len(), 1);
    project.run(&["exec", "--", "touch", "/tmp/open"]).expect(0);
    first.wait().expect(0);
    project.run(&["run", "read"]).expect(1);
    let read = elsewhere(&project, &["run", "read"], at_home).expect(0);
    assert_eq!(read.stdout, "other\n");
    let status = project.run(&["status", "--format", "json"]).expect(0);
    assert_eq!(listed(&status.stdout).len(), 1, "{}", status.stdout);
    // Each is known as somebody else's to the other one, and stays.
    let all = elsewhere(&project, &["status", "--all", "--format", "json"], at_home).expect(0);
    let here = |entry: &&Value| entry["repository"] == "[REPO]";
    let all = listed(&all.stdout);
    let owners: Vec<&Value> = all
        .iter()
        .filter(here)
        .filter(|entry| entry["environment"] == "local")
        .map(|entry| &entry["is_own"])
        .collect();
    assert_eq!(owners.len(), 2, "{all:?}");
    assert_ne!(owners[0], owners[1]);
    elsewhere(&project, &["clean", "--yes"], at_home).expect(0);
    elsewhere(&project, &["clean", "--all", "--yes"], at_home).expect(0);
    assert_eq!(running(&project).len(), 1);
    project.run(&["run", "read"]).expect(1);
}

#[test]
fn clean_finds_what_was_made_under_another_id_and_before_a_move() {
    let project = project();
    let root = std::fs::canonicalize(project.root()).expect("a path");
    let clone = copy(&project, "clone");
    let in_clone = |command: &mut Command| {
        command.current_dir(&clone);
    };
    elsewhere(&project, &["up"], in_clone).expect(0);
    let of_clone = made_for(&clone);

    project.run(&["up"]).expect(0);
    project.file(
        ".upsun-local.yaml",
        &format!("project: {}-new\n", project.id),
    );
    project.run(&["up"]).expect(0);
    assert_eq!(running(&project).len(), 2);
    project.run(&["clean", "--yes"]).expect(0);
    assert_eq!(objects(&project), 0);

    project.run(&["up"]).expect(0);
    let moved = root.with_file_name("moved");
    std::fs::rename(&root, &moved).expect("it can be moved");
    let in_moved = |command: &mut Command| {
        command.current_dir(&moved);
    };
    elsewhere(&project, &["run", "read"], in_moved).expect(1);
    elsewhere(&project, &["clean", "--yes"], in_moved).expect(0);
    assert_eq!((made_for(&root), made_for(&moved)), (0, 0));
    // Another checkout of the project is none of it.
    assert_eq!(made_for(&clone), of_clone);
    elsewhere(&project, &["clean", "--yes"], in_clone).expect(0);
    std::fs::rename(&moved, &root).expect("it can be moved back");
}

#[test]
fn what_is_left_of_repositories_that_are_gone_is_listed_and_removed() {
    let project = project();
    project.run(&["up"]).expect(0);
    let own = objects(&project);
    let gone = copy(&project, "gone");
    let other = copy(&project, "other");
    for path in [&gone, &other] {
        elsewhere(&project, &["up"], |command| {
            command.current_dir(path);
        })
        .expect(0);
    }
    std::fs::remove_dir_all(&gone).expect("it goes");
    let nowhere = tempfile::tempdir().expect("a directory");
    let outside = |command: &mut Command| {
        command.current_dir(nowhere.path());
    };
    let all = elsewhere(&project, &["status", "--all", "--format", "json"], outside).expect(0);
    let all = listed(&all.stdout);
    let at = |path: &Path| -> Vec<&Value> {
        let here = |entry: &&Value| entry["repository"] == *path.to_string_lossy();
        all.iter().filter(here).collect()
    };
    // The environment, and the builds that all environments share.
    assert_eq!((at(&gone).len(), at(&other).len()), (2, 2));
    assert!(
        at(&gone)
            .iter()
            .all(|entry| entry["repository_is_missing"] == true)
    );
    assert!(
        at(&other)
            .iter()
            .all(|entry| entry["repository_is_missing"] == false)
    );
    let up = at(&other);
    let up = up.iter().find(|entry| entry["environment"] == "local");
    let up = up.expect("an environment");
    assert_eq!(up["running"], 1);
    assert!(up["since"].is_string() && up["size"].is_u64(), "{up}");
    let text = elsewhere(&project, &["status", "--all"], outside).expect(0);
    assert!(
        text.stdout.contains(&format!("{} (gone)", gone.display())),
        "{}",
        text.stdout
    );
    assert!(text.stderr.contains("clean --orphans"), "{}", text.stderr);

    for arguments in [
        &["clean", "--orphans"][..],
        &["clean", "--all"],
        &["clean", "--project", &project.id],
        &["clean", "--project", "no-such-project-1234"],
    ] {
        elsewhere(&project, arguments, outside).expect(64);
    }
    elsewhere(&project, &["clean", "--orphans", "--yes"], outside).expect(0);
    assert_eq!(made_for(&gone), 0);
    assert_eq!(running(&project).len(), 1);
    // One id has several checkouts, and a key has one.
    let key = up["project"].as_str().expect("a key");
    elsewhere(&project, &["clean", "--project", key, "--yes"], outside).expect(0);
    assert_eq!((made_for(&other), objects(&project)), (0, own));
    elsewhere(&project, &["clean", "--all", "--yes"], outside).expect(0);
    assert_eq!(objects(&project), 0);
    let state = project.root().join("../state/upsun-local");
    assert_eq!(std::fs::read_dir(state).expect("a directory").count(), 0);
}

#[test]
fn lock_files_go_with_clean_and_those_who_wait_go_on() {
    let project = project();
    let up = Running::start(&project, &["run", "gate"]);
    up.wait_for_output("in");
    let next = Running::start(&project, &["run", "read"]);
    next.wait_for_talk("Waiting");
    project.run(&["clean", "--yes"]).expect(75);
    project.run(&["exec", "--", "touch", "/tmp/open"]).expect(0);
    up.wait().expect(0);
    next.wait().expect(1);
    project.run(&["clean", "--yes"]).expect(0);
    let state = project.root().join("../state/upsun-local");
    assert_eq!(std::fs::read_dir(state).expect("a directory").count(), 0);
    assert_eq!(objects(&project), 0);
}
