//! Workers that take more from their application than was meant, and mounts that hide files.

use std::collections::HashSet;

use ignore::WalkBuilder;

use super::super::decode::normalize;
use super::super::meaning::{containers, entries, source, workers as workers_of};
use super::super::node::{Entry, Node};
use super::super::problem::Class;
use super::super::report::Report;
use super::super::source::{Repository, join};

/// How many entries of a directory are looked at before it counts as empty.
const MOST_ENTRIES: usize = 500;

/// A property of `web` or of a worker replaces the application's whole; part of it was probably meant.
pub(super) fn properties(app: &Entry, report: &mut Report) {
    let web = app.value.entry("web");
    let web = web.map(|web| ("`web`".to_owned(), web));
    let workers = workers_of(app)
        .iter()
        .map(|worker| (format!("the worker `{}`", worker.key), worker));
    for (what, container) in web.into_iter().chain(workers) {
        for key in ["variables", "relationships", "mounts"] {
            let (Some(own), Some(theirs)) = (container.value.entry(key), app.value.get(key)) else {
                continue;
            };
            let lost = lost(&own.value, theirs, key);
            if lost.is_empty() {
                continue;
            }
            let names: Vec<String> = lost
                .iter()
                .take(5)
                .map(|name| format!("`{name}`"))
                .collect();
            let more = if lost.len() > 5 { ", …" } else { "" };
            let message = format!(
                "`{key}` of {what} replaces `{key}` of the application entirely: {}{more} will be missing",
                names.join(", ")
            );
            let problem = report.warning("U408", Class::Lint, own.key_span, message);
            let hint =
                format!("repeat in it what {what} needs, or remove `{key}` to take over all");
            report.add(
                problem
                    .hint(hint)
                    .docs("/create-apps/image-properties/workers.html"),
            );
        }
    }
}

/// What the application has and the container's own property lacks. Nothing when it is empty on purpose.
fn lost(own: &Node, theirs: &Node, key: &str) -> Vec<String> {
    let there = keys(own);
    if there.is_empty() {
        return Vec::new();
    }
    if key != "variables" {
        let entries = theirs.entries().iter();
        let (kept, lost): (Vec<&Entry>, Vec<&Entry>) =
            entries.partition(|entry| there.contains(&*entry.key));
        // Mounts of a worker are often others altogether, which is then no mistake.
        if key == "mounts" && kept.is_empty() {
            return Vec::new();
        }
        return lost.iter().map(|entry| entry.key.to_string()).collect();
    }
    let mut lost = Vec::new();
    for group in theirs.entries() {
        let there = own.get(&group.key).map(keys).unwrap_or_default();
        lost.extend(
            group
                .value
                .entries()
                .iter()
                .filter(|variable| !there.contains(&*variable.key))
                .map(|variable| format!("{}:{}", group.key, variable.key)),
        );
    }
    lost
}

fn keys(node: &Node) -> HashSet<&str> {
    node.entries().iter().map(|entry| &*entry.key).collect()
}

/// A mount over a folder that is in Git hides what is in it.
pub(super) fn mounts(app: &Entry, repository: &Repository, left: &mut usize, report: &mut Report) {
    let source_root = source::root(app);
    let mounts = containers(app).flat_map(|(_, container)| entries(container, "mounts"));
    for mount in mounts {
        let path = normalize(&mount.key);
        let leaves = path.split('/').any(|part| part == "..");
        if path.is_empty() || leaves || *left == 0 {
            continue;
        }
        *left -= 1;
        let Some(file) = file_in(&source_root, &path, repository) else {
            continue;
        };
        let message = format!(
            "the mount `{}` hides a folder of the source that is not empty: it holds `{file}`",
            mount.key
        );
        let problem = report.warning("U409", Class::Lint, mount.key_span, message);
        let hint =
            "move the files out of the folder, or copy them into the mount in the deploy hook";
        report.add(
            problem
                .hint(hint)
                .docs("/create-apps/troubleshoot-mounts.html"),
        );
    }
}

/// A file of the repository below a folder of an app, which a mount there would hide.
pub(super) fn file_below(app: &Entry, folder: &str, repository: &Repository) -> Option<String> {
    file_in(&source::root(app), folder, repository)
}

fn file_in(source_root: &str, folder: &str, repository: &Repository) -> Option<String> {
    let folder = join(source_root, folder)?;
    first_file(&repository.on_disk(&folder)?)
}

/// A file that Git does not ignore and that is not there only to keep the folder.
fn first_file(folder: &std::path::Path) -> Option<String> {
    const KEEPERS: [&str; 3] = [".gitkeep", ".gitignore", ".keep"];
    WalkBuilder::new(folder)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .follow_links(false)
        .build()
        .take(MOST_ENTRIES)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| !kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .find(|name| !KEEPERS.contains(&name.as_str()))
}
