//! The archive of what the files of a snapshot hold. All else is in its index.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha1::{Digest, Sha1};

use super::index::{Index, Kind};
use super::listing::{Listing, name};
use super::names;

/// Reads a tar archive to its very end, and says of the files of a listing what they hold, and which it lacks.
pub fn read(archive: impl Read, listing: Listing) -> io::Result<(Index, Vec<String>)> {
    let mut held = contents(archive)?;
    let mut index = listing.index;
    let mut missing = Vec::new();
    for path in listing.unread {
        let kind = if let Some((size, content)) = held.remove(&path) {
            Kind::File { size, content }
        } else {
            // Somebody deleted it meanwhile, or it cannot be read.
            missing.push(path.clone());
            Kind::Other
        };
        if let Some(entry) = index.0.get_mut(&path) {
            entry.kind = kind;
        }
    }
    Ok((index, missing))
}

/// Whether an archive has what an index says that it has.
pub fn is_whole(archive: impl Read, index: &Index) -> io::Result<bool> {
    let mut held = contents(archive)?;
    held.retain(|_, (size, _)| *size > 0);
    let expected = index
        .0
        .iter()
        .filter_map(|(path, entry)| match &entry.kind {
            Kind::File { size: 0, .. } => None,
            Kind::File { size, content } => Some((path.clone(), (*size, content.clone()))),
            _ => None,
        })
        .collect();
    Ok(held == expected)
}

/// The size of each file and the SHA-1 of its content.
fn contents(archive: impl Read) -> io::Result<BTreeMap<String, (u64, String)>> {
    let mut archive = tar::Archive::new(archive);
    let mut held = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = names::text(name(&entry.path_bytes()));
        let mut hash = Sha1::new();
        let size = io::copy(&mut entry, &mut hash)?;
        held.insert(path, (size, format!("{:x}", hash.finalize())));
    }
    // What fills up the last record belongs to the archive too.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(held)
}
