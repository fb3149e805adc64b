//! The settings that a command works with, and the files that they name.

use crate::user_variables;
use std::path::{Path, PathBuf};

use super::{Error, Surroundings, Variables};
use crate::bounded::{self, MEBIBYTE};
use crate::config::Config;
use crate::image_ref::ImageRef;
use crate::images::{self, Certificates};
use crate::project::Project;
use crate::settings::load::{self, Loaded, OwnFile};
use crate::settings::{self, FILE_NAME, Settings};
use crate::source;
use crate::user_variables::UserVariables;
use crate::variable_store::{self, Stored, VariableStore};

/// A file of variables, above `env_file`.
const ENV_FILE: &str = "UPSUN_LOCAL_ENV_FILE";
/// Images, above `images`: `nodejs:24=<image>,postgresql=<image>`.
const IMAGES: &str = "UPSUN_LOCAL_IMAGES";

/// The settings of a repository with those of the user below them.
pub fn of(root: &Path, surroundings: &Surroundings) -> Result<Settings, Error> {
    let loaded = load(root, surroundings)?;
    if loaded.refused.is_empty() {
        Ok(loaded.settings)
    } else {
        Err(refused(&surroundings.own_settings, &loaded))
    }
}

/// The settings for commands that only remove or look: a key that the repository may not set is ignored, except
/// `engine`.
pub(crate) fn of_lenient(root: &Path, surroundings: &Surroundings) -> Result<Settings, Error> {
    let mut loaded = load(root, surroundings)?;
    let is_named = surroundings.names_engine;
    loaded
        .refused
        .retain(|reaching| reaching.key == "engine" && !is_named);
    if loaded.refused.is_empty() {
        Ok(loaded.settings)
    } else {
        Err(refused(&surroundings.own_settings, &loaded))
    }
}

/// The variables of the environment: those of `env_file`, those of the settings, and those that were set through
/// Upsun's API. Those that were set there for the project become the settings'.
pub(super) fn user_variables(
    project: &Project,
    environment: &str,
    settings: &mut Settings,
    lenient: bool,
) -> Result<UserVariables, Error> {
    // Commands that tidy up need no variables.
    let mut variables = if lenient {
        UserVariables::new()
    } else {
        read_env_file(&project.root, settings)?
    };
    variables.extend(settings.variables.environment.clone());
    let stored = stored_variables(project, lenient)?;
    variable_store::apply(&stored.project, &mut settings.variables.project);
    if let Some(stored) = stored.environments.get(environment) {
        variable_store::apply(stored, &mut variables);
    }
    Ok(variables)
}

/// The variables that were set through Upsun's API.
fn stored_variables(project: &Project, lenient: bool) -> Result<Stored, Error> {
    let store = VariableStore::of(&project.state_dir);
    match store.read() {
        Ok(stored) => Ok(stored),
        Err(_) if lenient => Ok(Stored::default()),
        Err(err) => {
            let path = store.path().display();
            Err(Error::file(format!("{path}: {err}"))
                .hint("delete the file to go on without the variables that were set in it"))
        }
    }
}

fn load(root: &Path, surroundings: &Surroundings) -> Result<Loaded, Error> {
    let is_private = || source::is_private(root, FILE_NAME);
    let mut loaded =
        load::load(root, &surroundings.own_settings, is_private).map_err(|err| failure(&err))?;
    let settings = &mut loaded.settings;
    if let Some(path) = surroundings.variables.get(ENV_FILE) {
        let path = std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(path));
        settings.env_file = Some(path);
        settings.places.insert("env_file", ENV_FILE.to_owned());
    }
    for (kind, image) in images_of_variable(&surroundings.variables)? {
        settings.foreign_images.remove(&image);
        settings.images.insert(kind, image);
    }
    Ok(loaded)
}

fn images_of_variable(variables: &Variables) -> Result<Vec<(String, String)>, Error> {
    let Some(text) = variables.get(IMAGES) else {
        return Ok(Vec::new());
    };
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (kind, image) = pair.split_once('=').unwrap_or((pair, ""));
            match ImageRef::new(image.trim()) {
                Ok(image) => Ok((kind.trim().to_owned(), image.as_str().to_owned())),
                Err(_) => Err(
                    Error::request(format!("{IMAGES} names no image in `{pair}`"))
                        .hint("write it as `nodejs:24=node:24-bookworm,postgresql=my/postgres`"),
                ),
            }
        })
        .collect()
}

