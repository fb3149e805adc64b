//! Which cron is to run now: a pure account of the time, of waiting crons and of running ones. The caller passes
//! the time in, and carries the answers out.
//!
//! One cron runs at a time, since each is an activity of the environment and an environment has one at a time.
//! Others wait for it in the order of their times. A time of a cron that still runs or waits is skipped.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::Cron;
use crate::schedule::Schedule;

/// A cron of an app and its times.
#[derive(Debug, Clone)]
pub struct Entry {
    pub app: String,
    pub cron: Cron,
    /// When it runs.
    pub schedule: Schedule,
    /// In whose time.
    pub zone: TimeZone,
}

/// A time that came while the cron was not done with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The cron, as its place in the list.
    pub entry: usize,
    /// Whether it runs; otherwise it waits.
    pub runs: bool,
}

/// The crons of an environment on their way through time.
#[derive(Debug)]
pub struct Timetable {
    entries: Vec<Entry>,
    /// When each runs next.
    next: Vec<Option<ZonedDateTime>>,
    /// The crons that are due, in order.
    waiting: VecDeque<usize>,
    running: Option<usize>,
}

impl Timetable {
    /// From `now` on.
    pub fn new(entries: Vec<Entry>, now: Timestamp) -> Self {
        let next = entries.iter().map(|entry| entry.next(now)).collect();
        Timetable {
            entries,
            next,
            waiting: VecDeque::new(),
            running: None,
        }
    }

    /// All crons, each with when it runs next.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, Option<&ZonedDateTime>)> {
        self.entries
            .iter()
            .zip(self.next.iter().map(Option::as_ref))
    }

    /// One of the crons.
    pub fn entry(&self, at: usize) -> Option<&Entry> {
        self.entries.get(at)
    }

    /// The next time with anything to do; `None` if no cron will run again.
    pub fn next(&self) -> Option<Timestamp> {
        self.next
            .iter()
            .flatten()
            .map(ZonedDateTime::timestamp)
            .min()
    }

    /// Sets the time to `now`: crons that were due until then wait for their turn. A cron runs once, even if the
    /// machine slept over several of its times.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Skipped> {
        let mut due: Vec<(Timestamp, usize)> = Vec::new();
        for (at, next) in self.next.iter_mut().enumerate() {
            let Some(time) = next.as_ref().map(ZonedDateTime::timestamp) else {
                continue;
            };
            if time <= now {
                due.push((time, at));
                *next = self.entries[at].next(now);
            }
        }
        due.sort_unstable();
        let mut skipped = Vec::new();
        for (_, entry) in due {
            let runs = self.running == Some(entry);
            if runs || self.waiting.contains(&entry) {
                skipped.push(Skipped { entry, runs });
            } else {
                self.waiting.push_back(entry);
            }
        }
        skipped
    }

    /// The cron to start, when there is one and nothing else runs. It runs until [`Timetable::ended`].
    pub fn start(&mut self) -> Option<usize> {
        if self.running.is_some() {
            return None;
        }
        self.running = self.waiting.pop_front();
        self.running
    }

    /// What ran has ended.
    pub fn ended(&mut self) {
        self.running = None;
    }
}

