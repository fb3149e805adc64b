//! The content of a file as one word: its SHA-1, in which a hole costs nothing. Written zeros and a hole give the
//! same word, since a reader of the file cannot tell them apart.

use sha1::{Digest, Sha1};

/// Zeros are passed over in whole blocks of this size only, in bytes, so that few files have a word of another kind.
const BLOCK: u64 = 1 << 20;

/// Zeros to hash.
const ZEROS: [u8; 4096] = [0; 4096];

/// Takes what a file holds, from its beginning to its end.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The hash of all blocks that are not zero.
    held: Sha1,
    /// The hash of the runs of zero blocks: the number of the first, and their count.
    empty: Option<Sha1>,
    run: (u64, u64),
    size: u64,
    /// How many zeros stand at the beginning of the block that is not whole yet; `None` once anything else does.
    zeros: Option<u64>,
}

impl Content {
    /// More of it.
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK - self.size % BLOCK).unwrap_or(bytes.len());
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            if self.size.is_multiple_of(BLOCK) {
                self.zeros = Some(0);
            }
            match &mut self.zeros {
                Some(zeros) if is_zero(part) => *zeros += part.len() as u64,
                _ => {
                    self.write_zeros();
                    self.held.update(part);
                }
            }
            self.size += part.len() as u64;
            self.end_block();
            bytes = rest;
        }
    }

    /// Adds `count` zeros.
    pub(super) fn skip(&mut self, mut count: u64) {
        while count > 0 {
            let room = BLOCK - self.size % BLOCK;
            if room == BLOCK && count >= BLOCK {
                let blocks = count / BLOCK;
                self.add_empty(self.size / BLOCK, blocks);
                self.size += blocks * BLOCK;
                count -= blocks * BLOCK;
                continue;
            }
            let length = room.min(count).min(ZEROS.len() as u64);
            self.write(&ZEROS[..usize::try_from(length).unwrap_or_default()]);
            count -= length;
        }
    }

    /// How much it was, and the word for it.
    pub(super) fn finish(mut self) -> (u64, String) {
        if !self.size.is_multiple_of(BLOCK) {
            self.write_zeros();
        }
        self.end_run();
        let held = format!("{:x}", self.held.finalize());
        let word = match self.empty {
            None => held,
            Some(empty) => format!("{held}-{:x}", empty.finalize()),
        };
        (self.size, word)
    }

    /// The zeros at the beginning of a block that holds something else too.
    fn write_zeros(&mut self) {
        let mut left = self.zeros.take().unwrap_or_default();
        while left > 0 {
            let length = left.min(ZEROS.len() as u64);
            self.held
                .update(&ZEROS[..usize::try_from(length).unwrap_or_default()]);
            left -= length;
        }
    }

    fn end_block(&mut self) {
        if self.size.is_multiple_of(BLOCK) && self.zeros == Some(BLOCK) {
            self.zeros = None;
            self.add_empty(self.size / BLOCK - 1, 1);
        }
    }

    fn add_empty(&mut self, first: u64, count: u64) {
        let (begin, length) = self.run;
        if length > 0 && begin + length == first {
            self.run.1 += count;
        } else {
            self.end_run();
            self.run = (first, count);
        }
    }

    fn end_run(&mut self) {
        let (first, count) = std::mem::take(&mut self.run);
        if count > 0 {
            let empty = self.empty.get_or_insert_default();
            empty.update(first.to_le_bytes());
            empty.update(count.to_le_bytes());
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(ZEROS.len())
        .all(|chunk| chunk == &ZEROS[..chunk.len()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pieces: &[(u64, &[u8])]) -> (u64, String) {
        let mut content = Content::default();
        for (hole, bytes) in pieces {
            content.skip(*hole);
            content.write(bytes);
        }
        content.finish()
    }

    #[test]
    fn a_file_without_large_holes_has_its_sha_1() {
        for text in ["", "abc", "\0\0\0", "a\0\0b\0"] {
            let expected = crate::project::hash(text.as_bytes());
            assert_eq!(of(&[(0, text.as_bytes())]), (text.len() as u64, expected));
        }
        let large = vec![1; 3 << 20];
        assert_eq!(of(&[(0, &large)]).1, crate::project::hash(&large));
    }

    #[test]
    fn ten_terabytes_of_nothing_are_no_work() {
        let size = 10 << 40;
        let one = of(&[(size, b"")]);
        assert_eq!(one.0, size);
        assert_ne!(one.1, of(&[(size + BLOCK, b"")]).1);
        assert_ne!(one.1, of(&[(size / 2, b"x"), (size / 2 - 1, b"")]).1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn holes_are_the_same_as_zeros(
            pieces in prop::collection::vec(
                (0..3 * BLOCK, prop_oneof![Just(0_usize), 1..9_usize, Just(1 << 20)], prop_oneof![Just(0_u8), Just(7)]),
                0..4,
            ),
            cut in 1..100_000_usize,
        ) {
            let mut dense = Vec::new();
            let mut sparse = Content::default();
            for (hole, length, byte) in pieces {
                let bytes = vec![byte; length];
                sparse.skip(hole);
                sparse.write(&bytes);
                dense.resize(dense.len() + usize::try_from(hole).unwrap(), 0);
                dense.extend_from_slice(&bytes);
            }
            let mut whole = Content::default();
            for piece in dense.chunks(cut) {
                whole.write(piece);
            }
            prop_assert_eq!(whole.finish(), sparse.finish());
        }
    }
}
