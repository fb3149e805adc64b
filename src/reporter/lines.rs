//! Splits output that arrives in arbitrary pieces into lines. Each byte is looked at once, and the memory has a
//! limit, because a script may print without end and without a line break.

use crate::text;
use memchr::{memchr, memrchr};

/// How many bytes of a line are shown.
pub(crate) const LONGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of the line that has not ended yet.
    line: Vec<u8>,
    /// How many bytes of that line came after the part that is kept.
    left_out: u64,
    /// Whether the last byte was a carriage return. If more than a line break follows, the line starts again.
    is_returned: bool,
    /// Whether `so_far` returned the beginning of the line already, and whether a carriage return started the line
    /// again since then.
    is_begun: bool,
    is_redrawn: bool,
    #[cfg(test)]
    looked_at: usize,
}

impl Lines {
    /// Takes a piece and calls `take` with each line that ends in it, made printable and without its line break.
    pub fn push(&mut self, piece: &[u8], mut take: impl FnMut(String)) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            self.add(&rest[..end]);
            take(self.end());
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    /// The last line, if it has no line break. The stream has ended.
    pub fn finish(&mut self) -> Option<String> {
        let is_there = !self.line.is_empty() || self.left_out > 0;
        let line = self.end();
        is_there.then_some(line)
    }

    /// The part of the current line that has arrived so far. A later call returns what follows, or the whole line if
    /// a carriage return started it again.
    pub fn so_far(&mut self) -> Option<String> {
        if self.line.is_empty() || self.left_out > 0 {
            return None;
        }
        let text = self.shown();
        self.line.clear();
        (self.is_begun, self.is_redrawn) = (true, false);
        Some(text)
    }

    /// The current line as it stands, which has not ended yet.
    pub(super) fn unfinished(&self) -> Option<String> {
        (!self.line.is_empty()).then(|| super::printable::line(&self.line))
    }

    /// Adds to the current line. A carriage return redraws the line on a terminal, so only the last version is kept.
    fn add(&mut self, piece: &[u8]) {
        #[cfg(test)]
        {
            self.looked_at += piece.len();
        }
        let text = without_returns(piece);
        if text.is_empty() {
            self.is_returned |= !piece.is_empty();
            return;
        }
        let redrawn = memrchr(b'\r', text);
        if self.is_returned || redrawn.is_some() {
            self.line.clear();
            self.left_out = 0;
            self.is_redrawn = self.is_begun;
        }
        self.is_returned = text.len() < piece.len();
        let text = redrawn.map_or(text, |at| &text[at + 1..]);
        let kept = text.len().min(LONGEST - self.line.len());
        self.line.extend_from_slice(&text[..kept]);
        self.left_out += (text.len() - kept) as u64;
    }

    fn shown(&self) -> String {
        let before = if self.is_redrawn { "\n" } else { "" };
        format!("{before}{}", super::printable::line(&self.line))
    }

    fn end(&mut self) -> String {
        let mut text = self.shown();
        if self.left_out > 0 {
            let size = text::bytes(self.left_out);
            text.push_str(&format!(" [{size} more of this line are left out]"));
        }
        self.line.clear();
        self.left_out = 0;
        (self.is_returned, self.is_begun, self.is_redrawn) = (false, false, false);
        text
    }
}

/// The piece without the carriage returns at its end.
fn without_returns(piece: &[u8]) -> &[u8] {
    let end = piece.iter().rposition(|byte| *byte != b'\r');
    &piece[..end.map_or(0, |at| at + 1)]
}

/// The end of a stream that is only shown after a failure.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
    left_out: u64,
    /// How many bytes of the end are shown.
    kept: usize,
}

