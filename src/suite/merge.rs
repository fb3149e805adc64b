//! Make one report of the reports of several jobs. Reports that do not belong together, or that are not all, make no
//! report: all that is wrong with them is listed at once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{EngineUse, Identity, Part, Report, Verdict};
use crate::text;

/// How many missing partitions and contradictory tests are named.
const NAMED: usize = 10;

/// A report, and the file that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub file: String,
    pub report: Report,
}

/// One report of all of them; what is wrong otherwise, one sentence each.
pub fn merge(sources: Vec<Source>) -> Result<Report, Vec<String>> {
    let Some(first) = sources.first() else {
        return Err(vec!["there is no report to merge".to_owned()]);
    };
    let mut wrong = of_other_suites(&sources);
    if wrong.is_empty() {
        wrong.extend(of_other_splits(&sources));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let suite = first.report.suite.clone();
    wrong.extend(twice(&sources));
    wrong.extend(missing(&sources));
    let mut sources = sources;
    // Stable: reports of whole suites stay in the order in which they were given.
    sources.sort_by_key(|source| source.report.partition.as_ref().map(Part::number));
    let engines = engines(&sources);
    let synced = sources.iter().any(|source| source.report.synced);
    let (verdicts, other) = all_verdicts(sources);
    wrong.extend(listed(other));
    let expected = suite.as_ref().map_or(0, |suite| suite.tests);
    if wrong.is_empty() && verdicts.len() != expected {
        wrong.push(format!(
            "the suite has {}, and the reports have {}",
            text::count(expected, "test"),
            verdicts.len()
        ));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Report {
        suite,
        partition: None,
        engines,
        synced,
        verdicts,
    })
}

/// The reports that are not of the same suite at the same commit as the first.
fn of_other_suites(sources: &[Source]) -> Vec<String> {
    let unknown = sources
        .iter()
        .filter(|source| source.report.suite.is_none());
    let unknown: Vec<String> = unknown
        .map(|Source { file, .. }| {
            format!("`{file}` does not say of which suite it is: an older version wrote it")
        })
        .collect();
    let [first, others @ ..] = sources else {
        return unknown;
    };
    let Some(suite) = first.report.suite.as_ref().filter(|_| unknown.is_empty()) else {
        return unknown;
    };
    let commit = |identity: &Identity| {
        let short = |commit: &String| commit.chars().take(12).collect();
        identity
            .commit
            .as_ref()
            .map_or("no commit".to_owned(), short)
    };
    let (one, mut wrong) = (&first.file, Vec::new());
    for (file, other) in others
        .iter()
        .filter_map(|it| Some((&it.file, it.report.suite.as_ref()?)))
    {
        if other.id != suite.id {
            wrong.push(format!(
                "`{file}` is of another suite than `{one}`: {} of {}, and {} of {}",
                other.id,
                text::count(other.tests, "test"),
                suite.id,
                text::count(suite.tests, "test"),
            ));
        } else if other.commit != suite.commit {
            wrong.push(format!(
                "`{file}` is of another commit than `{one}`: {}, and {}",
                commit(other),
                commit(suite)
            ));
        }
    }
    wrong
}

/// The partitions that were not split in the same way as the first.
fn of_other_splits(sources: &[Source]) -> Vec<String> {
    let mut parts = partitions(sources);
    let Some((one, first)) = parts.next() else {
        return Vec::new();
    };
    parts
        .filter_map(|(file, part)| {
            let (that, this) = (part.name(), first.name());
            if part.count != first.count {
                Some(format!(
                    "`{file}` is partition {that}, and `{one}` is partition {this}"
                ))
            } else if part.split != first.split {
                Some(format!(
                    "`{file}` ({that}) and `{one}` ({this}) come from two ways to split the suite: \
                     the jobs did not have the same `--timings`"
                ))
            } else {
                None
            }
        })
        .collect()
}

fn partitions(sources: &[Source]) -> impl Iterator<Item = (&str, &Part)> {
    sources.iter().filter_map(|source| {
        let part = source.report.partition.as_ref()?;
        Some((source.file.as_str(), part))
    })
}

/// The partitions that two reports are of.
fn twice(sources: &[Source]) -> Vec<String> {
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (file, part) in partitions(sources) {
        match seen.entry(part.number) {
            Entry::Vacant(entry) => {
                entry.insert(file);
            }
            Entry::Occupied(entry) => wrong.push(format!(
                "`{}` and `{file}` are both partition {}",
                entry.get(),
                part.name()
            )),
        }
    }
    wrong
}

/// The partitions without a report, unless a report is of the whole suite.
fn missing(sources: &[Source]) -> Vec<String> {
    let count = partitions(sources).map(|(_, part)| part.count).next();
    let Some(count) = count.filter(|_| partitions(sources).count() == sources.len()) else {
        return Vec::new();
    };
    let there: std::collections::BTreeSet<u32> =
        partitions(sources).map(|(_, part)| part.number).collect();
    let absent = |number: &u32| !there.contains(number);
    let named: Vec<String> = (1..=count)
        .filter(absent)
        .take(NAMED)
        .map(|number| format!("there is no report of partition {number}/{count}"))
        .collect();
    let there = there.range(1..=count).count();
    let all = usize::try_from(count).unwrap_or(usize::MAX) - there;
    with_rest(named, all, "more partition")
}

/// The engines of all reports, each once.
fn engines(sources: &[Source]) -> Vec<EngineUse> {
    let mut all: Vec<EngineUse> = Vec::new();
    for engine in sources.iter().flat_map(|source| &source.report.engines) {
        match all.iter_mut().find(|known| known.name == engine.name) {
            Some(known) => {
                known.tests += engine.tests;
                known.lost = known.lost.take().or_else(|| engine.lost.clone());
            }
            None => all.push(engine.clone()),
        }
    }
    all
}

/// The verdict of each test, and those that two reports contradict each other about.
fn all_verdicts(sources: Vec<Source>) -> (Vec<Verdict>, Vec<String>) {
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut verdicts: Vec<(String, Verdict)> = Vec::new();
    let mut other = Vec::new();
    for Source { file, report } in sources {
        for verdict in report.verdicts {
            let key = (verdict.container.clone(), verdict.name.clone());
            match places.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(verdicts.len());
                    verdicts.push((file.clone(), verdict));
                }
                Entry::Occupied(entry) => {
                    let (earlier, known) = &verdicts[*entry.get()];
                    if known.status.name() != verdict.status.name() {
                        other.push(format!(
                            "the test `{}` is `{}` in `{earlier}` and `{}` in `{file}`",
                            verdict.name,
                            known.status.name(),
                            verdict.status.name()
                        ));
                    }
                }
            }
        }
    }
    (
        verdicts.into_iter().map(|(_, verdict)| verdict).collect(),
        other,
    )
}

fn listed(mut all: Vec<String>) -> Vec<String> {
    let count = all.len();
    all.truncate(NAMED);
    with_rest(all, count, "more test")
}

fn with_rest(mut named: Vec<String>, all: usize, what: &str) -> Vec<String> {
    let rest = all.saturating_sub(named.len());
    if rest > 0 {
        named.push(format!("and the same for {}", text::count(rest, what)));
    }
    named
}

#[cfg(test)]
mod tests;
