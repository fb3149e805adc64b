//! `source.root`: inside the repository, and there.

use super::super::decode::normalize;
use super::super::files::{Kind, ReadError};
use super::super::node::{Entry, Node};
use super::super::report::Report;
use super::super::source::{Repository, join};
use super::error;

pub(super) fn check(app: &Entry, repository: &Repository, report: &mut Report) {
    let Some(root) = app
        .value
        .get("source")
        .and_then(|source| source.get("root"))
    else {
        return;
    };
    let Some(text) = root.text() else { return };
    let message = match join("", &normalize(text)) {
        None => format!("`source.root` leads outside the repository with `..`: `{text}`"),
        Some(path) => match repository.kind(&path) {
            Ok(Kind::Directory) => return,
            Ok(Kind::File | Kind::Other) => format!("`source.root` is a file: `{text}`"),
            Err(ReadError::Outside) => {
                format!("`source.root` is a link that leads outside the repository: `{text}`")
            }
            // A configuration on its own, without the source it belongs to, can still be checked.
            Err(_) if repository.is_bare() => return,
            Err(_) => format!("there is no directory `{text}` for `source.root`"),
        },
    };
    report.add(
        error(report, "U305", root.span, message)
            .hint("it is the app's directory, relative to the repository's root")
            .docs("/create-apps/image-properties/source.html"),
    );
}

/// `source.root` of an application as a path, empty for the repository's root.
pub(crate) fn root(app: &Entry) -> String {
    app.value
        .get("source")
        .and_then(|source| source.get("root"))
        .and_then(Node::text)
        .map(normalize)
        .unwrap_or_default()
}
