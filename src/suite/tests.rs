use std::time::Duration;

use super::*;
use crate::event::{Advice, Outcome, ReadOnlyWrite, Refusal};
use crate::event::{Change, Difference};
use crate::mount_snapshot::{Entry, Index, Kind, Stat};
use crate::settings::Settings;
use crate::settings::{Definition, PathPattern, Tests, TextPattern};

fn tests(text: &str) -> Result<Tests, String> {
    let settings = Settings::parse(text, ".upsun-local.yaml");
    settings.map(|settings| settings.tests).map_err(|err| {
        let hint = err.hint().unwrap_or_default();
        format!("{err} ({hint})")
    })
}

fn one(text: &str) -> Definition {
    tests(&format!("tests:\n  t:\n    operation: o\n{text}"))
        .unwrap()
        .swap_remove("t")
        .unwrap()
}

fn printed(text: &str) -> Printed {
    let mut printed = Printed::default();
    printed.push(text.as_bytes());
    printed
}

const NOTHING: &Advice = &Advice {
    read_only: None,
    not_started: None,
    known: None,
};

fn seen<'a>(index: &'a Index, changes: &'a [Difference]) -> Observed<'a> {
    Observed {
        outcome: Outcome::Success,
        exit_code: 0,
        stdout: printed("Compiled 12 pages\nDone\n"),
        stderr: printed(""),
        timeout: Some(Duration::from_millis(1500)),
        advice: NOTHING,
        mounts: index,
        changes,
    }
}

fn index(paths: &[&str]) -> Index {
    let entry = |path: &&str| {
        let entry = Entry {
            kind: Kind::Directory,
            mode: 0o755,
            stat: Stat::default(),
        };
        ((*path).to_owned(), entry)
    };
    Index(paths.iter().map(entry).collect())
}

