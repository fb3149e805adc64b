//! When a cron runs: the five fields of a `spec`, with `H` for a value that is always the same for one cron
//! and differs between crons, so that not all of them run at once.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

use std::fmt;

use jiff::civil::DateTime;
use jiff::{ToSpan, ZonedDateTime};
use sha2::{Digest, Sha256};

/// One of the five fields.
#[derive(Debug)]
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        low: 0,
        high: 59,
        names: &[],
    },
    Field {
        name: "hour",
        low: 0,
        high: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        low: 1,
        high: 31,
        names: &[],
    },
    Field {
        name: "month",
        low: 1,
        high: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        name: "day of the week",
        low: 0,
        high: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

/// The shortest time between two runs on Upsun, in minutes.
const SHORTEST: u32 = 5;

/// The minutes of a day.
const DAY: u32 = 24 * 60;

/// How far ahead a next time is looked for: a 29th of February may be eight years away.
const HORIZON_YEARS: i16 = 9;

/// When a cron runs, every `H` resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// One bit a value, by field.
    values: [u64; 5],
    /// Whether the day of the month, and the day of the week, are restricted.
    restricted: (bool, bool),
    /// The spec with its `H` resolved.
    text: String,
}

/// How near to each other the runs of a cron are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// As far as Upsun wants them to be.
    Fine,
    /// Two are too near to each other, while most are not.
    Close(Close),
    /// Most are too near to each other.
    TooOften,
}

/// Two runs that are too near to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The time of the first: `:57`, or `05:57` where the hour counts.
    pub first: String,
    /// The time of the second.
    pub second: String,
    /// What lies between them, in minutes.
    pub minutes: u32,
}

/// Two runs that follow each other, in minutes of a day.
struct Gap {
    from: u32,
    to: u32,
    minutes: u32,
}

impl Schedule {
    /// Reads a spec. `seed` decides what each `H` stands for: the same seed, the same times.
    pub fn parse(spec: &str, seed: &str) -> Result<Schedule, String> {
        Self::read(spec, Some(seed))
    }

    /// Reads a spec for what is certain of it whatever its `H` stand for: one without a step is left out.
    pub fn certain(spec: &str) -> Result<Schedule, String> {
        Self::read(spec, None)
    }

    fn read(spec: &str, seed: Option<&str>) -> Result<Schedule, String> {
        let parts: Vec<&str> = spec.split_whitespace().collect();
        if spec.trim_start().starts_with('@') {
            return Err(format!(
                "`{}` is a shorthand that Upsun does not have",
                spec.trim()
            ));
        }
        if parts.len() != FIELDS.len() {
            return Err(format!("it has {} fields", parts.len()));
        }
        let mut values = [0; 5];
        let mut texts = Vec::new();
        for (at, (part, field)) in parts.iter().zip(&FIELDS).enumerate() {
            let (bits, text) = read_field(part, field, seed)?;
            values[at] = bits;
            texts.push(text);
        }
        // Sunday is 0 and 7.
        if values[4] & (1 << 7) != 0 {
            values[4] |= 1;
        }
        Ok(Schedule {
            values,
            restricted: (!parts[2].starts_with('*'), !parts[4].starts_with('*')),
            text: texts.join(" "),
        })
    }

