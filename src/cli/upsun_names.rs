//! Upsun's own names for what is called otherwise here, so that a command copied out of its documentation runs; and
//! what to do here instead of a command that has no counterpart.

mod table;

use std::ffi::OsString;

use self::table::{ELSEWHERE, NAMES};

/// Options before the command that take a value.
const VALUED: [&str; 11] = [
    "-C",
    "--dir",
    "--color",
    "--engine",
    "-e",
    "--environment",
    "--environment-type",
    "-p",
    "--project",
    "--format",
    "-A",
];

/// A command of Upsun's CLI that has no counterpart here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// The command as it was written.
    pub(super) word: String,
    /// How to do it here, or where it is done.
    pub(super) hint: String,
}

/// Replaces the command's name where it is one of Upsun's; `is_known` says which names are commands already.
pub(super) fn translate(
    arguments: Vec<OsString>,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<Vec<OsString>, Elsewhere> {
    let at = position(&arguments);
    let Some(word) = arguments.get(at).and_then(|word| word.to_str()) else {
        return Ok(arguments);
    };
    match find(word) {
        None => Ok(arguments),
        Some(_) if is_known(word) => Ok(arguments),
        Some(Found::Here(words)) => {
            let mut translated = arguments;
            translated.splice(at..=at, words.iter().map(OsString::from));
            Ok(translated)
        }
        Some(Found::Elsewhere(hint)) => Err(Elsewhere {
            word: word.to_owned(),
            hint: hint.replace("{}", word),
        }),
    }
}

/// Where the command stands, after the options before it.
fn position(arguments: &[OsString]) -> usize {
    let mut at = 1;
    while let Some(argument) = arguments.get(at).and_then(|argument| argument.to_str()) {
        if !argument.starts_with('-') {
            break;
        }
        at += if VALUED.contains(&argument) { 2 } else { 1 };
    }
    at
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Here(&'static [&'static str]),
    Elsewhere(&'static str),
}

/// Every name with what it stands for.
fn all() -> impl Iterator<Item = (&'static str, Found)> {
    let here = NAMES
        .iter()
        .map(|(name, words)| (*name, Found::Here(words)));
    let elsewhere = ELSEWHERE
        .iter()
        .flat_map(|(names, hint)| names.iter().map(|name| (*name, Found::Elsewhere(hint))));
    here.chain(elsewhere)
}

/// The command of that name. Upsun's CLI takes each part of a name by as few letters as tell it apart: `env:log`.
fn find(word: &str) -> Option<Found> {
    if let Some((_, found)) = all().find(|(name, _)| *name == word) {
        return Some(found);
    }
    if !word.contains(':') {
        return None;
    }
    let is_meant = |name: &str| {
        name.split(':').count() == word.split(':').count()
            && name
                .split(':')
                .zip(word.split(':'))
                .all(|(part, short)| !short.is_empty() && part.starts_with(short))
    };
    let mut meant = all()
        .filter(|(name, _)| is_meant(name))
        .map(|(_, found)| found);
    let first = meant.next()?;
    meant.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let words = text.split(' ').map(OsString::from).collect();
        let known = ["run", "list", "ops", "up", "clean", "variables"];
        match translate(words, &|word| known.contains(&word)) {
            Ok(words) => words
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" "),
            Err(elsewhere) => format!("{}: {}", elsewhere.word, elsewhere.hint),
        }
    }

    #[test]
    fn a_command_copied_from_upsuns_documentation_runs() {
        for (upsun, here) in [
            (
                "u operation:run clear --project x --environment y",
                "u run clear --project x --environment y",
            ),
            ("u -C mount:list mount:list", "u -C mount:list mount list"),
            ("u -q activities --limit 5", "u -q activity list --limit 5"),
            ("u -q ops", "u -q ops"),
            ("u run operation:run", "u run operation:run"),
            ("u env:log app", "u logs app"),
            ("u e:ssh", "u exec"),
            ("u up", "u up"),
            ("u sql select", "u db sql select"),
            ("u nonsense:word", "u nonsense:word"),
        ] {
            assert_eq!(line(upsun), here);
        }
    }

    #[test]
    fn a_command_without_a_counterpart_says_what_to_do() {
        for (upsun, part) in [
            ("u variable:create", ".upsun-local.yaml"),
            ("u backup:create", "mount snapshot"),
            ("u push", "upsun-local up"),
            ("u domain:add x", "`upsun domain:add`"),
            ("u int:act", "`upsun int:act`"),
        ] {
            let said = line(upsun);
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn each_name_stands_for_one_thing() {
        let mut names: Vec<&str> = all().map(|(name, _)| name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
