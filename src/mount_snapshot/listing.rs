//! Reads what `find` says of the mounts, which tells without reading them which files can have changed.

use std::io::{self, BufRead};
use std::time::Duration;

use super::index::{Entry, Index, Kind, Stat};
use super::names;

/// A change that is not older than this when a list is made may be followed by one that the kernel gives the same
/// moment: its clock for files ticks every few milliseconds.
const TICK: Duration = Duration::from_millis(100);

/// SHA-1 of nothing.
const EMPTY: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// The files on the mounts, as far as they can be known without reading them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Everything. Files that are to be read hold nothing yet.
    pub index: Index,
    /// The files that are to be read, in order.
    pub unread: Vec<String>,
    /// Mounts that the container has lost.
    pub lost_mounts: Vec<String>,
}

impl Listing {
    /// The arguments that make `find` say of each entry what is read here. What cannot be entered is not entered.
    pub(crate) const FIND: &str = r"-ignore_readdir_race \
        \( -readable -printf r -o -printf - \) \( -executable -printf x -o -printf - \) \
        -printf '%y %m %s %T@ %C@ %D %i %n\0%l\0%p\0' \
        -type d \( ! -readable -o ! -executable \) -prune";

    /// Reads the moment, the mounts that are lost up to an empty one, and the entries up to an empty one. What is
    /// `known` of an entry that has not changed since need not be read again.
    pub fn read(from: &mut impl BufRead, known: &Index) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let moment = moment(&String::from_utf8_lossy(&word(from)?))
            .ok_or_else(|| bad("there is no time"))?;
        loop {
            let mount = word(from)?;
            if mount.is_empty() {
                break;
            }
            listing.lost_mounts.push(names::text(name(&mount)));
        }
        loop {
            let facts = word(from)?;
            if facts.is_empty() {
                break;
            }
            let facts = String::from_utf8_lossy(&facts).into_owned();
            let target = names::text(&word(from)?);
            let path = names::text(name(&word(from)?));
            let mut entry = entry(&facts, target).ok_or_else(|| bad(&facts))?;
            if let Kind::File { size, content } = &mut entry.kind {
                match known.0.get(&path) {
                    _ if *size == 0 => EMPTY.clone_into(content),
                    Some(Entry {
                        kind:
                            Kind::File {
                                size: then,
                                content: held,
                            },
                        stat,
                        ..
                    }) if then == size
                        && stat.changed.is_some()
                        && stat.changed == entry.stat.changed
                        && (stat.device, stat.inode) == (entry.stat.device, entry.stat.inode) =>
                    {
                        content.clone_from(held);
                    }
                    _ => listing.unread.push(path.clone()),
                }
            }
            let is_settled = |changed: &String| {
                self::moment(changed).is_some_and(|changed| changed + TICK < moment)
            };
            entry.stat.changed = entry.stat.changed.filter(is_settled);
            listing.index.0.insert(path, entry);
        }
        listing.unread.sort_unstable();
        Ok(listing)
    }

    /// The names of the files that are to be read, each ended by a zero.
    pub(crate) fn to_read(&self) -> Vec<u8> {
        paths(&self.unread)
    }
}

/// The paths as a container has them, each ended by a zero.
pub(super) fn paths(all: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in all {
        bytes.extend_from_slice(b"./");
        bytes.extend(names::bytes(path));
        bytes.push(0);
    }
    bytes
}

