//! Reads tar archives as GNU tar writes them with `--sparse`: a file is the pieces of it that hold something, and the
//! holes between them cost nothing, however large they are. The `tar` crate would read them out as zeros.

use std::io::{self, BufReader, Read, Seek};

/// What an archive is made of.
const BLOCK: usize = 512;

/// The longest name, in bytes. Linux has none of more than 4096.
const LONGEST: u64 = 64 * 1024;

/// A piece of a file that is no hole: where it begins, and how long it is.
pub(super) type Piece = (u64, u64);

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name as it is in the archive.
    pub name: Vec<u8>,
    /// Its size, with its holes.
    pub size: u64,
    /// The pieces in order. The archive holds them one after the other.
    pub pieces: Vec<Piece>,
}

impl Member {
    /// Whether it has holes.
    pub(super) fn is_sparse(&self) -> bool {
        self.pieces != whole(self.size)
    }

    /// How much of it is in the archive.
    pub(super) fn held(&self) -> u64 {
        self.pieces.iter().map(|(_, length)| length).sum()
    }
}

/// The pieces of a file without holes.
fn whole(size: u64) -> Vec<Piece> {
    if size == 0 {
        Vec::new()
    } else {
        vec![(0, size)]
    }
}

/// The members of an archive, one after the other.
#[derive(Debug)]
pub(super) struct Members<R> {
    from: R,
    skip: fn(&mut R, u64) -> io::Result<()>,
    /// What has not been read yet of the member's pieces, and then of what fills up its last block.
    left: u64,
    filling: u64,
}

impl<R: Read> Members<R> {
    /// Reads an archive from a stream.
    pub(super) fn new(from: R) -> Self {
        Self::of(from, |from, count| {
            match io::copy(&mut from.take(count), &mut io::sink())? {
                copied if copied == count => Ok(()),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        })
    }

    fn of(from: R, skip: fn(&mut R, u64) -> io::Result<()>) -> Self {
        Members {
            from,
            skip,
            left: 0,
            filling: 0,
        }
    }

    /// The next one; what was not read of the one before is passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        let mut name = None;
        loop {
            self.pass()?;
            let mut header = tar::Header::new_old();
            if !self.block(header.as_mut_bytes())? || header.as_bytes().iter().all(|it| *it == 0) {
                return Ok(None);
            }
            check(&header)?;
            let held = header.entry_size()?;
            let kind = header.entry_type();
            if kind.is_gnu_longname() {
                self.expect(held)?;
                name = Some(self.name(held)?);
                continue;
            }
            if kind.is_gnu_longlink()
                || kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions()
            {
                self.expect(held)?;
                continue;
            }
            let (size, pieces) = if kind.is_gnu_sparse() {
                self.map(&header)?
            } else {
                (held, whole(held))
            };
            self.expect(held)?;
            let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
            let member = Member { name, size, pieces };
            if member.held() != held {
                return Err(bad("the pieces of a file are not what it holds"));
            }
            return Ok(Some(member));
        }
    }

    /// What is read from after the last member.
    pub(super) fn into_inner(self) -> R {
        self.from
    }

    fn expect(&mut self, held: u64) -> io::Result<()> {
        let blocks = held.checked_next_multiple_of(BLOCK as u64);
        let blocks = blocks.ok_or_else(|| bad("a file is too large"))?;
        (self.left, self.filling) = (held, blocks - held);
        Ok(())
    }

    fn pass(&mut self) -> io::Result<()> {
        let rest = self.left + self.filling;
        (self.left, self.filling) = (0, 0);
        if rest > 0 {
            (self.skip)(&mut self.from, rest)?;
        }
        Ok(())
    }

