//! Adds mounts to the text of a configuration file, and leaves everything else in it as it is.
//!
//! The text is not written anew: lines are put in where they belong, so that comments and layout stay byte
//! for byte. Where that cannot be done without a doubt, nothing is done, and a [`Refused`] says why. It reads
//! and writes no files.

mod place;
mod verify;
mod write;

use std::sync::Arc;

use super::decode::normalize;
use super::files::MAX_FILE;
use super::node::{Entry, Node};
use super::report::Report;
use super::source::clean;
use super::yaml::layout::{Layout, layout};
use super::yaml::{self, Budget};
use crate::text::is_harmful;

use self::place::{InsertionPoint, line};

/// A mount to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMount {
    /// Its directory, relative to the application's root: `.next/cache`.
    pub path: String,
    /// `storage`, `instance` or `tmp`.
    pub source: &'static str,
    /// The directory in the source where it is not the mount's own path.
    pub source_path: Option<String>,
    /// What to say of it in a comment, where there is room for one.
    pub comment: Option<String>,
}

/// Whether a mount can have this path.
pub(crate) fn can_be_path(path: &str) -> bool {
    let path = normalize(path);
    let is_odd = |char| is_harmful(char) || matches!(char, '\u{2028}' | '\u{2029}' | '\u{FEFF}');
    !path.is_empty() && !path.contains(is_odd) && !path.split('/').any(|part| part == "..")
}

/// Why nothing was added. The text is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The text has errors, so that nothing can be said about what stands where.
    #[error("line {line} has an error, and it must be put right first: {reason}")]
    Unreadable {
        /// Where the first error is.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The application is in another file, or nowhere.
    #[error("there is no application `{app}` in this file")]
    NoApp {
        /// Its name.
        app: String,
    },
    /// The application has no such worker.
    #[error("the application `{app}` has no worker `{worker}` in this file")]
    NoWorker {
        /// The application's name.
        app: String,
        /// The worker's name.
        worker: String,
    },
    /// What would be added to is an alias.
    #[error(
        "{what} is an alias ({alias}) at line {line}: adding to it would change other places too"
    )]
    Alias {
        what: String,
        /// The alias as written.
        alias: String,
        line: usize,
    },
    /// What would be added to is repeated elsewhere by an alias.
    #[error(
        "{what} has the anchor at line {line} that line {used} repeats: adding to it would change both"
    )]
    Shared {
        what: String,
        /// The line of the anchor.
        line: usize,
        /// The line of the first alias.
        used: usize,
    },
    /// What would be added to comes, or may come, from a merge key.
    #[error(
        "the merge key `<<` at line {line} brings {what}, or may bring it: a key written there would take its place"
    )]
    Merged {
        what: String,
        /// The line of the merge key.
        line: usize,
    },
    /// What would be added to has a tag, so that it stands in another file.
    #[error(
        "{what} has the tag `{tag}` at line {line}, and what becomes of it is not to be seen in this file"
    )]
    Tag {
        what: String,
        /// The tag as written.
        tag: String,
        line: usize,
    },
    /// What would be added to stands in braces.
    #[error(
        "{what} is written in braces at line {line}: only lines without braces can be added to"
    )]
    Flow {
        what: String,
        /// The line of the opening brace.
        line: usize,
    },
    /// What would be added to is not a mapping.
    #[error("{what} is {kind} at line {line}, and only a mapping can be added to")]
    NotMapping {
        what: String,
        line: usize,
        /// What it is instead.
        kind: &'static str,
    },
    /// The lines are written in a form that this module does not know.
    #[error(
        "{what} is written in an unusual form at line {line}, and there is no safe place to add to it"
    )]
    Layout { what: String, line: usize },
    /// The last line has no end and belongs to a block text, which would become another text.
    #[error("line {line} is the last of a block text and has no line end: add the line end first")]
    NoLineEnd {
        /// The last line.
        line: usize,
    },
    /// The path is a mount already, and its files come from elsewhere.
    #[error(
        "`{path}` is a mount already at line {line}, and not one with `source: {source_wanted}`"
    )]
    AlreadyThere {
        path: String,
        /// The line of the mount that is there.
        line: usize,
        /// The source that was asked for.
        source_wanted: &'static str,
    },
    /// Upsun allows mounts inside each other only when they have the same source.
    #[error(
        "`{path}` and the mount `{other}` at line {line} lie inside each other, and their sources differ"
    )]
    Nested {
        path: String,
        /// The mount that is there.
        other: String,
        line: usize,
    },
    /// Two of the mounts to add have the same path, or lie inside each other, and have different sources.
    #[error(
        "`{path}` and `{other}` are to be added with different sources, and one holds the other"
    )]
    Between {
        path: String,
        /// The path of the other.
        other: String,
    },
    /// No mount can have this path.
    #[error("`{path}` cannot be the path of a mount")]
    Path { path: String },
    /// No mount can be added with this source.
    #[error("a mount cannot be added with the source `{source_wanted}`")]
    Source { source_wanted: &'static str },
    /// The new text did not read as the old one and the mounts.
    #[error("adding to {what} at line {line} would change more than that")]
    NotSure { what: String, line: usize },
}