impl Tail {
    /// Takes a piece. The last `kept` bytes of the stream are shown; at most twice as many are in memory.
    pub fn push(&mut self, piece: &[u8], kept: usize) {
        self.kept = kept;
        let from = piece.len().saturating_sub(kept);
        self.left_out += from as u64;
        self.bytes.extend_from_slice(&piece[from..]);
        // Cut only at twice the size, so that cutting is rare.
        if self.bytes.len() > 2 * kept {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let cut = self.bytes.len().saturating_sub(self.kept);
        self.bytes.drain(..cut);
        self.left_out += cut as u64;
    }

    /// How many bytes come before the end that is kept, and that end. Empties the memory.
    pub fn take(&mut self) -> (u64, Vec<u8>) {
        self.cut();
        let Tail {
            bytes, left_out, ..
        } = std::mem::take(self);
        (left_out, bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut shown) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| shown.push(line));
        }
        shown.extend(lines.finish());
        shown
    }

    #[test]
    fn a_line_is_shown_as_it_stands_at_its_end() {
        for (printed, expected) in [
            ("one\ntwo\n", &["one", "two"][..]),
            ("one\n\ntwo", &["one", "", "two"]),
            ("dos\r\n\r\n", &["dos", ""]),
            ("1 %\r50 %\r100 %\n", &["100 %"]),
            ("1 %\r100 %\r\n", &["100 %"]),
            ("1 %\r100 %\r", &["100 %"]),
            ("\rover", &["over"]),
            ("", &[]),
        ] {
            for size in 1..=printed.len().max(1) {
                let pieces: Vec<&[u8]> = printed.as_bytes().chunks(size).collect();
                assert_eq!(shown(&pieces), expected, "{printed:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_each_byte_is_looked_at_once() {
        let piece = [b'x'; 1000];
        let mut lines = Lines::default();
        for _ in 0..10_000 {
            lines.push(&piece, |line| panic!("{line}"));
            assert!(lines.line.len() <= LONGEST);
        }
        assert_eq!(lines.looked_at, 10_000 * piece.len());
        let line = lines.finish().unwrap();
        assert!(line.ends_with("x [9.9 MB more of this line are left out]"));
        assert!(line.len() < LONGEST + 100);
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn a_progress_bar_that_goes_on_for_ever_shows_where_it_is() {
        let mut lines = Lines::default();
        for step in 0..50_000 {
            lines.push(format!("\r{step} of 50000").as_bytes(), |line| {
                panic!("{line}")
            });
        }
        assert_eq!(lines.finish().unwrap(), "49999 of 50000");
    }

    #[test]
    fn a_line_can_be_shown_before_it_ends() {
        let mut lines = Lines::default();
        let mut shown = String::new();
        for piece in ["sure? ", "yes\n", "1 %", "\r2 %", "\r3 %\n", "end\n"] {
            lines.push(piece.as_bytes(), |line| {
                shown.push_str(&format!("{line}\n"));
            });
            shown.extend(lines.so_far());
        }
        assert_eq!(lines.so_far(), None);
        assert_eq!(shown, "sure? yes\n1 %\n2 %\n3 %\nend\n");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_come(
            printed in "[ab\r\n]{0,40}", cuts in prop::collection::vec(0_usize..40, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(printed.len())).collect();
            cuts.extend([0, printed.len()]);
            cuts.sort_unstable();
            let bytes = printed.as_bytes();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(shown(&pieces), shown(&[bytes]));
        }

        #[test]
        fn of_a_tail_all_is_kept_or_counted(pieces in prop::collection::vec(0_usize..30, 0..20)) {
            let mut tail = Tail::default();
            let mut all = Vec::new();
            for (at, length) in pieces.into_iter().enumerate() {
                let piece = vec![u8::try_from(at).unwrap(); length];
                tail.push(&piece, 10);
                all.extend(piece);
                prop_assert!(tail.bytes.len() <= 20);
            }
            let (left_out, kept) = tail.take();
            prop_assert_eq!(&kept[..], &all[all.len().saturating_sub(10)..]);
            prop_assert_eq!(left_out, (all.len() - kept.len()) as u64);
        }
    }
}
