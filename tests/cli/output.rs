//! What all commands have in common that print: output that cannot be written is a failure, and JSON holds no character
//! that commands a terminal.

use std::process::Stdio;

use crate::repository::commit;
use crate::support::TestProject;

/// A configuration with something for each list, whose texts hold control characters of both kinds.
const CONFIG: &str = r#"
applications:
  app:
    type: php:8.4
    mounts: { /data: { source: storage } }
    variables: { env: { ODD: "a\x9b31m\x7f\u2028\u202Eb" } }
    web: { locations: { /: { root: public } } }
    workers: { queue: { commands: { start: "sleep 1 # \x9d" } } }
    crons: { tidy: { spec: "H * * * *", commands: { start: "echo \x9b" } } }
    operations: { clear: { commands: { start: "rm data/x; echo \x9b31m" } } }
    source: { operations: { update: { command: "echo \x9b" } } }
services: { db: { type: postgresql:18 } }
routes:
  "https://{default}/": { type: upstream, upstream: "app:http" }
"#;

/// Every command that prints without an engine, with each of its formats.
const PRINTING: [&str; 37] = [
    "--help",
    "--version",
    "help",
    "run --help",
    "list",
    "list --format csv",
    "list --format tsv",
    "list --format plain",
    "list --format json",
    "access",
    "access --format json",
    "plan",
    "plan --format json",
    "check",
    "check --format json",
    "check --format github",
    "check --format sarif",
    "config",
    "schema",
    "man",
    "completion bash",
    "variables",
    "variables --format json",
    "relationships",
    "apps",
    "apps --format json",
    "workers --format json",
    "services --format json",
    "routes --format json",
    "url",
    "cron list",
    "cron list --format json",
    "mount list",
    "source-operation list",
    "source-operation list --format json",
    "run clear --dry-run --format json",
    "test --list",
];

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file("public/index.php", "");
    commit(&project, "first");
    // Something that a push changes.
    project.file(".upsun/config.yaml", &CONFIG.replace("echo", "printf"));
    project
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// The exit code and what is said where nothing can be printed.
fn on_a_full_disk(project: &TestProject, command: &str) -> (i32, String) {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = project
        .command(&words(command))
        .stdout(full.expect("Linux has it"))
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (crate::support::code(output.status), stderr)
}

#[test]
fn no_command_succeeds_whose_output_cannot_be_written() {
    let project = project();
    for command in PRINTING {
        let (code, stderr) = on_a_full_disk(&project, command);
        assert_eq!(code, 70, "{command}: {stderr}");
        assert!(
            stderr.contains("error: standard output cannot be written: No space left"),
            "{command}: {stderr}"
        );
    }
}

#[test]
fn a_full_disk_does_not_matter_to_a_command_that_prints_nothing() {
    let project = TestProject::new("applications: { app: { type: nodejs:24 } }\n");
    for (command, code) in [
        ("test", 0),
        ("test --format text", 0),
        ("test --format github", 0),
        // These two are documents, also where they hold nothing.
        ("test --format json", 70),
        ("test --format junit", 70),
        ("check --format github", 0),
        ("check --format json", 70),
        ("check --format sarif", 70),
    ] {
        let (seen, stderr) = on_a_full_disk(&project, command);
        assert_eq!(seen, code, "{command}: {stderr}");
    }
}

#[test]
fn json_holds_no_character_that_commands_a_terminal() {
    let project = project();
    let is_harmful = |char: char| {
        char != '\n' && (char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202e}'))
    };
    let mut escaped = 0;
    for command in PRINTING {
        if !(command.contains("json") || command.contains("sarif")) {
            continue;
        }
        let printed = project.run(&words(command)).stdout;
        assert!(!printed.contains(is_harmful), "{command}: {printed:?}");
        serde_json::from_str::<serde_json::Value>(&printed).expect("a document");
        escaped += usize::from(printed.contains("\\u009b"));
    }
    assert!(escaped >= 5, "{escaped} commands print such a text");
}
