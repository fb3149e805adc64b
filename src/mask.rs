//! Hides sensitive values in text and in streams of bytes, also where a value comes in several pieces.
//!
//! Each value is looked for as it is, as it stands in JSON, and, where it has several lines, line by line. What a
//! program makes of it otherwise (in base64, cut in two, reversed) is not recognised: a mask saves from mistakes,
//! not from intent.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// What stands for a value that must not be shown.
pub const MASK: &str = "******";

/// Values with fewer characters are left alone: they would be found everywhere.
const SHORTEST: usize = 4;

/// Lines of a value with fewer characters are left alone, for they tell little: `}` or `true,`.
const SHORTEST_LINE: usize = 8;

/// The values that must not be shown.
#[derive(Clone, Default)]
pub struct Secrets {
    /// In the order of their bytes.
    values: Arc<[Vec<u8>]>,
    /// Finds them all at once; `None` where there are none.
    finder: Option<AhoCorasick>,
    /// The names of those that are too short to be masked.
    short: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

impl Secrets {
    /// From the names of variables and their values.
    #[expect(clippy::missing_panics_doc, reason = "no environment is that large")]
    pub fn new<N: Into<String>>(variables: impl IntoIterator<Item = (N, String)>) -> Self {
        let mut values = BTreeSet::new();
        let mut short = BTreeSet::new();
        for (name, value) in variables {
            if value.is_empty() {
                continue;
            }
            if value.chars().count() < SHORTEST {
                short.insert(name.into());
                continue;
            }
            let in_json = serde_json::Value::from(value.as_str()).to_string();
            values.insert(in_json.trim_matches('"').as_bytes().to_vec());
            let lines = value.lines().map(str::trim);
            let lines = lines.filter(|line| line.chars().count() >= SHORTEST_LINE);
            values.extend(lines.map(|line| line.as_bytes().to_vec()));
            values.insert(value.into_bytes());
        }
        values.retain(|value| value.len() >= SHORTEST);
        // The other kind is quicker, but takes hundreds of times the memory of the values.
        let finder = (!values.is_empty()).then(|| {
            AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&values)
                .expect("the values of variables have less than 2 GB")
        });
        Secrets {
            values: values.into_iter().collect(),
            finder,
            short: short.into_iter().collect(),
        }
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names of those that have a value too short to be masked.
    pub fn short(&self) -> &[String] {
        &self.short
    }

    /// A text without them.
    pub fn mask(&self, text: &str) -> String {
        if self.values.is_empty() {
            return text.to_owned();
        }
        let mut masker = self.masker();
        let mut bytes = masker.push(text.as_bytes());
        bytes.extend(masker.finish());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// For a stream.
    pub fn masker(&self) -> Masker {
        Masker {
            secrets: self.clone(),
            held: Vec::new(),
            covered: 0,
        }
    }

    /// Whether a value may begin with these bytes and go on after them.
    fn may_go_on(&self, rest: &[u8]) -> bool {
        // The values that begin with them follow them in their order.
        let after = self.values.partition_point(|value| &value[..] <= rest);
        let next = self.values.get(after);
        next.is_some_and(|value| value.starts_with(rest))
    }
}

/// Masks one stream, piece by piece.
#[derive(Debug)]
pub struct Masker {
    secrets: Secrets,
    /// The end of what came, with which a value may begin.
    held: Vec<u8>,
    /// How much of that is part of a value that was masked already.
    covered: usize,
}

impl Masker {
    /// What can be shown after one more piece.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.take(false)
    }

    /// What was held; nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.take(true)
    }

    fn take(&mut self, is_end: bool) -> Vec<u8> {
        let all = std::mem::take(&mut self.held);
        let Some(finder) = &self.secrets.finder else {
            return all;
        };
        // Where the longest value ends that begins at each place: longer ones are found later.
        let mut ends = vec![0; all.len()];
        for found in finder.find_overlapping_iter(&all) {
            ends[found.start()] = found.end();
        }
        let last = all.len().saturating_sub(finder.max_pattern_len())..all.len();
        let is_held = |at: &usize| !is_end && self.secrets.may_go_on(&all[*at..]);
        let held = last.clone().find(is_held).unwrap_or(last.end);
        let mut shown = Vec::with_capacity(all.len());
        // Values may overlap: whatever is part of any of them is covered, by one mask.
        let mut covered = self.covered;
        for (at, end) in ends.into_iter().enumerate().take(held) {
            if end > covered {
                if at >= covered {
                    shown.extend_from_slice(MASK.as_bytes());
                }
                covered = end;
            }
            if at >= covered {
                shown.push(all[at]);
            }
        }
        self.covered = covered.saturating_sub(held);
        self.held = all[held..].to_vec();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(values.iter().map(|value| ("env:X", (*value).to_owned())))
    }