    /// Whether there is one more block.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut read = 0;
        while read < BLOCK {
            match self.from.read(&mut block[read..])? {
                0 if read == 0 => return Ok(false),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read += more,
            }
        }
        Ok(true)
    }

    fn name(&mut self, length: u64) -> io::Result<Vec<u8>> {
        if length > LONGEST {
            return Err(bad("a name is too long"));
        }
        let mut name = Vec::new();
        self.read_to_end(&mut name)?;
        if name.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// The size of a sparse file and its pieces, which stand in its header and in blocks after that.
    fn map(&mut self, header: &tar::Header) -> io::Result<(u64, Vec<Piece>)> {
        let header = header
            .as_gnu()
            .ok_or_else(|| bad("a sparse file has a header of another format"))?;
        let size = header.real_size()?;
        let mut pieces = Vec::new();
        add(&mut pieces, &header.sparse, size)?;
        let mut is_extended = header.is_extended();
        while is_extended {
            let mut more = tar::GnuExtSparseHeader::new();
            if !self.block(more.as_mut_bytes())? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            add(&mut pieces, more.sparse(), size)?;
            is_extended = more.is_extended();
        }
        Ok((size, pieces))
    }
}

impl<R: Read + Seek> Members<BufReader<R>> {
    /// Reads an archive that can skip data.
    pub(super) fn seeking(from: R) -> Self {
        Self::of(BufReader::new(from), |from, count| {
            let count = i64::try_from(count).map_err(io::Error::other)?;
            from.seek_relative(count)
        })
    }
}

