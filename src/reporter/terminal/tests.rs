use std::time::Duration;

use super::printed::QUIET;
use super::*;
use crate::event::{
    self, Address, Advice, KnownCause, MountCheck, Outcome, ReadOnlyWrite, Refusal, Step,
    Suggestion,
};
use crate::output::Output;
use crate::reporter::hints;

/// Keeps what is said.
#[derive(Debug, Default)]
struct Page(String);

impl Screen for Page {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.talk(bytes);
        Ok(())
    }

    fn talk(&mut self, bytes: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(bytes));
    }

    fn is_one(&self) -> bool {
        true
    }
}

#[test]
fn who_cannot_press_ctrl_c_again_is_not_told_to() {
    let cancelling = || {
        Event::Notice(event::Notice::Cancelling {
            reason: "Ctrl-C".to_owned(),
            grace: Duration::from_secs(15),
        })
    };
    let mut terminal = Terminal::log(Page::default());
    terminal.tell(cancelling()).unwrap();
    let mut in_hook = Terminal::log(Page::default()).out_of_reach();
    in_hook.tell(cancelling()).unwrap();
    assert_eq!(
        terminal.screen_mut().0,
        "cancelling because of Ctrl-C: it has 15 s to end (press Ctrl-C again to kill it)\n"
    );
    assert_eq!(
        in_hook.screen_mut().0,
        "cancelling because of Ctrl-C: it has 15 s to end\n"
    );
}

#[test]
fn a_ctrl_c_that_cancels_several_builds_is_reported_once() {
    let cancelling = || {
        Event::Notice(event::Notice::Cancelling {
            reason: "Ctrl-C".to_owned(),
            grace: Duration::from_secs(2),
        })
    };
    let warning = Event::Notice(event::Notice::Warning {
        message: "something else".to_owned(),
        hint: None,
    });
    let mut terminal = Terminal::log(Page::default());
    for event in [cancelling(), cancelling(), warning, cancelling()] {
        terminal.tell(event).unwrap();
    }
    let line = "cancelling because of Ctrl-C: it has 2 s to end (press Ctrl-C again to kill it)\n";
    assert_eq!(
        terminal.screen_mut().0,
        format!("{line}warning: something else\n{line}")
    );
}

#[test]
fn mounts_are_not_said_to_be_unchanged_where_they_could_not_be_read() {
    for (lost, end) in [
        (0, "on them\n"),
        (1, "on them, as far as they could be read\n"),
    ] {
        let mut terminal = Terminal::log(Page::default());
        let restored = Event::Mounts(event::Mounts::Restored {
            container: "app".to_owned(),
            changes: Vec::new(),
            lost,
        });
        terminal.tell(restored).unwrap();
        let said = &terminal.screen_mut().0;
        assert!(said.ends_with(end), "{said}");
    }
}

#[test]
fn mounts_that_do_not_suffice_are_an_error_only_where_they_are_to_be_written() {
    for (must_pass, label) in [(true, "error"), (false, "warning")] {
        let mut terminal = Terminal::log(Page::default());
        let suggested = Event::Mounts(event::Mounts::Suggested {
            container: "app".to_owned(),
            suggestion: Suggestion::default(),
            result: Outcome::Success,
            services: Vec::new(),
            check: Some(MountCheck {
                result: Outcome::Failure,
                exit_code: 1,
                duration: Duration::from_secs(1),
                read_only: None,
                trouble: None,
            }),
            must_pass,
        });
        terminal.tell(suggested).unwrap();
        let said = &terminal.screen_mut().0;
        let told = format!("{label}: where it can only write to its mounts it does not pass");
        assert!(said.contains(&told), "{said}");
    }
}

fn step_output(text: &'static str) -> Event {
    Event::Script(event::Script::Output {
        app: "app".to_owned(),
        step: Step::BuildHook,
        output: crate::event::Text(Output::Stdout(bytes::Bytes::from_static(text.as_bytes()))),
    })
}

fn step_finished(exit_code: i64) -> Event {
    Event::Script(event::Script::Finished {
        app: "app".to_owned(),
        step: Step::BuildHook,
        exit_code,
        duration: Duration::from_secs(1),
    })
}

fn quiet() -> Terminal<Page> {
    Terminal::on(Page::default(), Style::default(), Verbosity::Quiet, false)
}

