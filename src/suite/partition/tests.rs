use proptest::prelude::*;

use super::*;
use crate::suite::Verdict;

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn share<'a>(name: &'a str, container: &'a str) -> Share<'a> {
    Share {
        name,
        container,
        is_run: true,
    }
}

/// The times of tests of the container `app`, in seconds.
fn timings(times: &[(&str, f64)]) -> Timings {
    let time = |(name, seconds): &(&str, f64)| {
        let key = ("app".to_owned(), (*name).to_owned());
        (key, Duration::from_secs_f64(*seconds))
    };
    Timings(times.iter().map(time).collect())
}

fn numbers(assigned: &[NonZeroU32]) -> Vec<u32> {
    assigned.iter().map(|number| number.get()).collect()
}

#[test]
fn a_partition_is_read_and_what_is_none_is_explained() {
    let partition: Partition = "2/5".parse().unwrap();
    assert_eq!(partition.to_string(), "2/5");
    assert_eq!("1/1".parse::<Partition>().unwrap().to_string(), "1/1");
    for (text, said) in [
        ("0/3", "partitions count from 1: the first is `1/3`"),
        ("4/3", "the last of 3 partitions is `3/3`"),
        ("1/0", "a suite cannot be split into 0 partitions"),
        ("0/0", "a suite cannot be split into 0 partitions"),
        (
            "2",
            "write the number of the partition and how many there are: `2/5`",
        ),
        (
            "a/b",
            "write the number of the partition and how many there are: `2/5`",
        ),
        (
            "-1/2",
            "write the number of the partition and how many there are: `2/5`",
        ),
        (
            "1/99999999999",
            "write the number of the partition and how many there are: `2/5`",
        ),
    ] {
        assert_eq!(text.parse::<Partition>().unwrap_err(), said, "{text}");
    }
}

#[test]
fn without_times_tests_are_split_by_count_and_a_container_stays_together() {
    let names: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
    let containers = ["a", "b", "a", "b", "a", "b", "a", "b"];
    let shares: Vec<Share<'_>> = names
        .iter()
        .zip(containers)
        .map(|(name, container)| share(name, container))
        .collect();
    let assigned = assign(&shares, &Timings::default(), count(2));
    assert_eq!(numbers(&assigned), [1, 2, 1, 2, 1, 2, 1, 2]);
    let assigned = assign(&shares, &Timings::default(), count(20));
    let mut once = numbers(&assigned);
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 8, "more partitions than tests: {assigned:?}");
}

#[test]
fn with_times_the_partitions_take_as_long_as_each_other() {
    let shares = ["a", "b", "c", "d", "e"].map(|name| share(name, "app"));
    let times = timings(&[("a", 30.0), ("b", 30.0), ("c", 30.0), ("d", 90.0)]);
    // `e` is new, and counts as much as the others do on average.
    assert_eq!(times.known(&shares), 4);
    assert_eq!(numbers(&assign(&shares, &times, count(2))), [1, 1, 1, 2, 2]);
    // What only a role decides takes no time, whatever a report says.
    let mut shares = shares.to_vec();
    shares[3].is_run = false;
    assert_eq!(numbers(&assign(&shares, &times, count(2))), [1, 1, 2, 2, 2]);
}

#[test]
fn only_tests_that_ran_to_their_end_have_a_time() {
    let verdict = |name: &str, status| Verdict {
        name: name.to_owned(),
        operation: "o".to_owned(),
        who: "admin".to_owned(),
        line: None,
        container: "app".to_owned(),
        status,
        duration: Duration::from_secs(5),
        output: Default::default(),
        notes: Vec::new(),
        engine: None,
    };
    let report = Report {
        verdicts: vec![
            verdict("a", Status::Passed),
            verdict("b", Status::Failed(Vec::new())),
            verdict("c", Status::Error(String::new())),
            verdict("d", Status::Skipped(String::new())),
        ],
        ..Report::default()
    };
    assert_eq!(Timings::of(&report), timings(&[("a", 5.0), ("b", 5.0)]));
}

#[test]
fn another_assignment_has_another_hash() {
    let shares = ["a", "b", "c"].map(|name| share(name, "app"));
    let split_of = |times: &Timings, number| {
        let assigned = assign(&shares, times, count(number));
        split(&shares, &assigned, count(number))
    };
    let plain = split_of(&Timings::default(), 2);
    assert_eq!(plain, split_of(&Timings::default(), 2));
    assert_ne!(plain, split_of(&Timings::default(), 3));
    assert_ne!(
        plain,
        split_of(&timings(&[("a", 1.0), ("b", 1.0), ("c", 9.0)]), 2)
    );
    // Other times that lead to the same assignment are no reason to refuse a report.
    assert_eq!(
        plain,
        split_of(&timings(&[("a", 1.1), ("b", 1.0), ("c", 1.0)]), 2)
    );
}

proptest! {
    #[test]
    fn every_test_is_in_one_partition_and_none_is_much_longer_than_its_part(
        tests in prop::collection::vec((0..4_usize, any::<bool>(), prop::option::of(0_u64..100_000)), 0..60),
        parts in 1_u32..70,
    ) {
        let names: Vec<String> = (0..tests.len()).map(|number| format!("t{number}")).collect();
        let containers = ["a", "b", "c", "d"];
        let shares: Vec<Share<'_>> = names
            .iter()
            .zip(&tests)
            .map(|(name, (container, is_run, _))| Share {
                name,
                container: containers[*container],
                is_run: *is_run,
            })
            .collect();
        let times = Timings(shares.iter().zip(&tests).filter_map(|(share, (_, _, time))| {
            let key = (share.container.to_owned(), share.name.to_owned());
            Some((key, Duration::from_millis((*time)?)))
        }).collect());
        let assigned = assign(&shares, &times, count(parts));
        prop_assert_eq!(&assigned, &assign(&shares, &times, count(parts)));
        prop_assert_eq!(assigned.len(), shares.len());
        let costs = costs(&shares, &times);
        let total: u128 = costs.iter().sum();
        let longest = costs.iter().max().copied().unwrap_or_default();
        for number in 1..=parts {
            let own: u128 = assigned
                .iter()
                .zip(&costs)
                .filter(|(of, _)| of.get() == number)
                .map(|(_, cost)| cost)
                .sum();
            prop_assert!(own <= total / u128::from(parts) + longest + 1);
        }
        prop_assert!(assigned.iter().all(|of| of.get() <= parts));
        // A container lies in neighbouring partitions, so that few of them have to build it.
        let builds: usize = containers
            .iter()
            .map(|container| {
                let mut of: Vec<u32> = shares
                    .iter()
                    .zip(&assigned)
                    .filter(|(share, _)| share.container == *container)
                    .map(|(_, of)| of.get())
                    .collect();
                of.sort_unstable();
                of.dedup();
                of.len()
            })
            .sum();
        prop_assert!(builds < containers.len() + usize::try_from(parts).unwrap());
    }

    #[test]
    fn tests_that_take_the_same_time_are_split_evenly(tests in 1_usize..80, parts in 1_u32..40) {
        let names: Vec<String> = (0..tests).map(|number| number.to_string()).collect();
        let shares: Vec<Share<'_>> = names.iter().map(|name| share(name, "app")).collect();
        let assigned = numbers(&assign(&shares, &Timings::default(), count(parts)));
        let sizes: Vec<usize> = (1..=parts)
            .map(|number| assigned.iter().filter(|of| **of == number).count())
            .collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{:?}", sizes);
    }
}
