//! Reads `.upsun/*.yaml` into a typed [`Config`], or says everything that is wrong with it.
//!
//! This module knows what Upsun's configuration means; it does not know how a container is run.

pub mod app;
mod decode;
pub mod document;
pub mod edit;
pub mod files;
mod include;
mod lint;
mod meaning;
mod merge;
mod merged_lines;
pub mod mount_source;
mod node;
pub mod outline;
mod php_extensions;
pub mod problem;
pub mod render;
mod report;
pub mod rules;
mod scalar;
mod schema;
mod shell;
pub mod soundness;
mod source;
pub mod versions;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use self::app::App;
use self::document::Document;
use self::files::{Files, ReadError};
use self::include::Reader;
use self::merge::Merged;
pub(crate) use self::php_extensions::is_default as is_default_extension;
use self::problem::{Class, Place, Problem};
use self::report::Report;
pub use self::schema::json_schema;
use self::source::Repository;
use crate::services;

/// The directory that Upsun reads.
pub(crate) const FOLDER: &str = ".upsun";

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

impl<'a> From<&'a Service> for services::Configured<'a> {
    fn from(service: &'a Service) -> Self {
        services::Configured {
            name: &service.name,
            r#type: &service.r#type,
            file: &service.place.file,
            line: service.place.line,
            raw: &service.raw,
        }
    }
}

/// What [`load`] found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The configuration; `None` when any problem is an error.
    pub config: Option<Config>,
    /// Everything that is wrong, by file and line.
    pub problems: Vec<Problem>,
    /// How many warnings were left out because settings silence them.
    pub silenced: usize,
    /// The text of every file that was read, by the name that places carry.
    pub texts: BTreeMap<String, Arc<str>>,
}

