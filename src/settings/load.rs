//! Loads the settings of a repository and, below them, those of the user of this machine.
//!
//! Two files say the same kind of things, and differ in who wrote them. The user's own file is trusted. That of the
//! repository is trusted only where Git ignores it, for then it did not come with the repository: otherwise it may say
//! nothing that reaches for what lies outside the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::reach::{self, Reaching};
use super::{Error, FILE_NAME, Settings, names, read};
use crate::bounded::{self, MEBIBYTE};
use crate::config::outline::Outline;

/// The user's own file, below the directory of all programs' configuration.
const OWN: &str = "upsun-local/settings.yaml";

/// Where the user's own settings are.
#[derive(Debug, Clone, Default)]
pub struct OwnFile {
    /// The file; none where neither variable is set.
    path: Option<PathBuf>,
    /// `HOME`, for `~/` in paths and in what is shown.
    home: Option<PathBuf>,
}

/// What it is called in general.
pub(crate) const OWN_NAME: &str = crate::project::OWN_SETTINGS;

impl OwnFile {
    /// From `XDG_CONFIG_HOME` and `HOME`.
    pub fn of(config_home: Option<PathBuf>, home: Option<PathBuf>) -> Self {
        let below_home = || Some(home.as_ref()?.join(".config"));
        let directory = config_home
            .filter(|path| path.is_absolute())
            .or_else(below_home);
        OwnFile {
            path: directory.map(|directory| directory.join(OWN)),
            home,
        }
    }

    /// The file as it can be shown.
    pub fn name(&self) -> String {
        let Some(path) = &self.path else {
            return OWN_NAME.to_owned();
        };
        let home = self.home.as_ref().filter(|home| home.parent().is_some());
        match home.and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        }
    }

    /// Its text; `None` where there is none.
    pub fn read(&self) -> Result<Option<String>, Error> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let text = bounded::read_anywhere(path, MEBIBYTE)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| bounded::Error::NotText));
        match text {
            Ok(text) => Ok(Some(text)),
            Err(bounded::Error::Missing) => Ok(None),
            Err(source) => Err(Error::Read {
                file: self.name(),
                source,
            }),
        }
    }

    /// A path of the user's own file as an absolute one: it counts from the folder of the file.
    fn resolved(&self, path: &Path) -> PathBuf {
        if let (Ok(below), Some(home)) = (path.strip_prefix("~"), &self.home) {
            return home.join(below);
        }
        let folder = self.path.as_deref().and_then(Path::parent);
        folder.unwrap_or(Path::new("/")).join(path)
    }
}

/// Both files together.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What counts.
    pub settings: Settings,
    /// What the repository's file says and may not.
    pub refused: Vec<Reaching>,
}

/// Reads the settings for the repository at `root`. `is_ignored` asks Git whether it ignores the repository's file; it
/// is only asked where that makes a difference.
pub fn load(
    root: &Path,
    own: &OwnFile,
    is_ignored: impl FnOnce() -> bool,
) -> Result<Loaded, Error> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let below = match own.read()? {
        Some(text) => of_user(&text, own)?,
        None => Settings::default(),
    };
    let Some(text) = read(&root)? else {
        let own_users = below.users.keys().cloned().collect();
        let settings = Settings { own_users, ..below };
        return Ok(Loaded {
            settings,
            refused: Vec::new(),
        });
    };
    let (mut settings, outline) = Settings::with_outline(&text, FILE_NAME)?;
    settings.places = places(&outline, FILE_NAME);
    settings.names = names::of(&settings, &outline);
    let mut modest = settings.clone();
    let mut refused = reach::take_out(&mut modest, &outline, &root);
    let matters = !refused.is_empty() || !settings.images.is_empty();
    if matters && is_ignored() {
        refused.clear();
    } else {
        settings = modest;
        settings.foreign_images = settings.images.values().cloned().collect();
    }
    place_paths(&mut settings, |path| {
        bounded::inside(&root, path).unwrap_or_else(|| root.join(path))
    });
    settings
        .foreign_images
        .retain(|image| !below.images.values().any(|own| own == image));
    settings.own_users = only_below(&settings, &below);
    let has = |key: &str| outline.line(&[key]).is_some();
    Ok(Loaded {
        settings: settings.over(has, below),
        refused,
    })
}

fn of_user(text: &str, own: &OwnFile) -> Result<Settings, Error> {
    let name = own.name();
    let (mut settings, outline) = Settings::with_outline(text, &name)?;
    settings.places = places(&outline, &name);
    place_paths(&mut settings, |path| own.resolved(path));
    Ok(settings)
}

fn only_below(settings: &Settings, below: &Settings) -> BTreeSet<String> {
    let names = below.users.keys();
    names
        .filter(|name| !settings.users.contains_key(*name))
        .cloned()
        .collect()
}

fn place_paths(settings: &mut Settings, place: impl Fn(&Path) -> PathBuf) {
    let paths = settings.env_file.iter_mut();
    for path in paths.chain(&mut settings.ca_certificates) {
        *path = place(path);
    }
}

fn places(outline: &Outline, file: &str) -> std::collections::BTreeMap<&'static str, String> {
    let keys = ["env_file", "ca_certificates"].into_iter();
    keys.filter_map(|key| Some((key, format!("{file}:{}", outline.line(&[key])?))))
        .collect()
}

#[cfg(test)]
mod tests;
