//! The archive of what the files of a snapshot hold. All else is in its index.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::content::Content;
use super::index::{Index, Kind};
use super::listing::{Listing, name};
use super::members::Members;
use super::names;

/// How much is read at once, in bytes.
const PIECE: usize = 256 * 1024;

/// Reads a tar archive to its very end, and says of the files of a listing what they hold, and which it lacks.
pub fn read(archive: impl Read, listing: Listing) -> io::Result<(Index, Vec<String>)> {
    let mut held = contents(archive)?;
    let mut index = listing.index;
    let mut missing = Vec::new();
    for path in listing.unread {
        let kind = if let Some((size, content)) = held.remove(&path) {
            Kind::File { size, content }
        } else {
            // The file was deleted meanwhile, or it cannot be read.
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

/// The size of each file and the word for its content.
fn contents(archive: impl Read) -> io::Result<BTreeMap<String, (u64, String)>> {
    let mut members = Members::new(archive);
    let mut held = BTreeMap::new();
    let mut buffer = vec![0; PIECE];
    while let Some(member) = members.next()? {
        let mut content = Content::default();
        let mut at = 0;
        for (offset, length) in member.pieces {
            content.skip(offset - at);
            at = offset + length;
            let mut piece = (&mut members).take(length);
            loop {
                match piece.read(&mut buffer)? {
                    0 => break,
                    read => content.write(&buffer[..read]),
                }
            }
        }
        content.skip(member.size - at);
        held.insert(names::text(name(&member.name)), content.finish());
    }
    // What fills up the last record belongs to the archive too.
    io::copy(&mut members.into_inner(), &mut io::sink())?;
    Ok(held)
}