    /// The minutes of an hour at which it runs.
    pub fn minutes(&self) -> impl Iterator<Item = u32> + '_ {
        (0..60).filter(|minute| self.has(0, *minute))
    }

    /// How near to each other its runs are, held against what Upsun lets them be.
    pub fn pace(&self) -> Pace {
        let gaps = self.gaps();
        let short: Vec<&Gap> = gaps.iter().filter(|gap| gap.minutes < SHORTEST).collect();
        match short.first() {
            None => Pace::Fine,
            Some(_) if short.len() * 2 > gaps.len() => Pace::TooOften,
            Some(gap) => Pace::Close(self.name(gap)),
        }
    }

    /// The times between its runs in a day, and from the last to the first of the next. Which days it runs on does
    /// not count.
    fn gaps(&self) -> Vec<Gap> {
        let minutes: Vec<u32> = self.minutes().collect();
        let mut hours: Vec<u32> = (0..24).filter(|hour| self.has(1, *hour)).collect();
        if hours.is_empty() {
            // It is not known which hour, and it is one.
            hours.push(12);
        }
        let runs: Vec<u32> = hours
            .iter()
            .flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute))
            .collect();
        let next = runs.iter().cycle().skip(1);
        runs.iter()
            .zip(next)
            .map(|(from, to)| Gap {
                from: *from,
                to: *to,
                minutes: if to > from {
                    to - from
                } else {
                    to + DAY - from
                },
            })
            .collect()
    }

    /// The two runs as they are spoken of: without the hour where it is any.
    fn name(&self, gap: &Gap) -> Close {
        let any_hour =
            (0..24).all(|hour| self.has(1, hour)) || (0..24).all(|hour| !self.has(1, hour));
        let time = |at: u32| {
            let (hour, minute) = (at / 60, at % 60);
            if any_hour {
                format!(":{minute:02}")
            } else {
                format!("{hour:02}:{minute:02}")
            }
        };
        Close {
            first: time(gap.from),
            second: time(gap.to),
            minutes: gap.minutes,
        }
    }

    /// What to write instead of the spec that this was read from, so that no two runs are too near to each other:
    /// never more runs than it has.
    pub fn slower(&self, spec: &str) -> String {
        let mut fields = spec.split_whitespace();
        let field = fields.next().unwrap_or_default();
        let rest = fields.collect::<Vec<_>>().join(" ");
        let minutes: Vec<u32> = self.minutes().collect();
        let covers = minutes.len() > 12
            && minutes.first().is_some_and(|first| *first < SHORTEST)
            && minutes.last().is_some_and(|last| *last >= 60 - SHORTEST);
        if covers {
            let any = if field.starts_with('H') { "H" } else { "*" };
            return format!("{any}/{SHORTEST} {rest}");
        }
        let mut kept: Vec<u32> = Vec::new();
        for minute in minutes {
            if kept.last().is_none_or(|last| minute - last >= SHORTEST) {
                kept.push(minute);
            }
        }
        if let (Some(first), Some(last)) = (kept.first(), kept.last())
            && kept.len() > 1
            && first + 60 - last < SHORTEST
        {
            kept.pop();
        }
        let kept: Vec<String> = kept.iter().map(u32::to_string).collect();
        format!("{} {rest}", kept.join(","))
    }

    /// The first time after `after` at which it runs; `None` when there is none (a 31st of February).
    pub fn next(&self, after: &ZonedDateTime) -> Option<ZonedDateTime> {
        let zone = after.time_zone().clone();
        let mut at = after
            .datetime()
            .checked_add(1.minute())
            .ok()?
            .with()
            .second(0)
            .subsec_nanosecond(0)
            .build()
            .ok()?;
        let last_year = at.year() + HORIZON_YEARS;
        while at.year() <= last_year {
            if !self.has(3, to_unsigned(at.month())) {
                at = start_of(at.date().first_of_month().checked_add(1.month()).ok()?);
            } else if !self.has_day(at) {
                at = start_of(at.date().tomorrow().ok()?);
            } else if !self.has(1, to_unsigned(at.hour())) {
                at = at
                    .with()
                    .minute(0)
                    .build()
                    .ok()?
                    .checked_add(1.hour())
                    .ok()?;
            } else if !self.has(0, to_unsigned(at.minute())) {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                // A time that the clock skips runs when the clock has moved on.
                let found = at.to_zoned_datetime(zone.clone()).ok()?;
                if found > *after {
                    return Some(found);
                }
                at = at.checked_add(1.minute()).ok()?;
            }
        }
        None
    }

    fn has(&self, field: usize, value: u32) -> bool {
        self.values[field] & (1 << value) != 0
    }

    /// As everywhere since Vixie's cron: when both kinds of days are restricted, either will do.
    fn has_day(&self, at: DateTime) -> bool {
        let day = self.has(2, to_unsigned(at.day()));
        let weekday = self.has(4, to_unsigned(at.weekday().to_sunday_zero_offset()));
        match self.restricted {
            (true, true) => day || weekday,
            _ => day && weekday,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn start_of(date: jiff::civil::Date) -> DateTime {
    date.at(0, 0, 0, 0)
}

/// Parts of a date are never negative.
fn to_unsigned(value: i8) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// What one field stands for: a bit a value, and the field with its `H` resolved. Without a seed an `H` of one
/// value stands for none, and one with a step begins where its range does.
fn read_field(text: &str, field: &Field, seed: Option<&str>) -> Result<(u64, String), String> {
    let mut bits = 0;
    let mut texts = Vec::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => {
                let step: u32 = step
                    .parse()
                    .ok()
                    .filter(|step| *step > 0)
                    .ok_or_else(|| format!("`{step}` is not a step of the {}", field.name))?;
                (range, Some(step))
            }
            None => (item, None),
        };
        let hashed = range.strip_prefix('H');
        let (low, high) = match hashed {
            _ if range == "*" => (field.low, field.high),
            None => bounds(range, field)?,
            // The 29th to the 31st are not in every month, and the 7 is a second Sunday.
            Some("") => match field.name {
                "day of the month" => (1, 28),
                "day of the week" => (0, 6),
                _ => (field.low, field.high),
            },
            Some(rest) => match rest
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
            {
                Some(inner) => bounds(inner, field)?,
                None => return Err(format!("`{range}` is not a {}", field.name)),
            },
        };
        if let (Some(_), None, None) = (hashed, step, seed) {
            texts.push(item.to_owned());
            continue;
        }
        let (low, high, step) = match (hashed, step) {
            (None, None) => (low, high, 1),
            (None, Some(step)) if low == high => (low, field.high, step),
            (None, Some(step)) => (low, high, step),
            (Some(_), None) => {
                let one = low + hash(seed, field.name, high - low + 1);
                (one, one, 1)
            }
            (Some(_), Some(step)) => {
                let first = low + hash(seed, field.name, step.min(high - low + 1));
                (first, high, step)
            }
        };
        for value in (low..=high).step_by(step as usize) {
            bits |= 1 << value;
        }
        texts.push(match (hashed, low == high) {
            (None, _) => item.to_owned(),
            (Some(_), true) => low.to_string(),
            (Some(_), false) => format!("{low}-{high}/{step}"),
        });
    }
    Ok((bits, texts.join(",")))
}

