//! The writable mounts: kinds, sharing, owners, and how long their content lives.

use crate::engine::{app, docker, operations_of, volumes};
use crate::support::TestProject;

fn with_mounts(mounts: &str, list: &[(&str, &str)]) -> TestProject {
    let lines: String = mounts.lines().map(|line| format!("  {line}\n")).collect();
    TestProject::on_engine(&app(&format!("mounts:\n{lines}{}", operations_of(list))))
}

#[test]
fn every_kind_of_mount_is_writable_and_belongs_to_web() {
    let project = with_mounts(
        "/stored: { source: storage }\nof-instance: { source: instance }\n'/volatile/': { source: tmp }\nolder: { source: temporary }\noldest: { source: local }\ndeep/down/here: { source: storage }",
        &[(
            "write",
            "set -e; for m in stored of-instance volatile older oldest deep/down/here; do mkdir $m/d; echo $m >$m/d/f; stat -c '%U:%G %a' $m; done",
        )],
    );
    let outcome = project.run(&["run", "write"]).expect(0);
    assert_eq!(outcome.stdout, "web:web 755\n".repeat(6));
}

#[test]
fn content_survives_down_and_up_and_goes_with_down_volumes() {
    let project = with_mounts(
        "data: { source: storage }\nlocal: { source: instance }\nvolatile: { source: tmp }",
        &[
            (
                "write",
                "echo kept >data/f; echo kept >local/f; echo gone >volatile/f",
            ),
            ("read", "cat data/f local/f volatile/f 2>&1"),
        ],
    );
    project.run(&["run", "write"]).expect(0);
    project.run(&["down"]).expect(0);
    let read = project.run(&["run", "read"]).expect(1).stdout;
    assert_eq!(
        read,
        "kept\nkept\ncat: volatile/f: No such file or directory\n"
    );
    project.run(&["down", "--volumes"]).expect(64);
    project.run(&["down", "--volumes", "--yes"]).expect(0);
    for kind in ["storage", "instance", "tmp", "directory"] {
        assert_eq!(volumes(&project, kind), [""; 0], "{kind}");
    }
    let read = project.run(&["run", "read"]).expect(1);
    assert!(!read.stdout.contains("kept"), "{}", read.stdout);
    assert!(read.stderr.contains("Reusing"), "{}", read.stderr);
}

#[test]
fn content_survives_a_new_build_and_a_new_configuration() {
    let list = [("write", "echo kept >data/f"), ("read", "cat data/f")];
    let project = with_mounts("data: { source: storage }", &list);
    project.run(&["run", "write"]).expect(0);
    project.file("changed", "");
    assert_eq!(project.run(&["run", "read"]).expect(0).stdout, "kept\n");
    // Another mount path with the same `source_path` shows the same files; without one it is empty, as on Upsun.
    for (mount, found) in [
        ("renamed: { source: storage, source_path: data }", true),
        ("renamed: { source: storage }", false),
    ] {
        project.file(
            ".upsun/config.yaml",
            &app(&format!(
                "mounts:\n  {mount}\n{}",
                operations_of(&[("read", "cat renamed/f")])
            )),
        );
        let outcome = project.run(&["run", "read"]);
        assert_eq!(outcome.code == 0, found, "{mount}: {}", outcome.stderr);
    }
}

#[test]
fn equal_and_nested_source_paths_share_their_files() {
    let project = with_mounts(
        "a: { source: storage, source_path: files }\nb: { source: storage, source_path: files }\nc: { source: storage, source_path: files/build }\nwhole: { source: storage, source_path: '' }",
        &[(
            "probe",
            "set -e; echo 1 >a/one; echo 2 >c/two; cat b/one b/build/two whole/files/one whole/files/build/two; ls whole",
        )],
    );
    let outcome = project.run(&["run", "probe"]).expect(0);
    assert_eq!(outcome.stdout, "1\n2\n1\n2\nfiles\n");
}

#[test]
fn mounts_of_one_source_may_nest() {
    let project = with_mounts(
        "var: { source: storage }\nvar/cache: { source: storage, source_path: elsewhere }",
        &[(
            "probe",
            "set -e; echo x >var/f; echo y >var/cache/g; ls var var/cache",
        )],
    );
    let outcome = project.run(&["run", "probe"]).expect(0);
    assert_eq!(outcome.stdout, "var:\ncache\nf\n\nvar/cache:\ng\n");
}

#[test]
fn storage_is_shared_with_workers_and_instance_is_not() {
    let project = TestProject::on_engine(&app(&format!(
        "\
mounts:
  shared: {{ source: storage }}
  own: {{ source: instance }}
workers:
  queue:
    commands: {{ start: sleep 1000 }}
    operations: {{ read: {{ commands: {{ start: 'cat shared/f; ls own' }} }} }}
  bare:
    commands: {{ start: sleep 1000 }}
    mounts: {{}}
    operations: {{ probe: {{ commands: {{ start: 'touch shared/x' }} }} }}
{}",
        operations_of(&[("write", "echo app >shared/f; echo app >own/f")])
    )));
    project.run(&["run", "write"]).expect(0);
    let read = project.run(&["run", "read", "--worker", "queue"]).expect(0);
    assert_eq!(read.stdout, "app\n");
    // `mounts: {}` of a worker means none.
    project.run(&["run", "probe", "--worker", "bare"]).expect(1);
}

