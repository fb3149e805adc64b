//! `mount list|size|upload|download|reset`.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::Value;

use crate::engine::{app, operations_of};
use crate::support::{Outcome, TestProject};

/// The size of a file that is nothing but a hole.
const SPARSE: u64 = 1 << 32;

fn project() -> TestProject {
    TestProject::on_engine(&app(&format!(
        "\
mounts:
  data: {{ source: storage }}
  data/nested: {{ source: storage, source_path: other }}
  /.cache: {{ source: tmp }}
{}",
        operations_of(&[
            (
                "fill",
                "printf 12345 >data/five; mkdir data/d; printf 123 >'data/d/th ree'; echo n >data/nested/n"
            ),
            (
                "list",
                "cd data && find . -mindepth 1 -printf '%P %y %m %u %l\\n' | LC_ALL=C sort"
            ),
        ])
    )))
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

#[test]
fn list_needs_no_engine_and_size_counts() {
    let project = project();
    let mut command = project.command(&["mount", "list", "--format", "json"]);
    command.env("DOCKER_HOST", "unix:///nonexistent.sock");
    let listed = json(&crate::support::outcome(&mut command, &project.root()).expect(0));
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    assert_eq!(listed[2]["mount"], ".cache", "{listed}");
    project.run(&["run", "fill"]).expect(0);
    let sizes = json(
        &project
            .run(&["mount", "size", "--format", "json"])
            .expect(0),
    );
    let of = |mount: &str| -> (u64, u64) {
        let row = sizes
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["mount"] == mount))
            .expect("the mount");
        (
            row["bytes"].as_u64().expect("a number"),
            row["files"].as_u64().expect("a number"),
        )
    };
    assert_eq!(of("data"), (8, 2));
    assert_eq!(of("data/nested"), (2, 1));
    assert_eq!(of(".cache"), (0, 0));
}

