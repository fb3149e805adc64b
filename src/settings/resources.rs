//! `resources`: what containers may take of the machine.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// `resources`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// `memory`: how much memory one container may take, in bytes.
    #[serde(deserialize_with = "size")]
    pub memory: Option<u64>,
    /// `tmp`: the size of `/tmp`, in bytes.
    #[serde(deserialize_with = "size")]
    pub tmp: Option<u64>,
}

/// Less is of no use to any runtime.
const LEAST: u64 = 16 * 1000 * 1000;

/// The units, with what one has of bytes.
const UNITS: [(&str, u64); 6] = [
    ("MB", 1000 * 1000),
    ("GB", 1000 * 1000 * 1000),
    ("TB", 1000 * 1000 * 1000 * 1000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct SizeVisitor;

    impl Visitor<'_> for SizeVisitor {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size such as `2GB` or `512MiB`")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<u64>, E> {
            // What stands there is not repeated: it may be a secret that got there by mistake.
            let bytes = bytes(text)
                .ok_or_else(|| E::custom("it is not a size such as `2GB` or `512MiB`"))?;
            if bytes < LEAST {
                return Err(E::custom("it is too little: at least `16MB` is needed"));
            }
            Ok(Some(bytes))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Option<u64>, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(SizeVisitor)
}

/// `1.5 GB` in bytes.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let rest: String = rest.chars().take(3).collect();
    let digits = u32::try_from(rest.len()).ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
    let rest = rest.parse::<u64>().ok()?.checked_mul(*factor)? / 10_u64.pow(digits);
    whole.checked_add(rest)
}

#[cfg(test)]
mod tests {
    use crate::settings::{FILE_NAME, Settings};

    fn resources(text: &str) -> Result<(Option<u64>, Option<u64>), String> {
        let text = format!("resources: {text}\n");
        Settings::parse(&text, FILE_NAME)
            .map(|settings| (settings.resources.memory, settings.resources.tmp))
            .map_err(|err| err.to_string())
    }

    #[test]
    fn sizes_have_units() {
        let cases = [
            ("{memory: 2GB}", Some(2_000_000_000), None),
            (
                "{memory: 1.5 GiB, tmp: 512MiB}",
                Some(3 << 29),
                Some(1 << 29),
            ),
            ("{tmp: 100mb}", None, Some(100_000_000)),
            ("{tmp: null}", None, None),
            ("{}", None, None),
        ];
        for (text, memory, tmp) in cases {
            assert_eq!(resources(text), Ok((memory, tmp)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "{memory: 2}",
            "{memory: much}",
            "{memory: 2 apples}",
            "{memory: GB}",
            "{memory: -1GB}",
            "{memory: 1..5GB}",
            "{memory: 99999999999TB}",
            "{memory: 1MB}",
            "{memory: [2GB]}",
            "{cpu: 2}",
        ] {
            let err = resources(text).unwrap_err();
            assert!(!err.contains("apples") && !err.contains("much"), "{err}");
            assert!(err.starts_with(".upsun-local.yaml:1: "), "{text}: {err}");
        }
    }
}
