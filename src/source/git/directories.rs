//! Which directories Git does not ignore: a new file in one of them would change the listing. Git itself only
//! tells of directories with files in them.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::super::examine::{odd, unreadable};
use super::super::listing::{Listing, is_ours, os_path};
use super::super::snapshot::{join, split};
use super::{Git, Refusal};

/// Finds them, below `place`; `closed` are submodules and repositories of their own, which are noted but not
/// entered.
pub(super) fn find(
    git: &Git,
    place: &Path,
    prefix: &[u8],
    files: &[Vec<u8>],
    closed: &HashSet<Vec<u8>>,
    listing: &mut Listing,
) {
    let mut holding: HashSet<&[u8]> = HashSet::new();
    for path in files.iter().chain(closed) {
        let mut path = path.as_slice();
        while !path.is_empty() {
            path = split(path).0;
            if !holding.insert(path) {
                break;
            }
        }
    }
    let mut pending = vec![Vec::new()];
    while !pending.is_empty() {
        // Directories and odd files that only Git can say more of.
        let mut unsure: Vec<(Vec<u8>, std::fs::FileType)> = Vec::new();
        while let Some(directory) = pending.pop() {
            let full = join(prefix, &directory);
            let found = match std::fs::read_dir(place.join(os_path(&directory))) {
                Ok(found) => found,
                Err(err) => {
                    listing.is_reusable = false;
                    listing.skip(&full, &unreadable(&err));
                    continue;
                }
            };
            for entry in found.flatten() {
                let name = entry.file_name();
                let path = join(&directory, name.as_bytes());
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if name == ".git" || is_ours(&join(prefix, &path)) {
                    continue;
                }
                if kind.is_dir() {
                    if closed.contains(&path) {
                        listing.directories.push(join(prefix, &path));
                    } else if holding.contains(path.as_slice()) {
                        pending.push(path);
                    } else {
                        unsure.push((path, kind));
                    }
                } else if name == ".gitignore" || name == ".gitattributes" {
                    listing.watches.push(entry.path());
                } else if !kind.is_file() && !kind.is_symlink() {
                    unsure.push((path, kind));
                }
            }
            listing.directories.push(full);
        }
        if unsure.is_empty() {
            break;
        }
        let paths: Vec<Vec<u8>> = unsure.iter().map(|(path, _)| path.clone()).collect();
        let Ok(ignored) = ignored(git, place, &paths) else {
            listing.is_reusable = false;
            break;
        };
        let tracked: HashSet<&[u8]> = files.iter().map(Vec::as_slice).collect();
        for (path, kind) in unsure {
            if kind.is_dir() {
                if !ignored.contains(&path) {
                    pending.push(path);
                }
            } else if !ignored.contains(&path) && !tracked.contains(path.as_slice()) {
                listing.skip(&join(prefix, &path), odd(kind_of(kind)));
            }
        }
    }
}

fn kind_of(kind: std::fs::FileType) -> rustix::fs::FileType {
    if kind.is_fifo() {
        rustix::fs::FileType::Fifo
    } else if kind.is_socket() {
        rustix::fs::FileType::Socket
    } else {
        rustix::fs::FileType::Unknown
    }
}

/// Which of the paths Git ignores.
pub(super) fn ignored(
    git: &Git,
    place: &Path,
    paths: &[Vec<u8>],
) -> Result<HashSet<Vec<u8>>, Refusal> {
    let mut child = git
        .start(place, &["check-ignore", "-z", "--stdin"])
        .map_err(|err| Refusal::Because(err.to_string()))?;
    // A name that starts with a colon would mean something else.
    let question: Vec<u8> = paths
        .iter()
        .flat_map(|path| [b"./", path.as_slice(), b"\0"].concat())
        .collect();
    let input = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.map(|mut input| input.write_all(&question)));
        child.wait_with_output()
    });
    match output {
        // `git check-ignore` exits with 1 if it ignores no path.
        Ok(output) if matches!(output.status.code(), Some(0 | 1)) => Ok(output
            .stdout
            .split(|byte| *byte == 0)
            .filter_map(|path| path.strip_prefix(b"./"))
            .map(<[u8]>::to_vec)
            .collect()),
        Ok(output) => Err(Refusal::Because(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
        Err(err) => Err(Refusal::Because(err.to_string())),
    }
}