    /// What is shown of a stream that comes in pieces of this size.
    fn in_pieces(secrets: &Secrets, text: &str, size: usize) -> String {
        let mut masker = secrets.masker();
        let mut shown = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            shown.extend(masker.push(piece));
        }
        shown.extend(masker.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn values_are_hidden_however_the_stream_is_cut() {
        let table: [(&[&str], &str, &str); 9] = [
            (&["hush-hush"], "say hush-hush!", "say ******!"),
            (&["hush-hush"], "hush-hus", "hush-hus"),
            (&["hush-hush"], "hush-hush-hush", "******"),
            (&["hush"], "hushhush", "************"),
            // The longer one where both begin.
            (&["hush", "hush-hush"], "hush-hush hush", "****** ******"),
            (&["hush", "hush-hush"], "hush-huh", "******-huh"),
            // What is part of either is hidden.
            (&["abcdef", "defghi"], "-abcdefghi-", "-******-"),
            (&["ünïcode-ß"], "so ünïcode-ß so", "so ****** so"),
            (&[], "all of it", "all of it"),
        ];
        for (values, text, expected) in table {
            let secrets = secrets(values);
            assert_eq!(secrets.mask(text), expected);
            for size in 1..=text.len() {
                assert_eq!(in_pieces(&secrets, text, size), expected, "{size}");
            }
        }
    }

    /// The same for the whole of a text, place by place and value by value.
    fn naively(values: &[String], text: &str) -> String {
        let mut shown = String::new();
        let mut covered = 0;
        for at in 0..text.len() {
            let here = values.iter().filter(|value| text[at..].starts_with(*value));
            let end = here.map(|value| at + value.len()).max().unwrap_or(0);
            if end > covered {
                shown.push_str(if at >= covered { MASK } else { "" });
                covered = end;
            }
            if at >= covered {
                shown.push_str(&text[at..=at]);
            }
        }
        shown
    }

    proptest::proptest! {
        #[test]
        fn it_hides_what_the_naive_way_hides(
            values in proptest::collection::vec("[ab]{4,9}", 0..6),
            text in "[abc]{0,60}",
            size in 1..20_usize,
        ) {
            let expected = naively(&values, &text);
            let secrets = Secrets::new(values.into_iter().map(|value| ("env:X", value)));
            proptest::prop_assert_eq!(&secrets.mask(&text), &expected);
            proptest::prop_assert_eq!(in_pieces(&secrets, &text, size), expected);
        }
    }

    #[test]
    fn only_what_may_become_a_value_is_held() {
        let mut masker = secrets(&["hush-hush"]).masker();
        assert_eq!(masker.push(b"prompt> "), b"prompt> ");
        assert_eq!(masker.push(b"what: hu"), b"what: ");
        assert_eq!(masker.push(b"sh\n"), b"hush\n");
        assert_eq!(masker.push(b"\xFF\x00"), b"\xFF\x00");
        assert_eq!(masker.finish(), b"");
    }

    #[test]
    fn short_values_are_left_alone_and_named() {
        let secrets = Secrets::new([
            ("env:PIN", "123".to_owned()),
            ("env:EMPTY", String::new()),
            ("env:CODE", "1234".to_owned()),
        ]);
        assert_eq!(secrets.short(), ["env:PIN"]);
        assert_eq!(secrets.mask("123 1234"), "123 ******");
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_line_by_line_and_in_json() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n}\n-----END KEY-----\n";
        let secrets = secrets(&[key]);
        assert_eq!(secrets.mask(&format!("a{key}b")), "a******b");
        assert_eq!(secrets.mask("found MIIEvQIBADAN }"), "found ****** }");
        let json = serde_json::json!({ "key": key }).to_string();
        assert_eq!(secrets.mask(&json), r#"{"key":"******"}"#);
    }

    #[test]
    fn secrets_do_not_show_when_they_are_debugged() {
        assert_eq!(format!("{:?}", secrets(&["hush-hush"])), "Secrets(1)");
    }
}
