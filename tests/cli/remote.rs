//! Engines of other machines, and tunnels, without an engine. A script stands for the `ssh` command.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Outcome, TestProject, outcome};

const CONFIG: &str = r#"
applications:
  site:
    type: nodejs:24
    web: {commands: {start: node server.js}}
    relationships:
      database: {service: db, endpoint: postgresql}
services:
  db: {type: postgresql:18}
routes:
  "https://{default}/": {type: upstream, upstream: "site:http"}
"#;

fn project() -> TestProject {
    TestProject::new(CONFIG)
}

/// Runs the binary with an engine and with a script in the place of `ssh`.
fn run(project: &TestProject, script: &str, engine: &str, arguments: &[&str]) -> Outcome {
    let programs = tempfile::tempdir().expect("a directory");
    let ssh = programs.path().join("ssh");
    std::fs::write(&ssh, format!("#!/bin/sh\n{script}\n")).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&ssh, mode).expect("a program");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = project.command(arguments);
    command
        .env("PATH", format!("{}:{path}", programs.path().display()))
        .env("DOCKER_HOST", engine)
        .env("UPSUN_LOCAL_PORT", "28442");
    outcome(&mut command, &project.root())
}

#[test]
fn ssh_gets_user_port_and_host_and_must_ask_nothing() {
    let engine = "ssh://ada@engine.example.org:2222";
    let script = r#"echo "called with: $*" >&2; exit 255"#;
    let said = run(&project(), script, engine, &["status"])
        .expect(69)
        .stderr;
    for part in [
        "-o BatchMode=yes",
        "-o ClearAllForwardings=yes",
        " -l ada -p 2222 -- engine.example.org ",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn an_unknown_host_key_is_refused_with_what_to_do() {
    let engine = "ssh://ada@engine.example.org:2222";
    let script = "echo 'Host key verification failed.' >&2; exit 255";
    let outcome = run(&project(), script, engine, &["status"]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 69
    --- stdout
    --- stderr
    error: no container engine answers; tried:
      ssh://ada@engine.example.org:2222 (from DOCKER_HOST): Host key verification failed.

    hint: connect once with `ssh -p 2222 ada@engine.example.org`, and compare the key that it shows with the key of the machine
    ");
}

#[test]
fn what_ssh_says_after_the_login_is_the_reason() {
    // The login makes its socket; then the command to run there is missing.
    let script = r#"
for word; do
    [ "$before" = -S ] && socket=$word
    [ "$word" = -M ] && login=yes
    before=$word
done
if [ "$login" ]; then : >"$socket"; echo; exec cat; fi
echo 'bash: line 1: docker: command not found' >&2
exit 127"#;
    let outcome = run(&project(), script, "ssh://host", &["status"]);
    insta::assert_snapshot!(outcome.shown(), @r"
    code: 69
    --- stdout
    --- stderr
    error: no container engine answers; tried:
      ssh://host (from DOCKER_HOST): connection error: bash: line 1: docker: command not found

    hint: the machine needs the `docker` command; `ssh host docker info` has to work
    ");
}

#[test]
fn addresses_of_a_remote_engine_come_with_how_to_have_them_here() {
    let project = project();
    let script = "exit 255";
    for (engine, is_remote) in [
        ("ssh://engine.example.org", true),
        ("tcp://engine.example.org:2376", true),
        ("tcp://127.0.0.1:2375", false),
        ("unix:///var/run/docker.sock", false),
    ] {
        let outcome = run(&project, script, engine, &["url"]).expect(0);
        assert!(outcome.stdout.ends_with(".localhost:28442/\n"));
        let note = "The addresses answer on engine.example.org, where the engine is; `upsun-local tunnel open` makes them answer here too\n";
        let expected = if is_remote { note } else { "" };
        assert_eq!(outcome.stderr, expected, "{engine}");
    }
}

#[test]
fn without_open_tunnels_there_is_nothing_to_list_or_close() {
    let project = project();
    for words in [
        &["tunnel", "list"][..],
        &["tunnels"],
        &["tunnel:close"],
        &["tunnel", "list", "--app", "site"],
    ] {
        let outcome = project.run(words).expect(0);
        assert!(
            outcome.stderr.starts_with("No tunnel is open"),
            "{words:?}: {}",
            outcome.stderr
        );
    }
    let csv = project
        .run(&["tunnel", "list", "--format", "csv"])
        .expect(0);
    assert_eq!(
        csv.stdout,
        "Port,Project,Environment,App,Relationship,URL\n"
    );
    insta::assert_snapshot!(project.run(&["tunnel:info", "--encode"]).shown(), @r"
    code: 75
    --- stdout
    --- stderr
    error: no tunnel to a relationship is open

    hint: `upsun-local tunnel open` opens tunnels to all relationships of an app
    ");
    project
        .run(&["tunnel", "info", "--encode", "-P", "database"])
        .expect(64);
    project
        .run(&["tunnel", "single", "--port", "70000"])
        .expect(64);
}

#[test]
fn a_role_without_access_to_a_shell_opens_no_tunnel() {
    let project = TestProject::new(
        "applications:\n  site:\n    type: nodejs:24\n    source: { root: / }\n    access: { ssh: admin }\n",
    );
    for command in [&["tunnel", "open"][..], &["tunnel", "single"]] {
        let outcome = project.run(&[command, &["--role", "viewer"]].concat());
        assert_eq!(outcome.code, 77, "{outcome:?}");
        assert_eq!(
            outcome.stderr,
            "error: the role `viewer` may not open a tunnel to `site`: it needs `admin`\n\nhint: try `--role admin`; `access.ssh` of the app decides\n"
        );
    }
}