/// What is wrong with a settings file, as a failure.
pub fn failure(err: &settings::Error) -> Error {
    Error::file(err.to_string()).hinted(err.hint())
}

/// Reports all names at once that the configuration does not have.
pub(super) fn check_names(settings: &Settings, config: &Config) -> Result<(), Error> {
    let mut unknown = settings.unknown_names(config);
    match unknown.len() {
        0 => Ok(()),
        1 => {
            let only = unknown.swap_remove(0);
            Err(Error::file(only.message).hint(only.hint))
        }
        _ => {
            let lines = unknown.iter();
            let lines: Vec<String> = lines
                .map(|name| format!("{} ({})", name.message, name.hint))
                .collect();
            Err(Error::file(lines.join("\n       ")))
        }
    }
}

/// Reports all refused keys at once.
fn refused(own: &OwnFile, loaded: &Loaded) -> Error {
    let lines: Vec<String> = loaded
        .refused
        .iter()
        .map(|reaching| {
            let line = reaching.line.map(|line| format!(":{line}"));
            format!(
                "{FILE_NAME}{}: `{}` reaches outside the repository, and may not be set by a file that comes with it",
                line.unwrap_or_default(),
                reaching.key
            )
        })
        .collect();
    let other = match loaded.refused.as_slice() {
        [only] => match only.key.as_str() {
            "engine" | "engines" => ", or use `--engine` or `UPSUN_LOCAL_ENGINE`",
            "port" => ", or use `UPSUN_LOCAL_PORT`",
            "env_file" => ", or use `UPSUN_LOCAL_ENV_FILE`",
            key if key.starts_with("images.") => ", or use `UPSUN_LOCAL_IMAGES`",
            _ => "",
        },
        _ => "",
    };
    Error::file(lines.join("\n       ")).hint(format!(
        "write it into {}{other}; it counts in {FILE_NAME} too where Git ignores that file",
        own.name()
    ))
}

/// The warning about a proxy that is used without its user name and password.
pub fn without_credentials(surroundings: &Surroundings) -> (String, Option<String>) {
    (
        "containers get the proxy without its user name and password".to_owned(),
        Some(format!(
            "if it asks for them: `proxy: {{credentials: true}}` in {}",
            surroundings.own_settings.name()
        )),
    )
}

/// The variables of `env_file`.
pub(crate) fn read_env_file(root: &Path, settings: &Settings) -> Result<UserVariables, Error> {
    let Some(path) = &settings.env_file else {
        return Ok(UserVariables::new());
    };
    let place = settings.places.get("env_file");
    let place = place.map_or(FILE_NAME, String::as_str);
    let bytes = bounded::read_named(root, path, MEBIBYTE).map_err(|err| {
        let hint = match err {
            bounded::Error::Outside => "put a file there instead of the link, or name the file in settings of your own",
            bounded::Error::Missing => "its path is relative to the folder of the settings; remove the setting if there is no such file",
            _ => "name a file of `NAME=value` lines",
        };
        Error::file( format!("{place}: `env_file`: {err}")).hint(hint)
    })?;
    let text = String::from_utf8(bytes).map_err(|_| bounded::Error::NotText.to_string());
    text.and_then(|text| user_variables::parse_env_file(&text).map_err(|err| err.to_string()))
        .map_err(|err| Error::file(format!("{place}: `env_file`: {err}")))
}

/// The certificates of `ca_certificates`, or else those that this process's variables name.
pub(crate) fn find_certificates(
    root: &Path,
    settings: &Settings,
    variables: &Variables,
) -> Result<Option<Certificates>, Error> {
    images::find_ca_bundle(
        settings,
        |name| variables.get(name),
        |path, limit| bounded::read_named(root, path, limit),
    )
    .map_err(|err| Error::file(err.to_string()))
}
