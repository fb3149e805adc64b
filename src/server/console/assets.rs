//! The files of the console, which are part of the program. They are plain ES modules and style sheets: a new file is
//! one line of [`FILES`].

use super::super::answer::{self, Answer};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Name below `/console/assets/`, type and content.
const FILES: &[(&str, &str, &str)] = &[
    ("console.js", SCRIPT, include_str!("console.js")),
    ("console.css", STYLE, include_str!("console.css")),
];

pub(super) fn page() -> Answer {
    answer::file(HTML, include_str!("index.html"))
}

pub(super) fn file(name: &str) -> Option<Answer> {
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    found.map(|(_, kind, content)| answer::file(kind, content))
}