#[test]
fn wrong_tests_are_told_with_their_line() {
    let wrong = |text: &str| tests(text).unwrap_err();
    insta::assert_snapshot!(wrong("tests:\n  a:\n    operation: x\n    expected: 0\n"), @r##".upsun-local.yaml:4: unknown setting `expected` in `tests.a` (did you mean `expect`?)"##);
    insta::assert_snapshot!(wrong("tests:\n  a:\n    operation: x\n    stdout: 'a('\n"), @r##".upsun-local.yaml:4: tests.a: this value is not a regular expression: unclosed group (put a `\` in front of `(`, `[`, `{`, `*`, `+`, `?`, `.`, `|`, and single quotes around it all)"##);
    insta::assert_snapshot!(wrong("tests:\n  a:\n    operation: x\n    expect: 300\n"), @r##".upsun-local.yaml:4: tests.a.expect: invalid value: integer, expected an exit code from 0 to 255, or `denied` ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a:\n    operation: x\n    expect: refused\n"), @r##".upsun-local.yaml:4: tests.a.expect: invalid value: string, expected an exit code from 0 to 255, or `denied` ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { app: x }\n"), @r##".upsun-local.yaml:2: tests.a: missing field `operation` ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { operation: x, role: owner }\n"), @r##".upsun-local.yaml:2: tests.a: this value is not a role: it is one of `viewer`, `contributor`, `admin` ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { operation: x, timeout: 0 }\n"), @r##".upsun-local.yaml:2: tests.a: `timeout` must be more than 0 s ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { operation: x, files: 'a[' }\n"), @r##".upsun-local.yaml:2: tests.a: this value is not a path or a pattern of paths: unclosed character class; missing ']' ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { operation: x, timeout: soon }\n"), @r##".upsun-local.yaml:2: tests.a.timeout: invalid type: string, expected a number ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: { operation: x, idempotent: yes }\n"), @r##".upsun-local.yaml:2: tests.a.idempotent: invalid type: string, expected `true` or `false` (`yes`, `no`, `on` and `off` are plain words here: write `true` or `false`)"##);
    insta::assert_snapshot!(wrong("tests:\n  a: ok\n"), @r##".upsun-local.yaml:2: tests.a: invalid type: string, expected a map such as `{operation: build}` ()"##);
    insta::assert_snapshot!(wrong("tests:\n  a: {operation: x}\n  b: {operation: x}\n  a: {operation: y}\n"), @r##".upsun-local.yaml:4: duplicate key `a`: it is already on line 2 (only one of them can count: merge the two, or rename one)"##);
    insta::assert_snapshot!(wrong("tests:\n  b: &x {operation: x}\n  a:\n    <<: *x\n    role: admin\n"), @r##".upsun-local.yaml:4: unknown setting `<<` in `tests.a` (merge keys are not read in this file: write it out)"##);
    insta::assert_snapshot!(wrong("tests:\n\ta: ok\n"), @r##".upsun-local.yaml:2: a tab cannot be used to indent YAML (indent with spaces)"##);
    insta::assert_snapshot!(wrong("tests: [a]\n"), @r##".upsun-local.yaml:1: tests: invalid type: sequence, expected a map (each test has a name: `tests: {it builds: {operation: build}}`)"##);
}

#[test]
fn patterns_of_paths_must_lie_on_mounts() {
    let lies_below = |pattern: &str, mounts: &[&str]| {
        let pattern = PathPattern::new(pattern).unwrap();
        pattern.is_below_any(mounts.iter().copied())
    };
    for (pattern, expected) in [
        ("data/x", true),
        ("/app/data", true),
        ("data", true),
        ("data2/x", false),
        ("nowhere/x", false),
        ("var", false),
        ("**/x", true),
        ("var/*", true),
        ("var/cache/**", true),
        ("var/log/*", false),
        ("d*/x", true),
        ("src/*", false),
    ] {
        assert_eq!(
            lies_below(pattern, &["data", "var/cache"]),
            expected,
            "{pattern}"
        );
    }
    assert!(!lies_below("**", &[]));
}

#[test]
fn patterns_of_text_read_as_on_a_screen() {
    let matches = |pattern: &str, text: &str| {
        let pattern = TextPattern::new(pattern).unwrap();
        pattern.matches(text.as_bytes())
    };
    assert!(matches("^caf.$", "one\ncaf\u{e9}\n"));
    assert!(matches("^done$", "done\r\nmore"));
    assert!(matches(r"\d+ pages", "12 pages"));
    assert!(TextPattern::new("x").unwrap().matches(b"\xff\xfex"));
}

#[test]
fn a_text_on_the_other_stream_is_said_to_be_there() {
    let (index, definition) = (index(&[]), one("    stdout: 'OK'\n    stderr: 'Done'\n"));
    let mut observed = Observed {
        stderr: printed("[OK] sent\n"),
        ..seen(&index, &[])
    };
    assert_eq!(
        judge(&definition, &mut observed),
        [
            "standard output does not match `OK`; standard error matches it",
            "standard error does not match `Done`; standard output matches it",
        ]
    );
}

#[test]
fn contradictions_are_found() {
    for (text, wrong) in [
        ("    role: viewer\n    user: a\n", true),
        ("    expect: denied\n", true),
        ("    expect: denied\n    role: viewer\n", false),
        (
            "    expect: denied\n    role: viewer\n    stdout: x\n",
            true,
        ),
        ("    expect: 3\n    idempotent: true\n", false),
    ] {
        assert_eq!(one(text).contradiction().is_some(), wrong, "{text}");
    }
}

#[test]
fn everything_that_is_not_as_expected_is_told() {
    let changes = [
        Difference {
            change: Change::Added,
            path: "build/BUILD_ID".into(),
        },
        Difference {
            change: Change::Deleted,
            path: "build/old".into(),
        },
    ];
    let index = index(&["build", "build/BUILD_ID", "build/pages/a.html"]);
    let mut seen = seen(&index, &changes);
    let good = "    stdout: ['^Compiled \\d+ pages$', Done]\n    files: [/build/BUILD_ID, build/**/*.html]\n    changed: build/BUILD*\n";
    assert_eq!(judge(&one(good), &mut seen), [""; 0]);
    let bad = "    expect: 3\n    stdout: ^pages\n    stderr: warn\n    files: [build/*.html]\n    changed: [build/old]\n";
    let wrong = judge(&one(bad), &mut seen);
    assert_eq!(
        wrong,
        [
            "it ended with exit code 0, not 3",
            "standard output does not match `^pages`",
            "standard error does not match `warn`: it is empty",
            "no mount holds `build/*.html`",
            "it changed nothing on a mount that is `build/old`",
        ]
    );
    let mut late = Observed {
        outcome: Outcome::Timeout,
        exit_code: 124,
        ..seen.clone()
    };
    let limit = ["it took longer than 1.5 s and was ended"];
    assert_eq!(judge(&one(""), &mut late), limit);
    assert_eq!(judge(&one("    expect: 124\n"), &mut late), [""; 0]);
    assert_eq!(again(&one(""), 0, &[]), [""; 0]);
    assert_eq!(
        again(&one(""), 1, &changes),
        [
            "run a second time, it ended with exit code 1, not 0",
            "run a second time, it changed its mounts again: A /build/BUILD_ID, D /build/old",
        ]
    );
}

#[test]
fn a_refused_write_is_noted_of_a_test_that_passes() {
    let advice = Advice {
        read_only: Some(ReadOnlyWrite {
            path: Some("/app/x.txt".to_owned()),
            ..ReadOnlyWrite::of(Refusal::FileAtTop)
        }),
        ..Advice::default()
    };
    let index = index(&[]);
    let mut seen = Observed {
        advice: &advice,
        ..seen(&index, &[])
    };
    assert_eq!(judge(&one(""), &mut seen), Vec::<String>::new());
    let notes = notes(&seen);
    insta::assert_snapshot!(notes.join("\n"), @"the operation succeeded, but could not write to `/app/x.txt`, which is read-only on Upsun once the app is built; mounts are directories, so let it write into one that is a mount, or to `/tmp`");
    let mut passes = verdicts().swap_remove(0);
    passes.notes = vec!["it wrote: 100%".to_owned()];
    let plain = crate::reporter::style::Style { color: false };
    assert_eq!(
        line(&passes, plain),
        "PASS  passes (1.2 s)\n      warning: it wrote: 100%\n"
    );
    let all = [passes];
    assert_eq!(
        github(&report(&all), "f.yaml"),
        "::warning title=passes::it wrote: 100%25\n"
    );
    assert!(junit(&report(&all)).contains("<system-out>it wrote: 100%</system-out>"));
    assert!(json(&report(&all)).contains("\"notes\": [\n        \"it wrote: 100%\"\n      ]"));
    // What failed as it was expected to needs no note.
    seen.outcome = Outcome::Failure;
    assert_eq!(crate::suite::notes(&seen), Vec::<String>::new());
}

fn report(verdicts: &[Verdict]) -> Report {
    Report {
        verdicts: verdicts.to_vec(),
        ..Report::default()
    }
}

fn verdicts() -> Vec<Verdict> {
    let of = |name: &str, status| Verdict {
        name: name.into(),
        operation: "build".into(),
        who: "admin".into(),
        line: (name == "breaks").then_some(7),
        container: "app".into(),
        status,
        duration: Duration::from_millis(1234),
        output: (String::new(), String::new()),
        notes: Vec::new(),
        engine: None,
    };
    vec![
        of("passes", Status::Passed),
        Verdict {
            output: ("out\n".into(), "a <b> & \u{1b}[31m\"c\"".into()),
            container: "app--worker".into(),
            ..of(
                "fails: 100%",
                Status::Failed(vec!["one".into(), "two, \nthree".into()]),
            )
        },
        of("breaks", Status::Error("the engine is gone".into())),
        of("later", Status::Skipped("interrupted".into())),
    ]
}

#[test]
fn reports_are_what_their_readers_read() {
    let all = verdicts();
    insta::assert_snapshot!(junit(&report(&all)), @r##"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="upsun-local" tests="4" failures="1" errors="1" skipped="1" time="4.936">
  <testsuite name="app" tests="3" failures="0" errors="1" skipped="1" time="3.702">
    <testcase classname="app.build" name="passes" time="1.234"/>
    <testcase classname="app.build" name="breaks" time="1.234">
      <error message="the engine is gone">the engine is gone</error>
    </testcase>
    <testcase classname="app.build" name="later" time="1.234">
      <skipped message="interrupted">interrupted</skipped>
    </testcase>
  </testsuite>
  <testsuite name="app--worker" tests="1" failures="1" errors="0" skipped="0" time="1.234">
    <testcase classname="app--worker.build" name="fails: 100%" time="1.234">
      <failure message="one">one
two, 
three</failure>
      <system-out>out
</system-out>
      <system-err>a &lt;b&gt; &amp; �[31m&quot;c&quot;</system-err>
    </testcase>
  </testsuite>
</testsuites>
"##);
    insta::assert_snapshot!(github(&report(&all), ".upsun-local.yaml"), @r##"
::error title=fails%3A 100%25::one%0Atwo, %0Athree%0A| [standard output]%0A| out%0A| [standard error]%0A| a <b> & \u{1b}[31m"c"
::error title=breaks,file=.upsun-local.yaml,line=7::the engine is gone
::notice title=later::interrupted
"##);
    insta::assert_snapshot!(summary(&all), @r##"4 tests: 1 passed, 1 failed, 1 error, 1 skipped"##);
    let style = crate::reporter::style::Style { color: false };
    let text: String = all.iter().map(|verdict| line(verdict, style)).collect();
    insta::assert_snapshot!(text, @r##"
PASS  passes (1.2 s)
FAIL  fails: 100% (1.2 s)
      one
      two, 
      three
      | [standard output]
      | out
      | [standard error]
      | a <b> & \u{1b}[31m"c"
ERROR breaks
      the engine is gone
      .upsun-local.yaml:7: build on app as admin
SKIP  later: interrupted
"##);
    let document: serde_json::Value = serde_json::from_str(&json(&report(&all))).unwrap();
    assert_eq!(document["tests"][1]["messages"][0], "one");
    assert_eq!(document["tests"][2]["status"], "error");
}

#[test]
fn every_report_says_that_the_apps_were_no_clean_builds() {
    let clean = report(&verdicts());
    let edited = Report {
        synced: true,
        ..clean.clone()
    };
    let file = ".upsun-local.yaml";
    let all = |report: &Report| [junit(report), github(report, file), summary_of(report)];
    for (edited, clean) in all(&edited).iter().zip(all(&clean)) {
        assert!(edited.contains("as edited, not a clean build"), "{edited}");
        assert!(!clean.contains("as edited"), "{clean}");
    }
    assert_eq!(
        junit(&edited).matches("<property ").count(),
        junit(&edited).matches("<testsuite ").count()
    );
    let document: serde_json::Value = serde_json::from_str(&json(&edited)).unwrap();
    assert_eq!(document["synced"], true);
    let document: serde_json::Value = serde_json::from_str(&json(&clean)).unwrap();
    assert_eq!(document.get("synced"), None);
}