/// A path in a container without the dot in front and a slash at its end.
pub(super) fn name(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

fn entry(facts: &str, target: String) -> Option<Entry> {
    let mut words = facts.split(' ');
    let mut letters = words.next()?.chars();
    let is_readable = letters.next()? == 'r';
    let is_executable = letters.next()? == 'x';
    let kind = letters.next()?;
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let size = words.next()?.parse().ok()?;
    let mut time = || {
        let time = words.next()?;
        // `find` writes ten digits, of which the last is none.
        Some(match time.split_once('.') {
            Some((seconds, fraction)) => {
                format!("{seconds}.{}", fraction.get(..9).unwrap_or(fraction))
            }
            None => time.to_owned(),
        })
    };
    let (modified, changed) = (time()?, time()?);
    let mut number = || words.next()?.parse().ok();
    let stat = Stat {
        modified,
        changed: Some(changed),
        device: number()?,
        inode: number()?,
        links: number()?,
    };
    let kind = match kind {
        'f' if is_readable => Kind::File {
            size,
            content: String::new(),
        },
        'f' => Kind::LockedFile { size },
        'd' if is_readable && is_executable => Kind::Directory,
        'd' => Kind::LockedDirectory,
        'l' => Kind::Link { target },
        'p' => Kind::Pipe,
        _ => Kind::Other,
    };
    let mode = match kind {
        Kind::Link { .. } => 0,
        _ => mode,
    };
    Some(Entry { kind, mode, stat })
}

/// A time since 1970. What was before is as old as can be.
fn moment(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.trim().split_once('.')?;
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(Duration::new(
        seconds.parse().unwrap_or_default(),
        nanoseconds,
    ))
}

/// What comes up to the next zero.
fn word(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_until(0, &mut bytes)?;
    match bytes.pop() {
        Some(0) => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the list of files on the mounts is not valid: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(known: &Index, moment: &str, files: &[(&str, &str)]) -> Listing {
        let mut bytes = format!("{moment}\0\0").into_bytes();
        for (facts, path) in files {
            bytes.extend_from_slice(format!("{facts}\0\0{path}\0").as_bytes());
        }
        bytes.push(0);
        Listing::read(&mut bytes.as_slice(), known).unwrap()
    }

    #[test]
    fn only_files_that_can_have_changed_are_read_again() {
        let a = "r-f 644 3 5.0000000010 9.0000000010 1 77 1";
        let first = read(&Index::default(), "100.000000000", &[(a, "./data/a")]);
        assert_eq!(first.unread, ["data/a"]);
        assert_eq!(first.to_read(), b"./data/a\0");
        let mut known = first.index;
        if let Kind::File { content, .. } = &mut known.0.get_mut("data/a").unwrap().kind {
            "abc".clone_into(content);
        }
        let again = |facts: &str| read(&known, "101.0", &[(facts, "./data/a")]).unread.len();
        assert_eq!(again(a), 0);
        for other in [
            "r-f 644 4 5.0000000010 9.0000000010 1 77 1",
            "r-f 644 3 5.0000000010 9.0000000020 1 77 1",
            "r-f 644 3 5.0000000010 9.0000000010 1 78 1",
            "r-f 644 3 5.0000000010 9.0000000010 2 77 1",
        ] {
            assert_eq!(again(other), 1, "{other}");
        }
    }

    #[test]
    fn a_change_right_before_the_list_is_trusted_by_no_later_one() {
        let a = "r-f 644 3 5.0 99.9500000000 1 77 1";
        let first = read(&Index::default(), "100.0", &[(a, "./data/a")]);
        assert_eq!(
            read(&first.index, "200.0", &[(a, "./data/a")]).unread.len(),
            1
        );
    }

    #[test]
    fn a_list_that_is_cut_off_is_none() {
        let whole = b"100.0\0\0r-f 644 3 5.0 9.0 1 77 1\0\0./data/a\0\0";
        assert!(Listing::read(&mut whole.as_slice(), &Index::default()).is_ok());
        for length in 0..whole.len() {
            let cut = Listing::read(&mut &whole[..length], &Index::default());
            assert!(cut.is_err(), "{length}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_known_as_such() {
        let listing = read(
            &Index::default(),
            "100.0",
            &[
                ("--f 0 3 5.0 9.0 1 77 1", "./data/a"),
                ("r-d 644 3 5.0 9.0 1 78 1", "./data/b"),
            ],
        );
        assert_eq!(listing.unread, [""; 0]);
        assert_eq!(listing.index.0["data/a"].kind, Kind::LockedFile { size: 3 });
        assert_eq!(listing.index.0["data/b"].kind, Kind::LockedDirectory);
    }
}
