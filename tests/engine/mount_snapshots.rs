//! What `mount snapshot|restore` and `run --undo` leave as it is, and what they cope with.

use std::path::{Path, PathBuf};

use crate::engine::{app, container, docker, operations_of};
use crate::support::TestProject;

fn project() -> TestProject {
    TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[("spoil", "echo two >data/held; echo x >data/new")])
    )))
}

fn shell(project: &TestProject, script: &str) -> String {
    let outcome = project.run(&["exec", "--", "dash", "-c", script]).expect(0);
    outcome.stdout
}

/// All that is to be the same afterwards, with the time of each and its number in the file system.
const ALL: &str = "cd data && find . -printf '%p %y %m %s %T@ %l\\n' | LC_ALL=C sort";

#[test]
fn whoever_has_a_file_open_sees_what_is_put_back() {
    let project = TestProject::on_engine(&app("mounts: { data: { source: storage } }
workers:
  w:
    commands: { start: 'echo one >data/held; exec 3<>data/held; exec sleep 1000' }
    operations:
      spoil: { commands: { start: 'echo longer >data/held; chmod 400 data/held' } }"));
    let on_worker = |script: &str| {
        project
            .run(&["exec", "--worker", "w", "--", "dash", "-c", script])
            .expect(0)
            .stdout
    };
    let open = "until found=$(find /proc/[0-9]*/fd/3 -lname '*data/held*' 2>/dev/null | grep .); do sleep 0.1; done; \
        for fd in $found; do readlink $fd; cat $fd; done";
    assert_eq!(on_worker(open), "/app/data/held\none\n");
    let undone = project
        .run(&["run", "spoil", "--worker", "w", "--undo"])
        .expect(0);
    assert!(undone.stderr.contains("M /data/held"), "{}", undone.stderr);
    assert_eq!(on_worker(open), "/app/data/held\none\n");
}

#[test]
fn what_cannot_be_read_is_left_alone_and_what_is_closed_is_opened() {
    let project = project();
    shell(
        &project,
        "cd data && echo secret >locked && chmod 000 locked && mkdir closed && touch closed/a && chmod 000 closed \
        && mkdir -p open/deep && echo 1 >open/deep/f",
    );
    let before = shell(&project, ALL);
    project.run(&["mount", "snapshot"]).expect(0);
    let same = project.run(&["mount", "diff", "--exit-code"]).expect(0);
    assert_eq!(same.stdout, "");
    shell(
        &project,
        "cd data && echo 2 >open/deep/f && touch open/new && chmod 000 open/deep open . && chmod 755 /app/data && \
        chmod 644 locked && mkdir -p n/n && chmod 000 n/n n && chmod 000 /app/data",
    );
    let told = project.run(&["mount", "diff"]).expect(0);
    assert_eq!(told.stdout, "M /data/\n");
    project.run(&["mount", "restore", "-y"]).expect(0);
    assert_eq!(shell(&project, ALL), before);
    shell(&project, "rm -f data/locked");
    let lost = project.run(&["mount", "restore", "-y"]).expect(0);
    assert!(
        lost.stderr
            .contains("`/data/locked` of `app` is not as it was"),
        "{}",
        lost.stderr
    );
}

#[test]
fn names_times_holes_and_links_come_back() {
    let project = project();
    shell(
        &project,
        "cd data && printf 1 >\"$(printf 'a\\377')\" && printf 2 >\"$(printf 'a\\376')\" && printf 3 >'back\\slash' && \
        printf 4 >'new\nline' && truncate -s 20M hole && printf 5 >one && ln one two && ln -s ./to//nothing/ link && \
        mkfifo pipe && mkdir -m 555 d && head -c 100000 /dev/zero >large && mkdir -p tree/sub to && touch tree/sub/in && \
        printf 6 >closed && chmod 444 closed && touch to/in && chmod 500 to && \
        touch -d @1000000000.123456789 one large d",
    );
    let before = shell(&project, ALL);
    project.run(&["mount", "snapshot"]).expect(0);
    shell(
        &project,
        "cd data && touch one large && rm hole pipe && printf x >\"$(printf 'a\\377')\" && rm \"$(printf 'a\\376')\" link && \
        mv 'new\nline' 'other\nline' && mkdir pipe && touch pipe/in && ln -f large 'back\\slash' && chmod 755 d && \
        rm -r tree && ln -s nowhere tree && chmod 700 to && rm -r to && ln -s closed to",
    );
    let told = project.run(&["mount", "diff"]).expect(0);
    let told: Vec<&str> = told.stdout.lines().collect();
    for line in [
        "M /data/a\\xff",
        "D /data/a\\xfe",
        "M /data/back\\\\slash",
        "D /data/new\\nline",
        "A /data/other\\nline",
        "D /data/hole",
    ] {
        assert!(told.contains(&line), "{line}: {told:?}");
    }
    assert!(!told.contains(&"M /data/one"), "{told:?}");
    project.run(&["mount", "restore", "-y"]).expect(0);
    assert_eq!(shell(&project, ALL), before);
    let links = shell(&project, "stat -c %h data/one data/large; cat data/back*");
    assert_eq!(links, "2\n1\n3");
    // Where all of them are gone, they are one file again.
    shell(&project, "rm data/one data/two");
    project.run(&["mount", "restore", "-y"]).expect(0);
    assert_eq!(shell(&project, ALL), before);
    assert_eq!(shell(&project, "stat -c %h data/one"), "2\n");
}

#[test]
fn what_somebody_else_writes_while_it_is_put_back_is_told_and_does_not_block_the_next() {
    let project = TestProject::on_engine(&app("mounts: { data: { source: storage } }
workers:
  w:
    commands: { start: 'while sleep 0.005; do echo more >>data/log; done' }
    operations:
      spoil: { commands: { start: 'echo x >data/new' } }"));
    for _ in 0..2 {
        let undone = project
            .run(&["run", "spoil", "--worker", "w", "--undo"])
            .expect(0);
        for told in [
            "`/data/log` of `app--w` is not as before: another process wrote there while it was put back",
            "A /data/new",
        ] {
            assert!(undone.stderr.contains(told), "{told}: {}", undone.stderr);
        }
    }
    let list = project
        .run(&["mount", "snapshot", "--worker", "w", "--list"])
        .expect(0);
    assert_eq!(list.stdout, "");
}

#[test]
fn a_file_that_cannot_be_read_for_the_snapshot_is_named() {
    let project = project();
    // No path of more than 4,096 bytes can be opened.
    shell(
        &project,
        "cd data && name=$(head -c 250 /dev/zero | tr '\\0' x) && deep=$name/$name/$name/$name/$name/$name/$name/$name/$name && \
        mkdir -p one/$deep two/$deep && echo 1 >two/$deep/f && cd one/$deep && mv /app/data/two .",
    );
    let kept = project.run(&["mount", "snapshot"]).expect(0);
    assert!(
        kept.stderr
            .contains("/f` of `app` is not in the snapshot: it could not be read"),
        "{}",
        kept.stderr
    );
    let undone = project.run(&["run", "spoil", "--undo"]).expect(0);
    assert!(undone.stderr.contains("Undid"), "{}", undone.stderr);
}

#[test]
fn a_run_lists_what_it_wrote_and_can_be_undone_later() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("spoil", "echo two >data/held; echo x >data/new"),
            ("fail", "rm data/held; exit 3"),
            ("look", "ls data"),
        ])
    )));
    shell(&project, "echo one >data/held");
    let run = |operation: &str, code| {
        let ran = project.run(&["run", operation, "--snapshot"]).expect(code);
        let name = ran.stderr.split_once("upsun-local mount restore ");
        let name = name.map(|(_, rest)| rest.lines().next().unwrap_or_default().to_owned());
        (ran.stderr, name)
    };
    // Nothing is kept of a run that changes nothing.
    let (said, none) = run("look", 0);
    assert!(said.contains("Changed nothing on the mounts"), "{said}");
    assert_eq!(none, None);
    let (said, spoiled) = run("spoil", 0);
    assert!(said.contains("Changed 2 paths"), "{said}");
    assert!(said.contains("M /data/held"), "{said}");
    assert!(said.contains("A /data/new"), "{said}");
    let (said, failed) = run("fail", 3);
    assert!(said.contains("D /data/held"), "{said}");
    let activities = project
        .run(&["activity", "get", "--format", "json"])
        .expect(0);
    let activity: serde_json::Value = serde_json::from_str(&activities.stdout).unwrap();
    assert_eq!(activity["mounts"]["changes"][0]["change"], "deleted");
    let restore = |name: &Option<String>| {
        let name = name.as_deref().expect("a name");
        project.run(&["mount", "restore", name, "--yes"])
    };
    restore(&failed).expect(0);
    assert_eq!(shell(&project, "cat data/held data/new"), "two\nx\n");
    restore(&spoiled).expect(0);
    assert_eq!(shell(&project, "cat data/*"), "one\n");
    // It is put back once.
    let again = restore(&spoiled);
    assert!(
        again.stderr.contains("there is no snapshot"),
        "{}",
        again.stderr
    );
    // The snapshots of the last three runs are kept, and all that the user made.
    project.run(&["mount", "snapshot", "mine"]).expect(0);
    for _ in 0..5 {
        run("spoil", 0);
        shell(&project, "rm data/new");
    }
    // A run that changes nothing takes no place of theirs.
    run("look", 0);
    let listed = project.run(&["mount", "snapshot", "--list"]).expect(0);
    assert_eq!(
        listed.stdout.matches("run-").count(),
        3,
        "{}",
        listed.stdout
    );
    assert!(listed.stdout.contains("mine"), "{}", listed.stdout);
}

