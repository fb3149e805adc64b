//! The crons of the apps.

use jiff::tz::TimeZone;

use super::{Error, Workspace, find_app};
use crate::config::app::App;
use crate::crons::timetable::Entry;
use crate::crons::{self, Cron};
use crate::suggestion::nearest;

impl Workspace {
    /// The crons of an app with their times. The time zone is UTC where this machine does not know the app's.
    pub fn crons(&self, app: &App) -> Result<Vec<Entry>, Error> {
        let zone = crons::time_zone(&app.timezone).unwrap_or(TimeZone::UTC);
        crons::of(app)
            .into_iter()
            .map(|cron| {
                let schedule = cron
                    .schedule(&self.project.id, &app.name)
                    .map_err(|why| Error::fault(format!("the cron `{}`: {why}", cron.name)))?;
                Ok(Entry {
                    app: app.name.clone(),
                    cron,
                    schedule,
                    zone: zone.clone(),
                })
            })
            .collect()
    }

    /// The cron of that name, and its app.
    pub fn cron(&self, app: Option<&str>, name: &str) -> Result<(&App, Cron), Error> {
        let apps: Vec<&App> = match app {
            Some(app) => vec![find_app(&self.config, app)?],
            None => self.config.apps.values().collect(),
        };
        let all: Vec<(&App, Cron)> = apps
            .into_iter()
            .flat_map(|app| crons::of(app).into_iter().map(move |cron| (app, cron)))
            .collect();
        let mut found: Vec<(&App, Cron)> = all
            .iter()
            .filter(|(_, cron)| cron.name == name)
            .cloned()
            .collect();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let place = match app {
                    Some(app) => format!(" on `{app}`"),
                    None => String::new(),
                };
                let failure = Error::request(format!("there is no cron `{name}`{place}"));
                let names: Vec<&str> = all.iter().map(|(_, cron)| cron.name.as_str()).collect();
                Err(match nearest(name, names.iter().copied()) {
                    Some(near) => failure.hint(format!(
                        "did you mean `{near}`? `upsun-local cron list` shows all"
                    )),
                    None if names.is_empty() => failure
                        .hint("define it under `applications.<app>.crons` in .upsun/config.yaml"),
                    None => failure.hint(format!("there are: {}", names.join(", "))),
                })
            }
            _ => {
                let places: String = found
                    .iter()
                    .map(|(app, _)| format!("\n  upsun-local cron run {name} --app {}", app.name))
                    .collect();
                Err(Error::request(format!(
                    "the cron `{name}` is defined more than once; say which one you mean:{places}"
                )))
            }
        }
    }
}