/// Text of the file with mounts added to an app, or to one of its workers.
///
/// The mounts go where the container has its mounts from:
///
/// - without a `worker`, to `web.mounts` when that is there, since it takes the place of the application's,
///   and to the application's `mounts` otherwise;
/// - with one, to the worker's own `mounts`. A worker without any has those of the application: `mounts` of
///   its own would take them away from it, so that the new ones go to the application's, and `web` and all
///   workers without `mounts` of their own have them too. When the application has none either, nothing
///   would be taken away, and the worker gets `mounts` of its own.
///
/// Each is written in the style of the last mount that is there, or as Upsun's documentation does. A path
/// that begins with a dot gets a slash, since Upsun passes over keys that begin with a dot. Mounts that are
/// there already are left out; when that is all of them, the text comes back as it was. Paths lose slashes
/// at their ends.
///
/// The new text is read again before it is returned: it must say what the old one said, and the new mounts.
pub(crate) fn add_mounts(
    text: &str,
    app: &str,
    worker: Option<&str>,
    mounts: &[NewMount],
) -> Result<String, Refused> {
    let mounts = tidy(mounts)?;
    let tree = read(text)?;
    let layout = pieces(text)?;
    let place = place::find(text, &layout, &tree, app, worker)?;
    let there = place.path.iter().try_fold(&tree, |node, key| node.get(key));
    let mut missing = Vec::new();
    for mount in &mounts {
        if is_missing(text, mount, there.map(Node::entries).unwrap_or_default())? {
            missing.push(mount);
        }
    }
    if missing.is_empty() {
        return Ok(text.to_owned());
    }
    let written = write::write(text, &place, &missing)?;
    let added: Vec<(String, &NewMount)> = written.keys.into_iter().zip(missing).collect();
    match read(&written.text) {
        Ok(new) if verify::is_old_and(&added, &place.path, Some(&tree), &new) => Ok(written.text),
        _ => Err(unsure(text, &layout, &place)),
    }
}

/// Why the new text does not say what it should: most often because an alias repeats the place.
fn unsure(text: &str, layout: &Layout, place: &InsertionPoint<'_>) -> Refused {
    let shared = place.around.iter().rev().find_map(|(what, piece)| {
        let is_use = |(anchor, _): &&(usize, usize)| piece.anchor > 0 && *anchor == piece.anchor;
        let (_, used) = layout.aliases.iter().find(is_use)?;
        Some(Refused::Shared {
            what: what.clone(),
            line: line(text, piece.span.start),
            used: line(text, *used),
        })
    });
    shared.unwrap_or_else(|| Refused::NotSure {
        what: place.what.clone(),
        line: line(text, place.owner_key.span.start),
    })
}