#[test]
fn a_build_is_made_once_for_a_run_that_is_undone() {
    let project = project();
    let options = ["--undo", "--snapshot"];
    for option in options {
        let ran = project.run(&["run", "spoil", "--rebuild", option, "--format", "json"]);
        let ran = ran.expect(0);
        let builds = ran.stdout.matches("\"type\":\"build-started\"").count();
        assert_eq!(builds, 1, "{option}: {}", ran.stdout);
    }
}

/// The files of snapshots with this ending.
fn kept(below: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(kept(&path, ending));
        } else if path.to_string_lossy().contains("/snapshots/")
            && path.to_string_lossy().ends_with(ending)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_damaged_snapshot_touches_nothing_and_hides_no_other() {
    let project = project();
    shell(&project, "echo one >data/held");
    project.run(&["mount", "snapshot", "bad"]).expect(0);
    project.run(&["mount", "snapshot", "good"]).expect(0);
    shell(&project, "echo two >data/held");
    let state = project.root().parent().expect("a parent").to_owned();
    let [archive] = kept(&state, "bad.tar").try_into().expect("an archive");
    let bytes = std::fs::read(&archive).expect("an archive");
    std::fs::write(&archive, &bytes[..600]).expect("written");
    let refused = project.run(&["mount", "restore", "-y", "bad"]).expect(65);
    assert!(refused.stderr.contains("is damaged"), "{}", refused.stderr);
    assert_eq!(shell(&project, "cat data/held"), "two\n");
    let [index] = kept(&state, "bad.json").try_into().expect("an index");
    std::fs::write(&index, "{").expect("written");
    let list = project.run(&["mount", "snapshot", "--list"]).expect(0);
    for part in ["bad", "broken: ", "good"] {
        assert!(list.stdout.contains(part), "{part}: {}", list.stdout);
    }
}

