//! `run --suggest-mounts`: where an operation writes when it can, and the configuration with mounts for that.

use rustix::process::Signal;
use serde_json::Value;

use crate::engine::{app, docker, label, objects, operations_of, runs, volumes};
use crate::process::Running;
use crate::support::TestProject;

const WRITES: &str = "set -e
echo result >data/old
mkdir -p out/deep .cache/x logs
echo a >out/a
echo b >out/deep/b
echo c >.cache/x/c
echo d >logs/d.log
cat data/old";

fn project(script: &str) -> TestProject {
    let config = format!(
        "# kept\nmounts:\n  data: {{ source: storage }} # kept too\n{}",
        operations_of(&[
            ("writes", script),
            ("fill", "echo before >data/old"),
            ("show", "cat data/old")
        ])
    );
    let project = TestProject::on_engine(&app(&config));
    project.file("src/a", "a").file("src/b", "b");
    project
}

fn config(project: &TestProject) -> String {
    std::fs::read_to_string(project.root().join(".upsun/config.yaml")).expect("a file")
}

/// That nothing of a copy is left but what a container is deleting.
#[track_caller]
fn assert_nothing_is_left(project: &TestProject) {
    // First the copies: a sweeper that ends in between has none of them.
    let mut all = volumes(project, "trial");
    let swept = docker(&[
        "ps",
        "-a",
        "--filter",
        &label(project),
        "--format",
        r#"{{.Label "local.upsun.volumes"}}"#,
    ]);
    let swept: Vec<&str> = swept.split([',', '\n']).collect();
    all.retain(|name| !swept.contains(&name.as_str()));
    assert_eq!(all, [""; 0]);
    let names = docker(&["ps", "-a", "--format", "{{.Names}}"]);
    let left: Vec<&str> = names
        .lines()
        .filter(|name| name.contains(&project.id) && name.contains("trial"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn what_is_suggested_is_written_and_then_it_passes() {
    let project = project(WRITES);
    project.run(&["run", "fill"]).expect(0);
    project.run(&["run", "writes"]).expect(1);
    project.run(&["run", "fill"]).expect(0);
    let before = config(&project);
    let tried = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(0);
    assert_eq!(tried.stdout, "result\n");
    for said in [
        "app needs 3 more mounts for that:",
        "\"/.cache\": # 1 file, 2 B\n        source: tmp",
        "\"/logs\": # 1 file, 2 B\n        source: instance",
        "\"/out\": # 2 files, 4 B\n        source: storage",
    ] {
        assert!(tried.stderr.contains(said), "{said}: {}", tried.stderr);
    }
    assert_eq!(config(&project), before);
    // It wrote to copies only.
    assert_eq!(project.run(&["run", "show"]).expect(0).stdout, "before\n");
    assert_nothing_is_left(&project);

    let arguments = ["run", "writes", "--suggest-mounts", "--write"];
    let written = project.run(&arguments).expect(0);
    assert!(
        written
            .stderr
            .contains("Added 3 mounts to .upsun/config.yaml"),
        "{}",
        written.stderr
    );
    let after = config(&project);
    let added = "\n      /.cache: { source: tmp }\n      logs: { source: instance }\n      out: { source: storage }";
    assert_eq!(after.replace(added, ""), before);
    assert_ne!(after, before);
    project.run(&["run", "writes"]).expect(0);
    let again = project.run(&arguments).expect(0);
    assert!(
        again.stderr.contains("app needs no other mounts for that"),
        "{}",
        again.stderr
    );
    assert_eq!(config(&project), after);
}

#[test]
fn what_no_mount_helps_with_is_told_also_as_json() {
    let project = project("echo x >top.txt; echo x >src/c; echo x >/var/tmp/x; echo x >/tmp/y");
    let arguments = [
        "run",
        "writes",
        "--suggest-mounts",
        "--write",
        "--format",
        "json",
    ];
    let outcome = project.run(&arguments).expect(0);
    let event: Value = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .find(|event: &Value| event["type"] == "mounts-suggested")
        .expect("a suggestion");
    assert_eq!(event["mounts"].as_array().map(Vec::len), Some(0), "{event}");
    let paths: Vec<&str> = event["elsewhere"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["path"].as_str())
        .collect();
    assert_eq!(paths, ["/app/src/c", "/app/top.txt", "/var/tmp/x"]);
    let shown = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(0);
    for said in [
        "it wrote `/app/src/c`, where a mount on `/src` would hide 2 files of the build (`src/a`, `src/b`)",
        "where it can only write to its mounts it passes, although it cannot write to the rest",
        "it wrote `/app/top.txt`, a file at the top of the app",
        "it wrote `/var/tmp/x`, outside the app's directory",
    ] {
        assert!(shown.stderr.contains(said), "{said}: {}", shown.stderr);
    }
}

#[test]
fn what_does_not_pass_with_the_mounts_is_not_written_and_ends_as_it_would() {
    for (script, code, why) in [
        ("mkdir out; echo x >out/x", 0, ""),
        (
            "set -e; mkdir out; echo x >out/x; echo said >&2",
            1,
            "let it use `mkdir -p`",
        ),
        (
            "set -e; rm -rf out; mkdir -p out; echo x >out/x",
            1,
            "a mount can be neither removed nor renamed",
        ),
    ] {
        let project = project(script);
        let before = config(&project);
        let arguments = ["run", "writes", "--suggest-mounts", "--write"];
        let outcome = project.run(&arguments).expect(code);
        assert!(outcome.stderr.contains(why), "{why}: {}", outcome.stderr);
        assert_nothing_is_left(&project);
        if code == 0 {
            assert_ne!(config(&project), before);
            continue;
        }
        let stays =
            ".upsun/config.yaml stays as it is: with those mounts the operation does not pass";
        assert!(outcome.stderr.contains(stays), "{}", outcome.stderr);
        assert_eq!(config(&project), before);
    }
}

#[test]
fn a_link_at_the_top_gets_no_mount_and_is_only_warned_of() {
    let project = project("set -e; mkdir -p pub; ln -sfn /app/pub lnk; echo x >pub/f");
    let outcome = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(0);
    assert!(!outcome.stderr.contains("\"/lnk\""), "{}", outcome.stderr);
    for told in [
        "it wrote `/app/lnk`, a file at the top of the app",
        "warning: with this mount it does not pass",
    ] {
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
    let wrong = "would hide what the build put there";
    assert!(!outcome.stderr.contains(wrong), "{}", outcome.stderr);
}

#[test]
fn a_mount_that_is_only_needed_with_the_others_is_added() {
    // What is missing there is made where it can be.
    let project = project(
        "set -e; if [ -w src ]; then mkdir -p out; else mkdir -p out more; fi; echo x >out/x",
    );
    let arguments = ["run", "writes", "--suggest-mounts", "--write"];
    let outcome = project.run(&arguments).expect(0);
    let added = "Added 2 mounts to .upsun/config.yaml";
    assert!(outcome.stderr.contains(added), "{}", outcome.stderr);
    project.run(&["run", "writes"]).expect(0);
}

#[test]
fn a_new_mount_does_not_show_the_files_of_another_one() {
    let project = project("set -e; mkdir -p out; echo x >out/x; rm -f out/kept; [ -e up/kept ]");
    let text = config(&project).replace(
        "# kept too\n",
        "# kept too\n      up: { source: storage, source_path: out }\n",
    );
    let text = text.replace("echo before >data/old", "echo before >up/kept");
    project.file(".upsun/config.yaml", &text);
    project.run(&["run", "fill"]).expect(0);
    let arguments = ["run", "writes", "--suggest-mounts", "--write"];
    let outcome = project.run(&arguments).expect(0);
    assert!(
        outcome.stderr.contains("source_path: \"out-2\""),
        "{}",
        outcome.stderr
    );
    let added = "out: { source: storage, source_path: out-2 }";
    assert!(config(&project).contains(added), "{}", config(&project));
    project.run(&["run", "writes"]).expect(0);
}

#[test]
fn what_the_user_of_the_app_cannot_read_does_not_stop_it() {
    let project = project("set -e; mkdir -p out; cat src/a >out/x");
    let text = config(&project).replace(
        "echo before >data/old",
        "echo secret >data/s; chmod 0 data/s",
    );
    project.file(".upsun/config.yaml", &text);
    project.run(&["run", "fill"]).expect(0);
    project
        .run(&["run", "writes", "--suggest-mounts", "--write"])
        .expect(0);
}

#[test]
fn what_is_moved_replaced_and_deleted_is_seen_where_it_is() {
    let build = "mkdir -p many/a many/b many/c/d deep/1/2 gone\n        \
                 for d in many/a many/b many/c many/c/d deep/1/2 gone; do echo $d >$d/1; echo $d >$d/2; done\n        \
                 mkdir secret; echo x >secret/x; chmod 0 secret";
    let script = "set -e; mv many/c moved; mv many/b many/c; rm -r gone; mkdir gone; echo n >gone/n; echo more >>many/a/1; \
                  rm many/a/2; mkdir -p new/er; echo 1 >new/er/f; mv deep/1 new/one; chmod 0 new/er";
    let config = format!(
        "hooks:\n  build: |\n        {build}\nmounts:\n  data: {{ source: storage }}\n{}",
        operations_of(&[("writes", script)])
    );
    let project = TestProject::on_engine(&app(&config));
    let tried = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(0);
    for said in [
        "\"/gone\": # 1 file, ",
        "\"/many/c\": # 2 files, ",
        "\"/moved\": # 4 files, ",
        "\"/new\": # ",
        "it wrote `/app/many/a/1`, `/app/many/a/2`, where a mount on `/many/a` would hide",
        "it wrote `/app/deep/1/2/1`",
    ] {
        assert!(tried.stderr.contains(said), "{said}: {}", tried.stderr);
    }
    assert!(!tried.stderr.contains("secret"), "{}", tried.stderr);
    assert_nothing_is_left(&project);
}

#[test]
fn a_failure_passes_its_code_on_and_writes_nothing() {
    let project = project("mkdir out; echo x >out/x; exit 7");
    let before = config(&project);
    let arguments = ["run", "writes", "--suggest-mounts", "--write"];
    let outcome = project.run(&arguments).expect(7);
    assert!(outcome.stderr.contains("\"/out\":"), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains(".upsun/config.yaml stays as it is: the operation failed"),
        "{}",
        outcome.stderr
    );
    assert_eq!(config(&project), before);
    assert_nothing_is_left(&project);
}

/// Directories that wait for files, one that is missing, and files that cannot go from one mount to another.
#[test]
fn the_mounts_that_pass_are_found_among_smaller_and_larger_ones() {
    let table = [
        // Their parents would hide the other one.
        (
            "placeholders",
            "[ -d state/views ] && echo x >state/cache/x",
            &["\"/state/cache\": # 1 file, 2 B\n        source: tmp"][..],
        ),
        // A cache and results beside each other, between which nothing can be renamed.
        (
            "renamed",
            "mkdir -p work/cache work/data; echo x >work/cache/x; perl -e 'rename(\"work/cache/x\", \"work/data/x\") or die $!; rename(\"work/data/x\", \"work/cache/x\") or die $!; open F, \">\", \"work/data/y\"'",
            &["\"/work\": # 2 files", "with this mount it passes"],
        ),
        // Only a mount would have made it.
        (
            "missing",
            "echo x >sessions/all/x",
            &["\"/sessions/all\": # 1 file", "with this mount it passes"],
        ),
        (
            "fails",
            "exit 3",
            &["it failed where it could write everywhere: missing mounts are not the reason"],
        ),
    ];
    let operations: Vec<(&str, &str)> = table.iter().map(|row| (row.0, row.1)).collect();
    let project = TestProject::on_engine(&app(&operations_of(&operations)));
    project
        .file("state/cache/.gitignore", "*\n!.gitignore\n")
        .file("state/views/.gitignore", "*\n!.gitignore\n");
    for (operation, _, all) in table {
        let outcome = project.run(&["run", operation, "--suggest-mounts"]);
        for said in all {
            assert!(
                outcome.stderr.contains(said),
                "{operation}: {said}: {}",
                outcome.stderr
            );
        }
    }
    assert_nothing_is_left(&project);
}

#[test]
fn what_an_earlier_mount_left_does_not_help_a_new_one() {
    // Where it cannot write everywhere, it needs what only an earlier run left.
    let script = "set -e; mkdir -p old; [ -w src ] || [ -e old/left ]; echo x >old/x";
    let project = project(script);
    let text = config(&project);
    let with = text.replace(
        "# kept too\n",
        "# kept too\n      old: { source: storage, source_path: old }\n",
    );
    let with = with.replace("echo before >data/old", "echo before >old/left");
    project.file(".upsun/config.yaml", &with);
    project.run(&["run", "fill"]).expect(0);
    project.run(&["run", "writes"]).expect(0);
    project.file(".upsun/config.yaml", &text);
    let tried = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(0);
    for said in ["\"/old\": # 1 file", "with this mount it does not pass"] {
        assert!(tried.stderr.contains(said), "{said}: {}", tried.stderr);
    }
}

/// As SQLite does it: what cannot be opened is not named.
const OPEN: &str = r#"{ true >>"$DATABASE_FILE"; } 2>/dev/null || { echo "unable to open database file" >&2; exit 1; }"#;

#[test]
fn a_directory_that_only_the_configuration_names_is_tried() {
    let of_variable = project(OPEN);
    of_variable.file(".environment", "export DATABASE_FILE=/app/db/made/a.db\n");
    let of_file = project(OPEN);
    of_file
        .file(
            ".environment",
            "DATABASE_FILE=$(cat x.ini); export DATABASE_FILE\n",
        )
        .file("x.ini", "/app/db/made/a.db\n")
        // Nothing is put into that one.
        .file("other.txt", "see '/app/unused/for/nothing'\n");
    for project in [of_variable, of_file] {
        let outcome = project
            .run(&["run", "writes", "--suggest-mounts"])
            .expect(0);
        for said in ["\"/db/made\": # 1 file", "with this mount it passes"] {
            assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains("unused"), "{}", outcome.stderr);
        assert_nothing_is_left(&project);
    }
}

#[test]
fn a_directory_that_nothing_names_is_not_guessed() {
    let project = project(&format!("name=db; DATABASE_FILE=${{name}}/a.db; {OPEN}"));
    let outcome = project
        .run(&["run", "writes", "--suggest-mounts"])
        .expect(1);
    let said = "It may still want a directory that is not there, and does not say where";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(
        !outcome.stderr.contains("    mounts:"),
        "{}",
        outcome.stderr
    );
    assert_nothing_is_left(&project);
}

#[test]
fn a_configuration_that_cannot_be_edited_for_certain_stays_as_it_is() {
    let project = project("mkdir out; echo x >out/x");
    let text = config(&project).replace("mounts:\n", "mounts: &all\n")
        + "  other:\n    type: nodejs:24\n    build: { flavor: none }\n    mounts: *all\n";
    project.file(".upsun/config.yaml", &text);
    let arguments = [
        "run",
        "writes",
        "--suggest-mounts",
        "--write",
        "--app",
        "app",
    ];
    let outcome = project.run(&arguments).expect(65);
    assert!(
        outcome
            .stderr
            .contains("error: .upsun/config.yaml stays as it is: "),
        "{}",
        outcome.stderr
    );
    assert_eq!(config(&project), text);
}

#[test]
fn line_ends_stay_those_of_windows() {
    let project = project("mkdir out; echo x >out/x");
    let text = config(&project).replace('\n', "\r\n");
    project.file(".upsun/config.yaml", &text);
    project
        .run(&["run", "writes", "--suggest-mounts", "--write"])
        .expect(0);
    let after = config(&project);
    assert!(after.contains("out"), "{after}");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    project.run(&["run", "writes"]).expect(0);
}

#[test]
fn ctrl_c_and_a_kill_leave_nothing_for_ever() {
    let project = project("echo ready; sleep 7691");
    let run = Running::start(&project, &["run", "writes", "--suggest-mounts"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait().expect(130);
    assert!(!runs(&project, "sleep 7691"));
    assert_nothing_is_left(&project);

    let run = Running::start(&project, &["run", "writes", "--suggest-mounts"]);
    run.wait_for_output("ready");
    run.signal(Signal::KILL);
    run.wait().expect(-9);
    let next = project.run(&["run", "show"]).expect(1);
    assert!(next.stderr.contains("had been killed"), "{}", next.stderr);
    assert_nothing_is_left(&project);

    let run = Running::start(&project, &["run", "writes", "--suggest-mounts"]);
    run.wait_for_output("ready");
    run.signal(Signal::KILL);
    run.wait().expect(-9);
    project.run(&["down"]).expect(0);
    assert_nothing_is_left(&project);
    project.run(&["clean", "--yes"]).expect(0);
    assert_eq!(objects(&project), 0);
}
