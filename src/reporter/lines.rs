//! Output in lines, however it comes in pieces. Each byte is looked at once, and what is kept has a limit: a script may
//! print without end, and without the end of a line.

use crate::text;
use memchr::{memchr, memrchr};

/// How much of a line is shown, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// Makes lines of a stream.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of the line that has no end yet.
    line: Vec<u8>,
    /// How much of it there was after that, in bytes.
    left_out: u64,
    /// Whether what came last was a carriage return. It writes the line anew when more follows than its end.
    is_returned: bool,
    /// Whether the beginning of the line was taken already, and whether it was written anew since then.
    is_begun: bool,
    is_redrawn: bool,
    #[cfg(test)]
    looked_at: usize,
}

impl Lines {
    /// Takes a piece and hands over each line that ends in it, harmless and without its end.
    pub fn push(&mut self, piece: &[u8], mut take: impl FnMut(String)) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            self.add(&rest[..end]);
            take(self.end());
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    /// The line that has no end, if there is one; nothing more comes of it.
    pub fn finish(&mut self) -> Option<String> {
        let is_there = !self.line.is_empty() || self.left_out > 0;
        let line = self.end();
        is_there.then_some(line)
    }

    /// What there is of the line that has no end. What comes of it later follows that, in a line of its own where the
    /// line is written anew.
    pub fn so_far(&mut self) -> Option<String> {
        if self.line.is_empty() || self.left_out > 0 {
            return None;
        }
        let text = self.shown();
        self.line.clear();
        (self.is_begun, self.is_redrawn) = (true, false);
        Some(text)
    }

    /// More of the line. A carriage return redraws it on a terminal; only its last state is of interest.
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

/// What comes before the carriage returns at the end.
fn without_returns(piece: &[u8]) -> &[u8] {
    let end = piece.iter().rposition(|byte| *byte != b'\r');
    &piece[..end.map_or(0, |at| at + 1)]
}

/// The last part of a stream that is shown only when something fails.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
    left_out: u64,
    /// How much of the end is shown.
    kept: usize,
}

impl Tail {
    /// Takes a piece. Of all that came, so many bytes of the end are shown; at most twice as many are kept until then.
    pub fn push(&mut self, piece: &[u8], kept: usize) {
        self.kept = kept;
        let from = piece.len().saturating_sub(kept);
        self.left_out += from as u64;
        self.bytes.extend_from_slice(&piece[from..]);
        // Twice the size before it is cut, so that it is rarely cut.
        if self.bytes.len() > 2 * kept {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let cut = self.bytes.len().saturating_sub(self.kept);
        self.bytes.drain(..cut);
        self.left_out += cut as u64;
    }

    /// How many bytes are left out before the end, and the end. Nothing is left here.
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
