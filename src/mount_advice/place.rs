//! Where in a container a path of a message leads, and what is there.

use super::messages::{Candidate, What};

/// Looks up its arguments, absolute paths, and says what [`parse`] reads.
pub const LOOK: &str = include_str!("look.sh");

/// How many files of a directory are listed.
const LISTED: usize = 200;

/// What is there of a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Located {
    /// The path, absolute, as the message has it.
    pub path: String,
    /// Whether the message gave it relative to a directory that is only likely.
    pub is_relative: bool,
    /// The nearest directory that is there, in full and without links.
    pub directory: String,
    /// The rest of the path after the directory. For an entry, only its directory was looked up.
    pub rest: Vec<String>,
    /// Whether the path is there and is no directory.
    pub is_file: bool,
    /// Whether that directory is on a read-only file system.
    pub is_read_only: bool,
    /// The files below it, relative to it; of very many only some.
    pub files: Vec<String>,
}

impl Located {
    /// The directory below the app that is missing, where one is.
    pub(crate) fn missing_directory(&self, what: What) -> Option<String> {
        let directories: &[String] = match what {
            What::Entry | What::Directory => &self.rest,
            // The last name may be a file's.
            What::Unknown => self.rest.split_last().map_or(&[], |(_, rest)| rest),
        };
        let is_inside = self.directory == "/app" || self.directory.starts_with("/app/");
        let is_plain = directories.iter().all(|name| name != "..");
        (is_inside && is_plain && !directories.is_empty())
            .then(|| format!("{}/{}", self.directory, directories.join("/")))
    }
}

/// A question about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which of the candidates it is about.
    pub candidate: Candidate,
    /// The path, absolute.
    pub path: String,
    /// Whether the message gave a relative one.
    pub is_relative: bool,
    /// What is looked up.
    pub looked_up: String,
}

/// What to ask for: each candidate in every directory that the script may have been in.
pub(crate) fn questions(candidates: &[Candidate], script: &str) -> Vec<Question> {
    let bases = directories(script);
    let mut all = Vec::new();
    for candidate in candidates {
        let is_relative = !candidate.path.starts_with('/');
        let paths: Vec<String> = if is_relative {
            let bases = bases.iter().flatten();
            bases
                .map(|base| plain(&format!("{base}/{}", candidate.path)))
                .collect()
        } else {
            vec![plain(&candidate.path)]
        };
        all.extend(paths.into_iter().map(|path| Question {
            candidate: candidate.clone(),
            looked_up: match candidate.what {
                What::Entry => parent(&path).to_owned(),
                What::Directory | What::Unknown => path.clone(),
            },
            path,
            is_relative,
        }));
    }
    all
}

/// The directories that a script may be in when it prints a relative path; `None` if its text does not show that.
fn directories(script: &str) -> Option<Vec<String>> {
    const CHANGES: [&str; 2] = ["cd", "pushd"];
    const OPTIONS: [&str; 4] = ["-C", "--directory", "--prefix", "--working-dir"];
    let mut all = vec!["/app".to_owned()];
    let words =
        script.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    for (at, word) in words.iter().enumerate() {
        let target = if CHANGES.contains(word) || OPTIONS.contains(word) {
            words.get(at + 1).copied()
        } else {
            let option = word.split_once('=');
            option
                .filter(|(name, _)| OPTIONS.contains(name))
                .map(|(_, value)| value)
        };
        let Some(target) = target else { continue };
        let target = target.trim_matches(['\'', '"']);
        if target.is_empty() || target.contains(['$', '`', '*', '~', '-']) && target.len() < 3 {
            return None;
        }
        if target.contains(['$', '`', '*', '~']) {
            return None;
        }
        all.push(if target.starts_with('/') {
            plain(target)
        } else {
            plain(&format!("/app/{target}"))
        });
    }
    all.sort();
    all.dedup();
    Some(all)
}

/// An absolute path without empty parts and without `.`; `..` is left to the kernel, which follows links first.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    format!("/{}", parts.join("/"))
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// What [`LOOK`] printed of these questions. A relative path that several directories could explain explains nothing.
pub fn parse(questions: &[Question], printed: &str) -> Vec<(Candidate, Located)> {
    let mut records = printed.split('\0');
    let mut all: Vec<(Candidate, Located)> = Vec::new();
    let mut heads = Vec::new();
    for question in questions {
        let (Some(directory), Some(rest), Some(kind)) =
            (records.next(), records.next(), records.next())
        else {
            return Vec::new();
        };
        let files: Vec<String> = records
            .by_ref()
            .take_while(|file| !file.is_empty())
            .take(LISTED)
            .map(|file| file.trim_start_matches("./").to_owned())
            .collect();
        heads.push((question, directory, rest, kind, files));
    }
    let mounts = records.next().unwrap_or_default();
    for (question, directory, rest, kind, files) in heads {
        if directory.is_empty() {
            continue;
        }
        let found = Located {
            path: question.path.clone(),
            is_relative: question.is_relative,
            directory: directory.to_owned(),
            rest: rest
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            is_file: kind == "f",
            is_read_only: is_read_only(mounts, directory),
            files,
        };
        all.push((question.candidate.clone(), found));
    }
    let is_possible = |candidate: &Candidate, found: &Located| {
        found.is_read_only && found.rest.len() <= usize::from(candidate.what != What::Entry)
    };
    let rivals: Vec<bool> = all
        .iter()
        .map(|(candidate, found)| {
            let same = all
                .iter()
                .filter(|(other, found)| other == candidate && is_possible(other, found));
            found.is_relative && same.count() > 1
        })
        .collect();
    let mut rivals = rivals.into_iter();
    all.retain(|_| !rivals.next().unwrap_or_default());
    all
}

/// Whether a directory is on a read-only file system, by `/proc/self/mountinfo`.
/// Source: <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>
fn is_read_only(mounts: &str, directory: &str) -> bool {
    let mut nearest = (0, false);
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(point), Some(options)) = (fields.get(4), fields.get(5)) else {
            continue;
        };
        let point = unescaped(point);
        let holds = point == "/"
            || directory
                .strip_prefix(point.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // What is mounted later lies on top.
        if holds && point.len() >= nearest.0 {
            let has = |list: &str| list.split(',').any(|option| option == "ro");
            let of_file_system = fields.last().is_some_and(|options| has(options));
            nearest = (point.len(), has(options) || of_file_system);
        }
    }
    nearest.1
}

/// Blanks and the like stand as `\040` there.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}
