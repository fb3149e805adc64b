//! Work in progress: lines that move on a terminal, and nothing of the kind anywhere else.

use std::process::Command;

use crate::engine::wait_until;
use crate::pseudo_terminal::{CTRL_C, CTRL_Z, Terminal};
use crate::support::{TestProject, code};

/// Apps with these build hooks, without any flavor.
fn project(apps: &[(&str, &str)]) -> TestProject {
    let mut config = "applications:\n".to_owned();
    for (app, hook) in apps {
        let hook = serde_json::to_string(hook).expect("text");
        config.push_str(&format!(
            "  {app}:\n    type: nodejs:24\n    source: {{ root: {app} }}\n    build: {{ flavor: none }}\n    hooks: {{ build: {hook} }}\n    operations:\n      print: {{ commands: {{ start: \"printf 'one\\\\ntwo'\" }} }}\n"
        ));
    }
    let project = TestProject::on_engine(&config);
    for (app, _) in apps {
        project.file(&format!("{app}/file"), "content");
    }
    project
}

/// A hook that prints a text and goes on once a file is there, in `/tmp` of its container.
fn waits(text: &str) -> String {
    format!("set -e\nprintf '{text}'\nuntil [ -e /tmp/go ]; do sleep 0.1; done\n")
}

/// Lets the hook of an app go on.
fn go_on(project: &TestProject, app: &str) {
    let filter = format!("label=local.upsun.app={app}");
    let name = format!("name={}", project.id);
    let mut list = Command::new("docker");
    list.args(["ps", "--quiet", "--filter", &filter, "--filter", &name]);
    let list = list.output().expect("docker");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let id = list.lines().next().expect("a container");
    let touched = Command::new("docker")
        .args(["exec", id, "touch", "/tmp/go"])
        .status();
    assert!(touched.expect("docker").success());
}

/// A text without how long anything took.
fn timeless(text: &str) -> String {
    let mut lines = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((before, time)) if time.ends_with('s') => format!("{before} in [TIME]\n"),
        _ => format!("{}\n", line.trim_end()),
    });
    lines.by_ref().collect()
}