#[test]
fn upload_and_download_keep_everything() {
    let project = project();
    let from = tempfile::tempdir().expect("a directory");
    let path = |name: &str| from.path().join(name);
    std::fs::create_dir_all(path("sub/empty")).expect("a directory");
    std::fs::write(path("sub/with space\nand line"), "content").expect("a file");
    std::fs::write(path("tool"), "x").expect("a file");
    std::fs::set_permissions(path("tool"), PermissionsExt::from_mode(0o755)).expect("a mode");
    symlink("tool", path("link")).expect("a link");
    // As a database or a disk image has it.
    let sparse = std::fs::File::create(path("sparse")).expect("a file");
    sparse.set_len(SPARSE).expect("a size");
    sparse
        .set_permissions(PermissionsExt::from_mode(0o644))
        .expect("a mode");
    let directory = from.path().to_str().expect("text");
    project
        .run(&["mount", "upload", "--mount", "data", "--local", directory])
        .expect(0);
    let listed = project.run(&["run", "list"]).expect(0).stdout;
    for line in [
        "link l 777 web tool",
        "sub/empty d 755 web ",
        "tool f 755 web ",
        "sparse f 644 web ",
    ] {
        assert!(
            listed.lines().any(|found| found == line),
            "{line}: {listed}"
        );
    }
    let holes = project.run(&["exec", "--", "stat", "-c", "%s %b", "data/sparse"]);
    assert_eq!(holes.expect(0).stdout, format!("{SPARSE} 0\n"));
    let to = tempfile::tempdir().expect("a directory");
    let target = to.path().join("new/directory");
    project
        .run(&[
            "mount",
            "download",
            "-m",
            "/data",
            "--target",
            target.to_str().expect("text"),
        ])
        .expect(0);
    let text = std::fs::read_to_string(target.join("sub/with space\nand line")).expect("a file");
    assert_eq!(text, "content");
    assert_eq!(
        std::fs::read_link(target.join("link"))
            .expect("a link")
            .to_str(),
        Some("tool")
    );
    assert!(target.join("sub/empty").is_dir());
    let sparse = std::fs::metadata(target.join("sparse")).expect("a file");
    assert_eq!((sparse.len(), sparse.blocks()), (SPARSE, 0));
    let mode = std::fs::metadata(target.join("tool"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn reset_asks_and_empties_just_that_mount() {
    let project = project();
    project.run(&["run", "fill"]).expect(0);
    let refused = project
        .run(&["mount", "reset", "--mount", "data"])
        .expect(64);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    project
        .run(&["mount", "reset", "--mount", "data", "--yes"])
        .expect(0);
    let left = project.run(&["run", "list"]).expect(0).stdout;
    assert_eq!(left, "nested d 755 web \nnested/n f 644 web \n");
    project.run(&["mount", "reset", "--yes"]).expect(0);
    assert_eq!(
        project.run(&["run", "list"]).expect(0).stdout,
        "nested d 755 web \n"
    );
}

#[test]
fn a_mount_that_is_not_there_is_a_usage_error() {
    let project = project();
    let outcome = project
        .run(&["mount", "download", "--mount", "dta", "--local", "x"])
        .expect(64);
    assert!(
        outcome.stderr.contains("did you mean `/data`"),
        "{}",
        outcome.stderr
    );
    let missing = project
        .run(&[
            "mount",
            "upload",
            "--mount",
            "data",
            "--local",
            "no/such/directory",
        ])
        .expect(65);
    assert!(
        missing.stderr.contains("no/such/directory"),
        "{}",
        missing.stderr
    );
}

fn listed(project: &TestProject) -> String {
    project.run(&["run", "list"]).expect(0).stdout
}

#[test]
fn a_snapshot_is_put_back_whatever_came_since() {
    let project = project();
    project.run(&["run", "fill"]).expect(0);
    let before = listed(&project);
    let taken = project.run(&["mount", "snapshot"]).expect(0);
    assert!(
        taken
            .stderr
            .contains("Kept /data, /data/nested, /.cache as `latest`: 3 files"),
        "{}",
        taken.stderr
    );
    // As somebody who wants to be in the way.
    let mess = "cd data && chmod 600 five && echo more >>nested/n && mkdir -p locked/deep && touch locked/deep/f \
        'odd\nname' && chmod 555 locked locked/deep && ln -s /etc/passwd link && rm -r d && mkfifo pipe";
    project.run(&["exec", "--", "dash", "-c", mess]).expect(0);
    let told = project.run(&["mount", "diff", "--exit-code"]).expect(1);
    for line in [
        "D /data/d/",
        "D /data/d/th ree",
        "M /data/five",
        "A /data/link",
        "A /data/locked/",
        "A /data/locked/deep/f",
        "M /data/nested/n",
    ] {
        assert!(
            told.stdout.lines().any(|told| told == line),
            "{line}: {}",
            told.stdout
        );
    }
    let rows = json(
        &project
            .run(&["mount", "diff", "--format", "json"])
            .expect(0),
    );
    assert_eq!(rows[0]["change"], "deleted", "{rows}");
    project.run(&["mount", "restore", "-y"]).expect(0);
    assert_eq!(listed(&project), before);
    let told = project.run(&["mount", "diff", "--exit-code"]).expect(0);
    assert_eq!(told.stdout, "");
}

#[test]
fn snapshots_have_names_and_are_taken_of_mounts() {
    let project = project();
    let none = project.run(&["mount", "restore", "-y"]).expect(64);
    assert!(
        none.stderr
            .contains("there is no snapshot `latest` of `app`"),
        "{}",
        none.stderr
    );
    project.run(&["mount", "snapshot", "empty"]).expect(0);
    project.run(&["run", "fill"]).expect(0);
    project.run(&["mount", "snapshot", "full"]).expect(0);
    let list = project.run(&["mount", "snapshot", "--list"]).expect(0);
    assert!(list.stdout.contains("empty") && list.stdout.contains("full"));
    project.run(&["mount", "restore", "-y", "empty"]).expect(0);
    assert_eq!(listed(&project).lines().count(), 1, "the nested mount");
    project
        .run(&["mount", "snapshot", "--delete", "empty"])
        .expect(0);
    let gone = project.run(&["mount", "diff", "empty"]).expect(64);
    assert!(gone.stderr.contains("there are: full"), "{}", gone.stderr);
    project.run(&["mount", "snapshot", "../out"]).expect(64);
    // Without asking and without a terminal it touches nothing.
    project.run(&["mount", "restore", "full"]).expect(64);
    assert_eq!(listed(&project).lines().count(), 1);
}

#[test]
fn a_run_is_undone_also_when_it_fails_or_is_ended() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts:\n  data: {{ source: storage }}\n{}",
        operations_of(&[
            ("fill", "printf 12345 >data/five"),
            ("spoil", "rm data/five; echo x >data/new; exit 3"),
            ("hang", "echo x >data/new; sleep 60"),
            ("look", "cat data/*"),
        ])
    )));
    project.run(&["run", "fill"]).expect(0);
    let undone = project.run(&["run", "spoil", "--undo"]).expect(3);
    for part in [
        "2 changes on the mounts of app",
        "D /data/five",
        "A /data/new",
    ] {
        assert!(undone.stderr.contains(part), "{part}: {}", undone.stderr);
    }
    assert_eq!(project.run(&["run", "look"]).expect(0).stdout, "12345");
    project
        .run(&["run", "hang", "--undo", "--timeout", "1"])
        .expect(124);
    let same = project.run(&["run", "look", "--undo"]).expect(0);
    assert_eq!(same.stdout, "12345");
    assert!(same.stderr.contains("nothing changed"), "{}", same.stderr);
    let kept = project.run(&["mount", "snapshot", "--list"]).expect(0);
    assert_eq!(kept.stdout, "");
}
