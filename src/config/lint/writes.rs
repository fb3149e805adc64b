//! Commands that write next to the code, where only mounts are writable once the app runs.
//!
//! Source: <https://docs.upsun.com/create-apps/runtime-operations.html>

use std::collections::HashMap;

use super::super::decode::normalize;
use super::super::meaning::entries;
use super::super::node::{Entry, Node};
use super::super::report::Report;
use super::super::shell::{self, Script};
use super::super::source::{Repository, join};
use super::{Phase, Piece, program, warn};

const DOCS: &str = "/create-apps/runtime-operations.html";

/// Commands by their first words, and the directories of the app that they write to.
const WRITERS: [(&[&str], &[&str]); 19] = [
    (&["next", "build"], &[".next"]),
    (&["gatsby", "build"], &["public", ".cache"]),
    (&["gatsby", "develop"], &["public", ".cache"]),
    (&["nuxt", "build"], &[".nuxt", ".output"]),
    (&["nuxt", "generate"], &[".nuxt", ".output"]),
    (&["nuxi", "build"], &[".nuxt", ".output"]),
    (&["nuxi", "generate"], &[".nuxt", ".output"]),
    (&["npm", "ci"], &["node_modules"]),
    (&["npm", "install"], &["node_modules"]),
    (&["npm", "i"], &["node_modules"]),
    (&["npm", "update"], &["node_modules"]),
    (&["pnpm", "install"], &["node_modules"]),
    (&["pnpm", "i"], &["node_modules"]),
    (&["yarn", "install"], &["node_modules"]),
    (&["bun", "install"], &["node_modules"]),
    (&["composer", "install"], &["vendor"]),
    (&["composer", "update"], &["vendor"]),
    (&["composer", "require"], &["vendor"]),
    (&["jekyll", "build"], &["_site"]),
];

/// Commands whose own configuration often names another directory. They are reported only if no mount could be that
/// directory.
const PROBABLE_WRITERS: [(&[&str], &[&str]); 6] = [
    (&["vite", "build"], &["dist"]),
    (&["astro", "build"], &["dist"]),
    (&["ng", "build"], &["dist"]),
    (&["vue-cli-service", "build"], &["dist"]),
    (&["react-scripts", "build"], &["build"]),
    (&["remix", "build"], &["build"]),
];

/// Directories that the build fills with what the app cannot do without.
const INSTALLED: [&str; 2] = ["node_modules", "vendor"];

/// Maximum number of problems to report for one script.
const MOST: usize = 20;
/// How many scripts of a package may call each other.
const DEEPEST: usize = 8;

/// The `scripts` of a `package.json` by name.
pub(super) type PackageScripts = HashMap<String, String>;

