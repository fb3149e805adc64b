//! Output that wants to write over what `upsun-local` says, or to fill the machine that shows it.

use crate::support::TestProject;

/// What a script prints to move the cursor, clear the screen, set the title and the clipboard, change the keys, ask the
/// terminal who it is, and write a line anew.
const ODD: &str = r"\033[1mbold\033[0m \033[5A\033[2K\033[2J\033]0;owned\007\033]52;c;b3duZWQ=\033\\\033[>4;2m\033[c\302\233\0331A\033Pq\033\\50 %%\rdone \033[31mred";

/// What is left of a text that had colours, and nothing else that a terminal would obey.
#[track_caller]
fn expect_harmless(text: &str) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        assert!(
            !before.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
            "{text:?}"
        );
        let end = after
            .find(|c: char| !"[0123456789;:".contains(c))
            .unwrap_or_default();
        assert!(after[end..].starts_with('m'), "{text:?}");
        rest = &after[end + 1..];
    }
    assert!(
        !rest.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
        "{text:?}"
    );
}

fn project(hooks: &str, start: &str) -> TestProject {
    let start = serde_json::to_string(start).expect("text");
    // YAML takes no such character unless it is written out.
    let start = start.replace('\u{9b}', "\\u009b");
    TestProject::on_engine(&format!(
        "applications:\n  app:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    hooks:\n{hooks}\n    operations:\n      print: {{ commands: {{ start: {start} }} }}\n"
    ))
}

fn hook(name: &str, script: &str) -> String {
    let script = serde_json::to_string(script).expect("text");
    format!("      {name}: {script}")
}

#[test]
fn hooks_and_logs_keep_their_colours_and_nothing_else() {
    let odd = format!("printf '{ODD}\\n'");
    let hooks = [hook("build", &odd), hook("deploy", &odd)].join("\n");
    let project = project(&hooks, &odd);
    let run = project
        .command(&["run", "print"])
        .output()
        .expect("it runs");
    assert_eq!(run.status.code(), Some(0));
    let said = String::from_utf8_lossy(&run.stderr);
    expect_harmless(&said);
    assert_eq!(
        said.matches("| done \x1b[31mred\x1b[0m\n").count(),
        2,
        "{said:?}"
    );
    // What an operation prints is passed on as it is, and its log is not.
    assert!(run.stdout.windows(7).any(|bytes| bytes == b"\x1b]52;c;"));
    let log = project.run(&["activity", "log"]).expect(0).stdout;
    expect_harmless(&log);
    assert_eq!(
        log.matches("done \x1b[31mred\x1b[0m\n").count(),
        3,
        "{log:?}"
    );
}

#[test]
fn names_and_commands_are_written_out_wherever_they_are_listed() {
    let project = project(
        &hook("build", "true"),
        "printf '\u{1b}]0;owned\u{7}\u{9b}2J'",
    );
    for format in ["table", "csv", "tsv", "plain", "json"] {
        let listed = project
            .run(&["list", "--full", "--format", format])
            .expect(0);
        assert!(
            listed.stdout.contains("owned"),
            "{format}: {}",
            listed.stdout
        );
        if format != "json" {
            expect_harmless(&listed.stdout);
        }
        assert!(
            !listed.stdout.contains('\x1b'),
            "{format}: {}",
            listed.stdout
        );
    }
}

#[test]
fn a_line_without_end_is_cut() {
    let script = "head -c 20000000 /dev/zero | tr '\\0' x";
    let project = project(&hook("build", script), "true");
    let shown = project.run(&["run", "print"]).expect(0).stderr;
    assert!(shown.contains("x [19.9 MB more of this line are left out]\n"));
    assert!(shown.len() < 100_000, "{}", shown.len());
}

#[test]
fn of_a_quiet_build_that_fails_the_end_is_shown() {
    let script = "yes text | head -n 400000; echo the end; exit 3";
    let project = project(&hook("build", script), "true");
    let shown = project.run(&["run", "print", "--quiet"]).expect(1).stderr;
    assert!(
        shown.contains(" before this are left out]\n"),
        "{}",
        &shown[..200]
    );
    assert!(shown.contains("| text\n        | the end\n"));
    // Each line is indented.
    assert!(shown.len() < 4_000_000, "{}", shown.len());
}
