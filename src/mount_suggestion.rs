//! Which mounts an operation needs, from what it wrote where it could write everywhere. Pure.
//!
//! What is mounted hides what the build put there, so a directory is only suggested when it is new, or when the
//! operation made everything in it anew.

pub mod configured;
mod files;
mod known;
mod layouts;
mod sources;
#[cfg(test)]
mod tests;
mod touched;

use crate::event::{Elsewhere, NewMount, Reason, Suggestion, Writer};
use std::collections::BTreeMap;

pub use self::files::{Files, LIST};
use self::files::{Kind, Touch, touches};
pub use self::known::Known;
use self::known::Room;
use self::layouts::{Place, Written};
use self::sources::split;
pub use self::touched::{LIST_TOUCHED, Touched};
use crate::config::{edit, mount_source};
use crate::event::ReadOnlyWrite;
use crate::mount_advice::{self, is_file as is_likely_file};

/// What programs leave where they can, and do without where they cannot: Python's bytecode, npm's own log.
const DISPENSABLE: [&str; 3] = [
    "__pycache__",
    ".npm/_logs",
    ".npm/_update-notifier-last-checked",
];

/// Maximum number of files to name that a mount would hide.
const NAMED: usize = 3;

/// The app's files at three moments.
#[derive(Debug, Clone, Copy)]
pub struct Listings<'a> {
    /// The files before the run: those of the build and of the mounts.
    pub built: &'a Files,
    /// When the operation began: the app's own process may have written something by then.
    pub begun: &'a Files,
    /// When it had ended.
    pub ended: &'a Files,
}

/// What is known of one directory.
#[derive(Debug, Default)]
struct Directory<'a> {
    /// How much was made in it, however deep.
    made: usize,
    /// How many files were only deleted.
    gone: usize,
    /// The files that a mount would hide although they are needed.
    stayed: Vec<&'a str>,
    /// The directories below it that the build has although nothing is in them, and the placeholders in such: somebody
    /// will look for them.
    kept: Vec<&'a str>,
}

/// Suggests mounts. `outside` are absolute paths outside the app that were written.
pub fn suggest(listings: &Listings<'_>, known: &Known<'_>, outside: &[String]) -> Suggestion {
    let Listings {
        built,
        begun,
        ended,
    } = *listings;
    let mut all = touches(built, ended);
    all.retain(|path, _| !is_on_mount(path, known));
    let wrote = !all.is_empty() || !outside.is_empty();
    let by_operation = touches(begun, ended);
    let writer = |is_by: &dyn Fn(&str) -> bool| {
        if by_operation.keys().any(|path| is_by(path)) {
            Writer::Operation
        } else {
            Writer::App
        }
    };
    let touched: BTreeMap<&str, Touch> = all
        .into_iter()
        .filter(|(path, _)| !is_dispensable(path))
        .collect();
    let directories = directories(&touched, built, ended, known);
    let (roots, beyond) = roots(&touched, listings, &directories, known);
    let mut elsewhere = Vec::new();
    let mut tell = |path: &str, reason: Reason| {
        elsewhere.push(Elsewhere {
            path: format!("/app/{path}").trim_end_matches('/').to_owned(),
            reason,
            writer: writer(&|other| other == path),
        });
    };
    for (path, reason) in beyond {
        tell(path, reason);
    }
    let mut parts = Vec::new();
    for (root, paths) in &roots {
        let mut left = Vec::new();
        parts.extend(split(root, paths, ended, known, &mut left));
        for path in left {
            let directory = ancestors(path).next().unwrap_or(path).to_owned();
            tell(path, Reason::HoldsMount { directory });
        }
    }
    let written = Written {
        touched: &touched,
        directories: &directories,
        built,
        ended,
        known,
    };
    let placed = |place: Place<'_>| written.mount(place, writer(&|other| is_in(other, place.0)));
    let mut mounts = Vec::new();
    for part in parts {
        match placed(part) {
            Ok(mount) => mounts.push(mount),
            Err(mount) => {
                for touched in touched.keys().filter(|touched| is_in(touched, part.0)) {
                    let (directory, mount) = (part.0.to_owned(), mount.clone());
                    tell(touched, Reason::Shown { directory, mount });
                }
            }
        }
    }
    let alternatives = written.alternatives(&roots, &mounts, placed);
    elsewhere.extend(outside.iter().map(|path| Elsewhere {
        path: path.clone(),
        reason: Reason::OutsideApp,
        writer: Writer::Operation,
    }));
    Suggestion {
        mounts,
        elsewhere,
        alternatives,
        wrote,
    }
}

