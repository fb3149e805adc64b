//! Which tests there are: those of the settings, or else one per operation and role.

use std::time::Duration;

use super::super::Target;
use super::super::failure::{BAD_FILE, DENIED, Failure};
use super::super::list::operations;
use super::super::run::{Found, actor, find};
use super::super::workspace::Workspace;
use crate::roles::{Actor, Role};
use crate::settings::{FILE_NAME, line_of_test};
use crate::suite::{Definition, Expected, Status, Verdict};

/// A test, with what it is about.
#[derive(Debug)]
pub(super) struct Case<'a> {
    /// Its name.
    pub name: String,
    /// The operation.
    pub found: Found<'a>,
    /// What is expected.
    pub definition: Definition,
    /// Who runs it; none when the user has no access at all.
    pub actor: Option<Actor>,
}

impl Case<'_> {
    /// The app, or `app--worker`.
    pub(super) fn place(&self) -> String {
        self.found.place()
    }

    /// Whether the role may run it.
    pub(super) fn is_allowed(&self) -> bool {
        self.actor
            .as_ref()
            .is_some_and(|actor| actor.role.may(self.found.operation.role))
    }
}

/// All tests of an app or worker, or of the whole project.
pub(super) fn all<'a>(workspace: &'a Workspace, target: &Target) -> Result<Vec<Case<'a>>, Failure> {
    if let Some(app) = &target.app {
        super::super::workspace::find_app(&workspace.config, app)?;
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

fn written(workspace: &Workspace) -> Result<Vec<Case<'_>>, Failure> {
    workspace
        .settings
        .tests
        .iter()
        .map(|(name, definition)| {
            case(workspace, name, definition).map_err(|mut failure| {
                let line = line_of_test(&workspace.project.root, name);
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                failure.message =
                    format!("{FILE_NAME}{line}: the test `{name}`: {}", failure.message);
                failure.code = BAD_FILE;
                failure
            })
        })
        .collect()
}

fn case<'a>(
    workspace: &'a Workspace,
    name: &str,
    definition: &Definition,
) -> Result<Case<'a>, Failure> {
    if let Some(wrong) = definition.contradiction() {
        return Err(Failure::usage(wrong));
    }
    if let Some(name) = definition
        .variables
        .keys()
        .find(|name| name.starts_with("php:"))
    {
        return Err(Failure::usage(format!(
            "`{name}` cannot be set for one run: PHP reads its settings from a file of the container"
        )));
    }
    let target = Target {
        app: definition.app.clone(),
        worker: definition.worker.clone(),
    };
    let found = find(workspace, &target, &definition.operation)?;
    let actor = match &definition.user {
        None => Some(Actor {
            name: None,
            role: definition.role.unwrap_or(found.operation.role),
        }),
        Some(user) => match actor(workspace, None, Some(user)) {
            Ok(actor) => Some(actor),
            // Somebody without access is denied like anybody else.
            Err(failure) if failure.code == DENIED => None,
            Err(failure) => return Err(failure),
        },
    };
    Ok(Case {
        name: name.to_owned(),
        found,
        definition: definition.clone(),
        actor,
    })
}

/// Every operation once under its own minimum role, and every role below that denied.
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
                });
            }
        }
    }
    cases
}

/// What is known without running anything.
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

/// Not run.
pub(super) fn skipped(case: &Case<'_>, why: &str) -> Verdict {
    verdict(case, Status::Skipped(why.to_owned()))
}

/// A verdict without any output.
pub(super) fn verdict(case: &Case<'_>, status: Status) -> Verdict {
    Verdict {
        name: case.name.clone(),
        operation: case.found.operation.name.clone(),
        container: case.place(),
        status,
        duration: Duration::ZERO,
        output: (String::new(), String::new()),
    }
}
