//! Which operation is meant, and who runs it.

use std::io::IsTerminal;

use super::super::Target;
use super::super::context::{Context, variable};
use super::super::failure::{DENIED, Failure};
use super::super::list::operations;
use super::super::workspace::{Workspace, find_app, nearest};
use crate::config::app::{App, Operation};
use crate::roles::{self, Actor};

/// An operation and where it is defined.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Found<'a> {
    /// Its app.
    pub app: &'a App,
    /// Its worker, for an operation of one.
    pub worker: Option<&'a str>,
    /// The operation.
    pub operation: &'a Operation,
}

impl Found<'_> {
    /// The app, or `app--worker`.
    pub(in crate::cli) fn place(&self) -> String {
        self.worker.map_or_else(
            || self.app.name.clone(),
            |worker| format!("{}--{worker}", self.app.name),
        )
    }
}

/// The one operation of that name.
pub(in crate::cli) fn find<'a>(
    workspace: &'a Workspace,
    target: &Target,
    name: &str,
) -> Result<Found<'a>, Failure> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all = all_operations(&apps);
    let candidates: Vec<Found<'_>> = all
        .iter()
        .copied()
        .filter(|found| found.operation.name == name)
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    // An operation of an app comes before one of the same name on its own worker, as `--worker` is how one asks for that.
    let of_apps: Vec<Found<'_>> = candidates
        .iter()
        .copied()
        .filter(|found| found.worker.is_none())
        .collect();
    match (candidates.as_slice(), of_apps.as_slice()) {
        ([only], _) => Ok(*only),
        ([], _) => Err(unknown(name, &all, target)),
        (_, [only])
            if candidates
                .iter()
                .all(|found| found.app.name == only.app.name) =>
        {
            Ok(*only)
        }
        _ => {
            let places: String = candidates
                .iter()
                .map(|found| {
                    let worker = found
                        .worker
                        .map(|worker| format!(" --worker {worker}"))
                        .unwrap_or_default();
                    format!(
                        "\n  upsun-local run {name} --app {}{worker}",
                        found.app.name
                    )
                })
                .collect();
            Err(Failure::usage(format!(
                "the operation `{name}` is defined more than once; say which one you mean:{places}"
            )))
        }
    }
}

fn all_operations<'a>(apps: &[&'a App]) -> Vec<Found<'a>> {
    apps.iter()
        .flat_map(|app| {
            operations(app)
                .into_iter()
                .map(|(_, worker, operation)| Found {
                    app,
                    worker,
                    operation,
                })
        })
        .collect()
}

fn unknown(name: &str, all: &[Found<'_>], target: &Target) -> Failure {
    let place = match (&target.app, &target.worker) {
        (Some(app), Some(worker)) => format!(" on `{app}--{worker}`"),
        (Some(app), None) => format!(" on `{app}`"),
        (None, Some(worker)) => format!(" on a worker `{worker}`"),
        (None, None) => String::new(),
    };
    let failure = Failure::usage(format!("there is no operation `{name}`{place}"));
    // It is there, but in something else.
    let elsewhere: Vec<String> = all
        .iter()
        .filter(|found| found.operation.name == name)
        .map(|found| match found.worker {
            Some(worker) => format!("the worker `{worker}` of `{}`", found.app.name),
            None => format!("`{}`", found.app.name),
        })
        .collect();
    if !elsewhere.is_empty() {
        return failure.hint(format!("it is an operation of {}", elsewhere.join(", ")));
    }
    let mut names: Vec<&str> = all
        .iter()
        .map(|found| found.operation.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!(
            "did you mean `{near}`? `upsun-local list` shows all"
        )),
        None if names.is_empty() => {
            failure.hint("define it under `applications.<app>.operations` in .upsun/config.yaml")
        }
        None => failure.hint(format!("there are: {}", names.join(", "))),
    }
}

/// Offers the operations on a terminal; elsewhere lists them and fails.
pub(super) fn choose<'a>(
    context: &Context,
    workspace: &'a Workspace,
    target: &Target,
) -> Result<Found<'a>, Failure> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<Found<'a>> = all_operations(&apps)
        .into_iter()
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    let lines: Vec<String> = all
        .iter()
        .map(|found| {
            let command = found
                .operation
                .start
                .trim()
                .lines()
                .next()
                .unwrap_or_default();
            crate::text::safe(&format!(
                "{} on {} ({}): {command}",
                found.operation.name,
                found.place(),
                found.operation.role
            ))
        })
        .collect();
    if all.is_empty() {
        return Err(Failure::usage("no operations are defined")
            .hint("define one under `applications.<app>.operations` in .upsun/config.yaml; see https://docs.upsun.com/create-apps/runtime-operations.html"));
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || context.global.yes {
        let list: String = lines.iter().map(|line| format!("\n  {line}")).collect();
        return Err(Failure::usage(format!("which operation? There are:{list}"))
            .hint("upsun-local run <OPERATION>"));
    }
    // Longer lines would wrap, and the list would be drawn over itself.
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col).max(40));
    let items = lines.iter().map(|line| cut(line, width - 4));
    let chosen = dialoguer::Select::new()
        .with_prompt("Which operation")
        .items(items)
        .default(0)
        .interact_opt()
        .map_err(|err| Failure::usage(format!("no operation was chosen: {err}")))?;
    chosen
        .and_then(|at| all.get(at).copied())
        .ok_or_else(|| Failure::usage("no operation was chosen"))
}

/// At most so many characters of a line.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Who acts, by flags, the environment and the settings.
pub(in crate::cli) fn actor(
    workspace: &Workspace,
    role: Option<&str>,
    user: Option<&str>,
) -> Result<Actor, Failure> {
    let from_environment = variable("UPSUN_LOCAL_ROLE");
    roles::resolve(&roles::Question {
        flag: role,
        user,
        variable: from_environment.as_deref(),
        default: workspace.settings.role.as_ref(),
        users: Some(&workspace.settings.users),
        environment_type: workspace.environment_type,
    })
    .map_err(|err| {
        let code = if matches!(err, roles::Error::NoAccess { .. }) {
            DENIED
        } else {
            super::super::failure::USAGE
        };
        let failure = Failure::new(code, err.to_string());
        match err.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Upsun refuses before anything is done, and so do we.
pub(super) fn check_role(actor: &Actor, found: &Found<'_>) -> Result<(), Failure> {
    let operation = found.operation;
    if actor.role.may(operation.role) {
        return Ok(());
    }
    let who = match &actor.name {
        Some(name) => format!("`{name}`, who is `{}`,", actor.role),
        None => format!("the role `{}`", actor.role),
    };
    let place = operation.role_place.as_ref().unwrap_or(&operation.place);
    let (key, verb) = if operation.role_place.is_some() {
        ("lower", "in")
    } else {
        ("set", "at")
    };
    let try_it = format!("try `--role {}`", operation.role);
    Err(Failure::new(
        DENIED,
        format!(
            "{who} may not run `{}` on `{}`: it needs `{}`",
            operation.name,
            found.place(),
            operation.role
        ),
    )
    .hint(format!(
        "{try_it}, or {key} `operations.{}.role` {verb} {}:{}",
        operation.name, place.file, place.line
    )))
}