impl<R: Read> Read for Members<R> {
    /// Reads the pieces of the member, one after the other.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.from.read(&mut buffer[..length])?;
        if read == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn add(pieces: &mut Vec<Piece>, listed: &[tar::GnuSparseHeader], size: u64) -> io::Result<()> {
    for piece in listed.iter().filter(|piece| !piece.is_empty()) {
        let (offset, length) = (piece.offset()?, piece.length()?);
        let before = pieces.last().map_or(0, |(offset, length)| offset + length);
        let end = offset.checked_add(length);
        if offset < before || end.is_none_or(|end| end > size) {
            return Err(bad("the pieces of a sparse file are in no order"));
        }
        // An empty piece marks the end of a file that ends with a hole.
        if length > 0 {
            pieces.push((offset, length));
        }
    }
    Ok(())
}

fn check(header: &tar::Header) -> io::Result<()> {
    let bytes = header.as_bytes();
    let others = bytes[..148].iter().chain(&bytes[156..]);
    let sum: u32 = others.map(|byte| u32::from(*byte)).sum();
    if header.cksum()? == sum + 8 * u32::from(b' ') {
        Ok(())
    } else {
        Err(bad("a header's checksum is wrong"))
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the archive is not valid: {what}"),
    )
}

/// The map of a file with holes as GNU tar reads it in its "PAX format, version 1.0", where it comes before what the
/// file holds.
pub(super) fn written_map(member: &Member) -> Vec<u8> {
    let mut pieces = member.pieces.clone();
    if pieces
        .last()
        .is_none_or(|(offset, length)| offset + length < member.size)
    {
        pieces.push((member.size, 0));
    }
    let mut map = format!("{}\n", pieces.len());
    for (offset, length) in pieces {
        map.push_str(&format!("{offset}\n{length}\n"));
    }
    let mut map = map.into_bytes();
    map.resize(map.len().next_multiple_of(BLOCK), 0);
    map
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file with holes: its name, its size, and what it holds where.
    pub(in super::super) type Sparse<'a> = (&'a str, u64, &'a [(u64, &'a [u8])]);

    /// An archive as `tar --format=gnu --sparse` writes it.
    pub(in super::super) fn archive(files: &[Sparse<'_>]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, size, pieces) in files {
            let mut map: Vec<Piece> = pieces
                .iter()
                .map(|(offset, bytes)| (*offset, bytes.len() as u64))
                .collect();
            map.push((*size, 0));
            let held = pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            let mut header = tar::Header::new_gnu();
            header.set_path(name).unwrap();
            header.set_mode(0o644);
            header.set_entry_type(tar::EntryType::GNUSparse);
            header.set_size(held);
            let gnu = header.as_gnu_mut().unwrap();
            gnu.set_real_size(*size);
            let (own, more) = map.split_at(map.len().min(4));
            for (place, piece) in gnu.sparse.iter_mut().zip(own) {
                place.set_offset(piece.0);
                place.set_length(piece.1);
            }
            gnu.set_is_extended(!more.is_empty());
            header.set_cksum();
            let mut after = Vec::new();
            let chunks: Vec<&[Piece]> = more.chunks(21).collect();
            for (at, chunk) in chunks.iter().enumerate() {
                let mut block = tar::GnuExtSparseHeader::new();
                for (place, piece) in block.sparse_mut().iter_mut().zip(*chunk) {
                    place.set_offset(piece.0);
                    place.set_length(piece.1);
                }
                block.set_is_extended(at + 1 < chunks.len());
                after.extend_from_slice(block.as_bytes());
            }
            for (_, bytes) in *pieces {
                after.extend_from_slice(bytes);
            }
            // The blocks of the map count for nothing in the header.
            tar.append(&header, after.as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn all(mut members: Members<impl Read>) -> io::Result<Vec<(Member, Vec<u8>)>> {
        let mut all = Vec::new();
        while let Some(member) = members.next()? {
            let mut held = Vec::new();
            members.read_to_end(&mut held)?;
            all.push((member, held));
        }
        Ok(all)
    }

    #[test]
    fn pieces_and_holes_are_told_apart() {
        let block = [7; BLOCK];
        let many: Vec<(u64, &[u8])> = (0..60).map(|at| (at * 4096, &block[..])).collect();
        let bytes = archive(&[
            ("empty", 10 << 40, &[]),
            ("many", 1 << 20, &many),
            ("end", 5000, &[(4096, &[1; 904])]),
        ]);
        for members in [
            all(Members::new(bytes.as_slice())).unwrap(),
            all(Members::seeking(io::Cursor::new(&bytes))).unwrap(),
        ] {
            let told: Vec<(&[u8], u64, usize, usize)> = members
                .iter()
                .map(|(member, held)| {
                    assert!(member.is_sparse());
                    assert_eq!(member.held(), held.len() as u64);
                    (
                        member.name.as_slice(),
                        member.size,
                        member.pieces.len(),
                        held.len(),
                    )
                })
                .collect();
            assert_eq!(
                told,
                [
                    (&b"empty"[..], 10 << 40, 0, 0),
                    (b"many", 1 << 20, 60, 60 * BLOCK),
                    (b"end", 5000, 1, 904),
                ]
            );
        }
    }

    #[test]
    fn what_is_passed_over_need_not_be_read() {
        let bytes = archive(&[("a", 2048, &[(0, &[1; 1000])]), ("b", 3, &[(0, b"abc")])]);
        let mut members = Members::seeking(io::Cursor::new(&bytes));
        assert_eq!(members.next().unwrap().unwrap().name, b"a");
        assert_eq!(members.next().unwrap().unwrap().name, b"b");
        assert_eq!(members.next().unwrap(), None);
    }

    #[test]
    fn pieces_in_no_order_are_refused() {
        for pieces in [
            &[(512, &[1; 512][..]), (0, &[1; 512])][..],
            &[(0, &[1; 512]), (256, &[1; 512])],
            &[(u64::MAX - 1, &[1; 512])],
            &[(1024, &[1; 512])],
        ] {
            let bytes = archive(&[("a", 1100, pieces)]);
            assert!(Members::new(bytes.as_slice()).next().is_err(), "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn no_archive_is_too_odd(
            changes in prop::collection::vec((0_usize..4096, any::<u8>()), 0..6), length in 0_usize..5000,
        ) {
            let mut bytes = archive(&[
                ("a", 1 << 40, &[(0, &[1; 512]), (1 << 30, &[2; 512])]),
                ("b", 4, &[(0, b"abcd")]),
            ]);
            for (at, byte) in changes {
                let last = bytes.len() - 1;
                bytes[at.min(last)] = byte;
            }
            bytes.truncate(length);
            let _ = all(Members::new(bytes.as_slice()));
            let _ = all(Members::seeking(io::Cursor::new(&bytes)));
        }
    }
}
