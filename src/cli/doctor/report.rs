//! `doctor --report`: one text that a bug report can carry. It names keys and shapes, and no value that somebody might
//! not want to show.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_yaml::Value;

use super::super::context::Context;
use super::super::lists;
use upsun_local::activity::Store;
use upsun_local::config::Config;
use upsun_local::engine::spec::EngineInfo;
use upsun_local::failure::Failure;
use upsun_local::settings;
use upsun_local::text::{bytes, safe, safe_line};
use upsun_local::workspace::Workspace;

/// How many lines of the last activity's log are in it.
const LINES: usize = 200;

/// How many bytes of that log are read at most.
const TAIL: u64 = 256 * 1024;

/// What the names of variables begin with that matter here.
const OURS: [&str; 4] = ["UPSUN_LOCAL_", "DOCKER_", "XDG_", "PLATFORM_"];

/// Other variables that matter here, in small letters.
const OTHERS: [&str; 8] = [
    "ci",
    "home",
    "no_color",
    "term",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

/// What the report is made of.
pub(super) struct Seen<'a> {
    /// The root of the repository, where there is one.
    pub(super) root: Option<&'a Path>,
    /// What the repository holds, where that can be read.
    pub(super) workspace: Option<&'a Workspace>,
    /// The engine; or why there is none.
    pub(super) engine: Result<&'a EngineInfo, &'a Failure>,
}

/// All of it.
pub(super) fn text(context: &Context, seen: &Seen<'_>) -> String {
    let mut text = format!("upsun-local {}\n", env!("CARGO_PKG_VERSION"));
    text.push_str(&machine());
    text.push_str(&engine(seen.engine));
    match seen.workspace {
        Some(workspace) => {
            let environment = &workspace.environment;
            text.push_str(&format!(
                "\nproject {}, environment type {}\n",
                safe_line(&workspace.project.id),
                safe_line(&environment.kind)
            ));
            text.push_str(&names(&workspace.config));
        }
        // Why may quote what is in the settings.
        None => text.push_str(
            "\nno project: there is none here, or its settings cannot be read; `upsun-local doctor` says why\n",
        ),
    }
    if let Some(root) = seen.root {
        text.push_str(&file(settings::FILE_NAME, settings::read(root)));
    }
    let user = &context.surroundings.own_settings;
    text.push_str(&file(&user.name(), user.read()));
    text.push_str("\nenvironment variables (values hidden)\n");
    for name in context.surroundings.variables.names() {
        let lower = name.to_ascii_lowercase();
        let matters =
            OURS.iter().any(|prefix| name.starts_with(prefix)) || OTHERS.contains(&lower.as_str());
        if matters {
            text.push_str(&format!("  {}\n", safe_line(name)));
        }
    }
    if let Some(workspace) = seen.workspace {
        text.push_str(&last_activity(&workspace.project.state_dir));
    }
    if let Some(workspace) = seen.workspace {
        text = workspace.secrets_in_containers().mask(&text);
    }
    if let Some(secrets) = context.secrets.get() {
        text = secrets.mask(&text);
    }
    without_home(context, text)
}

/// A home directory is called by its owner's name.
fn without_home(context: &Context, text: String) -> String {
    let home = context.variable("HOME").filter(|home| home.len() > 1);
    match home {
        Some(home) => text.replace(home.trim_end_matches('/'), "~"),
        None => text,
    }
}

fn machine() -> String {
    let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let said = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::null());
        match command.output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(err) => format!("`{program}` cannot be run: {err}"),
        }
    };
    format!(
        "system {} ({})\nkernel {}\n{}\n",
        safe_line(name),
        std::env::consts::ARCH,
        safe_line(&said("uname", "-srm")),
        safe_line(&said("git", "--version")),
    )
}

fn engine(engine: Result<&EngineInfo, &Failure>) -> String {
    match engine {
        Ok(info) => format!(
            "engine {} {}, API {}, {}, cgroup v{}, storage {}, {} processors, {} of memory{}\n  at {}\n",
            safe_line(&info.name),
            safe_line(&info.version),
            safe_line(&info.api_version),
            safe_line(&info.platform),
            safe_line(&info.cgroup_version),
            safe_line(&info.storage),
            info.processors,
            bytes(info.memory),
            if info.rootless { ", rootless" } else { "" },
            without_credentials(&safe_line(&info.address)),
        ),
        Err(failure) => format!(
            "no engine: {}\n",
            without_credentials(&safe(&failure.message))
        ),
    }
}

/// The text with what stands before an `@` in addresses taken out, and what stands behind a `?`.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let is_end = |char: char| char.is_whitespace() || "`'\"<>)".contains(char);
        let (address, rest) = part.split_at(part.find(is_end).unwrap_or(part.len()));
        let address = address.split('?').next().unwrap_or_default();
        // A password may hold a slash that should have been encoded.
        let address = address.rsplit_once('@').map_or(address, |(_, host)| host);
        shown.push_str(address);
        shown.push_str(rest);
    }
    shown
}

