//! What bash understands and dash does not.
//!
//! Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html>: hooks run in dash.

use super::super::report::Report;
use super::super::shell::{Command, Script};
use super::{Piece, is_assignment, program, warn};

/// Maximum number of problems to report for one script.
const MOST: usize = 50;
const DOCS: &str = "/create-apps/hooks/hooks-comparison.html";

/// Words and operators that bash has and dash has not.
pub(super) fn check(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    let mut found: Vec<(usize, String, &str)> = Vec::new();
    for (at, operator) in &script.foreign {
        let hint = match *operator {
            "&>" => "write `> file 2>&1`",
            "|&" => "write `2>&1 |`",
            "<<<" => "write `printf '%s' text |` in front of the command",
            "<(…)" => "write the output to a file first",
            "((…))" => "write `x=$((x + 1))`, or `[ \"$x\" -gt 1 ]`",
            _ => "dash has no arrays: use several variables, or `set --`",
        };
        let what = if *operator == "an array" {
            (*operator).to_owned()
        } else {
            format!("`{operator}`")
        };
        found.push((*at, what, hint));
    }
    for command in &script.commands {
        if let Some((what, hint)) = foreign_command(command) {
            found.push((command.at, what, hint));
        }
        for word in &command.words {
            if let Some((what, hint)) = foreign_word(word) {
                found.push((command.at, what.to_owned(), hint));
            }
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    found.dedup_by(|a, b| a.1 == b.1);
    for (at, what, hint) in found.into_iter().take(MOST) {
        let message = format!("{} uses {what}, which `dash` does not have", piece.what);
        let problem = warn(report, "U401", piece, at, message);
        let hint = format!("{hint}; or run it with `bash -c`");
        report.add(problem.hint(hint).docs(DOCS));
    }
}

fn foreign_command(command: &Command<'_>) -> Option<(String, &'static str)> {
    let words = program(&command.words);
    let name = *words.first()?;
    let hint = match name {
        "[[" => "write `[` and quote the variables",
        "function" => "write `name() {`",
        "source" => "write `.` instead of `source`",
        "pushd" | "popd" => "use `cd` in a subshell",
        "declare" | "typeset" => "assign without it",
        "let" => "write `x=$((…))`",
        "select" => "ask with `read`",
        "shopt" | "mapfile" | "readarray" | "disown" => "there is nothing like it in dash",
        "[" | "test" if words.contains(&"==") => {
            return Some(("`==` in a test".to_owned(), "write a single `=`"));
        }
        "echo" if words.get(1).is_some_and(|word| *word == "-e") => {
            return Some(("`echo -e`".to_owned(), "use `printf`"));
        }
        "printf" if words.get(1) == Some(&"-v") => {
            return Some(("`printf -v`".to_owned(), "write `x=$(printf …)`"));
        }
        "read"
            if words
                .get(1)
                .is_some_and(|word| matches!(*word, "-a" | "-ra" | "-n" | "-s" | "-t")) =>
        {
            return Some((
                format!("`read {}`", words[1]),
                "dash knows `-r` and `-p` only",
            ));
        }
        "trap" if words.contains(&"ERR") => {
            return Some(("`trap … ERR`".to_owned(), "use `set -e` and `trap … EXIT`"));
        }
        "set" if words.contains(&"pipefail") => {
            return Some((
                "`set -o pipefail`".to_owned(),
                "remove it: dash stops at an option that it does not know",
            ));
        }
        _ => return None,
    };
    Some((format!("`{name}`"), hint))
}

/// Expansions that dash refuses or does not expand. In single quotes everything is text.
fn foreign_word(word: &str) -> Option<(&'static str, &'static str)> {
    // Most words have nothing of the kind: they are not looked at twice.
    if !word.contains(['$', '{', '+']) {
        return None;
    }
    if let Some((name, _)) = word.split_once("+=")
        && is_assignment(&format!("{name}="))
    {
        return Some(("`+=`", "write `x=\"$x…\"`"));
    }
    if word.starts_with("$'") || word.contains("=$'") {
        return Some(("a string `$'…'`", "use `printf`"));
    }
    if word.contains('{')
        && let Some(list) = braces(&unquoted(word))
    {
        return Some(list);
    }
    let bare: String = word.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
    if is_set_by_bash(&bare) {
        return Some((
            "a variable that only bash sets",
            "find another way to get it",
        ));
    }
    let mut rest = bare.as_str();
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        if rest.starts_with('!') {
            return Some(("an indirect `${!…}`", "use `eval`, or name the variable"));
        }
        let end = rest
            .find(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            .unwrap_or(rest.len());
        let operator = &rest[end..];
        if end == 0 {
            continue;
        }
        if operator.starts_with('/') {
            return Some(("a replacement `${x/…}`", "use `sed`"));
        }
        if operator.starts_with(['^', ',']) {
            return Some(("a change of case `${x^}`", "use `tr`"));
        }
        if operator.starts_with('[') {
            return Some(("an array", "use several variables, or `set --`"));
        }
        let after_colon = operator.strip_prefix(':');
        if after_colon.is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit())) {
            return Some(("a part of a string `${x:0:1}`", "use `cut`"));
        }
    }
    None
}

/// Whether a word expands a variable that only bash sets.
fn is_set_by_bash(word: &str) -> bool {
    const NAMES: [&str; 5] = ["RANDOM", "BASH_SOURCE", "BASHPID", "FUNCNAME", "PIPESTATUS"];
    word.match_indices('$').any(|(at, _)| {
        let name = &word[at + 1..];
        let name = name.strip_prefix('{').unwrap_or(name);
        NAMES.iter().any(|known| name.starts_with(known))
    })
}

/// The part of a word that is in no quotes.
fn unquoted(word: &str) -> String {
    let mut kept = String::new();
    let mut quote = None;
    let mut chars = word.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (None, '\'' | '"') => quote = Some(char),
            (None | Some('"'), '\\') => {
                chars.next();
            }
            (None, char) => kept.push(char),
            (Some(_), _) => {}
        }
    }
    kept
}

/// `{1..3}` and `{a,b}`, which dash does not expand.
fn braces(text: &str) -> Option<(&'static str, &'static str)> {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let is_expansion = rest[..at].ends_with('$');
        rest = &rest[at + 1..];
        let (inside, after) = rest.split_once('}')?;
        if is_expansion {
            rest = after;
            continue;
        }
        let is_range = inside
            .split_once("..")
            .is_some_and(|(low, high)| low.parse::<i64>().is_ok() && high.parse::<i64>().is_ok());
        if is_range {
            return Some(("a range in braces", "use `seq`"));
        }
        if inside.contains(',') {
            return Some(("a list in braces", "write each of the words"));
        }
    }
    None
}
