//! Scripts that do not do in `dash` what they seem to do.
//!
//! Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html>: hooks run in dash, and fail
//! only when their last command does.

use super::super::problem::Class;
use super::super::report::Report;
use super::super::shell::Script;
use super::{Phase, Piece, has_errexit, program, warn};

const DOCS: &str = "/create-apps/hooks/hooks-comparison.html";

pub(super) fn check(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    hidden_failures(piece, script, report);
    background(piece, script, report);
    build_variables(piece, report);
    destructive(piece, script, report);
}

/// Several commands, of which only the last one's failure would be seen.
fn hidden_failures(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    const HARMLESS: [&str; 12] = [
        "echo", "printf", "export", ":", "true", "set", "unset", "readonly", "umask", "exit",
        "alias", "trap",
    ];
    let is_seen = matches!(piece.phase, Phase::Start | Phase::Aside);
    if is_seen || script.statements < 2 || has_errexit(script) {
        return;
    }
    let hidden = script.commands.iter().find(|command| {
        let words = program(&command.words);
        // The last statement decides; what was sent to the background decides nothing anyway.
        command.statement + 1 < script.statements
            && !command.in_background
            && !script.guarded.contains(&command.statement)
            && words.first().is_some_and(|name| !HARMLESS.contains(name))
    });
    let Some(hidden) = hidden else { return };
    let message = format!(
        "{} goes on after a command that fails: only the last one counts",
        piece.what
    );
    let problem = warn(report, "U402", piece, hidden.at, message);
    report.add(problem.hint("begin it with `set -e`").docs(DOCS));
}

/// A command that ends with `&` exits immediately: Upsun then starts a start command again and again, and the
/// result of an operation or a cron is lost.
fn background(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    let (hint, docs) = match piece.phase {
        Phase::Start => (
            "remove the `&`: Upsun starts it again whenever it ends",
            "/create-apps/image-properties/web.html",
        ),
        Phase::Operation => (
            "remove the `&`, so that its end is waited for and its failure seen",
            "/create-apps/runtime-operations.html",
        ),
        Phase::Cron => (
            "remove the `&`, so that its end is waited for and its failure seen",
            "/create-apps/image-properties/crons.html",
        ),
        Phase::Build | Phase::Deploy | Phase::Aside => return,
    };
    if let Some(last) = script.commands.last()
        && last.in_background
    {
        let message = format!("{} ends with `&`, so it exits immediately", piece.what);
        let problem = warn(report, "U403", piece, last.at, message);
        report.add(problem.hint(hint).docs(docs));
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
            let after = &piece.text[at + name.len()..];
            let is_longer =
                after.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_');
            // `${NAME:-…}` and its like say what happens when it is not there.
            let is_guarded = before.ends_with('{') && after.starts_with([':', '-', '+', '?', '=']);
            before.ends_with(['$', '{']) && !is_longer && !is_guarded
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

/// What commands that destroy something have in them, in lower case.
const SIGNS: [&str; 29] = [
    "rm -",
    "drop ",
    "truncate ",
    "delete from",
    "flushall",
    "flushdb",
    "dropdb",
    "dropdatabase",
    "migrate:fresh",
    "migrate:reset",
    "migrate:refresh",
    "migrate reset",
    "db:drop",
    "db:reset",
    "db:wipe",
    "db:purge",
    "db reset",
    "db clean",
    "database:drop",
    "schema:drop",
    "sql:drop",
    "sql-drop",
    "site:install",
    "site-install",
    "manage.py flush",
    "git clean",
    "reset --hard",
    "mkfs",
    "shred ",
];

/// An operation that anybody may run and that takes something away.
fn destructive(piece: &Piece<'_>, script: &Script<'_>, report: &mut Report) {
    if piece.phase != Phase::Operation {
        return;
    }
    let Some(role) = piece.owner.and_then(|owner| owner.value.get("role")) else {
        return;
    };
    if role.text() != Some("viewer") {
        return;
    }
    let removes = script.commands.iter().find_map(|command| {
        let words = program(&command.words);
        let only_says = words
            .first()
            .is_some_and(|name| matches!(*name, "echo" | "printf"));
        let removes = |word: &&&str| matches!(**word, "rm" | "rmdir" | "-delete");
        words.iter().find(removes).filter(|_| !only_says).copied()
    });
    let Some(shown) = removes.or_else(|| sign(piece.text)) else {
        return;
    };
    let message = format!(
        "any viewer may run {}, which contains `{}`",
        piece.what,
        shown.trim_end()
    );
    let problem = report.warning("U405", Class::Lint, role.span, message);
    let hint = "raise `role` to `contributor` or `admin`";
    report.add(
        problem
            .hint(hint)
            .docs("/create-apps/runtime-operations.html"),
    );
}

/// A sign that begins a word of the script, comments left out.
fn sign(text: &str) -> Option<&'static str> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let text = lines.join("\n").to_lowercase();
    SIGNS.into_iter().find(|sign| {
        text.match_indices(sign)
            .any(|(at, _)| !text[..at].ends_with(|char: char| char.is_ascii_alphanumeric()))
    })
}
