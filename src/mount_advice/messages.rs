//! Reads what programs print about writes that were refused. Pure: whether a path is there is looked up elsewhere.
//!
//! A message is believed only where its wording says which part of it is the path. What is left is "it does not say
//! where".

mod patterns;
#[cfg(test)]
mod tests;

use self::patterns::{MISSING, NOT_WRITABLE, Pattern, READ_ONLY};
use super::blocks;

/// How many messages of one output are looked into.
const MOST: usize = 8;

/// The longest path on Linux, in bytes.
const LONGEST: usize = 4096;

/// How many lines of a traceback are looked at: a call with its place and a mark below it.
const TRACE: usize = 3;

/// What a program complained of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// The file system is read-only: the kernel's own word.
    ReadOnly,
    /// The path cannot be written, in the words of a program that checked before it wrote.
    NotWritable,
    /// The path does not exist.
    Missing,
}

/// What a path of a message stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An entry of a directory that the program wanted to make, change or remove.
    Entry,
    /// A directory that was to be made or written into.
    Directory,
    /// Either.
    Unknown,
}

/// A path that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What the message complains of.
    pub complaint: Complaint,
    /// The path, as it stands there.
    pub path: String,
    /// What it stands for.
    pub what: What,
}

/// What an output says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The paths that it names, the first complaint first.
    pub candidates: Vec<Candidate>,
    /// Whether it says that something is read-only, whether or not it says what.
    pub is_refused: bool,
    /// Whether it says that there is no space left.
    pub is_full: bool,
}

impl Reading {
    /// Whether it says that a write was refused, as far as that is known before paths are looked up.
    pub(crate) fn speaks_of_a_write(&self) -> bool {
        let mut candidates = self.candidates.iter();
        self.is_refused
            || self.is_full
            || candidates.any(|candidate| candidate.complaint != Complaint::Missing)
    }
}

/// Wordings of EROFS without any path: what SQLite makes of it.
const UNNAMED: [&str; 2] = [
    "unable to open database file",
    "attempt to write a readonly database",
];

/// Wordings of ENOSPC.
const FULL: [&str; 2] = ["No space left on device", "ENOSPC"];

/// What programs complain of and do without: npm's own logs, Python's bytecode.
const DISPENSABLE: [&str; 4] = [
    "/.npm/_logs",
    "/.npm/_update-notifier",
    "/__pycache__",
    "Proceeding without cache",
];

/// Reads the last part of an output.
pub fn read(text: &str) -> Reading {
    let lines = blocks::lines(text);
    let mut reading = Reading::default();
    for (at, line) in lines.iter().enumerate() {
        reading.is_full |= FULL.iter().any(|wording| line.contains(wording));
        if DISPENSABLE.iter().any(|name| line.contains(name)) {
            continue;
        }
        let lower = line.to_ascii_lowercase();
        let is_read_only = says_read_only(&lower) || line.contains("EROFS");
        reading.is_refused |=
            is_refusal(line) || UNNAMED.iter().any(|wording| line.contains(wording));
        let found = if is_read_only {
            // Rust and Node name the path on lines of their own.
            first(Complaint::ReadOnly, &READ_ONLY, line)
                .into_iter()
                .chain(around(&lines, at))
                .next()
                .into_iter()
                .collect()
        } else if says_missing(&lower) {
            let missing = first(Complaint::Missing, &MISSING, line);
            // Node's recursive `mkdir` hides EROFS: it looks whether the directory is there after all, and reports
            // that it is not.
            let mkdir = missing.clone().filter(|_| line.contains(", mkdir '"));
            let refused = mkdir.map(|candidate| Candidate {
                complaint: Complaint::NotWritable,
                ..candidate
            });
            refused.into_iter().chain(missing).collect()
        } else {
            all(Complaint::NotWritable, &NOT_WRITABLE, line)
        };
        for mut candidate in found {
            if candidate.what == What::Unknown {
                candidate.what = of_trace(&lines[at.saturating_sub(TRACE)..at]);
            }
            if reading.candidates.len() < MOST && !reading.candidates.contains(&candidate) {
                reading.candidates.push(candidate);
            }
        }
    }
    reading
}

