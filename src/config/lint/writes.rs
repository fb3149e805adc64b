//! Commands that write next to the code, where only mounts are writable once the app runs.
//!
//! Source: <https://docs.upsun.com/create-apps/runtime-operations.html>

use std::collections::HashMap;

use super::super::decode::normalize;
use super::super::meaning::{entries, source};
use super::super::node::{Entry, Node};
use super::super::report::Report;
use super::super::shell::{self, Script};
use super::super::source::{Repository, join};
use super::{Phase, Piece, program, warn};

const DOCS: &str = "/create-apps/runtime-operations.html";

/// Programs and the directories of the app that they write to.
const WRITERS: [(&str, &str, &[&str]); 4] = [
    ("next", "build", &[".next"]),
    ("gatsby", "build", &["public", ".cache"]),
    ("nuxt", "build", &[".nuxt", ".output"]),
    ("nuxi", "build", &[".nuxt", ".output"]),
];

/// The `scripts` of the app's `package.json`, as far as there are any.
pub(super) fn package_scripts(app: &Entry, repository: &Repository) -> HashMap<String, String> {
    let parsed = join(&source::root(app), "package.json")
        .and_then(|path| repository.read(path).ok())
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let Some(scripts) = parsed
        .as_ref()
        .and_then(|parsed| parsed.get("scripts")?.as_object())
    else {
        return HashMap::new();
    };
    scripts
        .iter()
        .filter_map(|(name, script)| Some((name.clone(), script.as_str()?.to_owned())))
        .collect()
}

pub(super) fn check(
    app: &Entry,
    piece: &Piece<'_>,
    script: &Script<'_>,
    packages: &HashMap<String, String>,
    report: &mut Report,
) {
    if piece.phase == Phase::Build {
        return;
    }
    let changes_directory = script
        .commands
        .iter()
        .any(|command| program(&command.words).first() == Some(&"cd"));
    for command in &script.commands {
        let words = launched(program(&command.words));
        let mut found = writes(words);
        if let Some(name) = package_script(words)
            && let Some(script) = packages.get(name)
            && let Ok(script) = shell::parse(script)
        {
            found.extend(
                script
                    .commands
                    .iter()
                    .flat_map(|command| writes(launched(program(&command.words)))),
            );
        }
        if changes_directory {
            found.clear();
        }
        for (program, folder) in found {
            if !is_mounted(app, piece, folder) {
                let message = format!(
                    "`{program}` in {} writes to `{folder}`, which is read-only without a mount",
                    piece.what
                );
                let problem = warn(report, "U406", piece, command.at, message);
                let hint = format!(
                    "add under `mounts`: `/{folder}: {{source: storage, source_path: {}}}`",
                    folder.trim_start_matches('.')
                );
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
        if words.first() == Some(&"pm2") && !has_pm2_home(app, piece) {
            let message = format!(
                "`pm2` in {} keeps its files in `/app/.pm2`, which is read-only",
                piece.what
            );
            let problem = warn(report, "U407", piece, command.at, message);
            let hint = "set the variable `env: PM2_HOME: /tmp/.pm2`, or add a mount `/.pm2`";
            report.add(problem.hint(hint).docs(DOCS));
            break;
        }
    }
}

/// The command without what only finds and starts it.
fn launched<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    match words {
        ["exec" | "npx" | "bunx" | "time" | "nohup", rest @ ..]
        | ["npm" | "pnpm" | "yarn", "exec" | "dlx", rest @ ..] => {
            let skip = rest.iter().take_while(|word| word.starts_with('-')).count();
            launched(&rest[skip..])
        }
        words => words,
    }
}

/// The name of the package script that a command runs.
fn package_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        [
            "npm" | "pnpm" | "yarn" | "bun",
            "run" | "run-script",
            name,
            ..,
        ]
        | ["yarn" | "pnpm", name, ..]
        | ["npm", name @ ("start" | "test"), ..] => Some(name),
        _ => None,
    }
}

fn writes(words: &[&str]) -> Vec<(&'static str, &'static str)> {
    let Some((name, arguments)) = words.split_first() else {
        return Vec::new();
    };
    let name = name.rsplit('/').next().unwrap_or(name);
    WRITERS
        .iter()
        .filter(|(program, subcommand, _)| {
            name == *program && arguments.first() == Some(subcommand)
        })
        .flat_map(|(program, _, folders)| folders.iter().map(|folder| (*program, *folder)))
        .collect()
}

/// The mounts that hold where the script runs.
fn is_mounted(app: &Entry, piece: &Piece<'_>, folder: &str) -> bool {
    let web = app.value.get("web").and_then(|web| web.get("mounts"));
    let own = piece.container.get("mounts");
    let mounts = if piece.is_worker { own } else { web }.or_else(|| app.value.get("mounts"));
    mounts
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .any(|mount| {
            let path = normalize(&mount.key);
            folder
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
}

fn has_pm2_home(app: &Entry, piece: &Piece<'_>) -> bool {
    let sets = |node: &Node| {
        node.get("variables").is_some_and(|variables| {
            entries(variables, "env")
                .iter()
                .any(|entry| entry.key.eq_ignore_ascii_case("PM2_HOME"))
        })
    };
    piece.text.contains("PM2_HOME")
        || sets(&app.value)
        || sets(piece.container)
        || app.value.get("web").is_some_and(sets)
        || is_mounted(app, piece, ".pm2")
}