#[test]
fn an_app_may_mount_the_storage_of_another() {
    let project = TestProject::on_engine(
        "\
applications:
  one:
    type: nodejs:24
    build: { flavor: none }
    source: { root: one }
    mounts: { files: { source: storage } }
    operations: { write: { commands: { start: 'echo from one >files/f' } } }
  two:
    type: nodejs:24
    build: { flavor: none }
    source: { root: two }
    mounts:
      seen: { source: storage, service: one, source_path: files }
      own: { source: storage, source_path: files }
    operations: { read: { commands: { start: 'cat seen/f; ls own' } } }
",
    );
    project.file("one/index", "").file("two/index", "");
    project.run(&["run", "write"]).expect(0);
    assert_eq!(project.run(&["run", "read"]).expect(0).stdout, "from one\n");
}

#[test]
fn a_mount_over_a_folder_with_content_hides_it_and_warns() {
    let project = TestProject::on_engine(&app(&format!(
        "\
hooks: {{ build: 'mkdir made && echo x >made/f' }}
mounts:
  tracked: {{ source: storage }}
  made: {{ source: storage }}
  fine: {{ source: storage }}
{}",
        operations_of(&[("look", "ls tracked made fine")])
    )));
    project.file("tracked/f", "");
    let outcome = project.run(&["run", "look"]).expect(0);
    assert_eq!(outcome.stdout, "fine:\n\nmade:\n\ntracked:\n");
    for (mount, warned) in [("tracked", true), ("made", true), ("fine", false)] {
        let warning =
            format!("The mount '/{mount}' has a path that overlaps with a non-empty folder");
        assert_eq!(
            outcome.stderr.matches(&warning).count(),
            usize::from(warned),
            "{}",
            outcome.stderr
        );
    }
    // Said with the build, and not again with every run.
    let again = project.run(&["run", "look"]).expect(0);
    assert!(!again.stderr.contains("overlaps"), "{}", again.stderr);
}

#[test]
fn environments_have_mount_data_of_their_own_and_share_the_build() {
    let project = with_mounts(
        "data: { source: storage }",
        &[
            ("write", "echo $PLATFORM_BRANCH >data/f"),
            ("read", "cat data/f"),
        ],
    );
    project.run(&["run", "write"]).expect(0);
    let other = project
        .run(&["run", "read", "--environment", "Feature/ü x"])
        .expect(1);
    assert!(
        other.stderr.contains("Reusing the build"),
        "{}",
        other.stderr
    );
    project
        .run(&["run", "write", "-e", "Feature/ü x"])
        .expect(0);
    assert_eq!(project.run(&["run", "read"]).expect(0).stdout, "local\n");
    let read = project.run(&["run", "read", "-e", "Feature/ü x"]).expect(0);
    assert_eq!(read.stdout, "Feature/ü x\n");
    project
        .run(&["down", "-e", "Feature/ü x", "-V", "-y"])
        .expect(0);
    assert_eq!(project.run(&["run", "read"]).expect(0).stdout, "local\n");
}

#[test]
fn a_source_path_cannot_leave_its_volume() {
    for path in ["../../..", "/etc", "a/../../b"] {
        let project = with_mounts(
            &format!("data: {{ source: storage, source_path: '{path}' }}"),
            &[("look", "ls data")],
        );
        let outcome = project.run(&["run", "look"]);
        if path.contains("..") {
            assert_eq!(outcome.code, 78, "{path}: {}", outcome.stderr);
        } else {
            assert_eq!(outcome.stdout, "", "{path}");
        }
    }
}

#[test]
fn a_full_disk_under_a_mount_is_told_and_leaves_the_sandbox_whole() {
    let project = with_mounts(
        "data: { source: storage }",
        &[
            ("fill", "head -c 5000000 /dev/zero >data/x"),
            ("clear", "rm -f data/x; echo small >data/y; cat data/y"),
        ],
    );
    project.run(&["up"]).expect(0);
    project.run(&["down"]).expect(0);
    // The volume that stands for the mount gets a small disk of its own, of 1 MiB. Podman takes `size` for something else.
    let all = volumes(&project, "directory");
    let [volume] = all.as_slice() else {
        panic!("{all:?}")
    };
    let labels = "{{range $name, $value := .Labels}}--label\n{{$name}}={{$value}}\n{{end}}";
    let labels = docker(&["volume", "inspect", volume, "--format", labels]);
    docker(&["volume", "rm", volume]);
    let mut create = vec!["volume", "create", "--opt", "type=tmpfs"];
    create.extend([
        "--opt",
        "device=tmpfs",
        "--opt",
        "o=nr_blocks=256,uid=10000",
    ]);
    create.extend(labels.lines());
    create.push(volume);
    docker(&create);

    let full = project.run(&["run", "fill"]).expect(1);
    assert!(
        full.stderr.contains("No space left on device"),
        "{}",
        full.stderr
    );
    assert_eq!(project.run(&["run", "clear"]).expect(0).stdout, "small\n");
}
