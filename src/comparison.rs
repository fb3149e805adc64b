//! Two configurations side by side: which app became which, and what follows from it. Pure.

pub mod access;
pub mod difference;
pub mod mounts;
pub mod push;
pub mod pushed;
pub mod services;
pub mod sheet;
pub mod users;
pub mod words;

use crate::config::Config;
use crate::config::app::{App, Image};

/// An app before and now; one of the two is there at least.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The app before; `None` if it is new.
    pub before: Option<&'a App>,
    /// The app now; `None` if it is removed.
    pub now: Option<&'a App>,
}

impl<'a> Pair<'a> {
    /// The name it had, when that is another one than it has.
    pub fn renamed_from(&self) -> Option<&'a str> {
        let (before, now) = (self.before?, self.now?);
        (before.name != now.name).then_some(before.name.as_str())
    }
}

/// The apps of two configurations, by name: those there are now, in their order, and then those that are gone. An
/// app that is gone is paired with a new one when nothing but the name seems to have changed.
pub fn pairs<'a>(before: &'a Config, now: &'a Config) -> Vec<Pair<'a>> {
    let is_gone = |app: &&App| !now.apps.contains_key(&app.name);
    let is_new = |app: &&App| !before.apps.contains_key(&app.name);
    let mut gone: Vec<&App> = before.apps.values().filter(is_gone).collect();
    let new: Vec<&App> = now.apps.values().filter(is_new).collect();
    let mut pairs = Vec::with_capacity(now.apps.len());
    for app in now.apps.values() {
        let mut earlier = before.apps.get(&app.name);
        if earlier.is_none()
            && let Some(at) = renamed(app, &gone, &new)
        {
            earlier = Some(gone.remove(at));
        }
        pairs.push(Pair {
            before: earlier,
            now: Some(app),
        });
    }
    pairs.extend(gone.into_iter().map(|app| Pair {
        before: Some(app),
        now: None,
    }));
    pairs
}

/// Which of the apps that are gone a new one was: the one that says the same, or the only one of its runtime and
/// directory where the new one is the only one too.
fn renamed(app: &App, gone: &[&App], new: &[&App]) -> Option<usize> {
    let same = gone.iter().position(|other| says_the_same(other, app));
    if same.is_some() {
        return same;
    }
    let is_alike =
        |other: &&App| other.source_root == app.source_root && runtime(other) == runtime(app);
    let only = new.iter().filter(|other| is_alike(other)).count() == 1
        && gone.iter().filter(|other| is_alike(other)).count() == 1;
    if only {
        gone.iter().position(is_alike)
    } else {
        None
    }
}

/// Whether two apps differ in their names only.
fn says_the_same(one: &App, other: &App) -> bool {
    let (Some(one), Some(other)) = (one.raw.as_object(), other.raw.as_object()) else {
        return false;
    };
    one.len() == other.len()
        && one
            .iter()
            .all(|(key, value)| key == "name" || other.get(key) == Some(value))
}

/// The name of what an app mainly runs on, without its version.
fn runtime(app: &App) -> Option<&str> {
    match &app.image {
        Image::Runtime(runtime) => Some(&runtime.name),
        Image::Composable { runtimes, .. } => runtimes
            .first()
            .map(|runtime| runtime.runtime.name.as_str()),
    }
}

#[cfg(test)]
mod tests;
