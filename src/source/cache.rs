//! What the last scan found, in one file per repository, so that the next reads only what changed.
//!
//! The file is worth nothing: one that is damaged, foreign or of another version is as good as none.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use super::Skipped;
use super::hash::Hash;
use super::snapshot::{Content, Directory, Entry, Kind, ModeRule, Rule, Snapshot, Text};
use super::stamp::Stamp;

/// Starts every file; the number changes whenever the rest does.
const MAGIC: &[u8; 24] = b"upsun-local source v2\r\n\0";
/// Magic and checksum.
const HEADER: usize = MAGIC.len() + 8;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Cached {
    pub snapshot: Snapshot,
    /// Files that decide what is ignored.
    pub watches: Vec<(PathBuf, Stamp)>,
    /// What the listing leaves out.
    pub skipped: Vec<Skipped>,
    /// Whether the listing may be used again.
    pub is_reusable: bool,
    /// The hash of the variables that Git was asked with.
    pub fingerprint: Hash,
}

/// The file for a repository.
pub(super) fn file(cache_dir: &Path, root: &Path) -> PathBuf {
    let sum: Hash = Sha1::digest(root.as_os_str().as_bytes()).into();
    let name: String = sum[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    cache_dir.join(format!("source-{name}.cache"))
}

/// Finds flipped bits and cut ends; it need not stand against an enemy, who could write the repository too.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = bytes.len() as u64 ^ FACTOR;
    let mut words = bytes.chunks_exact(8);
    let mut add = |word: u64| sum = (sum.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    for word in words.by_ref() {
        add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    add(u64::from_le_bytes(last));
    sum ^ (sum >> 32)
}

/// Reads what is known of the repository.
pub(super) fn read(file: &Path, root: &Path) -> Option<Cached> {
    parse(std::fs::read(file).ok()?, root)
}

/// Writes it; readers see the old file or the new one.
pub(super) fn write(file: &Path, root: &Path, cached: &Cached) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(&bytes(root, cached))?;
    temporary.persist(file)?;
    Ok(())
}

fn bytes(root: &Path, cached: &Cached) -> Vec<u8> {
    let snapshot = &cached.snapshot;
    let mut out = Writer(Vec::with_capacity(4096 + snapshot.entries.len() * 128));
    out.0.extend_from_slice(MAGIC);
    out.number(0);
    out.text(root.as_os_str().as_bytes());
    out.0.extend_from_slice(&cached.fingerprint);
    out.0.push(u8::from(cached.is_reusable));
    out.number(cached.watches.len() as u64);
    for (path, stamp) in &cached.watches {
        out.text(path.as_os_str().as_bytes());
        out.stamp(stamp);
    }
    out.number(cached.skipped.len() as u64);
    for skipped in &cached.skipped {
        out.text(skipped.path.as_os_str().as_bytes());
        out.text(skipped.reason.as_bytes());
    }
    out.number(snapshot.directories.len() as u64);
    for directory in &snapshot.directories {
        out.text(snapshot.path(directory));
        out.stamp(&directory.stamp);
        out.0.push(u8::from(directory.id.is_some()));
        out.0.extend_from_slice(&directory.id.unwrap_or_default());
        out.number(directory.files as u64);
        out.number(directory.bytes);
        out.number(directory.entries.len() as u64);
        for entry in &snapshot.entries[directory.entries.clone()] {
            out.text(snapshot.get(entry.name));
            out.0.push(code(entry.kind));
            out.stamp(&entry.stamp);
            out.number(entry.size);
            out.0.extend_from_slice(&entry.hash);
            out.0.extend_from_slice(&[
                place_of(&CONTENTS, &entry.rule.content),
                place_of(&MODES, &entry.rule.mode),
                u8::from(entry.was_asked) | u8::from(entry.is_stored) << 1,
            ]);
        }
    }
    signed(out.0)
}

/// Adds the checksum.
pub(super) fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&bytes[HEADER..]).to_le_bytes();
    bytes[MAGIC.len()..HEADER].copy_from_slice(&sum);
    bytes
}