impl Entry {
    fn next(&self, after: Timestamp) -> Option<ZonedDateTime> {
        self.schedule
            .next(&after.to_zoned_datetime(self.zone.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(app: &str, name: &str, spec: &str, zone: &str) -> Entry {
        let cron = Cron {
            name: name.to_owned(),
            spec: spec.to_owned(),
            start: "true".to_owned(),
            stop: None,
            timeout: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        };
        Entry {
            app: app.to_owned(),
            schedule: cron.schedule("project", app).unwrap(),
            cron,
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn started(timetable: &mut Timetable) -> Option<String> {
        let entry = timetable.start()?;
        let entry = timetable.entry(entry).unwrap();
        Some(format!("{}/{}", entry.app, entry.cron.name))
    }

    #[test]
    fn nothing_starts_before_its_time_and_everything_once() {
        let entries = vec![
            entry("app", "tidy", "*/15 * * * *", "UTC"),
            entry("app", "mail", "30 4 * * *", "UTC"),
        ];
        let mut timetable = Timetable::new(entries, at("04:07:00"));
        assert_eq!(timetable.next(), Some(at("04:15:00")));
        assert_eq!(timetable.tick(at("04:14:59")), []);
        assert_eq!(started(&mut timetable), None);
        assert_eq!(timetable.tick(at("04:15:00")), []);
        assert_eq!(started(&mut timetable).as_deref(), Some("app/tidy"));
        timetable.ended();
        assert_eq!(timetable.tick(at("04:15:00.5")), []);
        assert_eq!(started(&mut timetable), None);
        assert_eq!(timetable.next(), Some(at("04:30:00")));
    }

    #[test]
    fn two_crons_of_the_same_time_run_one_after_the_other() {
        let entries = vec![
            entry("app", "one", "0 * * * *", "UTC"),
            entry("app", "two", "0 * * * *", "UTC"),
            entry("other", "three", "0 * * * *", "UTC"),
        ];
        let mut timetable = Timetable::new(entries, at("04:07:00"));
        assert_eq!(timetable.tick(at("05:00:00")), []);
        assert_eq!(started(&mut timetable).as_deref(), Some("app/one"));
        assert_eq!(started(&mut timetable), None, "one at a time");
        timetable.ended();
        assert_eq!(started(&mut timetable).as_deref(), Some("app/two"));
        timetable.ended();
        assert_eq!(started(&mut timetable).as_deref(), Some("other/three"));
        timetable.ended();
        assert_eq!(started(&mut timetable), None);
    }

    #[test]
    fn a_time_that_comes_while_the_cron_still_runs_or_waits_is_skipped() {
        let entries = vec![
            entry("app", "often", "*/5 * * * *", "UTC"),
            entry("app", "hourly", "0 * * * *", "UTC"),
        ];
        let mut timetable = Timetable::new(entries, at("04:58:00"));
        timetable.tick(at("05:00:00"));
        assert_eq!(started(&mut timetable).as_deref(), Some("app/often"));
        let skipped = timetable.tick(at("05:05:01"));
        assert_eq!(
            skipped,
            [Skipped {
                entry: 0,
                runs: true
            }]
        );
        timetable.ended();
        assert_eq!(started(&mut timetable).as_deref(), Some("app/hourly"));
        assert_eq!(timetable.tick(at("05:10:00")), [], "it waits now");
        let skipped = timetable.tick(at("05:15:00"));
        assert_eq!(
            skipped,
            [Skipped {
                entry: 0,
                runs: false
            }]
        );
        timetable.ended();
        assert_eq!(started(&mut timetable).as_deref(), Some("app/often"));
        assert_eq!(timetable.next(), Some(at("05:20:00")));
    }

    #[test]
    fn a_machine_that_slept_runs_what_it_missed_once_and_in_order() {
        let entries = vec![
            entry("app", "late", "50 4 * * *", "UTC"),
            entry("app", "often", "*/5 * * * *", "UTC"),
        ];
        let mut timetable = Timetable::new(entries, at("04:01:00"));
        assert_eq!(timetable.tick(at("11:11:11")), []);
        assert_eq!(started(&mut timetable).as_deref(), Some("app/often"));
        timetable.ended();
        assert_eq!(started(&mut timetable).as_deref(), Some("app/late"));
        timetable.ended();
        assert_eq!(started(&mut timetable), None);
        assert_eq!(timetable.next(), Some(at("11:15:00")));
    }

    #[test]
    fn each_app_has_its_own_time_zone() {
        let entries = vec![
            entry("berlin", "nightly", "0 3 * * *", "Europe/Berlin"),
            entry("utc", "nightly", "0 3 * * *", "UTC"),
        ];
        let mut timetable = Timetable::new(entries, at("00:00:00"));
        assert_eq!(timetable.next(), Some(at("02:00:00")));
        timetable.tick(at("02:00:00"));
        assert_eq!(started(&mut timetable).as_deref(), Some("berlin/nightly"));
        assert_eq!(timetable.next(), Some(at("03:00:00")));
    }

    #[test]
    fn what_never_runs_is_never_next() {
        let entries = vec![entry("app", "never", "0 0 31 2 *", "UTC")];
        let mut timetable = Timetable::new(entries, at("00:00:00"));
        assert_eq!(timetable.next(), None);
        assert_eq!(timetable.tick(at("23:00:00")), []);
        assert_eq!(timetable.start(), None);
    }
}