fn says_read_only(lower: &str) -> bool {
    lower.contains("read-only file system") || lower.contains("readonlyfilesystem")
}

/// What Python's traceback says of a path that the message below it names.
fn of_trace(lines: &[String]) -> What {
    let says = |word: &str| lines.iter().any(|line| line.contains(word));
    if !says("File \"") {
        What::Unknown
    } else if says("mkdir(") {
        What::Directory
    } else if says("open(") {
        What::Entry
    } else {
        What::Unknown
    }
}

/// Whether it is the kernel's answer, and not somebody's talk about such file systems.
fn is_refusal(line: &str) -> bool {
    const ANSWERS: [&str; 4] = [
        "Read-only file system",
        ": read-only file system",
        "ReadOnlyFilesystem",
        "EROFS",
    ];
    ANSWERS.iter().any(|answer| line.contains(answer))
}

fn says_missing(lower: &str) -> bool {
    lower.contains("no such file or directory") || lower.contains("directory nonexistent")
}

/// What the first pattern that knows a line makes of it.
fn first(complaint: Complaint, patterns: &[Pattern], line: &str) -> Option<Candidate> {
    let found = patterns.iter().find_map(|pattern| pattern.find(line))?;
    candidate(complaint, found)
}

/// The same for wordings that several patterns may know.
fn all(complaint: Complaint, patterns: &[Pattern], line: &str) -> Vec<Candidate> {
    patterns
        .iter()
        .filter_map(|pattern| pattern.find(line))
        .filter_map(|found| candidate(complaint, found))
        .collect()
}

fn candidate(complaint: Complaint, (path, what): (&str, What)) -> Option<Candidate> {
    let path = path.trim();
    let path = path.strip_prefix("file://").unwrap_or(path);
    is_path(path).then(|| Candidate {
        complaint,
        path: path.to_owned(),
        what,
    })
}

/// What can be a path at all: no address, no program's talk.
fn is_path(text: &str) -> bool {
    const TALK: [&str; 14] = [
        "error",
        "fatal",
        "warning",
        "panic",
        "failed",
        "file",
        "stream",
        "directory",
        "standard output",
        "standard error",
        "stdout",
        "stderr",
        "write error",
        "input",
    ];
    !text.is_empty()
        && text.len() < LONGEST
        && !text.contains(['\n', '\0', '\u{fffd}'])
        && !text.contains("://")
        && !["()", "Exception", "Error"]
            .iter()
            .any(|end| text.ends_with(end))
        && !TALK.contains(&text.to_ascii_lowercase().as_str())
}

/// The path that stands near a message which names none: Node prints an error as an object (`path: '/app/.next'`), and
/// Rust says what it was about before it says why.
fn around(lines: &[String], at: usize) -> Option<Candidate> {
    const NEAR: usize = 8;
    let of_node = |name: &str| {
        let mut following = lines.iter().skip(at + 1).take(NEAR);
        following.find_map(|line| {
            let rest = line.trim().strip_prefix(name)?.trim_end_matches(',');
            candidate(
                Complaint::ReadOnly,
                (rest.trim_matches(['\'', '"']), What::Unknown),
            )
        })
    };
    if lines[at].contains("EROFS")
        && let Some(found) = of_node("dest: ").or_else(|| of_node("path: "))
    {
        return Some(found);
    }
    let before = &lines[at.saturating_sub(NEAR)..at];
    let cause = before
        .iter()
        .rposition(|line| line.trim() == "Caused by:")?;
    let quoted = before[..cause].iter().rev().find(|line| !line.is_empty())?;
    let (_, rest) = quoted.split_once('`')?;
    let (path, _) = rest.split_once('`')?;
    candidate(Complaint::ReadOnly, (path, What::Unknown)).filter(|_| path.contains('/'))
}
