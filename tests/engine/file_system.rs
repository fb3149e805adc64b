//! What may be written where, and what is said when something may not.

use crate::engine::{app, operations, operations_of};
use crate::support::TestProject;

#[test]
fn everything_is_read_only_but_tmp_and_run() {
    let script = "for path in /app/x /x /etc/x /usr/x /root/x /var/x /home/x /app/.upsun/x; do \
                  if (: >$path) 2>/dev/null; then echo \"$path is writable\"; fi; done; \
                  : >/tmp/x && : >/run/x && : >/dev/shm/x && echo written; : >/app/.upsun/config.yaml";
    let project = TestProject::on_engine(&operations(&[("probe", script)]));
    let outcome = project.run(&["run", "probe"]).expect(2);
    assert_eq!(outcome.stdout, "written\n");
}

#[test]
fn what_is_in_tmp_may_be_executed_and_stays_between_runs() {
    let project = TestProject::on_engine(&operations(&[
        (
            "write",
            "printf '#!/bin/sh\\necho ran' >/tmp/tool; chmod +x /tmp/tool",
        ),
        ("execute", "/tmp/tool"),
    ]));
    project.run(&["run", "write"]).expect(0);
    assert_eq!(project.run(&["run", "execute"]).expect(0).stdout, "ran\n");
}

/// The path and the mount that the closing lines name.
fn advice(stderr: &str) -> Option<(String, Option<String>)> {
    let line = stderr
        .lines()
        .find(|line| line.starts_with("hint: it wrote"))?;
    let path = line.split('`').nth(1)?.to_owned();
    let mut rest = stderr.lines().skip_while(|line| line.trim() != "mounts:");
    let mount = rest.nth(1).map(|line| line.trim().to_owned());
    Some((path, mount))
}

#[test]
fn a_refused_write_is_explained_whatever_the_language_says() {
    let table = [
        ("touch", "touch public/x", "/app/public/x", r#""/public":"#),
        // A mount is a directory, so none helps a file at the top.
        ("redirect", "echo x >out.txt", "/app/out.txt", ""),
        (
            "bash",
            "bash -c 'echo x >logs/x/y'",
            "/app/logs/x/y",
            r#""/logs/x":"#,
        ),
        ("make", "mkdir -p build/cache", "/app/build", r#""/build":"#),
        ("copy", "cp /etc/hostname data", "/app/data", ""),
        (
            "node",
            "node -e 'require(\"fs\").mkdirSync(\"/app/.next\")'",
            "/app/.next",
            r#""/.next":"#,
        ),
        (
            "node-promise",
            "node -e 'require(\"fs\").promises.writeFile(\".cache/x\", \"\")'",
            "/app/.cache/x",
            r#""/.cache":"#,
        ),
        (
            "node-stream",
            "node -e 'require(\"fs\").createWriteStream(\"trace.log\")'",
            "/app/trace.log",
            "",
        ),
        (
            "python",
            "echo \"OSError: [Errno 30] Read-only file system: '/app/static/site.css'\" >&2; exit 1",
            "/app/static/site.css",
            r#""/static":"#,
        ),
    ];
    let scripts: Vec<(&str, &str)> = table.iter().map(|row| (row.0, row.1)).collect();
    let project = TestProject::on_engine(&operations(&scripts));
    for directory in ["public", "logs/x", ".cache"] {
        project.file(&format!("{directory}/.gitkeep"), "");
    }
    for (operation, _, path, mount) in table {
        let outcome = project.run(&["run", operation]);
        assert!(outcome.code > 0, "{operation}: {}", outcome.stderr);
        let mount = Some(mount.to_owned()).filter(|mount| !mount.is_empty());
        let expected = Some((path.to_owned(), mount));
        assert_eq!(
            advice(&outcome.stderr),
            expected,
            "{operation}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn the_mount_that_is_suggested_mends_it() {
    let script = "mkdir -p .next/cache && echo built >.next/cache/x && cat .next/cache/x";
    let project = TestProject::on_engine(&operations(&[("build", script)]));
    let failed = project.run(&["run", "build"]).expect(1);
    let yaml = failed
        .stderr
        .split_once("    mounts:\n")
        .expect("a suggestion")
        .1;
    let yaml = yaml.split("\n\n").next().unwrap_or_default();
    let mended = format!(
        "mounts:\n{}\n{}",
        yaml.lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n"),
        operations_of(&[("build", script)])
    );
    project.file(".upsun/config.yaml", &app(&mended));
    assert_eq!(project.run(&["run", "build"]).expect(0).stdout, "built\n");
}

#[test]
fn no_mount_is_suggested_where_none_helps() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("outside", "touch /etc/x"),
            (
                "on-a-mount",
                "echo \"touch: cannot touch 'data/x': Read-only file system\" >&2; exit 1"
            ),
            ("succeeds", "touch x; true"),
            ("talks", "echo we like a read-only file system; exit 1"),
        ])
    )));
    let outside = project.run(&["run", "outside"]).expect(1);
    assert_eq!(
        advice(&outside.stderr),
        Some(("/etc/x".to_owned(), None)),
        "{}",
        outside.stderr
    );
    let on_a_mount = project.run(&["run", "on-a-mount"]).expect(1);
    assert!(
        !on_a_mount.stderr.contains("source: storage"),
        "{}",
        on_a_mount.stderr
    );
    for operation in ["succeeds", "talks"] {
        let outcome = project.run(&["run", operation]);
        assert_eq!(advice(&outcome.stderr), None, "{}", outcome.stderr);
    }
}
