//! The real, unmodified command of Upsun as a client, without an engine. It is on the npm registry as
//! `@upsun/cli-linux-x64`; `scripts/test` installs it. Where it cannot be had, these tests say so and pass.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Outcome, TestProject, code};

/// Names the program; without it, the one on `PATH` counts.
const VARIABLE: &str = "UPSUN_LOCAL_TEST_UPSUN";

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    source:
      operations: { update: { command: npm update } }
    mounts: { /data: { source: storage } }
    web: { commands: { start: node server.js } }
    operations:
      greet: { role: contributor, commands: { start: echo hello } }
      both: { role: viewer, commands: { start: echo app } }
    workers:
      queue:
        commands: { start: sleep 1 }
        operations:
          both: { role: viewer, commands: { start: echo worker } }
services:
  db: { type: 'postgresql:18' }
";

/// The directory of Upsun's command.
pub(crate) fn directory() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        let mut all = std::env::split_paths(&path).map(|directory| directory.join("upsun"));
        all.find(|program| program.is_file())
    };
    let program = named.filter(|path| path.is_file()).or_else(on_path);
    if program.is_none() {
        eprintln!("Upsun's command is neither at `{VARIABLE}` nor on `PATH`: nothing is compared");
    }
    program.and_then(|program| program.parent().map(PathBuf::from))
}

/// `upsun-local upsun` with these arguments.
pub(crate) fn command(
    project: &TestProject,
    directory: &std::path::Path,
    arguments: &[&str],
) -> Command {
    let mut command = project.command(&[&["upsun"][..], arguments].concat());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap());
    command
}

#[cfg(feature = "test-docker")]
pub(crate) fn run(
    project: &TestProject,
    directory: &std::path::Path,
    arguments: &[&str],
) -> Outcome {
    let output = command(project, directory, arguments).output().unwrap();
    Outcome {
        code: code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The command where no engine answers.
fn without_engine(
    project: &TestProject,
    directory: &std::path::Path,
    arguments: &[&str],
) -> Outcome {
    let mut command = command(project, directory, arguments);
    let output = command
        .env("UPSUN_LOCAL_ENGINE", "unix:///nonexistent/docker.sock")
        .output()
        .unwrap();
    Outcome {
        code: code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn without_upsuns_command_it_is_said_how_to_get_it() {
    let project = TestProject::new(CONFIG);
    let mut command = project.command(&["upsun", "--", "list"]);
    let output = command.env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("not on `PATH`") && message.contains("npm install"),
        "{message}"
    );
}

#[test]
fn lists_show_what_the_configuration_says() {
    let Some(directory) = directory() else { return };
    let project = TestProject::new(CONFIG);
    let plain = ["--format", "plain", "--no-header"];
    for (words, expected) in [
        (
            &["operation:list", "-A", "app", "--columns", "name,role"][..],
            "both\tviewer",
        ),
        (&["app:list"], "app\tnodejs:24"),
        (
            &["service:list", "--columns", "name,type"],
            "db\tpostgresql:18",
        ),
        (&["worker:list", "--columns", "name"], "app--queue"),
        (&["route:list"], "https://{default}/\tupstream\tapp:http"),
        (&["mount:list", "-A", "app", "--columns", "path"], "data"),
        (
            &["source-operation:list", "--columns", "operation,app"],
            "update\tapp",
        ),
        (
            &["environment:list", "--columns", "id,type"],
            "local\tdevelopment",
        ),
        (
            &["project:list", "--columns", "id"],
            &project.id.replace('-', "_"),
        ),
    ] {
        let arguments = [&["--"][..], words, &plain].concat();
        let listed = without_engine(&project, &directory, &arguments).expect(0);
        assert!(
            listed.stdout.contains(expected),
            "{words:?}: {}",
            listed.stdout
        );
    }
}

#[test]
fn a_role_that_is_too_low_gets_upsuns_own_words() {
    let Some(directory) = directory() else { return };
    let project = TestProject::new(CONFIG);
    let settings = format!("project: {}\nusers: {{ vera: viewer }}\n", project.id);
    project.file(".upsun-local.yaml", &settings);
    for who in [["--role", "viewer"], ["--as", "vera"]] {
        let run = ["--", "operation:run", "greet", "-A", "app", "--yes"];
        let denied = without_engine(&project, &directory, &[&who[..], &run].concat());
        assert_ne!(denied.code, 0);
        assert!(
            denied.stderr.contains("Permission denied"),
            "{}",
            denied.stderr
        );
    }
    // An admin gets as far as the engine, which is missing.
    let run = ["--", "operation:run", "greet", "-A", "app", "--yes"];
    let failed = without_engine(&project, &directory, &run);
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains("503"), "{}", failed.stderr);
}

#[test]
fn a_name_that_two_containers_have_is_not_guessed() {
    let Some(directory) = directory() else { return };
    let project = TestProject::new(CONFIG);
    let guessed = without_engine(
        &project,
        &directory,
        &["--", "operation:run", "both", "--yes"],
    );
    assert_ne!(guessed.code, 0);
    let words: String = guessed.stderr.split_whitespace().collect();
    assert!(words.contains("`app`and`app--queue`"), "{}", guessed.stderr);
    // Where the worker is named, only the engine is missing.
    let named = [
        "--",
        "operation:run",
        "both",
        "-A",
        "app",
        "--worker",
        "queue",
        "--yes",
    ];
    let failed = without_engine(&project, &directory, &named);
    assert!(failed.stderr.contains("503"), "{}", failed.stderr);
}

#[test]
fn variables_are_made_shown_changed_and_deleted() {
    let Some(directory) = directory() else { return };
    let project = TestProject::new(CONFIG);
    let upsun = |words: &[&str]| without_engine(&project, &directory, &[&["--"], words].concat());
    let create = [
        "variable:create",
        "--level",
        "environment",
        "--name",
        "env:GREETING",
        "--value",
        "hello",
        "--visible-build",
        "false",
        "--sensitive",
        "false",
        "--json",
        "false",
        "--yes",
    ];
    upsun(&create).expect(0);
    let shown = upsun(&["variable:get", "env:GREETING", "--property", "value"]).expect(0);
    assert_eq!(shown.stdout.trim(), "hello");
    upsun(&["variable:update", "env:GREETING", "--value", "bye", "--yes"]).expect(0);
    let own = project.run(&["variables", "--format", "json"]).expect(0);
    assert!(own.stdout.contains("bye"), "{}", own.stdout);
    upsun(&["variable:delete", "env:GREETING", "--yes"]).expect(0);
    assert_ne!(upsun(&["variable:get", "env:GREETING"]).code, 0);
}

#[test]
fn the_variables_for_a_shell_lead_there_too() {
    let Some(directory) = directory() else { return };
    let project = TestProject::new(CONFIG);
    let own = env!("CARGO_BIN_EXE_upsun-local");
    let script = format!(
        "source <({own} --engine unix:///nonexistent serve --print-env --role viewer 2>/dev/null)\n\
         pid=$!\n\
         upsun auth:info --property username\n\
         kill $pid"
    );
    let mut command = Command::new("bash");
    let like = project.command(&[]);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(directory.clone()).chain(std::env::split_paths(&path));
    let output = command
        .args(["-c", &script])
        .current_dir(project.root())
        .env("PATH", std::env::join_paths(path).unwrap())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout.trim(),
        "viewer",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