/// What the codes of rules mean.
const CONTENTS: [Content; 7] = [
    Content::Plain,
    Content::Lines,
    Content::Git,
    Content::Lfs,
    Content::Blocked,
    Content::BlockedLfs,
    Content::Pinned,
];
const MODES: [ModeRule; 3] = [ModeRule::OfDisk, ModeRule::File, ModeRule::Executable];

fn place_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let at = all.iter().position(|other| other == one);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Absent => 0,
        Kind::File => 1,
        Kind::Executable => 2,
        Kind::Link => 3,
        Kind::LeftOut => 4,
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text);
    }

    fn stamp(&mut self, stamp: &Stamp) {
        self.0.extend_from_slice(&stamp.mode.to_le_bytes());
        self.number(stamp.size);
        self.0.extend_from_slice(&stamp.mtime.to_le_bytes());
        self.0.extend_from_slice(&stamp.ctime.to_le_bytes());
        self.number(stamp.inode);
    }
}

pub(super) fn parse(bytes: Vec<u8>, root: &Path) -> Option<Cached> {
    // Places of texts are 32-bit numbers.
    u32::try_from(bytes.len()).ok()?;
    if bytes.get(..MAGIC.len())? != MAGIC {
        return None;
    }
    let sum = u64::from_le_bytes(bytes.get(MAGIC.len()..HEADER)?.try_into().ok()?);
    if sum != checksum(&bytes[HEADER..]) {
        return None;
    }
    let mut reader = Reader {
        bytes: &bytes,
        at: HEADER,
    };
    if reader.text()? != root.as_os_str().as_bytes() {
        return None;
    }
    let mut cached = Cached {
        fingerprint: reader.array()?,
        is_reusable: reader.array::<1>()? == [1],
        ..Cached::default()
    };
    for _ in 0..reader.number()? {
        let path = OsStr::from_bytes(reader.text()?).into();
        cached.watches.push((path, reader.stamp()?));
    }
    for _ in 0..reader.number()? {
        cached.skipped.push(Skipped {
            path: OsStr::from_bytes(reader.text()?).into(),
            reason: String::from_utf8(reader.text()?.to_vec()).ok()?,
        });
    }
    let snapshot = &mut cached.snapshot;
    for _ in 0..reader.number()? {
        let path = reader.place()?;
        let stamp = reader.stamp()?;
        let has_id = reader.array::<1>()? == [1];
        let id = reader.array()?;
        let files = usize::try_from(reader.number()?).ok()?;
        let bytes = reader.number()?;
        let first = snapshot.entries.len();
        for _ in 0..reader.number()? {
            snapshot.entries.push(reader.entry()?);
        }
        snapshot.directories.push(Directory {
            path,
            stamp,
            entries: first..snapshot.entries.len(),
            id: has_id.then_some(id),
            files,
            bytes,
        });
    }
    if reader.at != bytes.len() {
        return None;
    }
    cached.snapshot.text = bytes;
    Some(cached)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    /// Where a text stands in the file.
    fn place(&mut self) -> Option<Text> {
        let length = u32::from_le_bytes(self.array()?);
        let start = u32::try_from(self.at).ok()?;
        self.take(usize::try_from(length).ok()?)?;
        Some(Text { start, length })
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(usize::try_from(length).ok()?)
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp {
            mode: u32::from_le_bytes(self.array()?),
            size: self.number()?,
            mtime: i64::from_le_bytes(self.array()?),
            ctime: i64::from_le_bytes(self.array()?),
            inode: self.number()?,
        })
    }

    fn entry(&mut self) -> Option<Entry> {
        let name = self.place()?;
        let mut entry = Entry {
            name,
            kind: match self.array::<1>()? {
                [0] => Kind::Absent,
                [1] => Kind::File,
                [2] => Kind::Executable,
                [3] => Kind::Link,
                [4] => Kind::LeftOut,
                _ => return None,
            },
            stamp: self.stamp()?,
            size: self.number()?,
            hash: self.array()?,
            rule: Rule::default(),
            was_asked: false,
            is_stored: false,
            is_doubtful: false,
        };
        let [content, mode, flags] = self.array()?;
        entry.rule.content = *CONTENTS.get(usize::from(content))?;
        entry.rule.mode = *MODES.get(usize::from(mode))?;
        entry.was_asked = flags & 1 != 0;
        entry.is_stored = flags & 2 != 0;
        Some(entry)
    }
}
