//! Upsun's own names for what is called otherwise here, so that a command copied out of its documentation runs; and
//! what to do here instead of a command that has no counterpart.

mod table;

use std::cell::LazyCell;
use std::ffi::OsString;

use clap::{Arg, Command};

use self::table::{ELSEWHERE, NAMES};

/// A command of Upsun's CLI that has no counterpart here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// The command as it was written.
    pub(super) word: String,
    /// How to do it here, or where it is done.
    pub(super) hint: String,
}

/// Replaces the command's name where it is one of Upsun's. `commands` makes the whole command line's definition, which
/// takes a while and is seldom needed.
pub(super) fn translate(
    arguments: Vec<OsString>,
    commands: impl FnOnce() -> Command,
) -> Result<Vec<OsString>, Elsewhere> {
    let commands = LazyCell::new(commands);
    let at = position(&arguments, |option| is_valued(&commands, option));
    let Some(word) = arguments.get(at).and_then(|word| word.to_str()) else {
        return Ok(arguments);
    };
    match find(word) {
        None => Ok(arguments),
        Some(_) if word == "help" || commands.find_subcommand(word).is_some() => Ok(arguments),
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
fn position(arguments: &[OsString], is_valued: impl Fn(&str) -> bool) -> usize {
    let mut at = 1;
    while let Some(argument) = arguments.get(at).and_then(|argument| argument.to_str()) {
        if !argument.starts_with('-') {
            break;
        }
        at += 1;
        // Nothing is asked of the last word, so that `--version` is quick.
        if at < arguments.len() && is_valued(argument) {
            at += 1;
        }
    }
    at
}

/// Whether the word after this option is its value: `-e`, `-qe`, `--environment`. An option of a command may stand
/// here too: clap then says that it is in the wrong place.
fn is_valued(commands: &Command, option: &str) -> bool {
    if let Some(long) = option.strip_prefix("--") {
        let is_it = |arg: &Arg| arg.get_long() == Some(long);
        return takes_value(commands, &is_it);
    }
    let mut letters = option.chars().skip(1);
    let valued = letters.find(|letter| {
        let is_it = |arg: &Arg| arg.get_short() == Some(*letter);
        takes_value(commands, &is_it)
    });
    // What follows the letter would be the value.
    valued.is_some() && letters.next().is_none()
}

/// Whether an option takes a value, here or else with any of the commands.
fn takes_value(commands: &Command, is_it: &dyn Fn(&Arg) -> bool) -> bool {
    if let Some(arg) = commands.get_arguments().find(|arg| is_it(arg)) {
        return arg.get_action().takes_values();
    }
    let mut below = commands.get_subcommands();
    below.any(|command| takes_value(command, is_it))
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
        match translate(words, <super::super::Cli as clap::CommandFactory>::command) {
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
            ("u -e mounts mounts", "u -e mounts mount list"),
            ("u -emounts mounts", "u -emounts mount list"),
            ("u -qe mounts mounts", "u -qe mounts mount list"),
            ("u --color never mounts", "u --color never mount list"),
            ("u --color=never mounts", "u --color=never mount list"),
            ("u -p mounts mounts", "u -p mounts mount list"),
            // Those of a command are in the wrong place here, which clap says better.
            ("u -A mounts mounts", "u -A mounts mount list"),
            ("u --format mounts mounts", "u --format mounts mount list"),
            ("u --verbose mounts", "u --verbose mount list"),
            ("u --version", "u --version"),
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
        let twice: Vec<&str> = names
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
            .collect();
        assert_eq!(twice, [""; 0], "leave one of the entries of each name out");
    }
}
