//! Events at their times, and what a terminal shows at a moment.

use std::io;

use bytes::Bytes;

use super::*;
use crate::event::{self, Step};
use crate::output::Output;
use crate::reporter::style::Style;
use crate::reporter::terminal::{Screen, Terminal, Verbosity};

/// A terminal with a clock that the test sets.
#[derive(Debug)]
struct Page {
    text: String,
    board: Board,
    now: Duration,
}

impl Screen for Page {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.talk(bytes);
        Ok(())
    }

    fn talk(&mut self, bytes: &[u8]) {
        self.text.push_str(&String::from_utf8_lossy(bytes));
    }

    fn is_one(&self) -> bool {
        true
    }

    fn hear(&mut self, event: &Event) -> Text {
        self.board.hear(event, self.now)
    }

    fn state_of(&self, app: &str) -> Option<String> {
        self.board.state_of(app, self.now)
    }
}

struct Show(Terminal<Page>);

const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

impl Show {
    fn new() -> Self {
        Show::with(Verbosity::Normal)
    }

    fn with(verbosity: Verbosity) -> Self {
        let page = Page {
            text: String::new(),
            board: Board::default(),
            now: Duration::ZERO,
        };
        Show(Terminal::on(page, Style::default(), verbosity, true))
    }

    /// Tells an event that happens at a time, in seconds.
    fn at(&mut self, seconds: u64, event: impl Into<Event>) -> &mut Self {
        self.0.screen_mut().now = Duration::from_secs(seconds);
        self.0.tell(event.into()).unwrap();
        self
    }

    /// What the terminal shows at a time: the lines that stay, and those that move behind a bar.
    fn shows(&mut self, seconds: u64, size: Size) -> String {
        let page = self.0.screen_mut();
        let now = Duration::from_secs(seconds);
        let mut text = page.text.clone();
        for line in page.board.lines(now, size, Style::default()) {
            assert!(crate::text::width(&line) < size.columns, "{line:?}");
            text.push_str(&format!("▌{line}\n"));
        }
        text.replace('\x1b', "ESC")
    }
}

fn owned(name: &str) -> String {
    name.to_owned()
}

fn building(app: &str) -> event::Build {
    event::Build::Started {
        app: owned(app),
        build: owned("0123"),
        files: 1204,
        bytes: 5_600_000,
    }
}

fn built(app: &str, seconds: u64) -> event::Build {
    event::Build::Finished {
        app: owned(app),
        build: owned("0123"),
        duration: Duration::from_secs(seconds),
    }
}

fn failed(app: &str, result: event::Outcome) -> event::Build {
    event::Build::Failed {
        app: owned(app),
        build: owned("0123"),
        result,
        duration: Duration::from_secs(1),
    }
}

fn begins(app: &str, step: Step) -> event::Script {
    event::Script::Started {
        app: owned(app),
        step,
    }
}

fn prints(app: &str, step: Step, text: &str) -> event::Script {
    event::Script::Output {
        app: owned(app),
        step,
        output: event::Text(Output::Stdout(Bytes::from(owned(text)))),
    }
}

fn ends(app: &str, step: Step, exit_code: i64) -> event::Script {
    event::Script::Finished {
        app: owned(app),
        step,
        exit_code,
        duration: Duration::from_secs(1),
    }
}

use Step::{BuildHook, Dependencies, DeployHook, Flavor};

#[test]
fn a_build_moves_and_folds_to_one_line() {
    let mut show = Show::new();
    show.at(0, building("app"));
    insta::assert_snapshot!(show.shows(1, USUAL), @"▌ Building app 1 s | 1,204 files, 5.6 MB");
    show.at(2, begins("app", Flavor))
        .at(3, prints("app", Flavor, "added 300 packages\n\n"));
    insta::assert_snapshot!(show.shows(5, USUAL), @"▌ Building app build.flavor 5 s | added 300 packages");
    show.at(6, ends("app", Flavor, 0))
        .at(6, begins("app", BuildHook))
        .at(64, prints("app", BuildHook, "10 %\r55 %"));
    insta::assert_snapshot!(show.shows(65, USUAL), @"▌ Building app hooks.build 1 min 5 s | 55 %");
    show.at(70, ends("app", BuildHook, 0))
        .at(70, built("app", 70));
    insta::assert_snapshot!(show.shows(71, USUAL), @"    Built app in 1 min 10 s");
}

