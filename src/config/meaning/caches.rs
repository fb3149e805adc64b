//! `build.caches`: which directory is kept, and for as long as which files stay the same.
//!
//! Source: Upsun's API calls `directory` "relative to the application root", and the documentation of Platform.sh, from
//! which Upsun has the key, calls `watch` required and takes glob patterns in it.

use globset::GlobBuilder;

use super::super::decode::caches::{directory, watched};
use super::super::node::{Entry, Value};
use super::super::report::Report;
use super::{entries, error, warning};

pub(super) fn check(app: &Entry, report: &mut Report) {
    let Some(build) = app.value.get("build") else {
        return;
    };
    for cache in entries(build, "caches") {
        // An entry that is no mapping was reported before.
        if !matches!(cache.value.value, Value::Map(_)) {
            continue;
        }
        place(cache, report);
        patterns(cache, report);
    }
}

fn place(cache: &Entry, report: &mut Report) {
    let path = directory(cache);
    if path.split('/').any(|part| part == "..") {
        let given = cache.value.get("directory");
        let span = given.map_or(cache.key_span, |node| node.span);
        let message = format!(
            "the build cache `{}` leaves the application's directory: `{path}`",
            cache.key
        );
        let problem = error(report, "U316", span, message);
        report.add(problem.hint("name a directory below the app's root"));
    }
}

fn patterns(cache: &Entry, report: &mut Report) {
    let watched = watched(&cache.value);
    if watched.is_empty() {
        let message = format!(
            "the build cache `{}` watches no file, so it is never used",
            cache.key
        );
        let problem = warning(report, "U317", cache.key_span, message);
        let hint = "name the files that decide whether the cache still fits, such as `watch: package-lock.json`";
        report.add(problem.hint(hint));
    }
    for node in watched {
        let Some(text) = node.text() else { continue };
        if let Err(err) = GlobBuilder::new(text).literal_separator(true).build() {
            let message = format!("`{text}` is not a pattern of paths: {}", err.kind());
            let problem = warning(report, "U317", node.span, message);
            report.add(problem.hint(
                "write a path such as `composer.lock`, or a pattern such as `assets/**/*.sass`",
            ));
        }
    }
}
