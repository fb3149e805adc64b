//! Which source fits what was written, and the mounts that follow from that.

use crate::event::{NewMount, Writer};
use std::collections::{BTreeMap, BTreeSet};

use super::files::{Files, Kind, Touch};
use super::known::Known;
use super::{NAMED, is_in, is_on_mount};
use crate::config::mount_source;
use crate::mount_advice;

/// A directory as it is, or what is in it when that wants different sources. `left` gets the paths that are in a
/// directory which holds a mount of another source.
pub(super) fn split<'a>(
    root: &'a str,
    paths: &[&'a str],
    after: &Files,
    known: &Known<'_>,
    left: &mut Vec<&'a str>,
) -> Vec<(&'a str, &'static str)> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut direct = Vec::new();
    for path in paths {
        let rest = path.get(root.len() + 1..).unwrap_or_default();
        match rest.split_once('/') {
            Some((child, _)) => {
                let child = &path[..root.len() + 1 + child.len()];
                children.entry(child).or_default().push(path);
            }
            // A directory in which nothing is stands for itself.
            None if path.len() > root.len() && after.is_directory(path) => {
                children.entry(path).or_default().push(path);
            }
            None => direct.push(*path),
        }
    }
    if !direct.is_empty() || children.is_empty() {
        let source = source(root, paths, after);
        if known.may_hold(root, source) {
            return vec![(root, source)];
        }
        left.extend(direct);
    }
    let has_direct = !left.is_empty();
    let parts: Vec<_> = children
        .iter()
        .flat_map(|(child, paths)| split(child, paths, after, known, left))
        .collect();
    let sources: BTreeSet<&str> = parts.iter().map(|(_, source)| *source).collect();
    // What is around a cache, or around logs, is none: what comes there later would be lost.
    let is_alike = |wanted: &str| wanted == "storage" || mount_source::fitting(root) == wanted;
    match parts.first() {
        Some((_, source))
            if sources.len() == 1
                && !has_direct
                && is_alike(source)
                && known.may_hold(root, source) =>
        {
            vec![(root, source)]
        }
        _ => parts,
    }
}

/// Which source fits what was written.
pub(super) fn source(directory: &str, paths: &[&str], after: &Files) -> &'static str {
    let by_name = mount_source::fitting(directory);
    let is_log = |path: &&str| {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension);
        matches!(extension, Some("log" | "pid"))
    };
    let is_of_process = |path: &&str| {
        let kind = after.0.get(*path).map(|file| file.kind);
        kind == Some(Kind::OfProcess)
    };
    if by_name == "storage" && (paths.iter().any(is_of_process) || paths.iter().all(is_log)) {
        "instance"
    } else {
        by_name
    }
}

pub(super) fn new_mount(
    path: &str,
    source: &'static str,
    touched: &BTreeMap<&str, Touch>,
    built: &Files,
    ended: &Files,
    known: &Known<'_>,
) -> NewMount {
    let written = touched
        .keys()
        .filter(|touched| is_in(touched, path))
        .filter_map(|touched| ended.0.get(*touched))
        .filter(|file| file.kind != Kind::Directory);
    let sizes: Vec<u64> = written.map(|file| file.size).collect();
    let hidden: Vec<&str> = built
        .below(path)
        .filter(|(_, entry)| entry.kind != Kind::Directory)
        .map(|(file, _)| file)
        .filter(|file| !mount_advice::is_placeholder(file) && !is_on_mount(file, known))
        .collect();
    NewMount {
        path: path.to_owned(),
        source: source.into(),
        source_path: None,
        writer: Writer::Operation,
        files: sizes.len(),
        bytes: sizes.iter().sum(),
        hides: hidden.len(),
        hidden: hidden
            .iter()
            .take(NAMED)
            .map(|&file| file.to_owned())
            .collect(),
    }
}
