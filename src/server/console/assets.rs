//! The files of the console, which are part of the program. They are plain ES modules and style sheets: a new file is
//! one line of [`FILES`].

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};

use super::super::answer::{self, Answer};
use super::super::request::Call;
use crate::project::hash;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Declares the files: those below `/console/assets/` have the names that they have here.
macro_rules! files {
    ($($name:literal $kind:ident),* $(,)?) => {
        &[$(($name, $kind, include_str!($name))),*]
    };
}

/// Name, type and content.
const FILES: &[(&str, &str, &str)] = files![
    "console.css" STYLE,
    "vendor/preact-htm.js" SCRIPT,
    "access.js" SCRIPT,
    "activities.js" SCRIPT,
    "ansi.js" SCRIPT,
    "api.js" SCRIPT,
    "app.js" SCRIPT,
    "configuration.js" SCRIPT,
    "crons.js" SCRIPT,
    "environment.js" SCRIPT,
    "log.js" SCRIPT,
    "logs.js" SCRIPT,
    "mounts.js" SCRIPT,
    "operations.js" SCRIPT,
    "parts.js" SCRIPT,
    "plan.js" SCRIPT,
    "store.js" SCRIPT,
    "undo.js" SCRIPT,
];

const PAGE: &str = include_str!("index.html");

pub(super) fn page(call: &Call) -> Answer {
    file_of(call, HTML, PAGE)
}

pub(super) fn file(call: &Call, name: &str) -> Option<Answer> {
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    found.map(|(_, kind, content)| file_of(call, kind, content))
}

/// The file, or only the answer that the browser has it already.
fn file_of(call: &Call, kind: &'static str, content: &'static str) -> Answer {
    let tag = format!("\"{}\"", &hash(content.as_bytes())[..16]);
    let is_known = call.header(IF_NONE_MATCH) == Some(&tag);
    let mut answer = answer::file(kind, if is_known { "" } else { content });
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest size of all files of the console together, in bytes.
    const LARGEST: usize = 150_000;

    #[test]
    fn all_files_together_are_small() {
        let size = FILES.iter().map(|(_, _, content)| content.len());
        let size = size.sum::<usize>() + PAGE.len();
        assert!(size <= LARGEST, "{size}");
    }

    #[test]
    fn the_page_names_every_module_so_that_all_are_loaded_at_once() {
        for (name, _, _) in FILES {
            let path = format!("\"/console/assets/{name}\"");
            assert!(PAGE.contains(&path), "{name}");
        }
    }

    /// Output and names come from the repository and its operations: they are text, wherever they stand.
    #[test]
    fn no_module_makes_html_from_text() {
        for (name, _, content) in FILES {
            if name.starts_with("vendor/") {
                continue;
            }
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "srcdoc",
            ] {
                assert!(!content.contains(word), "{name}: {word}");
            }
        }
    }
}