/// What was touched by the highest directory around it that can be a mount, and what no mount makes writable.
#[expect(clippy::type_complexity, reason = "two lists of the same paths")]
fn roots<'a>(
    touched: &BTreeMap<&'a str, Touch>,
    listings: &Listings<'_>,
    directories: &BTreeMap<&'a str, Directory<'_>>,
    known: &Known<'_>,
) -> (BTreeMap<&'a str, Vec<&'a str>>, Vec<(&'a str, Reason)>) {
    let Listings { built, ended, .. } = *listings;
    let is_written_anew = |path: &str| {
        let found = directories.get(path);
        let is_anew = found.is_some_and(|found| {
            found.made > 0 && found.stayed.is_empty() && found.kept.is_empty()
        });
        is_anew && can_be_mount(path)
    };
    let mut roots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut beyond = Vec::new();
    for (&path, touch) in touched {
        let is_directory = ended.is_directory(path) || built.is_directory(path);
        let highest = (is_directory && !path.is_empty())
            .then_some(path)
            .into_iter()
            .chain(ancestors(path))
            .enumerate()
            // A mount around others is only wanted where something is written right beside them.
            .take_while(|(at, directory)| {
                is_written_anew(directory) && (*at == 0 || !known.is_around_mounts(directory))
            })
            .last()
            .map(|(_, directory)| directory);
        match highest {
            Some(root) => roots.entry(root).or_default().push(path),
            None => beyond.push((path, why_not(path, *touch, is_directory, directories))),
        }
    }
    (roots, beyond)
}

/// The mount that makes a path writable which was only written when everything else was on mounts: `suggested` are there
/// already. None where a mount does not help, as for what the operation made a file or a link.
pub(crate) fn suggest_another(
    refused: &ReadOnlyWrite,
    suggested: &[NewMount],
    listings: &Listings<'_>,
    known: &Known<'_>,
) -> Option<NewMount> {
    let built = listings.built;
    let path = refused.path.as_deref()?;
    let inside = path.strip_prefix("/app/")?;
    let there: Vec<String> = suggested
        .iter()
        .map(|mount| mount.path.clone())
        .chain(known.mounts.iter().map(|mount| mount.path.clone()))
        .collect();
    let dispensable = std::iter::once(inside)
        .chain(ancestors(inside))
        .filter(|directory| is_dispensable(directory))
        .last();
    let (wanted, source) = if let Some(directory) = dispensable {
        (directory.to_owned(), "tmp")
    } else {
        let wanted = refused.mount.clone()?;
        let source = mount_source::fitting(&wanted);
        (wanted, source)
    };
    let is_kept = built
        .below(&wanted)
        .any(|(path, file)| file.kind != Kind::Directory && !is_nothing(path, known));
    let is_file = [built, listings.begun, listings.ended].iter().any(|files| {
        std::iter::once(wanted.as_str())
            .chain(ancestors(&wanted))
            .any(|path| files.0.contains_key(path) && !files.is_directory(path))
    });
    let is_nested = suggested.iter().any(|other| {
        (is_in(&other.path, &wanted) || is_in(&wanted, &other.path)) && other.source != source
    });
    let is_impossible = is_kept || is_file || is_nested || !can_be_mount(&wanted);
    if is_impossible || there.contains(&wanted) || !known.may_hold(&wanted, source) {
        return None;
    }
    let source_path = match known.room(&wanted, source) {
        Room::Own => None,
        Room::Other(name) => Some(name),
        Room::Nowhere(_) => return None,
    };
    Some(NewMount {
        path: wanted,
        source: source.into(),
        source_path,
        writer: Writer::Operation,
        files: 0,
        bytes: 0,
        hides: 0,
        hidden: Vec::new(),
    })
}

/// The directories that something was touched in, or that hold what must not be hidden.
fn directories<'a>(
    touched: &BTreeMap<&'a str, Touch>,
    built: &'a Files,
    ended: &'a Files,
    known: &Known<'_>,
) -> BTreeMap<&'a str, Directory<'a>> {
    let mut directories: BTreeMap<&str, Directory<'_>> = BTreeMap::new();
    for (&path, touch) in touched {
        let is_directory = ended.is_directory(path) || built.is_directory(path);
        let own = is_directory.then_some(path);
        // What is in a cache is made again where it is missing, also what would only be added to.
        let is_made = matches!(touch, Touch::Made | Touch::Passing)
            || *touch == Touch::Changed && !is_directory && is_nothing(path, known);
        for directory in own.into_iter().chain(ancestors(path)) {
            let found = directories.entry(directory).or_default();
            found.made += usize::from(is_made);
            found.gone += usize::from(*touch == Touch::Gone && !(known.is_tracked)(path));
        }
    }
    for (path, file) in &built.0 {
        let is_replaced = matches!(touched.get(path.as_str()), Some(Touch::Made | Touch::Gone));
        // What the repository has is there again with the next build.
        let is_replaced = is_replaced && !(known.is_tracked)(path);
        if is_on_mount(path, known) || is_dispensable(path) || is_replaced {
            continue;
        }
        let is_directory = file.kind == Kind::Directory;
        let is_placeholder = !is_directory && mount_advice::is_placeholder(path);
        if is_directory || is_placeholder {
            // A directory that is there for what comes is wanted; a cache's own ones are made again.
            let is_wanted = is_placeholder || built.is_empty(path) && !is_cache(path, known);
            let around = ancestors(path).skip(usize::from(is_placeholder));
            for directory in around.filter(|directory| is_wanted && !directory.is_empty()) {
                directories.entry(directory).or_default().kept.push(path);
            }
        } else if !is_cache(path, known) {
            for directory in ancestors(path) {
                directories.entry(directory).or_default().stayed.push(path);
            }
        }
    }
    directories
}

