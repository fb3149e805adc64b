//! Crons: that their times are times.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

use super::super::node::{Entry, Value};
use super::super::report::Report;
use super::scripts::is_blank;
use super::{entries, error, warning};

const DOCS: &str = "/create-apps/image-properties/crons.html";
/// The shortest time between two runs, in minutes.
const SHORTEST: u32 = 5;

pub(super) fn check(app: &Entry, report: &mut Report) {
    for cron in entries(&app.value, "crons") {
        if let Some(spec) = cron.value.get("spec")
            && let Some(text) = spec.text()
        {
            match Times::parse(text) {
                Err(why) => {
                    let message = format!("the cron `{}` has no valid times: {why}", cron.key);
                    let problem = error(report, "U360", spec.span, message);
                    let hint = "five fields: minute, hour, day of the month, month, day of the week; `H` stands for any";
                    report.add(problem.hint(hint).docs(DOCS));
                }
                Ok(times) if times.are_too_often() => {
                    let message = format!(
                        "the cron `{}` runs more often than every 5 minutes",
                        cron.key
                    );
                    let problem = warning(report, "U361", spec.span, message);
                    report.add(
                        problem
                            .hint("Upsun waits at least that long between two runs: write `*/5`")
                            .docs(DOCS),
                    );
                }
                Ok(_) => {}
            }
        }
        let has_commands = cron.value.get("commands").is_some();
        let old = cron.value.entry("cmd");
        match (has_commands, old) {
            (true, Some(old)) => {
                let message = "`cmd` and `commands` are both given";
                let problem = warning(report, "U362", old.key_span, message);
                report.add(problem.hint("remove `cmd`").docs(DOCS));
            }
            (false, None) if matches!(cron.value.value, Value::Map(_)) => {
                let message = format!("the cron `{}` has nothing to run", cron.key);
                let problem = error(report, "U362", cron.key_span, message);
                report.add(
                    problem
                        .hint("write `commands:` with `start:` below it")
                        .docs(DOCS),
                );
            }
            _ => {}
        }
        let start = cron
            .value
            .get("commands")
            .and_then(|commands| commands.get("start"))
            .or(old.map(|old| &old.value));
        if start.is_some_and(is_blank) {
            let span = start.map_or(cron.key_span, |start| start.span);
            let message = format!("the command of the cron `{}` is empty", cron.key);
            let problem = error(report, "U362", span, message);
            report.add(
                problem
                    .hint("write what it shall run, or remove the cron")
                    .docs(DOCS),
            );
        }
    }
}

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

/// When a cron runs, as far as the distance between two runs depends on it. A `H` without a step is left
/// out, since it stands for one value that nobody knows.
struct Times {
    minutes: Values,
    hours: Values,
}

/// The values of a field, none of which is over 63: one bit for each.
#[derive(Clone, Copy, Default)]
struct Values(u64);

impl Values {
    fn insert(&mut self, value: u32) {
        self.0 |= 1 << value;
    }

    /// In order.
    fn list(self) -> Vec<u32> {
        (0..u64::BITS)
            .filter(|value| self.0 >> value & 1 == 1)
            .collect()
    }
}

impl Times {
    fn parse(spec: &str) -> Result<Self, String> {
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
        let mut fields = [Values::default(); 5];
        for ((values_of, part), field) in fields.iter_mut().zip(parts).zip(&FIELDS) {
            *values_of = values(part, field)?;
        }
        let [minutes, hours, ..] = fields;
        Ok(Self { minutes, hours })
    }

    /// Whether two runs are nearer to each other than Upsun lets them be, also across the full hour.
    fn are_too_often(&self) -> bool {
        let (minutes, hours) = (self.minutes.list(), self.hours.list());
        let within = |pair: &[u32]| pair[1] - pair[0] < SHORTEST;
        if minutes.windows(2).any(within) {
            return true;
        }
        let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else {
            return false;
        };
        let has_neighbours = hours.windows(2).any(|pair| pair[1] - pair[0] == 1)
            || hours.first() == Some(&0) && hours.last() == Some(&23);
        has_neighbours && minutes.len() > 1 && first + 60 - last < SHORTEST
    }
}

/// What one field stands for.
fn values(text: &str, field: &Field) -> Result<Values, String> {
    let mut values = Values::default();
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
        let (low, high) = if range == "*" {
            (field.low, field.high)
        } else if let Some(rest) = range.strip_prefix('H') {
            match rest
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
            {
                Some(inner) => bounds(inner, field)?,
                None if rest.is_empty() => (field.low, field.high),
                None => return Err(format!("`{range}` does not stand for any {}", field.name)),
            }
        } else {
            bounds(range, field)?
        };
        match step {
            Some(step) => {
                // A single number with a step goes on to the end of the field.
                let high = if low == high { field.high } else { high };
                (low..=high)
                    .step_by(step as usize)
                    .for_each(|value| values.insert(value));
            }
            None if range.starts_with('H') => {}
            None => (low..=high).for_each(|value| values.insert(value)),
        }
    }
    Ok(values)
}

fn bounds(range: &str, field: &Field) -> Result<(u32, u32), String> {
    let Some((low, high)) = range.split_once('-') else {
        let value = number(range, field)?;
        return Ok((value, value));
    };
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
        None => Err(format!("`{text}` does not stand for any {}", field.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_has_five_fields_within_their_bounds() {
        let table = [
            ("*/5 * * * *", "ok"),
            ("H * * * *", "ok"),
            ("H/15 2 * * *", "ok"),
            ("H(0-29)/10 2 * * *", "ok"),
            ("0,30 9-17 1 jan mon-fri", "ok"),
            ("0 0 * * 7", "ok"),
            ("* * * * *", "often"),
            ("*/4 * * * *", "often"),
            ("0,2 * * * *", "often"),
            ("61 * * * *", "the minute is 61, and it goes from 0 to 59"),
            ("0 24 * * *", "the hour is 24, and it goes from 0 to 23"),
            (
                "0 0 0 * *",
                "the day of the month is 0, and it goes from 1 to 31",
            ),
            ("* * * *", "it has 4 fields"),
            ("@daily", "`@daily` is a shorthand that Upsun does not have"),
            ("*/0 * * * *", "`0` is not a step of the minute"),
            ("a * * * *", "`a` does not stand for any minute"),
            (
                "10-5 * * * *",
                "the range `10-5` of the minute runs backwards",
            ),
        ];
        for (spec, expected) in table {
            let found = match Times::parse(spec) {
                Ok(times) if times.are_too_often() => "often".to_owned(),
                Ok(_) => "ok".to_owned(),
                Err(why) => why,
            };
            assert_eq!(found, expected, "{spec}");
        }
    }
}
