//! The texts of configuration files: reading them within bounds, and turning byte ranges into places.
//!
//! Nothing outside the repository is ever read, and nothing that is not a regular file is waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::problem::Place;
use super::report::is_harmful;

/// The largest file that is read, in bytes.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A byte range in one of the files of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// The index of the file.
    pub(crate) file: u32,
    /// The first byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
}

/// One text and where its lines begin.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path relative to the repository's root, with `/`.
    pub(crate) path: String,
    /// The path as it is shown: no character of it can do harm, and no other file has the same.
    pub(crate) name: String,
    /// The text; bytes that are not UTF-8 are replaced.
    pub(crate) text: Arc<str>,
    lines: Vec<u32>,
    /// How many characters stand before every 64th byte; empty when each byte is one.
    characters: Vec<u32>,
}

/// Every file that was opened, so that a [`Span`] can say where it is.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its index.
    pub(crate) fn add(&mut self, path: String, text: Arc<str>) -> u32 {
        let mut name = harmless(&path);
        while name != path && self.files.iter().any(|file| file.name == name) {
            name.push(char::REPLACEMENT_CHARACTER);
        }
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, byte)| *byte == b'\n')
                    .map(|(at, _)| offset(at + 1)),
            )
            .collect();
        let characters = characters(&text);
        self.files.push(Source {
            path,
            name,
            text,
            lines,
            characters,
        });
        offset(self.files.len() - 1)
    }

    /// One of the files.
    pub(crate) fn file(&self, index: u32) -> &Source {
        &self.files[index as usize]
    }

    /// All files in the order in which they were opened.
    pub(crate) fn files(&self) -> &[Source] {
        &self.files
    }

    /// The text that a span covers.
    pub(crate) fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// The place that a span stands for.
    pub(crate) fn place(&self, span: Span) -> Place {
        self.file(span.file)
            .place(span.start as usize..span.end as usize)
    }
}

impl Source {
    /// The place of a byte range in this text.
    pub(crate) fn place(&self, range: std::ops::Range<usize>) -> Place {
        let start = floor(&self.text, range.start);
        let end = floor(&self.text, range.end).max(start);
        let line = self.lines.partition_point(|begin| *begin as usize <= start);
        let begin = self.lines.get(line - 1).map_or(0, |begin| *begin as usize);
        Place {
            file: self.name.clone(),
            line,
            column: self.characters_before(start) - self.characters_before(begin) + 1,
            span: start..end,
        }
    }
}

impl Source {
    /// How many characters stand before a byte: a line may be as long as the file, and asked for often.
    fn characters_before(&self, at: usize) -> usize {
        let Some(before) = self.characters.get(at / BLOCK) else {
            return at;
        };
        let block = &self.text.as_bytes()[at / BLOCK * BLOCK..at];
        // A mark of the byte order stands for no character; it can only be the first.
        let mark = usize::from(at > 0 && at < BLOCK && self.text.starts_with('\u{FEFF}'));
        *before as usize + block.iter().filter(|byte| is_first(**byte)).count() - mark
    }
}

/// How many bytes lie between two entries of [`Source::characters`].
const BLOCK: usize = 64;

fn characters(text: &str) -> Vec<u32> {
    if text.is_ascii() {
        return Vec::new();
    }
    let mut count = 0;
    let mark = u32::from(text.starts_with('\u{FEFF}'));
    let mut table = vec![0];
    for block in text.as_bytes().chunks(BLOCK) {
        count += offset(block.iter().filter(|byte| is_first(**byte)).count());
        table.push(count - mark);
    }
    table
}

/// Whether a byte is the first of a character.
fn is_first(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

/// Byte offsets are kept in 32 bits: no file is larger than [`MAX_FILE`].
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no such file")]
    Missing,
    #[error("it leads outside the repository")]
    Outside,
    #[error("it is a directory, not a file")]
    Directory,
    #[error("it is a file, not a directory")]
    NoDirectory,
    #[error("it is not a regular file")]
    Special,
    #[error("it is larger than 16 MiB")]
    TooLarge,
    #[error("it is a symbolic link that leads to itself")]
    Loop,
    #[error("there is no permission to read it")]
    Permission,
    #[error("it cannot be read: {0}")]
    Other(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Self::Loop,
            _ => Self::Other(error),
        }
    }
}

/// The repository that a configuration belongs to.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Without one nothing is there.
    root: Option<PathBuf>,
}

impl Repository {
    /// Resolves the links on the way to `root` once, so that escapes can be recognised.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: Some(root.canonicalize()?),
        })
    }

    /// A repository in which nothing is: for a text that belongs to none.
    pub(crate) fn empty() -> Self {
        Self { root: None }
    }

    /// Whether there is nothing but the configuration: no source that it could be held against.
    pub(crate) fn is_bare(&self) -> bool {
        const BESIDE: [&str; 3] = [".upsun", ".git", ".upsun-local.yaml"];
        let Some(Ok(mut entries)) = self.root.as_ref().map(|root| root.read_dir()) else {
            return true;
        };
        entries.all(|entry| {
            entry.is_ok_and(|entry| BESIDE.iter().any(|name| entry.file_name() == *name))
        })
    }

    /// The path of `relative` if it exists inside the repository, with all links resolved.
    pub(crate) fn resolve(&self, relative: impl AsRef<Path>) -> Result<PathBuf, ReadError> {
        let root = self.root.as_ref().ok_or(ReadError::Missing)?;
        let path = root.join(relative).canonicalize()?;
        if path.starts_with(root) {
            Ok(path)
        } else {
            Err(ReadError::Outside)
        }
    }

    /// The bytes of a regular file inside the repository.
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> Result<Vec<u8>, ReadError> {
        let path = self.resolve(relative)?;
        let file = open(&path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(ReadError::Directory);
        }
        if !metadata.is_file() {
            return Err(ReadError::Special);
        }
        if metadata.len() > MAX_FILE {
            return Err(ReadError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(ReadError::TooLarge);
        }
        Ok(bytes)
    }
}

/// Opens without blocking: a named pipe that nobody writes to must not hold us up.
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)
}

/// Joins a relative path to a base, both relative to the repository's root and with `/`, and takes
/// out `.` and `..`. `None` when the result would lie outside the repository.
pub(crate) fn join(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in Path::new(base)
        .components()
        .chain(Path::new(path).components())
    {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// A path as it can stand in a message: without characters that do harm, and not endless.
pub(crate) fn clean(path: &str) -> String {
    harmless(&path.chars().take(200).collect::<String>())
}

fn harmless(path: &str) -> String {
    path.replace(is_harmful, "\u{FFFD}")
}