/// Why no mount makes a path writable.
fn why_not(
    path: &str,
    touch: Touch,
    is_directory: bool,
    directories: &BTreeMap<&str, Directory<'_>>,
) -> Reason {
    if touch == Touch::Passing {
        return Reason::MadeAndRemoved;
    }
    if is_directory && touch != Touch::Made {
        return Reason::OfBuild;
    }
    let nearest = if is_directory {
        Some(path)
    } else {
        ancestors(path).next()
    };
    let Some(directory) = nearest else {
        return Reason::FileAtTop;
    };
    let found = directories.get(directory);
    let stayed: Vec<&str> = found.map_or_else(Vec::new, |found| {
        found.stayed.iter().chain(&found.kept).copied().collect()
    });
    let gone = found.map_or(0, |found| found.gone);
    if stayed.is_empty() && !can_be_mount(directory) {
        return Reason::Name;
    }
    Reason::Hides {
        directory: directory.to_owned(),
        files: stayed.len() + gone,
        some: stayed
            .iter()
            .take(NAMED)
            .map(|&path| path.to_owned())
            .collect(),
    }
}

/// The directories that a path is in, the nearest first, without the top.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(parent, _)| parent.rsplit_once('/'))
        .map(|(parent, _)| parent)
}

fn is_on_mount(path: &str, known: &Known<'_>) -> bool {
    known.mounts.iter().any(|mount| is_in(path, &mount.path))
}

fn is_dispensable(path: &str) -> bool {
    let whole = format!("/{path}/");
    DISPENSABLE
        .iter()
        .any(|name| whole.contains(&format!("/{name}/")))
}

/// Whether a file of the build may be hidden.
fn is_nothing(path: &str, known: &Known<'_>) -> bool {
    mount_advice::is_placeholder(path) || is_cache(path, known)
}

/// What is in a cache can be made again, if it is not the repository's.
fn is_cache(path: &str, known: &Known<'_>) -> bool {
    mount_source::fitting(path) == "tmp" && !(known.is_tracked)(path)
}

/// Names that are not UTF-8 are not known here: they come with a replacement character.
fn can_be_mount(path: &str) -> bool {
    edit::can_be_path(path) && !path.contains(char::REPLACEMENT_CHARACTER)
}

fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
