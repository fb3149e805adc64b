//! Which activities are meant: by type, state, result, environment and time, as with Upsun's CLI and API.

use jiff::Timestamp;

use super::{Activity, State};
use crate::event::Outcome;
use crate::wildcard::is_like;

/// A choice of activities. What is left open fits everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Types, of which one must fit; see `is_type`.
    pub types: Vec<String>,
    /// Types that are left out.
    pub excluded: Vec<String>,
    /// States, of which one must fit.
    pub states: Vec<State>,
    pub result: Option<Outcome>,
    pub environment: Option<String>,
    /// Only activities that were created before this time.
    pub before: Option<Timestamp>,
}

impl Selection {
    pub fn fits(&self, activity: &Activity) -> bool {
        let is = |pattern: &String| is_type(pattern, &activity.kind);
        let is_here = |name: &String| activity.environments.iter().any(|it| it == name);
        self.environment.as_ref().is_none_or(is_here)
            && (self.types.is_empty() || self.types.iter().any(is))
            && !self.excluded.iter().any(is)
            && (self.states.is_empty() || self.states.contains(&activity.state))
            && (self.result.is_none() || self.result == activity.result)
            && self.before.is_none_or(|time| activity.created_at.0 < time)
    }
}

/// Whether a type is meant. As with Upsun's CLI, the first part of the name may be left out, and `%` and `*` stand
/// for anything.
fn is_type(pattern: &str, kind: &str) -> bool {
    let pattern = pattern.trim();
    let rest = kind.split_once('.').map_or(kind, |(_, rest)| rest);
    is_like(pattern, kind) || is_like(pattern, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_with_upsuns_cli() {
        for (pattern, kind, expected) in [
            ("environment.cron", "environment.cron", true),
            ("cron", "environment.cron", true),
            ("ron", "environment.cron", false),
            ("%ron", "environment.cron", true),
            ("*operation", "environment.source-operation", true),
            ("operation", "environment.source-operation", false),
            ("environment.*", "environment.push", true),
            ("e%t.p*h", "environment.push", true),
            ("*.push*", "environment.push", true),
            ("push*push", "environment.push", false),
            ("*", "environment.push", true),
            ("", "environment.push", false),
        ] {
            assert_eq!(is_type(pattern, kind), expected, "{pattern} {kind}");
        }
    }
}
