//! One process `git cat-file --batch`: reads any number of objects by name.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::source::Git;

/// What Git says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A file's content.
    Blob(Vec<u8>),
    /// A file with more bytes than were wanted.
    TooLarge,
    /// A directory.
    Tree(Vec<u8>),
    /// Nothing has that name, or Git has it not at hand; so it is with submodules.
    Missing,
    /// A symbolic link that leads nowhere in the tree, or through a file.
    Dangling,
    /// A symbolic link that leads out of the tree.
    Outside,
    /// Symbolic links that lead to each other.
    Loop,
    /// An object of another kind.
    Other,
}

/// The process.
#[derive(Debug)]
pub(super) struct Batch {
    process: Child,
    /// `None` once it is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Batch {
    /// Starts it in a directory of the repository.
    pub(super) fn start(git: &Git, directory: &Path) -> io::Result<Batch> {
        let mut process = git
            .command(directory, &["cat-file", "--batch", "--follow-symlinks"])
            .stderr(Stdio::null())
            .spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = process.stdin.take().ok_or_else(gone)?;
        let output = process.stdout.take().ok_or_else(gone)?;
        Ok(Batch {
            process,
            input: Some(input),
            output: BufReader::new(output),
        })
    }

    /// What `commit:path` is. Of a file, no more than `most` bytes are kept.
    pub(super) fn ask(&mut self, commit: &str, path: &[u8], most: u64) -> io::Result<Answer> {
        // A line break ends a request; no file in a sensible repository has one in its name.
        if path.contains(&b'\n') {
            return Ok(Answer::Missing);
        }
        let question = [commit.as_bytes(), b":", path, b"\n"].concat();
        let line = self.question(&question)?;
        let words: Vec<&str> = line.split(' ').collect();
        // What is not there is said in one line with its name, and a link that leads nowhere in two.
        let (kind, size) = match words.as_slice() {
            [kind @ ("dangling" | "loop" | "symlink" | "notdir"), size] => (*kind, *size),
            [id, kind, size] if is_id(id) => (*kind, *size),
            _ => return Ok(Answer::Missing),
        };
        let size = number(size)?;
        let most = if kind == "blob" { most } else { u64::MAX };
        let bytes = self.content(size, most)?;
        Ok(match (kind, bytes) {
            ("blob", Some(bytes)) => Answer::Blob(bytes),
            ("blob", None) => Answer::TooLarge,
            ("tree", Some(bytes)) => Answer::Tree(bytes),
            ("dangling" | "notdir", _) => Answer::Dangling,
            ("loop", _) => Answer::Loop,
            ("symlink", _) => Answer::Outside,
            _ => Answer::Other,
        })
    }

    /// The id of the commit that is checked out; none before the first one.
    pub(super) fn head(&mut self) -> io::Result<Option<String>> {
        let line = self.question(b"HEAD^{commit}\n")?;
        let words: Vec<&str> = line.split(' ').collect();
        let [id, "commit", size] = words.as_slice() else {
            return Ok(None);
        };
        self.content(number(size)?, 0)?;
        Ok(Some((*id).to_owned()))
    }

    /// The first line of the answer.
    fn question(&mut self, question: &[u8]) -> io::Result<String> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(question)?;
        input.flush()?;
        let line = self.line()?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line)?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads `size` bytes and the end of their line; `None` if `size` is larger than `most`.
    fn content(&mut self, size: u64, most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut content = self.output.by_ref().take(size);
        let read = if size <= most {
            content.read_to_end(&mut bytes)? as u64
        } else {
            io::copy(&mut content, &mut io::sink())?
        };
        let mut end = [0];
        self.output.read_exact(&mut end)?;
        if read < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((size <= most).then_some(bytes))
    }
}

fn is_id(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn number(word: &str) -> io::Result<u64> {
    word.parse()
        .map_err(|_| io::Error::other(format!("Git gave an unexpected answer: {word}")))
}

impl Drop for Batch {
    /// Without input it ends by itself; it is waited for so that no dead process stays.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}
