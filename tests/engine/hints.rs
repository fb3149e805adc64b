//! What helps after something failed: hints that can be followed, wherever it failed.

use crate::engine::{app, operations_of};
use crate::support::{Outcome, TestProject};

/// An app like one of Laravel's, with mounts on some of its directories.
const SITE: &str = r#"
applications:
  site:
    type: php:8.4
    build: { flavor: none }
    mounts:
      /storage/logs: { source: storage, source_path: logs }
      /var: { source: storage, source_path: var }
    web: { locations: { /: { root: public, passthru: /index.php } } }
    operations:
      optimize: { commands: { start: "php artisan" } }
      link: { commands: { start: "ln -s ../storage/app public/storage" } }
      sitemap: { commands: { start: "php -r 'file_put_contents(\"/app/public/sitemap.xml\", 1) || exit(1);'" } }
      stream-edit: { commands: { start: "sed -i s/1/2/ bootstrap/app.php" } }
      exports: { commands: { start: "mkdir -p storage/exports && date > storage/exports/x.csv" } }
      rename: { commands: { start: "php -r 'rename(\"/app/config/b.yml\", \"/app/config/c.yml\") || exit(1);'" } }
      copy: { commands: { start: "php -r 'copy(\"/app/config/b.yml\", \"/app/new.yml\") || exit(1);'" } }
      perl: { commands: { start: "perl -e 'mkdir(\"/app/out\") or die \"cannot make /app/out: $!\"'" } }
      up: { commands: { start: "cp config/b.yml config/../b2.yml" } }
      broken: { commands: { start: "php block.php" } }
      lies: { commands: { start: "echo 'rename(/app/a,/nowhere/at/all): Read-only file system'; exit 1" } }
      fine: { commands: { start: "echo \"touch: cannot touch '/tmp/x': Read-only file system\"; exit 1" } }
      elsewhere: { commands: { start: "cd public && date > x.txt" } }
      hidden: { commands: { start: "php -r 'file_put_contents(\"var/cache/x\", 1) || exit(1);'" } }
      silent: { commands: { start: "exit 3" } }
"#;

/// What `php artisan optimize` does first.
const ARTISAN: &str = r#"<?php
if (!is_writable("/app/bootstrap/cache")) {
    throw new Exception("The /app/bootstrap/cache directory must be present and writable.");
}
"#;

/// An exception as Symfony's console prints it: broken after 75 columns, in the middle of words.
const BLOCK: &str = r#"<?php
$message = 'file_put_contents(/app/storage/framework/views/0123456789abcdef.php): Failed to open stream: Read-only file system';
fwrite(STDERR, "\nIn Filesystem.php line 204:\n" . str_repeat(' ', 79) . "\n");
foreach (str_split($message, 75) as $line) {
    fwrite(STDERR, '  ' . str_pad($line, 75) . "  \n");
}
fwrite(STDERR, str_repeat(' ', 79) . "\n\n");
exit(1);
"#;

fn site() -> TestProject {
    let project = TestProject::on_engine(SITE);
    project
        .file("artisan", ARTISAN)
        .file("block.php", BLOCK)
        .file("public/index.php", "<?php")
        .file("bootstrap/app.php", "<?php return 1;")
        .file("bootstrap/cache/.gitignore", "*\n!.gitignore\n")
        .file("storage/framework/views/.gitignore", "*\n!.gitignore\n")
        .file("config/b.yml", "a\n")
        .file("var/cache/.gitkeep", "");
    project
}

