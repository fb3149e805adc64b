//! Scripts that do not do in `dash` what they seem to do.
//!
//! Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html>: hooks run in dash, and fail
//! only when their last command does.

use super::super::problem::Class;
use super::super::report::Report;
use super::super::shell::{Command, Script};
use super::{Phase, Piece, has_errexit, is_assignment, program, warn};

const DOCS: &str = "/create-apps/hooks/hooks-comparison.html";

pub(super) fn check(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    bashisms(piece, script, report);
    hidden_failures(piece, script, report);
    background(piece, script, report);
    build_variables(piece, report);
    destructive(piece, script, report);
}

/// Words and operators that bash has and dash has not.
fn bashisms(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    let mut found: Vec<(usize, String, &str)> = Vec::new();
    for (at, operator) in &script.foreign {
        let hint = match *operator {
            "&>" => "write `> file 2>&1`",
            "|&" => "write `2>&1 |`",
            "<<<" => "write `printf '%s' text |` in front of the command",
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
    for (at, what, hint) in found {
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
        "shopt" | "mapfile" | "readarray" | "disown" => "there is nothing like it in dash",
        "[" | "test" if words.contains(&"==") => {
            return Some(("`==` in a test".to_owned(), "write a single `=`"));
        }
        "echo" if words.get(1).is_some_and(|word| *word == "-e") => {
            return Some(("`echo -e`".to_owned(), "use `printf`"));
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

/// Expansions that dash refuses or leaves as they are. What is in single quotes is only text.
fn foreign_word(word: &str) -> Option<(&'static str, &'static str)> {
    if let Some((name, _)) = word.split_once("+=")
        && is_assignment(&format!("{name}="))
    {
        return Some(("`+=`", "write `x=\"$x…\"`"));
    }
    let bare: String = word.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
    if !bare.starts_with('"')
        && let Some((_, rest)) = bare.split_once('{')
        && let Some((inner, _)) = rest.split_once('}')
        && let Some((low, high)) = inner.split_once("..")
        && !bare.contains("${")
        && low.parse::<i64>().is_ok()
        && high.parse::<i64>().is_ok()
    {
        return Some(("a range in braces", "use `seq`"));
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

/// Several commands, of which only the last one's failure would be seen.
fn hidden_failures(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    const HARMLESS: [&str; 12] = [
        "echo", "printf", "export", ":", "true", "set", "unset", "readonly", "umask", "exit",
        "alias", "trap",
    ];
    if piece.phase == Phase::Start || script.statements < 2 || has_errexit(script) {
        return;
    }
    let mut fallible: Vec<(usize, usize)> = script
        .commands
        .iter()
        .filter(|command| {
            program(&command.words)
                .first()
                .is_some_and(|name| !HARMLESS.contains(name))
        })
        .map(|command| (command.statement, command.at))
        .collect();
    fallible.dedup_by_key(|(statement, _)| *statement);
    if fallible.len() < 2 {
        return;
    }
    let message = format!(
        "{} goes on after a command that fails: only the last one counts",
        piece.what
    );
    let problem = warn(report, "U402", piece, fallible[0].1, message);
    report.add(problem.hint("begin it with `set -e`").docs(DOCS));
}

/// A start command that ends at once is started again and again.
fn background(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    if piece.phase != Phase::Start {
        return;
    }
    if let Some(last) = script.commands.last()
        && last.in_background
    {
        let message = format!("{} ends with `&`, so that it is over at once", piece.what);
        let problem = warn(report, "U403", piece, last.at, message);
        let hint = "remove the `&`: Upsun starts it again whenever it ends";
        report.add(
            problem
                .hint(hint)
                .docs("/create-apps/image-properties/web.html"),
        );
    }
}

/// Variables that are there during the build only.
fn build_variables(piece: &Piece<'_>, report: &mut Report) {
    const BUILD_ONLY: [&str; 4] = [
        "PLATFORM_CACHE_DIR",
        "PLATFORM_OUTPUT_DIR",
        "PLATFORM_SOURCE_DIR",
        "PLATFORM_VENDOR",
    ];
    if piece.phase == Phase::Build {
        return;
    }
    for name in BUILD_ONLY {
        let used = piece.text.match_indices(name).find(|(at, _)| {
            let before = &piece.text[..*at];
            let after = piece.text[at + name.len()..].chars().next();
            before.ends_with(['$', '{'])
                && !after.is_some_and(|char| char.is_ascii_alphanumeric() || char == '_')
        });
        if let Some((at, _)) = used {
            let message = format!(
                "{} uses `{name}`, which is there during the build only",
                piece.what
            );
            let problem = warn(report, "U404", piece, at, message);
            let hint = "do it in the build hook, or write into a mount";
            report.add(
                problem
                    .hint(hint)
                    .docs("/development/variables/use-variables.html"),
            );
        }
    }
}

/// An operation that anybody may run and that takes something away.
fn destructive(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    const SIGNS: [&str; 14] = [
        "drop ",
        "truncate ",
        "flushall",
        "flushdb",
        "migrate:fresh",
        "migrate:reset",
        "db:drop",
        "db:reset",
        "sql:drop",
        "sql-drop",
        "site:install",
        "site-install",
        "delete from",
        "dropdb",
    ];
    if piece.phase != Phase::Operation {
        return;
    }
    let Some(role) = piece.owner.and_then(|owner| owner.value.get("role")) else {
        return;
    };
    if role.text() != Some("viewer") {
        return;
    }
    let text = piece.text.to_lowercase();
    let removes = script.commands.iter().any(|command| {
        let words = program(&command.words);
        words.first() == Some(&"rm")
            && words[1..]
                .iter()
                .any(|word| word.starts_with('-') && word.contains(['r', 'R']))
    });
    let sign = SIGNS.into_iter().find(|sign| text.contains(sign));
    if sign.is_none() && !removes {
        return;
    }
    let shown = sign.map_or("rm -r", str::trim_end);
    let message = format!(
        "any viewer may run {}, which contains `{shown}`",
        piece.what
    );
    let problem = report.warning("U405", Class::Lint, role.span, message);
    let hint = "raise `role` to `contributor` or `admin`";
    report.add(
        problem
            .hint(hint)
            .docs("/create-apps/runtime-operations.html"),
    );
}