/// Leaves a snapshot as a run that was killed would have left it.
fn cut_off(project: &TestProject) -> Vec<std::path::PathBuf> {
    project.run(&["mount", "snapshot", "mine"]).expect(0);
    let state = project.root().parent().expect("a parent").to_owned();
    let names = ["mine.tar", "mine.json"];
    let files = names.iter().flat_map(|name| kept(&state, name));
    files
        .map(|path| {
            let name = path.to_string_lossy().replace("mine.", "before-run.");
            std::fs::rename(path, &name).expect("renamed");
            name.into()
        })
        .collect()
}

#[test]
fn what_was_cut_off_is_put_back_by_the_next_command_whatever_it_is() {
    let project = project();
    shell(&project, "echo one >data/held");
    for arguments in [
        ["up"].as_slice(),
        &["exec", "--", "true"],
        &["run", "spoil", "--undo"],
        &["mount", "size"],
        &["mount", "diff"],
        &["mount", "restore", "-y", "before-run"],
    ] {
        project.run(&["mount", "snapshot"]).expect(0);
        cut_off(&project);
        docker(&[
            "exec",
            &container(&project),
            "dash",
            "-c",
            "echo spoilt >data/held",
        ]);
        let told = project.run(arguments).expect(0).stderr;
        assert!(told.contains("was cut off"), "{arguments:?}: {told}");
        assert_eq!(shell(&project, "cat data/held"), "one\n", "{arguments:?}");
        let quiet = project.run(&["--quiet", "exec", "--", "true"]).expect(0);
        assert_eq!(quiet.stderr, "");
    }
    // Also where the container does not run any more, before a hook of its deploy sees them.
    cut_off(&project);
    docker(&[
        "exec",
        &container(&project),
        "dash",
        "-c",
        "echo spoilt >data/held",
    ]);
    project.run(&["down"]).expect(0);
    let told = project.run(&["up"]).expect(0).stderr;
    assert!(told.contains("was cut off"), "{told}");
    assert_eq!(shell(&project, "cat data/held"), "one\n");
}

