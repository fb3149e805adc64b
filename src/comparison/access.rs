//! Who may do what: the rights that a configuration gives, and how they differ between two configurations.

use serde::Serialize;

use super::pairs;
use crate::config::Config;
use crate::config::app::{App, Operation};
use crate::config::problem::Place;
use crate::roles::Role;

/// What a right is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Running an operation.
    Operation,
    /// Opening a shell: `access.ssh`.
    Ssh,
    /// Running a source operation.
    SourceOperation,
}

/// Something that a role may do in a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Right<'a> {
    pub app: &'a App,
    /// The worker, or `None` for the web container.
    pub worker: Option<&'a str>,
    /// What it is for.
    pub kind: Kind,
    /// The operation's name; `ssh` for a shell.
    pub name: &'a str,
    /// The lowest role that may.
    pub role: Role,
    /// Where that is written, as far as it is.
    pub place: &'a Place,
    /// What runs; empty for a shell.
    pub command: &'a str,
}

/// Upsun names no role for source operations. They push commits, so they need a role that may push.
pub(crate) const SOURCE_OPERATION: Role = Role::Contributor;

impl Right<'_> {
    /// Where it holds: `app`, or `app--worker` as on Upsun.
    pub fn service(&self) -> String {
        self.worker.map_or_else(
            || self.app.name.clone(),
            |worker| format!("{}--{worker}", self.app.name),
        )
    }

    /// How it is called in lists: the operation's name, or where the configuration has what is no operation.
    pub fn title(&self) -> String {
        match self.kind {
            Kind::Operation => self.name.to_owned(),
            Kind::Ssh => "access.ssh".to_owned(),
            Kind::SourceOperation => format!("source.operations.{}", self.name),
        }
    }
}

/// Everything that the roles may do with an app: its operations, a shell, source operations; then the same of each
/// of its workers.
pub fn rights(app: &App) -> Vec<Right<'_>> {
    let mut rights = of_container(app, None, &app.operations, app.ssh, &app.place);
    let sources = app.raw.pointer("/source/operations");
    let sources = sources.and_then(serde_json::Value::as_object);
    for (name, operation) in sources.into_iter().flatten() {
        rights.push(Right {
            app,
            worker: None,
            kind: Kind::SourceOperation,
            name,
            role: SOURCE_OPERATION,
            place: &app.place,
            command: operation
                .get("command")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default(),
        });
    }
    for worker in &app.workers {
        rights.extend(of_container(
            app,
            Some(&worker.name),
            &worker.operations,
            worker.ssh,
            &worker.place,
        ));
    }
    rights
}

fn of_container<'a>(
    app: &'a App,
    worker: Option<&'a str>,
    operations: &'a [Operation],
    ssh: Role,
    place: &'a Place,
) -> Vec<Right<'a>> {
    let shell = Right {
        app,
        worker,
        kind: Kind::Ssh,
        name: "ssh",
        role: ssh,
        place,
        command: "",
    };
    let operations = operations.iter().map(|operation| Right {
        app,
        worker,
        kind: Kind::Operation,
        name: &operation.name,
        role: operation.role,
        place: operation.role_place.as_ref().unwrap_or(&operation.place),
        command: operation.start.trim(),
    });
    operations.chain([shell]).collect()
}

/// How a right changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// A role may that might not.
    Widened,
    /// A role may not that might.
    Narrowed,
    /// There was nothing that anybody could have done.
    Added,
    /// There is nothing any more that anybody could do.
    Removed,
}

impl Change {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Change::Widened => "widened",
            Change::Narrowed => "narrowed",
            Change::Added => "added",
            Change::Removed => "removed",
        }
    }
}

/// A right that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<'a> {
    /// How it changed.
    pub change: Change,
    /// The right as it is; as it was, when it is gone.
    pub right: Right<'a>,
    /// The lowest role that might.
    pub before: Option<Role>,
    /// The lowest role that may.
    pub now: Option<Role>,
    /// The operation of another name that ran the same command and asked for more, when that is why it is wider.
    pub like: Option<String>,
    /// The names of its app before and now, where they are two.
    pub renamed: Option<(&'a str, &'a str)>,
}

