//! Files made to do harm: an error that names the place, and nothing else happens.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::{Repo, list, one};

const APP: &str = "applications:\n  app:\n    type: nodejs:24\n";

#[test]
fn aliases_of_aliases_are_stopped_early() {
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*x{}", level - 1); 9].join(", ");
        let _ = writeln!(text, "x{level}: &x{level} [{aliases}]");
    }
    let begin = Instant::now();
    let loaded = one(&(text + APP)).load();
    assert!(begin.elapsed() < Duration::from_secs(5));
    insta::assert_snapshot!(list(&loaded), @r"error U106 .upsun/config.yaml:6:5: the configuration is too large: with aliases and includes written out it has more than 750,000 values or 48 MiB of text (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn a_large_text_cannot_be_repeated_without_end() {
    let text = format!(
        ".x: &x \"{}\"\n{APP}    variables:\n      env:\n        A: [{}]\n",
        "x".repeat(1 << 20),
        ["*x"; 200].join(", ")
    );
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U106 .upsun/config.yaml:7:193: the configuration is too large: with aliases and includes written out it has more than 750,000 values or 48 MiB of text (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn workers_cannot_multiply_an_application() {
    let mut text = format!("{APP}    variables:\n      env:\n");
    for index in 0..3000 {
        let _ = writeln!(text, "        V{index}: x");
    }
    text += "    workers:\n";
    for index in 0..3000 {
        let _ = writeln!(text, "      w{index}: {{ commands: {{ start: x }} }}");
    }
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U106 .upsun/config.yaml:2:3: with what its workers take over this application is too large");
}

#[test]
fn deep_nesting_ends_at_a_limit() {
    let text = format!(
        "{APP}    variables: {}1{}\n",
        "{a: ".repeat(5000),
        "}".repeat(5000)
    );
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U105 .upsun/config.yaml:4:260: nested more than 64 levels deep (no configuration needs this: look for brackets that are never closed)");
    let mut text = APP.to_owned();
    for level in 0..1000 {
        let _ = writeln!(text, "{}k:", " ".repeat(4 + level));
    }
    insta::assert_snapshot!(list(&one(&text).load()), @r"error U105 .upsun/config.yaml:66:67: nested more than 64 levels deep (no configuration needs this: look for brackets that are never closed)");
    let mut text = ".a0: &a0 {k: 1}\n".to_owned();
    for level in 1..100 {
        let _ = writeln!(text, ".a{level}: &a{level} {{k: *a{}}}", level - 1);
    }
    insta::assert_snapshot!(list(&one(&(text + APP)).load()), @r"error U105 .upsun/config.yaml:64:16: with its aliases written out this is nested more than 64 levels deep (aliases that repeat aliases grow quickly: write the values out)");
}

#[test]
fn includes_stay_inside_the_repository() {
    let repo = Repo::new(&[(
        ".upsun/config.yaml",
        "applications:\n  app:\n    type: nodejs:24\n    hooks:\n      build: !include {type: string, path: ../../etc/passwd}\n      deploy: !include {type: string, path: /etc/passwd}\n      post_deploy: !include {type: string, path: link}\n",
    )]);
    symlink("/etc/passwd", repo.path().join("link")).unwrap();
    insta::assert_snapshot!(list(&repo.load()), @r"
    error U114 .upsun/config.yaml:5:14: `../../etc/passwd` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U114 .upsun/config.yaml:6:15: `/etc/passwd` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U114 .upsun/config.yaml:7:20: `link` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    ");
}

#[test]
fn includes_that_include_themselves_are_stopped() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            "applications:\n  app: !include a.yaml\n",
        ),
        ("a.yaml", "type: nodejs:24\nhooks: !include b.yaml\n"),
        ("b.yaml", "build: !include a.yaml\n"),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U115 .upsun/config.yaml:2:8: these includes form a cycle: `a.yaml`, `b.yaml` includes `a.yaml` again (a file cannot include itself, not even through another file)");
}

#[test]
fn devices_and_pipes_are_not_waited_for() {
    let repo = Repo::new(&[(
        ".upsun/config.yaml",
        "applications:\n  app: !include zero\n  b: !include pipe\n",
    )]);
    symlink("/dev/zero", repo.path().join("zero")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(repo.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    insta::assert_snapshot!(list(&repo.load()), @r"
    error U114 .upsun/config.yaml:2:8: `zero` leads outside the repository (`!include` reaches only what is committed: move it into the repository)
    error U113 .upsun/config.yaml:3:6: `pipe` cannot be used in `!include`: it is not a regular file
    ");
}

#[test]
fn control_characters_do_not_reach_messages() {
    let loaded = one("applications:\n  \"a\\e[31m\\u202eb\":\n    type: nodejs:24\n").load();
    insta::assert_snapshot!(list(&loaded), @r"error U304 .upsun/config.yaml:2:3: `a�[31m�b` is not a name for an application (a name is made of lowercase letters, digits, `-` and `_`)");
    let loaded = one("a: \u{1b}[31m\n").load();
    insta::assert_snapshot!(list(&loaded), @r"error U102 .upsun/config.yaml:1:4: an escape character may not stand in a YAML file (remove it; inside double quotes it can be written as an escape such as `\x1b`)");
}

#[test]
fn what_is_no_directory_of_files_is_named() {
    let repo = Repo::new(&[("README.md", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun:1:1: there is no directory `.upsun` (run this in a repository with an `.upsun` directory, or name one)");
    let repo = Repo::new(&[(".upsun", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun:1:1: `.upsun` cannot be read: it is a file, not a directory (make it a directory with a file such as `config.yaml` in it)");
    let repo = Repo::new(&[(".upsun/config.yaml/x", "")]);
    insta::assert_snapshot!(list(&repo.load()), @r"error U101 .upsun/config.yaml:1:1: `.upsun/config.yaml` cannot be read: it is a directory, not a file (only files at the first level of `.upsun` are read: rename it)");
}
