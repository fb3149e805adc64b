use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::suite::partition::{Share, Timings, assign, split};
use crate::suite::{Status, document, identity};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn verdict(name: &str, status: Status) -> Verdict {
    Verdict {
        name: name.to_owned(),
        operation: "build".to_owned(),
        who: "admin".to_owned(),
        line: Some(3),
        container: "app".to_owned(),
        status,
        duration: Duration::from_millis(1234),
        output: ("out\n".to_owned(), "\u{1b}[31m".to_owned()),
        notes: vec!["a note".to_owned()],
        engine: None,
    }
}

fn suite(names: &[&str]) -> Identity {
    let parts: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    identity(&parts, Some("0123456789abcdef".to_owned()))
}

/// The reports of a suite that was split, one for each partition.
fn partitions(count: u32, timings: &Timings) -> Vec<Source> {
    let shares = NAMES.map(|name| Share {
        name,
        container: "app",
        is_run: true,
    });
    let number = |number: u32| std::num::NonZeroU32::new(number).unwrap();
    let assigned = assign(&shares, timings, number(count));
    let split = split(&shares, &assigned, number(count));
    (1..=count)
        .map(|part| {
            let own = NAMES
                .iter()
                .zip(&assigned)
                .filter(|(_, of)| of.get() == part);
            let partition = format!("{part}/{count}").parse().unwrap();
            Source {
                file: format!("{part}.json"),
                report: Report {
                    suite: Some(suite(&NAMES)),
                    partition: Some(Part::new(partition, split.clone())),
                    engines: Vec::new(),
                    synced: false,
                    verdicts: own.map(|(name, _)| verdict(name, Status::Passed)).collect(),
                },
            }
        })
        .collect()
}

fn whole(file: &str) -> Source {
    Source {
        file: file.to_owned(),
        report: Report {
            suite: Some(suite(&NAMES)),
            partition: None,
            engines: Vec::new(),
            synced: false,
            verdicts: NAMES
                .iter()
                .map(|name| verdict(name, Status::Passed))
                .collect(),
        },
    }
}

fn wrong(sources: Vec<Source>) -> String {
    merge(sources).unwrap_err().join("\n")
}

#[test]
fn partitions_make_a_whole_in_any_order() {
    let mut sources = partitions(3, &Timings::default());
    sources.reverse();
    let merged = merge(sources).unwrap();
    assert_eq!(merged, whole("x").report);
    // More partitions than tests, so that some are empty.
    assert_eq!(merge(partitions(9, &Timings::default())).unwrap(), merged);
    // Merged once more, and with itself, nothing changes.
    let again = |file: &str| Source {
        report: merged.clone(),
        ..whole(file)
    };
    assert_eq!(merge(vec![again("x"), again("y")]).unwrap(), merged);
}

#[test]
fn what_is_missing_or_there_twice_is_told() {
    let mut sources = partitions(3, &Timings::default());
    let second = sources.remove(1);
    insta::assert_snapshot!(wrong(sources.clone()), @"there is no report of partition 2/3");
    sources.push(second.clone());
    sources.push(Source {
        file: "copy.json".to_owned(),
        ..second
    });
    insta::assert_snapshot!(wrong(sources), @"`2.json` and `copy.json` are both partition 2/3");
    let first = partitions(40, &Timings::default()).swap_remove(0);
    let wrong = wrong(vec![first]);
    assert!(wrong.starts_with("there is no report of partition 2/40\n"));
    assert!(
        wrong.ends_with("partition 11/40\nand the same for 29 more partitions"),
        "{wrong}"
    );
    insta::assert_snapshot!(merge(Vec::new()).unwrap_err().join("\n"), @"there is no report to merge");
}

