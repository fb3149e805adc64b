//! When a cron runs: the five fields of a `spec`, with `H` for a value that is always the same for one cron
//! and differs between crons, so that not all of them run at once.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

mod pace;

use std::fmt;

use jiff::civil::DateTime;
use jiff::{ToSpan, ZonedDateTime};
use sha2::{Digest, Sha256};

pub use self::pace::{Close, Pace};

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

/// How far ahead a next time is looked for: a 29th of February may be eight years away.
const HORIZON_YEARS: i16 = 9;

/// When a cron runs, every `H` resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The values of each field, one bit per value.
    values: [u64; 5],
    /// Whether the day of the month, and the day of the week, are restricted.
    restricted: (bool, bool),
    /// The spec with its `H` resolved.
    text: String,
}

impl Schedule {
    /// Reads a spec. `seed` decides what each `H` stands for: the same seed, the same times.
    pub fn parse(spec: &str, seed: &str) -> Result<Schedule, String> {
        Self::read(spec, Some(seed))
    }

    /// Reads a spec for what is certain of it whatever its `H` stand for: one without a step is left out.
    pub(crate) fn certain(spec: &str) -> Result<Schedule, String> {
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

    /// The first run after `after`; `None` if there is never one (a 31st of February).
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

    /// As in Vixie's cron: if both kinds of days are restricted, one of them is enough.
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
mod tests;
