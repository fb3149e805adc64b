//! What is legal and probably not what was wanted: warnings that save a deploy.
//!
//! Nothing here stops anything. A lint says only what it can be sure of from the text.

mod bashisms;
mod line_ends;
mod overrides;
mod shells;
mod writes;

use std::collections::{HashMap, HashSet};

use super::merge::Merged;
use super::node::{Entry, Node};
use super::problem::{Class, Problem};
use super::report::Report;
use super::shell::{self, Script};
use super::source::{Repository, Span, offset};

/// How many mounts of one configuration are held against the source.
const MOST_MOUNTS: usize = 500;

/// Reports warnings: what Upsun accepts, but would surprise the user.
pub(crate) fn check(merged: &Merged, repository: &Repository, report: &mut Report) {
    let mut packages: HashMap<String, writes::PackageScripts> = HashMap::new();
    let mut mounts_left = MOST_MOUNTS;
    let mut environments = HashSet::new();
    for app in merged.applications.values() {
        let packages = packages
            .entry(super::meaning::source::root(app))
            .or_insert_with_key(|root| writes::package_scripts(root, repository));
        for piece in pieces(app) {
            // A script that no shell can read was reported already.
            let Ok(script) = shell::parse(piece.text) else {
                continue;
            };
            bashisms::check(&piece, &script, report);
            shells::check(&piece, &script, report);
            let files = |folder: &str| overrides::file_below(app, folder, repository);
            writes::check(app, &piece, &script, packages, &files, report);
            line_ends::scripts(app, &piece, &script, repository, report);
        }
        line_ends::environment(app, repository, &mut environments, report);
        overrides::properties(app, report);
        overrides::mounts(app, repository, &mut mounts_left, report);
    }
}

/// When a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Build,
    Deploy,
    Start,
    Operation,
    Cron,
    /// A script around a start command, or instead of one: its result does not matter.
    Aside,
}

/// A script and where it stands.
struct Piece<'a> {
    /// `the deploy hook`, `the operation x`.
    what: String,
    phase: Phase,
    text: &'a str,
    span: Span,
    /// The web container or the worker that it runs in.
    container: &'a Node,
    is_worker: bool,
    /// The operation or cron that it belongs to, if any.
    owner: Option<&'a Entry>,
}

fn pieces(app: &Entry) -> Vec<Piece<'_>> {
    let node = &app.value;
    let mut pieces = Vec::new();
    let hooks = [
        ("build", Phase::Build),
        ("deploy", Phase::Deploy),
        ("post_deploy", Phase::Deploy),
    ];
    for (name, phase) in hooks {
        let script = node.get("hooks").and_then(|hooks| hooks.get(name));
        let what = format!("the {name} hook");
        pieces.extend(Piece::new(what, phase, script, node, None));
    }
    if let Some(web) = node.get("web") {
        let what = "the start command".to_owned();
        pieces.extend(Piece::new(what, Phase::Start, start(web), node, None));
        pieces.extend(beside(web, "the application", node, None));
    }
    if let Some(source) = node.get("source") {
        for operation in super::meaning::entries(source, "operations") {
            let what = format!("the source operation `{}`", operation.key);
            let script = operation.value.get("command");
            pieces.extend(Piece::new(what, Phase::Build, script, node, None));
        }
    }
    for cron in super::meaning::entries(node, "crons") {
        let what = format!("the cron `{}`", cron.key);
        let script = start(&cron.value);
        pieces.extend(Piece::new(what, Phase::Cron, script, node, Some(cron)));
        let what = format!("the cron `{}`", cron.key);
        pieces.extend(beside(&cron.value, &what, node, Some(cron)));
    }
    pieces.extend(operations(node));
    for worker in super::meaning::workers(app) {
        let what = format!("the start command of the worker `{}`", worker.key);
        let script = start(&worker.value);
        let own = Piece::new(what, Phase::Start, script, &worker.value, None);
        let what = format!("the worker `{}`", worker.key);
        pieces.extend(
            own.into_iter()
                .chain(beside(&worker.value, &what, &worker.value, None))
                .chain(operations(&worker.value))
                .map(|piece| Piece {
                    is_worker: true,
                    ..piece
                }),
        );
    }
    pieces
}

fn operations(container: &Node) -> impl Iterator<Item = Piece<'_>> {
    super::meaning::entries(container, "operations")
        .iter()
        .flat_map(move |operation| {
            let what = format!("the operation `{}`", operation.key);
            let script = start(&operation.value);
            let beside = beside(&operation.value, &what, container, Some(operation));
            Piece::new(what, Phase::Operation, script, container, Some(operation))
                .into_iter()
                .chain(beside)
        })
}

/// The commands next to the start command.
fn beside<'a>(
    node: &'a Node,
    of: &str,
    container: &'a Node,
    owner: Option<&'a Entry>,
) -> Vec<Piece<'a>> {
    let Some(commands) = node.get("commands") else {
        return Vec::new();
    };
    ["pre_start", "post_start", "stop"]
        .into_iter()
        .filter_map(|key| {
            let what = format!("the `{key}` command of {of}");
            Piece::new(what, Phase::Aside, commands.get(key), container, owner)
        })
        .collect()
}

fn start(node: &Node) -> Option<&Node> {
    node.get("commands")?.get("start")
}

impl<'a> Piece<'a> {
    fn new(
        what: String,
        phase: Phase,
        script: Option<&'a Node>,
        container: &'a Node,
        owner: Option<&'a Entry>,
    ) -> Option<Self> {
        let script = script?;
        Some(Self {
            what,
            phase,
            text: script.text()?,
            span: script.span,
            container,
            is_worker: false,
            owner,
        })
    }
}

/// A warning at the line of a script that byte `at` of it stands on.
fn warn(
    report: &Report,
    code: &'static str,
    piece: &Piece<'_>,
    at: usize,
    message: String,
) -> Problem {
    let span = spot(piece, at, report);
    report.warning(code, Class::Lint, span, message)
}

/// Where a byte of a script stands in its file: its line for a block, otherwise the whole value.
fn spot(piece: &Piece<'_>, at: usize, report: &Report) -> Span {
    let written = report.sources.text(piece.span);
    if !written.starts_with('|') {
        return piece.span;
    }
    let line = piece.text[..at.min(piece.text.len())].matches('\n').count();
    let Some(text) = piece.text.lines().nth(line) else {
        return piece.span;
    };
    let mut begin = 0;
    for (index, source) in written.split_inclusive('\n').enumerate() {
        if index == line + 1 {
            let text = text.trim();
            return match source.find(text) {
                Some(column) if !text.is_empty() => Span {
                    file: piece.span.file,
                    start: piece.span.start + offset(begin + column),
                    end: piece.span.start + offset(begin + column + text.len()),
                },
                _ => piece.span,
            };
        }
        begin += source.len();
    }
    piece.span
}

/// The name of the program that a command runs: assignments before it do not count.
fn program<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    let begin = words
        .iter()
        .position(|word| !is_assignment(word))
        .unwrap_or(words.len());
    &words[begin..]
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        !name.is_empty()
            && !name.starts_with(|char: char| char.is_ascii_digit())
            && name
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || char == '_')
    })
}

/// Whether the script stops at the first command that fails.
fn has_errexit(script: &Script<'_>) -> bool {
    script.commands.iter().any(|command| {
        let words = program(&command.words);
        words.first() == Some(&"set")
            && words[1..].iter().any(|word| {
                *word == "errexit"
                    || word.starts_with('-') && !word.starts_with("--") && word.contains('e')
            })
    })
}
