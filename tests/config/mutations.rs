//! A short run of what `fuzz/` does at length: our own configurations, broken in every way that chance finds.

use std::fs;
use std::path::Path;

use upsun_local::config::soundness;

/// As many as take a few seconds.
const COUNT: usize = 1_000;

/// The texts to start from.
fn seeds(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            seeds(&path, found);
        } else {
            let text = fs::read_to_string(path).unwrap();
            let cases = text.split("=== ").map(|case| case.as_bytes().to_vec());
            found.extend(cases.filter(|case| !case.is_empty()));
        }
    }
}

/// Numbers that look random and are the same in every run (`xorshift64*`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap_or_default() % below.max(1)
    }
}

/// Takes out, doubles, swaps or puts in a piece, or turns a byte into another.
fn mutate(text: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    const PIECES: [&[u8]; 20] = [
        b"\n",
        b"  ",
        b": ",
        b"- ",
        b"'",
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b"|\n",
        b"&a ",
        b"*a",
        b"<<: ",
        b"#",
        b"\t",
        b"\r\n",
        b"\xff",
        b"\xc2\x9b",
        b"!include ",
    ];
    let at = numbers.next(text.len() + 1);
    let end = (at + numbers.next(40)).min(text.len());
    match numbers.next(6) {
        0 => drop(text.drain(at..end)),
        1 => {
            let copy = text[at..end].to_vec();
            text.splice(at..at, copy);
        }
        2 => {
            let piece = PIECES[numbers.next(PIECES.len())];
            text.splice(at..at, piece.iter().copied());
        }
        3 => {
            let from = numbers.next(other.len());
            let to = (from + numbers.next(80)).min(other.len());
            text.splice(at..end, other[from..to].iter().copied());
        }
        4 => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << numbers.next(8);
            }
        }
        _ => {
            // Another indentation of one line.
            let line = text[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            text.splice(line..line, std::iter::repeat_n(b' ', numbers.next(5)));
        }
    }
}

#[test]
fn mutated_configurations_are_read_without_harm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    seeds(&root.join("fixtures/config"), &mut texts);
    seeds(&root.join("fixtures/cases"), &mut texts);
    let mut numbers = Numbers(0x5EED);
    for _ in 0..COUNT {
        let mut text = texts[numbers.next(texts.len())].clone();
        let other = numbers.next(texts.len());
        for _ in 0..=numbers.next(6) {
            mutate(&mut text, &texts[other], &mut numbers);
        }
        let caught = std::panic::catch_unwind(|| soundness::check(&text));
        assert!(caught.is_ok(), "{}", String::from_utf8_lossy(&text));
    }
}