impl Changed<'_> {
    /// Where it holds, with the name that the app had.
    pub fn service(&self) -> String {
        let service = self.right.service();
        let Some((before, now)) = self.renamed else {
            return service;
        };
        let worker = service.strip_prefix(self.right.app.name.as_str());
        let worker = worker.unwrap_or_default();
        format!("{now}{worker} (was {before}{worker})")
    }
}

/// What changed in who may do what, app by app.
///
/// A new operation is added, which widens nothing: there was no right to it that somebody had not. But it is wider
/// when it runs the very command of an operation that asked for a higher role, or it would be enough to give an
/// operation a new name, or its app. The same goes for the shell of a new worker, which reaches what that of its app
/// does.
pub fn changes<'a>(before: &'a Config, now: &'a Config) -> Vec<Changed<'a>> {
    let mut all = Vec::new();
    let pairs = pairs(before, now);
    let gone = pairs.iter().filter(|pair| pair.now.is_none());
    let gone: Vec<Right<'a>> = gone
        .filter_map(|pair| pair.before)
        .flat_map(rights)
        .filter(|right| right.kind == Kind::Operation)
        .collect();
    for pair in pairs {
        let renamed = pair
            .renamed_from()
            .zip(pair.now.map(|app| app.name.as_str()));
        let begin = all.len();
        let old = pair.before.map(rights).unwrap_or_default();
        let new = pair.now.map(rights).unwrap_or_default();
        // A new app may be any of those that are gone, and what it was called must not matter.
        let earlier = if pair.before.is_none() { &gone } else { &old };
        for right in &new {
            let same = old.iter().find(|other| is_same(other, right));
            all.extend(changed(right, same, earlier));
        }
        let gone = old
            .iter()
            .filter(|right| !new.iter().any(|other| is_same(other, right)));
        all.extend(gone.map(|right| Changed {
            change: Change::Removed,
            before: Some(right.role),
            now: None,
            like: None,
            renamed: None,
            right: right.clone(),
        }));
        for changed in &mut all[begin..] {
            changed.renamed = renamed;
        }
    }
    all
}

fn is_same(one: &Right<'_>, other: &Right<'_>) -> bool {
    (one.worker, one.kind, one.name) == (other.worker, other.kind, other.name)
}

fn changed<'a>(
    right: &Right<'a>,
    same: Option<&Right<'a>>,
    old: &[Right<'a>],
) -> Option<Changed<'a>> {
    let wider = lowest_alike(right, old).filter(|other| other.role > right.role);
    let lowered = same.filter(|same| same.role > right.role);
    let (change, before, like) = match (lowered, wider, same) {
        (Some(same), ..) => (Change::Widened, Some(same.role), None),
        (None, Some(other), _) => {
            let like = Some(other.title()).filter(|title| *title != right.title());
            (Change::Widened, Some(other.role), like)
        }
        (None, None, Some(same)) if same.role < right.role => {
            (Change::Narrowed, Some(same.role), None)
        }
        (None, None, Some(_)) => return None,
        (None, None, None) => (Change::Added, None, None),
    };
    Some(Changed {
        change,
        before,
        now: Some(right.role),
        like,
        renamed: None,
        right: right.clone(),
    })
}

/// The right with the lowest role that gave what this one gives: the same command anywhere in the app, or a shell
/// in any of its containers. A role that had that right gains nothing.
fn lowest_alike<'r, 'a>(right: &Right<'a>, old: &'r [Right<'a>]) -> Option<&'r Right<'a>> {
    let is_known = old.iter().any(|other| is_same(other, right));
    old.iter()
        .filter(|other| {
            other.kind == right.kind
                && match right.kind {
                    Kind::Operation => other.command == right.command,
                    // A shell in a container that existed already is compared only with itself.
                    Kind::Ssh => !is_known,
                    Kind::SourceOperation => false,
                }
        })
        .min_by_key(|other| other.role)
}
