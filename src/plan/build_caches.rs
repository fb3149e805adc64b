//! `build.caches`: directories of the app that a build finds as an earlier build left them, as long as some files of
//! the source are the same.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;
use serde_json::json;

use super::{BuildStep, Inputs};
use crate::config::app::BuildCache;
use crate::layout::PACKAGES_DIRECTORY;
use crate::project;

/// A cache of one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CachePlan {
    pub name: String,
    /// What is kept, relative to the app's root; empty for the whole app.
    pub directory: String,
    /// The directory with the archives of the cache, in the container of a build.
    pub store: String,
    /// The name of the archive that fits the source.
    pub key: String,
    /// Whether the last archive is used if no archive has that name.
    pub allow_stale: bool,
    /// How many files of the source decide about the key.
    pub watched: usize,
}

/// The caches of an app, in the order of the configuration.
pub(super) fn plan(inputs: &Inputs<'_>, steps: &[BuildStep]) -> Vec<CachePlan> {
    // Without commands, a build makes nothing that a later one could want.
    if !inputs.keeps_packages || steps.is_empty() {
        return Vec::new();
    }
    let caches = inputs.app.build_caches.iter();
    caches.map(|cache| plan_one(inputs, cache)).collect()
}

fn plan_one(inputs: &Inputs<'_>, cache: &BuildCache) -> CachePlan {
    let patterns: Vec<Pattern> = cache.watch.iter().map(|text| Pattern::new(text)).collect();
    let is_watched = |path: &[u8]| patterns.iter().any(|pattern| pattern.is_match(path));
    let files = (inputs.matching)(&is_watched);
    let named: Vec<_> = files
        .iter()
        .map(|(path, content)| (String::from_utf8_lossy(path), content))
        .collect();
    let app = (!cache.share_between_apps).then_some(&inputs.app.name);
    let store = project::hash(
        json!([app, cache.name, cache.directory])
            .to_string()
            .as_bytes(),
    );
    CachePlan {
        name: cache.name.clone(),
        directory: cache.directory.clone(),
        store: format!("{PACKAGES_DIRECTORY}/build-caches/{}", &store[..16]),
        key: project::hash(json!(named).to_string().as_bytes()),
        allow_stale: cache.allow_stale,
        watched: files.len(),
    }
}

/// A pattern of `watch`. A text that is not a pattern is a path.
struct Pattern {
    text: String,
    matcher: Option<GlobMatcher>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        Pattern {
            text: text.to_owned(),
            matcher: glob.ok().map(|glob| glob.compile_matcher()),
        }
    }

    fn is_match(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Some(matcher) => matcher.is_match(Path::new(OsStr::from_bytes(path))),
            None => self.text.as_bytes() == path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_files_as_a_shell_does() {
        for (pattern, path, expected) in [
            ("composer.*", "composer.lock", true),
            ("composer.*", "sub/composer.lock", false),
            ("assets/**/*.sass", "assets/a.sass", true),
            ("assets/**/*.sass", "assets/a/b/c.sass", true),
            ("assets/**/*.sass", "assets/a.svg", false),
            ("assets", "assets/a.sass", false),
            ("[a", "[a", true),
            ("[a", "a", false),
        ] {
            let found = Pattern::new(pattern).is_match(path.as_bytes());
            assert_eq!(found, expected, "{pattern} {path}");
        }
    }
}