fn parallel() -> Show {
    let mut show = Show::new();
    show.at(0, building("api"))
        .at(0, building("frontend"))
        .at(1, building("worker"))
        .at(1, begins("api", Dependencies))
        .at(2, begins("frontend", BuildHook))
        .at(3, prints("api", Dependencies, "Collecting django>=5.2\n"))
        .at(3, prints("frontend", BuildHook, "   Creating an optimized production build of everything that there is in this repository ...\n"));
    show
}

#[test]
fn builds_in_parallel_stand_below_each_other() {
    let mut show = parallel();
    insta::assert_snapshot!(show.shows(12, USUAL), @r"
    ▌ Building api      dependencies 12 s | Collecting django>=5.2
    ▌ Building frontend hooks.build  12 s | Creating an optimized production build …
    ▌ Building worker                11 s | 1,204 files, 5.6 MB
    ");
    show.at(13, ends("frontend", BuildHook, 0))
        .at(13, built("frontend", 13));
    insta::assert_snapshot!(show.shows(14, USUAL), @r"
        Built frontend in 13.0 s
    ▌ Building api    dependencies 14 s | Collecting django>=5.2
    ▌ Building worker              13 s | 1,204 files, 5.6 MB
    ");
}

#[test]
fn forty_columns_are_enough() {
    let mut show = parallel();
    let narrow = Size {
        columns: 40,
        rows: 24,
    };
    insta::assert_snapshot!(show.shows(12, narrow), @r"
    ▌ Building api      dependencies 12 s
    ▌ Building frontend hooks.build  12 s
    ▌ Building worker                11 s
    ");
    for columns in 2..120 {
        for rows in 1..5 {
            let lines = show.shows(12, Size { columns, rows });
            assert!(lines.lines().count() <= (rows / 2).max(1));
        }
    }
}

#[test]
fn more_rows_than_half_of_the_terminal_are_counted() {
    let mut show = parallel();
    let low = Size {
        columns: 80,
        rows: 4,
    };
    insta::assert_snapshot!(show.shows(12, low), @r"
    ▌ Building api dependencies 12 s | Collecting django>=5.2
    ▌      and 2 more
    ");
}

#[test]
fn a_failed_build_shows_its_whole_log_above_the_ones_that_go_on() {
    let mut show = parallel();
    show.at(4, prints("api", Dependencies, "no newline at the end"))
        .at(4, ends("api", Dependencies, 0))
        .at(4, begins("api", BuildHook))
        .at(
            5,
            prints("api", BuildHook, "\x1b[31mError\x1b[0m: boom\n\x1b[2J"),
        )
        .at(6, ends("api", BuildHook, 1))
        .at(6, failed("api", event::Outcome::Failure));
    insta::assert_snapshot!(show.shows(7, USUAL), @r"
      Running dependencies of api
            | Collecting django>=5.2
            | no newline at the end
      Running hooks.build of api
            | ESC[31mErrorESC[0m: boom
            | 
    ▌ Building frontend hooks.build 7 s | Creating an optimized production build of…
    ▌ Building worker               6 s | 1,204 files, 5.6 MB
    ");
}

#[test]
fn a_build_that_takes_too_long_shows_its_log_and_one_that_the_user_stops_where_it_was() {
    let mut show = parallel();
    show.at(20, failed("api", event::Outcome::Timeout))
        .at(21, failed("frontend", event::Outcome::Cancelled))
        .at(21, failed("worker", event::Outcome::Failure));
    insta::assert_snapshot!(show.shows(22, USUAL), @r"
      Running dependencies of api
            | Collecting django>=5.2
      Stopped frontend: hooks.build, 21 s
    ");
}

#[test]
fn a_failed_hook_of_a_deploy_shows_its_log_and_the_warning_once() {
    let mut show = Show::new();
    let container = || owned("app");
    show.at(
        0,
        event::Deploy::Started {
            container: container(),
        },
    )
    .at(0, begins("app", DeployHook))
    .at(1, prints("app", DeployHook, "no database\n"));
    insta::assert_snapshot!(show.shows(2, USUAL), @"▌ Starting app hooks.deploy 2 s | no database");
    show.at(2, ends("app", DeployHook, 3)).at(
        2,
        event::Deploy::ReadyAwaited {
            container: container(),
        },
    );
    insta::assert_snapshot!(show.shows(4, USUAL), @r"
      Running hooks.deploy of app
            | no database
    warning: `hooks.deploy` of `app` ended with code 3 after 1.0 s; the deploy goes on, as on Upsun
    ▌ Starting app until it answers 4 s
    ");
    show.at(
        5,
        event::Deploy::Finished {
            container: container(),
            duration: Duration::from_secs(5),
        },
    );
    assert!(show.shows(5, USUAL).ends_with("  Started app in 5.0 s\n"));
}

#[test]
fn services_that_start_say_what_they_wait_for() {
    let mut show = Show::new();
    for (service, kind) in [("db", "postgresql:18"), ("cache", "redis:8.0")] {
        show.at(
            0,
            event::Deploy::ServiceStarted {
                service: owned(service),
                kind: owned(kind),
            },
        );
    }
    show.at(
        2,
        event::Deploy::ReadyAwaited {
            container: owned("db"),
        },
    );
    insta::assert_snapshot!(show.shows(3, USUAL), @r"
    ▌ Starting db (postgresql:18) until it answers 3 s
    ▌ Starting cache (redis:8.0)                   3 s
    ");
    show.at(
        4,
        event::Deploy::ServiceFinished {
            service: owned("cache"),
            duration: Duration::from_secs(4),
        },
    );
    insta::assert_snapshot!(show.shows(4, USUAL), @r"
      Started cache in 4.0 s
    ▌ Starting db (postgresql:18) until it answers 4 s
    ");
}

#[test]
fn the_lock_of_another_command_is_named_until_it_is_free() {
    let mut show = Show::new();
    let holder = || owned("`run next-build` (process 4711)");
    show.at(
        0,
        event::Notice::Waiting {
            holder: owned("`up` (process 7)"),
        },
    )
    .at(3, event::Notice::Waiting { holder: holder() });
    insta::assert_snapshot!(show.shows(5, USUAL), @"▌  Waiting for `run next-build` (process 4711) 5 s");
    insta::assert_snapshot!(show.shows(5, Size { columns: 40, rows: 24 }), @"▌  Waiting for `run next-build` (pr… 5 s");
    show.at(
        6,
        event::Notice::Waited {
            holder: holder(),
            duration: Duration::from_secs(6),
        },
    );
    insta::assert_snapshot!(show.shows(6, USUAL), @"   Waited 6.0 s for `run next-build` (process 4711)");
}

#[test]
fn a_pull_shows_how_much_is_there() {
    let mut show = Show::new();
    let image = || owned("docker.io/library/node:24-bookworm");
    show.at(0, event::Image::PullStarted { image: image() });
    insta::assert_snapshot!(show.shows(1, USUAL), @"▌  Pulling docker.io/library/node:24-bookworm 1 s");
    show.at(
        2,
        event::Image::PullProgress {
            image: image(),
            done: 34_000_000,
            total: 120_000_000,
        },
    );
    insta::assert_snapshot!(show.shows(3, Size { columns: 100, rows: 24 }), @"▌  Pulling docker.io/library/node:24-bookworm 3 s [=====               ] 34.0 MB of 120 MB");
    insta::assert_snapshot!(show.shows(3, USUAL), @"▌  Pulling docker.io/library/node:24-bookworm 3 s 34.0 MB of 120 MB");
    insta::assert_snapshot!(show.shows(3, Size { columns: 56, rows: 24 }), @"▌  Pulling docker.io/library/node:24-bookworm 3 s 28 %");
    show.at(
        4,
        event::Image::PullFinished {
            image: image(),
            duration: Duration::from_secs(4),
        },
    );
    insta::assert_snapshot!(show.shows(4, USUAL), @"   Pulled docker.io/library/node:24-bookworm (120 MB) in 4.0 s");
}

#[test]
fn an_operation_has_the_terminal_to_itself() {
    let mut show = Show::new();
    let running = event::Run::Started {
        app: owned("app"),
        worker: None,
        operation: owned("clean"),
        role: owned("admin"),
        user: None,
        command: owned("true"),
    };
    let output = event::Run::Output {
        output: event::Text(Output::Stdout(Bytes::from_static(b"no newline"))),
    };
    show.at(0, building("other")).at(
        0,
        event::Mounts::Keeping {
            container: owned("app"),
        },
    );
    insta::assert_snapshot!(show.shows(1, USUAL), @r"
    ▌ Building other 1 s | 1,204 files, 5.6 MB
    ▌  Keeping the mounts of app 1 s
    ");
    show.at(2, running)
        .at(2, output)
        .at(3, begins("app", Step::StopCommand))
        .at(3, prints("app", Step::StopCommand, "stopping\n"));
    insta::assert_snapshot!(show.shows(4, USUAL), @r"
      Running clean on app as admin
    no newline
      Running commands.stop of app
            | stopping
    ");
}

#[test]
fn whatever_a_build_prints_stays_within_its_line() {
    let mut show = Show::new();
    let odd = "\x1b[5A\x1b[2Kup\x1b]0;title\x07\tmany\ttabs \x1b[31m日本語日本語日本語日本語日本語日本語日本語日本語日本語\x1b[0m\u{202e}";
    show.at(0, building("a\n\x1b[2J"))
        .at(0, begins("a\n\x1b[2J", BuildHook))
        .at(0, prints("a\n\x1b[2J", BuildHook, odd));
    insta::assert_snapshot!(show.shows(1, USUAL), @r"▌ Building a\n\u{1b}[2J hooks.build 1 s | up many tabs 日本語日本語日本語日本語…");
    for columns in 2..100 {
        let lines = show.shows(1, Size { columns, rows: 9 });
        assert!(!lines.contains(|char: char| char.is_control() && char != '\n'));
        assert_eq!(lines.lines().count(), 1);
    }
}

#[test]
fn with_verbose_every_line_stays_and_quiet_shows_nothing_that_moves() {
    let mut show = Show::with(Verbosity::Verbose);
    show.at(0, building("app"))
        .at(0, begins("app", BuildHook))
        .at(0, prints("app", BuildHook, "one\ntwo\n"));
    insta::assert_snapshot!(show.shows(1, USUAL), @r"
     Building app (1,204 files, 5.6 MB)
      Running hooks.build of app
            | one
            | two
    ▌ Building app hooks.build 1 s | two
    ");
}

#[test]
fn a_build_that_prints_without_end_keeps_its_end() {
    let mut show = Show::new();
    show.at(0, building("app")).at(0, begins("app", BuildHook));
    let piece = "0123456789 ".repeat(90) + "\n";
    for _ in 0..20_000 {
        show.at(0, prints("app", BuildHook, &piece));
    }
    show.at(0, prints("app", BuildHook, "the end\n"))
        .at(1, ends("app", BuildHook, 1));
    let text = show.shows(1, USUAL);
    assert!(text.starts_with("        | [3."), "{}", &text[..80]);
    assert!(text.contains(" MB before this are left out: `upsun-local activity log`]\n"));
    assert!(text.ends_with("| the end\n▌ Building app 1 s\n"));
}
