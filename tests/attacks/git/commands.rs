//! Every command that `--help` knows, each with the arguments that it needs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::Planted;

/// What to run of a command that needs arguments, or that is worth to be run in more than one way.
const ARGUMENTS: &[(&str, &[&[&str]])] = &[
    ("access", &[&[], &["--against", "HEAD"]]),
    ("activity get", &[&["1"]]),
    ("activity log", &[&["1"]]),
    ("activity cancel", &[&["1"]]),
    ("check", &[&[], &["--at", "HEAD"], &["--at", "main"]]),
    ("clean", &[&["--yes"]]),
    ("completion", &[&["bash"]]),
    ("cron run", &[&["tick"]]),
    ("exec", &[&["--", "true"]]),
    ("hook run", &[&["origin", "url"]]),
    (
        "mount download",
        &[&["--mount", "var", "--target", "ignored"]],
    ),
    ("mount reset", &[&["--mount", "var", "--yes"]]),
    ("mount upload", &[&["--mount", "var", "--source", "in"]]),
    (
        "plan",
        &[&[], &["--against", "HEAD"], &["--against", "main"]],
    ),
    ("run", &[&["block"], &["block", "--dry-run"]]),
    ("source-operation run", &[&["update", "--apply", "--diff"]]),
    (
        "test",
        &[&[], &["--against", "HEAD"], &["--output", "report"]],
    ),
    ("watch", &[&[], &["block"]]),
];

/// The commands that go on until they are stopped.
const ENDLESS: [&str; 3] = ["dev", "serve", "watch"];

/// Runs all of them. Returns those that ran what is planted, each with what was run.
pub(super) fn run_every_command(planted: &Planted) -> Vec<String> {
    let mut found = Vec::new();
    let all = commands(planted, &[]);
    // The list is the binary's own; one that cannot be read would prove nothing.
    for known in [
        "run",
        "check",
        "hook run",
        "mount upload",
        "source-operation run",
    ] {
        assert!(all.iter().any(|words| words.join(" ") == known), "{all:?}");
    }
    for words in all {
        let name = words.join(" ");
        let ways = ARGUMENTS.iter().find(|(command, _)| *command == name);
        for arguments in ways.map_or(&[&[][..]][..], |(_, ways)| ways) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let words = [words.as_slice(), arguments].concat();
            let said = if ENDLESS.contains(&words[0]) {
                watch(planted.command(&words))
            } else {
                run(planted.command(&words), &pushed(planted))
            };
            assert!(
                !said.contains("Usage: upsun-local"),
                "`{name}` needs arguments in this table: {said}"
            );
            if let Some(canary) = planted.canary() {
                found.push(format!("{}: {canary}", words.join(" ")));
                std::fs::remove_file(planted.beside("canary")).expect("the binary runs");
            }
        }
    }
    found
}

/// The commands that have no commands below them.
fn commands(planted: &Planted, above: &[String]) -> Vec<Vec<String>> {
    let words = above.iter().map(String::as_str).chain(["--help"]);
    let output = planted
        .command(&words.collect::<Vec<_>>())
        .output()
        .expect("the binary runs");
    let help = String::from_utf8(output.stdout).expect("the binary runs");
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    if names.is_empty() {
        return vec![above.to_vec()];
    }
    let below = |name: &str| commands(planted, &[above, &[name.to_owned()]].concat());
    names.into_iter().flat_map(below).collect()
}

/// What Git tells its hook before a push.
fn pushed(planted: &Planted) -> String {
    // Asked without the settings that are planted, and where there is no commit, any id will do.
    let head = std::fs::read_to_string(planted.root().join(".git/refs/heads/main"));
    let head = head.unwrap_or_else(|_| "1".repeat(40));
    let head = head.trim();
    format!("refs/heads/main {head} refs/heads/main {head}\n")
}

fn run(mut command: Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("the binary runs");
    // Most commands read nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it until it waits for a change or a request, or ends.
fn watch(mut command: Command) -> String {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut said = String::new();
    let lines = BufReader::new(child.stderr.take().expect("the binary runs")).lines();
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("until Ctrl-C") || line.contains("The console is at") {
            break;
        }
    }
    let _ = child.kill();
    child.wait().expect("the binary runs");
    said
}