#[track_caller]
fn assert_says(outcome: &Outcome, all: &[&str]) {
    for text in all {
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
}

#[test]
fn a_hint_never_invents_a_path_and_never_hides_code() {
    let project = site();
    let mount = |path: &str| format!("    mounts:\n      \"{path}\":\n");
    for (operation, path, mount) in [
        (
            "optimize",
            "/app/bootstrap/cache",
            mount("/bootstrap/cache"),
        ),
        ("exports", "/app/storage/exports", mount("/storage/exports")),
        ("perl", "/app/out", mount("/out")),
        (
            "broken",
            "/app/storage/framework/views/0123456789abcdef.php",
            mount("/storage/framework/views"),
        ),
    ] {
        let outcome = project.run(&["run", operation]);
        let wrote = format!("hint: it wrote to `{path}`, which is");
        assert_says(&outcome, &[&wrote, &mount]);
    }
    for (operation, path, why) in [
        (
            "link",
            "/app/public/storage",
            "would hide 1 file that the app has there (`public/index.php`)",
        ),
        (
            "sitemap",
            "/app/public/sitemap.xml",
            "A mount on `/public` would hide",
        ),
        (
            "stream-edit",
            "/app/bootstrap/sed",
            "A mount on `/bootstrap` would hide",
        ),
        (
            "rename",
            "/app/config/c.yml",
            "A mount on `/config` would hide",
        ),
        ("copy", "/app/new.yml", "mounts are directories"),
        ("up", "/app/config/../b2.yml", "mounts are directories"),
    ] {
        let outcome = project.run(&["run", operation]);
        assert_says(&outcome, &[&format!("it wrote to `{path}"), why]);
        assert!(
            !outcome.stderr.contains("    mounts:"),
            "{}",
            outcome.stderr
        );
    }
    for operation in ["lies", "fine", "elsewhere"] {
        let outcome = project.run(&["run", operation]);
        assert_says(&outcome, &["and does not say where", "--suggest-mounts"]);
        assert!(
            !outcome.stderr.contains("    mounts:"),
            "{}",
            outcome.stderr
        );
    }
    let hidden = project.run(&["run", "hidden"]).expect(1);
    let missing = "`/app/var/cache/x` is missing: the mount `/var` hides";
    assert_says(&hidden, &[missing, "\n    mkdir -p var/cache\n"]);
    let silent = project.run(&["run", "silent"]).expect(3);
    assert_says(&silent, &["upsun-local run silent --suggest-mounts"]);
}

#[test]
fn what_the_build_made_and_a_mount_hides_is_named() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks:
  build: |
    mkdir -p var/cache/prod
    echo a >var/cache/prod/container.php
    echo b >var/cache/prod/routes.php
mounts:
  var/cache: {{ source: tmp }}
{}",
        operations_of(&[
            ("file", "cat var/cache/prod/container.php"),
            ("directory", "echo x >var/cache/prod/new"),
            ("other", "cat var/cache/other"),
        ])
    )));
    for operation in ["file", "directory"] {
        let outcome = project.run(&["run", operation]);
        assert_says(
            &outcome,
            &[
                "is missing: the mount `/var/cache` hides 2 files that the build put there",
                "`var/cache/prod/container.php`",
                "copy it to the mount in `hooks.deploy`",
                "\n    mkdir -p var/cache/prod\n",
            ],
        );
    }
    // The build did not make that one.
    let other = project.run(&["run", "other"]).expect(1);
    assert!(!other.stderr.contains("hides 2"), "{}", other.stderr);
}