/// The scripts of the `package.json` in a source root, as far as there are any.
pub(super) fn package_scripts(root: &str, repository: &Repository) -> PackageScripts {
    let parsed = join(root, "package.json")
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
    packages: &PackageScripts,
    file_below: &dyn Fn(&str) -> Option<String>,
    report: &mut Report,
) {
    if piece.phase == Phase::Build {
        return;
    }
    let changes_directory = script
        .commands
        .iter()
        .any(|command| program(&command.words).first() == Some(&"cd"));
    let mut told = 0;
    for command in &script.commands {
        let words = launched(program(&command.words), packages);
        let mut found = Vec::new();
        written(
            words,
            packages,
            mounts(app, piece).is_empty(),
            0,
            &mut found,
        );
        if changes_directory {
            found.clear();
        }
        for (program, folder) in found {
            if told < MOST && !is_mounted(app, piece, folder) {
                told += 1;
                let message = format!(
                    "`{program}` in {} writes to `{folder}`, which is read-only without a mount",
                    piece.what
                );
                let problem = warn(report, "U406", piece, command.at, message);
                report.add(problem.hint(remedy(folder, file_below(folder))).docs(DOCS));
            }
        }
        let is_pm2 = words
            .first()
            .is_some_and(|name| matches!(base(name), "pm2" | "pm2-runtime"));
        if is_pm2 && !has_pm2_home(app, piece) {
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

/// What helps: no mount where that would hide what the build installs, or what the repository has.
fn remedy(folder: &str, file: Option<String>) -> String {
    if INSTALLED.contains(&folder) {
        return format!(
            "do it in the build (`build.flavor`, `hooks.build` or `dependencies`): a mount on `/{folder}` would hide what the build installs there"
        );
    }
    if let Some(file) = file {
        return format!(
            "do it in the build hook, or let it write elsewhere: a mount on `/{folder}` would hide `{file}` of the repository"
        );
    }
    let source = crate::config::mount_source::fitting(folder);
    format!("add under `mounts`: `/{folder}: {{source: {source}}}`")
}

/// The command without what only finds and starts it.
fn launched<'a>(words: &'a [&'a str], packages: &PackageScripts) -> &'a [&'a str] {
    match words {
        ["exec" | "npx" | "bunx" | "time" | "nohup", rest @ ..]
        | [
            "npm" | "pnpm" | "yarn" | "bun",
            "exec" | "dlx" | "x",
            rest @ ..,
        ] => {
            let skip = rest.iter().take_while(|word| word.starts_with('-')).count();
            launched(&rest[skip..], packages)
        }
        // What is no script of the package is one of its programs.
        ["yarn" | "pnpm", name, _, ..]
            if !packages.contains_key(*name)
                && WRITERS.iter().any(|(words, _)| words[0] == *name) =>
        {
            launched(&words[1..], packages)
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

/// Collects what a command writes to, by the program that does it: itself, or a script of the package.
fn written(
    words: &[&str],
    packages: &PackageScripts,
    without_mounts: bool,
    depth: usize,
    found: &mut Vec<(&'static str, &'static str)>,
) {
    found.extend(writes(words, without_mounts));
    if depth < DEEPEST
        && let Some(script) = package_script(words).and_then(|name| packages.get(name))
        && let Ok(script) = shell::parse(script)
    {
        for command in &script.commands {
            let words = launched(program(&command.words), packages);
            written(words, packages, without_mounts, depth + 1, found);
        }
    }
}

/// The name of a program without the folder that it lies in.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn writes(words: &[&str], without_mounts: bool) -> Vec<(&'static str, &'static str)> {
    let Some((name, arguments)) = words.split_first() else {
        return Vec::new();
    };
    let name = base(name);
    let elsewhere = |word: &&str| matches!(*word, "-g" | "--global" | "--outDir" | "--output-path");
    if arguments.iter().any(elsewhere) {
        return Vec::new();
    }
    if name == "yarn" && arguments.is_empty() {
        return vec![("yarn", "node_modules")];
    }
    let probable: &[_] = if without_mounts {
        &PROBABLE_WRITERS
    } else {
        &[]
    };
    WRITERS
        .iter()
        .chain(probable)
        .filter(|(words, _)| name == words[0] && arguments.starts_with(&words[1..]))
        .flat_map(|(words, folders)| folders.iter().map(|folder| (words[0], *folder)))
        .collect()
}

/// The mounts that hold where the script runs.
fn mounts<'a>(app: &'a Entry, piece: &Piece<'a>) -> &'a [Entry] {
    let web = app.value.get("web").and_then(|web| web.get("mounts"));
    let own = piece.container.get("mounts");
    let mounts = if piece.is_worker { own } else { web }.or_else(|| app.value.get("mounts"));
    mounts.map(Node::entries).unwrap_or_default()
}

fn is_mounted(app: &Entry, piece: &Piece<'_>, folder: &str) -> bool {
    mounts(app, piece).iter().any(|mount| {
        let path = normalize(&mount.key);
        folder
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether `pm2` has a directory to write to: one that the script names, one that a variable does, or a
/// mount where it looks by itself.
fn has_pm2_home(app: &Entry, piece: &Piece<'_>) -> bool {
    if piece.text.contains("PM2_HOME") {
        return true;
    }
    let value = |node: &Node| {
        entries(node.get("variables")?, "env")
            .iter()
            .find(|entry| entry.key.eq_ignore_ascii_case("PM2_HOME"))
            .map(|entry| entry.value.text().unwrap_or_default().to_owned())
    };
    let web = || app.value.get("web").filter(|_| !piece.is_worker);
    let home = value(piece.container)
        .or_else(|| web().and_then(value))
        .or_else(|| value(&app.value));
    match home.as_deref() {
        Some(home) if home == "/tmp" || home.starts_with("/tmp/") => true,
        Some(home) => {
            let folder = home.strip_prefix("/app/").unwrap_or(home);
            is_mounted(app, piece, folder.trim_matches('/'))
        }
        None => is_mounted(app, piece, ".pm2"),
    }
}
