//! Reads `.upsun/*.yaml` into a typed [`Config`], or says everything that is wrong with it.
//!
//! This module knows what Upsun's configuration means; it does not know how a container is run.

pub mod app;
mod decode;
mod include;
mod lint;
mod meaning;
mod merge;
mod node;
pub mod problem;
pub mod render;
mod report;
mod scalar;
mod schema;
mod shell;
mod source;
pub mod versions;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use self::app::App;
use self::include::Reader;
use self::merge::Merged;
use self::problem::{Class, Place, Problem};
use self::report::Report;
use self::source::{ReadError, Repository};

/// The directory that Upsun reads.
const FOLDER: &str = ".upsun";

/// The merged configuration of one repository: every `*.yaml` at the first level of `.upsun/`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The applications by name, in the order in which they are written.
    pub apps: IndexMap<String, App>,
    /// The services by name, as written (`type`, `configuration`, …).
    pub services: IndexMap<String, Service>,
    /// The routes by URL pattern, as written.
    pub routes: IndexMap<String, Value>,
}

/// One entry of the top-level `services`.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The name under which relationships find it.
    pub name: String,
    /// `postgresql:18`: the service's type and version, as written.
    pub r#type: String,
    /// Where its name stands.
    pub place: problem::Place,
    /// The whole entry as JSON.
    pub raw: Value,
}

/// What [`load`] found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The configuration; `None` when any problem is an error.
    pub config: Option<Config>,
    /// Everything that is wrong, by file and line.
    pub problems: Vec<Problem>,
    /// The text of every file that was read, by the name that places carry.
    pub texts: BTreeMap<String, Arc<str>>,
}

impl Loaded {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// The nearest directory at or above `start` that has an `.upsun`.
pub fn find_root(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| folder.join(FOLDER).symlink_metadata().is_ok())
        .map(Path::to_path_buf)
}

/// Reads everything in `.upsun/` of `repository`.
///
/// All problems are reported at once. Nothing is printed, and nothing but files inside the repository
/// is read.
pub fn load(repository: &Path) -> Loaded {
    let mut report = Report::default();
    let config = read(repository, &mut report);
    let failed = report.has_errors();
    let (problems, sources) = report.finish();
    let texts = sources
        .files()
        .iter()
        .map(|source| (source.name.clone(), source.text.clone()))
        .collect();
    Loaded {
        config: config.filter(|_| !failed),
        problems,
        texts,
    }
}

fn read(root: &Path, report: &mut Report) -> Option<Config> {
    let repository = match Repository::new(root) {
        Ok(repository) => repository,
        Err(error) => {
            report.add(unreadable(FOLDER, &ReadError::from(error)));
            return None;
        }
    };
    let names = match first_level(&repository) {
        Ok(names) => names,
        Err(error) => {
            report.add(unreadable(FOLDER, &error));
            return None;
        }
    };
    let mut merged = Merged::default();
    let mut broken = names.is_empty();
    if broken {
        let message = "there is no configuration in `.upsun`: it holds no YAML file";
        let problem = Problem::error("U124", Class::Schema, start_of(FOLDER), message);
        report.add(problem.hint("put one there, such as `.upsun/config.yaml`"));
    }
    let mut reader = Reader::new(&repository, report);
    for name in names {
        let path = Path::new(FOLDER).join(&name);
        let shown = format!("{FOLDER}/{}", source::clean(&name.to_string_lossy()));
        let bytes = match repository.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                reader.report.add(unreadable(&shown, &error));
                broken = true;
                continue;
            }
        };
        let Some(file) = reader.add(shown, bytes) else {
            broken = true;
            continue;
        };
        match reader.document(file) {
            Some(root) => merged.add(root, reader.report),
            None => broken = true,
        }
    }
    if !merged.has_applications && !merged.has_empty && !broken {
        missing_applications(report);
    }
    schema::check_all(&merged, report);
    meaning::check(&merged, &repository, broken, report);
    lint::check(&merged, &repository, report);
    if let Some(entry) = decode::too_large(&merged) {
        let message = "with what its workers take over this application is too large";
        report.add(report.error("U106", Class::Yaml, entry.key_span, message));
        return None;
    }
    Some(decode::config(&merged, report))
}

/// The names of the YAML files at the first level of `.upsun/`, in order.
fn first_level(repository: &Repository) -> Result<Vec<std::ffi::OsString>, ReadError> {
    let folder = repository.resolve(FOLDER)?;
    if !folder.is_dir() {
        return Err(ReadError::NoDirectory);
    }
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let is_yaml = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn missing_applications(report: &mut Report) {
    let place = report
        .sources
        .files()
        .first()
        .map_or_else(|| start_of(FOLDER), |source| source.place(0..0));
    let message = "no file in `.upsun` has the key `applications`";
    let problem = Problem::error("U124", Class::Schema, place, message);
    report.add(
        problem
            .hint("a project has at least one application, under `applications:`")
            .docs("/learn/overview/yaml/yaml-structure.html"),
    );
}

fn unreadable(name: &str, error: &ReadError) -> Problem {
    let message = match error {
        ReadError::Missing if name == FOLDER => "there is no directory `.upsun`".to_owned(),
        error => format!("`{name}` cannot be read: {error}"),
    };
    let hint = match error {
        ReadError::Missing if name == FOLDER => {
            "run this in a repository with an `.upsun` directory, or name one"
        }
        ReadError::Missing => "remove the link, or let it lead to a file of the repository",
        ReadError::Outside | ReadError::Loop => {
            "Upsun sees only what is in the repository: replace the link by the file"
        }
        ReadError::Directory => "only files at the first level of `.upsun` are read: rename it",
        ReadError::NoDirectory => "make it a directory with a file such as `config.yaml` in it",
        ReadError::Special => "replace it by a regular file",
        ReadError::TooLarge => "split it into several files",
        ReadError::Permission => "give yourself the permission to read it: `chmod u+r`",
        ReadError::Other(_) => "check the file and the disk it is on",
    };
    Problem::error("U101", Class::Yaml, start_of(name), message).hint(hint)
}

fn start_of(name: &str) -> Place {
    Place {
        file: name.to_owned(),
        line: 1,
        column: 1,
        span: 0..0,
    }
}

#[cfg(test)]
mod tests;
