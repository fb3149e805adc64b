//! What an operation printed to one of its streams: all of it, or of very much the beginning and the end.

use crate::settings::TextPattern;
use std::collections::VecDeque;

use crate::text::bytes;

/// How much of the beginning and how much of the end is kept, in bytes.
const KEPT: usize = 4 << 20;

/// Maximum length of the beginning and of the end in a report, in bytes.
const TOLD: usize = 512 << 10;

/// What was printed to a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How many bytes there were between the two.
    left_out: u64,
}

impl Printed {
    /// More of it.
    pub fn push(&mut self, piece: &[u8]) {
        let (head, rest) = piece.split_at(piece.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// Whether a pattern is somewhere in what is kept.
    pub(crate) fn is_matched_by(&mut self, pattern: &TextPattern) -> bool {
        if self.left_out == 0 && !self.tail.is_empty() && self.tail.len() < KEPT {
            // Nothing was left out, and a match may lie across the two parts.
            self.head.extend(self.tail.drain(..));
        }
        pattern.matches(&self.head) || pattern.matches(self.tail.make_contiguous())
    }

    /// What is to be said of it with a pattern that is not in it; nothing where there is nothing to say.
    pub fn remark(&self) -> String {
        if self.head.is_empty() {
            ": it is empty".to_owned()
        } else if self.left_out > 0 {
            let left_out = bytes(self.left_out);
            format!(" ({left_out} in the middle of it were not looked at)")
        } else {
            String::new()
        }
    }

    /// The output as text, with a mark where the middle was left out.
    pub fn text(&mut self) -> String {
        let tail = self.tail.make_contiguous();
        let whole = self.head.len() + tail.len();
        if self.left_out == 0 && whole <= 2 * TOLD {
            let all = [self.head.as_slice(), tail].concat();
            return String::from_utf8_lossy(&all).into_owned();
        }
        let begin = &self.head[..self.head.len().min(TOLD)];
        let end = if tail.len() >= TOLD {
            tail[tail.len() - TOLD..].to_vec()
        } else {
            let missing = TOLD - tail.len();
            let from = self.head.len().saturating_sub(missing).max(begin.len());
            [&self.head[from..], tail].concat()
        };
        let left_out = self.left_out + (whole - begin.len() - end.len()) as u64;
        format!(
            "{}\n[{} are left out here]\n{}",
            String::from_utf8_lossy(begin),
            bytes(left_out),
            String::from_utf8_lossy(&end)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(pieces: &[&[u8]]) -> Printed {
        let mut printed = Printed::default();
        for piece in pieces {
            printed.push(piece);
        }
        printed
    }

    #[test]
    fn little_is_kept_whole() {
        let mut little = printed(&[b"one\n", b"two\n"]);
        assert_eq!(little.text(), "one\ntwo\n");
        assert!(little.is_matched_by(&TextPattern::new("e\\ntwo$").unwrap()));
        assert_eq!(little.remark(), "");
        assert_eq!(Printed::default().remark(), ": it is empty");
    }

    #[test]
    fn of_much_the_beginning_and_the_end_are_looked_at() {
        let much = vec![b'x'; KEPT - 2];
        let mut across = printed(&[&much, b"abcdef", b"end"]);
        assert!(across.is_matched_by(&TextPattern::new("abcdef").unwrap()));
        let mut all = printed(&[b"begin", &much, &much, &much, b"end"]);
        for (pattern, expected) in [("^begin", true), ("end$", true), ("middle", false)] {
            let pattern = TextPattern::new(pattern).unwrap();
            assert_eq!(all.is_matched_by(&pattern), expected, "{pattern}");
        }
        assert_eq!(
            all.remark(),
            " (4.2 MB in the middle of it were not looked at)"
        );
        let text = all.text();
        assert!(text.starts_with("begin") && text.ends_with("end"));
        assert!(text.contains("x\n[11.5 MB are left out here]\nx"));
        let length = 3 * (KEPT - 2) + 8;
        assert!(text.len() < 2 * TOLD + 100 && length > text.len());
    }
}
