//! A repository that Git is asked in without being changed.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::super::git::Git;
use super::super::hash::Hash;
use super::super::listing::os_path;
use super::super::snapshot::Kind;
use super::Stored;

/// How often Git is asked again for fewer files where it refuses one of them.
const MOST_ATTEMPTS: usize = 64;

/// Later than whatever lies in a repository now.
const LATER: std::time::Duration = std::time::Duration::from_secs(10);

/// The repository, and a directory for what Git writes.
#[derive(Debug)]
pub(super) struct Repository {
    git: Git,
    place: PathBuf,
    /// The index; the file may be missing.
    index: PathBuf,
    objects: PathBuf,
    own: tempfile::TempDir,
}

/// What Git stores of files, by path.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub stored: HashMap<Vec<u8>, Stored>,
    /// The paths that Git refuses, each with the reason.
    pub failed: HashMap<Vec<u8>, String>,
}

impl Repository {
    /// Opens the one that `place` lies in.
    pub(super) fn open(git: &Git, place: &Path) -> Result<Repository, String> {
        let asked = git
            .command(
                place,
                &["rev-parse", "--git-path", "index", "--git-path", "objects"],
            )
            .spawn();
        let git = git.guarded(place)?;
        let output = asked.and_then(std::process::Child::wait_with_output);
        let output = successful(output)?;
        let lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
        let [index, objects, b""] = lines.as_slice() else {
            return Err("its path has a line break".to_owned());
        };
        let (index, objects) = (place.join(os_path(index)), place.join(os_path(objects)));
        let own = tempfile::tempdir().map_err(|err| err.to_string())?;
        std::fs::create_dir(own.path().join("objects")).map_err(|err| err.to_string())?;
        Ok(Repository {
            git,
            place: place.to_owned(),
            index,
            objects,
            own,
        })
    }

    /// Asks what Git stores of files.
    pub(super) fn ask(&self, paths: &[&[u8]], believing: Believing, answers: &mut Answers) {
        if paths.is_empty() {
            return;
        }
        let own = match self.copy_index(believing) {
            Ok(own) => own,
            Err(err) => {
                let reason = format!("its index cannot be read: {err}");
                refuse(paths, &reason, answers);
                return;
            }
        };
        let mut pending = vec![paths];
        let mut attempts = 0;
        while let Some(paths) = pending.pop() {
            attempts += 1;
            match self.update(&own, paths, Objects::NotWritten) {
                Ok(()) => {}
                Err(_) if paths.len() > 1 && attempts < MOST_ATTEMPTS => {
                    let (one, other) = paths.split_at(paths.len() / 2);
                    pending.extend([one, other]);
                }
                Err(reason) => refuse(paths, &reason, answers),
            }
        }
        let mut command = self
            .git
            .command(&self.place, &["ls-files", "-z", "--stage"]);
        let listed = successful(command.env("GIT_INDEX_FILE", &own).output());
        match listed {
            Ok(listed) => parse(&listed, paths, answers),
            Err(reason) => refuse(paths, &reason, answers),
        }
    }

    /// Has Git store files where [`Repository::sizes`] and [`Repository::batch`] find them.
    pub(super) fn store(&self, paths: &[&[u8]]) {
        if let Ok(own) = self.copy_index(Believing::WhatIsOld) {
            // An error is ignored here: the callers that look an object up report a missing one.
            let _ = self.update(&own, paths, Objects::Written);
        }
    }

    /// The sizes of those that are there.
    pub(super) fn sizes(&self, ids: &[Hash]) -> Result<HashMap<Hash, u64>, String> {
        let format = "--batch-check=%(objectname) %(objecttype) %(objectsize)";
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut command = self.git.command(&self.place, &["cat-file", format]);
        self.with_objects(&mut command);
        let question: Vec<u8> = ids
            .iter()
            .flat_map(|id| (hex(id) + "\n").into_bytes())
            .collect();
        let said = successful(converse(&mut command, &question))?;
        let said = String::from_utf8_lossy(&said);
        let size = |line: &str| match line.split(' ').collect::<Vec<_>>().as_slice() {
            [id, "blob", size] => Some((parse_id(id)?, size.parse().ok()?)),
            _ => None,
        };
        Ok(said.lines().filter_map(size).collect())
    }

    /// A `git cat-file --batch` for what is there.
    pub(super) fn batch(&self) -> Command {
        let mut command = self.git.command(&self.place, &["cat-file", "--batch"]);
        self.with_objects(&mut command);
        command.stderr(Stdio::null());
        command
    }

