//! How near to each other the runs of a cron are: Upsun starts none within 5 minutes of the one before.

use super::Schedule;

/// The shortest time between two runs on Upsun, in minutes.
const SHORTEST: u32 = 5;

/// The minutes of a day.
const DAY: u32 = 24 * 60;

/// How near to each other the runs of a cron are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// The runs are far enough apart for Upsun.
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
            // `H` can be any hour; this is one of them.
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

    /// The two runs for a message: without the hour if any hour is possible.
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
    pub(crate) fn slower(&self, spec: &str) -> String {
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
}