/// The mounts without slashes at their ends, each once.
fn tidy(mounts: &[NewMount]) -> Result<Vec<NewMount>, Refused> {
    let mut tidied: Vec<NewMount> = Vec::new();
    for mount in mounts {
        let path = normalize(&mount.path);
        let is_possible = mount.source_path.as_deref().is_none_or(can_be_path);
        if !can_be_path(&path) || !is_possible {
            return Err(Refused::Path {
                path: clean(&mount.path),
            });
        }
        let source = mount.source;
        if !matches!(source, "storage" | "instance" | "tmp") {
            return Err(Refused::Source {
                source_wanted: source,
            });
        }
        let is_in_the_way = |other: &&NewMount| {
            let is_nested = is_inside(&other.path, &path) || is_inside(&path, &other.path);
            other.source != source && (is_nested || other.path == path)
        };
        if let Some(other) = tidied.iter().find(is_in_the_way) {
            return Err(Refused::Between {
                path: clean(&path),
                other: clean(&other.path),
            });
        }
        if !tidied.iter().any(|other| other.path == path) {
            let source_path = mount.source_path.clone();
            tidied.push(NewMount {
                path,
                source,
                source_path,
                // A comment ends with its line, and whatever ends a line ends it.
                comment: mount.comment.clone().filter(|text| can_be_path(text)),
            });
        }
    }
    Ok(tidied)
}

/// Whether none of the mounts that are there is this one, or in its way.
fn is_missing(text: &str, mount: &NewMount, there: &[Entry]) -> Result<bool, Refused> {
    let path = &mount.path;
    // Upsun passes over what begins with a dot.
    for entry in there.iter().filter(|entry| !entry.key.starts_with('.')) {
        let other = normalize(&entry.key);
        let is_alike = source(&entry.value) == Some(mount.source);
        let at_line = || line(text, entry.key_span.start as usize);
        if other == *path {
            if is_alike {
                return Ok(false);
            }
            return Err(Refused::AlreadyThere {
                path: clean(path),
                line: at_line(),
                source_wanted: mount.source,
            });
        }
        let is_nested = is_inside(&other, path) || is_inside(path, &other);
        if is_nested && !is_alike {
            return Err(Refused::Nested {
                path: clean(path),
                other: clean(&entry.key),
                line: at_line(),
            });
        }
    }
    Ok(true)
}

fn is_inside(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The source of a mount by its present name; none when its files are those of another application.
fn source(mount: &Node) -> Option<&str> {
    match mount.text_of("source")? {
        "storage" if mount.get("service").is_some() => None,
        "local" => Some("instance"),
        "temporary" => Some("tmp"),
        source => Some(source),
    }
}

/// To be called with how many bytes of a text are gone through, for the tests: a large file is gone through a few times,
/// and not once for each of its lines.
#[cfg(test)]
fn gone_through(bytes: usize) {
    tests::GONE_THROUGH.with(|sum| sum.set(sum.get() + bytes));
}

#[cfg(not(test))]
fn gone_through(_bytes: usize) {}

/// The tree of a text, with merge keys applied.
fn read(text: &str) -> Result<Node, Refused> {
    gone_through(text.len());
    if text.len() as u64 > MAX_FILE {
        return Err(Refused::Unreadable {
            line: 1,
            reason: "the file is too large".to_owned(),
        });
    }
    if let Some((at, char)) = text
        .char_indices()
        .find(|(_, char)| matches!(char, '\u{85}' | '\u{2028}' | '\u{2029}'))
    {
        let code = char as u32;
        return Err(Refused::Unreadable {
            line: line(text, at),
            reason: format!("the character U+{code:04X} ends a line for some readers of YAML only"),
        });
    }
    let mut report = Report::default();
    let file = report.sources.add(String::new(), Arc::from(text));
    let node = yaml::parse(file, &mut report, &mut Budget::default());
    match node {
        Some(mut node) if !report.has_errors() => {
            verify::flatten(&mut node);
            Ok(node)
        }
        _ => {
            let (problems, _) = report.finish();
            let problem = problems.into_iter().find(super::Problem::is_error);
            let (line, reason) = problem.map_or((1, String::new()), |found| {
                (found.place.line, found.message)
            });
            Err(Refused::Unreadable { line, reason })
        }
    }
}

fn pieces(text: &str) -> Result<Layout, Refused> {
    gone_through(text.len());
    layout(text).ok_or_else(|| Refused::Unreadable {
        line: 1,
        reason: "the file is not YAML".to_owned(),
    })
}

#[cfg(test)]
mod tests;
