//! Scripts whose lines end in CR LF, as editors on Windows write them: a shell takes the CR for a part of the line.
//!
//! What counts is what Git stores, and so what Upsun gets, whatever the work tree has.

use std::collections::HashSet;

use super::super::meaning::source;
use super::super::node::Entry;
use super::super::problem::{Class, Place, Problem};
use super::super::report::Report;
use super::super::shell::Script;
use super::super::source::{Repository, clean, join};
use super::{Piece, program, warn};

const DOCS: &str = "/create-apps/hooks/hooks-comparison.html";
const ENVIRONMENT_DOCS: &str = "/development/variables/set-variables.html";

const HINT: &str =
    "let Git store LF: add `* text=auto` to `.gitattributes`, and run `git add --renormalize .`";

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// The `.environment` of an application.
pub(super) fn environment(
    app: &Entry,
    repository: &Repository,
    seen: &mut HashSet<String>,
    report: &mut Report,
) {
    let Some(path) = join(&source::root(app), ".environment") else {
        return;
    };
    if !seen.insert(path.clone()) {
        return;
    }
    let Ok(bytes) = repository.stored(&path) else {
        return;
    };
    let Some(at) = find(&bytes) else { return };
    let line = String::from_utf8_lossy(&bytes[..at]).matches('\n').count() + 1;
    let place = Place {
        file: clean(&path),
        line,
        column: 1,
        span: 0..0,
    };
    let message = format!(
        "lines of `{}` end in CR LF, and each variable that it sets ends in CR",
        place.file
    );
    let problem = Problem::warning("U410", Class::Lint, place, message);
    report.add(problem.hint(HINT).docs(ENVIRONMENT_DOCS));
}

/// The scripts that a command names.
pub(super) fn scripts(
    app: &Entry,
    piece: &Piece<'_>,
    script: &Script<'_>,
    repository: &Repository,
    report: &mut Report,
) {
    let root = source::root(app);
    let mut told = HashSet::new();
    for command in &script.commands {
        let words = program(&command.words);
        // What follows a change of the directory is somewhere else.
        if words.first() == Some(&"cd") {
            return;
        }
        let Some((path, by_shell)) = named(words) else {
            continue;
        };
        if !told.insert(path) {
            continue;
        }
        let Some(bytes) = join(&root, path).and_then(|path| repository.stored(path).ok()) else {
            continue;
        };
        let Some(why) = fault(&bytes, by_shell) else {
            continue;
        };
        let message = format!(
            "lines of `{}`, which {} runs, end in CR LF: {why}",
            clean(path),
            piece.what
        );
        let problem = warn(report, "U410", piece, command.at, message);
        report.add(problem.hint(HINT).docs(DOCS));
    }
}

/// The script of the app that a command runs, and whether it is given to a shell.
fn named<'a>(words: &[&'a str]) -> Option<(&'a str, bool)> {
    let (name, rest) = words.split_first()?;
    let name = name.trim_matches(['"', '\'']);
    match name {
        "exec" | "time" | "nohup" => named(rest),
        "." | "source" => Some((relative(rest.first()?)?, true)),
        _ if SHELLS.contains(&name.rsplit('/').next().unwrap_or(name)) => {
            // After `-c` comes a command, not a script.
            let is_command = |word: &&str| word.starts_with('-') && word.contains('c');
            let options = rest.iter().take_while(|word| word.starts_with('-'));
            if options.clone().any(is_command) {
                return None;
            }
            Some((relative(rest.get(options.count())?)?, true))
        }
        _ if name.contains('/') => Some((relative(name)?, false)),
        _ => None,
    }
}

/// A path below the app's root, as a word of a script names it.
fn relative(word: &str) -> Option<&str> {
    let word = word.trim_matches(['"', '\'']);
    let path = ["/app/", "$PLATFORM_APP_DIR/", "${PLATFORM_APP_DIR}/", "./"]
        .iter()
        .find_map(|prefix| word.strip_prefix(prefix))
        .unwrap_or(word);
    let is_plain =
        !path.is_empty() && !path.starts_with('/') && !path.contains(['$', '*', '`', '\\']);
    is_plain.then_some(path)
}

/// What the line ends of a script come to, if they do harm.
fn fault(bytes: &[u8], by_shell: bool) -> Option<String> {
    let at = find(bytes)?;
    let first = String::from_utf8_lossy(&bytes[..bytes.iter().position(|byte| *byte == b'\n')?])
        .into_owned();
    let interpreter = first.strip_prefix("#!").map(str::trim);
    let is_of_shell = interpreter.is_none_or(|interpreter| {
        let last = interpreter.split(['/', ' ']).next_back();
        last.is_some_and(|name| SHELLS.contains(&name))
    });
    if !by_shell
        && at < first.len()
        && let Some(interpreter) = interpreter
    {
        let shown = clean(interpreter);
        return Some(format!(
            "there is no program `{shown}` with CR at the end of its name"
        ));
    }
    (by_shell || is_of_shell).then(|| "the shell takes the CR for a part of the command".to_owned())
}

/// Position of the first CR LF.
fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_a_command_is_found() {
        for (command, expected) in [
            ("./scripts/run.sh a", Some(("scripts/run.sh", false))),
            ("scripts/run.sh", Some(("scripts/run.sh", false))),
            ("/app/run.sh", Some(("run.sh", false))),
            ("$PLATFORM_APP_DIR/run.sh", Some(("run.sh", false))),
            ("bash run.sh", Some(("run.sh", true))),
            ("/bin/bash -eu run.sh", Some(("run.sh", true))),
            ("exec sh \"run.sh\"", Some(("run.sh", true))),
            (". ./run.sh", Some(("run.sh", true))),
            ("bash -c run.sh", None),
            ("bash -ec ./run.sh", None),
            ("bash", None),
            ("/usr/bin/env x", None),
            ("npm run build", None),
            ("$DIR/run.sh", None),
            ("python run.py", None),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(named(&words), expected, "{command}");
        }
    }

    #[test]
    fn line_ends_do_harm_to_shells_and_in_first_lines() {
        for (text, by_shell, harms) in [
            ("#!/bin/bash\r\necho\r\n", false, true),
            ("#!/usr/bin/env node\r\nx\r\n", false, true),
            ("#!/bin/bash\necho\r\n", false, true),
            ("#!/usr/bin/env bash\necho\r\n", false, true),
            ("#!/usr/bin/env node\nx\r\n", false, false),
            ("echo\r\n", false, true),
            ("#!/bin/bash\r\necho\r\n", true, true),
            ("echo\r\n", true, true),
            ("#!/bin/bash\necho\n", false, false),
            ("#!/bin/bash\necho a\rb\n", true, false),
            ("", false, false),
        ] {
            assert_eq!(
                fault(text.as_bytes(), by_shell).is_some(),
                harms,
                "{text:?}"
            );
        }
    }
}
