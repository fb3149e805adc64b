//! The tests to run: those of the settings, or else one for each operation and role.

use std::path::Path;
use std::time::Duration;

use crate::config::outline::Outline;
use crate::failure::{BAD_FILE, DENIED, Failure};
use crate::roles::{Actor, Role};
use crate::settings::FILE_NAME;
use crate::settings::{Definition, Expected};
use crate::suite::{Status, Verdict};
use crate::text::safe_line;
use crate::workspace::Workspace;
use crate::workspace::find_app;
use crate::workspace::operations;
use crate::workspace::{Found, Target, find};

/// A test, with the operation and the role that it is about.
#[derive(Debug)]
pub struct Case<'a> {
    pub name: String,
    pub found: Found<'a>,
    /// The expected result.
    pub definition: Definition,
    /// The role and the user who run the operation; `None` if the user has no access to the project.
    pub actor: Option<Actor>,
    /// The line of the settings that defines the test, if there is one.
    pub line: Option<usize>,
}

impl Case<'_> {
    /// The container's name: the app, or `app--worker`.
    pub fn place(&self) -> String {
        self.found.place()
    }

    /// Whether the role may run the operation.
    pub(crate) fn is_allowed(&self) -> bool {
        self.actor
            .as_ref()
            .is_some_and(|actor| actor.role.may(self.found.operation.role))
    }
}

/// All tests of an app or worker, or of the whole project.
pub fn cases<'a>(workspace: &'a Workspace, target: &Target) -> Result<Vec<Case<'a>>, Failure> {
    if let Some(app) = &target.app {
        find_app(&workspace.config, app)?;
    }
    let cases = if workspace.settings.tests.is_empty() {
        by_default(workspace)
    } else {
        written(workspace)?
    };
    Ok(cases
        .into_iter()
        .filter(|case| {
            let app = target
                .app
                .as_ref()
                .is_none_or(|app| *app == case.found.app.name);
            app && (target.worker.is_none() || target.worker.as_deref() == case.found.worker)
        })
        .collect())
}

/// The tests of the settings. The failure lists all mistakes at once.
fn written(workspace: &Workspace) -> Result<Vec<Case<'_>>, Failure> {
    let text = crate::settings::read(&workspace.project.root);
    let text = text.ok().flatten().unwrap_or_default();
    let outline = Outline::of(&text, Path::new(FILE_NAME)).ok();
    let line_of = |keys: &[&str]| outline.as_ref().and_then(|outline| outline.line(keys));
    let mut cases = Vec::new();
    let mut wrong: Vec<Failure> = Vec::new();
    for (name, definition) in &workspace.settings.tests {
        let line = line_of(&["tests", name]);
        match case(workspace, name, definition) {
            Ok(case) => cases.push(Case { line, ..case }),
            Err((key, failure)) => {
                let line = line_of(&["tests", name, key]).or(line);
                wrong.push(in_a_test(name, line, failure));
            }
        }
    }
    match wrong.len() {
        0 => Ok(cases),
        1 => Err(wrong.swap_remove(0)),
        _ => {
            let said: Vec<String> = wrong
                .into_iter()
                .map(|failure| match failure.hint {
                    Some(hint) => format!("{} ({hint})", failure.message),
                    None => failure.message,
                })
                .collect();
            Err(Failure::new(BAD_FILE, said.join("\n       ")))
        }
    }
}

fn in_a_test(name: &str, line: Option<usize>, mut failure: Failure) -> Failure {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let name = safe_line(name);
    failure.message = format!("{FILE_NAME}{line}: the test `{name}`: {}", failure.message);
    failure.code = BAD_FILE;
    failure
}

