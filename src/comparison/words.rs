//! What a push changes, in words of one line: for a terminal, where the style has colours, and for pages.

use std::fmt::Write;

use super::difference::{Change, Entry};
use super::mounts::{Fate, MountChange};
use super::push::OperationChange;
use super::services::{ServiceChange, ServiceFate, keeps_data};
use crate::reporter::style::Style;
use crate::text::{safe_line, width};

fn sign(style: Style, change: Change) -> String {
    match change {
        Change::Added => style.good("+"),
        Change::Removed => style.error("-"),
        Change::Changed => style.warning("~"),
    }
}

/// How an operation differs.
pub fn operation(operation: &OperationChange, style: Style) -> String {
    let mut words = format!(
        "{} {}",
        sign(style, operation.change),
        safe_line(&operation.name)
    );
    if let Some(worker) = &operation.worker {
        let _ = write!(words, " on worker {}", safe_line(worker));
    }
    let before = operation.role_before.as_deref().unwrap_or_default();
    let now = operation.role.as_deref().unwrap_or_default();
    match operation.change {
        Change::Added => {
            let _ = write!(words, " ({now})");
        }
        Change::Removed => {}
        Change::Changed => {
            let keys: Vec<String> = operation
                .keys
                .iter()
                .map(|key| match *key {
                    "role" => format!("role from {before} to {now}"),
                    key => key.to_owned(),
                })
                .collect();
            let _ = write!(words, ": {}", keys.join(", "));
        }
    }
    words
}

/// How a worker, a cron or a route differs, in this many columns.
pub fn entry(entry: &Entry, style: Style, room: usize) -> String {
    let name = format!("{} {}", sign(style, entry.change), safe_line(&entry.name));
    if entry.keys.iter().all(String::is_empty) {
        return name;
    }
    let keys = fit(&entry.keys, room.saturating_sub(width(&entry.name) + 4), 1);
    format!("{name}: {keys}")
}

/// What becomes of the data of a mount.
pub fn mount(mount: &MountChange, style: Style) -> String {
    let worker = mount.worker.as_ref();
    let worker = worker.map_or_else(String::new, |worker| {
        format!(" of worker {}", safe_line(worker))
    });
    let path = format!("/{}{worker}", safe_line(&mount.path));
    let alert = style.error("!");
    let source_path = mount.data_in.as_deref().map(safe_line);
    let data = match (&mount.deleted_with, source_path.as_deref()) {
        (Some(name), _) => format!("are deleted with `{}`", safe_line(name)),
        (None, None) => "stay in the earlier source".to_owned(),
        (None, Some("")) => "stay in its source".to_owned(),
        (None, Some(path)) => format!("stay in `{path}`"),
    };
    let shows = source_path
        .filter(|_| mount.deleted_with.is_none())
        .map_or_else(String::new, |path| {
            format!("; `source_path: \"{path}\"` shows them")
        });
    let shown: Vec<String> = mount
        .shown
        .iter()
        .map(|part| format!("`{}`", safe_line(part)))
        .collect();
    let shown = shown.join(", ");
    match mount.fate {
        Fate::New => format!("{} {path}, empty", style.good("+")),
        Fate::LooksEmpty => format!("{alert} {path} will look empty: the data {data}{shows}"),
        Fate::ShowsOther => {
            let other = safe_line(mount.data_of.as_deref().unwrap_or_default());
            format!("{alert} {path} will show the data of /{other}: its own {data}{shows}")
        }
        Fate::Below => {
            let whose = match &mount.data_of {
                Some(other) => format!("the data of /{}", safe_line(other)),
                None => "its data".to_owned(),
            };
            format!("{alert} {path} will show {whose} further down, in {shown}{shows} as before")
        }
        Fate::Partly => {
            format!("{alert} of the data of {path}, only {shown} will be shown{shows} all")
        }
        Fate::Hidden if mount.deleted_with.is_some() => {
            format!("{alert} the data of {path} {data}")
        }
        Fate::Hidden => {
            format!("{alert} the data of {path} {data}, and no mount shows them")
        }
        Fate::Lost => format!("{alert} {path} is deleted with its data"),
    }
}

/// How a service differs, in this many columns, and what becomes of its data.
pub fn service(service: &ServiceChange, style: Style, room: usize) -> String {
    let name = safe_line(&service.service);
    let before = safe_line(service.before.as_deref().unwrap_or_default());
    let now = safe_line(service.now.as_deref().unwrap_or_default());
    let alert = style.error("!");
    match service.fate {
        ServiceFate::Added => {
            let added = format!("{} {name} ({now})", style.good("+"));
            match &service.renamed_from {
                Some(earlier) if keeps_data(&now) => format!(
                    "{added} looks like `{}` with another name: to Upsun it is another service, and starts without its data",
                    safe_line(earlier)
                ),
                Some(earlier) => {
                    format!(
                        "{added} looks like `{}` with another name",
                        safe_line(earlier)
                    )
                }
                None => added,
            }
        }
        ServiceFate::Removed if service.loses_data => {
            format!("{alert} {name} ({before}) is deleted with its data")
        }
        ServiceFate::Removed => format!("{} {name} ({before})", style.error("-")),
        ServiceFate::Replaced => {
            let data = if service.loses_data {
                ", and the data are not copied"
            } else {
                ""
            };
            format!(
                "{alert} {name}: from {before} to {now}, another kind of service{data}; give it a new name"
            )
        }
        ServiceFate::Upgraded => format!(
            "{alert} {name}: from {before} to {now}; there is no way back, so make a backup first"
        ),
        ServiceFate::Downgraded => format!(
            "{alert} {name}: from {before} to {now}; Upsun does not go back to an earlier version"
        ),
        ServiceFate::Changed => {
            let room = room.saturating_sub(width(&name) + 6);
            format!(
                "{} {name}: {}",
                style.warning("~"),
                fit(&service.keys, room, 1)
            )
        }
    }
}

/// The names that fit into the width, at least `fewest`, and the number of the others.
pub fn fit(names: &[String], room: usize, fewest: usize) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        let name = safe_line(name);
        let comma = if at == 0 { "" } else { ", " };
        let left = names.len() - at;
        // What comes after it needs room too.
        let reserved = if left > 1 {
            ", and 1,000 more".len()
        } else {
            0
        };
        let length = width(&text) + comma.len() + width(&name);
        if at >= fewest && length + reserved > room {
            let _ = write!(text, ", and {left} more");
            return text;
        }
        text.push_str(comma);
        text.push_str(&name);
    }
    text
}