fn names(config: &Config) -> String {
    let mut text = String::new();
    let joined = |names: Vec<&str>| {
        names
            .iter()
            .map(|name| safe_line(name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for app in config.apps.values() {
        let (name, kind) = (safe_line(&app.name), safe_line(&lists::kind(app)));
        text.push_str(&format!("  app {name} ({kind})\n"));
        let operations: Vec<&str> = app.operations.iter().map(|it| it.name.as_str()).collect();
        let workers: Vec<&str> = app.workers.iter().map(|it| it.name.as_str()).collect();
        for (what, names) in [("operations", operations), ("workers", workers)] {
            if !names.is_empty() {
                text.push_str(&format!("    {what}: {}\n", joined(names)));
            }
        }
    }
    for service in config.services.values() {
        let (name, kind) = (safe_line(&service.name), safe_line(&service.r#type));
        text.push_str(&format!("  service {name} ({kind})\n"));
    }
    text
}

fn file(name: &str, text: Result<Option<String>, settings::Error>) -> String {
    let name = safe_line(name);
    let text = match text {
        Ok(Some(text)) => text,
        Ok(None) => return format!("\n{name} is not there\n"),
        // An error may quote what it complains of.
        Err(_) => return format!("\n{name} cannot be read\n"),
    };
    match serde_yaml::from_str::<Value>(&text) {
        Ok(value) => {
            let mut text = format!("\n{name} (values hidden)\n");
            describe(&value, 1, &mut text);
            text
        }
        Err(_) => format!("\n{name} is no valid YAML\n"),
    }
}

/// The keys, and of what kind their values are.
fn describe(value: &Value, depth: usize, text: &mut String) {
    let Value::Mapping(mapping) = value else {
        text.push_str(&format!("{}{}\n", "  ".repeat(depth), shape(value)));
        return;
    };
    for (key, value) in mapping {
        let key = match key {
            Value::String(key) => safe_line(key),
            other => shape(other),
        };
        let indent = "  ".repeat(depth);
        match value {
            // People may be called by their addresses.
            Value::Mapping(users) if depth == 1 && key == "users" => {
                text.push_str(&format!("{indent}{key}: <{} users>\n", users.len()));
            }
            Value::Mapping(inner) if !inner.is_empty() && depth < 16 => {
                text.push_str(&format!("{indent}{key}:\n"));
                describe(value, depth + 1, text);
            }
            _ => text.push_str(&format!("{indent}{key}: {}\n", shape(value))),
        }
    }
}

fn shape(value: &Value) -> String {
    match value {
        Value::Null => "<nothing>".to_owned(),
        Value::Bool(_) => "<true or false>".to_owned(),
        Value::Number(_) => "<number>".to_owned(),
        Value::String(text) if text.is_empty() => "<empty text>".to_owned(),
        Value::String(_) => "<text>".to_owned(),
        Value::Sequence(items) => format!("<list of {}>", items.len()),
        Value::Mapping(mapping) => format!("<{} keys>", mapping.len()),
        Value::Tagged(tagged) => shape(&tagged.value),
    }
}

/// The record of the last activity and the end of its log, which was masked when it was written.
fn last_activity(state: &Path) -> String {
    let store = Store::of(state);
    let ids = store.ids().unwrap_or_default();
    let Some(activity) = ids.iter().find_map(|id| store.read(id)) else {
        return "\nno activity\n".to_owned();
    };
    let record = upsun_local::json::pretty(&activity);
    let mut text = format!("\nlast activity\n{record}\n");
    match tail(&store, &activity.id) {
        Ok(lines) => {
            text.push_str(&format!("\nthe last {} lines of its log\n", lines.len()));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        Err(err) => text.push_str(&format!("\nits log cannot be read: {err}\n")),
    }
    text
}

fn tail(store: &Store, id: &str) -> std::io::Result<Vec<String>> {
    let mut log = store.open_log(id)?;
    let length = log.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    log.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    log.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be the end of one.
    let lines: Vec<&str> = text.lines().skip(usize::from(from > 0)).collect();
    let first = lines.len().saturating_sub(LINES);
    Ok(lines[first..].iter().map(|line| safe_line(line)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_credentials() {
        for (text, expected) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://me:pw@host:2376/x?token=1", "tcp://host:2376/x"),
            ("ssh://me@host", "ssh://host"),
            ("tcp://a:p@ss/w@host", "tcp://host"),
            (
                "`tcp://u:p@one` and 'ssh://v@two', me@home",
                "`tcp://one` and 'ssh://two', me@home",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_credentials(text), expected);
        }
    }

    #[test]
    fn settings_are_shown_as_keys_and_kinds() {
        let text = "project: shop\nmail: true\nn: 1\nvariables: { env: { TOKEN: hush }, list: [a, b] }\nusers: { 'ada@example.com': admin }\nempty: {}\nnone:\ntext: ''\n";
        assert_eq!(
            file("s.yaml", Ok(Some(text.to_owned()))),
            "\ns.yaml (values hidden)\n  project: <text>\n  mail: <true or false>\n  n: <number>\n  variables:\n    env:\n      TOKEN: <text>\n    list: <list of 2>\n  users: <1 users>\n  empty: <0 keys>\n  none: <nothing>\n  text: <empty text>\n"
        );
        assert_eq!(
            file("s.yaml", Ok(Some("a: [hush".to_owned()))),
            "\ns.yaml is no valid YAML\n"
        );
        assert_eq!(file("s.yaml", Ok(None)), "\ns.yaml is not there\n");
        assert_eq!(
            file("s.yaml", Ok(Some("hush".to_owned()))),
            "\ns.yaml (values hidden)\n  <text>\n"
        );
    }
}
