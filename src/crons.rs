//! The crons of an app: what they run, when, and for how long. Pure: nothing here runs one or reads a clock,
//! but for [`now`].
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/crons.html>

pub mod timetable;

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde_json::Value;

use crate::config::app::App;
use crate::roles::Role;
use crate::schedule::Schedule;

/// The role that running a cron by hand takes. Assumption: Upsun's docs do not say it; it is what operations and
/// shells, which can do the same, take unless told otherwise.
pub const ROLE: Role = Role::Contributor;

/// How long a cron may run: Upsun's default, and the most it takes.
const LONGEST: u64 = 86_400;

/// How long a cancelled cron has to end unless `shutdown_timeout` says it, in seconds.
const GRACE: u64 = 10;

/// One cron, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// Its name: the key under `crons`.
    pub name: String,
    /// `spec`.
    pub spec: String,
    /// `commands.start`, or the older `cmd`.
    pub start: String,
    /// `commands.stop`: runs instead of SIGTERM when it is cancelled.
    pub stop: Option<String>,
    /// `timeout`: how long it may run.
    pub timeout: Duration,
    /// `shutdown_timeout`: how long it may take to end once it is cancelled.
    pub grace: Duration,
}

/// The crons of an app, by name. The configuration was found valid, so each has times and a command.
pub fn of(app: &App) -> Vec<Cron> {
    let all = app.raw.get("crons").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .map(|(name, cron)| {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
            let seconds = |key: &str| cron.get(key).and_then(Value::as_u64);
            let commands = cron.get("commands");
            let command = |key: &str| text(commands.and_then(|commands| commands.get(key)));
            Cron {
                name: name.clone(),
                spec: text(cron.get("spec")).unwrap_or_default(),
                start: command("start")
                    .or_else(|| text(cron.get("cmd")))
                    .unwrap_or_default(),
                stop: command("stop"),
                // Nothing could run for no time at all, so 0 cannot be a limit.
                timeout: Duration::from_secs(
                    seconds("timeout")
                        .filter(|seconds| *seconds > 0)
                        .map_or(LONGEST, |seconds| seconds.min(LONGEST)),
                ),
                grace: Duration::from_secs(seconds("shutdown_timeout").unwrap_or(GRACE)),
            }
        })
        .collect()
}

impl Cron {
    /// When it runs. What its `H` stand for is decided by the project, the app and the name.
    pub fn schedule(&self, project: &str, app: &str) -> Result<Schedule, String> {
        Schedule::parse(&self.spec, &format!("{project}/{app}/{}", self.name))
    }
}

/// The time zone of that name; `None` where this machine does not know it.
pub(crate) fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

pub fn now(zone: &TimeZone) -> ZonedDateTime {
    Timestamp::now().to_zoned_datetime(zone.clone())
}

/// A time as people read it.
pub fn shown(at: &ZonedDateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_has_upsuns_defaults_and_limits() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".upsun")).unwrap();
        let text = "
applications:
  app:
    type: nodejs:24
    crons:
      plain: { spec: 'H * * * *', commands: { start: tidy } }
      full: { spec: 'H * * * *', commands: { start: a, stop: b }, timeout: 60, shutdown_timeout: 3 }
      older: { spec: 'H * * * *', cmd: tidy, timeout: 0 }
";
        std::fs::write(dir.path().join(".upsun/config.yaml"), text).unwrap();
        let config = crate::config::load(dir.path()).config.unwrap();
        let shown: Vec<String> = of(&config.apps["app"])
            .into_iter()
            .map(|cron| {
                let (timeout, grace) = (cron.timeout.as_secs(), cron.grace.as_secs());
                format!(
                    "{} {} {:?} {timeout} {grace}",
                    cron.name, cron.start, cron.stop
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "full a Some(\"b\") 60 3",
                "older tidy None 86400 10",
                "plain tidy None 86400 10",
            ]
        );
    }
}
