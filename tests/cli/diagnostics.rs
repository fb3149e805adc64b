//! What `-vv` and `UPSUN_LOCAL_LOG` log.

use crate::support::{self, Outcome, TestProject};

const CONFIG: &str = "applications: { app: { type: 'nodejs:24', operations: { say: { commands: { start: 'true' } } } } }\n";

fn list(project: &TestProject, options: &[&str], log: Option<&str>) -> Outcome {
    let mut command = project.command(&[&["list"], options].concat());
    if let Some(log) = log {
        command.env("UPSUN_LOCAL_LOG", log);
    }
    support::outcome(&mut command, &project.root()).expect(0)
}

#[test]
fn nothing_is_logged_unless_it_is_asked_for() {
    let project = TestProject::new(CONFIG);
    let plain = list(&project, &[], None);
    for (options, log) in [
        (&["-v"][..], None),
        (&["-vv"], Some("off")),
        (&["-vv"], Some("error")),
        (&[], Some("engine=trace")),
        (&[], Some("")),
    ] {
        let outcome = list(&project, options, log);
        assert_eq!(outcome.stderr, plain.stderr, "{options:?} {log:?}");
        assert_eq!(outcome.stdout, plain.stdout, "{options:?} {log:?}");
    }
}

#[test]
fn each_line_says_when_how_grave_where_and_what() {
    let project = TestProject::new(CONFIG);
    for (options, log) in [
        (&["-vv"][..], None),
        (&["-v", "--verbose"], None),
        (&[], Some("debug")),
        (&["-q"], Some("engine=off,workspace=debug")),
    ] {
        let outcome = list(&project, options, log);
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        let line = lines
            .iter()
            .find(|line| line.contains("the repository is read"))
            .unwrap_or_else(|| panic!("{options:?} {log:?}: {}", outcome.stderr));
        let words: Vec<&str> = line.split_whitespace().collect();
        let since = words[0].strip_suffix('s').expect("seconds");
        assert!(since.parse::<f64>().is_ok(), "{line}");
        assert_eq!(words[1..3], ["DEBUG", "upsun_local::workspace:"], "{line}");
        assert!(
            line.contains(&format!("project=\"{}\"", project.id)),
            "{line}"
        );
        // Colours are for terminals.
        assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("say"), "{}", outcome.stdout);
    }
}

#[test]
fn a_filter_that_cannot_be_read_is_told_and_stops_nothing() {
    let project = TestProject::new(CONFIG);
    let outcome = list(&project, &["-vv"], Some("info,loud"));
    assert_eq!(
        outcome.stderr,
        "warning: nothing is logged: `loud` in `UPSUN_LOCAL_LOG` is no level\n\nhint: use `off`, `error`, `warn`, `info`, `debug` or `trace`, or one for a module, such as `engine=trace`\n"
    );
}