#[test]
fn a_hook_keeps_its_colours_and_cannot_write_over_what_is_said() {
    let mut terminal = Terminal::log(Page::default());
    let printed = "\x1b[32mok\n\x1b[1A\x1b[2K\r   failed\x1b]52;c;eA==\x07\n\x1b]0;";
    terminal.tell(step_output(printed)).unwrap();
    terminal.tell(step_output("title\ngone\x1b[")).unwrap();
    terminal.tell(step_output("2J")).unwrap();
    terminal.tell(step_finished(0)).unwrap();
    assert_eq!(
        terminal.screen_mut().0,
        "        | \x1b[32mok\x1b[0m\n        |    failed\n        | \n        | gone\n"
    );
}

#[test]
fn of_a_quiet_step_that_fails_the_end_is_shown_and_what_is_left_out() {
    let mut terminal = quiet();
    for _ in 0..3 * QUIET / 8 {
        terminal.tell(step_output("1234567\n")).unwrap();
    }
    terminal.tell(step_output("the end")).unwrap();
    terminal.tell(step_finished(1)).unwrap();
    let said = &terminal.screen_mut().0;
    assert!(said.starts_with("        | [2.1 MB before this are left out]\n"));
    assert!(said.ends_with("        | 1234567\n        | the end\n"));
    assert_eq!(
        said.lines()
            .filter(|line| line.ends_with("1234567"))
            .count(),
        QUIET / 8 - 1
    );
    let mut well = quiet();
    well.tell(step_output("text\n")).unwrap();
    well.tell(step_finished(0)).unwrap();
    assert_eq!(well.screen_mut().0, "");
}

#[test]
fn names_are_written_out_whatever_is_in_them() {
    let odd = || "a\x1b[2J\n\u{9b}1A\u{202e}\x07".to_owned();
    let duration = Duration::from_secs(1);
    let events = [
        Event::Notice(event::Notice::Waiting { holder: odd() }),
        Event::Notice(event::Notice::Warning {
            message: odd(),
            hint: Some(odd()),
        }),
        Event::Image(event::Image::PullStarted { image: odd() }),
        Event::Image(event::Image::PullFinished {
            image: odd(),
            duration,
        }),
        Event::Image(event::Image::Started {
            image: odd(),
            base: odd(),
        }),
        Event::Image(event::Image::Line { line: odd() }),
        Event::Image(event::Image::Finished {
            image: odd(),
            duration,
        }),
        Event::Build(event::Build::Reused {
            app: odd(),
            build: odd(),
        }),
        Event::Script(event::Script::Started {
            app: odd(),
            step: Step::DeployHook,
        }),
        Event::Script(event::Script::Finished {
            app: odd(),
            step: Step::DeployHook,
            exit_code: 1,
            duration,
        }),
        Event::Deploy(event::Deploy::ServiceStarted {
            service: odd(),
            kind: odd(),
        }),
        Event::Mounts(event::Mounts::Keeping { container: odd() }),
        Event::Deploy(event::Deploy::MailShown { url: odd() }),
        Event::Deploy(event::Deploy::RoutesReady {
            routes: vec![Address {
                direct: false,
                redirects_to: Some(odd()),
                url: odd(),
                service: Some(odd()),
            }],
        }),
        Event::Run(event::Run::Started {
            app: odd(),
            worker: Some(odd()),
            operation: odd(),
            role: odd(),
            user: Some(odd()),
            command: odd(),
        }),
        Event::Run(event::Run::Finished {
            app: odd(),
            worker: None,
            operation: odd(),
            role: odd(),
            exit_code: 1,
            result: Outcome::Failure,
            duration,
            synced: false,
            read_only: None,
            not_started: None,
            known: None,
        }),
        Event::Cron(event::Cron::Planned {
            app: odd(),
            cron: odd(),
            next: Some(odd()),
        }),
        Event::Cron(event::Cron::Skipped {
            app: odd(),
            cron: odd(),
            reason: odd(),
        }),
        Event::Notice(event::Notice::Removed {
            kind: "container".into(),
            name: odd(),
        }),
    ];
    for event in events {
        let told = format!("{event:?}");
        let kind = serde_json::to_value(&event).unwrap()["type"].take();
        let mut terminal = Terminal::log(Page::default());
        terminal.tell(event).unwrap();
        let said = &terminal.screen_mut().0;
        assert!(!said.is_empty(), "{told}");
        let is_odd = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
        assert!(!said.contains(is_odd), "{told}: {said:?}");
        // A line break in a name would let it say what it wants in a line of its own.
        // A failure without a known cause says what to try, in lines of its own.
        let lines = match kind.as_str() {
            Some("warning") => 3,
            Some("operation-finished") => 12,
            _ => 2,
        };
        assert!(said.lines().count() <= lines, "{told}: {said:?}");
    }
}