    fn with_objects(&self, command: &mut Command) {
        let own = self.own.path().join("objects");
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quote(&own));
    }

    /// A copy of the index. Git looks into files that are not older than it, even if nothing else is different.
    fn copy_index(&self, believing: Believing) -> io::Result<PathBuf> {
        let own = self.own.path().join("index");
        let mut index = match std::fs::File::open(&self.index) {
            Ok(index) => index,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                // There may be one of an earlier question.
                let _ = std::fs::remove_file(&own);
                return Ok(own);
            }
            Err(err) => return Err(err),
        };
        if !index.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let modified = match believing {
            Believing::WhatIsOld => index.metadata()?.modified()?,
            Believing::All => std::time::SystemTime::now() + LATER,
        };
        let mut copy = std::fs::File::create(&own)?;
        io::copy(&mut index, &mut copy)?;
        copy.set_modified(modified)?;
        Ok(own)
    }

    fn update(&self, index: &Path, paths: &[&[u8]], objects: Objects) -> Result<(), String> {
        // What cannot be undone is a warning for those who commit.
        let mut words = vec![
            "-c",
            "core.safecrlf=false",
            "update-index",
            "--add",
            "--replace",
        ];
        if objects == Objects::NotWritten {
            words.push("--info-only");
        }
        words.extend(["-z", "--stdin"]);
        let mut command = self.git.command(&self.place, &words);
        command.env("GIT_INDEX_FILE", index);
        if objects == Objects::Written {
            command
                .env("GIT_OBJECT_DIRECTORY", self.own.path().join("objects"))
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quote(&self.objects));
        }
        let question: Vec<u8> = paths
            .iter()
            .flat_map(|path| [path, &b"\0"[..]].concat())
            .collect();
        successful(converse(&mut command, &question)).map(drop)
    }
}

/// Which files Git believes to be unchanged when only their times and sizes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Believing {
    /// Entries that are older than the index, as Git does.
    WhatIsOld,
    /// All. What a filter would make of the others cannot be known without it.
    All,
}

/// Whether Git writes the objects that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects {
    Written,
    NotWritten,
}

fn refuse(paths: &[&[u8]], reason: &str, answers: &mut Answers) {
    for path in paths {
        answers.failed.insert(path.to_vec(), reason.to_owned());
    }
}

/// Takes what `ls-files --stage` says of files.
fn parse(listed: &[u8], paths: &[&[u8]], answers: &mut Answers) {
    let wanted: std::collections::HashSet<&[u8]> = paths.iter().copied().collect();
    for line in listed.split(|byte| *byte == 0) {
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
            continue;
        };
        let path = &line[tab + 1..];
        if !wanted.contains(path) || answers.failed.contains_key(path) {
            continue;
        }
        let words = String::from_utf8_lossy(&line[..tab]);
        let words: Vec<&str> = words.split(' ').collect();
        let [mode, id, "0"] = words.as_slice() else {
            continue;
        };
        let kind = match *mode {
            "100755" => Kind::Executable,
            "120000" => Kind::Link,
            _ => Kind::File,
        };
        if let Some(hash) = parse_id(id) {
            answers.stored.insert(path.to_vec(), Stored { kind, hash });
        } else {
            let reason = "the repository has SHA-256 ids".to_owned();
            answers.failed.insert(path.to_vec(), reason);
        }
    }
}

pub(super) fn hex(id: &Hash) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_id(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let mut id = Hash::default();
    if digits.len() != 2 * id.len() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(id)
}

/// A path in a list that has colons between paths.
fn quote(path: &Path) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

/// Runs a command that reads something.
fn converse(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        // A Git that fails does not read to the end, and reports the reason itself.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })
}

fn successful(output: io::Result<Output>) -> Result<Vec<u8>, String> {
    let output = output.map_err(|err| err.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let fatal = words.lines().find_map(|line| line.strip_prefix("fatal: "));
    let line = fatal.or(words.lines().next()).unwrap_or("Git refuses");
    Err(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_colon_is_one_path() {
        assert_eq!(quote("/a:b\"c\\d\ne".as_ref()), r#""/a:b\"c\\d\ne""#);
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id: Hash = std::array::from_fn(|at| u8::try_from(at * 12).unwrap());
        assert_eq!(parse_id(&hex(&id)), Some(id));
        for text in ["", "ab", &"0".repeat(64), &"g".repeat(40)] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }
}