#[test]
fn a_build_moves_then_folds_and_its_output_is_in_the_log() {
    let project = project(&[("app", &waits("first line\\nsecond line\\n"))]);
    let mut terminal = Terminal::start(&project, &["run", "print"], 80);
    terminal.wait_for("| second line");
    assert!(terminal.shows().contains(" Building app hooks.build "));
    assert!(!terminal.shows().contains("first line"));
    // The time goes on without any event.
    let at_first = terminal.shows();
    wait_until("the line moves", || terminal.shows() != at_first);
    go_on(&project, "app");
    assert_eq!(code(terminal.end()), 0);
    insta::assert_snapshot!(timeless(&terminal.shows()), @r"
        Built app in [TIME]
      Started app in [TIME]
      Running print on app as admin
    one
    two
         done print on app as admin: exit code 0 in [TIME]
    ");
    let log = project.run(&["activity", "log"]).expect(0).stdout;
    assert!(
        log.contains("| first line\n        | second line\n"),
        "{log}"
    );
}

#[test]
fn the_log_of_a_failed_build_is_shown_while_another_one_goes_on() {
    let project = project(&[
        (
            "bad",
            "set -e\nfor i in $(seq 30); do echo line $i; done\nexit 3\n",
        ),
        ("good", &waits("something")),
    ]);
    let mut terminal = Terminal::start(&project, &["up", "--jobs", "2"], 80);
    terminal.wait_for("| line 30\n");
    terminal.wait_for("| something");
    go_on(&project, "good");
    assert_eq!(code(terminal.end()), 1);
    let lines: String = (1..=30)
        .map(|at| format!("        | line {at}\n"))
        .collect();
    let log = format!("  Running hooks.build of bad\n{lines}    Built good in [TIME]\n");
    let shown = timeless(&terminal.shows());
    assert!(shown.starts_with(&log), "{shown}");
    assert!(
        shown.contains("error: the build of `bad` failed"),
        "{shown}"
    );
    assert!(!shown.contains("something"), "{shown}");
}

#[test]
fn ctrl_c_takes_the_lines_away() {
    let project = project(&[("app", &waits("something"))]);
    let mut terminal = Terminal::start(&project, &["up"], 80);
    terminal.wait_for("| something");
    terminal.press(CTRL_C);
    assert_eq!(code(terminal.end()), 130);
    let shown = terminal.shows();
    assert!(shown.contains("  Stopped app: hooks.build, "), "{shown}");
    assert!(shown.contains("error: interrupted"), "{shown}");
    assert!(!shown.contains("something"), "{shown}");
    // A cursor that is never hidden needs no care after a SIGKILL.
    let written = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(!written.contains("\x1b[?25"), "{written:?}");
    assert!(written.rfind("\x1b[?7h") > written.rfind("\x1b[?7l"));
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_draws_the_lines_anew() {
    let project = project(&[("app", &waits("something"))]);
    let up = project.command(&["up"]);
    let program = up.get_program().to_string_lossy().into_owned();
    // A shell with job control: without one the kernel stops no process.
    let mut shell = Command::new("sh");
    shell.args([
        "-mc",
        "\"$0\" up; echo stopped with $?; read key; fg",
        &program,
    ]);
    shell.current_dir(project.root());
    for (name, value) in up.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut terminal = Terminal::of(&mut shell, 80);
    terminal.wait_for("| something");
    terminal.press(CTRL_Z);
    terminal.wait_for("stopped with ");
    let shown = terminal.shows();
    assert!(!shown.contains("Building"), "{shown}");
    terminal.press(b'\n');
    terminal.wait_for("Building app hooks.build");
    go_on(&project, "app");
    assert_eq!(code(terminal.end()), 0);
    let shown = terminal.shows();
    assert!(shown.contains("stopped with "), "{shown}");
    assert!(!shown.contains("Building"), "{shown}");
    assert!(shown.contains("  Started app in "), "{shown}");
}

#[test]
fn a_terminal_that_is_resized_keeps_what_stands_above_the_lines() {
    let project = project(&[
        (
            "one",
            &waits("日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語"),
        ),
        ("two", &waits("something")),
    ]);
    let mut terminal = Terminal::start(&project, &["up", "--jobs", "2"], 100);
    terminal.wait_for("| something");
    terminal.wait_for("日本語");
    for columns in [40, 24, 60, 100] {
        terminal.resize(columns);
        let room = usize::from(columns) - 1;
        wait_until(&format!("the lines fit {columns} columns"), || {
            let shown = terminal.shows();
            let rows = || shown.lines().filter(|line| line.contains("Building"));
            rows().count() == 2 && rows().all(|line| upsun_local::text::width(line) <= room)
        });
    }
    go_on(&project, "one");
    terminal.wait_for("Built one in ");
    go_on(&project, "two");
    assert_eq!(code(terminal.end()), 0);
    let shown = timeless(&terminal.shows());
    let mut lines: Vec<&str> = shown.lines().collect();
    // The two start at once.
    lines.sort_unstable();
    let expected = [
        "    Built one in [TIME]",
        "    Built two in [TIME]",
        "  Started one in [TIME]",
        "  Started two in [TIME]",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_pipe_a_dumb_terminal_and_plain_get_every_line() {
    let hook = "set -e\necho one\nprintf '\\033[31mtwo\\033[0m 50 %%\\r100 %%\\n'\n";
    let plain = |arguments: &[&str]| {
        let project = project(&[("app", hook)]);
        timeless(&project.run(arguments).expect(0).stderr)
    };
    let piped = plain(&["run", "print"]);
    insta::assert_snapshot!(piped, @r"
     Building app (1 file, 7 B)
      Running hooks.build of app
            | one
            | 100 %
        Built app in [TIME]
      Started app in [TIME]
      Running print on app as admin
         done print on app as admin: exit code 0 in [TIME]
    ");
    assert_eq!(plain(&["run", "print", "--progress", "plain"]), piped);
    for (term, progress) in [("dumb", "auto"), ("xterm", "plain")] {
        let project = project(&[("app", hook)]);
        let mut command = project.command(&["run", "print", "--color", "never"]);
        command.env("TERM", term);
        command.env("UPSUN_LOCAL_PROGRESS", progress);
        let mut terminal = Terminal::of(&mut command, 80);
        assert_eq!(code(terminal.end()), 0);
        let written = String::from_utf8_lossy(&terminal.bytes()).replace("\r\n", "\n");
        let expected = piped.replace("as admin\n  ", "as admin\none\ntwo\n  ");
        assert_eq!(timeless(&written), expected, "{term}, {progress}");
    }
}

#[test]
fn json_is_asked_for_by_progress_too() {
    let project = project(&[("app", "true")]);
    let run = project
        .run(&["run", "print", "--progress", "json"])
        .expect(0);
    assert_eq!(run.stderr, "");
    let types: Vec<String> = run
        .stdout
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event");
            event["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert!(types.contains(&"build-finished".to_owned()), "{types:?}");
    assert!(types.contains(&"operation-output".to_owned()), "{types:?}");
}