#[test]
fn reports_that_do_not_belong_together_are_told() {
    let mut sources = partitions(2, &Timings::default());
    sources[1].report.suite = Some(suite(&NAMES[..4]));
    insta::assert_snapshot!(wrong(sources.clone()), @"`2.json` is of another suite than `1.json`: 120be0b51ca9 of 4 tests, and 0d5f92e8937b of 7 tests");
    sources[1].report.suite = Some(Identity {
        commit: None,
        ..suite(&NAMES)
    });
    insta::assert_snapshot!(wrong(sources.clone()), @"`2.json` is of another commit than `1.json`: no commit, and 0123456789ab");
    sources[1].report.suite = None;
    insta::assert_snapshot!(wrong(sources), @"`2.json` does not say of which suite it is: an older version wrote it");
    let mut sources = partitions(2, &Timings::default());
    sources[1] = partitions(3, &Timings::default()).swap_remove(1);
    sources[1].file = "of-3.json".to_owned();
    insta::assert_snapshot!(wrong(sources), @"`of-3.json` is partition 2/3, and `1.json` is partition 1/2");
}

#[test]
fn jobs_with_other_times_are_told_because_a_test_may_have_run_nowhere() {
    let mut long = whole("earlier.json").report;
    long.verdicts[0].duration = Duration::from_secs(100);
    let mut sources = partitions(2, &Timings::default());
    sources[1] = partitions(2, &Timings::of(&long)).swap_remove(1);
    insta::assert_snapshot!(wrong(sources), @"`2.json` (2/2) and `1.json` (1/2) come from two ways to split the suite: the jobs did not have the same `--timings`");
}

#[test]
fn contradictions_are_told() {
    let mut other = whole("b.json");
    other.report.verdicts[2].status = Status::Failed(vec!["it ended".to_owned()]);
    insta::assert_snapshot!(wrong(vec![whole("a.json"), other.clone()]), @"the test `c` is `passed` in `a.json` and `failed` in `b.json`");
    other.report.verdicts.truncate(2);
    assert_eq!(
        merge(vec![whole("a.json"), other.clone()]),
        Ok(whole("x").report)
    );
    insta::assert_snapshot!(wrong(vec![other]), @"the suite has 7 tests, and the reports have 2");
}

#[test]
fn the_engines_of_all_jobs_are_in_the_whole() {
    let use_of = |name: &str, lost: Option<&str>| EngineUse {
        name: name.to_owned(),
        tests: 2,
        lost: lost.map(str::to_owned),
    };
    let mut sources = partitions(2, &Timings::default());
    sources[0].report.engines = vec![use_of("one", None), use_of("two", None)];
    sources[1].report.engines = vec![use_of("two", Some("gone"))];
    let engines = merge(sources).unwrap().engines;
    let two = EngineUse {
        tests: 4,
        ..use_of("two", Some("gone"))
    };
    assert_eq!(engines, [use_of("one", None), two]);
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Passed),
        prop::collection::vec(".*", 1..3).prop_map(Status::Failed),
        ".*".prop_map(Status::Error),
        ".*".prop_map(Status::Skipped),
    ]
}

proptest! {
    #[test]
    fn a_report_is_read_back_as_it_was_written(name in ".*", out in ".*", status in status(), millis in 0_u64..1_000_000) {
        let mut report = partitions(2, &Timings::default()).swap_remove(0).report;
        report.verdicts[0] = Verdict {
            duration: Duration::from_millis(millis),
            output: (out, String::new()),
            engine: Some("ssh://host".to_owned()),
            ..verdict(&name, status)
        };
        prop_assert_eq!(document::read(&crate::suite::json(&report)).unwrap(), report);
    }
}

#[test]
fn what_is_no_report_is_explained() {
    let why = |text: &str| document::read(text).unwrap_err().to_string();
    assert!(why("<testsuites/>").starts_with("it is not a report of `test --format json`: "));
    assert!(why("[]").starts_with("it is not a report"));
    let text = crate::suite::json(&whole("x").report);
    assert_eq!(
        why(&text.replacen("\"passed\"", "\"lucky\"", 1)),
        "the test `a` has no status that a report can have"
    );
    assert_eq!(
        why(&text.replacen("1.234", "-1.0", 1)),
        "the test `a` has no time that a test can take"
    );
}
