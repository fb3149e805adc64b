//! Split a suite between jobs that know nothing of each other. Each job computes the whole assignment from what all
//! jobs share: the suite, the number of partitions and, if there is one, the same file of times. Nothing that only one
//! machine knows takes part, so that no test is left out and no test runs twice.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::{Report, Status};
use crate::project::hash;

/// What a test counts as if nothing is known about its time.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What a test counts at least. A test that a role decides takes no time.
const LEAST: Duration = Duration::from_millis(1);

/// How many digits of a hash a report carries.
const DIGITS: usize = 12;

/// One partition of several: `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// From 1 to `count`.
    pub number: NonZeroU32,
    pub count: NonZeroU32,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write the number of the partition and how many there are: `2/5`".to_owned();
        let (number, count) = text.split_once('/').ok_or_else(form)?;
        let read = |part: &str| part.trim().parse::<u32>().map_err(|_| form());
        let (number, count) = (read(number)?, read(count)?);
        let count = NonZeroU32::new(count)
            .ok_or_else(|| "a suite cannot be split into 0 partitions".to_owned())?;
        let number = NonZeroU32::new(number)
            .ok_or_else(|| format!("partitions count from 1: the first is `1/{count}`"))?;
        if number > count {
            return Err(format!(
                "the last of {count} partitions is `{count}/{count}`"
            ));
        }
        Ok(Partition { number, count })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// A test, as far as an assignment depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share<'a> {
    pub name: &'a str,
    /// The app, or `app--worker`.
    pub container: &'a str,
    /// Whether an operation runs; otherwise the role alone decides the test.
    pub is_run: bool,
}

/// The times of tests in an earlier report, by container and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timings(BTreeMap<(String, String), Duration>);

impl Timings {
    /// The times of the tests of a report that ran to their end.
    pub fn of(report: &Report) -> Self {
        let ran = report
            .verdicts
            .iter()
            .filter(|verdict| matches!(verdict.status, Status::Passed | Status::Failed(_)));
        Timings(
            ran.map(|verdict| {
                let key = (verdict.container.clone(), verdict.name.clone());
                (key, verdict.duration)
            })
            .collect(),
        )
    }

    /// How many of the tests have a time.
    pub fn known(&self, shares: &[Share<'_>]) -> usize {
        shares
            .iter()
            .filter(|share| self.time(share).is_some())
            .count()
    }

    fn time(&self, share: &Share<'_>) -> Option<Duration> {
        let key = (share.container.to_owned(), share.name.to_owned());
        self.0.get(&key).copied()
    }
}

/// Which partition each test belongs to, in the order of the tests. Tests of a container stay together as far as
/// the balance permits, since every partition that has one of them builds and starts the container.
pub fn assign(shares: &[Share<'_>], timings: &Timings, count: NonZeroU32) -> Vec<NonZeroU32> {
    let costs = costs(shares, timings);
    let mut containers: BTreeMap<&str, usize> = BTreeMap::new();
    for share in shares {
        let next = containers.len();
        containers.entry(share.container).or_insert(next);
    }
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|at| (containers[shares[*at].container], *at));
    let total: u128 = costs.iter().sum::<u128>().max(1);
    let parts = u128::from(count.get());
    let mut assigned = vec![NonZeroU32::MIN; shares.len()];
    let mut before = 0;
    for at in order {
        // The tests lie one after the other on a line as long as all of them take. The line is cut into equal
        // partitions, and a test belongs to the partition that its middle lies in.
        let part = (2 * before + costs[at]) * parts / (2 * total);
        before += costs[at];
        let part = u32::try_from(part).unwrap_or(u32::MAX).saturating_add(1);
        assigned[at] = NonZeroU32::new(part).map_or(count, |part| part.min(count));
    }
    assigned
}

/// The cost of each test in microseconds. A test without a time costs as much as the others do on average.
fn costs(shares: &[Share<'_>], timings: &Timings) -> Vec<u128> {
    let known: Vec<Option<Duration>> = shares.iter().map(|share| timings.time(share)).collect();
    let of_run: Vec<Duration> = shares
        .iter()
        .zip(&known)
        .filter(|(share, _)| share.is_run)
        .filter_map(|(_, time)| *time)
        .collect();
    let average = match u32::try_from(of_run.len()) {
        Ok(count) if count > 0 => of_run.iter().sum::<Duration>() / count,
        _ => UNKNOWN,
    };
    shares
        .iter()
        .zip(known)
        .map(|(share, time)| match (share.is_run, time) {
            (false, _) => LEAST,
            (true, time) => time.unwrap_or(average).max(LEAST),
        })
        .map(|cost| cost.as_micros())
        .collect()
}

/// The hash of an assignment. Two jobs that split a suite in different ways have different ones.
pub fn split(shares: &[Share<'_>], assigned: &[NonZeroU32], count: NonZeroU32) -> String {
    let mut text = format!("{count}\n");
    for (share, part) in shares.iter().zip(assigned) {
        text.push_str(&format!("{part} {:?} {:?}\n", share.container, share.name));
    }
    shortened(&text)
}

/// The beginning of a hash.
pub(crate) fn shortened(text: &str) -> String {
    let mut hash = hash(text.as_bytes());
    hash.truncate(DIGITS);
    hash
}

#[cfg(test)]
mod tests;