#[test]
fn sentences_fit_a_terminal() {
    let mut terminal = quiet();
    terminal.verbosity = Verbosity::Normal;
    terminal.width = Some(40);
    let message =
        "a sentence that is much longer than the terminal that it is shown on is wide".to_owned();
    terminal
        .tell(Event::Notice(event::Notice::Warning {
            message,
            hint: None,
        }))
        .unwrap();
    let holder = "run something-or-other on an app with a long name (process 4711)".to_owned();
    terminal
        .tell(Event::Notice(event::Notice::Waiting { holder }))
        .unwrap();
    insta::assert_snapshot!(terminal.screen_mut().0, @r"
    warning: a sentence that is much longer
    than the terminal that it is shown on is
    wide
      Waiting for run something-or-other on
              an app with a long name
              (process 4711)
    ");
}

fn finished(result: Outcome, advice: Advice) -> Event {
    Event::Run(event::Run::Finished {
        app: "app".to_owned(),
        worker: None,
        operation: "make".to_owned(),
        role: "admin".to_owned(),
        exit_code: i64::from(result != Outcome::Success),
        result,
        duration: Duration::from_secs(1),
        synced: false,
        read_only: advice.read_only,
        not_started: advice.not_started,
        known: advice.known,
    })
}

fn refused() -> Advice {
    Advice {
        read_only: Some(ReadOnlyWrite {
            path: Some("/app/var/x".to_owned()),
            mount: Some("var".to_owned()),
            source: Some("storage".into()),
            ..ReadOnlyWrite::of(Refusal::NoMount)
        }),
        ..Advice::default()
    }
}

#[test]
fn a_write_that_was_refused_is_told_once_of_what_succeeded() {
    let mut terminal = Terminal::log(Page::default());
    terminal
        .tell(finished(Outcome::Success, refused()))
        .unwrap();
    insta::assert_snapshot!(terminal.screen_mut().0, @r#"
         done make on app as admin: exit code 0 in 1.0 s

    warning: the operation succeeded, but could not write to `/app/var/x`, which is read-only on Upsun once the app is built; a mount makes it writable:

        mounts:
          "/var":
            source: storage
    "#);
    let mut quiet = quiet();
    quiet.tell(finished(Outcome::Success, refused())).unwrap();
    assert_eq!(quiet.screen_mut().0, "");
}

#[test]
fn every_refusal_is_worded_for_what_succeeded_too() {
    let causes = [
        Refusal::Hides,
        Refusal::HoldsMount,
        Refusal::FileAtTop,
        Refusal::OnMount,
        Refusal::OutsideApp,
        Refusal::Unnamed,
        Refusal::DiskFull,
    ];
    let text: Vec<String> = causes
        .into_iter()
        .map(|cause| {
            let write = ReadOnlyWrite {
                path: (cause != Refusal::Unnamed).then(|| "/app/x".to_owned()),
                ..ReadOnlyWrite::of(cause)
            };
            hints::refused_although("the cron", &write)
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    the cron succeeded, but could not write to `/app/x`, which is read-only on Upsun once the app is built, in a directory whose name no mount can have: let it write elsewhere
    the cron succeeded, but could not write to `/app/x`, which is read-only on Upsun once the app is built, and in its directory is another mount; let it write into that one, or to `/tmp`
    the cron succeeded, but could not write to `/app/x`, which is read-only on Upsun once the app is built; mounts are directories, so let it write into one that is a mount, or to `/tmp`
    the cron succeeded, but could not write to `/app/x`, which is on a mount, and the mount refused it
    the cron succeeded, but could not write to `/app/x`, which is read-only on Upsun, and outside the app's directory no mount can change that; write to `/tmp` or below `/app`
    the cron succeeded, but it wrote where it is read-only on Upsun once the app is built, and does not say where; only mounts and `/tmp` are writable: `upsun-local mount list`
    the cron succeeded, but the disk of a mount, `/tmp` or the container engine is full: `upsun-local mount size`, `docker system df`
    ");
}

#[test]
fn a_cause_that_is_known_is_told_with_what_mends_it() {
    let causes = [
        KnownCause::Question {
            answer: Some("--force".into()),
        },
        KnownCause::Question {
            answer: Some("DISABLE_DATABASE_ENVIRONMENT_CHECK=1".into()),
        },
        KnownCause::Question { answer: None },
        KnownCause::PhpExtension {
            names: vec!["redis".to_owned()],
            is_default: false,
        },
        KnownCause::PhpExtension {
            names: vec!["gd".to_owned()],
            is_default: true,
        },
        KnownCause::PhpExtension {
            names: vec!["pdo_pgsql".to_owned(), "pdo_mysql".to_owned()],
            is_default: false,
        },
    ];
    let mut terminal = Terminal::log(Page::default());
    for cause in causes {
        let advice = Advice {
            known: Some(cause),
            ..Advice::default()
        };
        terminal.tell(finished(Outcome::Failure, advice)).unwrap();
    }
    insta::assert_snapshot!(terminal.screen_mut().0, @r"
       failed make on app as admin: exit code 1 in 1.0 s

    hint: it asked a question, and there is no terminal to answer it on, as on Upsun: add `--force` to the command
       failed make on app as admin: exit code 1 in 1.0 s

    hint: it asked a question, and there is no terminal to answer it on, as on Upsun: put `DISABLE_DATABASE_ENVIRONMENT_CHECK=1` in front of the command
       failed make on app as admin: exit code 1 in 1.0 s

    hint: it asked a question, and there is no terminal to answer it on, as on Upsun: give it the option that answers for you (`--yes`, `--force`, `--no-interaction`, …)
       failed make on app as admin: exit code 1 in 1.0 s

    hint: PHP lacks the extension `redis`: switch it on for the app (in a composable image, below `stack.runtimes`):

        runtime:
          extensions:
            - redis
       failed make on app as admin: exit code 1 in 1.0 s

    hint: PHP lacks the extension `gd`, which is on by itself on Upsun: is it in `runtime.disabled_extensions`?
       failed make on app as admin: exit code 1 in 1.0 s

    hint: PHP lacks the driver of its database (the extension `pdo_pgsql` or `pdo_mysql`): switch it on for the app (in a composable image, below `stack.runtimes`):

        runtime:
          extensions:
            - pdo_pgsql
    ");
}

#[test]
fn each_address_says_what_is_there() {
    let mut terminal = Terminal::log(Page::default());
    let url = |host: &str| format!("http://{host}.localhost:1/");
    let routes = vec![
        Address::of_route(url("a"), "app"),
        Address::of_redirect(url("www.a"), "http://a.localhost:1/"),
        Address::of_app(url("api.a"), "api"),
    ];
    terminal
        .tell(Event::Deploy(event::Deploy::RoutesReady { routes }))
        .unwrap();
    insta::assert_snapshot!(terminal.screen_mut().0, @r"
    Open http://a.localhost:1/ for app
         http://www.a.localhost:1/ redirects to http://a.localhost:1/
         http://api.a.localhost:1/ leads directly to api, without any route
    ");
}

#[test]
fn scripts_of_several_apps_are_told_apart_and_their_lines_do_not_mix() {
    let of = |app: &str, text: &'static str| {
        Event::Script(event::Script::Output {
            app: app.to_owned(),
            step: Step::BuildHook,
            output: crate::event::Text(Output::Stdout(bytes::Bytes::from_static(text.as_bytes()))),
        })
    };
    let started = |app: &str| {
        Event::Script(event::Script::Started {
            app: app.to_owned(),
            step: Step::BuildHook,
        })
    };
    let finished = |app: &str| {
        Event::Script(event::Script::Finished {
            app: app.to_owned(),
            step: Step::BuildHook,
            exit_code: 0,
            duration: Duration::from_secs(1),
        })
    };
    let mut terminal = Terminal::log(Page::default());
    for event in [
        started("api"),
        of("api", "alone\n"),
        started("a-longer-name"),
        of("api", "half"),
        of("a-longer-name", "whole\n"),
        of("api", " a line\n"),
        finished("a-longer-name"),
        of("api", "alone again\n"),
        finished("api"),
    ] {
        terminal.tell(event).unwrap();
    }
    insta::assert_snapshot!(terminal.screen_mut().0, @r"
      Running hooks.build of api
            | alone
      Running hooks.build of a-longer-name
    a-longer-name | whole
        api | half a line
            | alone again
    ");
}
