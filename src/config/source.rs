//! The texts of configuration files: reading them within bounds, and turning byte ranges into places.
//!
//! Nothing outside the repository is ever read, and nothing that is not a regular file is waited for.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::files::{Files, Kind, MAX_FILE, ReadError};
use super::problem::Place;
use crate::bounded;
use crate::source::line_ends;
use crate::text::is_harmful;

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
        // A byte order mark is not a character; it can only be the first.
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

/// The repository that a configuration belongs to.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Without them nothing is there.
    files: Option<Rc<dyn Files>>,
}

impl Repository {
    /// The one at `root` on the disk.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self::of(Rc::new(Disk::new(root)?)))
    }

    /// The one that has these files.
    pub(crate) fn of(files: Rc<dyn Files>) -> Self {
        Self { files: Some(files) }
    }

    /// A repository in which nothing is: for a text that belongs to none.
    pub(crate) fn empty() -> Self {
        Self { files: None }
    }

    /// Whether there is nothing but the configuration: no source that it could be held against.
    pub(crate) fn is_bare(&self) -> bool {
        const BESIDE: [&str; 3] = [".upsun", ".git", ".upsun-local.yaml"];
        let Ok(names) = self.names("") else {
            return true;
        };
        names
            .iter()
            .all(|name| BESIDE.iter().any(|beside| name == beside))
    }

    /// What stands at a path inside the repository, with all links followed.
    pub(crate) fn kind(&self, path: impl AsRef<Path>) -> Result<Kind, ReadError> {
        self.files()?.kind(path.as_ref())
    }

    /// The bytes of a regular file inside the repository.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, ReadError> {
        self.files()?.read(path.as_ref())
    }

    /// The bytes as Git would store them.
    pub(crate) fn stored(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, ReadError> {
        self.files()?.stored(path.as_ref())
    }

    /// The names in a directory.
    pub(crate) fn names(&self, directory: impl AsRef<Path>) -> Result<Vec<OsString>, ReadError> {
        self.files()?.names(directory.as_ref())
    }

    /// Where on the disk a path lies, if it does.
    pub(crate) fn on_disk(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        self.files.as_ref()?.on_disk(path.as_ref())
    }

    fn files(&self) -> Result<&Rc<dyn Files>, ReadError> {
        self.files.as_ref().ok_or(ReadError::Missing)
    }
}

/// A directory on the disk.
#[derive(Debug)]
struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Resolves the links on the way to `root` once, so that escapes can be recognised.
    fn new(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    /// The path of `relative` if it exists inside the repository, with all links resolved.
    fn resolve(&self, relative: &Path) -> Result<PathBuf, ReadError> {
        let path = self.root.join(relative).canonicalize()?;
        if path.starts_with(&self.root) {
            Ok(path)
        } else {
            Err(ReadError::Outside)
        }
    }
}

impl Files for Disk {
    fn kind(&self, path: &Path) -> Result<Kind, ReadError> {
        let found = self.resolve(path)?.metadata()?;
        Ok(if found.is_dir() {
            Kind::Directory
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        Ok(bounded::read_below(&self.root, path, MAX_FILE)?)
    }

    fn stored(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let bytes = self.read(path)?;
        let has_crlf = bytes.windows(2).any(|pair| pair == b"\r\n");
        // Git is only asked where its answer counts.
        if !has_crlf || !line_ends::are_converted(&self.root, path) {
            return Ok(bytes);
        }
        let next = bytes.iter().skip(1).chain(&[0]);
        let kept = bytes
            .iter()
            .zip(next)
            .filter(|pair| *pair != (&b'\r', &b'\n'));
        Ok(kept.map(|(byte, _)| *byte).collect())
    }

    fn names(&self, directory: &Path) -> Result<Vec<OsString>, ReadError> {
        let directory = self.resolve(directory)?;
        if !directory.is_dir() {
            return Err(ReadError::NoDirectory);
        }
        let entries = directory.read_dir()?;
        Ok(entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()?)
    }

    fn on_disk(&self, path: &Path) -> Option<PathBuf> {
        self.resolve(path).ok()
    }
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