/// One test of the settings. A failure names the key that is wrong.
fn case<'a>(
    workspace: &'a Workspace,
    name: &str,
    definition: &Definition,
) -> Result<Case<'a>, (&'static str, Failure)> {
    if name.trim().is_empty() {
        return Err(("", Failure::usage("its name is empty")));
    }
    if let Some((key, wrong)) = definition.contradiction() {
        return Err((key, Failure::usage(wrong)));
    }
    if let Some(name) = definition
        .variables
        .keys()
        .find(|name| name.starts_with("php:"))
    {
        let wrong = format!(
            "`{name}` cannot be set for one run: PHP reads its settings from a file of the container"
        );
        return Err(("variables", Failure::usage(wrong)));
    }
    if let Some(app) = &definition.app {
        find_app(&workspace.config, app).map_err(|err| ("app", err.into()))?;
    }
    let target = Target {
        app: definition.app.clone(),
        worker: definition.worker.clone(),
    };
    let found =
        find(workspace, &target, &definition.operation).map_err(|err| ("operation", err.into()))?;
    let mounts = match found.worker {
        None => Some(&found.app.mounts),
        Some(name) => {
            let mut workers = found.app.workers.iter();
            let worker = workers.find(|worker| worker.name == name);
            worker.map(|worker| &worker.mounts)
        }
    };
    for (key, patterns) in [
        ("files", &definition.files),
        ("changed", &definition.changed),
    ] {
        let mounts = || {
            mounts
                .into_iter()
                .flatten()
                .map(|mount| mount.path.as_str())
        };
        if let Some(pattern) = patterns.iter().find(|it| !it.is_below_any(mounts())) {
            let known: Vec<String> = mounts().map(|path| format!("`/{path}`")).collect();
            let failure = Failure::usage(format!("`{pattern}` is not on a mount"));
            let failure = failure.hint(match known.as_slice() {
                [] => format!("{} has none", found.place()),
                known => format!("{} has {}", found.place(), known.join(", ")),
            });
            return Err((key, failure));
        }
    }
    let actor = match &definition.user {
        None => Some(Actor {
            name: None,
            role: definition.role.unwrap_or(found.operation.role),
        }),
        Some(user) => match workspace.actor(None, Some(user)).map_err(Failure::from) {
            Ok(actor) => Some(actor),
            // A user without access is denied in the same way as a role that is too low.
            Err(failure) if failure.code == DENIED => None,
            Err(failure) => return Err(("user", failure)),
        },
    };
    Ok(Case {
        name: name.to_owned(),
        found,
        definition: definition.clone(),
        actor,
        line: None,
    })
}

/// Every operation once under its own minimum role, and once under each role below it, which must be denied.
fn by_default(workspace: &Workspace) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for app in workspace.config.apps.values() {
        for (_, worker, operation) in operations(app) {
            let found = Found {
                app,
                worker,
                operation,
            };
            let below = Role::ALL
                .into_iter()
                .filter(|role| !role.may(operation.role));
            for role in below.chain([operation.role]) {
                let is_allowed = role.may(operation.role);
                let (name, expect) = if is_allowed {
                    (String::new(), Expected::ExitCode(0))
                } else {
                    (format!(" is denied to {role}"), Expected::Denied)
                };
                let definition = Definition {
                    expect,
                    ..Definition::of(&operation.name)
                };
                cases.push(Case {
                    name: format!("{} on {}{name}", operation.name, found.place()),
                    found,
                    definition,
                    actor: Some(Actor { name: None, role }),
                    line: None,
                });
            }
        }
    }
    cases
}

/// The verdict, if it is known without running anything.
pub(super) fn decided(case: &Case<'_>) -> Option<Verdict> {
    let operation = case.found.operation;
    let who = match &case.actor {
        Some(actor) => match &actor.name {
            Some(name) => format!("`{name}`, who is {},", actor.role),
            None => actor.role.to_string(),
        },
        None => "the user, who has no access,".to_owned(),
    };
    let status = match (case.definition.expect, case.is_allowed()) {
        (Expected::Denied, false) => Status::Passed,
        (Expected::Denied, true) => Status::Failed(vec![format!(
            "{who} may run it: it needs {} only",
            operation.role
        )]),
        (Expected::ExitCode(_), false) => Status::Failed(vec![format!(
            "{who} may not run it: it needs {}",
            operation.role
        )]),
        (Expected::ExitCode(_), true) => return None,
    };
    Some(verdict(case, status))
}

/// The verdict of a test that does not run.
pub(super) fn skipped(case: &Case<'_>, why: &str) -> Verdict {
    verdict(case, Status::Skipped(why.to_owned()))
}

/// A verdict without any output.
pub(super) fn verdict(case: &Case<'_>, status: Status) -> Verdict {
    let who = match &case.actor {
        Some(Actor {
            name: Some(name),
            role,
        }) => format!("{name} ({role})"),
        Some(Actor { name: None, role }) => role.to_string(),
        None => case.definition.user.clone().unwrap_or_default(),
    };
    Verdict {
        name: case.name.clone(),
        operation: case.found.operation.name.clone(),
        who,
        line: case.line,
        container: case.place(),
        status,
        duration: Duration::ZERO,
        output: (String::new(), String::new()),
        notes: Vec::new(),
        engine: None,
    }
}