#[test]
fn what_was_cut_off_and_cannot_be_put_back_is_told_and_goes_with_the_data() {
    let project = project();
    shell(&project, "echo one >data/held");
    let [archive, _] = cut_off(&project).try_into().expect("two files");
    std::fs::write(archive, "damaged").expect("written");
    let told = project.run(&["up"]).expect(0).stderr;
    assert!(told.contains("could not be put back"), "{told}");
    for arguments in [
        ["run", "spoil"].as_slice(),
        &["up"],
        &["exec", "--", "true"],
    ] {
        let told = project.run(arguments).expect(0).stderr;
        assert!(
            told.contains("`upsun-local mount restore before-run` puts them back"),
            "{told}"
        );
    }
    let quiet = project.run(&["--quiet", "exec", "--", "true"]).expect(0);
    assert_eq!(quiet.stderr, "");
    project.run(&["run", "spoil", "--undo"]).expect(75);
    project.run(&["down", "--volumes", "-y"]).expect(0);
    let list = project.run(&["mount", "snapshot", "--list"]).expect(0);
    assert_eq!(list.stdout, "");
}

#[test]
fn a_mount_whose_directory_is_deleted_by_another_app_is_named() {
    let project = TestProject::on_engine(
        "applications:
  one:
    type: nodejs:24
    build: { flavor: none }
    mounts:
      data: { source: service, service: files, source_path: shared }
      data/inner: { source: service, service: files, source_path: inner }
    operations:
      wait: { commands: { start: 'cat data/f' } }
  two:
    type: nodejs:24
    build: { flavor: none }
    mounts:
      shared: { source: service, service: files, source_path: shared }
services:
  files: { type: network-storage:2.0 }
",
    );
    project.run(&["up"]).expect(0);
    let on = |app: &str, script: &str| {
        project
            .run(&["exec", "--app", app, "--", "dash", "-c", script])
            .expect(0)
            .stdout
    };
    on("one", "echo 1 >data/f; echo 2 >data/inner/g");
    project
        .run(&["mount", "snapshot", "--app", "one"])
        .expect(0);
    on("two", "rm -rf shared/*");
    let refused = project
        .run(&["mount", "restore", "-y", "--app", "one"])
        .expect(73);
    assert!(
        refused
            .stderr
            .contains("`one` has lost the mount `/data/inner`"),
        "{}",
        refused.stderr
    );
    project.run(&["down"]).expect(0);
    project.run(&["up"]).expect(0);
    assert_eq!(on("one", "cat data/f data/inner/g"), "1\n2\n");
    project
        .run(&["mount", "restore", "-y", "--app", "one"])
        .expect(0);
    assert_eq!(on("one", "cat data/f data/inner/g"), "1\n2\n");
}