/// A value below `count` that only depends on the seed and the field; 0 without a seed.
fn hash(seed: Option<&str>, field: &str, count: u32) -> u32 {
    let Some(seed) = seed else {
        return 0;
    };
    let digest = Sha256::digest(format!("{seed}\0{field}"));
    let first: [u8; 4] = [digest[0], digest[1], digest[2], digest[3]];
    u32::from_be_bytes(first) % count.max(1)
}

fn bounds(range: &str, field: &Field) -> Result<(u32, u32), String> {
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    let (low, mut high) = (number(low, field)?, number(high, field)?);
    if field.high == 7 && high == 0 && low > 0 {
        // A week may also end with its Sunday.
        high = 7;
    }
    if low > high {
        return Err(format!(
            "the range `{range}` of the {} runs backwards",
            field.name
        ));
    }
    Ok((low, high))
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    let named = field
        .names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
        .and_then(|index| u32::try_from(index).ok())
        .map(|index| index + field.low);
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = named.or_else(|| is_number.then(|| text.parse().ok())?);
    match value {
        Some(value) if (field.low..=field.high).contains(&value) => Ok(value),
        Some(value) => Err(format!(
            "the {} is {value}, and it goes from {} to {}",
            field.name, field.low, field.high
        )),
        None if text.is_empty() => Err(format!("a number of the {} is missing", field.name)),
        None => Err(format!("`{text}` is not a {}", field.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(spec: &str, after: &str) -> String {
        let after: ZonedDateTime = after.parse().unwrap();
        Schedule::parse(spec, "app/cron")
            .unwrap()
            .next(&after)
            .map_or("never".to_owned(), |at| {
                at.strftime("%Y-%m-%d %H:%M %Z").to_string()
            })
    }

    #[test]
    fn the_next_time_is_the_first_that_all_fields_allow() {
        let table = [
            (
                "*/15 * * * *",
                "2026-11-24T10:07[UTC]",
                "2026-11-24 10:15 UTC",
            ),
            (
                "*/15 * * * *",
                "2026-11-24T10:15[UTC]",
                "2026-11-24 10:30 UTC",
            ),
            ("0 3 * * *", "2026-11-24T10:07[UTC]", "2026-11-25 03:00 UTC"),
            (
                "0 0 1 jan *",
                "2026-11-24T10:07[UTC]",
                "2027-01-01 00:00 UTC",
            ),
            (
                "30 4 * * mon",
                "2026-11-24T10:07[UTC]",
                "2026-11-30 04:30 UTC",
            ),
            (
                "30 4 * * 7",
                "2026-11-24T10:07[UTC]",
                "2026-11-29 04:30 UTC",
            ),
            (
                "0 0 29 2 *",
                "2026-11-24T10:07[UTC]",
                "2028-02-29 00:00 UTC",
            ),
            ("0 0 31 2 *", "2026-11-24T10:07[UTC]", "never"),
            // Either kind of day will do when both are restricted.
            (
                "0 0 13 * fri",
                "2026-11-24T10:07[UTC]",
                "2026-11-27 00:00 UTC",
            ),
            (
                "59 23 31 12 *",
                "2026-12-31T23:59:30[UTC]",
                "2027-12-31 23:59 UTC",
            ),
        ];
        for (spec, after, expected) in table {
            assert_eq!(next(spec, after), expected, "{spec} after {after}");
        }
    }

    #[test]
    fn a_time_that_the_clock_skips_runs_once_it_has_moved_on() {
        assert_eq!(
            next("30 2 * * *", "2026-03-28T12:00[Europe/Berlin]"),
            "2026-03-29 03:30 CEST"
        );
        assert_eq!(
            next("30 2 * * *", "2026-03-29T03:30[Europe/Berlin]"),
            "2026-03-30 02:30 CEST"
        );
    }

    #[test]
    fn an_h_is_the_same_for_one_cron_and_stays_within_its_range() {
        for seed in 0..500 {
            let seed = seed.to_string();
            let schedule = Schedule::parse("H(10-19) H/6 H H H", &seed).unwrap();
            assert_eq!(
                schedule,
                Schedule::parse("H(10-19) H/6 H H H", &seed).unwrap()
            );
            assert_eq!(schedule.minutes().count(), 1);
            assert!(schedule.minutes().all(|minute| (10..20).contains(&minute)));
            assert_eq!(schedule.values[1].count_ones(), 4);
            assert!(schedule.values[2] & !0x1fff_fffe == 0, "day 29 or later");
        }
        let minutes: std::collections::BTreeSet<u32> = (0..500)
            .filter_map(|seed| {
                Schedule::parse("H * * * *", &seed.to_string())
                    .unwrap()
                    .minutes()
                    .next()
            })
            .collect();
        assert!(minutes.len() > 50, "they are spread over the hour");
    }

    #[test]
    fn a_resolved_spec_is_shown_without_h() {
        let schedule = Schedule::parse("0,30 9-17 */2 jan mon-fri", "x").unwrap();
        assert_eq!(schedule.to_string(), "0,30 9-17 */2 jan mon-fri");
        let text = Schedule::parse("H H(0-3) * * *", "x").unwrap().to_string();
        assert!(!text.contains('H'), "{text}");
        assert_eq!(
            Schedule::parse(&text, "y").unwrap().values,
            Schedule::parse("H H(0-3) * * *", "x").unwrap().values
        );
    }

    #[test]
    fn what_is_no_time_is_refused_in_words() {
        for (spec, why) in [
            ("61 * * * *", "the minute is 61, and it goes from 0 to 59"),
            ("* * * *", "it has 4 fields"),
            ("@daily", "`@daily` is a shorthand that Upsun does not have"),
            ("*/0 * * * *", "`0` is not a step of the minute"),
            ("Hx * * * *", "`Hx` is not a minute"),
            ("0 24 * * *", "the hour is 24, and it goes from 0 to 23"),
            (
                "0 0 0 * *",
                "the day of the month is 0, and it goes from 1 to 31",
            ),
            (
                "10-5 * * * *",
                "the range `10-5` of the minute runs backwards",
            ),
            ("+5 * * * *", "`+5` is not a minute"),
            ("1, * * * *", "a number of the minute is missing"),
        ] {
            assert_eq!(Schedule::parse(spec, ""), Err(why.to_owned()), "{spec}");
        }
    }

    #[test]
    fn a_week_may_end_with_its_sunday() {
        assert_eq!(
            next("0 3 * * sat-sun", "2026-11-28T12:00[UTC]"),
            "2026-11-29 03:00 UTC"
        );
    }

    #[test]
    fn a_cron_runs_too_often_where_most_runs_are_too_near_to_each_other() {
        let close = |first: &str, second: &str, minutes| {
            Pace::Close(Close {
                first: first.to_owned(),
                second: second.to_owned(),
                minutes,
            })
        };
        for (spec, expected) in [
            ("*/5 * * * *", Pace::Fine),
            ("H * * * *", Pace::Fine),
            ("H/15 2 * * *", Pace::Fine),
            ("H(0-29)/10 2 * * *", Pace::Fine),
            ("0,30 9-17 1 jan mon-fri", Pace::Fine),
            ("H,30 * * * *", Pace::Fine),
            ("58,2 3 * * *", Pace::Fine),
            ("* * * * *", Pace::TooOften),
            ("*/4 * * * *", Pace::TooOften),
            ("*/2 H * * *", Pace::TooOften),
            ("H/3 * * * *", Pace::TooOften),
            ("0,4,8 * * * *", Pace::TooOften),
            ("0-59/2 0 1 1 *", Pace::TooOften),
            ("*/19 * * * *", close(":57", ":00", 3)),
            ("*/7 * * * *", close(":56", ":00", 4)),
            ("0,2 * * * *", close(":00", ":02", 2)),
            ("58,2 * * * *", close(":58", ":02", 4)),
            ("*/19 8-9 * * *", close("08:57", "09:00", 3)),
            ("59,1 0,23 * * *", close("23:59", "00:01", 2)),
            ("0,30,31 5 * * *", close("05:30", "05:31", 1)),
            ("0,2 H * * *", close(":00", ":02", 2)),
        ] {
            let schedule = Schedule::certain(spec).unwrap();
            assert_eq!(schedule.pace(), expected, "{spec}");
        }
    }

    #[test]
    fn the_slower_times_are_slow_enough_and_no_more_than_there_were() {
        for (spec, expected) in [
            ("* * * * *", "*/5 * * * *"),
            ("*/4 3 * * mon", "*/5 3 * * mon"),
            ("H/3 * * * *", "H/5 * * * *"),
            ("0,4,8 * * * *", "0,8 * * * *"),
            ("0-10 * * * *", "0,5,10 * * * *"),
            ("0-11 4 * * *", "0,5,10 4 * * *"),
            ("0,1,2,58,59 * * * *", "0 * * * *"),
        ] {
            let slower = Schedule::certain(spec).unwrap().slower(spec);
            assert_eq!(slower, expected, "{spec}");
        }
        let mut bits: u64 = 0x9E37_79B9_7F4A_7C15;
        for _ in 0..2_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let minutes: Vec<String> = (0..60)
                .filter(|minute| bits & (bits >> 1) & (1 << minute) != 0 || *minute == bits % 60)
                .map(|minute| minute.to_string())
                .collect();
            let spec = format!("{} * * * *", minutes.join(","));
            let schedule = Schedule::certain(&spec).unwrap();
            let slower = Schedule::certain(&schedule.slower(&spec)).unwrap();
            assert_eq!(slower.pace(), Pace::Fine, "{spec}: {slower}");
            assert!(
                slower.minutes().count() <= minutes.len(),
                "{spec}: {slower}"
            );
        }
    }
}