#[test]
fn hooks_crons_commands_and_logs_get_the_same_hints() {
    let config = "hooks:
  deploy: mkdir -p staticfiles
  post_deploy: node -e 'require(\"fs\").writeFileSync(\"log/app.log\", \"\")'
web: { commands: { start: \"node -e 'require(\\\"fs\\\").mkdirSync(\\\"/app/pids\\\")'\" } }
crons:
  c: { spec: \"H * * * *\", commands: { start: \"date > out.txt\" } }
";
    let project = TestProject::on_engine(&app(&format!(
        "{config}{}",
        operations_of(&[("ok", "true")])
    )));
    project.file("log/.gitkeep", "");
    let deployed = project.run(&["run", "ok"]).expect(0);
    assert_says(
        &deployed,
        &[
            "it wrote to `/app/staticfiles`",
            "\"/staticfiles\":\n        source: storage",
            "it wrote to `/app/log/app.log`",
            "\"/log\":\n        source: instance",
        ],
    );
    let cron = project.run(&["cron", "run", "c"]);
    assert_says(
        &cron,
        &["it wrote to `/app/out.txt`", "mounts are directories"],
    );
    let command = project.run(&["exec", "--", "mkdir", "made"]).expect(1);
    assert_says(&command, &["\"/made\":\n        source: storage"]);
    let missing = project.run(&["exec", "--", "no-such-tool"]).expect(127);
    assert_says(
        &missing,
        &["hint: `no-such-tool` is neither on `PATH` nor in"],
    );
    let logs = project.run(&["logs"]).expect(0);
    assert_says(&logs, &["\"/pids\":\n        source: instance"]);
}

/// A write that is refused, and a program that goes on.
const GOES_ON: &str = "node -e 'try { require(\\\"fs\\\").writeFileSync(\\\"/app/out/x\\\", \\\"1\\\") } catch (e) { console.error(e.message) }; console.log(1)'";

#[test]
fn what_succeeds_although_a_write_was_refused_says_so_once() {
    let config = format!(
        "hooks: {{ deploy: \"{GOES_ON}\" }}
web: {{ commands: {{ start: sleep infinity }} }}
crons: {{ c: {{ spec: \"H * * * *\", commands: {{ start: \"{GOES_ON}\" }} }} }}
operations: {{ soft: {{ commands: {{ start: \"{GOES_ON}\" }} }} }}
"
    );
    let project = TestProject::on_engine(&app(&config));
    project.file("out/.gitkeep", "");
    let told = |subject: &str| {
        format!(
            "\nwarning: {subject} succeeded, but could not write to `/app/out/x`, which is read-only on Upsun once the app is built; a mount makes it writable:\n\n    mounts:\n      \"/out\":\n        source: storage\n"
        )
    };
    let deployed = project.run(&["up"]).expect(0);
    assert_says(&deployed, &[&told("`hooks.deploy` of `app`")]);
    let script = GOES_ON.replace("\\\"", "\"");
    for (arguments, subject) in [
        (vec!["run", "soft"], "the operation"),
        (vec!["cron", "run", "c"], "the cron"),
        (vec!["exec", "--", &script], "the command"),
    ] {
        let outcome = project.run(&arguments).expect(0);
        assert_says(&outcome, &[&told(subject)]);
        assert_eq!(outcome.stdout, "1\n");
        assert_eq!(outcome.stderr.matches("warning:").count(), 1);
        let quiet = project.run(&[&["-q"], arguments.as_slice()].concat());
        let quiet = quiet.expect(0);
        assert_eq!(quiet.stdout, "1\n");
        assert!(!quiet.stderr.contains("warning"), "{}", quiet.stderr);
    }
    let json = project.run(&["run", "soft", "--format", "json"]).expect(0);
    let last = json.stdout.lines().last().expect("an event");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["result"], "success");
    assert_eq!(last["read_only"]["mount"], "out");
    let tested = project.run(&["test"]).expect(0);
    let note = "PASS  soft on app";
    assert!(tested.stdout.contains(note), "{}", tested.stdout);
    let note = "      warning: the operation succeeded, but could not write to `/app/out/x`";
    assert!(tested.stdout.contains(note), "{}", tested.stdout);
}

#[test]
fn what_cannot_be_started_is_explained() {
    let table = [
        (
            "windows",
            "./run.sh",
            127,
            "the first line of `run.sh` ends in a carriage return",
        ),
        (
            "by-name",
            "run.sh",
            127,
            "the first line of `run.sh` ends in a carriage return",
        ),
        (
            "old",
            "./old.py",
            127,
            "names `python2`, which is not there",
        ),
        (
            "tool",
            "drush status",
            127,
            "the app has `vendor/bin/drush`: call `vendor/bin/drush`",
        ),
        (
            "linter",
            "lint .",
            127,
            "put `/app/node_modules/.bin` on `PATH`",
        ),
        (
            "console",
            "bin/console",
            126,
            "git update-index --chmod=+x bin/console",
        ),
        ("folder", "./bin", 126, "`./bin` is a directory"),
        ("gone", "./gone.sh", 127, "the app has no `./gone.sh`"),
        (
            "no-tool",
            "symfony-build",
            127,
            "comes with Symfony's configurator",
        ),
        (
            "no-other",
            "pgloader",
            127,
            "`pgloader` is neither on `PATH` nor in",
        ),
    ];
    let operations: Vec<(&str, &str)> = table.iter().map(|row| (row.0, row.1)).collect();
    let project = TestProject::on_engine(&app(&operations_of(&operations)));
    project
        .file("run.sh", "#!/bin/bash\r\necho hello\r\n")
        .file("old.py", "#!/usr/bin/env python2\n")
        .file("vendor/bin/drush", "#!/bin/sh\n")
        .file("node_modules/.bin/lint", "#!/bin/sh\n")
        .file("bin/console", "#!/usr/bin/env node\n");
    for path in [
        "run.sh",
        "old.py",
        "vendor/bin/drush",
        "node_modules/.bin/lint",
    ] {
        let path = project.root().join(path);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, executable).expect("permissions");
    }
    project.file(".environment", "export PATH=$PATH:/app\n");
    for (operation, _, code, said) in table {
        let outcome = project.run(&["run", operation]).expect(code);
        assert_says(&outcome, &[said]);
    }
}