impl Loaded {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// The problems with file names as Git writes them for a commit: `<revision>:<file>`.
    #[must_use]
    pub fn named_at(mut self, revision: &str) -> Self {
        let at = |file: &str| format!("{revision}:{file}");
        for problem in &mut self.problems {
            problem.place.file = at(&problem.place.file);
        }
        let texts = self.texts.into_iter();
        self.texts = texts.map(|(file, text)| (at(&file), text)).collect();
        self
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
    load_ignoring(repository, &[])
}

/// Loads the configuration, without the warnings that have one of these codes.
pub fn load_ignoring(repository: &Path, ignored: &[String]) -> Loaded {
    let (merged, report, repository) = read(on_disk(repository), ignored);
    check(&merged, report, repository.as_ref())
}

/// Loads the configuration with its errors only, for callers that print no warnings.
pub fn load_errors(repository: &Path) -> Loaded {
    let (merged, report, repository) = read(on_disk(repository), &[]);
    check_with(&merged, report, repository.as_ref(), false)
}

/// All problems, warnings too, of files that need not lie on the disk, such as those of a Git commit. What only a look
/// at the disk can tell is left out.
pub fn load_files_ignoring(files: Rc<dyn Files>, ignored: &[String]) -> Loaded {
    let (merged, report, repository) = read(Ok(Repository::of(files)), ignored);
    check(&merged, report, repository.as_ref())
}

/// Loads a configuration from `files` with its errors only.
pub fn load_files(files: Rc<dyn Files>) -> Loaded {
    let (merged, report, repository) = read(Ok(Repository::of(files)), &[]);
    check_with(&merged, report, repository.as_ref(), false)
}

/// Loads the configuration, and returns the merged document too: as far as it could be read if there are errors.
pub fn resolve(repository: &Path, ignored: &[String]) -> (Loaded, Document) {
    let (merged, report, repository) = read(on_disk(repository), ignored);
    let document = Document::of(&merged);
    (check(&merged, report, repository.as_ref()), document)
}

/// [`resolve`], with the line of each problem in the merged document; `None` for a problem that is about something else.
pub fn resolve_placed(
    repository: &Path,
    ignored: &[String],
) -> (Loaded, Document, Vec<Option<usize>>) {
    let (merged, report, repository) = read(on_disk(repository), ignored);
    let document = Document::of(&merged);
    let files = report.sources.files().iter();
    let files: Vec<String> = files.map(|source| source.name.clone()).collect();
    let loaded = check(&merged, report, repository.as_ref());
    let lines = merged_lines::lines(&merged, &files, &loaded.problems, &document);
    (loaded, document, lines)
}

/// Reads one text as if it were the only file of a repository.
pub fn resolve_text(text: &[u8]) -> (Loaded, Document) {
    let repository = Repository::empty();
    let mut report = Report::default();
    let mut merged = Merged::default();
    let mut reader = Reader::new(&repository, &mut report);
    let bytes = || Ok(text.to_vec());
    merged.is_partial |= !add(&mut merged, &mut reader, "config.yaml".as_ref(), bytes);
    let document = Document::of(&merged);
    (check(&merged, report, Some(&repository)), document)
}

fn on_disk(root: &Path) -> Result<Repository, ReadError> {
    Ok(Repository::new(root)?)
}

/// Merges the files of `.upsun/`; fails if there is no configuration at all.
fn read(
    repository: Result<Repository, ReadError>,
    ignored: &[String],
) -> (Merged, Report, Option<Repository>) {
    let mut report = Report::ignoring(ignored);
    let mut merged = Merged::default();
    let found = repository.and_then(|repository| Ok((first_level(&repository)?, repository)));
    let (names, repository) = match found {
        Ok(found) => found,
        Err(error) => {
            report.add(unreadable(FOLDER, &error));
            return (merged, report, None);
        }
    };
    if names.is_empty() {
        merged.is_partial = true;
        let message = "there is no configuration in `.upsun`: it holds no YAML file";
        let problem = Problem::error("U124", Class::Schema, start_of(FOLDER), message);
        report.add(problem.hint("put one there, such as `.upsun/config.yaml`"));
    }
    let mut reader = Reader::new(&repository, &mut report);
    let mut broken = merged.is_partial;
    for name in names {
        let bytes = || repository.read(Path::new(FOLDER).join(&name));
        broken |= !add(&mut merged, &mut reader, &name, bytes);
    }
    merged.is_partial |= broken;
    (merged, report, Some(repository))
}

/// Adds a file of `.upsun/`; false when it could not be read.
fn add(
    merged: &mut Merged,
    reader: &mut Reader<'_>,
    name: &OsStr,
    bytes: impl FnOnce() -> Result<Vec<u8>, ReadError>,
) -> bool {
    let path = format!("{FOLDER}/{}", name.to_string_lossy());
    let bytes = match bytes() {
        Ok(bytes) => bytes,
        Err(error) => {
            reader.report.add(unreadable(&source::clean(&path), &error));
            return false;
        }
    };
    let root = reader
        .add(path, bytes)
        .and_then(|file| reader.document(file));
    let is_read = root.is_some();
    if let Some(root) = root {
        merged.add(root, reader.report);
    }
    is_read
}

/// Holds what was put together against every rule.
fn check(merged: &Merged, report: Report, repository: Option<&Repository>) -> Loaded {
    check_with(merged, report, repository, true)
}

fn check_with(
    merged: &Merged,
    mut report: Report,
    repository: Option<&Repository>,
    lints: bool,
) -> Loaded {
    let config = repository.and_then(|repository| {
        if !merged.has_applications && !merged.has_empty && !merged.is_partial {
            missing_applications(&mut report);
        }
        schema::check_all(merged, &mut report);
        meaning::check(merged, repository, &mut report);
        if lints {
            lint::check(merged, repository, &mut report);
        }
        if let Some(entry) = decode::too_large(merged) {
            let message = "with what its workers take over this application is too large";
            report.add(report.error("U106", Class::Yaml, entry.key_span, message));
            return None;
        }
        (!report.has_errors()).then(|| decode::config(merged, &report))
    });
    let silenced = report.silenced();
    let (problems, sources) = report.finish();
    let texts = sources
        .files()
        .iter()
        .map(|source| (source.name.clone(), source.text.clone()))
        .collect();
    Loaded {
        config,
        problems,
        silenced,
        texts,
    }
}

/// The names of the YAML files at the first level of `.upsun/`, in order.
fn first_level(repository: &Repository) -> Result<Vec<OsString>, ReadError> {
    let mut names = repository.names(FOLDER)?;
    names.retain(|name| {
        Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
    });
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
